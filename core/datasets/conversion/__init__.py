"""Brings images and labels of any source to one shape, type, range and numbering."""
