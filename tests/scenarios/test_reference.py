"""The committed reference pages are what the contracts say today."""

from __future__ import annotations

from pathlib import Path

import pytest

from optimizer.reference import main as write_plan_page
from optimizer.reference import plan_page
from scenarios.reference import main as write_scenario_page
from scenarios.reference import scenario_page
from scenarios.tables import TABLES
from scenarios.validation import CATALOGUE

DOCS = Path(__file__).parents[2] / "docs"


def test_the_scenario_page_is_current() -> None:
    """docs/scenario.md is what `python -m scenarios.reference docs/scenario.md` writes."""
    assert (DOCS / "scenario.md").read_text(encoding="utf-8") == scenario_page()


def test_the_plan_page_is_current() -> None:
    """docs/plan.md is what `python -m optimizer.reference docs/plan.md` writes."""
    assert (DOCS / "plan.md").read_text(encoding="utf-8") == plan_page()


def test_every_column_and_rule_is_documented() -> None:
    """Each table, column with its Chinese heading, and code of a rule stands on the page."""
    page = scenario_page()
    for table in TABLES.values():
        section = page.split(f"### {table.name}\n")[1].split("\n#")[0]
        for column in table.columns:
            lines = [row for row in section.splitlines() if row.startswith("|")]
            line = next(row for row in lines if f"`{column.name}`" in row.split(" | ")[0])
            assert column.zh in line
            assert column.help.replace("|", "\\|") in line
    for code in CATALOGUE:
        assert f"| `{code}` |" in page


@pytest.mark.parametrize("write", [write_scenario_page, write_plan_page])
def test_the_writers_take_one_path(write: object, tmp_path: Path) -> None:
    """Each writer writes to the path given and refuses anything else."""
    assert callable(write)
    write([str(tmp_path / "new" / "page.md")])
    assert (tmp_path / "new" / "page.md").read_text(encoding="utf-8").startswith("# The ")
    with pytest.raises(SystemExit, match="usage"):
        write([])
