"""The corner shop: every table filled, and the arithmetic of its page holds."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from scenarios.findings import Severity
from scenarios.library import demo_scenario
from scenarios.library.written import written_table
from scenarios.scenario import Scenario
from scenarios.semantics.defaults import available_stock, inventory_policies
from scenarios.tables import TABLES
from scenarios.validation import validate

PAGE = Path(__file__).parents[3] / "docs" / "data" / "corner-shop.md"
HASH = "218e9d71f15c"
QUANTILE_90 = 1.2815515655446004


@pytest.fixture(scope="module")
def shop() -> Scenario:
    return demo_scenario("corner-shop")


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_every_table_has_rows(shop: Scenario) -> None:
    """No table is left without rows, but what is forced and what the days bring."""
    later = {"decisions", "returns", "stock_counts"}
    assert {name for name in TABLES if not shop.has(name)} == later


def test_content_is_the_documented_one(shop: Scenario) -> None:
    """The content hash does not change unnoticed."""
    assert shop.content_hash.startswith(HASH)


def test_seed_changes_settings_only() -> None:
    """A seed is written into the settings and moves no table."""
    other = demo_scenario("corner-shop", 7)
    assert other.settings.seed == 7
    first = demo_scenario("corner-shop")
    for name, frame in first.tables.items():
        assert frame.equals(other.tables[name]), name


def test_one_warning_and_no_error(shop: Scenario) -> None:
    """Only the expired tea, which is there on purpose, is warned about."""
    findings = validate(shop)
    assert [str(error) for error in findings.errors] == []
    warnings = {key[0] for key in findings.counts if key[3] == Severity.WARNING}
    assert warnings == {"expired_stock"}


def test_history_is_twenty_whole_weeks(shop: Scenario) -> None:
    """Every series has 20 Mondays, the last one a week before the start."""
    history = shop.table("demand_history")
    weeks = history.groupby(["product_id", "location_id"])["date"].agg(["size", "min", "max"])
    assert (weeks["size"] == 20).all()
    assert (weeks["max"].dt.strftime("%Y-%m-%d") == "2026-10-05").all()
    assert history["date"].dt.day_of_week.eq(0).all()
    assert history["stockout"].sum() == 1


def _position(shop: Scenario, product: str) -> float:
    stock = available_stock(shop)
    coming = shop.table("open_orders")
    on_hand = stock.loc[stock["product_id"] == product, "qty"].sum()
    return float(on_hand + coming.loc[coming["product_id"] == product, "qty"].sum())


def _week(shop: Scenario, product: str, location: str) -> tuple[float, float]:
    """Return mean and standard deviation of the first week's demand."""
    rows = shop.table("forecasts")
    rows = rows[(rows["product_id"] == product) & (rows["location_id"] == location)]
    rows = rows[rows["bucket"] == rows["bucket"].min()]
    mean = float(rows.loc[rows["quantile"].isna(), "qty"].iloc[0])
    high = float(rows.loc[rows["quantile"] == 0.9, "qty"].iloc[0])
    return mean, (high - mean) / QUANTILE_90


def _road_days(shop: Scenario) -> float:
    """Return the days of the lane from W1 to S1."""
    lanes = shop.table("lanes").set_index(["origin_id", "destination_id"])
    return float(lanes.loc[("W1", "S1"), "transit_mean_days"].max())


def _cost(position: float, mean: float, variance: float, holding: float, shortage: float) -> float:
    """Expected cost of excess and shortage under normal demand, from the textbook formula."""
    sd = math.sqrt(variance)
    z = (position - mean) / sd
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    short = sd * (density - z * 0.5 * math.erfc(z / math.sqrt(2)))
    return holding * (position - mean + short) + shortage * short


def _policy(shop: Scenario, product: str) -> tuple[float, float]:
    frame, _ = inventory_policies(shop)
    row = frame[(frame["product_id"] == product) & (frame["site_id"] == "W1")].iloc[0]
    return float(row["holding_cost_per_unit_day"] * row["review_days"]), float(row["shortage_cost"])


