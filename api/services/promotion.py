"""What if this promotion ran: uplift x stock x capacity, simulated with the same customers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from api.services.comparison import REPLICATIONS, plain
from optimizer.plan import Plan
from scenarios import InputError, Scenario

if TYPE_CHECKING:
    from optimizer.executor import Executor
    from optimizer.promotion import Ask, Levels
    from simulation.promoted import Drive, Usual
    from simulation.world import World

STATED, MORE = "as stated", "more"
PLANNED, NONE = "as planned", "none extra"
WEIGHTS: Final = {"low": 0.3, "expected": 0.4, "high": 0.3}
STAGES: Final = ("forecasting", "replenishment")


@dataclass(frozen=True, slots=True)
class Stock:
    """One way to stock up: a plan, and the budgets that bind in it."""

    name: str
    plan: Plan
    budgets: tuple[str, ...]


def promotion(
    scenario: Scenario,
    plan: Plan,
    ask: Ask,
    *,
    replications: int = REPLICATIONS,
    weights: Sequence[float] | None = None,
    seed: int | None = None,
    work: float | None = None,
    processes: int = 0,
    executor: Executor | None = None,
    progress: Callable[[str, float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Say what a promotion would do at each uplift, stock and capacity; return the document of it.

    Every cell is held against how things stand: without the promotion if it is new, else with the
    one that the scenario has, at the same level of uplift. All meet the same random numbers.

    Parameters
    ----------
    plan : of the scenario, with a forecast and tonight's orders
    weights : probability of each level of uplift in the robust choice; None: 0.3, 0.4, 0.3 (the
        weights of 10, 50 and 90 % points after Swanson)
    work : deterministic work of each plan of orders that is made here
    processes : that share the replications; the answer does not depend on it

    Raises
    ------
    InputError
        The promotion makes no sense, or nothing says what it brings.
    """
    from optimizer.promotion import read_levels
    from optimizer.promotion.ask import with_promotion
    from simulation.assembly import build_world
    from simulation.order_dates import latest_orders
    from simulation.promoted import read_money, ticks_of, usual_demand, watch_for, with_demand
    from simulation.promotion import compare_tried, outbound_limits, try_world, with_more_hands

    tell = progress or (lambda _stage, _share, _message: None)
    forecast = plan.table("forecast")
    if not len(forecast) or not len(plan.table("policies")):
        raise InputError("the plan needs a forecast and orders: stages forecasting, replenishment")
    if replications < 2:
        raise InputError("replications is at least 2")
    wanted = with_promotion(scenario, ask)
    new = ask.is_new(scenario)
    before = None if new else read_levels(scenario, ask.promotion_id, forecast)
    after = None if ask.cancelled else read_levels(wanted, ask.promotion_id, forecast, ask)
    levels = after or before
    assert levels is not None, "a promotion is new, or the scenario has it"
    names = list(levels.uplift)
    if weights is not None and len(weights) != len(names):
        raise InputError(f"weights are one for each of the uplifts {', '.join(names)}")
    used_seed = scenario.settings.seed if seed is None else seed
    bare = _without(scenario, forecast, before)
    tell("promotion", 0.02, "ordering for the promotion")
    stocks = _stocks(scenario, wanted, plan, bare, after, new=new, work=work)
    tell("promotion", 0.2, "building worlds")
    usual = usual_demand(build_world(scenario, _forecast_of(plan, bare)))
    worlds = {stock.name: build_world(scenario, stock.plan) for stock in stocks}
    n_ticks = worlds[stocks[0].name].n_ticks
    spans = [_span(one, n_ticks) for one in (before, after) if one is not None]
    window = min(first for first, _ in spans), max(last for _, last in spans)
    marks = ticks_of([0, *(t for first, last in (*spans, window) for t in (first, last + 1))],
                     n_ticks - 1)  # fmt: skip
    goods = pd.concat([one.goods for one in (before, after) if one is not None])
    goods = goods.drop_duplicates(["product_id", "location_id"])
    losers = pd.concat([one.losers for one in (before, after) if one is not None])
    losers = losers.drop_duplicates()
    money = {
        id(one): read_money(scenario, str(one.row["channel_id"] or ""))
        for one in (before, after)
        if one is not None
    }
    nobody = read_money(scenario, "")
    sites = _capacity_sites(worlds[PLANNED], goods)
    capacities = [STATED, MORE] if sites and ask.more_capacity_pct > 0.0 else [STATED]
    limits = outbound_limits(scenario, worlds[PLANNED])
    total = len(names) * (len(stocks) * len(capacities) + 1)
    done = 0

    def run(world: World, one: Levels | None, level: str) -> Any:
        nonlocal done
        drive = None if one is None else _drive(one, level, ask, n_ticks, stated=one is after)
        moved = with_demand(world, usual, drive)
        facts = nobody if one is None else money[id(one)]
        watched = replace(moved, watch=watch_for(moved, facts, drive, marks, goods, losers))
        tell("promotion", 0.25 + 0.7 * done / total, f"{done} of {total} runs")
        done += 1
        return try_world(
            watched, drive, replications, used_seed, processes=processes, executor=executor,
            cancelled=cancelled,
        )  # fmt: skip

    stands: dict[str, Any] = {}
    for level in names:
        known = level if before is not None and level in before.uplift else "expected"
        key = known if before is not None else ""
        if key not in stands:
            stands[key] = run(worlds[PLANNED], before, known)
        stands[level] = stands[key]
    cells = []
    days = window[1] - window[0] + 1
    for capacity in capacities:
        extra = 0.0
        if capacity == MORE and ask.capacity_cost_per_day is not None:
            extra = ask.capacity_cost_per_day * len(sites) * days
        for stock in stocks:
            world = worlds[stock.name]
            if capacity == MORE:
                world = with_more_hands(world, sites, ask.more_capacity_pct / 100.0, *window)
            kept: Any = None
            for level in names:
                if after is not None or kept is None:
                    kept = run(world, after, level)
                cells.append(
                    compare_tried(
                        (level, stock.name, capacity), kept, stands[level], window,
                        capacity_cost=extra, limits=limits, budgets=stock.budgets,
                    )  # fmt: skip
                )
    tell("promotion", 0.98, "choosing")
    shares = weights
    if shares is None and len(names) > 1:
        shares = [WEIGHTS[name] for name in names]
    first = _span(levels, n_ticks)[0]
    flags = worlds[PLANNED]
    orders = latest_orders(flags, _flagged(flags, levels.goods), first)
    document = {
        "promotion": {name: _cell(value) for name, value in levels.row.items()},
        "asks": "new" if new else "cancelled" if ask.cancelled else "changed",
        "against": "without the promotion" if new else "the promotion as the scenario has it",
        "deltas": [delta.document() for delta in ask.deltas(scenario)],
        "first_day": _day(scenario, window[0]),
        "last_day": _day(scenario, window[1]),
        "uplifts": [{"name": name, "uplift": value} for name, value in levels.uplift.items()],
        "uplift_source": "stated" if levels.stated else levels.rule,
        "past_promotions": levels.past,
        "cannibalised_share": levels.taken,
        "pulled_forward_pct": ask.pulled_forward_pct,
        "product_locations": len(levels.goods),
        "stocks": [_told(scenario, stock) for stock in stocks],
        "capacities": capacities,
        "capacity_sites": sites,
        "cells": [cell.document() for cell in cells],
        "latest_orders": [
            {
                "supplier_id": one.supplier_id,
                "order_by": None if one.latest is None else _day(scenario, one.latest),
                "late": one.latest is None or one.latest < 0,
                "product_locations": one.goods,
                "in_time_tonight": one.in_time,
            }
            for one in orders
        ],
        "robust": _choice(cells, names, stocks, capacities, shares),
        "replications": replications,
        "seed": used_seed,
        "currency": scenario.settings.currency,
        "notes": [
            *levels.notes,
            *_notes(scenario, ask, levels, goods, sites, money[id(levels)].known),
        ],
    }
    tell("promotion", 1.0, "done")
    told: dict[str, Any] = plain(document)
    return told


