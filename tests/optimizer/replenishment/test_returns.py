"""What customers send back is sold again: it nets what tonight buys, and the referee agrees."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.audit.offers import PAIR
from optimizer.audit.replenishment import check
from optimizer.audit.rolling import check as rolling_check
from optimizer.audit.tonight import read_tonight
from optimizer.outcome import Limits
from optimizer.plan import conform
from optimizer.replenishment.facts import read_facts
from optimizer.replenishment.rolling import stage as rolling
from optimizer.replenishment.stage import run
from optimizer.stage import StageResult
from scenarios import Scenario, Settings
from scenarios.semantics.returns import recent_sales, resold_shares
from simulation.goods import site_returns

Z90 = 1.2815515655446004
MONDAY = pd.Timestamp("2026-03-02")
RESELL = [("P1", "size", 0.2, 10.0, "resell")]


def rates(rows: list[tuple[str, str, float, float, str]]) -> pd.DataFrame:
    """Return rows of return_rates."""
    columns = ["product_id", "reason", "rate", "delay_days", "disposition"]
    return pd.DataFrame(rows, columns=columns)


def shop(
    rows: list[tuple[str, str, float, float, str]],
    *,
    life: float = np.nan,
    history: bool = True,
    **asked: str,
) -> Scenario:
    """Return a shop that reviews weekly and waits a week: it protects 14 days.

    It sold 10 in the last week and 14 in the week before, of either product.
    """
    ids = ["P1", "P2"]
    made = Settings(
        name="shop",
        currency="EUR",
        timezone="UTC",
        start_date=dt.date(2026, 3, 2),
        bucket="week",
        horizon_buckets=4,
        **{"shortage_rule": "backorder"} | asked,  # type: ignore[arg-type]
    )
    pair = {"site_id": ["S1", "S1"], "product_id": ids}
    weeks = [MONDAY - pd.Timedelta(days=7 * back) for back in (2, 1)]
    sold = [
        (week, name, qty) for name in ids for week, qty in zip(weeks, (14.0, 10.0), strict=True)
    ]
    tables = {
        "products": pd.DataFrame(
            {"product_id": ids, "name": ids, "unit_cost": 1.0, "unit_price": 2.0}
        ).assign(weight_kg=1.0, volume_m3=0.001, shelf_life_days=[life, np.nan]),
        "sites": pd.DataFrame({"site_id": ["S1"], "kind": "store", "name": "S1", "status": "open"}),
        "suppliers": pd.DataFrame({"supplier_id": ["V1"], "name": ["V1"]}),
        "supplier_products": pd.DataFrame(
            {"supplier_id": "V1", "product_id": ids, "unit_cost": 1.0, "lead_time_mean_days": 7.0}
        ),
        "inventory": pd.DataFrame(pair).assign(on_hand=[3.0, 3.0]),
        "inventory_policies": pd.DataFrame(pair).assign(
            policy="base_stock",
            review_days=7.0,
            shortage_cost=1.0,
            holding_cost_per_unit_day=0.2 / 7.0,
        ),
    }
    if rows:
        tables["return_rates"] = rates(rows)
    if history:
        past = pd.DataFrame(sold, columns=["date", "product_id", "qty"])
        tables["demand_history"] = past.assign(location_id="S1")
    return Scenario(made, tables)


def forecast_of(*, totals: bool = False) -> pd.DataFrame:
    """Return a forecast of 10 a week, sd 3; with totals, that of two weeks has sd 4."""
    rows = []
    for product in ("P1", "P2"):
        for bucket in range(4):
            day = MONDAY + pd.Timedelta(days=7 * bucket)
            rows += [(product, day, 1, np.nan, 10.0), (product, day, 1, 0.9, 10.0 + 3.0 * Z90)]
        if totals:
            rows += [(product, MONDAY, 2, np.nan, 20.0), (product, MONDAY, 2, 0.9, 20 + 4 * Z90)]
    columns = ["product_id", "bucket", "span_buckets", "quantile", "qty"]
    frame = pd.DataFrame(rows, columns=columns).assign(location_id="S1", method="test")
    return conform("forecast", frame)


def planned(scenario: Scenario, *, totals: bool = False) -> tuple[StageResult, pd.DataFrame]:
    """Return tonight's result and the forecast that it was made from."""
    forecast = forecast_of(totals=totals)
    return run(scenario, {"forecast": forecast}, Limits(work=2.0)), forecast


