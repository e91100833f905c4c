"""Inference for attacks: logits and input gradients as NumPy arrays, bit-identical for any batch composition."""
