"""What serves speed alone: the same gradients, from the same model, in less time.

The model is the user's and stays as it is. Only the graph that this package traces of it is another:
weights as constants (``frozen``) and gradients of single operations in a faster, equivalent form
(``gradients``). What a form doesn't cover is left to TensorFlow. What each is worth:
``python -m bench floor``, and docs/decisions/0015-speed.md for what was tried beside them.
"""
