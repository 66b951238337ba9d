"""The Dantzig-Wolfe master: a linear program over item plans, solved by GLOP."""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizer.replenishment.buyer.problem import Floats, Ints


class Master:
    """Minimise the cost of a mixture of plans per item, under rows `a x <= b`.

    Parameters
    ----------
    n_items : each takes plans that add up to 1
    room : (n_rows,) right sides; rows with an infinite one are left out
    extra_cost, extra_upper : (n_extras,) columns that belong to no item
    extra_row, extra_column, extra_value : (n_entries,) their entries
    """

    def __init__(
        self,
        n_items: int,
        room: Floats,
        extra_cost: Floats,
        extra_upper: Floats,
        extra_row: Ints,
        extra_column: Ints,
        extra_value: Floats,
    ) -> None:
        from ortools.linear_solver import pywraplp

        self._optimal = (pywraplp.Solver.OPTIMAL, pywraplp.Solver.FEASIBLE)
        self._solver: Any = pywraplp.Solver.CreateSolver("GLOP")
        self._objective = self._solver.Objective()
        self._objective.SetMinimization()
        self.room = room
        low = -self._solver.infinity()
        self._rows = [
            self._solver.Constraint(low, float(right)) if np.isfinite(right) else None
            for right in room
        ]
        self._items = [self._solver.Constraint(1.0, 1.0) for _ in range(n_items)]
        self._plans: list[Any] = []
        extras = [self._solver.NumVar(0.0, float(upper), "") for upper in extra_upper]
        for variable, cost in zip(extras, extra_cost.tolist(), strict=True):
            self._objective.SetCoefficient(variable, cost)
        for row, column, value in zip(
            extra_row.tolist(), extra_column.tolist(), extra_value.tolist(), strict=True
        ):
            if value != 0.0 and self._rows[row] is not None:
                self._rows[row].SetCoefficient(extras[column], value)
        self._extras = extras

    def add(self, item: Ints, cost: Floats, column: Ints, row: Ints, value: Floats) -> None:
        """Add plans; entries are (column within this batch, row, value)."""
        fresh = []
        for owner, money in zip(item.tolist(), cost.tolist(), strict=True):
            variable = self._solver.NumVar(0.0, self._solver.infinity(), "")
            self._objective.SetCoefficient(variable, money)
            self._items[owner].SetCoefficient(variable, 1.0)
            fresh.append(variable)
        for at, place, amount in zip(column.tolist(), row.tolist(), value.tolist(), strict=True):
            self._rows[place].SetCoefficient(fresh[at], amount)
        self._plans += fresh

    def fence(self, lower: Floats, upper: Floats) -> None:
        """Set what the columns that belong to no item lie between."""
        for variable, low, high in zip(self._extras, lower.tolist(), upper.tolist(), strict=True):
            variable.SetBounds(low, high)

    def solve(self, seconds: float | None) -> bool:
        """Solve; say whether there are prices to read."""
        if seconds is not None:
            self._solver.SetTimeLimit(max(1, int(1000 * seconds)))
        return self._solver.Solve() in self._optimal

    @property
    def objective(self) -> float:
        """Money of the mixture."""
        return float(self._objective.Value())

    @property
    def iterations(self) -> int:
        """Simplex iterations of the last solve."""
        return int(self._solver.iterations())

    def prices(self) -> tuple[Floats, Floats]:
        """Return prices of the rows, (n_rows,) >= 0, and of the items, (n_items,)."""
        rows = [0.0 if row is None else -row.dual_value() for row in self._rows]
        items = [row.dual_value() for row in self._items]
        return np.maximum(np.array(rows), 0.0), np.array(items)

    def weights(self) -> Floats:
        """Return how much of each plan the mixture takes, (n_plans,)."""
        return np.array([variable.solution_value() for variable in self._plans])

    def extras(self) -> Floats:
        """Return the values of the columns that belong to no item."""
        return np.array([variable.solution_value() for variable in self._extras])
