"""Alerts: what they say, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from optimizer.replenishment.alerting.rows import counted, number, percent
from optimizer.replenishment.analytics.tables import planner_tables
from optimizer.replenishment.facts import read_facts
from scenarios import Scenario
from scenarios.library import demo_scenario


def alerts_of(**tables: pd.DataFrame) -> pd.DataFrame:
    """Return the alerts of the corner shop with tables replaced."""
    return planned(tables)["alerts"]


def planned(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the planner's tables where 6 of tea are ordered from FARM for W1."""
    shop = demo_scenario("corner-shop")
    facts = read_facts(Scenario(shop.settings, dict(shop.tables) | tables), {})
    start = pd.Timestamp(shop.settings.start_date)
    order = pd.DataFrame(
        {
            "supplier_id": ["FARM"],
            "site_id": ["W1"],
            "product_id": ["TEA"],
            "order_on": start,
            "due_on": start + pd.Timedelta(days=7),
            "qty": 6.0,
            "cost": 12.0,
        }
    )
    level = facts.pairs["echelon_position"].to_numpy(np.float64)
    return planner_tables(facts, order, pd.Series([1.0]), level)


def past_lines(late: list[int]) -> pd.DataFrame:
    """Return receipts of FARM, each some days late."""
    line = demo_scenario("corner-shop").table("receipts").iloc[[0]]
    rows = pd.concat([line] * len(late), ignore_index=True)
    rows["order_id"] = [f"P{k}" for k in range(len(late))]
    return rows.assign(received_on=rows["promised_on"] + pd.to_timedelta(late, unit="D"))


def test_numbers_are_written_as_people_do() -> None:
    """One unit, two units, tenths only where they are there, and no false certainty."""
    assert counted(1.0, "unit") == "1 unit"
    assert counted(2.04, "unit") == "2 units"
    assert number(12.56) == "12.6"
    assert number(1234.56) == "1,235"
    assert percent(0.004) == "under 1 %"
    assert percent(0.999) == "over 99 %"
    assert percent(0.0) == "0 %"


def test_an_order_may_be_late_as_its_supplier_was() -> None:
    """6 of FARM's 10 lines were late: its coming order is late with 60 %, worth 0.6 x its cost."""
    shop = demo_scenario("corner-shop")
    orders = shop.table("open_orders").iloc[[0]].assign(
        kind="purchase", source_id="FARM", site_id="W1", product_id="TEA", qty=10.0,
        due_on=pd.Timestamp("2026-10-20"),
    )  # fmt: skip
    rows = alerts_of(open_orders=orders, receipts=past_lines([0] * 4 + [3] * 6))
    row = rows[rows["code"] == "late_order"].iloc[0]
    assert row["probability"] == pytest.approx(0.6)
    assert row["value"] == pytest.approx(0.6 * 10 * 2.0)
    assert row["message"] == (
        "10 units from FARM due on 2026-10-20 may be late: so were 60 % of its past lines."
    )


def test_an_overdue_order_is_judged_by_lines_as_late() -> None:
    """12 days late; of 5 past lines at least as late 2 took over a week more: 40 %."""
    shop = demo_scenario("corner-shop")
    orders = shop.table("open_orders").iloc[[0]].assign(
        kind="purchase", source_id="FARM", site_id="W1", product_id="TEA", qty=1.0,
        due_on=pd.Timestamp("2026-09-30"),
    )  # fmt: skip
    rows = alerts_of(open_orders=orders, receipts=past_lines([0, 0, 12, 15, 19, 20, 30]))
    row = rows[rows["code"] == "late_order"].iloc[0]
    assert row["probability"] == pytest.approx(0.4)
    assert row["message"].startswith("1 unit from FARM is 12 days late; of its past lines")


def test_few_lines_support_no_probability() -> None:
    """Three lines, one of them late, name a risk without a number for it."""
    rows = alerts_of(receipts=past_lines([0, 4, 4]))
    risk = rows[(rows["code"] == "supplier_risk") & (rows["entity"] == "supplier:FARM")]
    assert risk["probability"].isna().all()
    assert "33 % of 3 past lines" in risk["message"].iloc[0]


def test_understated_lead_times_are_told() -> None:
    """Lines that took 12 days where offers state 7 are named with both numbers."""
    rows = alerts_of(receipts=past_lines([4, 5, 6] * 4))
    text = " ".join(rows.loc[rows["code"] == "supplier_risk", "message"])
    assert "took 12 days on average, 5 more than its offers state (7)" in text


def test_a_full_store_is_told_with_its_room() -> None:
    """With room for 0.01 m3 at W1 what is projected there does not fit."""
    sites = demo_scenario("corner-shop").table("sites")
    small = sites["storage_m3"].where(sites["site_id"] != "W1", 0.01)
    rows = alerts_of(sites=sites.assign(storage_m3=small))
    row = rows[rows["code"] == "capacity"].set_index("entity").loc["site:W1"]
    assert row["value"] > 0.0
    assert "room for 0.01 m3" in row["message"]


@pytest.mark.slow
def test_stockouts_are_simulated_and_ranked_by_money() -> None:
    """Without stock every product runs out; rows are ranked by what that costs."""
    stock = demo_scenario("corner-shop").table("inventory")
    rows = alerts_of(inventory=stock.assign(on_hand=0.0, reserved=0.0, quarantined=0.0))
    risk = rows[rows["code"] == "stockout_risk"]
    assert len(risk)
    assert (risk["probability"] > 0.0).all()
    assert (np.diff(rows["value"]) <= 1e-9).all()
    assert risk["message"].str.contains("simulated futures: on average").all()


def test_bundles_alert_by_their_components() -> None:
    """No alert and no row of stock health names a gift that is put together from tea and a mug."""
    shop = demo_scenario("corner-shop")
    result = planned({})
    forecasts = shop.table("forecasts")
    assert "GIFT" in set(forecasts["product_id"])
    assert not result["alerts"]["entity"].str.contains("GIFT").any()
    assert "GIFT" not in set(result["stock_health"]["product_id"])
