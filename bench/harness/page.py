"""From the results to ``docs/benchmarks.md`` and ``docs/systems.md``."""

from __future__ import annotations

from collections.abc import Iterable

from bench.harness.results import Figure, Result, Table

_HEADS = {
    "benchmarks": [
        "# Benchmarks",
        "",
        "`make bench` measures all of this anew and writes this page and `benchmarks.json`,",
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
