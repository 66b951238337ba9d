"""No more than a share of a category with one supplier."""

from __future__ import annotations

import pandas as pd
import pytest

from optimizer.audit.replenishment import check
from optimizer.outcome import Limits, Status
from optimizer.pipeline import plan
from optimizer.plan import conform
from optimizer.replenishment import run
from optimizer.stage import StageResult
from scenarios import Scenario
from scenarios.library import demo_scenario


def shop_with(*limits: dict[str, object]) -> Scenario:
    """Return the corner shop with hard limits instead of its own."""
    shop = demo_scenario("corner-shop")
    blank = {"bucket": pd.NaT, "hard": True, "sense": "<=", "penalty": float("nan")}
    rows = pd.DataFrame([blank | limit for limit in limits])
    return Scenario(shop.settings, dict(shop.tables) | {"limits": rows})


def share(value: float, scope: str = "category:Drinks") -> dict[str, object]:
    return {
        "limit_id": "SHARE", "kind": "supplier_share_pct", "scope": scope, "value": value,
    }  # fmt: skip


def decided(shop: Scenario) -> StageResult:
    result = run(shop, {}, Limits(work=3.0))
    tables = {name: conform(name, frame) for name, frame in result.tables.items()}
    return StageResult(tables, result.certificate, result.kpis, result.notes)


def drinks(result: StageResult) -> pd.Series:
    """Return what tonight spends on drinks, by supplier."""
    orders = result.tables["purchase_orders"]
    orders = orders[orders["order_on"] == orders["order_on"].min()]
    orders = orders[orders["product_id"].isin(["TEA", "COFFEE"])]
    return orders.groupby("supplier_id")["cost"].sum()


@pytest.mark.parametrize("cap", [pytest.param(70.0, marks=pytest.mark.slow), 50.0])
@pytest.mark.slow
def test_no_supplier_has_more_than_its_share(cap: float) -> None:
    """Without a cap FARM sells most drinks; with one, it keeps to it, and the referee agrees."""
    free = drinks(decided(shop_with(share(100.0))))
    assert free["FARM"] / free.sum() > 0.9
    shop = shop_with(share(cap))
    result = decided(shop)
    assert check(shop, result.tables).violations == ()
    spent = drinks(result)
    assert (spent <= cap / 100.0 * spent.sum() + 1e-6).all()


@pytest.mark.slow
def test_two_suppliers_cannot_both_stay_under_forty_percent() -> None:
    """Shares of two sum to 100: only buying no drink at all keeps the cap, and nothing else."""
    result = decided(shop_with(share(40.0)))
    assert not len(drinks(result))
    assert set(result.tables["purchase_orders"]["product_id"]) == {"MUG"}


def test_a_category_that_must_be_bought_cannot_keep_forty_percent() -> None:
    """At least 20 of drinks, none of two suppliers over 40 %: proven impossible."""
    must = {
        "limit_id": "MUST", "kind": "budget", "scope": "category:Drinks", "sense": ">=",
        "value": 20.0,
    }  # fmt: skip
    result = decided(shop_with(share(40.0), must))
    assert result.certificate is not None
    assert result.certificate.status == Status.INFEASIBLE


@pytest.mark.slow
def test_a_lower_cap_never_costs_less() -> None:
    """Proven optima rise as the cap falls."""
    found = [decided(shop_with(share(cap))).certificate for cap in (100.0, 60.0, 40.0)]
    cost = [made.objective for made in found if made is not None and made.objective is not None]
    assert len(cost) == 3
    assert all(made is not None and made.status == Status.OPTIMAL for made in found)
    assert cost == sorted(cost)


@pytest.mark.slow
def test_a_cap_on_one_supplier_counts_all_spend() -> None:
    """Scope supplier: FARM's share of everything, mugs included."""
    shop = shop_with(share(50.0, "supplier:FARM"))
    result = decided(shop)
    assert check(shop, result.tables).violations == ()
    orders = result.tables["purchase_orders"]
    tonight = orders[orders["order_on"] == orders["order_on"].min()]
    farm = tonight.loc[tonight["supplier_id"] == "FARM", "cost"].sum()
    assert farm <= 0.5 * tonight["cost"].sum() + 1e-6


@pytest.mark.slow
def test_the_referee_finds_a_share_that_is_too_large() -> None:
    """Orders made without the cap break it."""
    tables = decided(shop_with(share(100.0))).tables
    codes = {found.code for found in check(shop_with(share(60.0)), tables).violations}
    assert "over_supplier_share_pct" in codes


@pytest.mark.slow
def test_a_share_far_from_what_is_cheapest_still_leaves_orders(double_eleven: Scenario) -> None:
    """Of clothes S10 would have nearly all; ordering nothing at all costs four times as much."""
    cap = {"limit_id": "SHARE", "kind": "supplier_share_pct", "scope": "category:服饰",
           "sense": "<=", "value": 60.0, "hard": True}  # fmt: skip
    limits = pd.concat([double_eleven.table("limits"), pd.DataFrame([cap])], ignore_index=True)
    tables = {name: double_eleven.table(name) for name in double_eleven.tables}
    made = plan(
        Scenario(double_eleven.settings, tables | {"limits": limits}),
        ["forecasting", "replenishment"],
        work=3.0,
    )
    certificate = made.table("certificates").set_index("stage").loc["replenishment"]
    assert certificate["objective"] < 1.2 * certificate["bound"]
    tonight = made.table("purchase_orders")
    clothes = double_eleven.table("products").set_index("product_id")["category"]
    worn = tonight[clothes.reindex(tonight["product_id"]).to_numpy() == "服饰"]
    spent = worn.groupby("supplier_id")["cost"].sum()
    assert 0.0 < spent.max() <= 0.6 * spent.sum() * (1.0 + 1e-9)
