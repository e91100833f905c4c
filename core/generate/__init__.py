"""Adversarial examples on demand: looked up in the runs of a store, or composed from candidate images."""
