"""Files on any fsspec file system: atomic writes, JSON documents, and arrays that are read by slice.

Nothing here depends on the file names of a run.
"""
