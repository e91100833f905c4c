"""Speeds up input gradients without changing the model.

Only the traced graph differs: weights become constants (``frozen``), and the gradients of some operations are computed
in faster, equivalent forms (``gradients``). TensorFlow handles everything else. ``python -m bench floor`` measures the
gain of each; docs/decisions/0015-speed.md lists the alternatives that were tried.
"""
