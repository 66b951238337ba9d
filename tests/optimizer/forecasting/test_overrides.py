"""The planner's forecasts replace ours, stay on record beside them, and are measured."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from optimizer.forecasting import run
from optimizer.outcome import Limits
from optimizer.stage import StageResult
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


def planned(forecasts: list[tuple[str, str, float | None, float]], place: str = "W") -> StageResult:
    """Run the stage: ten a week of one product, and the planner's rows."""
    products = pd.DataFrame(
        {"product_id": ["P"], "name": ["p"], "unit_cost": [1.0], "unit_price": [2.0],
         "weight_kg": [1.0], "volume_m3": [0.01]}
    )  # fmt: skip
    sites = pd.DataFrame(
        {"site_id": ["W"], "kind": ["warehouse"], "name": ["w"], "status": ["open"]}
    )
    zones = pd.DataFrame({"zone_id": ["Z1", "Z2"], "name": ["z", "y"]})
    shares = pd.DataFrame({"zone_id": ["Z1", "Z2"], "site_id": "W", "share_pct": 100.0})
    places = ["W"] if place == "W" else ["Z1", "Z2"]
    history = pd.concat(
        pd.DataFrame({"date": MONDAYS, "product_id": "P", "location_id": one,
                      "qty": 10.0 / len(places)})
        for one in places
    )  # fmt: skip
    rows = pd.DataFrame(forecasts, columns=["location_id", "bucket", "quantile", "qty"])
    rows = rows.assign(product_id="P", bucket=pd.to_datetime(rows["bucket"]))
    tables = {
        "products": products, "sites": sites, "zones": zones, "zone_sites": shares,
        "demand_history": history, "forecasts": rows,
    }  # fmt: skip
    return run(Scenario(SETTINGS, tables), {}, Limits())


def row(result: StageResult, bucket: str, span: int = 1, quantile: float = np.nan) -> pd.Series:
    """Return one row of the forecast."""
    table = result.tables["forecast"]
    same = table["quantile"].isna() if np.isnan(quantile) else table["quantile"] == quantile
    own = same & (table["bucket"] == pd.Timestamp(bucket)) & (table["span_buckets"] == span)
    return table[own].iloc[0]


def test_an_override_replaces_the_mean_of_its_bucket_and_of_totals() -> None:
    """Ten, twenty instead of ten, ten: the total of two weeks is thirty."""
    result = planned([("W", "2026-06-08", None, 20.0)])
    assert row(result, "2026-06-01")["qty"] == pytest.approx(10.0, abs=0.01)
    assert row(result, "2026-06-08")["qty"] == 20.0
    assert row(result, "2026-06-08")["method"] == "planner"
    assert row(result, "2026-06-01", span=2)["qty"] == pytest.approx(30.0, abs=0.01)


def test_the_statistical_number_stays_on_record() -> None:
    """`explanations` tells what the method would have said."""
    record = planned([("W", "2026-06-08", None, 20.0)]).tables["explanations"]
    terms = json.loads(record["terms"].iloc[0])
    assert terms["statistical"] == pytest.approx(10.0, abs=0.01)
    assert terms["planner"] == 20.0


def test_the_planners_own_quantile_is_kept() -> None:
    """A 0.9 quantile of 26 beside a mean of 20 is what stands in the forecast."""
    result = planned([("W", "2026-06-08", None, 20.0), ("W", "2026-06-08", 0.9, 26.0)])
    assert row(result, "2026-06-08", quantile=0.9)["qty"] == pytest.approx(26.0, abs=0.01)


def test_a_forecast_for_one_of_two_zones_is_not_an_override() -> None:
    """It speaks for half of the site's demand only, and a note says so."""
    result = planned([("Z1", "2026-06-08", None, 20.0)], place="zones")
    assert row(result, "2026-06-08")["method"] != "planner"
    assert any("part of a site's demand" in note for note in result.notes)


def test_forecasts_of_both_zones_add_up_to_an_override() -> None:
    """Twelve and eight are twenty at the site that serves both."""
    both = [("Z1", "2026-06-08", None, 12.0), ("Z2", "2026-06-08", None, 8.0)]
    assert row(planned(both, place="zones"), "2026-06-08")["qty"] == 20.0


def test_past_forecasts_give_forecast_value_added() -> None:
    """Ten came twice; the planner had said 12 and 13: WAPE 5 / 20, ours 0, value added -25."""
    result = planned([("W", "2026-05-18", None, 12.0), ("W", "2026-05-25", None, 13.0)])
    found = {kpi.kpi: kpi.value for kpi in result.kpis}
    assert found["forecast_value_added"] == pytest.approx(-25.0, abs=0.1)
    scores = result.tables["backtest"]
    assert scores[scores["method"] == "planner"]["wape"].iloc[0] == pytest.approx(0.25)
