"""What the trainings gave, kept in a file as they end, so that a study that was stopped goes on."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from core.models.training import TrainConfig


class Sample(BaseModel):
    """One training: accuracy on the held-out images with the weights that it ended with, epochs, CPU seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accuracy: float
    epochs: int
    cpu_seconds: float


class Results:
    """Samples by the configuration that they are of, so that a changed configuration is trained anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        known = json.loads(path.read_text()) if path.exists() else {}
        self._samples = {key: Sample.model_validate(value) for key, value in known.items()}

    def get(self, config: TrainConfig) -> Sample | None:
        """The sample of a training, if it was done."""
        return self._samples.get(_key(config))

    def add(self, config: TrainConfig, sample: Sample) -> None:
        """Keep a sample, at once."""
        self._samples[_key(config)] = sample
        plain = {key: value.model_dump() for key, value in self._samples.items()}
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps(plain, indent=1) + "\n")
        partial.replace(self._path)


def _key(config: TrainConfig) -> str:
    return json.dumps(config.model_dump(exclude_defaults=True), sort_keys=True)
