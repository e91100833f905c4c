"""Composition: for an image nobody prepared, the most similar picture of another label, and a blend of the two."""
