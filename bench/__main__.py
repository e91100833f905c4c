"""``python -m bench``: runs benchmarks, prints what they found, and writes it into ``docs/``."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from pathlib import Path

import click

from bench.harness.machine import machine
from bench.harness.page import page, section
from bench.harness.results import Result, merged

DOCS = Path(__file__).parent.parent / "docs"
# Pages, and what is on them in their order: names of results, and the functions (quick: bool) -> Result that make them.
PAGES = {
    "benchmarks": {name: f"sections.{name}:measure" for name in ("engine", "floor", "job", "cost", "scale", "reduce")},
    "systems": {
        "systems": "sections.systems:measure",
        "composition": "sections.composition:measure",
        "generate": "sections.generate:measure",
        "one-pixel-shipped": "sections.one_pixel:shipped",
        "one-pixel-peers": "sections.one_pixel:peers",
        "deepfool": "sections.deepfool:measure",
        "deepfool-strides": "tuning.deepfool_strides:measure",
        "advgan": "sections.advgan:measure",
    },
}
WHERE = {name: place for made in PAGES.values() for name, place in made.items()}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(WHERE)))
@click.option("--quick", is_flag=True, help="Small and few: to see whether it works. Nothing is written.")
def main(names: tuple[str, ...], quick: bool) -> None:
    """Run the benchmarks NAMES, all of them if none is given."""
    if len(names) == 1:
        _run(names[0], quick)
    else:  # in a process each: TensorFlow's threads are set once
        for name in names or WHERE:
            subprocess.run([sys.executable, "-m", "bench", name, *(["--quick"] if quick else [])], check=True)


def _run(name: str, quick: bool) -> None:
    click.echo(f"-- {name}", err=True)
    began = time.perf_counter()
    module, _, function = WHERE[name].partition(":")
    found: Result = getattr(importlib.import_module(f"bench.{module}"), function)(quick)
    found = found.model_copy(update={"machine": machine(), "took_seconds": time.perf_counter() - began})
    click.echo("\n".join(section(found)))
    if not quick:
        _write(found)


def _write(found: Result) -> None:
    """Put a result into the JSON of its page, and make the page from that."""
    name = next(page for page, names in PAGES.items() if found.name in names)
    path = DOCS / f"{name}.json"
    known = [Result.model_validate(each) for each in json.loads(path.read_text())] if path.exists() else []
    ordered = merged(known, found, list(PAGES[name]))
    path.write_text(json.dumps([each.model_dump(mode="json") for each in ordered], indent=1) + "\n")
    (DOCS / f"{name}.md").write_text(page(name, ordered))


if __name__ == "__main__":
    main()
