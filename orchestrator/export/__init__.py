"""Writes a finished run in the formats that other tools read: plain files, PNG images, Parquet."""
