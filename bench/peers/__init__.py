"""One script for each library that we compare with, each a whole process of ``.venv-peers/bin/python``.

Nothing here imports advshard: the libraries have an environment of their own (``make peers``). A
script is given a task in a folder (``bench.harness.task`` writes it) and leaves its adversarial images in
a file, where ``bench.harness.judge`` looks at them.
"""
