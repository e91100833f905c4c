"""Readers of image formats: one registered file per format."""
