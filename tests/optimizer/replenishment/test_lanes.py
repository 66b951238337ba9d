"""Transfers: which nights a lane ships, how scarce stock is shared, what an echelon covers."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from optimizer.audit import replenishment as referee
from optimizer.audit.tonight import read_tonight
from optimizer.outcome import Limits
from optimizer.pipeline import plan
from optimizer.plan import conform
from optimizer.replenishment.facts import Facts, read_facts
from optimizer.replenishment.policies import reorder_rules
from optimizer.replenishment.stage import run
from optimizer.replenishment.transfers import Moves, transfers
from scenarios import Scenario, Settings

START = dt.date(2026, 3, 2)
DAILY = {"W": 2.0, "S": 4.0}  # units a day
TRANSIT, LEAD, REVIEW = 2.0, 5.0, 7.0  # days


def world(
    *, trip: float = 0.0, at_w: float = 500.0, at_s: float = 0.0, sd: float = 1.0
) -> Scenario:
    """W buys A from V and feeds S over a lane of two days; demand has `sd` units a day."""
    start = pd.Timestamp(START)
    days = [start + pd.Timedelta(days=day) for day in range(28)]
    forecasts = [
        {"location_id": site, "product_id": "A", "bucket": day, "quantile": quantile, "qty": qty}
        for site, mean in DAILY.items()
        for day in days
        for quantile, qty in ((np.nan, mean), (0.9, mean + 1.2815515655446004 * sd))
    ]
    sites: list[dict[str, Any]] = [
        {
            "site_id": name,
            "kind": "warehouse",
            "name": name,
            "status": "open",
            "lat": 50.0,
            "lon": lon,
        }
        for name, lon in (("W", 1.0), ("S", 2.0))
    ]
    tables: dict[str, list[dict[str, Any]]] = {
        "products": [
            {"product_id": "A", "name": "A", "unit_cost": 10.0, "unit_price": 15.0,
             "weight_kg": 1.0, "volume_m3": 0.01}
        ],
        "sites": sites,
        "suppliers": [{"supplier_id": "V", "name": "V"}],
        "supplier_products": [
            {"supplier_id": "V", "product_id": "A", "site_id": "W", "unit_cost": 10.0,
             "lead_time_mean_days": LEAD}
        ],
        "item_sources": [{"site_id": "S", "source_id": "W", "priority": 1.0}],
        "lanes": [
            {"origin_id": "W", "destination_id": "S", "mode": "road",
             "transit_mean_days": TRANSIT, "cost_per_shipment": trip, "shipment_kg": 1000.0}
        ],
        "inventory": [
            {"site_id": "W", "product_id": "A", "on_hand": at_w},
            {"site_id": "S", "product_id": "A", "on_hand": at_s},
        ],
        "inventory_policies": [
            {"site_id": "W", "product_id": "A", "policy": "base_stock", "review_days": REVIEW},
            {"site_id": "S", "product_id": "A", "policy": "base_stock", "review_days": 2.0},
        ],
        "forecasts": forecasts,
    }  # fmt: skip
    settings = Settings(
        name="lanes", currency="EUR", timezone="UTC", start_date=START, bucket="day",
        horizon_buckets=28,
    )  # fmt: skip
    return Scenario(settings, {name: pd.DataFrame(rows) for name, rows in tables.items()})


def facts_of(scenario: Scenario) -> Facts:
    """Read the night's facts."""
    return read_facts(scenario, {})


def moved(scenario: Scenario) -> Moves:
    """Tonight's transfers, nothing bought."""
    facts = facts_of(scenario)
    return transfers(facts, pd.DataFrame(), reorder_rules(facts))


def days_of(scenario: Scenario) -> float:
    """Days that the level of S covers beside its transit."""
    pairs = facts_of(scenario).pairs.set_index("site_id")
    return float(pairs.loc["S", "shipping_days"])


