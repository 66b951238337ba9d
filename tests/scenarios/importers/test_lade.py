"""Pickups of LaDe as a scenario: what is kept, what is assumed, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from optimizer.pipeline import plan
from scenarios import InputError, Scenario, Severity
from scenarios.distance import great_circle_m
from scenarios.importers.lade import Imported, import_file, read
from scenarios.importers.lade.document import document
from scenarios.importers.lade.provenance import PROVENANCE
from scenarios.validation import validate

SAMPLE = "data/lade_pickup_sample/lade_pickup_customers.csv"
DOCS = Path(__file__).parents[3] / "docs"


def row(order: str, lng: float = 121.4, lat: float = 31.2, **other: str) -> dict[str, object]:
    """Return a row of the file: a pickup in Shanghai between nine and eleven."""
    plain = {
        "order_id": order, "region_id": "7", "city": "Shanghai", "courier_id": "1",
        "accept_time": "06-07 08:00:00", "time_window_start": "06-07 09:00:00",
        "time_window_end": "06-07 11:00:00", "lng": lng, "lat": lat,
        "pickup_time": "06-07 10:00:00", "ds": "607",
    }  # fmt: skip
    return plain | other


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """Four stops of one region and two couriers, three of them on a line."""
    rows = [
        row("1", 121.400),
        row("2", 121.410),
        row("3", 121.411, courier_id="2"),
        row("4", 121.410, 31.201),
    ]
    return write(tmp_path / "few.csv", rows)


def test_station_stands_at_the_most_central_stop(few: Path):
    """The second stop is nearer to all the others than any of these is."""
    site = read(few).table("sites").iloc[0]
    assert (site["site_id"], site["lon"], site["lat"]) == ("shanghai-007", 121.410, 31.2)


def test_vehicles_are_as_many_as_couriers(few: Path):
    """Two couriers: a tricycle and a motorcycle, and the city's one van."""
    vehicles = read(few).table("vehicles").set_index("vehicle_type")["count"]
    assert vehicles.to_dict() == {"van": 1.0, "e-tricycle": 1.0, "e-motorcycle": 1.0}


def test_windows_stand_as_they_are(few: Path):
    """From nine to eleven in the year that is given."""
    orders = read(few, year=2021).table("orders")
    assert orders["due_from"].eq(pd.Timestamp("2021-06-07 09:00")).all()
    assert orders["due_to"].eq(pd.Timestamp("2021-06-07 11:00")).all()
    assert orders["kind"].eq("pickup").all()


def test_sizes_belong_to_the_order(few: Path, tmp_path: Path):
    """A stop has the same parcel whatever else is in the file."""
    alone = write(tmp_path / "alone.csv", [row("3", 121.411)])
    sizes = read(few).table("order_lines").set_index("order_id")["product_id"]
    assert read(alone).table("order_lines")["product_id"].tolist() == [sizes["3"]]


def test_report_counts_what_the_file_shows(tmp_path: Path):
    """One row twice, one without a place, one late, one whose window opens on the next day."""
    rows = [
        row("1"),
        row("1"),
        row("2", 999.0),
        row("3", pickup_time="06-07 11:30:00"),
        row("4", time_window_start="06-08 09:00:00", time_window_end="06-08 11:00:00"),
    ]
    report = import_file(write(tmp_path / "odd.csv", rows)).report
    assert (report.read, report.repeated, report.unplaced) == (5, 1, 1)
    city = report.cities[0]
    assert (city.stops, city.late, city.early, city.other_days) == (4, 1, 1, 1)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"accept_time": "yesterday"}, "accept_time"),
        ({"ds": "1345"}, "ds"),
        ({"courier_id": ""}, "courier_id"),
        ({"time_window_end": "02-29 09:00:00"}, "time_window_end"),
    ],
)
def test_cells_that_make_no_sense_are_refused(change: dict[str, str], word: str, tmp_path: Path):
    """The message names the row and the column."""
    path = write(tmp_path / "bad.csv", [row("1"), row("2", **change)])
    with pytest.raises(InputError, match=f"row 3.*{word}"):
        read(path)


def test_other_files_are_refused(tmp_path: Path):
    """Missing headings are named."""
    path = write(tmp_path / "other.csv", [{"order_id": "1", "city": "Jilin"}])
    with pytest.raises(InputError, match="region_id"):
        read(path)


@pytest.fixture(scope="module")
def imported(outside_data: Callable[[str], Path]) -> Imported:
    """The published sample, imported."""
    return import_file(outside_data(SAMPLE))


@pytest.fixture(scope="module")
def scenario(imported: Imported) -> Scenario:
    return imported.scenario


def test_page_is_of_the_published_sample(imported: Imported):
    """docs/data/lade.md holds the figures of the file."""
    assert (DOCS / "data" / "lade.md").read_text("utf-8") == document(imported.report)


def test_sample_validates(scenario: Scenario):
    """No error; the only warning is that nothing is in stock, as pickups need nothing."""
    findings = [f for f in validate(scenario) if f.severity != Severity.INFO]
    assert [f.code for f in findings] == ["no_inventory"]


def test_provenance_names_the_columns(scenario: Scenario):
    """Every table and column of the scenario has its source, and every source its column."""
    held = {(name, column) for name, frame in scenario.tables.items() for column in frame}
    held |= {("settings", name) for name in scenario.settings.model_fields_set}
    assert held == {(name, column) for name, columns in PROVENANCE.items() for column in columns}


def test_stations_lie_among_their_stops(scenario: Scenario):
    """Every station is a stop of its city, so less than a metre from one."""
    orders = scenario.table("orders")[["lon", "lat"]].to_numpy(np.float64)
    for place in scenario.table("sites")[["lon", "lat"]].to_numpy(np.float64):
        assert great_circle_m(orders, place).min() < 1.0


@pytest.mark.slow
def test_all_stops_are_planned(scenario: Scenario):
    """6,190 stops, none left out, and the referee finds nothing (else there is no plan)."""
    made = plan(scenario, ["routing"], seconds=60.0)
    served = made.table("stops")["order_id"].dropna()
    assert len(served) == served.nunique() == 6_190
    assert not len(made.table("unserved"))
