"""What the table shows, in words. Written by hand: revise it when ``docs/training.json`` changes."""

READING = [
    "No change is better with every seed. Early stopping shows why: with each seed the validation loss is lowest in one"
    " of the last three epochs, so there is no overfitting yet for dropout, a regularizer or augmentation to prevent,"
    " and a decaying rate only learns less. RMSprop can't be told from Adam, nor can time-based decay, the cosine, no"
    " dropout and early stopping be told from the base. Stepwise decay, more dropout and the regularizers cost 0.002 to"
    " 0.007, less than the 0.014 between the base's own seeds.",
    "Differences beyond the spread: SGD is behind at every setting, although momentum, Nesterov and the source's rate"
    " of 0.1 reduce the gap; augmentation costs 0.03 in ten epochs; separable convolutions cost 0.048 and save a third"
    " of the time. The MLP is 0.013 behind at a fifth of the time.",
    "The source's notes agree: RMSprop is like Adam, and SGD, dropout, decay, regularizers, separable convolutions and"
    " augmentation brought nothing, which they attribute to the few epochs and the simple model. By default `train`"
    " still augments and decays the rate, because it trains for 80 epochs. This table is no evidence for that. The"
    " shipped `cnn` below, which has the source's layers, is evidence for epochs, augmentation and cosine together.",
]
