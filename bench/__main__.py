"""``python -m bench``: runs benchmarks, prints what they found, and writes it into ``docs/``."""

from __future__ import annotations

import importlib
import json
import time
from pathlib import Path

import click

from bench.machine import machine
from bench.page import page, section
from bench.results import Result

DOCS = Path(__file__).parent.parent / "docs"
# Modules of this package with a function measure(quick: bool) -> Result, in the order of the page.
NAMES = ("engine", "floor", "job", "cost", "scale", "reduce")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option("--quick", is_flag=True, help="Small and few: to see whether it works. Nothing is written.")
def main(names: tuple[str, ...], quick: bool) -> None:
    """Run the benchmarks NAMES, all of them if none is given."""
    results = _known()
    for name in names or NAMES:
        click.echo(f"-- {name}", err=True)
        began = time.perf_counter()
        found: Result = importlib.import_module(f"bench.{name}").measure(quick)
        found = found.model_copy(update={"machine": machine(), "took_seconds": time.perf_counter() - began})
        click.echo("\n".join(section(found)))
        results[name] = found
        if not quick:
            _write([results[each] for each in NAMES if each in results])


def _known() -> dict[str, Result]:
    path = DOCS / "benchmarks.json"
    if not path.exists():
        return {}
    return {each["name"]: Result.model_validate(each) for each in json.loads(path.read_text())}


def _write(results: list[Result]) -> None:
    plain = [result.model_dump(mode="json") for result in results]
    (DOCS / "benchmarks.json").write_text(json.dumps(plain, indent=1) + "\n")
    (DOCS / "benchmarks.md").write_text(page(results))


if __name__ == "__main__":
    main()
