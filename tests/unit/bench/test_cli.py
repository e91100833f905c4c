"""``python -m bench``: its names, what they stand for, and the texts that mention them."""

from __future__ import annotations

import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bench.catalogue import ALL, Benchmark
from bench.cli import main

ROOT = Path(__file__).parents[3]
NAMES = main.list_commands(click.Context(main))
SOURCES = sorted((ROOT / "bench").rglob("*.py"))
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")), *SOURCES]
TEXTS += [*sorted((ROOT / "docs").glob("*.json")), *sorted((ROOT / "core").rglob("*.py"))]


def test_names_do_not_collide() -> None:
    assert len(set(NAMES)) == len(NAMES)


def test_help_has_one_line_for_each_name() -> None:
    said = CliRunner().invoke(main, ["--help"], terminal_width=200).output
    for name in NAMES:
        assert len(re.findall(rf"^  {name}  +\S.*\.$", said, re.MULTILINE)) == 1
    assert re.findall(r"^(\S.*):$", said, re.MULTILINE)[-3:] == [
        "Sections of docs/benchmarks.md and docs/systems.md", "Tunings", "Studies",
    ]  # fmt: skip


@pytest.mark.parametrize("benchmark", ALL, ids=[each.name for each in ALL])
def test_every_name_resolves(benchmark: Benchmark) -> None:
    found = benchmark.load()
    if benchmark.page:
        assert list(inspect.signature(found).parameters) == ["quick"]
    else:
        assert isinstance(found, click.Command)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_has_help_of_its_own(name: str) -> None:
    done = CliRunner().invoke(main, [name, "--help"])
    assert done.exit_code == 0
    assert f"{name} [OPTIONS]" in done.output


def test_an_unknown_name_is_refused() -> None:
    done = CliRunner().invoke(main, ["nothing"])
    assert done.exit_code == 2
    assert "No such command 'nothing'" in done.output


@pytest.mark.slow
def test_help_is_quick_and_no_benchmark_imports_tensorflow_before_it_runs() -> None:
    code = """if True:
        import sys
        from bench.catalogue import ALL
        from bench.cli import main
        main(["--help"], standalone_mode=False)
        assert not {"numpy", "core", "tensorflow"} & set(sys.modules)
        [each.load() for each in ALL]
        assert not {"keras", "tensorflow"} & set(sys.modules)
    """
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def test_every_command_that_a_text_mentions_exists() -> None:
    mentioned = {
        (path.name, name)
        for path in TEXTS
        for name in re.findall(r"python -m bench[ \n]+([a-z][\w-]*)", path.read_text(encoding="utf-8"))
    }
    assert len(mentioned) > len(NAMES)
    assert [each for each in mentioned if each[1] not in NAMES] == []


def test_modules_that_are_run_as_processes_exist_and_are_no_second_entry_point() -> None:
    named = {name for path in SOURCES for name in re.findall(r'"(bench\.\w+(?:\.\w+)+)"', path.read_text())}
    assert "bench.harness.task" in named
    assert [name for name in named if importlib.util.find_spec(name) is None] == []
    mentioned = {name for path in TEXTS for name in re.findall(r"python -m bench\.(\w+)", path.read_text("utf-8"))}
    assert mentioned <= {"harness", "peers"}
