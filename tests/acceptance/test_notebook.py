"""The example notebook, executed from its first cell to its last in a folder of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from core.run.store import Store
from tests.processes import ROOT


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def cells(folder: Path) -> list[Any]:
    """The code cells with their outputs. Jupyter's folders are temporary too, so that no kernel of the user is used."""
    notebook = nbformat.read(ROOT / "examples" / "quickstart.ipynb", as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
            patch.setenv(name, str(folder / name.lower()))
        patch.setenv("PYTHONPATH", str(ROOT))
        client = NotebookClient(
            notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
        )
        client.execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text_of(cell: Any, stream: str) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream" and output.name == stream)


def cell_with(cells: list[Any], source: str) -> Any:
    (found,) = [cell for cell in cells if source in cell.source]
    return found


def test_it_is_committed_without_outputs() -> None:
    notebook = nbformat.read(ROOT / "examples" / "quickstart.ipynb", as_version=4)
    assert [cell.id for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")] == []


def test_its_run_is_complete_and_its_audit_passes(cells: list[Any], folder: Path) -> None:
    (run,) = Store(str(folder / "runs")).runs()
    report = run.results.report()
    assert report is not None
    assert report.complete
    assert report.n_images == 200
    assert report.clean_accuracy is not None
    assert report.clean_accuracy > 0.7
    assert report.success_rate > 0.3
    said = text_of(cell_with(cells, "report = result.report"), "stdout")
    assert f"{report.robust_accuracy:.3f} after it" in said
    assert "audit passed: True" in said


def test_progress_is_shown_while_it_runs(cells: list[Any]) -> None:
    """A notebook is no terminal: progress comes as lines, and nothing asks for a widget to be installed."""
    shown = text_of(cell_with(cells, "advshard.run("), "stderr").splitlines()
    assert "0/4 shards, waiting for workers" in shown[0]
    assert "4/4 shards, reducing" in shown[-1]
    assert len(shown) == len(set(shown))


def test_a_result_is_shown_as_a_table(cells: list[Any]) -> None:
    (result,) = [each for each in cell_with(cells, "advshard.run(").outputs if each.output_type == "execute_result"]
    assert "<th style='text-align:left'>robust accuracy</th>" in result.data["text/html"]
    assert "robust accuracy: " in result.data["text/plain"]


def test_the_last_cell_draws_the_images(cells: list[Any]) -> None:
    assert any("image/png" in each.get("data", {}) for each in cells[-1].outputs)
