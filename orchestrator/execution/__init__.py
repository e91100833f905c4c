"""Driving a planned run to its report: the scheduler, and what it knows of the work units in flight."""
