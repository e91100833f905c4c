"""``export``: write a run in a format that other tools read."""

from __future__ import annotations

from pathlib import Path

import click

from core.errors import ConfigError
from core.run.run_store import RunStore
from orchestrator.export.output_folder import output_folder
from orchestrator.export.parquet_folder import write_parquet
from orchestrator.export.pieces import FinishedRun
from orchestrator.export.plain_files import write_plain_files
from orchestrator.export.png_folder import Layout, write_png
from orchestrator.options import find_run, store_option


@click.command("export")
@click.argument("run", required=False)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="New folder to write to")
@click.option("--format", "kind", type=click.Choice(["source", "png", "parquet"]), default="source", help="See above")
@click.option("--class-folders", is_flag=True, help="A folder for each class, as Keras reads them [--format png]")
@click.option("--originals", is_flag=True, help="Also the clean images [--format png; the others always have them]")
@store_option
def export_command(
    *, run: str | None, store: str | None, out: Path, kind: str, class_folders: bool, originals: bool
) -> None:
    """Write RUN (an id or a URL; by default the newest run) in a format that other tools read.

    source: test_data.npy and attack_data.npy hold the clean and the adversarial images, (N, H, W, C) float32 in the
    same order. data_index_map.json, data_label_map.json and attack_label_map.json map an image's SHA-256
    (core.image.digest) to its indices, its label, and the prediction for its adversarial example.

    png: the adversarial images, rounded to 8 bits, with a row for each in metadata.csv.

    parquet: adversarial and clean images with the ledger's columns and a dataset card, for Hugging Face's datasets.

    The folder appears when everything in it is written.
    """
    if kind != "png" and (class_folders or originals):
        option = "--class-folders" if class_folders else "--originals"
        raise ConfigError(f"--format png with {option}", f"--format {kind}", f"leave {option} out")
    finished = _finished(find_run(run, store))
    layout = Layout(finished.manifest, by_class=class_folders, originals=originals)
    with output_folder(out) as folder:
        if kind == "source":
            write_plain_files(finished, folder)
            notes = []
        elif kind == "png":
            notes = write_png(finished, folder, layout).sentences()
        else:
            notes = write_parquet(finished, folder).sentences()
    for note in notes:
        click.echo(note, err=True)
    click.echo(str(out))


def _finished(run: RunStore) -> FinishedRun:
    report = run.results.report()
    if report is None or not report.complete:
        raise ConfigError("a complete run", f"{run.url}, which isn't", "resume it first")
    return FinishedRun(run, run.manifest(), report)
