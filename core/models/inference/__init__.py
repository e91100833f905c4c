"""A loaded model as the attacks see it: logits and input gradients of NumPy arrays, with invariant bits."""
