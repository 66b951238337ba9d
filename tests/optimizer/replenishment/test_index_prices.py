"""Prices follow exchange rates and raw materials, in the engine and in the referee."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.audit.offers import read_options
from optimizer.audit.replenishment import check
from optimizer.outcome import Limits
from optimizer.plan import conform
from optimizer.replenishment import run
from optimizer.replenishment.index_prices import index_factors
from optimizer.replenishment.offers import read_offers
from optimizer.stage import StageResult
from scenarios import Scenario
from scenarios.library import demo_scenario

START = pd.Timestamp("2026-10-12")
# the corner shop's dollar: 0.78 on 3 August, 0.79 on 7 September, 0.80 on 5 October


@cache
def plain_shop() -> Scenario:
    return demo_scenario("corner-shop")


def shop_with(**cells: object) -> Scenario:
    """Return the corner shop with cells of FARM's coffee changed: index USD, share 60 %."""
    shop = plain_shop()
    rows = shop.table("supplier_products").copy()
    coffee = (rows["supplier_id"] == "FARM") & (rows["product_id"] == "COFFEE")
    for column, value in cells.items():
        rows.loc[coffee, column] = value
    return Scenario(shop.settings, dict(shop.tables) | {"supplier_products": rows})


def factor_of_coffee(shop: Scenario) -> float:
    offers = read_offers(shop, pd.DataFrame({"site_id": ["W1"], "product_id": ["COFFEE"]}))
    return float(offers["index_factor"].iloc[0])


def decided(shop: Scenario) -> StageResult:
    result = run(shop, {}, Limits(work=3.0))
    return StageResult(
        {name: conform(name, frame) for name, frame in result.tables.items()},
        result.certificate, result.kpis, result.notes,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("valid_from", "base"),
    [(None, 0.78), ("2026-01-01", 0.78), ("2026-09-06", 0.78), ("2026-09-07", 0.79),
     ("2026-10-10", 0.80)],
)  # fmt: skip
def test_a_price_moves_from_the_day_it_holds(valid_from: str | None, base: float) -> None:
    """60 % of it follow 0.80 today over the value when the terms began."""
    shop = shop_with(valid_from=pd.NaT if valid_from is None else pd.Timestamp(valid_from))
    assert factor_of_coffee(shop) == pytest.approx(1.0 + 0.6 * (0.80 / base - 1.0))


def test_a_value_of_tomorrow_is_not_known_tonight() -> None:
    """Only values on or before the start count; an index without one leaves the price, noted."""
    shop = shop_with()
    indices = shop.table("indices")
    late = indices.assign(date=indices["date"] + pd.Timedelta(days=365))
    shop = Scenario(shop.settings, dict(shop.tables) | {"indices": late})
    assert factor_of_coffee(shop) == 1.0
    assert any("index USD, which has no value" in note for note in decided(shop).notes)


@pytest.mark.slow
def test_orders_are_paid_at_the_moved_price() -> None:
    """A dollar that doubled adds 60 % to stated price and price break; the referee agrees."""
    shop = shop_with()
    indices = shop.table("indices")
    dearer = indices.assign(
        value=indices["value"].where(indices["date"] < indices["date"].max(), 1.56)
    )
    shop = Scenario(shop.settings, dict(shop.tables) | {"indices": dearer})
    result = decided(shop)
    report = check(shop, result.tables)
    assert report.violations == ()
    assert result.certificate is not None
    assert report.objective == pytest.approx(result.certificate.objective)
    orders = result.tables["purchase_orders"]
    coffee = orders[(orders["product_id"] == "COFFEE") & (orders["order_on"] == START)].iloc[0]
    stated = 3.80 if coffee["qty"] >= 20 else 4.00
    assert coffee["unit_cost"] == pytest.approx(stated * 1.6 * 1.1)  # duty 10 %
    told = result.tables["explanations"].set_index("decision_id")["binding"]
    rule = json.loads(told[f"purchase_orders:{coffee['order_id']}/{int(coffee['line'])}"])
    assert (rule["index_id"], rule["index_factor"]) == ("USD", 1.6)


def test_the_referee_rejects_a_price_of_yesterday() -> None:
    """Lines at the stated price, without the dollar's rise, are found out."""
    shop = shop_with()
    tables = dict(decided(shop).tables)
    orders = tables["purchase_orders"].copy()
    coffee = orders["product_id"] == "COFFEE"
    orders.loc[coffee, "unit_cost"] /= factor_of_coffee(shop)
    orders["cost"] = orders["qty"] * orders["unit_cost"]
    tables["purchase_orders"] = orders
    assert "unit_cost_differs" in {found.code for found in check(shop, tables).violations}


def test_a_foreign_price_without_an_index_is_noted() -> None:
    """FARM prices in dollars; its tea names no index, and a note says that it does not move."""
    assert any(
        note.startswith("1 offers of suppliers that price in USD name no index")
        for note in decided(shop_with()).notes
    )


@settings(max_examples=15, deadline=None)
@given(
    days=st.lists(st.integers(-60, 20), min_size=1, max_size=6, unique=True),
    begun=st.integers(-80, 0),
    share=st.floats(0.0, 100.0),
    seed=st.integers(0, 99),
)
@pytest.mark.slow
def test_engine_and_referee_move_prices_alike(
    days: list[int], begun: int, share: float, seed: int
) -> None:
    """Whatever the series, both find one factor; without a value by today it is 1."""
    values = np.random.default_rng(seed).uniform(0.5, 2.0, len(days))
    shop = shop_with(
        valid_from=START + pd.Timedelta(days=begun), index_share_pct=share, index_id="CU"
    )
    indices = pd.DataFrame(
        {"index_id": "CU", "date": [START + pd.Timedelta(days=day) for day in days],
         "value": values}
    )  # fmt: skip
    shop = Scenario(shop.settings, dict(shop.tables) | {"indices": indices})
    pairs = pd.DataFrame({"site_id": ["W1"], "product_id": ["COFFEE"]})
    ours = index_factors(shop, read_offers(shop, pairs), START)
    theirs = read_options(shop, pairs)["moved"].to_numpy()
    assert ours == pytest.approx(theirs, abs=1e-12)
    if min(days) > 0:
        assert ours.tolist() == [1.0]
