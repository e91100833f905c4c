"""Differential evolution, and the pixel space that it searches for the one-pixel attack."""
