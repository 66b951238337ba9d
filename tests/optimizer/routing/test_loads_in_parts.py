"""Loads above every van come in parts: what is split, what adds up, what the referee finds."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.audit.routing import check
from optimizer.outcome import Limits
from optimizer.routing import run
from optimizer.routing.splitting import by_line, by_unit

KEY = ["order_id", "part", "line_id", "qty"]


def orders_of(small, orders, lines, **tables):
    rows = [
        {"order_id": name, "lat": 31.02, "lon": 121.0, "placed_at": "2026-01-04 10:00"} | more
        for name, more in orders.items()
    ]
    frame = pd.DataFrame(rows)
    for column in ("placed_at", "due_from", "due_to"):
        if column in frame:
            frame[column] = pd.to_datetime(frame[column])
    asked = [
        {"order_id": o, "line_id": line, "product_id": "P", "qty": qty} for o, line, qty in lines
    ]
    return small(orders=frame, order_lines=asked, **tables)


def planned(scenario, upstream=None):
    result = run(scenario, upstream or {}, Limits(work=0.2))
    tables = (upstream or {}) | dict(result.tables)
    report = check(scenario, tables)
    assert report.violations == ()
    assert report.objective == pytest.approx(result.certificate.objective, abs=1e-6)
    return result


def test_line_of_120_kg_fills_a_van_and_a_rest(small):
    """60 units of 2 kg on vans of 100 kg: 50 and 10, two visits, service 1,500 s and 300 s."""
    scenario = orders_of(small, {"A": {"allow_line_split": True}}, [("A", "1", 60.0)])
    result = planned(scenario)
    assert result.tables["part_lines"][KEY].values.tolist() == [
        ["A", 1.0, "1", 50.0],
        ["A", 2.0, "1", 10.0],
    ]
    visits = result.tables["stops"].dropna(subset=["order_id"]).sort_values("part")
    assert visits["part"].tolist() == [1.0, 2.0]
    spent = (visits["depart"] - visits["begin"]).dt.total_seconds().tolist()
    assert spent == [50 * 30, 10 * 30]
    assert "unserved" not in result.tables
    assert any("in 2 parts" in note for note in result.notes)


def test_lines_stay_whole_and_share_vans(small):
    """60, 60, 40 and 40 kg: two vans of 60 + 40, no line cut."""
    lines = [("A", "1", 30.0), ("A", "2", 30.0), ("A", "3", 20.0), ("A", "4", 20.0)]
    result = planned(orders_of(small, {"A": {}}, lines))
    told = result.tables["part_lines"]
    assert told.groupby("part")["qty"].sum().tolist() == [50.0, 50.0]
    assert told["line_id"].is_unique


@pytest.mark.parametrize(
    ("flags", "lines"),
    [
        ({"allow_split": False}, [("A", "1", 30.0), ("A", "2", 30.0)]),
        ({"allow_split": False, "allow_line_split": True}, [("A", "1", 60.0)]),
        ({}, [("A", "1", 51.0), ("A", "2", 1.0)]),
    ],
)
def test_what_may_not_be_split_is_refused_as_a_whole(small, flags, lines):
    """Without allow_split, or with a line of its own above the van that may not be cut."""
    result = planned(orders_of(small, {"A": flags}, lines))
    row = result.tables["unserved"].iloc[0]
    assert (row["code"], row["proof"], row["qty"]) == (
        "capacity",
        "proven",
        sum(q for *_, q in lines),
    )
    assert "part_lines" not in result.tables


def test_parts_without_a_van_are_unserved_with_their_units(small):
    """One van of 100 kg for 120 kg, one trip: the rest of 10 units is left, 50 each."""
    van = {
        "vehicle_type": "van", "depot_id": "D", "count": 1.0, "capacity_kg": 100.0,
        "shift_start": "08:00", "shift_end": "18:00", "cost_per_km": 1.0,
    }  # fmt: skip
    scenario = orders_of(
        small, {"A": {"allow_line_split": True}}, [("A", "1", 60.0)], vehicles=[van]
    )
    result = planned(scenario)
    row = result.tables["unserved"].iloc[0]
    assert (row["id"], row["qty"], row["code"]) == ("A", 10.0, "count")
    lost = {k.kpi: k.value for k in result.kpis if k.variant == "objective"}["unserved"]
    assert lost == pytest.approx(500.0)


def test_parts_fit_the_vans_that_can_come(small):
    """The truck of 1,000 kg ends its shift too soon: 120 kg come in two vans of 100."""
    vans = [
        {
            "vehicle_type": kind, "depot_id": "D", "count": 2.0, "capacity_kg": kg,
            "shift_start": "08:00", "shift_end": end, "cost_per_km": 1.0, "speed_km_h": 36.0,
        }
        for kind, kg, end in (("truck", 110.0, "08:01"), ("van", 100.0, "18:00"))
    ]  # fmt: skip
    scenario = orders_of(
        small, {"A": {"allow_line_split": True}}, [("A", "1", 60.0)], vehicles=vans
    )
    result = planned(scenario)
    assert result.tables["part_lines"]["qty"].tolist() == [50.0, 10.0]
    assert set(result.tables["routes"]["vehicle_type"]) == {"van"}


def test_prize_is_shared_out_by_units(small):
    """A prize of 600 for 60 units that no van is worth: both parts are left, 600 in all."""
    flags = {"allow_line_split": True, "prize": 6.0}
    result = planned(orders_of(small, {"A": flags}, [("A", "1", 60.0)]))
    assert result.certificate.objective == pytest.approx(6.0)


def test_parcel_of_sourcing_comes_in_parts(small):
    """A parcel of 60 units on own vans of 100 kg, known by its shipment_id."""
    scenario = orders_of(
        small,
        {"A": {"allow_line_split": True}},
        [("A", "1", 60.0)],
        carriers=[{"carrier_id": "OWN", "kind": "own"}],
    )
    parcel = {
        "shipment_id": "S1", "order_id": "A", "site_id": "D", "carrier_id": "OWN",
        "service": "std", "ship_on": pd.Timestamp("2026-01-05"),
        "promised_on": pd.Timestamp("2026-01-05"), "weight_kg": 120.0, "cost": 0.0,
    }  # fmt: skip
    inside = {"shipment_id": "S1", "order_id": "A", "line_id": "1", "product_id": "P", "qty": 60.0}
    upstream = {"shipments": pd.DataFrame([parcel]), "shipment_lines": pd.DataFrame([inside])}
    result = planned(scenario, upstream)
    assert result.tables["part_lines"]["shipment_id"].tolist() == ["S1", "S1"]
    assert result.tables["stops"]["part"].dropna().tolist() in ([1.0, 2.0], [2.0, 1.0])


@pytest.fixture(scope="module")
def two_parts(small):
    """A scenario with one order in two parts, and its tables."""
    scenario = orders_of(small, {"A": {"allow_line_split": True}}, [("A", "1", 60.0)])
    return scenario, dict(run(scenario, {}, Limits(work=0.1)).tables)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda t: t["part_lines"].assign(qty=[50.0, 9.0]), "units_differ"),
        (lambda t: t["part_lines"].assign(qty=[55.0, 5.0]), "above_capacity_kg"),
        (lambda t: t["part_lines"].assign(part=[1.0, 3.0]), "not_1_2_3"),
        (lambda t: t["part_lines"].assign(order_id="X"), "no_such_stop"),
    ],
)
def test_referee_finds_parts_that_do_not_add_up(two_parts, change, code):
    """Units missing, a part above the van, a number left out, an order that is none."""
    scenario, tables = two_parts
    report = check(scenario, tables | {"part_lines": change(tables)})
    assert code in {violation.code for violation in report.violations}


def test_referee_finds_a_part_made_twice(two_parts):
    """Both visits bring part 1: one twice, the other never."""
    scenario, tables = two_parts
    stops = tables["stops"]
    twice = stops.assign(part=stops["part"].where(stops["part"].isna(), 1.0))
    found = {v.code for v in check(scenario, tables | {"stops": twice}).violations}
    assert {"served_twice", "neither_served_nor_unserved"} <= found


def test_referee_finds_a_split_that_is_not_allowed_or_needed(two_parts, small):
    """The same tables, with allow_line_split off, allow_split off, or vans of 200 kg."""
    _, tables = two_parts
    lines = [("A", "1", 60.0)]
    cases = {
        "line_is_cut": orders_of(small, {"A": {}}, lines),
        "may_not_be_split": orders_of(small, {"A": {"allow_split": False}}, lines),
        "a_van_holds_it_all": orders_of(
            small,
            {"A": {"allow_line_split": True}},
            lines,
            vehicles=[
                {
                    "vehicle_type": "van", "depot_id": "D", "count": 2.0, "capacity_kg": 200.0,
                    "shift_start": "08:00", "shift_end": "18:00",
                }
            ],
        ),
    }  # fmt: skip
    for code, scenario in cases.items():
        assert code in {v.code for v in check(scenario, tables).violations}


@settings(max_examples=60, deadline=None)
@given(
    qty=st.lists(st.integers(1, 60), min_size=1, max_size=5),
    kg=st.lists(st.floats(0.0, 9.0), min_size=5, max_size=5),
    m3=st.lists(st.floats(0.0, 1.0), min_size=5, max_size=5),
    cut=st.booleans(),
)
def test_parts_hold_everything_once_and_fit(qty, kg, m3, cut):
    """Units over the parts are the line's; no part is above the van; none is empty."""
    amounts = np.array(qty, dtype=np.float64)
    unit = np.column_stack([kg[: len(qty)], m3[: len(qty)]])
    room = np.array([40.0, math.inf if kg[0] > 5 else 3.0])
    parts = (by_unit if cut else by_line)(amounts, unit, room)
    if parts is None:
        single = unit if cut else unit * amounts[:, None]
        assert (single > room).any()
        return
    assert np.array_equal(np.sum(parts, axis=0), amounts)
    for part in parts:
        assert ((part @ unit) <= room + 1e-6).all()
        assert part.any()
