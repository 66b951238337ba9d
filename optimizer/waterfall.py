"""What part of a change of cost came from which change of the inputs.

The changes between two scenarios, one group per table and column (and per table for rows that came
or went), are applied one after another in a stated order and planned each time; the steps add up
to the whole change. Or each group gets its Shapley value: its mean step over all orders.

Source: Shapley (1953), A value for n-person games.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from optimizer.plan import Plan
from scenarios import InputError, Scenario
from scenarios.deltas import Delta, Diff, apply, diff
from scenarios.deltas.compare import TableDiff, records
from scenarios.deltas.delta import SETTINGS

MOST_FOR_SHAPLEY = 6
Planner = Callable[[Scenario], Plan]


@dataclass(frozen=True, slots=True)
class Costs:
    """What a plan costs: money of each stage's objective and the bound of each, where known.

    Attributes
    ----------
    purchases : money of all purchase lines, of which objectives hold only what is beyond the
        cheapest price
    """

    stages: Mapping[str, float]
    bounds: Mapping[str, float | None]
    purchases: float

    @property
    def total(self) -> float:
        """Money of all stages."""
        return math.fsum(self.stages.values())

    @property
    def gap(self) -> float | None:
        """Money by which the stages together miss their bounds; None where one has none."""
        missed = [
            None if self.bounds[name] is None else cost - float(self.bounds[name] or 0.0)
            for name, cost in self.stages.items()
        ]
        known = [gap for gap in missed if gap is not None]
        return math.fsum(known) if len(known) == len(missed) else None


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: which changes, what they add to the cost of each stage, and how sure that is.

    Attributes
    ----------
    driver : table and column, as in carrier_rates.base; several are joined by " + "
    changes : cells and rows that differ
    change : money; the bars add up to the whole change
    stages : money by stage; they add up to `change`
    uncertain : money that unproven gaps of the plans before and after could move; None: not known
    purchases : by how much the money of purchase lines changed, beside `change`
    """

    driver: str
    changes: int
    change: float
    stages: Mapping[str, float]
    uncertain: float | None
    purchases: float


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The bars between two scenarios.

    Attributes
    ----------
    method : "in order" or "shapley"
    before, after : money of all stages
    bars : in the order in which they were applied; the changes add up to after - before
    plans : how often was planned
    """

    method: str
    before: float
    after: float
    bars: tuple[Bar, ...]
    plans: int

    def document(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Driver:
    """A group of changes: its name, how many they are, and the deltas that make them."""

    name: str
    changes: int
    deltas: tuple[Delta, ...]


def costs_of(plan: Plan) -> Costs:
    """Return the objectives of a plan's stages.

    Raises
    ------
    InputError
        A stage has no plan.
    """
    if not plan.feasible:
        raise InputError("a stage has no plan")
    rows = plan.table("certificates")
    rows = rows[rows["objective"].notna()]
    bounds = {
        str(name): None if math.isnan(bound) else float(bound)
        for name, bound in zip(rows["stage"], rows["bound"].astype(float), strict=True)
    }
    stages = zip(rows["stage"], rows["objective"].astype(float), strict=True)
    purchases = float(plan.table("purchase_orders")["cost"].sum())
    return Costs({str(name): float(cost) for name, cost in stages}, bounds, purchases)


def drivers_of(difference: Diff) -> tuple[Driver, ...]:
    """Return the groups of changes, in the order of the contracts."""
    found = [
        Driver(f"settings.{name}", 1, (Delta(table=SETTINGS, op="set", column=name, value=new),))
        for name, _, new in difference.settings
        if name != "name"
    ]
    for name, part in difference.tables.items():
        if len(part.removed):
            gone = tuple(records(part.removed[part.key], blanks=False))
            delta = Delta(table=name, op="delete", value=gone)
            found.append(Driver(f"{name}: rows removed", len(part.removed), (delta,)))
        found += _columns(name, part)
        if len(part.added):
            delta = Delta(table=name, op="upsert", value=tuple(records(part.added, blanks=False)))
            found.append(Driver(f"{name}: rows added", len(part.added), (delta,)))
    return tuple(found)


def waterfall(
    before: Scenario,
    after: Scenario,
    plan: Planner,
    *,
    shapley: bool = False,
    known: tuple[Plan, Plan] | None = None,
) -> Waterfall:
    """Attribute the change of cost between two scenarios to the changes of their inputs.

    Parameters
    ----------
    plan : plans a scenario, always with the same stages, limits and seed
    shapley : mean over all orders, for up to MOST_FOR_SHAPLEY groups
    known : plans of both ends, made by the same `plan`; None: they are made

    Raises
    ------
    InputError
        Too many groups for Shapley values, or the two ends cannot be planned.
    """
    drivers = drivers_of(diff(before, after))
    made = _Plans(before, drivers, plan)
    if known is not None:
        made.held[frozenset()] = costs_of(known[0])
        made.held[frozenset(range(len(drivers)))] = costs_of(known[1])
    bars = _shapley(drivers, made) if shapley else _in_order(drivers, made)
    first, last = made.of(()), made.of(range(len(drivers)))
    method = "shapley" if shapley else "in order"
    return Waterfall(method, first.total, last.total, tuple(bars), made.count)


class _Plans:
    """Costs of the first scenario with some of the changes, each planned once."""

    def __init__(self, before: Scenario, drivers: Sequence[Driver], plan: Planner) -> None:
        self.before, self.drivers, self.plan = before, drivers, plan
        self.held: dict[frozenset[int], Costs] = {}
        self.count = 0

    def of(self, some: Sequence[int] | range) -> Costs:
        """Return the costs with the changes of some drivers."""
        key = frozenset(some)
        if key not in self.held:
            deltas = [delta for k in sorted(key) for delta in self.drivers[k].deltas]
            scenario = apply(self.before, deltas) if deltas else self.before
            self.held[key] = costs_of(self.plan(scenario))
            self.count += 1
        return self.held[key]


def _in_order(drivers: Sequence[Driver], made: _Plans) -> list[Bar]:
    """Return a bar per driver; one that cannot be planned alone is joined with the next."""
    bars: list[Bar] = []
    waiting: list[Driver] = []
    last = made.of(())
    for k, driver in enumerate(drivers):
        waiting.append(driver)
        try:
            now = made.of(range(k + 1))
        except InputError:
            if k + 1 == len(drivers):
                raise
            continue
        bars.append(_bar(waiting, last, now))
        last, waiting = now, []
    return bars


def _bar(drivers: Sequence[Driver], before: Costs, after: Costs) -> Bar:
    names = dict.fromkeys([*before.stages, *after.stages])
    stages = {n: after.stages.get(n, 0.0) - before.stages.get(n, 0.0) for n in names}
    gaps = (before.gap, after.gap)
    known = [gap for gap in gaps if gap is not None]
    return Bar(
        " + ".join(driver.name for driver in drivers),
        sum(driver.changes for driver in drivers),
        after.total - before.total,
        stages,
        math.fsum(known) if len(known) == len(gaps) else None,
        after.purchases - before.purchases,
    )


def _shapley(drivers: Sequence[Driver], made: _Plans) -> list[Bar]:
    """Return each driver's mean step over all orders."""
    n = len(drivers)
    if n > MOST_FOR_SHAPLEY:
        raise InputError(
            f"{n} groups of changes are too many for Shapley values: at most {MOST_FOR_SHAPLEY}"
        )
    bars = []
    for k, driver in enumerate(drivers):
        others = [j for j in range(n) if j != k]
        stages: dict[str, float] = {}
        total, gap, bought = 0.0, 0.0, 0.0
        sure = True
        for size in range(n):
            weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            for some in combinations(others, size):
                step = _bar([driver], made.of(some), made.of((*some, k)))
                total += weight * step.change
                bought += weight * step.purchases
                for name, change in step.stages.items():
                    stages[name] = stages.get(name, 0.0) + weight * change
                sure &= step.uncertain is not None
                gap += weight * (step.uncertain or 0.0)
        unsure = gap if sure else None
        bars.append(Bar(driver.name, driver.changes, total, stages, unsure, bought))
    return bars


def _columns(name: str, part: TableDiff) -> list[Driver]:
    """Return a driver for every column of which cells changed."""
    found = []
    for column in dict.fromkeys(part.changed["_column"]):
        cells = part.changed[part.changed["_column"] == column]
        rows = []
        for key, new in zip(records(cells[part.key]), cells["_new"], strict=True):
            row = {field: cell for field, cell in key.items() if cell is not None}
            rows.append(row | {column: new})
        delta = Delta(table=name, op="upsert", value=tuple(rows))
        found.append(Driver(f"{name}.{column}", len(rows), (delta,)))
    return found
