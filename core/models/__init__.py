"""Classifiers: architectures, files, inference and training. ``zoo/`` holds the shipped weights."""
