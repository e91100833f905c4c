"""How defaults were chosen, on training images that were held out, never on the test set."""
