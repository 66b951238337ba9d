"""Measured distances become rows of the scenario, and plans drive by them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from api.cli.app import invoke
from optimizer.pipeline import plan
from scenarios import InputError, Scenario, Settings
from scenarios.roads import UNREACHABLE, places_of, read_matrix_file, with_distances
from scenarios.roads.filling import pairs_of


@pytest.fixture
def shop() -> Scenario:
    """A depot, an order with a place of its own, one in a zone, and one that is cancelled."""
    place = {"lat": 31.1, "lon": 121.0}
    rows = {
        "products": [{"product_id": "P", "name": "P", "unit_cost": 1.0, "unit_price": 50.0,
                      "weight_kg": 1.0, "volume_m3": 0.01}],
        "sites": [{"site_id": s, "kind": "warehouse", "name": s, "lat": 31.0, "lon": 121.0,
                   "status": "open"} for s in ("D", "E")],
        "zones": [{"zone_id": "Z", "name": "Z", "lat": 31.0, "lon": 121.1}],
        "orders": [
            {"order_id": "A", "placed_at": "2026-01-04 10:00"} | place,
            {"order_id": "B", "placed_at": "2026-01-04 10:00", "zone_id": "Z"},
            {"order_id": "C", "placed_at": "2026-01-04 10:00", "status": "cancelled"} | place,
        ],
        "order_lines": [{"order_id": o, "line_id": "1", "product_id": "P", "qty": 1.0}
                        for o in "ABC"],
        "vehicles": [{"vehicle_type": "van", "depot_id": "D", "count": 2.0, "capacity_kg": 100.0,
                      "shift_start": "08:00", "shift_end": "18:00", "cost_per_km": 1.0}],
    }  # fmt: skip
    settings = Settings(
        name="roads", currency="CNY", timezone="Asia/Shanghai", start_date="2026-01-05",
        bucket="day", horizon_buckets=1,
    )  # fmt: skip
    return Scenario(settings, {name: pd.DataFrame(part) for name, part in rows.items()})


def test_places_are_those_that_vans_drive_to(shop: Scenario):
    """The depot, the order and the zone; neither the idle site nor what is cancelled."""
    assert places_of(shop)["place_id"].tolist() == ["D", "A", "Z"]


def test_routes_follow_what_was_measured(shop: Scenario):
    """One-way roads: D-A-Z-D is 3 km, the other way round 30 km."""
    metres = np.array([[0, 1_000, 10_000], [10_000, 0, 1_000], [1_000, 10_000, 0]], np.float64)
    measured = with_distances(shop, pairs_of(places_of(shop), metres, metres / 10.0))
    made = plan(measured, ["routing"], work=0.3)
    assert made.table("stops")["order_id"].dropna().tolist() == ["A", "B"]
    assert made.table("routes")["distance_km"].tolist() == [3.0]


def test_place_without_a_road_is_not_served(shop: Scenario):
    """Not the great circle instead: nobody gets there, and it is proven."""
    metres = np.full((3, 3), 1_000.0)
    metres[:, 1] = metres[1, :] = np.nan
    measured = with_distances(shop, pairs_of(places_of(shop), metres, metres / 10.0))
    assert measured.table("distances")["distance_m"].max() == UNREACHABLE
    unserved = plan(measured, ["routing"], work=0.3).table("unserved")
    assert unserved["id"].tolist() == ["A"]
    assert unserved["proof"].tolist() == ["proven"]


def test_measuring_again_replaces_the_pair(shop: Scenario):
    """Another pair stays as it is."""
    pair = {"origin_id": "D", "destination_id": "A", "distance_m": 5.0, "duration_s": 1.0}
    first = with_distances(shop, pd.DataFrame([pair, pair | {"destination_id": "Z"}]))
    second = with_distances(first, pd.DataFrame([pair | {"distance_m": 7.0}]))
    held = second.table("distances").set_index("destination_id")["distance_m"]
    assert held.to_dict() == {"Z": 5.0, "A": 7.0}


@pytest.mark.parametrize("form", ["csv", "parquet", "npz"])
def test_files_are_read_alike(tmp_path: Path, form: str):
    """Pairs in rows, or squares; a blank and a NaN are no road."""
    path = tmp_path / f"m.{form}"
    metres = np.array([[0.0, 5.0], [np.nan, 0.0]])
    rows = pd.DataFrame(
        {
            "origin_id": ["1", "2"], "destination_id": ["2", "1"],
            "distance_m": [5.0, np.nan], "duration_s": [1.0, np.nan],
        }
    )  # fmt: skip
    if form == "csv":
        rows.to_csv(path, index=False)
    elif form == "parquet":
        rows.to_parquet(path)
    else:
        np.savez(path, ids=np.array(["1", "2"]), metres=metres, seconds=metres / 5.0)
    pd.testing.assert_frame_equal(read_matrix_file(path), rows)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("origin_id,destination_id,distance_m\na,b,1\n", "duration_s"),
        ("origin_id,destination_id,distance_m,duration_s\na,b,-1,1\n", "negative.*a to b"),
        ("origin_id,destination_id,distance_m,duration_s\na,b,1,\n", "half blank"),
        ("origin_id,destination_id,distance_m,duration_s\na,b,1,1\na,b,2,2\n", "twice"),
    ],
)
def test_files_that_make_no_sense_are_refused(tmp_path: Path, text: str, word: str):
    """The message names the file's defect and a pair."""
    path = tmp_path / "m.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=word):
        read_matrix_file(path)


def test_command_writes_the_scenario(shop: Scenario, tmp_path: Path):
    """From a file to a folder; one source must be named."""
    shop.save(tmp_path / "shop")
    pd.DataFrame(
        {"origin_id": ["D"], "destination_id": ["A"], "distance_m": [5.0], "duration_s": [1.0]}
    ).to_csv(tmp_path / "m.csv", index=False)
    call = ["distances", str(tmp_path / "shop"), "--out", str(tmp_path / "roads")]
    assert invoke(call) == 2
    assert invoke([*call, "--matrix", str(tmp_path / "m.csv")]) == 0
    assert Scenario.load(tmp_path / "roads").table("distances")["distance_m"].tolist() == [5.0]