def test_a_lane_without_a_cost_per_shipment_ships_every_night() -> None:
    """19 at S, a level of about 19 for four days: the unit or two that lack go at once."""
    assert len(moved(world(at_s=17.0)).table) == 1


def test_a_dear_lane_waits_while_nothing_is_at_stake() -> None:
    """30 at S last seven days: a truck for 200 does not leave tonight."""
    assert not len(moved(world(trip=200.0, at_s=25.0)).table)


def test_a_dear_lane_ships_before_it_loses_more_than_it_saves() -> None:
    """S is empty and loses 4 units at 5 a day: a truck for 20 leaves."""
    found = moved(world(trip=20.0, at_s=0.0))
    assert len(found.table) == 1
    assert float(found.told["extra_cost"].iloc[0]) > 0.0


def test_a_lane_rests_longer_the_dearer_its_shipments() -> None:
    """From the pair's own two days up to the seven in which W buys, and no longer."""
    found = [days_of(world(trip=trip)) for trip in (0.0, 0.2, 1.0, 5.0, 1000.0)]
    assert found == sorted(found)
    assert found[0] == 2.0
    assert found[-1] == REVIEW


def test_scarce_stock_is_worth_the_same_at_both_ends() -> None:
    """24 units at W; looking three days ahead W asks for 6 and S, two days later, for 20: 26.

    Variances of 3 and 5: equal chances share the 2 that lack as sqrt(3) and sqrt(5). S gets
    20 - 1.13, whole; looking five days ahead it would get more.
    """
    assert moved(world(at_w=24.0)).table["qty"].tolist() == [18.0]


def test_plenty_serves_every_claim() -> None:
    """500 at W: S is lifted to its level in full."""
    scenario = world(at_w=500.0)
    facts = facts_of(scenario)
    top = reorder_rules(facts).top[facts.pairs["site_id"].to_numpy(object) == "S"][0]
    assert float(moved(scenario).table["qty"].iloc[0]) == top


def test_an_echelon_covers_the_road_to_the_sites_that_it_feeds() -> None:
    """W: 2 x 12 days, S: 4 x (12 + 2) days: 80, as engine and referee read it."""
    scenario = world()
    pairs = facts_of(scenario).pairs.set_index("site_id")
    expected = DAILY["W"] * (REVIEW + LEAD) + DAILY["S"] * (REVIEW + LEAD + TRANSIT)
    assert float(pairs.loc["W", "mean"]) == pytest.approx(expected)
    told = read_tonight(scenario, {}).pairs.set_index("site_id")
    assert float(told.loc["W", "mean"]) == pytest.approx(expected)
    assert float(told.loc["W", "sd"]) == pytest.approx(float(pairs.loc["W", "sd"]))


def test_the_referee_pays_the_freight_again() -> None:
    """A transfer that states a unit of money less than its lane asks is found."""
    scenario = world(trip=20.0)
    made = run(scenario, {}, Limits(work=0.2, seed=1))
    tables = {name: conform(name, table) for name, table in made.tables.items()}
    assert not referee.check(scenario, tables).violations
    tables["transfers"] = tables["transfers"].assign(cost=tables["transfers"]["cost"] - 1.0)
    codes = {found.code for found in referee.check(scenario, tables).violations}
    assert codes == {"freight_differs"}


def test_a_later_nights_transfer_says_what_waiting_would_cost() -> None:
    """S is lifted to 16 units, four days of 4, every second day; eight go each time.

    Left until the next review they come two days later, when 8 are lost that sell for 5 more than
    they cost; the truck of 1 is not needed that night: 40 - 1.
    """
    made = plan(world(sd=0.0, trip=1.0, at_s=16.0), ["replenishment", "rolling"], work=0.5)
    told = made.table("explanations").query("table == 'transfers'")
    assert len(told) == len(made.table("transfers")) == 13
    assert set(told["alternative"]) == {"wait 2 days for the next shipment"}
    assert told["extra_cost"].tolist() == pytest.approx([39.0] * 13)
