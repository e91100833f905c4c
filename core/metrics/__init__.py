"""Metrics: one value per pair of clean and adversarial image."""
