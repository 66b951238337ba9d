"""The tables that explanations are made of: rows by key, read once."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

import pandas as pd

from optimizer.explanations.record import Cell, Factor, Key
from optimizer.plan import Plan
from optimizer.plan_tables import PLAN_TABLES
from scenarios import Scenario
from scenarios.semantics.defaults import unserved_penalty
from scenarios.semantics.drop_ship import drop_ship_offers

Row = dict[str, Any]
T = TypeVar("T")


class Facts:
    """A scenario and its plan; rows as plain dicts."""

    def __init__(self, scenario: Scenario, plan: Plan) -> None:
        self.scenario = scenario
        self.plan = plan
        self.start = pd.Timestamp(scenario.settings.start_date)
        self._rows: dict[str, list[Row]] = {}
        self._kept: dict[str, Any] = {}
        self._by: dict[tuple[str, ...], dict[tuple[Cell, ...], list[Row]]] = {}

    def frame(self, name: str) -> pd.DataFrame:
        """Return a table of the plan, or one of the scenario with its constant defaults."""
        return self.plan.table(name) if name in PLAN_TABLES else self.scenario.filled(name)

    def rows(self, name: str) -> list[Row]:
        """Return the rows of a table."""
        if name not in self._rows:
            self._rows[name] = self.frame(name).to_dict("records")
        return self._rows[name]

    def by(self, name: str, *columns: str) -> dict[tuple[Cell, ...], list[Row]]:
        """Return the rows of a table by their cells in some columns, in order."""
        at = (name, *columns)
        if at not in self._by:
            found: dict[tuple[Cell, ...], list[Row]] = {}
            for row in self.rows(name):
                found.setdefault(tuple(plain(row[column]) for column in columns), []).append(row)
            self._by[at] = found
        return self._by[at]

    def one(self, name: str, **key: Cell) -> Row | None:
        """Return the first row with these cells; None if there is none."""
        found = self.by(name, *key).get(tuple(key.values()))
        return found[0] if found else None

    def cached(self, name: str, make: Callable[[], T]) -> T:
        """Return what `make` returns, made once."""
        if name not in self._kept:
            self._kept[name] = make()
        kept: T = self._kept[name]
        return kept

    @cached_property
    def penalty(self) -> dict[str, float]:
        """Money per unit that is not served, by product."""
        return {str(k): float(v) for k, v in unserved_penalty(self.scenario).items()}

    @cached_property
    def drop_ship(self) -> dict[tuple[str, str], Row]:
        """What suppliers send straight to customers, by supplier and product."""
        offers = drop_ship_offers(self.scenario).to_dict("records")
        return {(str(row["supplier_id"]), str(row["product_id"])): row for row in offers}

    @cached_property
    def told(self) -> dict[str, Row]:
        """What stages wrote about their decisions, by decision_id."""
        return {str(row["decision_id"]): row for row in self.rows("explanations")}

    def penalty_factor(self, product_id: str) -> Factor:
        """Return what a unit not served costs, with the cell that says so."""
        row = self.one("products", product_id=product_id)
        key: Key = (("product_id", product_id),)
        value = self.penalty[product_id]
        if row is not None and not blank(row["unserved_penalty"]):
            return Factor("unserved_penalty", value, "products", key, "unserved_penalty")
        if self.scenario.settings.unserved_penalty_per_unit is not None:
            return self.setting("unserved_penalty_per_unit")
        return Factor("unserved_penalty", value, "products", key, "unit_price")

    def setting(self, name: str) -> Factor:
        """Return a setting as a factor."""
        return Factor(name, float(getattr(self.scenario.settings, name)), "settings", (), name)


def plain(value: Any) -> Cell:
    """Return a cell as key columns are compared: texts, numbers, ISO dates; blanks are ""."""
    if blank(value):
        return ""
    if isinstance(value, pd.Timestamp):
        return str(value.isoformat())
    return value if isinstance(value, str) else float(value)


def blank(value: Any) -> bool:
    """Say whether a cell is blank."""
    return (
        value is None
        or value is pd.NA
        or value is pd.NaT
        or (isinstance(value, float) and math.isnan(value))
    )


def number(value: Any, otherwise: float = 0.0) -> float:
    """Return a cell as a number; a blank is `otherwise`."""
    return otherwise if blank(value) else float(value)


def cell(table: str, row: Row, key: tuple[str, ...], column: str, name: str = "") -> Factor:
    """Return a cell of a row as a factor."""
    at = tuple((part, plain(row[part])) for part in key)
    return Factor(name or column, float(row[column]), table, at, column)


def constant(name: str, value: float, *, divides: bool = False) -> Factor:
    """Return a number that stands in no cell."""
    return Factor(name, value, divides=divides)


def same(a: float, b: float, slack: float = 1e-9) -> bool:
    """Say whether two numbers agree but for rounding."""
    return math.isclose(a, b, rel_tol=slack, abs_tol=slack)
