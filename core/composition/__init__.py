"""Finds the most similar image of another label (by SSIM), for attacks that blend the two."""
