"""What every rule works with: cached columns of the scenario, and the list of findings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.findings import Findings
from scenarios.scenario import Scenario
from scenarios.tables import NUMERIC, TABLES
from scenarios.validation.notice import Notice

Positions = NDArray[np.int64]


class Facts:
    """A scenario under examination, and what was noticed about it so far.

    Parameters
    ----------
    scenario : it is read, never changed
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.settings = scenario.settings
        self.findings = Findings()
        self.start = pd.Timestamp(scenario.settings.start_date)
        self.end = self.start + pd.Timedelta(days=scenario.settings.horizon_days)
        self._frames: dict[str, pd.DataFrame] = {}
        self._filled: dict[str, pd.DataFrame] = {}
        self._memory: dict[str, pd.DataFrame] = {}
        self._codes: dict[tuple[str, str], tuple[NDArray[np.int64], pd.Index]] = {}

    # ---- reading ----------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        """Say whether a table has rows."""
        return self.scenario.has(name)

    def given(self, table: str, column: str) -> bool:
        """Say whether a column has any value."""
        return self.has(table) and column in self.scenario.tables[table].columns

    def table(self, name: str) -> pd.DataFrame:
        """Return a table as it was given, every column of its contract there.

        Infinite numbers, which a rule on cells names, are blank to all others.
        """
        if name not in self._frames:
            self._frames[name] = _finite(self.scenario.table(name), name)
        return self._frames[name]

    def filled(self, name: str) -> pd.DataFrame:
        """Return a table with the constant defaults of its contract in place of blanks."""
        if name not in self._filled:
            self._filled[name] = _finite(self.scenario.filled(name), name)
        return self._filled[name]

    def codes(self, table: str, column: str) -> tuple[NDArray[np.int64], pd.Index]:
        """Return a column as numbers into its distinct values; -1 for a blank."""
        at = (table, column)
        if at not in self._codes:
            codes, labels = pd.factorize(self.table(table)[column])
            self._codes[at] = (np.asarray(codes, np.int64), pd.Index(labels))
        return self._codes[at]

    def remember(self, make: Callable[[Facts], pd.DataFrame]) -> pd.DataFrame:
        """Return what a function makes of these facts, made once."""
        name = f"{make.__module__}.{make.__qualname__}"
        if name not in self._memory:
            self._memory[name] = make(self)
        return self._memory[name]

    def known(self, place: str) -> pd.Index:
        """Return the distinct values of a "table.column"."""
        table, column = place.split(".")
        return self.codes(table, column)[1]

    def attribute(self, table: str, key: str, column: str, *, filled: bool = False) -> pd.Series:
        """Return a column by key, first row of each key, rows without key left out."""
        frame = self.filled(table) if filled else self.table(table)
        frame = frame[frame[key].notna()].drop_duplicates(key)
        return pd.Series(frame[column].array, index=pd.Index(frame[key]))

    def key_codes(self, table: str, columns: tuple[str, ...]) -> NDArray[np.int64]:
        """Return one number per row, the same where all the columns agree; blanks agree."""
        whole: NDArray[np.int64] = np.zeros(len(self.table(table)), np.int64)
        size = 1
        for column in columns:
            codes, labels = self.codes(table, column)
            width = len(labels) + 1
            if size * width > 2**62:
                whole, distinct = pd.factorize(whole)
                size = len(distinct)
            whole = whole * width + (codes + 1)
            size *= width
        return whole

    def units_sold(self, table: str) -> pd.Series:
        """Return the rows of `order_lines` or `orders` that ask for shipping, as a mask."""
        orders = self.filled("orders")
        wanted = (orders["kind"] == "delivery") & (orders["status"] == "accepted")
        if table == "orders":
            return wanted
        return self.table("order_lines")["order_id"].isin(set(orders["order_id"][wanted]))

    @cached_property
    def open_sites(self) -> pd.Index:
        """Ids of the sites that are open."""
        sites = self.table("sites")
        return pd.Index(sites["site_id"][(sites["status"] == "open").fillna(False)].unique())

    # ---- writing ----------------------------------------------------------------------------

    def rows(self, table: str, positions: Positions) -> list[int]:
        """Return the planner's row numbers of positions in a frame."""
        numbers = self.scenario.row_numbers(table)
        return [int(numbers[position]) for position in positions]

    def note(
        self,
        notice: Notice,
        table: str = "",
        column: str = "",
        at: Any = None,
        /,
        *,
        values: Any = None,
        **parameters: Any,
    ) -> None:
        """Note one finding per position, or one about the whole table.

        Parameters
        ----------
        at : (n,) positions, or (n_rows,) bool, in the table; None: about the whole table
        values : (n,) what was given; left out: the cells of `column`
        parameters : what stands in the hint; a scalar, or an array (n,) along the positions
        """
        if at is None:
            told = tuple((name, shown(value)) for name, value in parameters.items())
            self.findings.add(
                notice.code,
                notice.severity,
                notice.hint.format(**dict(told)),
                table=table,
                column=column,
                value="" if values is None else shown(values),
                parameters=told,
            )
            return
        positions = np.asarray(at)
        if positions.dtype == bool:
            positions = np.flatnonzero(positions)
        kept = positions[: self.findings.cap].astype(np.int64)
        if values is None and column:
            values = self.table(table)[column].array[kept]
        for place, row in enumerate(self.rows(table, kept)):
            told = tuple((name, shown(_along(value, place))) for name, value in parameters.items())
            self.findings.add(
                notice.code,
                notice.severity,
                notice.hint.format(**dict(told)),
                table=table,
                column=column,
                row=row,
                value="" if values is None else shown(_along(values, place)),
                parameters=told,
            )
        if len(positions) > len(kept):
            more = len(positions) - len(kept)
            self.findings.count_more(notice.code, notice.severity, more, table=table, column=column)


def _finite(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    for column in TABLES[name].columns:
        if column.kind in NUMERIC:
            infinite = np.isinf(frame[column.name].to_numpy(np.float64))
            if infinite.any():
                frame[column.name] = frame[column.name].mask(infinite)
    return frame


def _along(value: Any, place: int) -> Any:
    """Return the cell of an array along the positions, or the scalar itself."""
    if isinstance(value, pd.Series | pd.Index | pd.api.extensions.ExtensionArray):
        return value.iloc[place] if isinstance(value, pd.Series) else value[place]
    if isinstance(value, np.ndarray | list | tuple):
        return value[place]
    return value


def shown(value: Any) -> str:
    """Return a value as a planner reads it: 1,250 and 0.125, 2025-11-11, no trailing zeros."""
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | int | np.floating | np.integer):
        number = float(value)
        if np.isnan(number):
            return ""
        if np.isinf(number):
            return "infinite" if number > 0 else "-infinite"
        if number == round(number) and abs(number) < 1e15:
            return f"{number:,.0f}"
        return f"{number:,.4f}".rstrip("0") if 1e-3 <= abs(number) < 1e15 else f"{number:.4g}"
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, pd.Timestamp | dt.datetime):
        midnight = value.hour == value.minute == value.second == 0
        return f"{value:%Y-%m-%d}" if midnight else f"{value:%Y-%m-%d %H:%M}"
    return str(value)
