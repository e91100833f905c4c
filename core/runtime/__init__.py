"""What a process computes with: software versions, processor, memory, caches.

The fingerprint decides which workers may share a run.
"""
