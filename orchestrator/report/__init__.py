"""The page of a run, drawn from what the reduce wrote; nothing is recomputed."""