def planned_for(scenario: Scenario, work: float | None = None, seed: int | None = None) -> Plan:
    """Plan a scenario as far as a promotion needs it."""
    from optimizer.pipeline import plan

    return plan(scenario, STAGES, work=work, seed=seed)


# ---- inside ---------------------------------------------------------------------------------


def _without(scenario: Scenario, forecast: pd.DataFrame, before: Levels | None) -> pd.DataFrame:
    """Return the forecast without the promotion that the scenario has."""
    from optimizer.promotion.laying import effect, lay_over, undone

    if before is None:
        return forecast
    return lay_over(
        forecast, undone(effect(before, "expected", scenario), forecast, scenario), scenario
    )


def _forecast_of(plan: Plan, forecast: pd.DataFrame) -> Plan:
    return Plan(plan.provenance, {**plan.tables, "forecast": forecast}, plan.notes)


def _stocks(
    scenario: Scenario,
    wanted: Scenario,
    plan: Plan,
    bare: pd.DataFrame,
    after: Levels | None,
    *,
    new: bool,
    work: float | None,
) -> list[Stock]:
    """Return the ways to stock up: as planned, nothing extra, for the expected uplift, for the high."""
    from optimizer.promotion import lay_over, order_for
    from optimizer.promotion.laying import effect
    from optimizer.promotion.replan import bound_budgets

    found = [Stock(PLANNED, plan, bound_budgets(plan))]
    forecasts = {} if new else {NONE: bare}
    if after is not None:
        for level in ("expected", "high"):
            if level in after.uplift:
                laid = effect(after, level, scenario)
                forecasts[f"ordered for {level}"] = lay_over(bare, laid, scenario)
    for name, forecast in forecasts.items():
        made = order_for(wanted, plan, forecast, work)
        found.append(Stock(name, made, bound_budgets(made)))
    return found


