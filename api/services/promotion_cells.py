"""The ways to be ready for a promotion, each simulated and held against how things stand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from api.services.promotion_question import Question, span_of
from optimizer.plan import Plan
from scenarios import Scenario

if TYPE_CHECKING:
    from optimizer.promotion import Ask, Levels
    from simulation.promoted import Drive, Usual
    from simulation.promotion import Cell, Tried
    from simulation.world import World

STATED, MORE = "as stated", "more"
PLANNED, NONE = "as planned", "none extra"


@dataclass(frozen=True, slots=True)
class Stock:
    """One way to stock up: a plan, and the budgets that bind in it."""

    name: str
    plan: Plan
    budgets: tuple[str, ...]


def ways_to_stock(
    scenario: Scenario,
    wanted: Scenario,
    plan: Plan,
    bare: pd.DataFrame,
    after: Levels | None,
    chosen: Collection[str],
    *,
    work: float | None,
) -> list[Stock]:
    """Return the ways to stock up: as planned, nothing extra, for the expected or high uplift.

    Parameters
    ----------
    chosen : that are made beside the one as planned
    """
    from optimizer.promotion import lay_over, order_for
    from optimizer.promotion.laying import effect
    from optimizer.promotion.replan import bound_budgets

    found = [Stock(PLANNED, plan, bound_budgets(plan))]
    same = bool((bare["qty"] == plan.table("forecast")["qty"]).all())
    forecasts = {} if same else {NONE: bare}
    if after is not None:
        for level in ("expected", "high"):
            if level in after.uplift:
                laid = effect(after, level, scenario)
                forecasts[f"ordered for {level}"] = lay_over(bare, laid, scenario)
    for name in [name for name in forecasts if name in chosen]:
        forecast = forecasts[name]
        made = order_for(wanted, plan, forecast, work)
        found.append(Stock(name, made, bound_budgets(made)))
    return found


def run_one(
    question: Question, world: World, usual: Usual, one: Levels | None, level: str, **how: Any
) -> Tried:
    """Run a world with a promotion at one uplift, or without any."""
    from simulation.promoted import read_money, watch_for, with_demand
    from simulation.promotion import try_world

    drive, channel = None, ""
    if one is not None:
        drive = _drive(one, level, question.ask, question.n_ticks, stated=one is question.after)
        channel = drive.channel_id
    moved = with_demand(world, usual, drive)
    money = read_money(question.scenario, channel)
    watch = watch_for(moved, money, drive, question.marks, question.goods, question.losers)
    return try_world(replace(moved, watch=watch), drive, **how)


def run_cells(
    question: Question,
    stocks: Sequence[Stock],
    worlds: Mapping[str, World],
    capacities: Sequence[str],
    sites: Sequence[str],
    run: Callable[[World, Levels | None, str], Tried],
    limits: Mapping[str, str],
    *,
    now: bool,
) -> list[Cell]:
    """Run everything, and hold every cell against how things stand at its uplift.

    Parameters
    ----------
    now : tonight's orders are the last that can be there in time, so that tonight's budget counts
    """
    from simulation.promotion import compare_tried, with_more_hands

    before, after, ask = question.before, question.after, question.ask
    names = list(question.levels.uplift)
    today = NONE if before is None and NONE in worlds else PLANNED
    stands: dict[str, Tried] = {}
    for level, keys in stood_levels(question).items():
        stands |= dict.fromkeys(keys, run(worlds[today], before, level))
    first, last = question.window
    cells = []
    for capacity in capacities:
        extra: float | None = None
        if capacity == MORE and ask.capacity_cost_per_day is not None:
            extra = ask.capacity_cost_per_day * len(sites) * (last - first + 1)
        for stock in stocks:
            world = worlds[stock.name]
            if capacity == MORE:
                world = with_more_hands(world, sites, ask.more_capacity_pct / 100.0, first, last)
            # a promotion that does not run is the same at every uplift
            tried = run(world, after, names[0])
            for number, level in enumerate(names):
                if number and after is not None:
                    tried = run(world, after, level)
                cell = compare_tried(
                    (level, stock.name, capacity),
                    tried,
                    stands[level],
                    question.window,
                    capacity_cost=extra,
                    limits=limits,
                    budgets=stock.budgets if now else (),
                    taken=len(question.losers) > 0,
                )
                cells.append(cell)
    return cells


def stood_levels(question: Question) -> dict[str, list[str]]:
    """Return by uplift of how things stand, "" for none, the uplifts that are held against it."""
    before = question.before
    found: dict[str, list[str]] = {}
    for level in question.levels.uplift:
        key = "" if before is None else level if level in before.uplift else "expected"
        found.setdefault(key, []).append(level)
    return found


def without_promotion(
    scenario: Scenario, forecast: pd.DataFrame, before: Levels | None
) -> pd.DataFrame:
    """Return the forecast without the promotion that the scenario has."""
    from optimizer.promotion.laying import effect, lay_over, undone

    if before is None:
        return forecast
    return lay_over(
        forecast, undone(effect(before, "expected", scenario), forecast, scenario), scenario
    )


def with_forecast(plan: Plan, forecast: pd.DataFrame) -> Plan:
    """Return a plan with another forecast."""
    return Plan(plan.provenance, {**plan.tables, "forecast": forecast}, plan.notes)


def sites_with_docks(world: World, goods: pd.DataFrame) -> list[str]:
    """Return the sites with a limited dock that sell the goods, or feed those that do."""
    wanted = set(goods["location_id"])
    for site in sorted(world.sites, key=lambda site: site.depth):
        if site.site_id in wanted:
            place = world.sites.index(site)
            wanted |= {
                world.sites[world.lanes[j].origin].site_id
                for j in world.in_lanes[place]
                if world.lanes[j].origin >= 0 and world.lanes[j].fed.any()
            }
    return sorted(s.site_id for s in world.sites if s.site_id in wanted and s.dock is not None)


def _drive(levels: Levels, level: str, ask: Ask, n_ticks: int, *, stated: bool) -> Drive:
    """Return a promotion at one uplift as the simulator takes it."""
    from simulation.promoted import Drive

    first, last = span_of(levels, n_ticks)
    row = levels.row
    pulled = ask.pulled_forward_pct
    return Drive(
        first,
        last,
        levels.goods.assign(factor=levels.factor(level)),
        levels.losers,
        0.0 if levels.taken is None else levels.taken,
        float(row["discount_pct"] or 0.0) / 100.0,
        str(row["channel_id"] or ""),
        None if row["qty_limit"] is None else round(row["qty_limit"]),
        0.0 if pulled is None or not stated else pulled / 100.0,
        ask.pulled_days,
    )
