"""The report: every number measured on the artifacts as written."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from core.run.manifest import BrokenRef
from core.run.value import Count, Rate, Sha256, Size, Value
from core.runtime.bfloat16 import Precision

NEED_LABELS = ("clean_accuracy", "robust_accuracy", "error_rate", "classes")
"""The fields of a report that compare predictions with labels: None for a set without labels."""


class AuditCheck(Value):
    """The outcome of one check of the result.

    Attributes:
        name: what was checked.
        passed: whether it passed.
        detail: what was found.
    """

    name: str
    passed: bool
    detail: str


class Gate(Value):
    """The outcome of one check of the set-up: whether the result can mean anything.

    Attributes:
        name: what was checked.
        status: a warning is a failure that may have a harmless reason.
        detail: what was found.
        source: where the check is from.
    """

    name: str
    status: Literal["passed", "failed", "warning", "skipped"]
    detail: str
    source: str

    @property
    def raised(self) -> bool:
        """Whether it failed or warns."""
        return self.status in {"failed", "warning"}


class ClassStatistics(Value):
    """The statistics of the images with one label."""

    label: int
    name: str
    count: Size
    clean_accuracy: Rate
    robust_accuracy: Rate
    success_rate: Rate
    ssim_mean: float | None
    ssim_full_mean: float | None


class AttackStatistics(Value):
    """The statistics of the images that one attack made: those it flipped first or came nearest to.

    Attributes:
        linf_max, l2_max: the largest change, in units of the bounds.
    """

    attack: str
    count: Size
    successes: Count
    linf_max: float
    l2_max: float


class History(Value):
    """What happened before the reduce. Without any fault: one orchestrator and one attempt at each shard.

    Attributes:
        orchestrators: processes that drove the run.
        messages: number sent before the reduce.
        attempts: number of attempts, summed over the shards.
        redelivered: attempts whose message the broker had delivered before.
        failures: attempts that failed or were given up, by kind of error.
        speculative_attempts: work units sent a second time because they were slow.
        damaged_shards: shards attacked again because their artifacts in the store were damaged.
        workers_restarted, brokers_restarted: embedded processes that were restarted.
    """

    orchestrators: Count
    messages: Count
    attempts: Count
    redelivered: Count
    failures: dict[str, Count]
    speculative_attempts: Count
    damaged_shards: Count
    workers_restarted: Count
    brokers_restarted: Count


class Report(Value):
    """What ``report.json`` holds: every number measured on the artifacts as written.

    Rates are in 0..1. Without labels, clean_accuracy, robust_accuracy, error_rate and classes are None, all four. The
    SSIM means are None where SSIM is not defined (a side under 11 pixels) or no image counts.

    Attributes:
        complete: whether every shard is finished.
        clean_accuracy: share of images that are predicted as their label.
        robust_accuracy: share predicted as their label before and after the attack. It is not 1 - error_rate, which
            counts an image as correct if the attack moved it onto its label.
        success_rate: share whose prediction on the adversarial image differs from that on the clean one.
        error_rate: share whose prediction on the adversarial image differs from the label.
        success_rate_uint8: the success rate after rounding the adversarial images to 8 bits.
        target_rate: in a targeted run, the share predicted as the target.
        ssim_mean, ssim_full_mean: means of the ledger's ``ssim`` and ``ssim_full`` over all images.
        ssim_mean_success: mean of ``ssim`` over the successes.
        linf_max: the largest change of a pixel, in units of the bounds.
        means: mean of each metric.
        fallback_count, fallback_reasons: images that went to the fallback, in all and by reason.
        unchanged_count: adversarial images equal to the clean ones.
        duplicate_count: images equal to an earlier one.
        steps_mean: mean number of steps.
        missing_shards, quarantined_shards: the unfinished shards, and those given up.
        errors: why each quarantined shard was given up.
        attack_data_sha256: of ``attack_data.npy``; None if the run is incomplete.
        timing: what shards and reduce took, in seconds.
        classes: the statistics of each label that occurs.
        attacks: the statistics of each attack that made an image.
        history: attempts and faults.
        gates: checks of the set-up.
        notes: how images and labels were understood where there was a choice.
        precision: of gradients; every prediction is float32's.
        broken_images: images that can't be read and were left out.
    """

    run_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    complete: bool
    n_images: Size
    clean_accuracy: Rate | None
    robust_accuracy: Rate | None
    success_rate: Rate
    error_rate: Rate | None
    success_rate_uint8: Rate
    target_rate: Rate | None = None
    ssim_mean: float | None
    ssim_mean_success: float | None
    ssim_full_mean: float | None
    linf_max: Annotated[float, Field(ge=0)]
    means: dict[str, float | None]
    fallback_count: Count
    fallback_reasons: dict[str, Count]
    unchanged_count: Count
    duplicate_count: Count
    steps_mean: Annotated[float, Field(ge=0)]
    classes: list[ClassStatistics] | None
    attacks: list[AttackStatistics]
    missing_shards: list[Count]
    quarantined_shards: list[Count]
    errors: dict[int, str]
    attack_data_sha256: Sha256 | None
    audit: list[AuditCheck]
    timing: dict[str, float]
    history: History
    gates: list[Gate] = Field([])
    notes: list[str] = Field([])
    precision: Precision = "float32"
    broken_images: list[BrokenRef] = Field([])

    @property
    def raised(self) -> list[Gate]:
        """The gates that failed or warn."""
        return [gate for gate in self.gates if gate.raised]

    @model_validator(mode="after")
    def _complete_or_not(self) -> Report:
        if self.complete == bool(self.missing_shards):
            raise ValueError(f"complete is {self.complete} with {len(self.missing_shards)} shards missing")
        return self

    @model_validator(mode="after")
    def _with_labels_or_without(self) -> Report:
        absent = [name for name in NEED_LABELS if getattr(self, name) is None]
        if absent and len(absent) < len(NEED_LABELS):
            raise ValueError(f"without labels, {', '.join(NEED_LABELS)} are null, not {', '.join(absent)} alone")
        return self
