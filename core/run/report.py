"""The report: every number measured on the artifacts as written."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from core.run.value import Count, Rate, Sha256, Size, Value


class AuditCheck(Value):
    """One thing that was checked about the result."""

    name: str
    passed: bool
    detail: str


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
    """The statistics of the images that one attack made: those it flipped first, or that none flipped."""

    attack: str
    count: Size
    successes: Count
    linf_max: float
    l2_max: float


class History(Value):
    """What happened before the reduce. Without any fault: one orchestrator and one attempt at each shard.

    Attributes:
        orchestrators: processes that drove the run.
        messages: sent by them up to the reduce.
        attempts: at shards, counted by shard.
        redelivered: attempts whose message the broker had delivered before.
        failures: attempts that failed or were given up, by kind of error.
        speculative_attempts: work units sent a second time because they were slow.
        damaged_shards: shards attacked again because their artifacts in the store were damaged.
        workers_restarted, brokers_restarted: of the embedded default.
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

    clean_accuracy: share of images that are predicted as their label; robust_accuracy: predicted as
    their label before and after the attack, so not 1 - error_rate, which counts as right an image
    that the attack moved onto its label. success_rate: share of images whose prediction on the
    adversarial image differs from that on the clean one; error_rate: whose prediction on the
    adversarial image differs from the label; success_rate_uint8: the success rate after rounding the
    adversarial image to 8 bits. ssim_mean and ssim_full_mean: means of the ledger's ``ssim`` and
    ``ssim_full`` over all images; ssim_mean_success: of ``ssim`` over the successes. They are None
    where SSIM is not defined (a side under 11 pixels) or no image counts.
    target_rate: of a targeted run, the share of images that are predicted as their target.
    errors: why each quarantined shard was given up. timing: what shards and reduce took, in seconds.
    """

    run_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    complete: bool
    n_images: Size
    clean_accuracy: Rate
    robust_accuracy: Rate
    success_rate: Rate
    error_rate: Rate
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
    classes: list[ClassStatistics]
    attacks: list[AttackStatistics]
    missing_shards: list[Count]
    quarantined_shards: list[Count]
    errors: dict[int, str]
    attack_data_sha256: Sha256 | None
    audit: list[AuditCheck]
    timing: dict[str, float]
    history: History

    @model_validator(mode="after")
    def _complete_or_not(self) -> Report:
        if self.complete == bool(self.missing_shards):
            raise ValueError(f"complete is {self.complete} with {len(self.missing_shards)} shards missing")
        return self
