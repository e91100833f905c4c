"""The commands of ``python -m orchestrator``, one file each."""