def _span(levels: Levels, n_ticks: int) -> tuple[int, int]:
    return max(levels.first, 0), min(levels.last, n_ticks - 1)


def _drive(levels: Levels, level: str, ask: Ask, n_ticks: int, *, stated: bool) -> Drive:
    """Return a promotion at one uplift as the simulator takes it."""
    from simulation.promoted import Drive

    first, last = _span(levels, n_ticks)
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


def _flagged(world: World, goods: pd.DataFrame) -> list[Any]:
    pairs = set(zip(goods["location_id"], goods["product_id"], strict=True))
    import numpy as np

    return [
        np.array([(site.site_id, world.product_ids[p]) in pairs for p in site.product], bool)
        for site in world.sites
    ]


def _capacity_sites(world: World, goods: pd.DataFrame) -> list[str]:
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


def _told(scenario: Scenario, stock: Stock) -> dict[str, Any]:
    """Return what a stock orders tonight."""
    orders = stock.plan.table("purchase_orders")
    tonight = orders[orders["order_on"] == pd.Timestamp(scenario.settings.start_date)]
    return {
        "name": stock.name,
        "units_tonight": float(tonight["qty"].sum()),
        "cost_tonight": float(tonight["cost"].sum()),
        "budgets_bound": list(stock.budgets),
    }


def _choice(
    cells: Sequence[Any],
    names: Sequence[str],
    stocks: Sequence[Stock],
    capacities: Sequence[str],
    weights: Sequence[float] | None,
) -> dict[str, Any]:
    """Return which stock and capacity is best over the uplifts; what is weighed is the net loss."""
    import numpy as np

    from simulation.side_by_side import weigh

    ways = [(stock.name, capacity) for capacity in capacities for stock in stocks]
    by_key = {(c.stock, c.capacity, c.uplift): c.net for c in cells}
    mean = np.array([[-by_key[*way, name].mean for name in names] for way in ways])
    half = np.array([[by_key[*way, name].half_width for name in names] for way in ways])
    told = [f"{stock} / {capacity}" for stock, capacity in ways]
    return weigh(told, names, weights, mean, half).document()


def _notes(
    scenario: Scenario,
    ask: Ask,
    levels: Levels,
    goods: pd.DataFrame,
    sites: Sequence[str],
    channel_known: bool,
) -> list[str]:
    found = []
    products = scenario.table("products").set_index("product_id")
    rows = products.reindex(goods["product_id"].unique())
    for name, word in (("unit_price", "price"), ("unit_cost", "cost")):
        missing = int(rows[name].isna().sum())
        if missing:
            found.append(
                f"{missing} promoted products state no {word}: their units count, their margin does"
                " not."
            )
    if levels.row["discount_pct"] is None:
        found.append("No discount is stated: none is taken off.")
    if not channel_known:
        found.append("Demand by channel is not known: all units in the promotion get the discount.")
    if ask.pulled_forward_pct is None:
        found.append(
            "Sales pulled forward from the days after are not stated and not known: none are taken"
            " off."
        )
    if not sites:
        found.append("No site that sells or feeds these goods states a capacity: none binds.")
    elif ask.capacity_cost_per_day is None and ask.more_capacity_pct > 0.0:
        found.append("What more capacity costs is not stated: it is not in the gain.")
    found.append(
        "The cost of shortage is shown and not taken off: lost sales are missing from the margin."
    )
    found.append("Stock left at the end is shown at cost and not written off.")
    return found


def _day(scenario: Scenario, tick: int) -> str:
    day = pd.Timestamp(scenario.settings.start_date) + pd.Timedelta(days=tick)
    return str(day.date().isoformat())


def _cell(value: Any) -> Any:
    return value.date().isoformat() if isinstance(value, pd.Timestamp) else value
