"""The stage on whole scenarios: its tables, recomputed by this file's own arithmetic."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pandas as pd
import pytest

from optimizer.audit.routing import check
from optimizer.outcome import Limits
from optimizer.routing import run
from optimizer.routing.ruin.engine import RuinEngine


def planned(scenario, upstream=None, work=0.3):
    result = run(scenario, upstream or {}, Limits(work=work))
    tables = (upstream or {}) | dict(result.tables)
    report = check(scenario, tables)
    assert report.violations == ()
    assert report.objective == pytest.approx(result.certificate.objective, abs=1e-6)
    assert result.certificate.bound <= result.certificate.objective + 1e-9
    return result


def haversine_km(a, b):
    lat1, lon1, lat2, lon2 = map(math.radians, (*a, *b))
    h = (
        math.sin((lat2 - lat1) / 2) ** 2
        + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    )
    return 2 * 6371.0088 * math.asin(math.sqrt(h))


def test_one_van_serves_both_and_the_price_is_right(small):
    """20 for the van, a km 1, an hour 30: recomputed from coordinates, units and speed alone."""
    result = planned(small())
    routes, stops = result.tables["routes"], result.tables["stops"]
    assert len(routes) == 1
    assert stops["kind"].tolist() == ["delivery", "delivery", "end"]
    path = [(31.0, 121.0), *zip(stops["lat"], stops["lon"], strict=True)]
    legs = [round(1300 * haversine_km(a, b)) for a, b in itertools.pairwise(path)]
    seconds = [round(130 * haversine_km(a, b)) for a, b in itertools.pairwise(path)]
    service = 3 * 30  # three units, 30 s each
    cost = 20.0 + sum(legs) / 1000 + (sum(seconds) + service) / 3600 * 30
    assert routes["distance_km"].iloc[0] == pytest.approx(sum(legs) / 1000)
    assert routes["duration_s"].iloc[0] == sum(seconds) + service
    assert routes["cost"].iloc[0] == pytest.approx(cost)
    assert routes["load_kg"].iloc[0] == 6.0
    assert result.certificate.objective == pytest.approx(cost)
    terms = {kpi.kpi: kpi.value for kpi in result.kpis if kpi.variant == "objective"}
    carried = {"tariff", "late", "risk", "balance"}
    assert set(terms) == {"fixed", "distance", "time", "co2", "unserved"} | carried
    assert sum(terms.values()) == pytest.approx(cost)


def test_measured_distances_replace_the_great_circle(small):
    """1,000 m and 100 s on every arc: three arcs, 3 km."""
    places = ["D", "A", "B"]
    rows = [
        {"origin_id": a, "destination_id": b, "distance_m": 1000.0, "duration_s": 100.0}
        for a in places
        for b in places
        if a != b
    ]
    result = planned(small(distances=rows))
    assert result.tables["routes"]["distance_km"].tolist() == [3.0]


def order(name, lat=31.02, lon=121.0, **more):
    return {"order_id": name, "lat": lat, "lon": lon, "placed_at": "2026-01-04 10:00"} | more


def orders_of(small, rows, **tables):
    frame = pd.DataFrame(rows)
    for column in ("placed_at", "due_from", "due_to", "release_at"):
        if column in frame:
            frame[column] = pd.to_datetime(frame[column])
    lines = [
        {"order_id": row["order_id"], "line_id": "1", "product_id": "P", "qty": 1.0} for row in rows
    ]
    return small(orders=frame, order_lines=tables.pop("order_lines", lines), **tables)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"due_from": "2026-01-05 12:00", "due_to": "2026-01-05 11:00"}, "window"),
        ({"due_to": "2026-01-04 09:00"}, "window"),
        ({"due_from": "2026-01-05 18:30", "due_to": "2026-01-05 19:00"}, "shift"),
        ({"skills": "cold"}, "skill"),
        ({"lat": np.nan, "lon": np.nan}, "place"),
        ({"lat": 60.0}, "shift"),
    ],
)
def test_impossible_stop_is_refused_with_a_proof(small, row, code):
    """The stop stands in unserved, proven, its penalty is counted, and the others are served."""
    result = planned(orders_of(small, [order("GOOD"), order("BAD") | row]))
    unserved = result.tables["unserved"]
    assert unserved[["kind", "id", "code", "proof"]].values.tolist() == [
        ["stop", "BAD", code, "proven"]
    ]
    assert unserved["detail"].str.len().iloc[0] > 0
    assert unserved["cheapest_relaxation"].str.len().iloc[0] > 0
    lost = {k.kpi: k.value for k in result.kpis if k.variant == "objective"}["unserved"]
    assert lost == 50.0  # one unit of 50
    assert result.tables["stops"]["order_id"].dropna().tolist() == ["GOOD"]


def test_stop_heavier_than_any_van_is_refused(small):
    """51 units of 2 kg are 102 kg; the van holds 100."""
    lines = [{"order_id": "A", "line_id": "1", "product_id": "P", "qty": 51.0}]
    result = planned(orders_of(small, [order("A")], order_lines=lines))
    row = result.tables["unserved"].iloc[0]
    assert (row["code"], row["proof"], row["qty"]) == ("capacity", "proven", 51.0)
    assert "102 kg" in row["detail"]
    assert "routes" not in result.tables


def test_nothing_to_drive_gives_no_certificate(small):
    """Held and cancelled orders are not driven."""
    scenario = orders_of(small, [order("A", status="held"), order("B", status="cancelled")])
    result = run(scenario, {}, Limits(work=0.1))
    assert result.certificate is None
    assert result.notes[-1] == "No order is for the vans to drive."


def test_days_are_planned_one_by_one(small):
    """A window tomorrow makes a route tomorrow; each day has all vans again."""
    scenario = orders_of(
        small,
        [
            order("MON", due_from="2026-01-05 09:00", due_to="2026-01-05 12:00"),
            order("TUE", due_from="2026-01-06 09:00", due_to="2026-01-06 12:00"),
            order("WED", release_at="2026-01-07 09:30"),
        ],
    )
    result = planned(scenario)
    days = result.tables["routes"]["start"].dt.date.astype(str).tolist()
    assert days == ["2026-01-05", "2026-01-06", "2026-01-07"]
    assert result.tables["routes"]["start"].iloc[2] >= pd.Timestamp("2026-01-07 09:30")


def test_day_leaves_time_for_the_service(small):
    """From 17:50 to noon: ten minutes are left on the first day, and the service takes fifteen."""
    late = order("A", due_from="2026-01-05 17:50", due_to="2026-01-06 12:00", service_s=900.0)
    result = planned(orders_of(small, [late]))
    assert result.tables["routes"]["start"].dt.date.astype(str).tolist() == ["2026-01-06"]


def test_midnight_means_the_end_of_the_date(small):
    """due_to 2026-01-05 without a clock time is good until the end of that day."""
    result = planned(orders_of(small, [order("A", due_to="2026-01-05")]))
    assert len(result.tables["stops"]) == 2


def test_shift_over_midnight_ends_on_the_next_date(small):
    """A night van from 22:00 to 02:00 serves a window at 01:00 and belongs to the evening."""
    scenario = orders_of(
        small,
        [order("A", due_from="2026-01-06 01:00", due_to="2026-01-06 01:30")],
        vehicles=[
            {
                "vehicle_type": "night", "depot_id": "D", "count": 1.0, "capacity_kg": 10.0,
                "shift_start": "22:00", "shift_end": "02:00",
            }
        ],
    )  # fmt: skip
    result = planned(scenario)
    route = result.tables["routes"].iloc[0]
    assert route["start"] < pd.Timestamp("2026-01-06")
    assert route["end"] > pd.Timestamp("2026-01-06 01:00")


def parcels(rows):
    shipments = pd.DataFrame(
        [
            {
                "shipment_id": s, "order_id": o, "site_id": site, "carrier_id": carrier,
                "service": "std", "ship_on": pd.Timestamp("2026-01-05"),
                "promised_on": pd.Timestamp(day), "weight_kg": 2.0, "cost": 0.0,
            }
            for s, o, site, carrier, day in rows
        ]
    )  # fmt: skip
    lines = pd.DataFrame(
        [
            {"shipment_id": s, "order_id": o, "line_id": "1", "product_id": "P", "qty": 1.0}
            for s, o, *_ in rows
        ]
    )
    return {"shipments": shipments, "shipment_lines": lines}


def test_parcels_go_with_the_vans_of_their_carrier_and_site(small):
    """Own parcels ride own vans; a third party's do not; a site without vans refuses."""
    scenario = orders_of(
        small,
        [order("A"), order("B"), order("C"), order("F", kind="pickup"), order("N")],
        carriers=[
            {"carrier_id": "OWN", "kind": "own"},
            {"carrier_id": "SF", "kind": "third_party"},
        ],
        sites=[
            {
                "site_id": s,
                "kind": "warehouse",
                "name": s,
                "lat": 31.0,
                "lon": 121.0,
                "status": "open",
            }
            for s in ("D", "E")
        ],
    )
    upstream = parcels(
        [
            ("S1", "A", "D", "OWN", "2026-01-06"),
            ("S2", "B", "D", "SF", "2026-01-06"),
            ("S3", "C", "E", "OWN", "2026-01-06"),
        ]
    )
    result = planned(scenario, upstream)
    stops = result.tables["stops"]
    served = stops.dropna(subset=["order_id"])
    assert sorted(served["order_id"]) == ["A", "F"]  # N was not shipped, B goes with SF
    assert served.loc[served["order_id"] == "A", "shipment_id"].tolist() == ["S1"]
    assert served.loc[served["order_id"] == "F", "kind"].tolist() == ["pickup"]
    at = served.set_index("order_id")["begin"].dt.date.astype(str)
    assert (at["A"], at["F"]) == ("2026-01-06", "2026-01-05")
    unserved = result.tables["unserved"]
    assert unserved[["id", "code", "proof"]].values.tolist() == [["C", "count", "proven"]]


