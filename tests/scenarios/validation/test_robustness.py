"""Whatever a scenario holds, validation ends with findings and never with a traceback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scenarios import Scenario
from scenarios.tables import NUMERIC, TABLES, TEMPORAL, Kind
from scenarios.validation import validate

Rows = dict[str, list[dict[str, Any]]]
NUMBERS = st.sampled_from([None, 0.0, -1.0, 1.5, 1e300, np.inf, -np.inf, 1e-300, 90.5, 181.0])
MOMENTS = st.sampled_from(
    [None, *(pd.Timestamp(text) for text in ("1700-01-01", "2025-06-02 13:00", "9999-12-31"))]
)
TEXTS = st.sampled_from(
    [None, "", " ", "A", "a", "W1", "nan", "0", "all", ":", "lane:>", "group:", "{x}", "x" * 300,
     "01:00", "25:61", "1,,9", "fixed()", "fixed(value=1,value=2)", "茶", "\x00", "A;B", "open"]
)  # fmt: skip


def _strange(kind: Kind) -> st.SearchStrategy[Any]:
    if kind in NUMERIC:
        return NUMBERS
    if kind in TEMPORAL:
        return MOMENTS
    return st.sampled_from([None, True, False]) if kind == Kind.FLAG else TEXTS


CELLS = [(name, column) for name, table in TABLES.items() for column in table.columns]


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_strange_cells_never_break_validation(
    data: st.DataObject, rows: Rows, made: Callable[..., Scenario]
) -> None:
    """Any cells may hold any value of their kind; validation returns."""
    copy = {name: [dict(row) for row in listed] for name, listed in rows.items()}
    for _ in range(data.draw(st.integers(1, 40))):
        name, column = data.draw(st.sampled_from(CELLS))
        if data.draw(st.integers(0, 30)) == 0:
            copy.pop(name, None)
        if name in copy:
            place = data.draw(st.integers(0, len(copy[name]) - 1))
            copy[name][place][column.name] = data.draw(_strange(column.kind))
    for finding in validate(made(copy)):
        assert finding.code
        assert "{" not in finding.hint or "{x}" in str(finding)


@pytest.mark.parametrize("order", [1, -1], ids=["from the first", "from the last"])
def test_missing_tables_never_break_validation(
    order: int, rows: Rows, made: Callable[..., Scenario]
) -> None:
    """Tables may be left out, one after the other, from either end."""
    for place, name in enumerate(list(TABLES)[::order]):
        rows.pop(name, None)
        if place % 6 == 0:
            assert len(validate(made(rows)))


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
