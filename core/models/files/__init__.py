"""Keras files: loading them, what is known of them without loading, and the code they may embed."""
