"""``inspect``: what is understood of a model and an image set, and what an attack on them will cost."""
