"""The stage brings zones, bundles, stockouts, promotions and new products together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from optimizer.forecasting import run
from optimizer.forecasting.problem import read_history
from optimizer.outcome import Limits
from scenarios import Scenario, Settings

SETTINGS = Settings(
    name="test",
    currency="EUR",
    timezone="UTC",
    start_date="2026-06-01",
    bucket="week",
    horizon_buckets=3,
)
MONDAYS = pd.date_range(end="2026-05-25", periods=30, freq="7D")


def history(product: str, location: str, qty: object, **more: object) -> pd.DataFrame:
    """Return weekly rows of one series."""
    frame = {"date": MONDAYS, "product_id": product, "location_id": location, "qty": qty}
    return pd.DataFrame(frame | more)


def scenario(
    *rows: pd.DataFrame, settings: Settings = SETTINGS, **tables: pd.DataFrame
) -> Scenario:
    """Return a scenario of one site with three products."""
    products = pd.DataFrame(
        {
            "product_id": ["P1", "P2", "P3"],
            "name": ["a", "b", "c"],
            "category": ["tea", "tea", "pot"],
            "unit_cost": 1.0,
            "unit_price": 2.0,
            "weight_kg": 1.0,
            "volume_m3": 0.01,
            "like_product_id": [np.nan, np.nan, "P1"],
        }
    )
    sites = pd.DataFrame(
        {"site_id": ["W"], "kind": ["warehouse"], "name": ["w"], "status": ["open"]}
    )
    frames = {"products": products, "sites": sites, "demand_history": pd.concat(rows)}
    return Scenario(settings, frames | tables)


def mean_of(found: Scenario, product: str, location: str = "W") -> list[float]:
    """Return the forecast means of one series."""
    table = run(found, {}, Limits()).tables["forecast"]
    own = (table["product_id"] == product) & (table["location_id"] == location)
    own &= table["span_buckets"] == 1
    return table[own & table["quantile"].isna()]["qty"].tolist()


def test_level_demand_is_forecast_at_its_level() -> None:
    """Ten a week stays ten a week."""
    assert mean_of(scenario(history("P1", "W", 10.0)), "P1") == pytest.approx([10.0] * 3, abs=0.01)


def test_zone_demand_reaches_its_sites_in_shares() -> None:
    """A zone served 25 : 75 by two sites gives them a quarter and three quarters."""
    zones = pd.DataFrame({"zone_id": ["Z"], "name": ["z"]})
    sites = pd.DataFrame(
        {"site_id": ["W", "V"], "kind": "warehouse", "name": ["w", "v"], "status": "open"}
    )
    shares = pd.DataFrame({"zone_id": "Z", "site_id": ["W", "V"], "share_pct": [25.0, 75.0]})
    found = scenario(history("P1", "Z", 8.0), zones=zones, sites=sites, zone_sites=shares)
    assert mean_of(found, "P1", "W") == pytest.approx([2.0] * 3, abs=0.01)
    assert mean_of(found, "P1", "V") == pytest.approx([6.0] * 3, abs=0.01)


def test_bundles_are_forecast_as_their_components() -> None:
    """A bundle of two P2 sold ten times is a demand of twenty P2, and none of its own."""
    parts = pd.DataFrame({"bundle_id": ["P1"], "component_id": ["P2"], "qty": [2.0]})
    found = scenario(history("P1", "W", 10.0), product_components=parts)
    assert mean_of(found, "P2") == pytest.approx([20.0] * 3, abs=0.01)
    assert mean_of(found, "P1") == []


def test_a_new_product_is_forecast_by_analogy() -> None:
    """A product without history takes the forecast of the one that it is like."""
    assert mean_of(scenario(history("P1", "W", 10.0)), "P3") == pytest.approx([10.0] * 3, abs=0.01)


def test_weeks_without_stock_do_not_lower_the_forecast() -> None:
    """Zero sales in the last weeks because stock ran out leave the level where it was."""
    qty, out = np.full(30, 10.0), np.zeros(30, bool)
    qty[-6:], out[-6:] = 0.0, True
    assert mean_of(scenario(history("P1", "W", qty, stockout=out)), "P1")[0] > 9.0
    assert mean_of(scenario(history("P1", "W", qty)), "P1")[0] < 9.0


def test_a_planned_promotion_lifts_its_own_weeks_only() -> None:
    """+100 % in the second week doubles that week."""
    promotion = pd.DataFrame(
        {
            "promotion_id": ["X"],
            "product_id": ["P1"],
            "start": pd.to_datetime(["2026-06-08"]),
            "end": pd.to_datetime(["2026-06-14"]),
            "uplift_pct": [100.0],
        }
    )
    found = scenario(history("P1", "W", 10.0), promotions=promotion)
    assert mean_of(found, "P1") == pytest.approx([10.0, 20.0, 10.0], abs=0.01)


def test_a_past_promotion_teaches_the_next_one() -> None:
    """Without the planner's number, the uplift seen is used, shrunk towards none."""
    qty = np.full(30, 10.0)
    qty[[10, 11, 20, 21]] = 30.0
    promotions = pd.DataFrame(
        {
            "promotion_id": ["A", "B", "C"],
            "product_id": "P1",
            "start": [MONDAYS[10], MONDAYS[20], pd.Timestamp("2026-06-01")],
            "end": [MONDAYS[12], MONDAYS[22], pd.Timestamp("2026-06-08")],
        }
    )
    promotions["end"] -= pd.Timedelta(days=1)
    first = mean_of(scenario(history("P1", "W", qty), promotions=promotions), "P1")[0]
    assert 15.0 < first < 30.0


def test_a_discontinued_product_is_forecast_at_nothing() -> None:
    """From the first bucket on or after the day it ends."""
    found = scenario(history("P1", "W", 10.0))
    products = found.table("products")
    products["discontinued_on"] = pd.to_datetime(["2026-06-08", None, None])
    found = Scenario(SETTINGS, {**found.tables, "products": products})
    assert mean_of(found, "P1") == pytest.approx([10.0, 0.0, 0.0], abs=0.01)


def test_a_truncated_first_week_is_left_out() -> None:
    """Daily history that begins on a Thursday drops that week, so the level is not pulled down."""
    days = pd.date_range("2026-01-01", "2026-05-31", freq="D")
    rows = pd.DataFrame({"date": days, "product_id": "P1", "location_id": "W", "qty": 1.0})
    matrix = read_history(scenario(rows)).sales
    assert (matrix == 7.0).all()


def test_weekly_history_with_daily_buckets_is_spread() -> None:
    """Fourteen a week is two a day, and a note says so."""
    daily = SETTINGS.model_copy(update={"bucket": "day"})
    found = scenario(history("P1", "W", 14.0), settings=daily)
    assert mean_of(found, "P1") == pytest.approx([2.0] * 3, abs=0.01)
    assert any("spread evenly" in note for note in run(found, {}, Limits()).notes)


def test_relabelling_products_changes_nothing() -> None:
    """The forecast of a series does not depend on what its product is called."""
    noise = np.random.default_rng(1).poisson(4.0, 30)
    first = scenario(history("P1", "W", 10.0), history("P2", "W", noise))
    second = scenario(history("P2", "W", 10.0), history("P1", "W", noise))
    assert mean_of(first, "P2") == mean_of(second, "P1")
