"""From the results to ``docs/benchmarks.md`` and ``docs/systems.md``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from bench.harness.results import Figure, Result, Table, merged

DOCS = Path(__file__).parents[2] / "docs"

_HEADS = {
    "benchmarks": [
        "# Benchmarks",
        "",
        "`make bench` measures all of this again and writes this page and `benchmarks.json`,",
        "which also holds every single sample; `python -m bench NAME` does one section. What was measured on a",
        "processor of another kind stays beside it.",
    ],
    "systems": [
        "# Every system of the source experiment",
        "",
        "What the source document tried or wished for, what it found, and what this project finds. Each section is",
        "written by the command under its heading, which measures it anew; `systems.json` holds every sample.",
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


def section(result: Result, again: bool = False) -> list[str]:
    """One benchmark; ``again`` if it follows the same one on another processor."""
    title = f"{result.title} ({result.machine['processor']})" if again else result.title
    lines = [f"## {title}", "", f"`{result.command}`, {result.took_seconds:.0f} s. {_machine(result)}", ""]
    for each in result.tables:
        lines += [*table(each), ""]
    if result.figures:
        rows = [[figure.what, _value(figure), _limit(figure), _verdict(figure)] for figure in result.figures]
        lines += [*table(Table(columns=["figure", "measured", "target", ""], rows=rows)), ""]
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


def _value(figure: Figure) -> str:
    return f"{figure.value:,.4g} {figure.unit}".strip()


def _limit(figure: Figure) -> str:
    limits = []
    if figure.most is not None:
        limits.append(f"at most {figure.most:,g}")
    if figure.least is not None:
        limits.append(f"at least {figure.least:,g}")
    return " and ".join(limits)


def _verdict(figure: Figure) -> str:
    return {True: "met", False: "**missed**", None: ""}[figure.met]
