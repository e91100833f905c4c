"""Benchmarks, tunings and studies: ``python -m bench --help`` lists them, docs/benchmarks.md has what they found."""
