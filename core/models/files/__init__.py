"""Keras files: loading, inspection without TensorFlow, and detection of embedded code."""
