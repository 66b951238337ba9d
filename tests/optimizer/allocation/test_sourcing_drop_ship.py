"""Suppliers that send order lines straight to customers, by hand arithmetic."""

from __future__ import annotations

import pandas as pd
import pytest

from optimizer.audit.sourcing import check
from scenarios.semantics.drop_ship import drop_ship_offers
from scenarios.validation import validate

START = pd.Timestamp("2026-03-02")


def rows_with_supplier(tables, base=2.0, **terms):
    """The smallest case, with a supplier V that sends P for `base`; its lead time is a day."""
    rows = tables()
    rows["suppliers"] = [{"supplier_id": "V", "name": "V"}]
    offer = {"supplier_id": "V", "product_id": "P", "unit_cost": 9.0, "lead_time_mean_days": 1.0}
    rows["supplier_products"] = [offer | terms]
    rows["carrier_rates"].append(rows["carrier_rates"][0] | {"origin": "V", "base": base})
    return rows


def parcel_of(result):
    """Return the only shipment."""
    (row,) = result.tables["shipments"].to_dict("records")
    return row


def test_a_cheaper_supplier_ships_after_its_lead_time(tables, source):
    """V sends for 2 where A asks 5: hands over on day 1, a day on the way, due on day 2."""
    result = source(rows_with_supplier(tables))
    row = parcel_of(result)
    assert (row["site_id"], row["cost"]) == ("V", 2.0)
    assert row["ship_on"] == START + pd.Timedelta("1D")
    assert row["promised_on"] == START + pd.Timedelta("2D")
    assert result.certificate.objective == 2.0
    assert result.certificate.bound == pytest.approx(2.0)


def test_a_lead_time_that_misses_the_due_day_bars_the_supplier(tables, source):
    """1.5 days of lead count as 2: with a day on the way it is day 3, due day 2; A ships for 5."""
    assert parcel_of(source(rows_with_supplier(tables, lead_time_mean_days=1.5)))["site_id"] == "A"


def test_lateness_of_a_lead_time_is_paid_where_the_order_allows(tables, source):
    """Arriving on day 3 costs 24 x 0.1 = 2.4 late money: 4.4 in all, under the 5 of A."""
    rows = rows_with_supplier(tables, lead_time_mean_days=2.0)
    rows["orders"][0]["late_cost_per_h"] = 0.1
    result = source(rows)
    assert parcel_of(result)["site_id"] == "V"
    assert result.certificate.objective == pytest.approx(4.4)


def test_capacity_per_week_is_the_stock_of_a_supplier(tables, source):
    """V makes 1 a week: of two orders one goes from V for 2, the other from A for 5."""
    rows = rows_with_supplier(tables, capacity_per_week=1.0)
    rows["orders"].append(rows["orders"][0] | {"order_id": "O2"})
    rows["order_lines"].append(rows["order_lines"][0] | {"order_id": "O2"})
    result = source(rows)
    assert sorted(result.tables["shipments"]["site_id"]) == ["A", "V"]
    assert result.certificate.objective == 7.0


def test_products_of_other_lead_times_do_not_share_a_parcel(tables, source):
    """P after 0 days and Q after 1, 2 each: two parcels from V for 4, under the 5 of A."""
    rows = rows_with_supplier(tables, lead_time_mean_days=0.0)
    rows["supplier_products"].append(
        rows["supplier_products"][0] | {"product_id": "Q", "lead_time_mean_days": 1.0}
    )
    rows["order_lines"].append(rows["order_lines"][0] | {"line_id": "2", "product_id": "Q"})
    result = source(rows)
    shipped = result.tables["shipments"]
    assert list(shipped["site_id"]) == ["V", "V"]
    assert list(shipped["ship_on"]) == [START, START + pd.Timedelta("1D")]
    assert result.certificate.objective == 4.0


def test_after_the_cutoff_a_supplier_hears_of_it_a_day_later(tables, source):
    """Placed at noon, cut-off at ten: asked on day 1, handed over on day 2, there on day 3."""
    rows = rows_with_supplier(tables)
    rows["orders"][0] |= {"placed_at": START + pd.Timedelta("12h"),
                          "due_to": START + pd.Timedelta("3D")}  # fmt: skip
    rows["carrier_rates"][-1]["cutoff_time"] = "10:00"
    row = parcel_of(source(rows))
    assert (row["site_id"], row["ship_on"]) == ("V", START + pd.Timedelta("2D"))
    assert row["promised_on"] == START + pd.Timedelta("3D")


def test_an_offer_that_has_ended_ships_nothing(tables, source):
    """The terms of V ended the day before: A ships for 5."""
    rows = rows_with_supplier(tables, valid_to=START - pd.Timedelta("1D"))
    assert parcel_of(source(rows))["site_id"] == "A"


def test_a_suppliers_calendar_lengthens_its_lead_time(tables, scenario):
    """V is closed on days 2 and 3: one working day takes at most 3 calendar days."""
    rows = rows_with_supplier(tables)
    rows["suppliers"][0]["calendar_id"] = "K"
    rows["calendars"] = [
        {"calendar_id": "K", "date": START + pd.Timedelta(days=day), "is_working": False}
        for day in (2, 3)
    ]
    assert drop_ship_offers(scenario(rows))["lead_days"].tolist() == [3.0]


def test_an_origin_that_is_nobody_is_an_error(tables, scenario):
    """A supplier may be an origin; an id that is neither site nor supplier may not."""
    rows = rows_with_supplier(tables)
    known = {finding.code for finding in validate(scenario(rows))}
    rows["carrier_rates"][-1]["origin"] = "nobody"
    unknown = {finding.code for finding in validate(scenario(rows))}
    assert "unknown_reference" not in known
    assert "unknown_reference" in unknown


@pytest.mark.parametrize(
    ("table", "column", "value", "code"),
    [
        ("shipments", "ship_on", START, "ships_before_the_lead_time"),
        ("shipments", "promised_on", START + pd.Timedelta("1D"), "promise_differs"),
        ("shipments", "site_id", "W", "site_not_open"),
        ("shipments", "cost", 2.5, "cost_differs"),
        ("shipment_lines", "qty", 9.0, "above_stock"),
    ],
)
def test_the_referee_finds_errors_in_a_suppliers_parcel(
    tables, scenario, source, table, column, value, code
):
    """Each planted error in the parcel of V is found under its own name."""
    rows = rows_with_supplier(tables, capacity_per_week=1.0)
    result = source(rows)
    plan = {name: frame.copy() for name, frame in result.tables.items()}
    plan[table][column] = value
    assert code in {violation.code for violation in check(scenario(rows), plan).violations}
