"""One script for each library that we compare with, each a whole process of ``.venv-peers/bin/python``.

Nothing here imports advshard: the libraries have an environment of their own (``make peers``). A script reads a task
from a folder (``bench.harness.task`` writes it) and writes its adversarial images to a file, which
``bench.harness.judge`` checks.
"""
