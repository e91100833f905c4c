"""What the readers share: decoding, streaming, usual names, and protection against damaged files."""
