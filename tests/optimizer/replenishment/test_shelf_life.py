"""Nothing is ordered that mean demand cannot sell before it expires."""

from __future__ import annotations

import pandas as pd
import pytest

from optimizer.audit.replenishment import check
from optimizer.outcome import Limits
from optimizer.plan import conform
from optimizer.replenishment import run
from scenarios import Scenario
from scenarios.library import demo_scenario


def shop_whose_tea_keeps(days: float) -> Scenario:
    shop = demo_scenario("corner-shop")
    rows = shop.table("products").copy()
    rows.loc[rows["product_id"] == "TEA", "shelf_life_days"] = days
    return Scenario(shop.settings, dict(shop.tables) | {"products": rows})


def decided(shop: Scenario) -> tuple[dict[str, pd.DataFrame], tuple[str, ...]]:
    result = run(shop, {}, Limits(work=3.0))
    return {name: conform(name, frame) for name, frame in result.tables.items()}, result.notes


def tea(tables: dict[str, pd.DataFrame]) -> list[float]:
    orders = tables["purchase_orders"]
    return orders.loc[orders["product_id"] == "TEA", "qty"].tolist()


@pytest.mark.parametrize(
    ("days", "qty"),
    # 18 units a week at W1 and S1, 26 there or on the way, FARM takes 7 days and sells packs of 6;
    # 7 days: 36 sell in 14 days, room for 10; 10 days: 43.7 in 17, room for 17; 14: 54, room for 28
    [(7.0, [6.0]), (10.0, [12.0]), (14.0, [18.0])],
)
@pytest.mark.slow
def test_an_order_is_sold_before_it_expires(days: float, qty: list[float]) -> None:
    """Whole packs within mean demand of lead time and shelf life; the referee agrees."""
    shop = shop_whose_tea_keeps(days)
    tables, _ = decided(shop)
    assert tea(tables) == qty
    assert check(shop, tables).violations == ()


def test_a_least_lot_that_outlasts_the_shelf_life_is_not_ordered() -> None:
    """Tea that keeps 3 days: stock for 10 days is there already. A note names it."""
    shop = shop_whose_tea_keeps(3.0)
    tables, notes = decided(shop)
    assert tea(tables) == []
    assert check(shop, tables).violations == ()
    assert any("outlasts the shelf life: TEA@W1" in note for note in notes)


@pytest.mark.slow
def test_the_referee_finds_what_will_expire() -> None:
    """18 units of tea that keeps 7 days are 8 too many."""
    tables, _ = decided(shop_whose_tea_keeps(300.0))
    codes = {found.code for found in check(shop_whose_tea_keeps(7.0), tables).violations}
    assert "outlasts_its_shelf_life" in codes