def _check(rows: dict[int, float], best: int, page: str) -> None:
    assert min(rows, key=lambda qty: rows[qty]) == best
    for qty, value in rows.items():
        if qty != best:
            assert f"{value:.4f}" in page, (qty, value)
    assert f"**{rows[best]:.4f}**" in page


def test_tea_order_on_the_page(shop: Scenario, page: str) -> None:
    """18 tea is the best multiple of six, at the costs that the page shows."""
    far, far_sd = _week(shop, "TEA", "ZF")
    near, near_sd = _week(shop, "TEA", "ZN")
    gifts, gifts_sd = _week(shop, "GIFT", "ZF")
    weeks_near = 2 + _road_days(shop) / 7
    mean = 2 * (far + gifts) + weeks_near * near
    variance = 2 * (far_sd**2 + gifts_sd**2) + weeks_near * near_sd**2
    assert (round(mean, 4), round(variance, 3)) == (36.5714, 10.143)
    position = _position(shop, "TEA")
    assert position == 26.0
    holding, shortage = _policy(shop, "TEA")
    rows = {q: _cost(position + q, mean, variance, holding, shortage) for q in (6, 12, 18, 24)}
    _check(rows, 18, page)


def test_coffee_order_on_the_page(shop: Scenario, page: str) -> None:
    """20 coffee reaches the price break, at the costs that the page shows."""
    far, far_sd = _week(shop, "COFFEE", "ZF")
    near, near_sd = _week(shop, "COFFEE", "ZN")
    weeks_near = 2 + _road_days(shop) / 7
    mean, variance = 2 * far + weeks_near * near, 2 * far_sd**2 + weeks_near * near_sd**2
    position = _position(shop, "COFFEE")
    assert (round(mean, 4), position) == (20.4286, 14.0)
    holding, shortage = _policy(shop, "COFFEE")
    offer = shop.table("supplier_products").query("product_id == 'COFFEE'").iloc[0]
    step = shop.table("price_breaks").query("product_id == 'COFFEE'").iloc[0]
    # 60 % of the price follow the dollar from 0.78 to 0.80
    landed = (1 + offer["duty_pct"] / 100) * (1 + 0.6 * (0.80 / 0.78 - 1))
    premium = (offer["unit_cost"] - step["unit_cost"]) * landed
    rows = {
        qty: _cost(position + qty, mean, variance, holding, shortage)
        + (premium * qty if qty < step["min_qty"] else 0.0)
        for qty in (10, 15, 20, 25)
    }
    _check(rows, 20, page)
    assert round(20 * step["unit_cost"] * landed, 2) == 84.89


def test_mug_order_on_the_page(shop: Scenario, page: str) -> None:
    """Five mugs, the least that the supplier takes, are worth the cost of an order."""
    far, far_sd = _week(shop, "MUG", "ZF")
    near, near_sd = _week(shop, "MUG", "ZN")
    gifts, _ = _week(shop, "GIFT", "ZF")
    offer = shop.table("supplier_products").query("product_id == 'MUG'").iloc[0]
    days = 7 + offer["lead_time_mean_days"]
    longer = days + _road_days(shop)
    mean = ((far + gifts) * days + near * longer) / 7
    variance = (far_sd**2 * days + near_sd**2 * longer) / 7
    variance += ((far + near + gifts) / 7) ** 2 * offer["lead_time_sd_days"] ** 2
    assert (round(mean, 6), round(variance, 3)) == (5.071429, 3.25)
    rate = shop.table("return_rates").query("product_id == 'MUG' and disposition == 'resell'")
    share = float(rate["rate"].iloc[0])
    # sold in the last 10 days: 6 and 3/7 of 2 at W1, 3/7 of 2 at S1; on S1's first day 0.5/7 more
    sold = 6 + 2 * 2 * 3 / 7 + near / 7
    mean -= share * sold
    variance += share * (1 - share) * sold + share**2 * near_sd**2 / 7
    position = _position(shop, "MUG")
    assert (round(mean, 4), round(variance, 3), position) == (4.6821, 3.62, 5.0)
    holding, shortage = _policy(shop, "MUG")
    step = shop.table("price_breaks").query("product_id == 'MUG'").iloc[0]
    premium = offer["unit_cost"] - step["unit_cost"]
    rows = {
        qty: _cost(position + qty, mean, variance, holding, shortage) + premium * qty
        for qty in (0, 5, 6)
    }
    _check(rows, 5, page)
    assert 5 * offer["unit_cost"] == offer["min_order_value"]
    assert rows[0] - rows[5] > offer["order_cost"]


