"""Files on any fsspec file system: atomic writes, JSON documents, and arrays that are read by slice.

Nothing here knows what the files of a run are called.
"""
