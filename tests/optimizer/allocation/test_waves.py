"""Waves: what is picked when, which parcels miss their cut-off, and what is proven of it."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wave_worlds import START, Rows, day, order, plan_day, scenario_of, sent

from optimizer.allocation.waves.bound import dual_value, find_prices
from optimizer.allocation.waves.choose import choose, first_chances
from optimizer.allocation.waves.from_scenario import read_sites
from optimizer.allocation.waves.level import makes_it
from optimizer.allocation.waves.line import run_line
from optimizer.allocation.waves.problem import SiteWork
from optimizer.outcome import Limits
from optimizer.pipeline import plan


def at(clock: str, days: int = 0) -> pd.Timestamp:
    return START + pd.Timedelta(days=days) + pd.Timedelta(f"{clock}:00")


def test_all_leave_in_time_where_the_hours_hold_them() -> None:
    """Two hours of 10 units pick 20 units by 10:00: nothing is late, and that is proven."""
    rows = day([(8, 10, 10), (9, 10, 10)])
    for number in range(4):
        order(rows, f"O{number}", 5)
    result, _ = plan_day(rows)
    assert result.certificate is not None
    assert (result.certificate.objective, str(result.certificate.status)) == (0.0, "optimal")
    waves = result.tables["waves"]
    assert waves["release_at"].tolist() == [at("08:00"), at("09:00")]
    assert waves["units"].tolist() == [10.0, 10.0]


def test_the_cheaper_parcel_waits() -> None:
    """One hour of 10 units, two parcels of 8: O2 at priority 10 weighs 8 x 30 x 5 / 10 = 120."""
    rows = day([(9, 10, 10), (12, 10, 10)])
    order(rows, "O1", 8)
    order(rows, "O2", 8, priority=10)
    result, _ = plan_day(rows)
    (late,) = result.tables["missed_cutoffs"].itertuples()
    assert (late.shipment_id, late.cost, late.days_late) == ("O2.1", 120.0, 1.0)
    assert (late.code, late.proof) == ("pick_capacity", "heuristic")
    assert "at least 6 units too many" in late.detail  # 16 - 10
    assert late.leaves_at == at("10:00", 1)
    assert result.certificate is not None
    assert result.certificate.objective == 120.0


def test_money_per_hour_late_is_paid_for_a_day() -> None:
    """An order that pays 2 an hour pays 48 for leaving a day later, less than another's 240."""
    rows = day([(9, 10, 10), (12, 10, 10)])
    order(rows, "O1", 8, late_cost_per_h=2.0)
    order(rows, "O2", 8)
    result, report = plan_day(rows)
    assert result.tables["missed_cutoffs"]["shipment_id"].tolist() == ["O1.1"]
    assert report.objective == 48.0


def test_loading_limits_as_picking_does() -> None:
    """Ten units an hour are picked, but one parcel is loaded: of three, two leave by 10:00."""
    rows = day([(8, 10, 1), (9, 10, 1), (12, 10, 1)])
    for name in ("O1", "O2", "O3"):
        order(rows, name, 1)
    result, _ = plan_day(rows)
    (late,) = result.tables["missed_cutoffs"].itertuples()
    assert late.code == "dock_capacity"
    assert "at least 1 parcels too many" in late.detail


def test_a_cutoff_within_an_hour_leaves_its_share() -> None:
    """By 09:30 half of the hour's 10 units are picked: 5 of the 8 units of two parcels of 4."""
    rows = day([(9, 10, 10)], cutoff="09:30")
    order(rows, "O1", 4)
    order(rows, "O2", 4)
    result, _ = plan_day(rows)
    assert len(result.tables["missed_cutoffs"]) == 1


def test_a_parcel_larger_than_an_hour_takes_several() -> None:
    """25 units at 10 an hour are picked from 07:00 to 10:00."""
    rows = day([(7, 10, 10), (8, 10, 10), (9, 10, 10)])
    order(rows, "O1", 25)
    result, _ = plan_day(rows)
    (parcel,) = result.tables["wave_parcels"].itertuples()
    assert (parcel.pick_from, parcel.picked_by) == (at("07:00"), at("10:00"))


def test_what_is_released_after_the_cutoff_is_proven_late() -> None:
    """Released at 09:10, cut-off 10:00, and no hour between: proven, with the hour that helps."""
    rows = day([(8, 10, 10), (11, 10, 10)])
    order(rows, "O1", 4, release_at=at("09:10"))
    result, _ = plan_day(rows)
    (late,) = result.tables["missed_cutoffs"].itertuples()
    assert (late.code, late.proof, late.later_cutoff_min) == ("no_hour", "proven", 120.0)
    assert (late.extra_pick_units, late.extra_dock_parcels) == (4.0, 1.0)
    (alert,) = result.tables["alerts"].itertuples()
    assert (alert.code, alert.entity) == ("late_order", "site:A")
    assert "1 could not make it even alone" in alert.message


