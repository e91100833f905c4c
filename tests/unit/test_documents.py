"""The documents: their links, the files, commands and options they name, and the signatures of the API."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path

import click
import pytest

import advshard
from orchestrator.cli import cli
from tests.processes import ROOT

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("examples/*.ipynb"))]
TOP = {"advshard", "bench", "core", "docs", "examples", "orchestrator", "tasks", "tests", ".ci"}
_CONTEXT = click.Context(cli)
COMMANDS = {
    name: command for name in cli.list_commands(_CONTEXT) if (command := cli.get_command(_CONTEXT, name)) is not None
}
# What the reader of CONTRIBUTING.md writes.
TO_BE_WRITTEN = re.compile(r"yours|attacks/(test_)?(sparse|contrast)\.py$")

_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def text_of(path: Path) -> str:
    """A document's Markdown; of a notebook, that of its cells."""
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives to a document's headings."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+?) *$", _FENCE.sub("", text_of(path)), re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "", heading).lower()).replace(" ", "-")
        count = sum(1 for each in found if re.fullmatch(rf"{re.escape(name)}(-\d+)?", each))
        found.add(f"{name}-{count}" if count else name)
    return found


def broken_links(path: Path) -> list[str]:
    """The relative links of a document that lead nowhere."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", _FENCE.sub("", text_of(path))):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


def missing_files(path: Path) -> list[str]:
    """The names in backticks that look like files of this repository and are none."""
    missing = []
    for name in re.findall(r"`([\w.\-]+(?:/[\w.\-]+)*/?)`", text_of(path)):
        first, *rest = name.split("/")
        if rest and first in TOP and not TO_BE_WRITTEN.search(name) and not (ROOT / name).exists():
            missing.append(name)
    return missing


def wrong_commands(path: Path) -> list[str]:
    """The ``advshard`` commands in a document that don't exist, or don't have an option that is given to them."""
    wrong = []
    text = text_of(path).replace("\\\n", " ")
    for name, rest in re.findall(r"\badvshard ([a-z]+)\b((?: [^\n`#]*)?)", "\n".join(_code(text))):
        if name not in COMMANDS:
            wrong.append(name)
            continue
        known = {option for param in COMMANDS[name].params for option in (*param.opts, *param.secondary_opts)}
        wrong += [f"{name} {option}" for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", rest) if option not in known]
    return wrong


def _code(text: str) -> list[str]:
    """The indented lines of a text, and what it has in backticks; fenced blocks are Python here."""
    text = _FENCE.sub("", text)
    return [*re.findall(r"^ {4}(\S.*)$", text, re.MULTILINE), *re.findall(r"`([^`\n]+)`", text)]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
class TestEachDocument:
    def test_its_links_lead_somewhere(self, path: Path) -> None:
        assert broken_links(path) == []

    def test_files_it_names_exist(self, path: Path) -> None:
        assert missing_files(path) == []

    def test_commands_it_shows_exist(self, path: Path) -> None:
        assert wrong_commands(path) == []


def test_what_is_wrong_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A `name`, (and) more\n\n# Twice\n\n# Twice\n\n[a](#a-name-and-more) [b](#twice-1) [c](page.md#nowhere)\n"
        "[d](x.md) [e](https://example.org)\n\n`core/rng.py` `core/nothing.py` `runs/x` `tasks.py`\n\n"
        "    advshard run --shards 3 \\\n        --nothing 4 --no-early-stop\n    advshard fly   # --away\n\n"
        "```python\n# advshard soars\n[f](nowhere)\n```\n"
    )
    assert broken_links(page) == ["page.md#nowhere", "x.md"]
    assert missing_files(page) == ["core/nothing.py"]
    assert wrong_commands(page) == ["run --nothing", "fly"]


def test_every_page_is_in_the_index() -> None:
    linked = set(re.findall(r"\]\(([^)#]+)", text_of(ROOT / "docs" / "index.md")))
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert pages - linked == set()
    decisions = set(re.findall(r"\]\(([^)#]+)", text_of(ROOT / "docs" / "decisions" / "README.md")))
    assert {path.name for path in (ROOT / "docs" / "decisions").glob("0*.md")} - decisions == set()


def test_the_readme_names_every_command() -> None:
    named = set(re.findall(r"`([a-z]+)`", text_of(ROOT / "README.md")))
    assert set(COMMANDS) - named == set()


@pytest.mark.parametrize("name", ["run", "attack", "open_run", "generate"])
def test_the_api_page_shows_each_signature(name: str) -> None:
    page = text_of(ROOT / "docs" / "api.md")
    (shown,) = re.findall(rf"^```python\n{name}\((.*?)\) -> ", page, re.MULTILINE | re.DOTALL)
    parameters = []
    for each in inspect.signature(getattr(advshard, name)).parameters.values():
        if each.kind is each.KEYWORD_ONLY and "*" not in parameters:
            parameters.append("*")
        default = json.dumps(each.default) if isinstance(each.default, str) else repr(each.default)
        stars = "**" if each.kind is each.VAR_KEYWORD else ""
        parameters.append(stars + each.name + ("" if each.default is each.empty else f"={default}"))
    assert " ".join(shown.split()) == ", ".join(parameters)


def test_the_api_page_names_everything_public() -> None:
    page = text_of(ROOT / "docs" / "api.md")
    public = {f"`{name}`" for name in advshard.__all__}
    assert {name for name in public if name not in page and name.replace("`", "`advshard.", 1) not in page} == set()
