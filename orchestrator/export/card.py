"""The dataset card of an export: what Hugging Face's Hub reads, and what a person has to know."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from core.run.manifest import StageConfig
from orchestrator.export.features import card_features
from orchestrator.export.pieces import FinishedRun
from orchestrator.export.survival import Survival

CARD = "README.md"
_SIZES = [(10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M")]

_TEXT = """\
# Adversarial examples of {data} against {model}

{count:,} images of `{data}`, each with the adversarial example that was made of it to change the prediction of the
image classifier `{model}`. Both are 8-bit PNG images of {height} x {width} pixels and {channels}.

```python
from datasets import load_dataset

examples = load_dataset("path/to/this/folder", split="test")
examples[0]["image"], examples[0]["original"]
```

## How it was made

{facts}

Every adversarial pixel was rounded to the nearest of 256 levels between the bounds, {low:g} and {high:g}.
{survival}

## Figures

Measured on the adversarial images before the rounding, except where it says so.

{figures}

## Columns

| column | what it holds |
|---|---|
| `image`, `original` | the adversarial and the clean image |
| `label` | the label of the clean image{no_labels} |
| `index` | its place in the data set |
| `clean_prediction`, `adversarial_prediction` | the classes predicted before the rounding |
| `success` | whether they differ |
| `success_uint8` | whether the prediction on the rounded image, as it is here, differs from `clean_prediction` |
| `ssim`, `ssim_full` | structural similarity to the original: of the windows wholly inside the image, and of all |
| `l0`, `l1`, `l2`, `linf` | the size of the change, in units of the bounds |
| `attack`, `fallback_reason`, `steps`, `forward_passes`, `backward_passes` | how it was made, and at what cost |
| `digest`, `shard`, `target` | SHA-256 of the clean image, place in the run, target class (-1 without one) |

The clean images and their labels are those of `{data}`, whose licence and terms hold for them.
"""


def card(finished: FinishedRun, survival: Survival, size: int) -> str:
    """The content of ``README.md``.

    Args:
        finished: the run.
        survival: counts over all its images.
        size: of the Parquet files in bytes.
    """
    manifest, config = finished.manifest, finished.manifest.config
    height, width, channels = manifest.data.image_shape
    low, high = config.bounds
    text = _TEXT.format(
        data=_short(manifest.data.name),
        model=_short(manifest.model.name),
        count=manifest.data.count,
        height=height,
        width=width,
        channels="1 channel" if channels == 1 else f"{channels} channels",
        facts=_bullets(_facts(finished)),
        low=low,
        high=high,
        survival="\n".join(survival.sentences()),
        figures=_table(_figures(finished)),
        no_labels="; null, since the set has none" if manifest.data.labels is None else "",
    )
    return f"---\n{_front_matter(finished, size)}---\n\n{text}"


def _front_matter(finished: FinishedRun, size: int) -> str:
    """The card's metadata in YAML, of which JSON is a part."""
    manifest = finished.manifest
    count = manifest.data.count
    fields: dict[str, Any] = {
        "pretty_name": f"Adversarial examples of {_short(manifest.data.name)} against {_short(manifest.model.name)}",
        "task_categories": ["image-classification"],
        "tags": ["adversarial-examples", "robustness", *sorted({stage.attack for stage in manifest.config.stages})],
        "size_categories": [next((name for most, name in _SIZES if count < most), "n>10M")],
        "configs": [{"config_name": "default", "data_files": [{"split": "test", "path": "data/test-*"}]}],
        "dataset_info": {
            "features": card_features(manifest),
            "splits": [{"name": "test", "num_bytes": size, "num_examples": count}],
            "download_size": size,
            "dataset_size": size,
        },
    }
    return "".join(f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in fields.items())


def _facts(finished: FinishedRun) -> Iterable[str]:
    manifest, config, model = finished.manifest, finished.manifest.config, finished.manifest.model
    yield f"Run `{manifest.run_id}` of advshard, planned {manifest.created[:19]} UTC"
    yield f"Model: `{_short(model.name)}`, {model.classes} classes, SHA-256 `{model.file.sha256}`"
    yield from (_stage(stage) for stage in config.stages)
    away = "its clean prediction" if config.labels == "predicted" else "its label"
    yield f"Each image was moved away from {away}" if config.target is None else f"Target: {config.target}"
    yield f"Gradients in {config.precision}, predictions in float32"
    yield f"Seed {config.seed}; software: {', '.join(f'{name} {found}' for name, found in manifest.versions.items())}"


def _stage(stage: StageConfig) -> str:
    eps = f", epsilon {stage.params['epsilon']:.6g}" if "epsilon" in stage.params else ""
    others = ", ".join(f"{name} {value}" for name, value in sorted(stage.params.items()) if name != "epsilon")
    only = ", for images that were left unchanged" if stage.only_unchanged else ""
    return f"Attack: `{stage.attack}`{eps}{only}{f' ({others})' if others else ''}"


def _figures(finished: FinishedRun) -> Mapping[str, float | None]:
    report = finished.report
    return {
        "clean accuracy": report.clean_accuracy,
        "robust accuracy": report.robust_accuracy,
        "success rate (prediction changed)": report.success_rate,
        "success rate after the rounding": report.success_rate_uint8,
        "mean SSIM": report.ssim_mean,
        "mean SSIM of the successes": report.ssim_mean_success,
        "largest change of a pixel": report.linf_max,
    }


def _table(figures: Mapping[str, float | None]) -> str:
    rows = [f"| {name} | {value:.4f} |" for name, value in figures.items() if value is not None]
    return "\n".join(["| figure | value |", "|---|---|", *rows])


def _bullets(facts: Iterable[str]) -> str:
    return "\n".join(f"- {fact}" for fact in facts)


def _short(name: str) -> str:
    """A name without the folders that it is in, which are nobody's business, on one line of a code span."""
    return " ".join(name.rstrip("/").rsplit("/", 1)[-1].replace("`", "'").split())
