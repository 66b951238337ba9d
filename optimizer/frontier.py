"""Cost against CO2e: plans at a ladder of prices, those that no other beats, and what is certain.

A plan at a price of p money a gram minimises cost + p x grams. Between two neighbours the next
price is the slope that joins them, where the area in which better plans could lie is largest (the
weighted sums of Aneja and Nair, 1979). A stage's bound b at price p holds for every plan: cost +
p x grams >= b, so that a plan of G grams costs at least the largest b - p x G of all prices tried.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import pandas as pd

from optimizer.pipeline import plan as make_plan
from optimizer.plan import Plan
from scenarios import InputError, Scenario

GRAMS_PER_TONNE: Final = 1e6
STEEP: Final = 100.0  # the dearest price lets what is emitted weigh so many times the cost
FLAT: Final = 1e-9  # relative; less apart is the same
EMITTING: Final = (
    "network",
    "positioning",
    "replenishment",
    "rolling",
    "buyer",
    "sourcing",
    "routing",
)


@dataclass(frozen=True, slots=True)
class Point:
    """One plan.

    Attributes
    ----------
    price_per_tonne : money at which it was planned
    cost : money of all stages' objectives, without what CO2e costs
    co2_kg : what they emit
    cost_at_least : money below which no plan that emits as little can cost; None without bounds
    stages : (stage, cost, kg)
    dominated : another plan costs no more and emits no more
    """

    price_per_tonne: float
    cost: float
    co2_kg: float
    cost_at_least: float | None
    stages: tuple[tuple[str, float, float], ...]
    dominated: bool

    @property
    def gap_pct(self) -> float | None:
        """100 x (cost - cost_at_least) / |cost|; None without a bound."""
        if self.cost_at_least is None or not self.cost:
            return None
        return 100.0 * (self.cost - self.cost_at_least) / abs(self.cost)


@dataclass(frozen=True, slots=True)
class Frontier:
    """Plans of one scenario, the cheapest first.

    Attributes
    ----------
    points : plans that no other one beats
    beaten : the others
    notes : how to read it
    """

    scenario_hash: str
    currency: str
    stages: tuple[str, ...]
    points: tuple[Point, ...]
    beaten: tuple[Point, ...]
    notes: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return plain JSON values."""
        document = asdict(self)
        for name in ("points", "beaten"):
            document[name] = [
                asdict(point)
                | {
                    "gap_pct": point.gap_pct,
                    "stages": [
                        {"stage": stage, "cost": cost, "co2_kg": kg}
                        for stage, cost, kg in point.stages
                    ],
                }
                for point in getattr(self, name)
            ]
        return document


@dataclass(frozen=True, slots=True)
class _Tried:
    """A plan at a price: its cost and grams by stage, and the bound on cost + price x grams."""

    price: float
    stages: tuple[tuple[str, float, float], ...]
    bound: float | None

    @property
    def cost(self) -> float:
        return math.fsum(cost for _, cost, _ in self.stages)

    @property
    def grams(self) -> float:
        return math.fsum(grams for _, _, grams in self.stages)