def test_a_parcel_too_large_for_its_hours_is_proven_late() -> None:
    """12 units with 10 before the cut-off cannot be picked in time, whatever else waits."""
    rows = day([(9, 10, 10), (12, 10, 10)])
    order(rows, "O1", 12)
    result, _ = plan_day(rows)
    (late,) = result.tables["missed_cutoffs"].itertuples()
    assert (late.code, late.proof) == ("pick_capacity", "proven")


def test_a_closed_day_sends_parcels_to_the_next() -> None:
    """The calendar closes Monday: the parcel leaves on Tuesday, proven."""
    rows = day([(9, 10, 10)])
    rows["sites"][0]["calendar_id"] = "CAL"
    rows["calendars"] = [{"calendar_id": "CAL", "date": START, "is_working": False}]
    order(rows, "O1", 4)
    result, _ = plan_day(rows)
    (late,) = result.tables["missed_cutoffs"].itertuples()
    assert (late.code, late.proof, late.leaves_at) == ("closed", "proven", at("10:00", 1))


def test_opening_late_leaves_the_rest_of_the_hour() -> None:
    """Open from 09:30 on Monday: 5 of 10 units, so one of two parcels of 4 leaves by 10:00."""
    rows = day([(9, 10, 10)])
    rows["sites"][0]["calendar_id"] = "CAL"
    rows["calendars"] = [
        {"calendar_id": "CAL", "date": START, "is_working": True, "open_time": "09:30",
         "close_time": "17:00"}
    ]  # fmt: skip
    order(rows, "O1", 4)
    order(rows, "O2", 4)
    result, _ = plan_day(rows)
    assert len(result.tables["missed_cutoffs"]) == 1


def test_vans_without_a_cutoff_wait_for_the_first_shift() -> None:
    """Own vans that start at 09:00 on the day of the promise (Tuesday) are the cut-off."""
    rows = day([(9, 10, 10)], cutoff=None)
    rows["carriers"][0]["kind"] = "own"
    rows["vehicles"] = [
        {"vehicle_type": "van", "depot_id": "A", "count": 1, "capacity_kg": 100.0,
         "shift_start": starts, "shift_end": "17:00"}
        for starts in ("11:00", "09:00")
    ]  # fmt: skip
    rows["vehicles"][0]["vehicle_type"] = "late van"
    order(rows, "O1", 4)
    result, _ = plan_day(rows)
    assert result.tables["waves"]["cutoff_at"].tolist() == [at("09:00", 1)]


def test_a_site_without_hours_is_not_limited() -> None:
    """Without rows of its own a site works around the clock: one wave, and a note says so."""
    rows = day([])
    rows["sites"].append({**rows["sites"][0], "site_id": "B", "name": "B"})
    rows["work_capacity"] = [{"site_id": "B", "weekday": 1, "hour": 9, "pick_units": 1.0}]
    for number in range(50):
        order(rows, f"O{number:02d}", 3)
    result, _ = plan_day(rows)
    assert result.tables["waves"]["parcels"].tolist() == [50.0]
    assert any("nothing limits picking" in note for note in result.notes)


def test_hours_are_not_filled_more_than_they_must() -> None:
    """15 units due after two hours of 10 fill each to 80 %, not the first one whole."""
    rows = day([(8, 10, 10), (9, 10, 10)])
    for number in range(15):
        order(rows, f"O{number:02d}", 1)
    result, _ = plan_day(rows)
    figures = {kpi.kpi: kpi.value for kpi in result.kpis if kpi.scope == "site:A"}
    assert figures["peak pick utilisation"] == pytest.approx(0.8)
    assert figures["peak pick utilisation at least"] == pytest.approx(0.75)


def test_the_order_of_rows_changes_nothing() -> None:
    """Orders listed backwards give the same waves and misses."""
    rows = _busy_day(7)
    first, _ = plan_day(rows)
    rows["orders"].reverse()
    rows["order_lines"].reverse()
    second, _ = plan_day(rows)
    for name in ("waves", "wave_parcels", "missed_cutoffs"):
        one, two = (table.tables[name].reset_index(drop=True) for table in (first, second))
        key = list(one.columns[:1])
        pd.testing.assert_frame_equal(
            one.sort_values(key, ignore_index=True), two.sort_values(key, ignore_index=True)
        )


