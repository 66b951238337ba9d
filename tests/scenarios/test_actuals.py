"""What happened, loaded into a scenario and measured."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from api.cli.app import invoke
from optimizer.actuals import cusum, measure
from optimizer.plan import Plan, Provenance, conform
from scenarios import InputError, Scenario
from scenarios.actuals import load_actuals, refuse_wrong_rows, with_observed_lead_times
from scenarios.library import demo_scenario


@pytest.fixture(scope="module")
def shop() -> Scenario:
    """The corner shop."""
    return demo_scenario("corner-shop")


def receipt(shop: Scenario, **more: object) -> pd.DataFrame:
    """The first open purchase order, received."""
    row = shop.table("open_orders").query("kind == 'purchase'").iloc[0]
    return pd.DataFrame([{
        "order_id": row["order_id"], "line": row["line"], "supplier_id": row["source_id"],
        "product_id": row["product_id"], "site_id": row["site_id"], "qty_ordered": row["qty"],
        "qty_received": row["qty"], "ordered_on": row["ordered_on"],
        "promised_on": row["due_on"], "received_on": row["due_on"], **more,
    }])  # fmt: skip


def test_a_received_order_is_open_no_more(shop: Scenario) -> None:
    """All units came: the open order is gone, and the receipt stands."""
    came = receipt(shop)
    found = load_actuals(shop, {"receipts": came}).scenario
    assert len(found.table("open_orders")) == len(shop.table("open_orders")) - 1
    assert len(found.table("receipts")) == len(shop.table("receipts")) + 1


def test_a_part_that_came_leaves_the_rest_open(shop: Scenario) -> None:
    """One unit came: all but one are still to come."""
    came = receipt(shop, qty_received=1.0)
    found = load_actuals(shop, {"receipts": came}).scenario.table("open_orders")
    left = found[found["order_id"] == came["order_id"].iloc[0]]["qty"].sum()
    before = shop.table("open_orders")
    assert left == before[before["order_id"] == came["order_id"].iloc[0]]["qty"].sum() - 1.0


def test_loading_twice_is_loading_once(shop: Scenario) -> None:
    """Rows with the same key replace each other."""
    came = receipt(shop)
    once = load_actuals(shop, {"receipts": came}).scenario
    twice = load_actuals(once, {"receipts": came}).scenario
    assert twice.content_hash == once.content_hash


def test_a_part_that_came_is_taken_off_once(shop: Scenario) -> None:
    """Of 4 open units 1 came, loaded twice: 3 are open; then 3 in all: 1 is."""
    came = receipt(shop, qty_received=1.0)
    name = came["order_id"].iloc[0]
    found, left = shop, []
    for day in (came, came, receipt(shop, qty_received=3.0)):
        found = load_actuals(found, {"receipts": day}).scenario
        rows = found.table("open_orders")
        left.append(float(rows.loc[rows["order_id"] == name, "qty"].sum()))
    assert left == [3.0, 3.0, 1.0]


def test_units_that_came_uncounted_are_told(shop: Scenario) -> None:
    """Stock rises by counts alone: without one the planner must know."""
    came = receipt(shop)
    told = load_actuals(shop, {"receipts": came}).notes
    assert "4 units came to product-locations that were not counted" in " ".join(told)
    keys = {"site_id": came["site_id"], "product_id": came["product_id"]}
    count = pd.DataFrame({"counted_on": came["received_on"], **keys, "qty": 25.0})
    told = load_actuals(shop, {"receipts": came, "stock_counts": count}).notes
    assert "units came" not in " ".join(told)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"supplier_id": "NOBODY"}, "unknown_reference"),
        ({"qty_received": -1.0}, "out_of_range"),
        ({"received_on": pd.Timestamp("2026-01-01")}, "ends_before_it_begins"),
    ],
)
def test_rows_with_errors_are_not_loaded(
    shop: Scenario, tmp_path: Path, change: dict[str, object], code: str
) -> None:
    """The second row is wrong: the command says so by its row, and writes nothing."""
    wrong = receipt(shop, order_id="X9", **change)
    both = pd.concat([receipt(shop), wrong], ignore_index=True)
    with pytest.raises(InputError) as told:
        refuse_wrong_rows(shop, {"receipts": both})
    assert (code, 3) in {(found.code, found.row) for found in told.value.findings}
    shop.save(tmp_path / "shop")
    (tmp_path / "day").mkdir()
    both.to_csv(tmp_path / "day" / "receipts.csv", index=False)
    place = [str(tmp_path / name) for name in ("shop", "day")]
    assert invoke(["actuals", "load", *place, "--out", str(tmp_path / "new")]) == 2
    assert not (tmp_path / "new").exists()


def test_a_count_becomes_the_stock(shop: Scenario) -> None:
    """The pair holds what was counted, over all its lots; the others what they held."""
    first = shop.table("inventory").iloc[0]
    count = pd.DataFrame([{
        "counted_on": pd.Timestamp("2026-10-11"), "site_id": first["site_id"],
        "product_id": first["product_id"], "qty": 5.0,
    }])  # fmt: skip
    found = load_actuals(shop, {"stock_counts": count})
    keys = ["site_id", "product_id"]
    before = shop.table("inventory").groupby(keys)["on_hand"].sum()
    after = found.scenario.table("inventory").groupby(keys)["on_hand"].sum()
    here = (first["site_id"], first["product_id"])
    assert after[here] == 5.0
    assert after.drop(here).equals(before.drop(here))
    assert "were not counted" in found.notes[0]


def test_delivered_orders_are_not_planned_again(shop: Scenario) -> None:
    """An order that arrived is shipped; the start of the next plan moves."""
    done = pd.DataFrame([{
        "shipment_id": "S9", "order_id": "O2", "carrier_id": "POST",
        "placed_at": pd.Timestamp("2026-10-11 19:30"),
        "delivered_at": pd.Timestamp("2026-10-13 12:00"),
    }])  # fmt: skip
    found = load_actuals(shop, {"deliveries": done}, dt.date(2026, 10, 14)).scenario
    status = found.table("orders").set_index("order_id")["status"]
    assert status["O2"] == "shipped"
    assert status["O1"] == "accepted"
    assert found.settings.start_date == dt.date(2026, 10, 14)


def test_other_tables_are_refused(shop: Scenario) -> None:
    """Prices are no actuals."""
    with pytest.raises(InputError, match="do not say what happened"):
        load_actuals(shop, {"products": shop.table("products")})


def test_lead_times_follow_receipts_that_contradict_them(shop: Scenario) -> None:
    """Ten lines of the farm took 12, 13, 12, ... days where 7 are stated: 5.5 days more."""
    day = pd.Timestamp("2026-08-03")
    came = pd.concat(
        [
            receipt(
                shop, order_id=f"X{k}", supplier_id="FARM", product_id="TEA", site_id="W1",
                ordered_on=day, promised_on=day, received_on=day + pd.Timedelta(days=12 + k % 2),
            )
            for k in range(10)
        ],
        ignore_index=True,
    )  # fmt: skip
    bare = Scenario(
        shop.settings, {n: shop.table(n) for n in shop.tables if n not in ("receipts", "lanes")}
    )
    found = with_observed_lead_times(load_actuals(bare, {"receipts": came}))
    terms = found.scenario.table("supplier_products").set_index("supplier_id")
    assert terms.loc["FARM", "lead_time_mean_days"].tolist() == pytest.approx([12.5, 12.5])
    assert terms.loc["MARKET", "lead_time_mean_days"].tolist() == [3.0, 3.0]


def test_perfect_orders_are_on_time_and_whole(shop: Scenario) -> None:
    """Of four orders two are perfect; of an order every parcel counts."""
    rows = {(r.measure, r.scope): r for r in measure(shop).rows}
    assert rows["perfect_order_rate", "all"].value == 0.5
    assert rows["on_time_rate", "all"].value == 0.75
    assert rows["on_time_rate", "all"].n == 4


def test_stock_that_is_counted_in_parts_is_not_too_small(shop: Scenario) -> None:
    """Each pair has the mean of its own counts: (10 + 20) / 2 x 2 + 4 x 3 = 42, at 2 a day 21.

    What was not counted stands as the inventory has it: 5 coffee at 4 are 20 more, 31 days.
    """
    counts = pd.DataFrame(
        {
            "counted_on": pd.to_datetime(["2026-09-28", "2026-09-30", "2026-10-05"]),
            "site_id": ["W1", "S1", "W1"],
            "product_id": ["TEA", "MUG", "TEA"],
            "qty": [10.0, 4.0, 20.0],
        }
    )
    sold = shop.table("demand_history").head(2)
    weeks = pd.to_datetime(["2026-09-28", "2026-10-05"])
    history = sold.assign(date=weeks, product_id="TEA", qty=7.0)  # of tea at 2: 2 a day
    tables = {name: shop.table(name) for name in shop.tables}
    tables |= {"stock_counts": counts, "demand_history": history}
    stock = tables["inventory"]
    coffee = stock[(stock["site_id"] == "W1") & stock["product_id"].isin(["TEA", "COFFEE"])]
    for inventory, days in ((stock.head(0), 21.0), (coffee, 31.0)):
        found = measure(Scenario(shop.settings, {**tables, "inventory": inventory}))
        rows = {row.measure: row.value for row in found.rows}
        assert rows["turnover_days"] == pytest.approx(days)


@pytest.mark.parametrize("by_day", [False, True])
def test_forecasts_of_sites_are_held_against_sales_of_zones(shop: Scenario, by_day: bool) -> None:
    """S1 serves zone ZN alone. Tea: 10 said, 7 sold, 14 the week before; coffee: 2, 0 and 7.

    Missed: (3 + 2) / 7 of what was sold; the week before as a forecast (7 + 7) / 7. Of the next
    week no more than a day is on record: it is not held against.
    """
    weeks = pd.to_datetime(["2026-10-05", "2026-10-05", "2026-10-12"])
    sold = shop.table("demand_history").head(3)
    sold = sold.assign(date=weeks, location_id="ZN", product_id=["TEA", "COFFEE", "TEA"])
    sold = sold.assign(qty=[14.0, 7.0, 7.0], stockout=False)
    if by_day:
        days = [
            sold.assign(date=weeks + pd.Timedelta(days=k), qty=sold["qty"] / 7) for k in range(7)
        ]
        after = sold.tail(1).assign(date=pd.Timestamp("2026-10-19"), qty=50.0)
        sold = pd.concat([*days, after], ignore_index=True)
    said = pd.DataFrame(
        [["TEA", 10.0], ["COFFEE", 2.0], ["MUG", 9.0]], columns=["product_id", "qty"]
    ).assign(location_id="S1", bucket=pd.Timestamp("2026-10-12"), span_buckets=1, method="by hand")
    later = said.assign(bucket=pd.Timestamp("2026-10-19"), qty=1000.0)
    told = conform("forecast", pd.concat([said, later], ignore_index=True))
    tables = {name: shop.table(name) for name in shop.tables} | {"demand_history": sold}
    made = Plan(Provenance(shop.content_hash, "1", {}, 0, {}), {"forecast": told})
    rows = {row.measure: row for row in measure(Scenario(shop.settings, tables), made).rows}
    assert rows["forecast_wape"].value == pytest.approx(5.0 / 7.0)
    assert rows["forecast_bias"].value == pytest.approx(5.0 / 7.0)
    assert rows["forecast_value_added"].value == pytest.approx(9.0 / 7.0)
    assert rows["forecast_wape"].n == 2  # nobody knows what mugs sold before


def test_a_shift_of_three_deviations_is_an_alarm() -> None:
    """After 20 usual points the mean moves up by three deviations: a signal within five."""
    rng = np.random.default_rng(4)
    values = rng.normal(10.0, 1.0, 40)
    values[22:] += 3.0
    found = cusum(values)
    assert found is not None
    assert found[1] == "up"
    assert 22 <= found[0] <= 27


def test_a_steady_series_raises_no_alarm() -> None:
    """Nothing moves: no signal; too few points or no spread: none either."""
    assert cusum(np.tile([9.0, 11.0], 20)) is None
    assert cusum(np.arange(8.0)) is None
    assert cusum(np.ones(40)) is None


def test_the_command_loads_a_folder(tmp_path: Path, shop: Scenario) -> None:
    """A folder with one table and Chinese headings is loaded."""
    shop.save(tmp_path / "shop")
    (tmp_path / "day").mkdir()
    (tmp_path / "day" / "stock_counts.csv").write_text(
        "盘点日期,站点编码,商品编码,盘点数量\n2026-10-11,W1,TEA,4\n", encoding="utf-8"
    )
    call = ["actuals", "load", str(tmp_path / "shop"), str(tmp_path / "day"), "--out"]
    assert invoke([*call, str(tmp_path / "next"), "--start", "2026-10-13", "--json"]) == 0
    found = Scenario.load(tmp_path / "next")
    assert found.settings.start_date == dt.date(2026, 10, 13)
    assert len(found.table("stock_counts")) == 1
