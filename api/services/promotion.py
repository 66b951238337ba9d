"""What if this promotion ran: uplift x stock x capacity, simulated with the same customers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
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
    from simulation.promotion import Cell, Tried
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

    Every cell is held against no promotion, or against the one that the scenario has at the same
    level of uplift, as :class:`optimizer.promotion.Ask` says. All meet the same random numbers.

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
    from simulation.assembly import build_world
    from simulation.promoted import usual_demand
    from simulation.promotion import outbound_limits

    tell = progress or (lambda _stage, _share, _message: None)
    if replications < 2:
        raise InputError("replications is at least 2")
    question = _read(scenario, plan, ask)
    names = list(question.levels.uplift)
    if weights is not None and len(weights) != len(names):
        raise InputError(f"weights are one for each of the uplifts {', '.join(names)}")
    used_seed = scenario.settings.seed if seed is None else seed
    bare = _without(scenario, plan.table("forecast"), question.held)
    tell("promotion", 0.02, "ordering for the promotion")
    stocks = _stocks(scenario, question.wanted, plan, bare, question.after, work=work)
    tell("promotion", 0.2, "building worlds")
    usual = usual_demand(build_world(scenario, _forecast_of(plan, bare)))
    worlds = {stock.name: build_world(scenario, stock.plan) for stock in stocks}
    sites = _capacity_sites(worlds[PLANNED], question.goods)
    capacities = [STATED, MORE] if sites and ask.more_capacity_pct > 0.0 else [STATED]
    total = len(names) * (len(stocks) * len(capacities) + 1)
    done = itertools.count()

    def run(world: World, one: Levels | None, level: str) -> Tried:
        number = next(done)
        tell("promotion", 0.25 + 0.7 * number / total, f"run {number + 1} of {total}")
        return _tried(
            question, world, usual, one, level,
            replications=replications, seed=used_seed, processes=processes, executor=executor,
            cancelled=cancelled,
        )  # fmt: skip

    latest = _latest(question, worlds[PLANNED])
    limits = outbound_limits(scenario, worlds[PLANNED])
    cells = _cells(
        question, stocks, worlds, capacities, sites, run, limits, now=_is_now(scenario, latest)
    )
    tell("promotion", 0.98, "choosing")
    shares = weights
    if shares is None and len(names) > 1:
        shares = [WEIGHTS[name] for name in names]
    levels = question.levels
    document = {
        "promotion": {name: _cell(value) for name, value in levels.row.items()},
        "asks": _asks(ask, new=question.held is None),
        "against": ask.stands_against(scenario),
        "deltas": [delta.document() for delta in ask.deltas(scenario)],
        "first_day": _day(scenario, question.window[0]),
        "last_day": _day(scenario, question.window[1]),
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
        "latest_orders": latest,
        "robust": _choice(cells, names, stocks, capacities, shares),
        "replications": replications,
        "seed": used_seed,
        "currency": scenario.settings.currency,
        "notes": [*levels.notes, *_notes(question, sites)],
    }
    tell("promotion", 1.0, "done")
    told: dict[str, Any] = plain(document)
    return told


def read_ask(told: Mapping[str, Any]) -> Ask:
    """Return what is asked for of the fields that go over the wire.

    Raises
    ------
    InputError
        A number lies where it cannot.
    """
    from optimizer.promotion import Ask

    cells = {
        "kind": "kind", "product_id": "product", "category": "category",
        "location_id": "location", "channel_id": "channel", "start": "start", "end": "end",
        "discount_pct": "discount_pct", "qty_limit": "qty_limit", "cannibalises": "takes_from",
    }  # fmt: skip
    return Ask(
        str(told["promotion"]),
        {column: told[name] for column, name in cells.items() if told[name] is not None},
        tuple(told["uplifts_pct"]),
        cancelled=bool(told["cancel"]),
        cannibalised_pct=told["taken_pct"],
        pulled_forward_pct=told["pulled_forward_pct"],
        pulled_days=int(told["pulled_days"]),
        more_capacity_pct=float(told["more_capacity_pct"]),
        capacity_cost_per_day=told["capacity_cost_per_day"],
        against=told["compared_with"] or "",
    )


def planned_for(scenario: Scenario, work: float | None = None, seed: int | None = None) -> Plan:
    """Plan a scenario as far as a promotion needs it."""
    from optimizer.pipeline import plan

    return plan(scenario, STAGES, work=work, seed=seed)


# ---- inside ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked, read.

    Attributes
    ----------
    wanted : the scenario with what is asked for
    held : the promotion as the scenario has it; None: it is new
    before : what everything is held against; None: no promotion
    after : what would run; None: none, it is cancelled
    window : first and last tick of both
    goods, losers : of both; losers only where it is known how much they lose
    """

    scenario: Scenario
    wanted: Scenario
    ask: Ask
    held: Levels | None
    before: Levels | None
    after: Levels | None
    n_ticks: int
    window: tuple[int, int]
    goods: pd.DataFrame
    losers: pd.DataFrame

    @property
    def levels(self) -> Levels:
        """What would run, or would not."""
        levels = self.after or self.held
        assert levels is not None, "a promotion is new, or the scenario has it"
        return levels

    @property
    def marks(self) -> list[int]:
        """Ticks on whose mornings sums are taken."""
        spans = [_span(one, self.n_ticks) for one in (self.before, self.after) if one is not None]
        ends = {tick for first, last in (*spans, self.window) for tick in (first, last + 1)}
        return sorted({0, *ends} - {self.n_ticks})


