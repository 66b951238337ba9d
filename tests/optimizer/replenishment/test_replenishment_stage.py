"""The replenishment stage end to end: the corner shop by hand, rules one by one, the referee."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
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


def with_tables(scenario: Scenario, **changed: pd.DataFrame) -> Scenario:
    """Return the scenario with tables replaced; an empty one takes the table away."""
    return Scenario(scenario.settings, dict(scenario.tables) | changed)


def solve(scenario: Scenario, work: float = 3.0) -> StageResult:
    """Run the stage and let the referee look at it."""
    result = run(scenario, {}, Limits(work=work))
    tables = {name: conform(name, frame) for name, frame in result.tables.items()}
    report = check(scenario, tables)
    assert report.violations == ()
    assert result.certificate is not None
    if result.certificate.objective is not None:
        assert report.objective == pytest.approx(result.certificate.objective, rel=1e-7)
        for kpi in result.kpis:
            if kpi.variant == "objective":
                assert report.terms[kpi.kpi] == pytest.approx(kpi.value, abs=1e-6)
    return StageResult(tables, result.certificate, result.kpis, result.notes)


@pytest.fixture(scope="module")
def shop() -> Scenario:
    return demo_scenario("corner-shop")


@pytest.fixture(scope="module")
def shop_plan(shop: Scenario) -> StageResult:
    return solve(shop)


def test_the_corner_shop_is_proven_optimal(shop_plan: StageResult) -> None:
    """Six product-locations need no search: bound and objective meet."""
    assert shop_plan.certificate is not None
    assert shop_plan.certificate.status == Status.OPTIMAL


def test_tea_for_both_sites_is_bought_where_it_is_sold_from(shop_plan: StageResult) -> None:
    """W1 buys for itself and for S1, which it feeds: no order goes to S1."""
    orders = shop_plan.tables["purchase_orders"]
    assert set(orders["site_id"]) == {"W1"}
    tea = orders[(orders["product_id"] == "TEA") & (orders["supplier_id"] == "FARM")]
    # 36 units in 14 days at W1 and S1 (zones 12 + 4 a week, gifts 2), 26 there or on the way;
    # packs of 6: 12 leaves 2 of safety, 18 leaves 8 = 2.5 standard deviations
    assert tea["qty"].tolist() == [18.0]


def test_every_explanation_adds_up_to_its_quantity(shop_plan: StageResult) -> None:
    """The terms of each line, without the days they cover, sum to what is ordered."""
    orders = shop_plan.tables["purchase_orders"]
    names = "purchase_orders:" + orders["order_id"] + "/" + orders["line"].astype(int).astype(str)
    qty = pd.Series(orders["qty"].to_numpy(), index=names.to_numpy())
    told = shop_plan.tables["explanations"]
    assert set(told["decision_id"]) == set(qty.index)
    for decision, text in zip(told["decision_id"], told["terms"], strict=True):
        terms = json.loads(text)
        terms.pop("forecast_days")
        assert sum(terms.values()) == pytest.approx(qty[decision], abs=1e-4)


def test_projected_stock_never_falls_below_nothing(shop_plan: StageResult) -> None:
    """Closing = opening + receipts - demand, cut off at 0, and bands lie around it."""
    rows = shop_plan.tables["inventory_projection"]
    closing = (rows["opening"] + rows["receipts"] - rows["demand"]).clip(lower=0.0)
    assert rows["closing"].to_numpy() == pytest.approx(closing.to_numpy())
    assert (rows["p10"] <= rows["p90"] + 1e-9).all()
    assert rows["p_stockout"].between(0.0, 1.0).all()
    assert len(rows) == 6 * 4


def test_transfers_stay_within_the_free_stock(shop: Scenario) -> None:
    """S1 sold out: what W1 sends is on its shelf tonight, and costs the lane's 3.00 + 0.10 a kg."""
    stock = shop.table("inventory")
    empty = stock.assign(on_hand=stock["on_hand"].where(stock["site_id"] != "S1", 0.0))
    moves = solve(with_tables(shop, inventory=empty), work=0.5).tables["transfers"]
    assert set(moves["origin_id"]) == {"W1"}
    weight = shop.table("products").set_index("product_id")["weight_kg"]
    kg = (moves["qty"] * weight.reindex(moves["product_id"]).to_numpy()).sum()
    assert moves["cost"].sum() == pytest.approx(3.0 + 0.10 * kg)


