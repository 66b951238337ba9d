"""Whatever a scenario holds, validation ends with findings and never with a traceback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scenarios import Scenario
from scenarios.tables import NUMERIC, TABLES, TEMPORAL, Kind
from scenarios.validation import validate

Rows = dict[str, list[dict[str, Any]]]
NUMBERS = (None, 0.0, -1.0, 1.5, 1e300, np.inf, -np.inf, 1e-300, 90.5, 181.0)
MOMENTS = (
    None,
    *(pd.Timestamp(text) for text in ("1700-01-01", "2025-06-02 13:00", "9999-12-31")),
)
TEXTS = (
    None, "", " ", "A", "a", "W1", "nan", "0", "all", ":", "lane:>", "group:", "{x}", "x" * 300,
    "01:00", "25:61", "1,,9", "fixed()", "fixed(value=1,value=2)", "茶", "\x00", "A;B", "open",
)  # fmt: skip
CELLS = [(name, column) for name, table in TABLES.items() for column in table.columns]


def _strange(kind: Kind) -> tuple[Any, ...]:
    if kind in NUMERIC:
        return NUMBERS
    if kind in TEMPORAL:
        return MOMENTS
    return (None, True, False) if kind == Kind.FLAG else TEXTS


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.slow
def test_strange_cells_never_break_validation(
    seed: int, rows: Rows, made: Callable[..., Scenario]
) -> None:
    """Any cells may hold any value of their kind; validation returns with readable hints."""
    random = np.random.default_rng(seed)
    for _ in range(60):
        name, column = CELLS[random.integers(len(CELLS))]
        values = _strange(column.kind)
        row = rows[name][random.integers(len(rows[name]))] if name in rows else {}
        row[column.name] = values[random.integers(len(values))]
    findings = validate(made(rows))
    assert len(findings)
    assert not [str(finding) for finding in findings if not finding.code or not finding.hint]


@pytest.mark.parametrize("order", [1, -1], ids=["from the first", "from the last"])
@pytest.mark.slow
def test_missing_tables_never_break_validation(
    order: int, rows: Rows, made: Callable[..., Scenario]
) -> None:
    """Tables may be left out, one after the other, from either end."""
    for place, name in enumerate(list(TABLES)[::order]):
        rows.pop(name, None)
        if place % 9 == 0:
            assert validate(made(rows)) is not None


def test_blank_columns_never_break_validation(rows: Rows, made: Callable[..., Scenario]) -> None:
    """Tables whose required columns are all blank are judged cell by cell."""
    blank = {
        name: [dict.fromkeys(row) | {"name": None} for row in listed]
        for name, listed in rows.items()
    }
    scenario = Scenario(
        made({}).settings,
        {
            name: pd.DataFrame(listed)[[c for c in TABLES[name].names if c in listed[0]]]
            for name, listed in blank.items()
        },
    )
    codes = {finding.code for finding in validate(scenario).errors}
    assert "blank_required" in codes