def _read(scenario: Scenario, plan: Plan, ask: Ask) -> _Question:
    from optimizer.promotion import read_levels
    from optimizer.promotion.ask import with_promotion

    forecast = plan.table("forecast")
    if not len(forecast) or not len(plan.table("policies")):
        raise InputError("the plan needs a forecast and orders: stages forecasting, replenishment")
    wanted = with_promotion(scenario, ask)
    held = None
    if not ask.is_new(scenario):
        held = read_levels(scenario, ask.promotion_id, forecast)
    before = held if ask.stands_against(scenario) == "as_is" else None
    after = None if ask.cancelled else read_levels(wanted, ask.promotion_id, forecast, ask)
    sides = [one for one in (before, after) if one is not None]
    n_ticks = scenario.settings.horizon_days
    spans = [_span(one, n_ticks) for one in sides]
    pair = ["product_id", "location_id"]
    return _Question(
        scenario, wanted, ask, held, before, after, n_ticks,
        (min(first for first, _ in spans), max(last for _, last in spans)),
        pd.concat([one.goods[pair] for one in sides]).drop_duplicates(),
        pd.concat(
            [one.losers[pair].iloc[: None if one.taken is not None else 0] for one in sides]
        ).drop_duplicates(),
    )  # fmt: skip


def _tried(
    question: _Question, world: World, usual: Usual, one: Levels | None, level: str, **how: Any
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


def _cells(
    question: _Question,
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
    for level in names:
        key = "" if before is None else level if level in before.uplift else "expected"
        if key not in stands:
            stands[key] = run(worlds[today], before, key)
        stands[level] = stands[key]
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


def _is_now(scenario: Scenario, latest: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether some goods must be ordered before the next bucket, or should have been."""
    following = _day(scenario, scenario.settings.bucket_days)
    return any(one["order_by"] is None or one["order_by"] < following for one in latest)


def _latest(question: _Question, world: World) -> list[dict[str, Any]]:
    """Return by when each supplier must have the orders that are there on the first day."""
    import numpy as np

    from simulation.order_dates import latest_orders

    goods = question.levels.goods
    pairs = set(zip(goods["location_id"], goods["product_id"], strict=True))
    flags = [
        np.array([(site.site_id, world.product_ids[p]) in pairs for p in site.product], bool)
        for site in world.sites
    ]
    first = _span(question.levels, question.n_ticks)[0]
    return [
        {
            "supplier_id": one.supplier_id,
            "order_by": None if one.latest is None else _day(question.scenario, one.latest),
            "late": one.latest is None or one.latest < 0,
            "product_locations": one.goods,
            "in_time_tonight": one.in_time,
        }
        for one in latest_orders(world, flags, first)
    ]


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
    work: float | None,
) -> list[Stock]:
    """Return the ways to stock up: as planned, nothing extra, for the expected or high uplift."""
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
    for name, forecast in forecasts.items():
        made = order_for(wanted, plan, forecast, work)
        found.append(Stock(name, made, bound_budgets(made)))
    return found


def _asks(ask: Ask, *, new: bool) -> str:
    if new:
        return "new"
    if ask.cancelled:
        return "cancelled"
    return "changed" if ask.cells or ask.uplifts_pct else "as it is"


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


def _notes(question: _Question, sites: Sequence[str]) -> list[str]:
    from simulation.promoted import read_money

    scenario, ask, levels, goods = (
        question.scenario, question.ask, question.levels, question.goods,
    )  # fmt: skip
    channel_known = read_money(scenario, str(levels.row["channel_id"] or "")).known
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
