"""From the finished shards to the result: concatenation, index map, ledger, statistics, audit.

Everything streams, so memory does not grow with the run.
"""
