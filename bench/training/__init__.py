"""What each option of ``train`` is worth: a base, and one change of it at a time. See ``study.py``."""
