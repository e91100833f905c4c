"""The exit codes of the command line: 0 done, 2 bad input or usage, 3 incomplete, 130 interrupted."""

from __future__ import annotations

BAD_INPUT, INCOMPLETE, INTERRUPTED = 2, 3, 130


class RunInterruptedError(Exception):
    """The user stopped the command; the text says how to resume the run."""
