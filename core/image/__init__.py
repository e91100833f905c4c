"""Pixels: their scale, the digest of an image, and structural similarity.

Arrays in, arrays out; nothing here knows a run or a model.
"""
