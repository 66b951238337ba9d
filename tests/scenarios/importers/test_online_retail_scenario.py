"""What is built from the extract is a whole scenario that a planner can plan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scenarios import Scenario, Severity
from scenarios.importers.online_retail import read
from scenarios.importers.online_retail.document import document
from scenarios.importers.online_retail.places import TOWNS, in_london, places
from scenarios.importers.online_retail.provenance import PROVENANCE
from scenarios.importers.seeded import gammas, picks, uniforms
from scenarios.tables import TABLES
from scenarios.validation import validate

START = pd.Timestamp("2011-02-07")
PAGE = Path(__file__).parents[3] / "docs" / "data" / "online-retail.md"


@pytest.fixture(scope="module")
def scenario(extract_file: Path) -> Scenario:
    return read(extract_file)


def test_scenario_validates(scenario: Scenario):
    """No error and no warning."""
    findings = validate(scenario)
    assert [str(f) for f in findings if f.severity != Severity.INFO] == []


def test_same_seed_same_content(scenario: Scenario, extract_file: Path):
    """The seed alone decides what the file lacks; what it has does not change."""
    assert read(extract_file).content_hash == scenario.content_hash
    other = read(extract_file, seed=1)
    assert other.content_hash != scenario.content_hash
    for name in ("order_lines", "return_rates", "calendars", "events", "item_sources"):
        columns = [c for c in scenario.tables[name] if c != "recovery_value"]
        pd.testing.assert_frame_equal(other.tables[name][columns], scenario.tables[name][columns])
    assert not other.tables["products"]["weight_kg"].equals(
        scenario.tables["products"]["weight_kg"]
    )


def test_settings_follow_the_file(scenario: Scenario):
    """Pounds, London time, weeks, from the Monday of the last week on."""
    settings = scenario.settings
    assert (settings.currency, settings.timezone) == ("GBP", "Europe/London")
    assert (settings.bucket, settings.horizon_buckets) == ("week", 13)
    assert pd.Timestamp(settings.start_date) == START


def test_history_holds_whole_weeks(scenario: Scenario):
    """Weekly history starts on the first whole week and ends before the start."""
    dates = scenario.table("demand_history")["date"]
    assert set(dates) == set(pd.date_range("2011-01-03", "2011-01-31", freq="7D"))


def test_history_by_day_sums_to_history_by_week(scenario: Scenario, extract_file: Path):
    """By day the same units stand on their own days, the days before the first week too."""
    daily = read(extract_file, history="day").table("demand_history")
    assert daily["date"].min() == pd.Timestamp("2010-12-30")
    assert daily["date"].max() < START
    within = daily[daily["date"] >= "2011-01-03"]
    week = within["date"] - pd.to_timedelta(within["date"].dt.day_of_week, unit="D")
    keys = ["date", "product_id", "location_id"]
    by_week = within.assign(date=week).groupby(keys)["qty"].sum()
    expected = scenario.table("demand_history").set_index(keys)["qty"].sort_index()
    pd.testing.assert_series_equal(by_week, expected, check_index_type=False)


def test_orders_are_those_of_the_last_week(scenario: Scenario):
    """Monday's to Wednesday's real orders wait, each released after it was placed, due later."""
    orders = scenario.table("orders")
    assert len(orders) == 6
    assert (orders["placed_at"] >= START).all()
    assert (orders["release_at"] > orders["placed_at"]).all()
    assert (orders["due_to"] > orders["release_at"]).all()
    assert scenario.table("order_lines")["qty"].sum() == 6 * (6 + 12 + 2)


def test_closed_days_stand_in_the_calendar(scenario: Scenario):
    """Saturdays, the closed Wednesday, and the Saturdays to come do not work."""
    rows = scenario.table("calendars")
    own = rows[rows["calendar_id"] == "CAL-UK"]
    days = set(own["date"])
    assert not own["is_working"].any()
    assert pd.Timestamp("2011-01-12") in days
    assert {day.isoweekday() for day in days} == {3, 6}
    assert pd.Timestamp("2011-02-12") in days


def test_christmas_closure_comes_again(extract: pd.DataFrame, tmp_path: Path):
    """Days closed around 25 December are closed on the same dates a year later."""
    base = extract[extract["InvoiceDate"] < "2011-01-30"]
    both = pd.concat(
        base.assign(InvoiceDate=base["InvoiceDate"] + pd.Timedelta(days=days))
        for days in range(-35, 315, 28)
    )
    shut = both["InvoiceDate"].between("2010-12-24", "2011-01-02")
    path = tmp_path / "christmas.parquet"
    both[~shut].to_parquet(path)
    rows = read(path).table("calendars")
    days = set(rows.loc[rows["calendar_id"] == "CAL-UK", "date"])
    assert set(pd.date_range("2011-12-24", "2012-01-01")) <= days
    assert pd.Timestamp("2011-12-23") not in days
    assert pd.Timestamp("2012-01-02") not in days


def test_every_product_can_be_bought_and_sent(scenario: Scenario):
    """Each product has one first source, each zone a rate from the site that serves it."""
    offers = scenario.table("supplier_products")
    first = offers[offers["priority"] == 1.0]["product_id"]
    assert sorted(first) == sorted(scenario.table("products")["product_id"])
    assert (offers["moq"] % offers["order_multiple"] == 0).all()
    rates = scenario.table("carrier_rates")
    sent = set(zip(rates["origin"], rates["destination"], strict=True))
    served = scenario.table("zone_sites")
    assert set(zip(served["site_id"], served["zone_id"], strict=True)) <= sent


def test_rates_arrive_within_the_promise(scenario: Scenario):
    """From the site that serves a zone every carrier arrives within the zone's promise."""
    served = scenario.table("zone_sites").rename(
        columns={"site_id": "origin", "zone_id": "destination"}
    )
    rates = scenario.table("carrier_rates").merge(served, on=["origin", "destination"])
    promise = scenario.table("zones").set_index("zone_id")["promise_days"]
    assert (rates["promise_days"] <= rates["destination"].map(promise)).all()


