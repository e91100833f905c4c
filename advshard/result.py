"""A finished run as an object: report, ledger and adversarial images."""

from __future__ import annotations

from functools import cached_property
from html import escape
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.errors import ConfigError, IncompleteError
from core.run.layout import ATTACK_DATA, LEDGER, REPORT_PAGE
from core.run.manifest import Manifest
from core.run.report import Report
from core.run.run_store import RunStore
from orchestrator.report.statistic_text import statistic_text


class RunResult:
    """A run that was reduced.

    Attributes:
        url: its folder, or the URL of it.
        manifest: what determined it.
        report: the statistics, each measured on the artifacts as written.
    """

    def __init__(self, run: RunStore, report: Report) -> None:
        self._run = run
        self.url = run.url
        self.manifest: Manifest = run.manifest()
        self.report = report

    @cached_property
    def ledger(self) -> pa.Table:
        """One row per image: predictions, success, attack, passes, SSIM, distances, shard."""
        table: pa.Table = self._run.results.read(LEDGER, pq.read_table)
        return table

    @cached_property
    def attack_data(self) -> NDArray[np.float32]:
        """The adversarial images (N, H, W, C), float32; a memory map where the store is on a disk of this machine.

        Raises:
            IncompleteError: shards are missing, so there is no such file.
        """
        if not self.report.complete:
            missing = ", ".join(map(str, self.report.missing_shards))
            raise IncompleteError(f"{self.url} has no {ATTACK_DATA}: shards {missing} are missing")
        if self._run.folder.local:
            mapped: NDArray[np.float32] = np.load(self._run.folder.path(ATTACK_DATA), mmap_mode="r", allow_pickle=False)
            return mapped
        data = self.manifest.data
        return self._run.results.attack_data(data, 0, data.count)

    @property
    def page(self) -> str:
        """The URL of the report's page."""
        return self._run.folder.url(REPORT_PAGE)

    def _headline(self) -> list[tuple[str, str]]:
        report, manifest = self.report, self.manifest
        rates = [
            ("clean accuracy", "clean_accuracy"),
            ("robust accuracy", "robust_accuracy"),
            ("success rate", "success_rate"),
            ("mean SSIM", "ssim_mean"),
            ("mean SSIM, uncropped", "ssim_full_mean"),
        ]
        return [
            *((f"WARNING, {gate.name}", gate.detail) for gate in report.raised),
            ("attack", f"{manifest.config.attack} on {manifest.model.name}, {manifest.data.name}"),
            ("images", f"{report.n_images}" + ("" if report.complete else f" of {manifest.data.count}, INCOMPLETE")),
            *((title, statistic_text(report, name)) for title, name in rates),
            ("failed audits", ", ".join(check.name for check in report.audit if not check.passed) or "none"),
            ("url", self.url),
        ]

    def __repr__(self) -> str:
        rows = "\n".join(f"  {name}: {value}" for name, value in self._headline())
        return f"<RunResult {self.report.run_id}\n{rows}>"

    def _repr_html_(self) -> str:
        """The headline as a table, for notebooks."""
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th><td>{escape(value)}</td></tr>"
            for name, value in self._headline()
        )
        return f"<table><caption>run {escape(self.report.run_id)}</caption>{rows}</table>"


def open_run(url: str | Path) -> RunResult:
    """Open a run that was reduced.

    Args:
        url: its folder, or any fsspec URL: the last line that ``advshard run`` prints.

    Raises:
        StoreError: there is no run, or one of another layout.
        ConfigError: it has no report yet.
        IntegrityError: a document in it is damaged.
    """
    run = RunStore(str(url))
    run.manifest()
    report = run.results.report()
    if report is None:
        raise ConfigError("a run with a report", f"{run.url}, which has none", f"finish it: advshard resume {run.url}")
    return RunResult(run, report)
