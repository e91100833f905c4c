"""The checks of ``doctor``: one file per part of the system, each returning findings."""
