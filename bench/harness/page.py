"""From the results to ``docs/benchmarks.md`` and ``docs/systems.md``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from bench.harness.results import Result, Statistic, Table, merged

DOCS = Path(__file__).parents[2] / "docs"

_HEADS = {
    "benchmarks": [
        "# Benchmarks",
        "",
        "`make bench` measures all of this again and writes this page and `benchmarks.json`,",
        "which also holds every single sample; `python -m bench NAME` does one section. Results from another kind",
        "of processor are kept beside these.",
    ],
    "systems": [
        "# Every system of the source experiment",
        "",
        "What the source document tried or proposed, what it found, and what this project finds. Each section is",
        "written by the command under its heading, which measures it again; `systems.json` holds every sample.",
    ],
}


def page(name: str, results: Iterable[Result]) -> str:
    """The page of this name, as Markdown."""
    lines, before = [*_HEADS[name], ""], ""
    for result in results:
        lines += [*section(result, again=result.name == before), ""]
        before = result.name
    return "\n".join(lines).rstrip() + "\n"


def write_page(name: str, found: Result, sections: list[str], docs: Path = DOCS) -> None:
    """Put a result into the JSON of its page, and make the page from that.

    Args:
        name: of the page.
        found: the new result; it replaces the same section's on the same processor.
        sections: names of all sections of the page, in their order.
        docs: the folder of the page.
    """
    path = docs / f"{name}.json"
    known = [Result.model_validate(each) for each in json.loads(path.read_text())] if path.exists() else []
    ordered = merged(known, found, sections)
    path.write_text(json.dumps([each.model_dump(mode="json") for each in ordered], indent=1) + "\n")
    (docs / f"{name}.md").write_text(page(name, ordered))


def section(result: Result, *, again: bool = False) -> list[str]:
    """One section; ``again`` if it follows the same one on another processor, which is then in its title."""
    title = f"{result.title} ({result.machine['processor']})" if again else result.title
    lines = [f"## {title}", "", f"`{result.command}`, {result.took_seconds:.0f} s. {_machine(result)}", ""]
    for each in result.tables:
        lines += [*table(each), ""]
    if result.statistics:
        rows = [[statistic.what, _value(statistic)] for statistic in result.statistics]
        lines += [*table(Table(columns=["statistic", "measured"], rows=rows)), ""]
    for note in result.notes:
        lines += [note, ""]
    return lines[:-1]


def _machine(result: Result) -> str:
    return ", ".join(f"{value}" if name == "processor" else f"{name} {value}" for name, value in result.machine.items())


def table(content: Table) -> list[str]:
    """A table, as lines of Markdown."""
    lines = [f"**{content.title}**", ""] if content.title else []
    lines += ["| " + " | ".join(content.columns) + " |", "|" + "---|" * len(content.columns)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in content.rows)]


def _value(statistic: Statistic) -> str:
    return f"{statistic.value:,.4g} {statistic.unit}".strip()
