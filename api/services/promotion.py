"""What if this promotion ran: uplift x stock x capacity, simulated with the same customers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from api.services.comparison import REPLICATIONS, plain
from api.services.promotion_cells import (
    MORE,
    NONE,
    PLANNED,
    STATED,
    Stock,
    run_cells,
    run_one,
    sites_with_docks,
    stood_levels,
    ways_to_stock,
    with_forecast,
    without_promotion,
)
from api.services.promotion_question import Question, day_of, read_question, span_of
from optimizer.plan import Plan
from scenarios import InputError, Scenario

if TYPE_CHECKING:
    from optimizer.executor import Executor
    from optimizer.promotion import Ask, Levels
    from simulation.promotion import Tried
    from simulation.world import World

WEIGHTS: Final = {"low": 0.3, "expected": 0.4, "high": 0.3}
STAGES: Final = ("forecasting", "replenishment")


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
    from optimizer.promotion.ask import STOCKS
    from simulation.assembly import build_world
    from simulation.promoted import usual_demand
    from simulation.promotion import outbound_limits

    tell = progress or (lambda _stage, _share, _message: None)
    if replications < 2:
        raise InputError("replications is at least 2")
    question = read_question(scenario, plan, ask)
    names = list(question.levels.uplift)
    if weights is not None and len(weights) != len(names):
        raise InputError(f"weights are one for each of the uplifts {', '.join(names)}")
    used_seed = scenario.settings.seed if seed is None else seed
    bare = without_promotion(scenario, plan.table("forecast"), question.held)
    tell("promotion", 0.02, "ordering for the promotion")
    asked = ask.stocks or STOCKS
    # without the promotion nothing extra is ordered: that is what cells are held against
    made = ways_to_stock(
        scenario, question.wanted, plan, bare, question.after, {NONE, *asked}, work=work
    )
    stocks = [stock for stock in made if stock.name in (PLANNED, *asked)]
    tell("promotion", 0.2, "building worlds")
    usual = usual_demand(build_world(scenario, with_forecast(plan, bare)))
    worlds = {stock.name: build_world(scenario, stock.plan) for stock in made}
    sites = sites_with_docks(worlds[PLANNED], question.goods)
    capacities = [STATED, MORE] if sites and ask.more_capacity_pct > 0.0 else [STATED]
    ways = len(stocks) * len(capacities)
    total = ways * (1 if question.after is None else len(names)) + len(stood_levels(question))
    done = itertools.count()

    def run(world: World, one: Levels | None, level: str) -> Tried:
        number = next(done)
        tell("promotion", 0.25 + 0.7 * number / total, f"run {number + 1} of {total}")
        return run_one(
            question, world, usual, one, level,
            replications=replications, seed=used_seed, processes=processes, executor=executor,
            cancelled=cancelled,
        )  # fmt: skip

    latest = _latest(question, worlds[PLANNED])
    limits = outbound_limits(scenario, worlds[PLANNED])
    cells = run_cells(
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
        "first_day": day_of(scenario, question.window[0]),
        "last_day": day_of(scenario, question.window[1]),
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


def planned_for(scenario: Scenario, work: float | None = None, seed: int | None = None) -> Plan:
    """Plan a scenario as far as a promotion needs it."""
    from optimizer.pipeline import plan

    return plan(scenario, STAGES, work=work, seed=seed)


def _is_now(scenario: Scenario, latest: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether some goods must be ordered before the next bucket, or should have been."""
    following = day_of(scenario, scenario.settings.bucket_days)
    return any(one["order_by"] is None or one["order_by"] < following for one in latest)


def _latest(question: Question, world: World) -> list[dict[str, Any]]:
    """Return by when each supplier must have the orders that are there on the first day."""
    import numpy as np

    from simulation.order_dates import latest_orders

    goods = question.levels.goods
    pairs = set(zip(goods["location_id"], goods["product_id"], strict=True))
    flags = [
        np.array([(site.site_id, world.product_ids[p]) in pairs for p in site.product], bool)
        for site in world.sites
    ]
    first = span_of(question.levels, question.n_ticks)[0]
    return [
        {
            "supplier_id": one.supplier_id,
            "order_by": None if one.latest is None else day_of(question.scenario, one.latest),
            "late": one.latest is None or one.latest < 0,
            "product_locations": one.goods,
            "in_time_tonight": one.in_time,
        }
        for one in latest_orders(world, flags, first)
    ]


def _asks(ask: Ask, *, new: bool) -> str:
    if new:
        return "new"
    if ask.cancelled:
        return "cancelled"
    return "changed" if ask.cells or ask.uplifts_pct else "as it is"


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


def _notes(question: Question, sites: Sequence[str]) -> list[str]:
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


def _cell(value: Any) -> Any:
    return value.date().isoformat() if isinstance(value, pd.Timestamp) else value
