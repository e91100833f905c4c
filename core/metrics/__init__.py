"""Metrics: one value per image, from the clean and the adversarial image."""