def test_suppliers_are_scored_by_their_receipts(shop_plan: StageResult) -> None:
    """FARM was in time with 2 of 3 lines and rejected 1 of 69 units; MARKET filled 17 of 20."""
    scores = shop_plan.tables["supplier_scores"].set_index("supplier_id")
    assert scores.loc["FARM", "on_time_rate"] == pytest.approx(2 / 3)
    assert scores.loc["FARM", "defect_rate"] == pytest.approx(1 / 69)
    assert scores.loc["MARKET", "fill_rate"] == pytest.approx(17 / 20)


def test_a_planner_s_own_parameters_stay(shop_plan: StageResult) -> None:
    """S1 states r 4, Q 5 for coffee and s 3, S 8 for mugs: the policies repeat them."""
    rows = shop_plan.tables["policies"].set_index(["site_id", "product_id"])
    assert rows.loc[("S1", "COFFEE"), ["r", "Q"]].tolist() == [4.0, 5.0]
    assert rows.loc[("S1", "MUG"), ["s", "S"]].tolist() == [3.0, 8.0]


def test_alerts_state_only_frequencies(shop_plan: StageResult) -> None:
    """The lot that has expired is alerted for certain; other probabilities are shares."""
    rows = shop_plan.tables["alerts"]
    lots = rows[rows["code"] == "expiring"].set_index("entity")
    assert lots.loc["product:TEA@S1", "probability"] == 1.0
    assert rows["probability"].dropna().between(0.0, 1.0).all()


def test_what_nobody_sells_is_unserved(shop: Scenario) -> None:
    """Without offers of mugs, W1's mugs (and S1's, which it feeds) stand in `unserved`."""
    offers = shop.table("supplier_products")
    result = solve(with_tables(shop, supplier_products=offers[offers["product_id"] != "MUG"]))
    rows = result.tables["unserved"]
    assert set(rows["id"]) == {"MUG@W1", "MUG@S1"}
    assert set(rows["code"]) == {"no_supply_path"}


def test_a_supplier_that_is_closed_today_is_asked_on_its_next_day(shop: Scenario) -> None:
    """If FARM takes orders on Tuesdays only, its coffee is proposed for the 13th, not tonight."""
    offers = shop.table("supplier_products")
    closed = offers.assign(
        order_weekdays=offers["order_weekdays"].where(offers["supplier_id"] != "FARM", "2")
    )
    result = solve(with_tables(shop, supplier_products=closed))
    orders = result.tables["purchase_orders"]
    farm = orders[orders["supplier_id"] == "FARM"]
    assert set(farm["product_id"]) == {"COFFEE"}
    assert set(farm["order_on"]) == {pd.Timestamp("2026-10-13")}


@pytest.mark.slow
def test_a_discontinued_product_is_not_bought(shop: Scenario) -> None:
    """Coffee that ends on the day it would come is not ordered."""
    products = shop.table("products")
    ends = products["discontinued_on"].where(
        products["product_id"] != "COFFEE", pd.Timestamp("2026-10-19")
    )
    result = solve(with_tables(shop, products=products.assign(discontinued_on=ends)))
    assert "COFFEE" not in set(result.tables["purchase_orders"]["product_id"])


@pytest.mark.slow
def test_a_budget_has_a_price(shop: Scenario) -> None:
    """With 60 to spend the orders cost at most 60, and one more unit of money saves something."""
    limits = shop.table("limits")
    cash = limits["value"].where(limits["limit_id"] != "CASH", 60.0)
    result = solve(with_tables(shop, limits=limits.assign(value=cash)))
    assert result.tables["purchase_orders"]["cost"].sum() <= 60.0 + 1e-6
    prices = result.tables["marginal_prices"].set_index("entity")["price"]
    assert prices["CASH"] > 0.0


@pytest.mark.slow
def test_a_spend_that_must_be_reached_is_reached(shop: Scenario) -> None:
    """A hard limit of the kind `>=` buys more from MARKET than costs alone would."""
    limits = shop.table("limits")
    more = limits.iloc[[0]].assign(
        limit_id="LOYAL", kind="supplier_spend", scope="supplier:MARKET", sense=">=", value=60.0
    )
    result = solve(with_tables(shop, limits=pd.concat([limits, more], ignore_index=True)))
    orders = result.tables["purchase_orders"]
    assert orders.loc[orders["supplier_id"] == "MARKET", "cost"].sum() >= 60.0 - 1e-6


def test_limits_that_contradict_each_other_are_an_outcome(shop: Scenario) -> None:
    """Spend at least 300 within a budget of 200: proven infeasible, no order, no exception."""
    limits = shop.table("limits")
    more = limits.iloc[[0]].assign(limit_id="MUST", sense=">=", value=300.0)
    result = run(
        with_tables(shop, limits=pd.concat([limits, more], ignore_index=True)), {}, Limits(work=3)
    )
    assert result.certificate is not None
    assert result.certificate.status == Status.INFEASIBLE
    assert "purchase_orders" not in result.tables


