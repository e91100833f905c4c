"""The loop that every gradient attack shares, and its parts: norms, the active batch, flip prediction."""
