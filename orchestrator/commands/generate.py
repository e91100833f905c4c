"""``generate``: adversarial examples of any images, looked up in runs or composed."""

from __future__ import annotations

import time
from pathlib import Path

import click
import numpy as np

from core.datasets.by_name import open_images
from core.datasets.conversion.in_memory import raw_images
from core.registry import DEFAULT_DATASET, DEFAULT_MODEL
from core.runtime.native_logs import quiet_native_logs
from orchestrator.options import store_option, store_url


@click.command("generate")
@click.option("--images", required=True, help="A file, folder, pattern or URL, as for 'run --data'")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The .npz file to write")
@click.option("--shape", type=int, nargs=3, metavar="H W C", help="Shape of each image  [default: that of the array]")
@click.option("--candidates", default=DEFAULT_DATASET, help="Images to compose with, as for 'run --data'")
@click.option(
    "--model",
    default=DEFAULT_MODEL,
    help="Model whose predictions composed images must change: a name, or a Keras file",
)
@store_option
def generate_command(
    images: str, out: Path, shape: tuple[int, int, int] | None, candidates: str, model: str, store: str | None
) -> None:
    """Generate adversarial examples: looked up in the runs of the store, or composed for images that are in no run.

    OUT holds the examples as images (n, H, W, C; float32 in 0..1), and per image looked_up, run, index, label and
    attack_label.
    """
    from core.generate.composer import Composer
    from core.generate.generate import find_or_compose

    given = raw_images(open_images(images))
    began = time.perf_counter()
    with quiet_native_logs():
        found = find_or_compose(given, shape, store_url(store), Composer(candidates, model))
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        out,
        images=found.images,
        looked_up=found.looked_up,
        run=np.array(found.run),
        index=found.index,
        label=found.label,
        attack_label=found.attack_label,
    )
    known, seconds = int(found.looked_up.sum()), time.perf_counter() - began
    click.echo(
        f"{len(found.run)} images: {known} looked up, {len(found.run) - known} composed, {seconds:.2f} s", err=True
    )
    click.echo(str(out))
