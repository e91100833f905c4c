"""A run's report on the terminal and as a page, drawn from what the reduce wrote; nothing is recomputed."""