def test_two_parcels_of_an_order_are_two_stops_and_one_row_unserved(small):
    """Parcels of an order that cannot be served are one row; their units add up."""
    scenario = orders_of(
        small,
        [order("A", skills="cold")],
        carriers=[{"carrier_id": "OWN", "kind": "own"}],
    )
    upstream = parcels(
        [("S1", "A", "D", "OWN", "2026-01-05"), ("S2", "A", "D", "OWN", "2026-01-05")]
    )
    result = planned(scenario, upstream)
    assert result.tables["unserved"][["id", "qty"]].values.tolist() == [["A", 2.0]]
    assert result.certificate.objective == 100.0


def test_prize_too_small_is_explained(small):
    """A stop with a prize of 1 is left out, and the row says what serving would cost."""
    result = planned(orders_of(small, [order("A", prize=1.0)]))
    row = result.tables["unserved"].iloc[0]
    assert (row["code"], row["proof"]) == ("prize", "heuristic")
    assert result.certificate.objective == 1.0


def test_full_vans_are_explained_with_one_more_van(small):
    """Two vans of 100 kg cannot carry three stops of 80 kg."""
    rows = [order(name, lat=31.0 + k / 100) for k, name in enumerate("ABC", start=1)]
    lines = [{"order_id": name, "line_id": "1", "product_id": "P", "qty": 40.0} for name in "ABC"]
    result = planned(orders_of(small, rows, order_lines=lines))
    row = result.tables["unserved"].iloc[0]
    assert (row["code"], row["proof"]) == ("count", "heuristic")
    assert "capacity" in row["detail"]
    assert row["cheapest_relaxation"].startswith("one more van at D")


