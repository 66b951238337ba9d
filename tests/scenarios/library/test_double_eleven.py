"""double-eleven: the same from one seed everywhere, valid, and worth planning."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from scenarios.errors import NotFound
from scenarios.findings import Severity
from scenarios.gazetteer import resolve
from scenarios.library import DESCRIPTIONS, demo_scenario
from scenarios.library.double_eleven.places import MAKERS
from scenarios.library.double_eleven.streams import bell, counts, gamma_days, pick, stream
from scenarios.scenario import Scenario
from scenarios.semantics.defaults import available_stock
from scenarios.semantics.zones import explode_bundles
from scenarios.validation import validate

HASH = "f2d3996bff2f"
FIRST = [0.982848624843, 0.434335297365, 0.559945935936]
START = pd.Timestamp("2026-10-12")


@pytest.fixture(scope="module")
def retailer() -> Scenario:
    return demo_scenario("double-eleven")


@pytest.mark.slow
def test_content_is_the_documented_one(retailer: Scenario) -> None:
    """The default seed gives the documented content."""
    assert retailer.content_hash.startswith(HASH)


@pytest.mark.slow
def test_another_process_draws_the_same() -> None:
    """A process with another hash seed, on an older processor, gives the same content."""
    code = (
        "from scenarios.library import demo_scenario;"
        "print(demo_scenario('double-eleven').content_hash)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "99", "PATH": "", "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4"},
    )
    assert done.stdout.strip().startswith(HASH)


@pytest.mark.slow
def test_another_seed_draws_another_retailer(retailer: Scenario) -> None:
    """Another seed changes what is drawn, keeps what is written, and is valid too."""
    other = demo_scenario("double-eleven", 5)
    assert other.settings.seed == 5
    assert other.content_hash != retailer.content_hash
    assert other.table("zones").equals(retailer.table("zones"))
    assert not other.table("inventory").equals(retailer.table("inventory"))
    assert [str(error) for error in validate(other).errors] == []


def test_no_error_and_few_warnings(retailer: Scenario) -> None:
    """Nothing is wrong; what is warned about is on purpose and seldom."""
    findings = validate(retailer)
    assert [str(error) for error in findings.errors] == []
    warnings = {key[0] for key in findings.counts if key[3] == Severity.WARNING}
    assert warnings <= {"due_in_the_past", "expired_stock", "line_heavier_than_any_parcel"}
    assert findings.total(Severity.WARNING) <= 30


def test_sizes(retailer: Scenario) -> None:
    """Seven warehouses, 300 products, 12 suppliers, 30 cities, 3 carriers of 3 kinds."""
    rows = {name: len(frame) for name, frame in retailer.tables.items()}
    assert (rows["sites"], rows["products"], rows["suppliers"], rows["zones"]) == (7, 300, 12, 30)
    assert sorted(retailer.table("carriers")["kind"]) == ["crowd", "own", "third_party"]
    assert 800 <= rows["orders"] <= 1500
    assert rows["demand_history"] <= 150_000
    assert retailer.table("vehicles")["depot_id"].nunique() == 3


def test_cities_lie_where_the_gazetteer_has_them(retailer: Scenario) -> None:
    """Every zone, warehouse and supplier lies within 40 km of the city of its name."""
    zones = [(z.city, z.lat, z.lon) for z in retailer.table("zones").itertuples()]
    sites = [(s.city, s.lat, s.lon) for s in retailer.table("sites").itertuples()]
    makers = [(m.city, m.lat, m.lon) for m in MAKERS]
    for city, lat, lon in zones + sites + makers:
        place = resolve(city, "CN")
        assert place is not None, city
        assert abs(place.lat - lat) < 0.36, city
        assert abs(place.lon - lon) < 0.36, city


def test_history_shows_the_festivals(retailer: Scenario) -> None:
    """Double 11 sells over twice a normal week, Spring Festival under two thirds of one."""
    history = retailer.table("demand_history")
    weekly = history.groupby("date")["qty"].sum()
    normal = weekly.median()
    assert weekly[pd.Timestamp("2025-11-10")] > 2.0 * normal
    assert weekly[pd.Timestamp("2026-06-15")] > 1.8 * normal
    assert weekly[pd.Timestamp("2026-02-16")] < 0.66 * normal
    assert len(weekly) == 104
    assert weekly.index.max() == START - pd.Timedelta(weeks=1)


def test_history_has_every_kind_of_series(retailer: Scenario) -> None:
    """There are intermittent series, new ones, ended ones, and weeks flagged as short."""
    history = retailer.table("demand_history")
    series = history.groupby(["product_id", "location_id"])
    zero = series["qty"].agg(lambda qty: float((qty == 0).mean()))
    assert (zero > 0.4).mean() > 0.1
    assert (series.size() < 104).sum() > 20
    assert (series["date"].max() < START - pd.Timedelta(weeks=1)).sum() > 4
    assert 0.002 < history["stockout"].mean() < 0.03
    assert history["stockout"][history["date"] == "2025-11-10"].mean() > 0.03


def test_purchasing_terms(retailer: Scenario) -> None:
    """Every product but the boxes has a source at both regional sites, most have several."""
    offers = retailer.table("supplier_products")
    boxes = set(retailer.table("product_components")["bundle_id"])
    bought = set(retailer.table("products")["product_id"]) - boxes
    sources = offers.groupby(["site_id", "product_id"]).size().unstack()
    assert set(sources.index) == {"R1", "R2"}
    assert set(sources.columns) == bought
    assert sources.notna().all(axis=None)
    assert (sources.loc["R1"] > 1).mean() > 0.5
    cv = offers["lead_time_sd_days"] / offers["lead_time_mean_days"]
    assert cv.between(0.17, 0.83).all()
    assert cv.max() - cv.min() > 0.4
    assert retailer.has("price_breaks")
    assert (offers["min_order_value"] > 0).all()


def test_price_breaks_fall_with_quantity(retailer: Scenario) -> None:
    """A larger quantity has a lower price, and all prices are below the offer's own."""
    steps = retailer.table("price_breaks").sort_values(["supplier_id", "product_id", "min_qty"])
    pairs = steps.groupby(["supplier_id", "product_id"])
    assert (pairs["unit_cost"].diff().dropna() <= 0).all()
    offers = retailer.table("supplier_products").drop_duplicates(["supplier_id", "product_id"])
    both = steps.merge(offers, on=["supplier_id", "product_id"], suffixes=("", "_offer"))
    assert len(both) == len(steps)
    assert (both["unit_cost"] < both["unit_cost_offer"]).all()
    assert (both["min_qty"] > both["moq"]).all()


