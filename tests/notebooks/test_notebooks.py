"""The notebooks run from top to bottom, and their kept outputs are those of a whole run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LARGEST = 150_000  # bytes, outputs and pictures included


def cells(path: Path) -> list[dict[str, Any]]:
    """Return the code cells of a notebook."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in document["cells"] if cell["cell_type"] == "code"]


def test_there_are_notebooks() -> None:
    """The tests below have something to look at."""
    assert len(NOTEBOOKS) == 5


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_as_it_ran(path: Path) -> None:
    """Every cell ran, in order, without an error; the file is small and names no machine."""
    ran = cells(path)
    assert [cell["execution_count"] for cell in ran] == list(range(1, len(ran) + 1))
    kinds = {output["output_type"] for cell in ran for output in cell["outputs"]}
    assert kinds <= {"stream", "execute_result", "display_data"}
    text = path.read_text(encoding="utf-8")
    assert len(text) < LARGEST
    assert "/home/" not in text
    assert "/tmp/" not in text
    assert "hf_" not in text.replace("hf_\\\\S+", "")


@pytest.mark.docs
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    """Every cell runs in a fresh kernel; an error in one is an error of the test."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    book = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(book, timeout=600, kernel_name="python3", resources=place).execute()
    assert all(cell.execution_count for cell in book.cells if cell.cell_type == "code")
