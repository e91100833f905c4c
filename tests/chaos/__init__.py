"""Faults at random moments, in rounds: ``make chaos``."""
