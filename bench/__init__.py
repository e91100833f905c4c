"""Benchmarks: ``make bench``, or ``python -m bench NAME`` for one; docs/benchmarks.md has what they found."""