@pytest.mark.slow
def test_the_stage_after_the_forecast_is_audited() -> None:
    """Double-eleven, forecast and ordered: the pipeline's referee accepts both stages."""
    made = plan(demo_scenario("double-eleven"), ["forecasting", "replenishment"], work=4.0)
    row = made.table("certificates").set_index("stage").loc["replenishment"]
    assert bool(row["audited"])
    assert row["gap_pct"] < 8.0
    assert len(made.table("purchase_orders"))
    assert len(made.table("transfers"))


def nightly_checkers() -> Path:
    folder = os.environ.get("HOLDFAST_DATA")
    place = Path(folder or ".") / "checkers"
    if folder is None or not (place / "check_nightly.py").exists():
        pytest.skip("HOLDFAST_DATA names no folder with checkers/check_nightly.py")
    return place


@pytest.mark.parametrize(("items", "extra"), [("2000", []), ("500", ["--multi-source"])])
@pytest.mark.slow
def test_an_independent_referee_accepts_the_night(
    tmp_path: Path, items: str, extra: list[str]
) -> None:
    """2,000 product-locations at 5 sites: no violation; with one supplier each a gap under 1 %."""
    place = nightly_checkers()
    case, made = tmp_path / "case", tmp_path / "plan"
    make = [sys.executable, str(place / "make_nightly_case.py"), str(case)]
    subprocess.run([*make, "--items", items, "--sites", "5", *extra], check=True, timeout=60)
    plan(Scenario.load(case), ["replenishment"], work=6.0).save(made)
    figures = tmp_path / "figures.json"
    judge = [sys.executable, str(place / "check_nightly.py"), str(case), str(made)]
    done = subprocess.run(
        [*judge, "--json", str(figures)], check=False, timeout=120, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert found["violations"] == 0
    if not extra:
        assert found["gap_pct"] < 1.0


def test_nothing_heavy_is_loaded_with_the_stage_s_door() -> None:
    """Importing the family loads no solver and no scipy."""
    code = (
        "import sys, optimizer.replenishment\n"
        "print([m for m in ('highspy', 'ortools', 'scipy', 'pulp') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_no_order_is_placed_where_stock_is_plenty(shop: Scenario) -> None:
    """With 500 of everything at W1 nothing is bought, and the certificate is still proven."""
    stock = shop.table("inventory")
    plenty = stock.assign(on_hand=np.where(stock["site_id"] == "W1", 500.0, stock["on_hand"]))
    sites = shop.table("sites").assign(storage_m3=np.nan)
    result = solve(with_tables(shop, inventory=plenty, sites=sites))
    assert len(result.tables["purchase_orders"]) == 0
    assert result.certificate is not None
    assert result.certificate.status == Status.OPTIMAL


def test_frozen_orders_count_and_are_not_repeated(shop: Scenario, shop_plan: StageResult) -> None:
    """Whether open orders are frozen changes nothing; none of them is an order of tonight's."""
    coming = shop.table("open_orders")
    result = solve(with_tables(shop, open_orders=coming.assign(frozen=True)))
    ours = result.tables["purchase_orders"]
    pd.testing.assert_frame_equal(ours, shop_plan.tables["purchase_orders"])
    assert not set(coming["order_id"]) & set(ours["order_id"])
    assert set(ours["status"]) == {"proposed"}


@pytest.mark.slow
def test_the_least_order_value_is_met_by_what_is_paid(shop: Scenario) -> None:
    """Duty counts: at 100 % of it, an order of 100 has only 50 of goods in it."""
    offers = shop.table("supplier_products")
    taxed = offers.assign(duty_pct=100.0, min_order_value=100.0)
    result = solve(with_tables(shop, supplier_products=taxed))
    orders = result.tables["purchase_orders"]
    value = orders.groupby("order_id")["cost"].sum()
    assert (value >= 100.0 - 1e-6).all()
    assert (value < 200.0).any()


def test_a_site_that_is_full_is_offered_nothing(shop: Scenario) -> None:
    """With less room than it holds, W1 takes no order, and no option is left to try."""
    sites = shop.table("sites")
    sites.loc[sites["site_id"] == "W1", "storage_m3"] = 0.001
    result = solve(with_tables(shop, sites=sites))
    orders = result.tables["purchase_orders"]
    assert not len(orders) or (orders["order_on"] > pd.Timestamp(shop.settings.start_date)).all()
    assert result.certificate is not None
    assert result.certificate.status == Status.OPTIMAL
