"""Classifiers: architectures, training, loading, logits. ``zoo/`` holds the shipped weights."""
