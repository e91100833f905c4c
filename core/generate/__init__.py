"""Adversarial examples of any image: looked up among the runs of a store, or composed on the spot."""
