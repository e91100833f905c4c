"""The results of the trainings, written to a file one by one, so that an interrupted study can resume."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from core.models.training import TrainConfig


class Sample(BaseModel):
    """One training: accuracy of its final weights on the held-out images, epochs, CPU seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accuracy: float
    epochs: int
    cpu_seconds: float


class Results:
    """Samples by configuration: a changed configuration is a training of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        known = json.loads(path.read_text()) if path.exists() else {}
        self._samples = {key: Sample.model_validate(value) for key, value in known.items()}

    def get(self, config: TrainConfig) -> Sample | None:
        """The sample of a training, None if it has not run."""
        return self._samples.get(_key(config))

    def add(self, config: TrainConfig, sample: Sample) -> None:
        """Add a sample and write the file."""
        self._samples[_key(config)] = sample
        plain = {key: value.model_dump() for key, value in self._samples.items()}
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps(plain, indent=1) + "\n")
        partial.replace(self._path)


def _key(config: TrainConfig) -> str:
    return json.dumps(config.model_dump(exclude_defaults=True), sort_keys=True)