def tables_of(result: StageResult, forecast: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the tables as a plan has them."""
    made = {name: conform(name, frame) for name, frame in result.tables.items()}
    return made | {"forecast": forecast}


def test_goods_sold_lately_and_soon_come_back_within_the_interval() -> None:
    """Of 14 days only what is sold 10 days ago or later, and in 4 days at most, is back in time.

    Past: 10 of the last week and 3 of the 7 days of the week before, 3/7 x 14 = 6. Ahead: 4/7 of
    10, variance 4/7 x 9. Mean 0.2 x (16 + 40/7); variance 0.2 x 0.8 x (16 + 40/7) + 0.04 x 36/7.
    """
    pairs = read_facts(shop(RESELL), {"forecast": forecast_of()}).pairs
    units = 16.0 + 40.0 / 7.0
    assert pairs["expected_returns"].to_numpy() == pytest.approx([0.2 * units, 0.0])
    variance = 0.16 * units + 0.04 * 36.0 / 7.0
    assert pairs["returns_sd"].to_numpy() ** 2 == pytest.approx([variance, 0.0])
    assert pairs["decision_mean"].to_numpy() == pytest.approx([20.0 - 0.2 * units, 20.0])
    assert pairs["decision_sd"].to_numpy() ** 2 == pytest.approx([18.0 + variance, 18.0])


def test_a_delay_beyond_the_interval_brings_only_what_is_due_by_its_end() -> None:
    """After 17 days: sold 17 to 3 days ago. 4 days of the last week are out, 14 of 17 are known.

    Days 14 to 8 ago: 14; days 7 to 4 ago: 4/7 x 10. What was sold before was not recorded.
    """
    late = [("P1", "size", 0.2, 17.0, "resell")]
    pairs = read_facts(shop(late), {"forecast": forecast_of()}).pairs
    assert pairs["expected_returns"].iloc[0] == pytest.approx(0.2 * (14.0 + 40.0 / 7.0))


def test_without_recorded_sales_only_goods_still_to_be_sold_come_back() -> None:
    """No demand_history: 0.2 x 40/7 units, and not what nobody has recorded."""
    pairs = read_facts(shop(RESELL, history=False), {"forecast": forecast_of()}).pairs
    assert pairs["expected_returns"].iloc[0] == pytest.approx(0.2 * 40.0 / 7.0)


@pytest.mark.parametrize("disposition", ["repair", "exchange", "scrap"])
def test_what_is_not_sold_again_changes_nothing(disposition: str) -> None:
    """Orders, certificate and explanations are those of a shop to which nothing comes back."""
    bare, _ = planned(shop([]))
    other, _ = planned(shop([("P1", "size", 0.2, 10.0, disposition)]))
    _same(bare, other)


def test_what_perishes_is_not_netted() -> None:
    """Nobody knows how long returned food still keeps."""
    bare, _ = planned(shop([], life=60.0))
    other, _ = planned(shop(RESELL, life=60.0))
    _same(bare, other)


def test_a_rate_of_nothing_changes_nothing() -> None:
    """A row that says that nothing comes back is no returns."""
    bare, _ = planned(shop([], shortage_rule="lost"), totals=True)
    none = shop([("P1", "size", 0.0, 10.0, "resell")], shortage_rule="lost")
    other, _ = planned(none, totals=True)
    _same(bare, other)


def _same(one: StageResult, other: StageResult) -> None:
    """Every table is the same, bit for bit."""
    assert one.certificate is not None
    assert other.certificate is not None
    assert one.certificate.objective == other.certificate.objective
    assert one.tables.keys() == other.tables.keys()
    for name, table in one.tables.items():
        if name not in ("alerts", "risks"):  # they speak of rates
            pd.testing.assert_frame_equal(table, other.tables[name], check_exact=True)


def test_tonight_buys_less_and_says_so() -> None:
    """P1 needs 4.34 units less than P2, which sells as much and gets nothing back."""
    result, _ = planned(shop(RESELL))
    orders = result.tables["purchase_orders"].set_index("product_id")
    assert orders.loc["P1", "qty"] < orders.loc["P2", "qty"]
    back = 0.2 * (16.0 + 40.0 / 7.0)
    assert orders["expected_returns"].to_dict() == pytest.approx({"P1": back, "P2": 0.0})
    assert result.tables["policies"]["expected_returns"].tolist() == pytest.approx([back, 0.0])
    terms = [json.loads(text) for text in result.tables["explanations"]["terms"]]
    assert [row["expected_returns"] for row in terms] == pytest.approx([-back, 0.0], abs=1e-6)
    for row, qty in zip(terms, result.tables["purchase_orders"]["qty"], strict=True):
        del row["forecast_days"]
        assert sum(row.values()) == pytest.approx(qty, abs=1e-5)


@pytest.mark.parametrize("rule", ["backorder", "lost"])
def test_the_referee_agrees(rule: str) -> None:
    """Objective and every rule hold at the referee, with lost sales followed and without."""
    scenario = shop(
        [*RESELL, ("P1", "colour", 0.1, 3.0, "resell"), ("P2", "size", 0.3, 5.0, "resell")],
        shortage_rule=rule,
    )
    result, forecast = planned(scenario, totals=True)
    report = check(scenario, tables_of(result, forecast))
    assert report.violations == ()
    assert result.certificate is not None
    assert report.objective == pytest.approx(result.certificate.objective, rel=1e-9)


@pytest.mark.parametrize("table", ["purchase_orders", "policies"])
def test_the_referee_rejects_returns_that_nobody_expects(table: str) -> None:
    """A unit more than what comes back is a violation."""
    scenario = shop(RESELL)
    result, forecast = planned(scenario)
    tables = tables_of(result, forecast)
    tables[table] = tables[table].assign(expected_returns=tables[table]["expected_returns"] + 1.0)
    codes = {(found.table, found.code) for found in check(scenario, tables).violations}
    assert (table, "expected_returns_differ") in codes


def test_goods_sold_in_a_zone_come_back_to_the_site_that_serves_it() -> None:
    """A zone's sales and its returns are those of its site, share by share."""
    scenario = shop(RESELL)
    zones = pd.DataFrame({"zone_id": ["Z1"], "name": ["Z1"]})
    shares = pd.DataFrame({"zone_id": ["Z1"], "site_id": ["S1"], "share_pct": [100.0]})
    history = scenario.table("demand_history").assign(location_id="Z1")
    moved = Scenario(
        scenario.settings,
        dict(scenario.tables) | {"zones": zones, "zone_sites": shares, "demand_history": history},
    )
    pd.testing.assert_frame_equal(recent_sales(moved), recent_sales(scenario))


def test_the_simulator_waits_as_long_as_the_plan_thinks() -> None:
    """Delays are whole days and at least one, in the plan's facts and in the simulated world."""
    for stated, days in ((0.0, 1), (0.4, 1), (2.4, 2), (6.0, 6)):
        scenario = shop([("P1", "size", 0.2, stated, "resell")])
        (back,) = site_returns(scenario, ["P1"])
        assert resold_shares(scenario)["delay_days"].tolist() == [days] == back.delay.tolist()


@settings(max_examples=6, deadline=None)
@given(
    rate=st.floats(0.0, 0.5),
    delay=st.floats(0.0, 40.0),
    other=st.floats(0.0, 0.5),
    lead=st.floats(0.0, 20.0),
)
def test_engine_and_referee_count_the_same(
    rate: float, delay: float, other: float, lead: float
) -> None:
    """Any rates, delays and lead times: mean and spread of the decision are the referee's."""
    rows = [("P1", "size", rate, delay, "resell"), ("P1", "colour", other, 5.0, "resell")]
    scenario = shop(rows, shortage_rule="lost")
    offers = scenario.table("supplier_products").assign(lead_time_mean_days=lead)
    scenario = Scenario(scenario.settings, dict(scenario.tables) | {"supplier_products": offers})
    forecast = forecast_of(totals=True)
    mine = read_facts(scenario, {"forecast": forecast}).pairs.set_index(PAIR).sort_index()
    own = read_tonight(scenario, {"forecast": forecast}).pairs.set_index(PAIR).sort_index()
    near = {"rel": 1e-9, "abs": 1e-9}
    assert mine["expected_returns"].to_numpy() == pytest.approx(
        own["expected_returns"].to_numpy(), **near
    )
    assert mine["decision_mean"].to_numpy() == pytest.approx(own["mean"].to_numpy(), **near)
    assert mine["decision_sd"].to_numpy() == pytest.approx(own["sd"].to_numpy(), **near)


def test_the_same_call_gives_the_same_plan() -> None:
    """Twice the same scenario: every table alike, bit for bit."""
    one, _ = planned(shop(RESELL))
    other, _ = planned(shop(RESELL))
    for name, table in one.tables.items():
        pd.testing.assert_frame_equal(table, other.tables[name], check_exact=True)
    assert one.notes == other.notes


@pytest.fixture(scope="module")
def nights() -> tuple[Scenario, dict[str, pd.DataFrame]]:
    """Four weeks planned night by night, with what comes back."""
    scenario, forecast = shop(RESELL, shortage_rule="lost"), forecast_of()
    upstream = {"forecast": forecast}
    tonight = run(scenario, upstream, Limits(work=2.0)).tables
    later = rolling.run(scenario, upstream | dict(tonight), Limits(work=2.0)).tables
    return scenario, tables_of(StageResult(dict(tonight) | dict(later), None), forecast)


def test_later_nights_net_what_comes_back_in_their_own_interval(
    nights: tuple[Scenario, dict[str, pd.DataFrame]],
) -> None:
    """The second week protects days 7 to 21: of days 11 to -3 before, all comes back in time.

    Sold 3 to 1 days ago: 3/7 x 10; and in the first 11 days: 110/7. The projection's receipts
    hold what comes back in a week: in the first one days -10 to -4, 6 + 4/7 x 10 units sold.
    """
    scenario, tables = nights
    orders = tables["purchase_orders"].set_index(["product_id", "order_on"])["expected_returns"]
    second = pd.Timestamp("2026-03-09")
    assert orders["P1", second] == pytest.approx(0.2 * (30.0 + 110.0) / 7.0)
    assert orders["P2", second] == 0.0
    stock = tables["inventory_projection"].set_index(["product_id", "bucket"])["receipts"]
    assert stock["P1", MONDAY] == pytest.approx(0.2 * (6.0 + 40.0 / 7.0))
    assert rolling_check(scenario, tables).violations == ()


def test_the_referee_rejects_returns_that_no_later_night_expects(
    nights: tuple[Scenario, dict[str, pd.DataFrame]],
) -> None:
    """A wrong figure on a later line, and a projection without what comes back."""
    scenario, tables = nights
    orders = tables["purchase_orders"]
    late = orders["order_on"] > MONDAY
    wrong = orders.assign(expected_returns=orders["expected_returns"] + 1.0 * late)
    codes = {
        found.code
        for found in rolling_check(scenario, tables | {"purchase_orders": wrong}).violations
    }
    assert "expected_returns_differ" in codes
    bare = Scenario(
        scenario.settings,
        {name: table for name, table in scenario.tables.items() if name != "return_rates"},
    )
    codes = {found.code for found in rolling_check(bare, tables).violations}
    assert {"receipts_differs", "expected_returns_differ"} <= codes
