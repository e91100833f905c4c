"""Every benchmark by its name on the command line: what it does, where its code is, which page it writes."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Benchmark:
    """One benchmark.

    name: as ``python -m bench NAME``; does: one line of help; place: ``module:object`` below ``bench``, for a section a
    function ``(*, quick: bool) -> Result`` and for the others a click command; page: the page in ``docs/`` that a
    section is part of, empty for the others.
    """

    name: str
    does: str
    place: str
    page: str = ""

    def load(self) -> Any:
        """Import the module and return the object."""
        module, _, name = self.place.partition(":")
        return getattr(importlib.import_module(f"bench.{module}"), name)


SECTIONS = (
    Benchmark(
        "engine",
        "MI-FGSM against other libraries: CPU time, wall time and success.",
        "sections.engine:measure",
        "benchmarks",
    ),
    Benchmark("real", "The same on models of 224 x 224 x 3, and a whole job.", "sections.real:measure", "benchmarks"),
    Benchmark("floor", "The gradient against the matrix-multiply rate.", "sections.floor:measure", "benchmarks"),
    Benchmark("job", "The whole job against a script with CleverHans.", "sections.job:measure", "benchmarks"),
    Benchmark("cost", "The cost of shards, tasks and a second worker.", "sections.cost:measure", "benchmarks"),
    Benchmark("scale", "Runs of 1,000 to 100,000 shards, without arithmetic.", "sections.scale:measure", "benchmarks"),
    Benchmark("reduce", "SSIM and the reduce of 64 shards.", "sections.reduce:measure", "benchmarks"),
    Benchmark("systems", "Every system of the source experiment.", "sections.systems:measure", "systems"),
    Benchmark("composition", "The search for the most similar image.", "sections.composition:measure", "systems"),
    Benchmark("generate", "A look-up and a composition by `generate`.", "sections.generate:measure", "systems"),
    Benchmark(
        "one-pixel-shipped", "The one-pixel attack on the shipped models.", "sections.one_pixel:shipped", "systems"
    ),
    Benchmark(
        "one-pixel-peers", "The one-pixel attack against other libraries.", "sections.one_pixel:peers", "systems"
    ),
    Benchmark("deepfool", "DeepFool against Foolbox's.", "sections.deepfool:measure", "systems"),
    Benchmark("deepfool-strides", "DeepFool's number of strides.", "tuning.deepfool_strides:measure", "systems"),
    Benchmark("advgan", "advGAN beside MI-FGSM at the same epsilon.", "sections.advgan:measure", "systems"),
)
TUNINGS = (
    Benchmark("tune", "The defaults of MI-FGSM: a grid; writes docs/tuning.md.", "tuning.mifgsm:main"),
    Benchmark("tune-one-pixel", "The defaults of the one-pixel attack.", "tuning.one_pixel:main"),
    Benchmark("tune-ssim", "What the attack ssim reaches, beside DeepFool.", "tuning.ssim:main"),
    Benchmark("passes-back", "Forward passes that stepping back takes.", "tuning.passes_back:main"),
    Benchmark("precision", "Gradients in bfloat16 against float32.", "tuning.precision:main"),
    Benchmark("layers", "The input gradient of common first layers.", "tuning.layers:main"),
)
STUDIES = (
    Benchmark("plan", "Time and memory of planning a large image set.", "harness.plan_memory:main"),
    Benchmark("training", "What each option of `train` is worth; writes docs/training.md.", "training.study:main"),
)
GROUPS = {
    "Sections of docs/benchmarks.md and docs/systems.md": SECTIONS,
    "Tunings": TUNINGS,
    "Studies": STUDIES,
}
ALL = (*SECTIONS, *TUNINGS, *STUDIES)
