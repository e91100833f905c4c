"""The whole job as a script that uses no library but TensorFlow: ``python -m bench.peers.script_plain TASK OUT``."""

from __future__ import annotations

from bench.peers.plain import BATCH, traced_attack
from bench.peers.script import job

if __name__ == "__main__":
    job(lambda model, logits, settings: traced_attack(model, settings), BATCH)  # noqa: ARG005
