"""Planning double-eleven is what its page says: money and room bind, orders split or stay."""

from __future__ import annotations

import pytest

from optimizer.plan import Plan
from scenarios.scenario import Scenario

pytestmark = pytest.mark.slow


def test_money_and_room_bind(double_eleven: Scenario, double_plan: Plan) -> None:
    """Tonight's orders spend the budget to 2 %, and room at R1 and money have a price."""
    limits = double_eleven.table("limits").set_index("limit_id")["value"]
    orders = double_plan.table("purchase_orders")
    tonight = orders[orders["order_on"] == orders["order_on"].min()]
    assert 0.98 * limits["预算-1"] < tonight["cost"].sum() <= limits["预算-1"]
    prices = double_plan.table("marginal_prices").set_index("entity")["price"]
    assert prices["预算-1"] > 0
    assert prices["site:R1"] > 0


def test_some_orders_split_and_some_lines_stay(double_plan: Plan) -> None:
    """A few orders come in several parcels; lines stay behind for four kinds of reasons."""
    parcels = double_plan.table("shipments").groupby("order_id").size()
    assert 0 < (parcels > 1).mean() < 0.1
    unserved = double_plan.table("unserved")
    codes = set(unserved.loc[unserved["kind"] == "order_line", "code"])
    assert {"no_stock", "too_heavy", "too_late", "not_worth_it"} <= codes


def test_every_depot_drives(double_plan: Plan) -> None:
    """Vans leave from all three depots, and every stop is served."""
    assert set(double_plan.table("routes")["depot_id"]) == {"C1", "C2", "R1"}
    unserved = double_plan.table("unserved")
    assert not unserved["kind"].eq("stop").any()


def test_many_suppliers_are_asked(double_plan: Plan) -> None:
    """At least ten of the twelve suppliers get an order tonight."""
    assert double_plan.table("purchase_orders")["supplier_id"].nunique() >= 10
