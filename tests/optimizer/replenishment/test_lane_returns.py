"""Transfers count on what customers send back: it is there before a lane could bring it."""

from __future__ import annotations

import math

import pandas as pd

from optimizer.audit import replenishment as referee
from optimizer.outcome import Limits
from optimizer.plan import conform
from optimizer.replenishment.stage import run
from scenarios import Scenario
from tests.optimizer.replenishment.test_lanes import DAILY, START, moved, world


def with_returns(facts: Scenario, site: str, rate: float = 0.25) -> Scenario:
    """Let a share of what a site sold in the last ten days come back after five days."""
    days = [pd.Timestamp(START) - pd.Timedelta(days=day) for day in range(1, 11)]
    tables = dict(facts.tables)
    tables["return_rates"] = pd.DataFrame(
        {"product_id": ["A"], "reason": "size", "rate": rate, "delay_days": 5.0,
         "disposition": "resell"}
    )  # fmt: skip
    tables["demand_history"] = pd.DataFrame(
        {"date": days, "location_id": site, "product_id": "A", "qty": DAILY[site]}
    )
    return Scenario(facts.settings, tables)


def sent(facts: Scenario) -> float:
    """Units that leave W tonight."""
    table = moved(facts).table
    return float(table["qty"].sum()) if len(table) else 0.0


def test_a_claim_nets_what_comes_back_meanwhile() -> None:
    """Two days until the next claim and two of transit ask for 16, sd 2.

    Of 4 a day sold 5 to 1 days ago a quarter is back by then: 4, variance 16 x 1/4 x 3/4 = 3. The
    level falls by 4, and its safety stock grows by sqrt(4 + 3) / 2.
    """
    plain = sent(world())
    assert sent(with_returns(world(), "S")) == math.ceil(12 + (plain - 16) * math.sqrt(7.0) / 2.0)
    assert 16 < plain < 24


def test_returns_to_the_origin_leave_more_for_the_others() -> None:
    """24 units at W are scarce; what all comes back to W itself it need not keep for its sales."""
    scarce = world(at_w=24.0)
    assert sent(with_returns(scarce, "W", 1.0)) > sent(scarce) > 0.0


def test_a_dear_lane_waits_for_what_comes_back_anyway() -> None:
    """Nine at S are gone in three days: the truck leaves, unless all that was sold comes back."""
    short = world(trip=20.0, at_s=9.0)
    assert sent(short) > 0.0
    assert sent(with_returns(short, "S", 1.0)) == 0.0


def test_what_waiting_costs_and_the_freight_come_out_again() -> None:
    """The referee finds nothing in a night whose transfers count on returns."""
    facts = with_returns(world(trip=20.0, at_w=60.0), "S")
    result = run(facts, {}, Limits(work=1.0))
    assert len(result.tables["transfers"])
    tables = {name: conform(name, frame) for name, frame in result.tables.items()}
    assert not referee.check(facts, tables).violations
