"""The work of one task: attack the images of a shard, measure them, and write artifact, rows and record.

The cascade passes unbroken images from one attack to the next.
"""
