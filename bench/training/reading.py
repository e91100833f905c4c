"""What the table says, in words. Written by hand: read it again where ``docs/training.json`` changes."""

READING = [
    "No change is better with every seed. Early stopping shows why: with each seed the validation loss is lowest in one"
    " of the last three epochs, so there is no overfitting yet that dropout, a regularizer or augmentation could hold"
    " back, and a falling rate only learns less. RMSprop can't be told from Adam, nor can time-based decay, the cosine,"
    " no dropout and early stopping be told from the base. Stepwise decay, more dropout and the regularizers cost 0.002"
    " to 0.007, less than the 0.014 between the base's own seeds.",
    "Beyond the spread are SGD, behind at every setting, though momentum, Nesterov and the source's rate of 0.1 bring"
    " it nearer; augmentation, which costs 0.03 in ten epochs; and separable convolutions, which cost 0.048 and save a"
    " third of the time. The MLP is 0.013 behind at a fifth of the time.",
    "The source's notes come to the same: RMSprop is like Adam, and SGD, dropout, decay, regularizers, separable"
    " convolutions and augmentation didn't pay, for which they blame the few epochs and the simple model. By default"
    " `train` augments and lets the rate fall all the same, because it trains for 80 epochs. This table is no evidence"
    " for that. The shipped `cnn` below is, with the source's layers, yet for epochs, augmentation and cosine in one.",
]
