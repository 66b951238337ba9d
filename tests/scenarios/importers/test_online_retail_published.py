"""The published file itself: every figure of the page, and a scenario fit for planning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scenarios import Scenario, Severity
from scenarios.importers.online_retail import Imported, import_file
from scenarios.importers.online_retail.provenance import PROVENANCE
from scenarios.importers.online_retail.published import PUBLISHED
from scenarios.validation import validate


@pytest.fixture(scope="module")
def imported(published_file: Path) -> Imported:
    return import_file(published_file)


@pytest.fixture(scope="module")
def scenario(imported: Imported) -> Scenario:
    return imported.scenario


@pytest.mark.slow
def test_report_is_the_published_one(imported: Imported):
    """All counts of the page hold, those known from elsewhere too."""
    assert imported.report == PUBLISHED
    plain = imported.report.plain
    assert (plain.lines, plain.orders, plain.products) == (522_504, 19_773, 3_791)
    assert plain.units == 5_561_280


def test_scenario_validates(scenario: Scenario):
    """No error, and no warning."""
    findings = validate(scenario)
    assert [str(f) for f in findings if f.severity != Severity.INFO] == []


def test_provenance_names_the_columns(scenario: Scenario):
    """Every table and column of the scenario has its source, and every source its column."""
    held = {(name, column) for name, frame in scenario.tables.items() for column in frame}
    held |= {("settings", name) for name in scenario.settings.model_fields_set}
    assert held == {(name, column) for name, columns in PROVENANCE.items() for column in columns}


def test_stock_leaves_something_to_decide(scenario: Scenario):
    """Stock lasts 6 to 14 weeks of sales at cost, and the budget 1 to 3 weeks."""
    cost = scenario.table("products").set_index("product_id")["unit_cost"]
    stock = scenario.table("inventory")
    value = float((stock["on_hand"] * stock["product_id"].map(cost)).sum())
    sales = scenario.table("demand_history")
    sales = sales[sales["date"] >= "2011-09-05"]
    weekly = float((sales["qty"] * sales["product_id"].map(cost)).sum()) / 13
    assert 6 < value / weekly < 14
    assert 1 < float(scenario.table("limits")["value"].iloc[0]) / weekly < 3


def test_most_of_the_orders_are_on_the_shelf(scenario: Scenario):
    """Of the units to ship three quarters and more, not all, are in stock somewhere."""
    wanted = scenario.table("order_lines").groupby("product_id")["qty"].sum()
    stock = scenario.table("inventory").groupby("product_id")["on_hand"].sum()
    there = np.minimum(wanted, stock.reindex(wanted.index).fillna(0.0)).sum() / wanted.sum()
    assert 0.75 < there < 0.995


def test_lead_times_vary_as_the_terms_say(scenario: Scenario):
    """Mean lead times of receipts from each supplier lie within 40 % of the stated mean."""
    rows = scenario.table("receipts").drop_duplicates("order_id")
    took = (rows["received_on"] - rows["ordered_on"]).dt.days.groupby(rows["supplier_id"]).mean()
    offers = scenario.table("supplier_products")
    stated = offers.groupby("supplier_id")["lead_time_mean_days"].mean()
    lanes = scenario.table("lanes").drop_duplicates("origin_id").set_index("origin_id")
    stated = stated + lanes["transit_mean_days"].reindex(stated.index).fillna(0.0)
    assert set(took.index) == set(stated.index)
    assert ((took / stated).between(0.6, 1.4)).all()


def test_weights_are_plausible(scenario: Scenario):
    """A unit weighs 5 g to 25 kg, an order to ship 20 to 60 kg in the middle."""
    products = scenario.table("products").set_index("product_id")
    assert products["weight_kg"].between(0.005, 25.0).all()
    density = products["weight_kg"] / products["volume_m3"]
    assert density.between(25.0, 1500.0).all()
    lines = scenario.table("order_lines")
    kg = lines["qty"] * lines["product_id"].map(products["weight_kg"])
    assert 20 < kg.groupby(lines["order_id"]).sum().median() < 60
