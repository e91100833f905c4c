"""Data sets: one file per data set, each a class with ``load(bounds)``."""
