"""The look at a run's model and images before its first shard is attacked."""

from __future__ import annotations

import numpy as np

from core.datasets.conversion.selection import chosen_rows
from core.gates.clean_accuracy import clean_accuracy
from core.gates.one_class import counts, one_class
from core.models.inference.look import SAMPLE, look, passes_of_look
from core.run.manifest import Manifest
from core.run.records import Preflight
from core.run.report import Gate
from core.run.run_store import RunStore
from core.shard.attack_shard import ClassifierOf
from core.shard.passes import passes_of

_SHARE = 0.05  # of a run's passes that the look may take


def run_preflight(run: RunStore, classifier_of: ClassifierOf) -> None:
    """Look at a sample of the run's images, of each class in proportion, and write what was found, unless it is there.

    Args:
        run: the run.
        classifier_of: returns its model.
    """
    if run.preflight() is not None:
        return
    manifest = run.manifest()
    data = manifest.data
    labels = run.inputs.labels(data, 0, data.count)
    rows = chosen_rows(data.count, labels, None, SAMPLE, manifest.config.seed)
    images = run.inputs.chosen_images(data, rows)
    found = look(classifier_of(run, manifest), images, manifest.config.bounds)
    right = None if labels is None else int(np.count_nonzero(found.predictions == labels[rows]))
    run.write_preflight(
        Preflight(
            images=len(rows),
            predicted=counts(found.predictions),
            labelled=None if labels is None else counts(labels[rows]),
            right=right,
            forward_seconds=found.forward_seconds,
            gradient_seconds=found.gradient_seconds,
        )
    )


def worth_a_look(manifest: Manifest) -> bool:
    """Whether the look is cheap beside the run: at most a twentieth of the passes that its attacks may take."""
    passes = passes_of(manifest.config, manifest.model.classes)
    own = passes_of_look(min(SAMPLE, manifest.data.count), manifest.config.batch_size)
    return passes is None or own <= _SHARE * manifest.data.count * sum(passes)


def gates_of(found: Preflight, manifest: Manifest) -> list[Gate]:
    """The checks of the set-up, on what the look found."""
    return [
        one_class(found.predicted, found.labelled, manifest.data.class_names),
        clean_accuracy(found.right, found.images, manifest.model.classes),
    ]
