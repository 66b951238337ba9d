"""Stops that other carriers take: a tariff is the price of not routing; checked by the referee."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from optimizer.audit.routing import check
from optimizer.outcome import Limits
from optimizer.routing import run
from scenarios import InputError

VAN = {
    "vehicle_type": "van", "depot_id": "D", "count": 1.0, "capacity_kg": 100.0,
    "shift_start": "08:00", "shift_end": "18:00", "fixed_cost": 0.0, "cost_per_km": 1.0,
    "speed_km_h": 36.0,
}  # fmt: skip
CARRIERS = [{"carrier_id": "SF", "kind": "third_party"}]


def rate(carrier="SF", base=4.0, **more):
    return {
        "carrier_id": carrier, "service": "std", "origin": "D", "destination": "Z",
        "max_weight_kg": 50.0, "base": base, "promise_days": 1.0,
    } | more  # fmt: skip


def order(name, lat, **more):
    row = {"order_id": name, "lat": lat, "lon": 121.0, "zone_id": "Z"}
    moments = {key: pd.Timestamp(more.pop(key)) for key in ("due_to", "release_at") if key in more}
    return row | {"placed_at": pd.Timestamp("2026-01-04 10:00")} | more | moments


def world(small, orders, rates, carriers=CARRIERS, **tables):
    """Orders of one unit: 2 kg, 0.01 m3, penalty 50; the van costs 1 a km."""
    lines = [
        {"order_id": row["order_id"], "line_id": "1", "product_id": "P", "qty": 1.0}
        for row in orders
    ]
    zones = [{"zone_id": "Z", "name": "Z", "lat": 31.0, "lon": 121.0}]
    return small(
        orders=orders, order_lines=lines, zones=zones, carriers=carriers, carrier_rates=rates,
        **({"vehicles": [VAN]} | tables),
    )  # fmt: skip


def planned(scenario, upstream=None, **options):
    result = run(scenario, upstream or {}, Limits(work=0.3), **options)
    tables = (upstream or {}) | dict(result.tables)
    report = check(scenario, tables, **options)
    assert report.violations == ()
    assert report.objective == pytest.approx(result.certificate.objective, abs=1e-6)
    assert result.certificate.bound <= result.certificate.objective + 1e-9
    return result


def terms_of(result):
    return {k.kpi: k.value for k in result.kpis if k.variant == "objective"}


def test_far_stop_goes_by_the_carrier_and_near_stop_by_van(small):
    """0.01 degrees are 1.4 km, there and back 2.9: below 4; 0.1 degrees 29 km: above."""
    result = planned(world(small, [order("NEAR", 31.01), order("FAR", 31.1)], [rate()]))
    assert result.tables["stops"]["order_id"].dropna().tolist() == ["NEAR"]
    (row,) = result.tables["handed_over"].itertuples()
    assert (row.order_id, row.carrier_id, row.site_id, row.cost) == ("FAR", "SF", "D", 4.0)
    assert row.promised_on == pd.Timestamp("2026-01-06")
    assert terms_of(result)["tariff"] == 4.0
    assert "unserved" not in result.tables
    said = result.tables["explanations"].set_index("decision_id").loc["handed_over:FAR"]
    assert json.loads(said["terms"]) == {"tariff": 4.0, "late": 0.0, "risk": 0.0, "co2": 0.0}
    assert said["extra_cost"] > 20.0  # the van would drive 26 km more


def test_off_drives_all_and_rest_gives_away_what_no_van_serves(small):
    """The van of 1 kg holds nothing; `off` leaves the order, `rest` gives it to the carrier."""
    far = [order("FAR", 31.1)]
    assert "handed_over" not in planned(world(small, far, [rate()]), carriers="off").tables
    assert "handed_over" not in planned(world(small, far, [rate()]), carriers="rest").tables
    tiny = world(small, far, [rate()], vehicles=[VAN | {"capacity_kg": 1.0}])
    assert planned(tiny, carriers="off").tables["unserved"]["id"].tolist() == ["FAR"]
    result = planned(tiny, carriers="rest")
    assert result.tables["handed_over"]["order_id"].tolist() == ["FAR"]
    assert "unserved" not in result.tables
    assert result.certificate.objective == 4.0


def test_parcels_of_sourcing_stay_on_vans_unless_asked(small):
    """Sourcing chose the own van; `any` takes the decision again at the tariff."""
    carriers = [*CARRIERS, {"carrier_id": "OWN", "kind": "own"}]
    scenario = world(small, [order("FAR", 31.1)], [rate()], carriers)
    shipments = pd.DataFrame(
        [
            {
                "shipment_id": "S1", "order_id": "FAR", "site_id": "D", "carrier_id": "OWN",
                "service": "van", "ship_on": pd.Timestamp("2026-01-05"),
                "promised_on": pd.Timestamp("2026-01-05"), "weight_kg": 2.0, "cost": 0.0,
            }
        ]
    )  # fmt: skip
    line = {"shipment_id": "S1", "order_id": "FAR", "line_id": "1", "product_id": "P", "qty": 1.0}
    upstream = {"shipments": shipments, "shipment_lines": pd.DataFrame([line])}
    assert "handed_over" not in planned(scenario, upstream).tables
    result = planned(scenario, upstream, carriers="any")
    assert result.tables["handed_over"]["shipment_id"].tolist() == ["S1"]


@pytest.mark.parametrize(
    ("stop", "offer"),
    [
        ({}, {"max_weight_kg": 1.0}),  # 2 kg are too heavy
        ({"due_to": "2026-01-05"}, {}),  # arrives on the 6th
        ({"due_to": "2026-01-06", "release_at": "2026-01-05 15:00"}, {"cutoff_time": "12:00"}),
        ({"skills": "lift"}, {}),
        ({"kind": "pickup"}, {}),
        ({}, {"origin": "E"}),
    ],
)
def test_offer_that_does_not_apply_is_no_offer(small, stop, offer):
    """Weight, promise, cut-off, skills, kind and origin are kept: the van drives."""
    sites = [
        {"site_id": s, "kind": "warehouse", "name": s, "lat": 31.0, "lon": 121.0, "status": "open"}
        for s in ("D", "E")
    ]
    vans = [VAN | {"skills": "lift"}]
    scenario = world(
        small, [order("FAR", 31.1, **stop)], [rate(**offer)], sites=sites, vehicles=vans
    )
    result = planned(scenario)
    assert "handed_over" not in result.tables
    assert len(result.tables["routes"]) == 1


def test_being_late_is_paid_where_the_order_allows_it(small):
    """A day late at 0.5 an hour: 12 on top of 4, still below 29 by van."""
    stop = order("FAR", 31.1, due_to="2026-01-05", late_cost_per_h=0.5)
    result = planned(world(small, [stop], [rate()]))
    assert terms_of(result) | {"tariff": 4.0, "late": 12.0} == terms_of(result)


def test_a_day_holds_only_so_many_parcels(small):
    """Three far stops, room for one: the others ride; the dearer to drive goes by carrier."""
    carriers = [{"carrier_id": "SF", "kind": "third_party", "capacity_per_day": 1.0}]
    orders = [order(name, lat) for name, lat in (("A", 31.10), ("B", 31.11), ("C", 31.12))]
    result = planned(world(small, orders, [rate()], carriers))
    assert len(result.tables["handed_over"]) == 1
    assert result.tables["stops"]["kind"].tolist().count("delivery") == 2


def test_crowd_that_may_decline_costs_its_risk(small):
    """1 by crowd that takes half: 1 + 0.5 x (4 - 1) = 2.5, below the sure carrier's 4."""
    carriers = [*CARRIERS, {"carrier_id": "C", "kind": "crowd", "acceptance_probability": 0.5}]
    result = planned(world(small, [order("FAR", 31.1)], [rate(), rate("C", 1.0)], carriers))
    assert terms_of(result) | {"tariff": 1.0, "risk": 1.5} == terms_of(result)
    assert result.certificate.objective == 2.5


