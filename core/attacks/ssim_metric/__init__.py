"""SSIM as a metric of small changes: its quadratic form, the least changes in it, and 8-bit levels."""