def test_every_route_and_stop_is_explained(small):
    """Decision ids name rows of the tables; terms are numbers; a route's terms are its cost."""
    result = planned(small())
    said = result.tables["explanations"].set_index("decision_id")
    route = result.tables["routes"].iloc[0]
    terms = json.loads(said.loc[f"routes:{route['route_id']}", "terms"])
    assert sum(terms.values()) == pytest.approx(route["cost"], abs=1e-5)
    for seq in (1, 2):
        row = said.loc[f"stops:{route['route_id']}/{seq}"]
        assert set(json.loads(row["terms"])) == {"fixed", "distance", "time", "co2", "late"}
        assert row["alternative"] == "a further van at D"
        assert row["extra_cost"] > 0


def test_break_is_a_row_of_its_own(small):
    """A van that must rest after an hour rests 30 min on a longer route."""
    vans = [
        {
            "vehicle_type": "van", "depot_id": "D", "count": 1.0, "capacity_kg": 100.0,
            "shift_start": "08:00", "shift_end": "18:00", "speed_km_h": 20.0,
            "break_after_h": 1.0, "break_min": 30.0, "cost_per_hour": 10.0,
        }
    ]  # fmt: skip
    rows = [order("A", lat=31.06), order("B", lat=31.12)]
    result = planned(orders_of(small, rows, vehicles=vans))
    stops = result.tables["stops"]
    rests = stops[stops["kind"] == "break"]
    assert len(rests) >= 1
    assert ((rests["depart"] - rests["begin"]) == pd.Timedelta(minutes=30)).all()
    assert any("driver breaks" in note for note in result.notes)