def _busy_day(seed: int, orders: int = 40) -> Rows:
    """More than two hours hold, by two cut-offs."""
    rng = np.random.default_rng(seed)
    rows = day([(8, 20, 12), (9, 20, 12), (14, 15, 12)])
    rate = rows["carrier_rates"][0]
    rows["carrier_rates"].append({**rate, "destination": "Y", "cutoff_time": "15:00"})
    rows["zones"].append({"zone_id": "Y", "name": "Y"})
    for number in range(orders):
        order(
            rows, f"O{number:02d}", float(rng.integers(1, 5)),
            priority=int(rng.integers(1, 8)), zone_id="ZY"[int(rng.integers(2))],
            placed_at=START + pd.Timedelta(hours=int(rng.integers(0, 10))),
        )  # fmt: skip
    return rows


def _work(rows: Rows) -> SiteWork:
    scenario = scenario_of(rows)
    (work,) = read_sites(scenario, *sent(scenario).values())
    return work


@pytest.mark.parametrize("seed", range(3))
def test_what_is_said_to_help_helps(seed: int) -> None:
    """A later cut-off as long as told, or room as told in the hour before, takes the parcel."""
    rows = _busy_day(seed)
    result, _ = plan_day(rows)
    late = result.tables["missed_cutoffs"]
    told = late[(late["proof"] == "heuristic") & (late["cutoff_at"] == at("10:00"))].iloc[0]
    missed_before = set(late["shipment_id"])
    wider = {**rows, "work_capacity": [dict(row) for row in rows["work_capacity"]]}
    for row in wider["work_capacity"]:
        if row["weekday"] == 1 and row["hour"] == 9:
            row["pick_units"] += told.extra_pick_units
            row["dock_parcels"] += told.extra_dock_parcels
    work = _work(wider)
    chance = _chances(_work(rows))
    parcel = work.shipment_id.tolist().index(told.shipment_id)
    chance[parcel] = 0
    assert told.shipment_id in missed_before
    assert makes_it(work, chance, run_line(work, chance))


def _chances(work: SiteWork) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    chance, _, _ = choose(work, first_chances(work), None, Limits())
    return chance.copy()


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10_000), st.integers(2, 6), st.floats(2.0, 9.0), st.floats(0.5, 3.0))
def test_no_schedule_is_below_the_bound(seed: int, n: int, pick: float, dock: float) -> None:
    """Of all ways to send up to six parcels on two days, the cheapest costs the bound or more."""
    rng = np.random.default_rng(seed)
    rows = day([(8, pick, dock), (9, pick, dock)])
    for number in range(n):
        hour = int(rng.integers(7, 10))
        order(rows, f"O{number}", float(rng.integers(1, 6)), priority=int(rng.integers(1, 9)),
              placed_at=at(f"{hour:02d}:00"))  # fmt: skip
    work = _work(rows)
    never = work.departures.chances
    costs = [
        float(work.cost(chance).sum())
        for way in itertools.product((0, 1, never), repeat=n)
        if makes_it(work, chance := np.array(way), run_line(work, chance))
    ]
    found = find_prices(work, Limits())
    assert found.bound <= min(costs) + 1e-6
    prices = rng.random((2, len(work.slots))) * 50.0
    assert dual_value(work, *prices)[0] <= min(costs) + 1e-6


@pytest.mark.parametrize("seed", range(4))
def test_the_gap_of_a_busy_day_is_small(seed: int) -> None:
    """With 40 parcels, about twice what fits, cost is within 10 % of the bound."""
    result, _ = plan_day(_busy_day(seed))
    assert result.certificate is not None
    cost, bound = result.certificate.objective, result.certificate.bound
    assert cost is not None
    assert bound is not None
    assert 0.0 < bound <= cost <= 1.1 * bound


def test_more_room_to_pick_never_raises_the_bound() -> None:
    """The bound at the same prices with half as much again to pick is no higher."""
    work = _work(_busy_day(5))
    found = find_prices(work, Limits())
    rows = _busy_day(5)
    for row in rows["work_capacity"]:
        row["pick_units"] *= 1.5
    wider = _work(rows)
    assert find_prices(wider, Limits()).bound <= found.bound + 1e-6


def test_waves_follow_sourcing_in_a_plan() -> None:
    """The group allocation runs waves where hours are stated, and the plan names each wave."""
    rows = day([(8, 10, 10), (9, 10, 10)])
    order(rows, "O1", 4, due_to=at("00:00", 2))
    made = plan(scenario_of(rows), ["allocation"], work=2.0)
    assert made.table("certificates")["stage"].tolist() == ["sourcing", "waves"]
    assert made.table("wave_parcels")["wave_id"].tolist() == ["A-01"]
    del rows["work_capacity"]
    made = plan(scenario_of(rows), ["allocation"], work=2.0)
    assert made.table("certificates")["stage"].tolist() == ["sourcing"]