def test_prize_below_tariff_and_drive_is_left(small):
    """A prize of 3 is worth neither the tariff of 4 nor the drive."""
    result = planned(world(small, [order("FAR", 31.1, prize=3.0)], [rate()]))
    assert result.tables["unserved"]["id"].tolist() == ["FAR"]
    assert result.certificate.objective == 3.0


def test_volume_and_steps_are_charged(small):
    """0.01 m3 at 500 kg/m3 are 5 kg; 4.5 beyond 0.5 included, in steps of 2: 6 kg at 0.1."""
    offer = rate(volumetric_kg_per_m3=500.0, included_kg=0.5, step_kg=2.0, per_kg=0.1)
    result = planned(world(small, [order("FAR", 31.1)], [offer]))
    assert terms_of(result)["tariff"] == pytest.approx(4.6)


def test_urgent_stop_loses_more(small):
    """Priority 1 makes the penalty of 50 count five times."""
    far = [order("A", 31.0, priority=1.0, skills="lift")]
    result = planned(world(small, far, [rate()]))
    assert result.certificate.objective == 250.0


def test_unknown_word_is_refused(small):
    """Only any, rest and off are known."""
    with pytest.raises(InputError, match="any, rest or off"):
        run(small(), {}, Limits(work=0.1), carriers="yes")


PLANTED = [
    ("cost", 5.0, "cost_differs"),
    ("carrier_id", "OWN", "not_a_carrier_to_hand_to"),
    ("site_id", "E", "from_another_site"),
    ("promised_on", pd.Timestamp("2026-01-05"), "promise_differs"),
    ("risk_cost", 1.0, "risk_differs"),
    ("weight_kg", 1.0, "weight_differs"),
]


@pytest.mark.parametrize(("column", "value", "code"), PLANTED)
def test_referee_finds_what_is_planted(small, column, value, code):
    """One changed cell of `handed_over` is named."""
    carriers = [*CARRIERS, {"carrier_id": "OWN", "kind": "own"}]
    scenario = world(small, [order("FAR", 31.1)], [rate()], carriers)
    tables = dict(run(scenario, {}, Limits(work=0.1)).tables)
    tables["handed_over"] = tables["handed_over"].assign(**{column: value})
    assert code in {violation.code for violation in check(scenario, tables).violations}
