"""The replay: every arm lives the same days."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from optimizer.audit.offers import read_options
from optimizer.audit.tonight import feeding_sites
from optimizer.replay.arms import Arm, FixedRules, Nightly
from optimizer.replay.books import Books, Prices
from optimizer.replay.state import night
from optimizer.replay.truth import DAY, PAIR, Floats, Truth, read_truth
from scenarios import Scenario
from scenarios.gazetteer import fill_coordinates
from scenarios.semantics.defaults import inventory_policies

TERMS = ("holding", "shortage", "order", "transport", "premium")
NIGHTLY, FORESIGHT = "nightly plan", "perfect foresight"
FIXED, DAILY = "fixed (s, S)", "fixed (s, S), daily"


@dataclass(frozen=True, slots=True)
class ArmReport:
    """How an arm fared.

    Attributes
    ----------
    fill_rate : units served from stock on the day / units asked for
    terms : money over all days, by term; they add up to `cost`
    stock_value : mean money in stock at the end of a day
    turnover_days : mean stock value over the cost of what was sold in a day; None: nothing sold
    nights_audited : plans that the referee passed; 0 for rules
    days : a row per day
    """

    name: str
    fill_rate: float
    cost: float
    terms: dict[str, float]
    stock_value: float
    turnover_days: float | None
    nights_audited: int
    days: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Report:
    """A replay: what was lived, and how each arm fared."""

    start: pd.Timestamp
    days: int
    demand_units: float
    arms: tuple[ArmReport, ...]
    notes: tuple[str, ...]
    wall_seconds: float

    def document(self) -> dict[str, Any]:
        """Return plain JSON values; days as a table of their own."""
        return {
            "start": self.start.date().isoformat(),
            "days": self.days,
            "demand_units": self.demand_units,
            "arms": [
                {
                    "name": arm.name,
                    "fill_rate": arm.fill_rate,
                    "cost": arm.cost,
                    "terms": arm.terms,
                    "stock_value": arm.stock_value,
                    "turnover_days": arm.turnover_days,
                    "nights_audited": arm.nights_audited,
                }
                for arm in self.arms
            ],
            "notes": list(self.notes),
            "wall_seconds": self.wall_seconds,
        }

    def table(self) -> pd.DataFrame:
        """Return arm, date, demand, sold, stock_value and money by term, day by day."""
        return pd.concat([arm.days.assign(arm=arm.name) for arm in self.arms], ignore_index=True)


def replay(
    scenario: Scenario,
    days: int = 60,
    *,
    seed: int | None = None,
    progress: Callable[[str, float, str], None] | None = None,
) -> Report:
    """Live the last recorded days again under several ways to decide.

    Each morning what came is received and the arm decides; then the day's recorded demand is met
    from stock. The nightly plan sees sales, not demand, and forecasts anew with every whole period.

    Parameters
    ----------
    days : of the end of demand_history; rounded up to whole periods of it for the data, and the
        first `days` of them are lived
    seed : of days within recorded weeks and of lateness; None: the scenario's

    Raises
    ------
    InputError
        The history is too short.
    AuditError
        The referee rejects a night's plan.
    """
    begun = time.perf_counter()
    scenario, _ = fill_coordinates(scenario)
    seed = scenario.settings.seed if seed is None else seed
    truth, start = read_truth(scenario, days, seed)
    truth, first = _opened(scenario, truth)
    prices = _prices(scenario, truth)
    tell = progress or (lambda _stage, _share, _message: None)
    opening = _books(first, truth, prices)
    as_stated = Nightly(FIXED, foresight=False)
    as_stated.decide(night(scenario, opening, start, charged=False), opening, 0)
    nightly = Nightly(NIGHTLY, foresight=False, known=as_stated.known, made_on=0)
    reports: list[ArmReport] = []
    arms = (NIGHTLY, FIXED, DAILY, FORESIGHT)
    total = len(arms) * days
    for number, name in enumerate(arms):
        books = _books(first, truth, prices)
        arm: Arm = nightly
        if name in (FIXED, DAILY):
            arm = _rules(name, night(scenario, books, start), as_stated, truth)
        elif name == FORESIGHT:
            arm = Nightly(FORESIGHT, foresight=True)
        for day in range(days):
            tell("replay", (number * days + day) / total, f"{arm.name}, day {day + 1}")
            _one_day(scenario, arm, books, day)
        reports.append(_report(arm, books))
    return Report(
        start,
        days,
        float(truth.demand[:, :days].sum()),
        tuple(reports),
        _notes(scenario, start),
        time.perf_counter() - begun,
    )


def _one_day(scenario: Scenario, arm: Arm, books: Books, day: int) -> None:
    today = books.truth.start + day * DAY
    books.receive(today)
    facts = night(scenario, books, today)
    decided = arm.decide(facts, books, day)
    if len(decided.orders):
        policies, _ = inventory_policies(facts, books.truth.pairs.to_frame(index=False))
        books.order(facts, read_options(facts, policies), decided.orders)
    books.move(facts, decided.moves)
    books.live(day)


def _opened(scenario: Scenario, truth: Truth) -> tuple[Truth, tuple[Floats, pd.DataFrame]]:
    """Return the truth over all pairs with stock, orders or demand, and what the first day has."""
    stock = scenario.filled("inventory")
    free = (stock["on_hand"] - stock["reserved"] - stock["quarantined"]).clip(lower=0.0)
    coming = scenario.table("open_orders")
    held = pd.MultiIndex.from_frame(stock[PAIR]).append(pd.MultiIndex.from_frame(coming[PAIR]))
    pairs = truth.pairs.append(held).unique().sort_values()
    demand = np.zeros((len(pairs), truth.days))
    demand[pairs.get_indexer(truth.pairs)] = truth.demand
    on_hand = free.groupby([stock[key] for key in PAIR]).sum().reindex(pairs).fillna(0.0)
    shift = pd.Timestamp(scenario.settings.start_date) - truth.start
    due = coming["due_on"] - shift
    moved = coming.drop(columns=["frozen"]).assign(
        ordered_on=coming["ordered_on"] - shift, due_on=due, comes_on=due, usable=coming["qty"]
    )
    whole = Truth(truth.start, pairs, demand, truth.seed)
    return whole, (np.floor(on_hand.to_numpy(np.float64)), moved)


def _books(first: tuple[Floats, pd.DataFrame], truth: Truth, prices: Prices) -> Books:
    nothing = np.zeros(truth.demand.shape)
    return Books(truth, prices, first[0].copy(), first[1].copy(), nothing.copy(), nothing.copy())


def _prices(scenario: Scenario, truth: Truth) -> Prices:
    policies, _ = inventory_policies(scenario, truth.pairs.to_frame(index=False))
    by_pair = policies.set_index(PAIR).reindex(truth.pairs)
    cost = scenario.table("products").set_index("product_id")["unit_cost"]
    value = cost.reindex(truth.pairs.get_level_values("product_id")).to_numpy(np.float64)
    return Prices(
        by_pair["holding_cost_per_unit_day"].fillna(0.0).to_numpy(np.float64),
        by_pair["shortage_cost"].fillna(0.0).to_numpy(np.float64),
        np.nan_to_num(value),
    )


def _rules(name: str, facts: Scenario, first: Nightly, truth: Truth) -> FixedRules:
    """Return the rules of the first night, from policies as they are stated, kept for good.

    Each pair is looked at every review_days, as its rule was made for, or every day (DAILY).
    """
    assert first.policies is not None, "the first night has been decided"
    policies, _ = inventory_policies(facts, truth.pairs.to_frame(index=False))
    options = read_options(facts, policies)
    fed = feeding_sites(facts)
    bought = set(options[PAIR].itertuples(index=False, name=None))
    sites = set(facts.table("sites")["site_id"])
    feeders = {}
    for site, product in truth.pairs:
        source = fed.get((site, product), fed.get((site, None)))
        if (site, product) not in bought and source in sites:
            feeders[site, product] = str(source)
    lanes = facts.filled("lanes").sort_values("transit_mean_days", kind="stable")
    transit = {
        (str(row.origin_id), str(row.destination_id)): math.ceil(float(row.transit_mean_days))
        for row in lanes.drop_duplicates(["origin_id", "destination_id"]).itertuples()
    }
    every = policies.set_index(PAIR)["review_days"].reindex(truth.pairs).to_numpy(np.float64)
    return FixedRules(
        name,
        first.policies,
        options[options["primary"]].reset_index(drop=True),
        feeders,
        transit,
        np.ones(len(every)) if name == DAILY else every,
    )


def _report(arm: Arm, books: Books) -> ArmReport:
    table = pd.DataFrame(books.days)
    for term in TERMS:
        table[term] = table[term].fillna(0.0) if term in table else 0.0
    dates = pd.date_range(books.truth.start, periods=len(table), freq="D")
    table.insert(0, "date", dates)
    terms = {term: float(table[term].sum()) for term in TERMS}
    sold = float((books.sold * books.prices.value[:, None]).sum()) / max(len(table), 1)
    stock = float(table["stock_value"].mean())
    asked = float(table["demand"].sum())
    return ArmReport(
        arm.name,
        float(table["sold"].sum()) / asked if asked else 1.0,
        math.fsum(terms.values()),
        terms,
        stock,
        stock / sold if sold > 0.0 else None,
        arm.audited if isinstance(arm, Nightly) else 0,
        table,
    )


def _notes(scenario: Scenario, start: pd.Timestamp) -> tuple[str, ...]:
    notes = [
        f"Opening stock and open orders are today's, as if they had stood so on {start:%Y-%m-%d}.",
        "Recorded sales stand for demand; where stock ran out they are a lower bound on it.",
        "What is short is lost. Expiry, stock kept for channels, orders and routes are not lived.",
        "Fixed (s, S): the first night's rules, policies as stated; budget and room do not count.",
        "They look at each pair every review_days; the arm `daily` looks every day.",
        "What is short costs what its policy states, blank: the margin; the plan is told so.",
        "Perfect foresight is the nightly plan told the demand of its horizon, not a lower bound.",
    ]
    if scenario.settings.bucket_days > 1:
        notes.append("Days within a recorded week are drawn: each unit falls on any day alike.")
    return tuple(notes)