def test_open_orders_and_receipts_share_one_history(scenario: Scenario):
    """What came before the start is a receipt, what did not is still open; none is both."""
    receipts, coming = scenario.table("receipts"), scenario.table("open_orders")
    assert (receipts["received_on"] < START).all()
    assert (receipts["qty_received"] <= receipts["qty_ordered"]).all()
    assert (receipts["qty_rejected"] <= receipts["qty_received"]).all()
    assert (coming["due_on"] >= START).all()
    assert (coming["ordered_on"] < START).all()
    assert set(receipts["order_id"]).isdisjoint(coming["order_id"])


def test_windows_lie_on_open_days_between_release_and_due(scenario: Scenario):
    """A receiving hour is one that a van could meet."""
    orders = scenario.table("orders").set_index("order_id")
    windows = scenario.table("order_windows")
    due = windows["order_id"].map(orders["due_to"]) + pd.Timedelta(days=1)
    assert (windows["from"] >= windows["order_id"].map(orders["release_at"])).all()
    assert (windows["to"] <= due).all()
    assert len(windows) == 4 + 3 + 3  # Monday's to Wednesday's order; Saturday is closed
    assert set(windows["order_id"]) <= set(orders.index[orders["zone_id"] == "GB-LON"])


def test_unknown_country_is_a_zone_without_a_place(extract: pd.DataFrame, tmp_path: Path):
    """A country that the table does not know is told as a warning, and served from home."""
    path = tmp_path / "strange.parquet"
    extract.assign(Country=extract["Country"].replace("Japan", "Atlantis")).to_parquet(path)
    scenario = read(path)
    zone = scenario.table("zones").set_index("zone_id").loc["Atlantis"]
    assert np.isnan(zone["lat"])
    warned = [f.code for f in scenario.findings if f.severity == Severity.WARNING]
    assert warned == ["unknown_country"]
    assert not validate(scenario).errors


def test_provenance_names_every_column(scenario: Scenario):
    """Each column of the scenario has its source, and no source is for a column that is not."""
    # the extract is too short for dormant, new and promoted products, and for stock on its way
    short = {
        ("products", "introduced_on"),
        ("products", "discontinued_on"),
        ("products", "like_product_id"),
        ("open_orders", "frozen"),
    }
    held = {(name, column) for name, frame in scenario.tables.items() for column in frame}
    held |= {("settings", name) for name in scenario.settings.model_fields_set}
    told = {(name, column) for name, columns in PROVENANCE.items() for column in columns}
    absent = {(name, column) for name, column in told if name not in (*scenario.tables, "settings")}
    assert held - told == set()
    assert told - held - absent <= short
    assert {name for name, _ in absent} <= {"promotions", "receipts"}
    for name, column in told:
        assert name == "settings" or column in TABLES[name].by_name


def test_page_is_current():
    """docs/data/online-retail.md is what the provenance and the published figures say."""
    assert PAGE.read_text(encoding="utf-8") == document()


def test_draws_belong_to_ids():
    """A product's draw does not depend on which others are drawn, but on seed and stream."""
    alone = uniforms(0, "weight", ["22111"])[0]
    assert uniforms(0, "weight", ["a", "22111", "b"])[1] == alone
    assert uniforms(1, "weight", ["22111"])[0] != alone
    assert uniforms(0, "density", ["22111"])[0] != alone
    many = uniforms(0, "x", [str(n) for n in range(20_000)])
    assert 0.0 < many.min() < many.max() < 1.0
    assert abs(many.mean() - 0.5) < 4 * np.sqrt(1 / 12 / 20_000)


def test_gamma_draws_have_their_mean_and_sd():
    """20,000 draws of mean 64 and sd 22 have both within four standard errors; sd 0 is fixed."""
    draws = uniforms(0, "gamma", [str(n) for n in range(20_000)])
    values = gammas(draws, np.full(20_000, 64.0), np.full(20_000, 22.0))
    assert abs(values.mean() - 64.0) < 4 * 22.0 / np.sqrt(20_000)
    assert abs(values.std() - 22.0) < 0.6
    assert gammas(np.array([0.3]), np.array([5.0]), np.array([0.0])).tolist() == [5.0]


def test_picks_follow_the_weights():
    """Weights 1, 0, 3 come up 25 %, never, 75 %."""
    draws = uniforms(0, "pick", [str(n) for n in range(20_000)])
    share = np.bincount(picks(draws, np.array([1.0, 0.0, 3.0])), minlength=3) / 20_000
    assert share[1] == 0.0
    assert abs(share[0] - 0.25) < 0.013


def test_places_lie_in_their_towns():
    """16 % live within 25 km of Charing Cross, the others within 6 km of a town."""
    who = [str(n) for n in range(5000)]
    lat, lon = places(0, who)
    home = in_london(0, who)
    assert abs(home.mean() - 0.16) < 0.021

    def km(lat_to: float, lon_to: float) -> np.ndarray:
        return 111.2 * np.hypot(lat - lat_to, (lon - lon_to) * np.cos(np.radians(lat_to)))

    assert (km(51.507, -0.128)[home] < 25.1).all()
    nearest = np.min([km(town[1], town[2]) for town in TOWNS], axis=0)
    assert (nearest[~home] < 6.1).all()