def test_parcel_costs_on_the_page(shop: Scenario, page: str) -> None:
    """O2's parcel costs 4.00 and two half-kilogram steps at 2.00 a kg."""
    rate = shop.table("carrier_rates").query(
        "carrier_id == 'POST' and origin == 'W1' and destination == 'ZF'"
    )
    rate = rate.iloc[0]
    lines = shop.table("order_lines").query("order_id == 'O2'")
    facts = shop.table("products").set_index("product_id").loc[lines["product_id"]]
    weight = float((facts["weight_kg"].to_numpy() * lines["qty"].to_numpy()).sum())
    volume = float((facts["volume_m3"].to_numpy() * lines["qty"].to_numpy()).sum())
    assert (round(weight, 6), round(volume, 6)) == (1.9, 0.009)
    chargeable = max(weight, volume * rate["volumetric_kg_per_m3"])
    steps = math.ceil(round((chargeable - rate["included_kg"]) / rate["step_kg"], 9))
    assert rate["base"] + steps * rate["step_kg"] * rate["per_kg"] == 6.0
    assert "**125.40**" in page


def test_routes_on_the_page(shop: Scenario, page: str) -> None:
    """The bike's round costs 4.00 and the van's 19.60."""
    ways = shop.table("distances").set_index(["origin_id", "destination_id"])
    fleet = shop.table("vehicles").set_index("vehicle_type")
    service = shop.table("orders").set_index("order_id")["service_s"]

    def cost(vehicle: str, stops: list[str], served: list[str]) -> float:
        legs = ways.loc[list(itertools.pairwise(stops))]
        hours = (legs["duration_s"].sum() + service[served].sum()) / 3600
        facts = fleet.loc[vehicle]
        kilometres = legs["distance_m"].sum() / 1000
        return float(
            facts["fixed_cost"] + kilometres * facts["cost_per_km"] + hours * facts["cost_per_hour"]
        )

    assert cost("bike", ["S1", "ZN", "S1"], ["O3"]) == pytest.approx(4.00)
    assert cost("van", ["W1", "O1", "O5", "W1"], ["O1", "O5"]) == pytest.approx(19.60)
    assert "**23.60**" in page


def test_written_table_reads_blanks_flags_and_dates() -> None:
    """An empty cell is a blank, yes is a true flag, and a date is a date."""
    frame = written_table(
        "calendars", "calendar_id | date | is_working | open_time\nA | 2026-01-02 | yes |"
    )
    assert frame["is_working"].tolist() == [True]
    assert str(frame["date"].dtype) == "datetime64[ms]"
    assert frame["open_time"].isna().all()


def test_written_table_refuses_uneven_rows() -> None:
    """A row with a cell too few is refused."""
    with pytest.raises(ValueError, match="2 cells wanted"):
        written_table("indices", "index_id | value\nA")


def test_written_table_refuses_other_flags() -> None:
    """A flag that is neither yes nor no is refused."""
    with pytest.raises(ValueError, match="yes or no"):
        written_table("calendars", "calendar_id | is_working\nA | maybe")


def test_numbers_are_small(shop: Scenario) -> None:
    """No order, stock or forecast is above 36 units, so that a pencil is enough."""
    for table, column in (("order_lines", "qty"), ("inventory", "on_hand"), ("forecasts", "qty")):
        assert np.nanmax(shop.table(table)[column].to_numpy()) <= 36
