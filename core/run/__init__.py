"""A run as values and files: manifest, records, report, index map, and the store that holds them.

Nothing here attacks or measures an image.
"""