def co2_frontier(
    scenario: Scenario,
    points: int,
    stages: Sequence[str] | None = None,
    *,
    work: float | None = None,
    seed: int | None = None,
    options: Mapping[str, str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Frontier:
    """Plan a scenario at several prices of CO2e and return the plans that no other one beats.

    Parameters
    ----------
    points : plans to make, at least 2; the frontier has no more
    stages, work, seed, options : as of :func:`optimizer.pipeline.plan`; the work is of each plan
    progress : called with (plans made, points)

    Raises
    ------
    InputError
        Fewer than 2 points, or no stage that emits anything.
    """
    if points < 2:
        raise InputError(f"a frontier has at least 2 points, not {points}")
    tried: list[_Tried] = []
    notes: list[str] = []

    def at(price: float) -> _Tried:
        settings = scenario.settings.model_copy(
            update={"co2_price_per_tonne": price * GRAMS_PER_TONNE}
        )
        priced = Scenario(settings, dict(scenario.tables))
        made = make_plan(priced, stages, work=work, seed=seed, options=options)
        one = _Tried(price, measured(made, price, pd.Timestamp(settings.start_date)), _bound(made))
        tried.append(one)
        if progress is not None:
            progress(len(tried), points)
        return one

    cheapest = at(0.0)
    if not cheapest.grams > 0.0:
        raise InputError("nothing that these stages plan is known to emit CO2e")
    at(STEEP * max(abs(cheapest.cost), 1.0) / cheapest.grams)
    while len(tried) < points:
        price = _next_price(tried)
        if price is None:
            notes.append(
                f"{len(tried)} of {points} plans were made: between them no other price is left"
                " to try."
            )
            break
        at(price)
    front = _front(tried)
    ran = tuple(name for name, _, _ in cheapest.stages)
    if {"sourcing", "routing"} <= set(ran):
        notes.append(
            "The bound of the routes holds for the parcels of their own plan: what lies under the"
            " frontier is certain for each stage by itself."
        )
        notes.append("Parcels of vans count twice: at their rate in sourcing, as km in routing.")
    return Frontier(
        scenario.content_hash,
        scenario.settings.currency,
        ran,
        tuple(_point(one, tried, dominated=False) for one in front),
        tuple(
            _point(one, tried, dominated=True)
            for one in sorted(tried, key=lambda one: (one.cost, one.grams, one.price))
            if one not in front
        ),
        tuple(notes),
    )


def measured(plan: Plan, price: float, start: pd.Timestamp) -> tuple[tuple[str, float, float], ...]:
    """Return (stage, money without CO2e, grams) of the stages that emit.

    Parameters
    ----------
    price : money per gram that the plan was made at
    start : the day of tonight's orders
    """
    found = []
    certificates = plan.table("certificates").set_index("stage")["objective"]
    for stage in EMITTING:
        if stage in certificates.index and pd.notna(certificates[stage]):
            grams = _grams(plan, stage, start)
            found.append((stage, float(certificates[stage]) - price * grams, grams))
    return tuple(found)


# ---- inside ---------------------------------------------------------------------------------


def _grams(plan: Plan, stage: str, start: pd.Timestamp) -> float:
    """Return what a stage's objective counts as emitted, grams."""
    orders, moves = plan.table("purchase_orders"), plan.table("transfers")
    if stage == "network":
        kpis = plan.table("kpis")
        rows = kpis[(kpis["kpi"] == "CO2e") & (kpis["variant"] == "redesign")]
        return float(rows["value"].sum())
    if stage == "positioning":
        of_stage = moves["transfer_id"].str.startswith("TP-").fillna(False).astype(bool)
        return float(moves.loc[of_stage, "g_co2e"].sum())
    if stage == "sourcing":
        return float(plan.table("shipments")["g_co2e"].sum())
    if stage == "routing":
        driven, given = plan.table("routes")["g_co2e"], plan.table("handed_over")["g_co2e"]
        return float(driven.sum()) + float(given.sum())
    if not len(orders):
        return 0.0
    if stage == "buyer":
        return float(orders["g_co2e"].sum())
    tonight = orders["order_on"] == start
    return float(orders.loc[tonight if stage == "replenishment" else ~tonight, "g_co2e"].sum())


def _bound(plan: Plan) -> float | None:
    """Return the sum of the bounds of the stages that emit; None where one has none."""
    rows = plan.table("certificates").set_index("stage")
    rows = rows[rows.index.isin(EMITTING) & rows["objective"].notna()]
    return None if rows["bound"].isna().any() else float(rows["bound"].sum())


def _point(one: _Tried, tried: list[_Tried], *, dominated: bool) -> Point:
    bounds = [t.bound - t.price * one.grams for t in tried if t.bound is not None]
    return Point(
        one.price * GRAMS_PER_TONNE,
        one.cost,
        one.grams / 1000.0,
        min(max(bounds), one.cost) if bounds else None,
        tuple((name, cost, grams / 1000.0) for name, cost, grams in one.stages),
        dominated,
    )


def _front(tried: list[_Tried]) -> list[_Tried]:
    """Return the plans that no other one beats, the cheapest first; of equals the first."""
    front: list[_Tried] = []
    for one in sorted(tried, key=lambda one: (one.cost, one.grams, one.price)):
        if not front or one.grams < front[-1].grams - FLAT * abs(front[-1].grams):
            front.append(one)
    return front


def _next_price(tried: list[_Tried]) -> float | None:
    """Return the slope between the neighbours with most room between them; None: all tried."""
    front = _front(tried)
    known = [one.price for one in tried]
    wide = front[-1].cost - front[0].cost, front[0].grams - front[-1].grams
    rooms = []
    for number, (one, other) in enumerate(itertools.pairwise(front)):
        cost, grams = other.cost - one.cost, one.grams - other.grams
        price = cost / grams
        if all(abs(price - tried_at) > FLAT * max(price, tried_at) for tried_at in known):
            rooms.append((cost / wide[0] * grams / wide[1], -number, price))
    return max(rooms)[2] if rooms else None