def test_stock_fits_its_warehouse(retailer: Scenario) -> None:
    """Stock and open orders fit every warehouse and fill two fifths of the first."""
    volume = retailer.table("products").set_index("product_id")["volume_m3"]
    stock = retailer.table("inventory").rename(columns={"on_hand": "qty"})
    held = pd.concat([stock[["site_id", "product_id", "qty"]],
                      retailer.table("open_orders")[["site_id", "product_id", "qty"]]])  # fmt: skip
    used = (held["qty"] * held["product_id"].map(volume)).groupby(held["site_id"]).sum()
    room = retailer.table("sites").set_index("site_id")["storage_m3"]
    assert (used <= room.loc[used.index]).all()
    assert used["R1"] > 0.4 * room["R1"]


def test_orders_want_more_than_there_is(retailer: Scenario) -> None:
    """Most lines can be shipped, yet some product is asked for beyond all stock."""
    lines = explode_bundles(retailer, retailer.table("order_lines"))
    wanted = lines.groupby("product_id")["qty"].sum()
    stock = available_stock(retailer).groupby("product_id")["qty"].sum()
    short = (wanted - stock.reindex(wanted.index).fillna(0.0)).clip(lower=0.0)
    assert 0 < short.sum() < 0.05 * wanted.sum()


def test_van_orders_have_places_and_windows(retailer: Scenario) -> None:
    """Orders with a window lie within 45 km of their city's centre, in Shanghai and Beijing."""
    orders = retailer.table("orders")
    van = orders[orders["due_from"].notna()]
    assert sorted(van["zone_id"].unique()) == ["Z01", "Z02"]
    assert 150 <= len(van) <= 400
    zones = retailer.table("zones").set_index("zone_id")
    away = van[["lat", "lon"]].to_numpy() - zones.loc[van["zone_id"], ["lat", "lon"]].to_numpy()
    assert np.abs(away).max() < 0.4
    assert (van["due_to"] > van["due_from"]).all()


def test_expiring_lots_only_where_goods_spoil(retailer: Scenario) -> None:
    """Lots have a last day exactly where the product has a shelf life."""
    stock = retailer.table("inventory")
    life = retailer.table("products").set_index("product_id")["shelf_life_days"]
    spoils = stock["product_id"].map(life).notna()
    assert (stock["expires_on"].notna() == spoils).all()


def test_unknown_name_is_refused() -> None:
    """A name that is not built in is answered with those that are."""
    with pytest.raises(NotFound, match="corner-shop, double-eleven"):
        demo_scenario("shop")
    assert sorted(DESCRIPTIONS) == ["corner-shop", "double-eleven"]


def test_streams_are_frozen() -> None:
    """The first draws of a named stream are these numbers, on every machine."""
    rng = stream(1111, "products")
    assert rng.random(3).round(12).tolist() == FIRST
    assert stream(1111, "orders").random() != stream(1111, "products").random()


def test_bell_has_mean_0_and_variance_1() -> None:
    """100,000 draws lie within five standard errors of mean 0 and variance 1."""
    drawn = bell(stream(1, "test"), (100_000,))
    assert abs(drawn.mean()) < 5 / np.sqrt(100_000)
    assert abs(drawn.var() - 1.0) < 5 * np.sqrt(2 / 100_000)


@pytest.mark.parametrize("mean", [0.3, 2.0, 8.0, 200.0])
def test_counts_have_their_mean(mean: float) -> None:
    """50,000 draws of demand lie within 2 % of their mean, or five standard errors."""
    size = 50_000
    drawn = counts(stream(1, "test"), np.full(size, mean), np.full(size, 1.5))
    error = 5 * drawn.std() / np.sqrt(size)
    assert abs(drawn.mean() - mean) < max(0.02 * mean, error)
    assert (drawn >= 0).all()
    assert (drawn == np.round(drawn)).all()


def test_gamma_days_have_mean_and_variation() -> None:
    """Lead times of mean 20 and cv 0.5 have them within 3 %."""
    days = gamma_days(stream(1, "test"), np.full(50_000, 20.0), np.full(50_000, 0.5))
    assert days.mean() == pytest.approx(20.0, rel=0.03)
    assert days.std() / days.mean() == pytest.approx(0.5, rel=0.03)


def test_pick_follows_weights() -> None:
    """A weight of 0 is never picked, a weight of 3 three times as often as 1."""
    drawn = np.bincount(pick(stream(1, "test"), np.array([1.0, 0.0, 3.0]), 40_000), minlength=3)
    assert drawn[1] == 0
    assert drawn[2] / drawn[0] == pytest.approx(3.0, rel=0.08)
