"""The command line of the benchmarks, ``python -m bench NAME``. A benchmark's code is imported when it is asked for."""

from __future__ import annotations

import subprocess
import sys
import time

import click

from bench.catalogue import ALL, GROUPS, SECTIONS, Benchmark

EVERY_SECTION = "all"
_QUICK = "Few images, one round: shows that it works. Writes no page."


class Benchmarks(click.Group):
    """The group of all benchmarks; its help comes from the catalogue alone."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names, in the catalogue's order."""
        return [EVERY_SECTION, *(each.name for each in ALL)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """A section as a command with ``--quick``; the others bring a command of their own."""
        if cmd_name == EVERY_SECTION:
            return every_section
        benchmark = next((each for each in ALL if each.name == cmd_name), None)
        if benchmark is None:
            return None
        if benchmark.page:
            return _section(benchmark)
        command: click.Command = benchmark.load()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """One line for each name, by group."""
        width = max(len(each.name) for each in ALL)
        for title, benchmarks in GROUPS.items():
            rows = [(each.name.ljust(width), each.does) for each in benchmarks]
            if benchmarks is SECTIONS:
                rows.insert(0, (EVERY_SECTION.ljust(width), every_section.help or ""))
            with formatter.section(title):
                formatter.write_dl(rows)


@click.group(cls=Benchmarks)
def main() -> None:
    """Run one benchmark and print what it measured. A section also writes its part of a page in docs/."""


@click.command(EVERY_SECTION, help="All sections, one after the other.")
@click.option("--quick", is_flag=True, help=_QUICK)
def every_section(*, quick: bool) -> None:
    for each in SECTIONS:  # in a process each: TensorFlow's threads are set once
        subprocess.run([sys.executable, "-m", "bench", each.name, *(["--quick"] if quick else [])], check=True)


def _section(benchmark: Benchmark) -> click.Command:
    @click.command(benchmark.name, help=benchmark.does)
    @click.option("--quick", is_flag=True, help=_QUICK)
    def command(*, quick: bool) -> None:
        from bench.harness.machine import machine
        from bench.harness.page import section, write_page
        from core.errors import ConfigError

        click.echo(f"-- {benchmark.name}", err=True)
        began = time.perf_counter()
        try:
            found = benchmark.load()(quick=quick)
        except ConfigError as error:
            raise click.UsageError(str(error)) from error
        found = found.model_copy(update={"machine": machine(), "took_seconds": time.perf_counter() - began})
        click.echo("\n".join(section(found)))
        if not quick:
            write_page(benchmark.page, found, [each.name for each in SECTIONS if each.page == benchmark.page])

    return command