def test_same_work_gives_the_same_tables(corner_shop):
    """Two runs agree cell by cell."""
    one, two = (run(corner_shop, {}, Limits(work=0.5, seed=1)) for _ in range(2))
    for name, frame in one.tables.items():
        pd.testing.assert_frame_equal(frame, two.tables[name])
    assert one.work == two.work


def test_reload_pays_on_a_small_van(small):
    """50 kg a trip: 60 kg go on two trips of one van when a second van costs 500."""
    vans = [
        {
            "vehicle_type": "van", "depot_id": "D", "count": 2.0, "capacity_kg": 50.0,
            "shift_start": "08:00", "shift_end": "18:00", "fixed_cost": 500.0,
            "max_trips": 2.0, "reload_min": 10.0, "cost_per_hour": 10.0,
        }
    ]  # fmt: skip
    lines = [{"order_id": name, "line_id": "1", "product_id": "P", "qty": 15.0} for name in "AB"]
    rows = [order("A", lat=31.03), order("B", lat=30.97)]
    result = planned(orders_of(small, rows, order_lines=lines, vehicles=vans))
    stops = result.tables["stops"]
    assert stops["kind"].tolist() == ["delivery", "reload", "delivery", "end"]
    assert result.tables["routes"]["load_kg"].tolist() == [30.0]
    reload_row = stops[stops["kind"] == "reload"].iloc[0]
    assert reload_row["depart"] - reload_row["begin"] == pd.Timedelta(minutes=10)


def test_stops_that_nobody_looked_at_are_said(small):
    """The clock stands until the routes are there, then the time is over: nothing is explained."""
    now = [0.0]

    def told(_stage, _share, _message):
        now[0] = 11.0

    limits = Limits(seconds=10.0, work=0.1, clock=lambda: now[0], progress=told)
    result = run(small(), {}, limits)
    assert len(result.tables["stops"]) == 3
    assert "explanations" not in result.tables
    assert any(note.startswith("2 stops on 1 routes (2026-01-05/001)") for note in result.notes)


def test_what_is_left_out_says_that_it_was_not_looked_at(small):
    """Three stops of 60 kg for two vans of 100, the time over: no place was looked for."""
    now = [0.0]

    def told(_stage, _share, _message):
        now[0] = 11.0

    rows = [order(name) for name in "ABC"]
    lines = [{"order_id": n, "line_id": "1", "product_id": "P", "qty": 30.0} for n in "ABC"]
    limits = Limits(seconds=10.0, work=0.1, clock=lambda: now[0], progress=told)
    result = run(orders_of(small, rows, order_lines=lines), {}, limits)
    unserved = result.tables["unserved"]
    assert unserved[["code", "proof"]].values.tolist() == [["time", "heuristic"]]


def test_falling_back_to_pyvrp_is_said(small, monkeypatch):
    """Nothing compiled and two seconds to go: PyVRP searches, and a note says why."""
    monkeypatch.setattr(RuinEngine, "is_prepared", staticmethod(lambda: False))
    result = run(small(), {}, Limits(seconds=2.0, work=0.05))
    assert result.certificate.engine == "pyvrp"
    assert any("not compiled on this machine" in note for note in result.notes)
    assert not any("not compiled" in note for note in run(small(), {}, Limits(work=0.05)).notes)
