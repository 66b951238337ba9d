"""Stock kept for channels: shares, release, a channel's own site, and what lines left are told."""

from __future__ import annotations

from copy import deepcopy

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sourcing_worlds import draw_case

from optimizer.allocation.sourcing.desk import Desk
from optimizer.allocation.sourcing.online import decide
from optimizer.allocation.sourcing.online_orders import OnlineLine, OnlineOrder
from optimizer.allocation.sourcing.reserves import channel_stock
from optimizer.audit.sourcing import check
from scenarios import Conflict

from .conftest import START

KEEP = {"channel_id": "K", "name": "K", "stock_share_pct": 30.0, "release_hours_before": 24.0}
OPEN = {"channel_id": "L", "name": "L"}
WEEK = {"bucket": "week", "horizon_buckets": 2}


def short(tables, units=3.0, channel="L", **keep):
    """An order of `channel` for so many P; site A alone ships, and has 4 of it."""
    rows = tables()
    rows["channels"] = [KEEP | keep, dict(OPEN)]
    rows["sites"] = rows["sites"][:1]
    rows["carrier_rates"] = rows["carrier_rates"][:1]
    rows["inventory"] = [{"site_id": "A", "product_id": "P", "on_hand": 4.0}]
    rows["orders"][0]["channel_id"] = channel
    rows["order_lines"][0]["qty"] = units
    return rows


def held(scenario, rows, **given):
    """Return free units by site, product and channel."""
    stock = channel_stock(scenario(rows, **(WEEK | given)))
    return {tuple(row[:3]): row[3] for row in stock.itertuples(index=False)}


def only_unserved(result):
    """Return the only row of the unserved table."""
    (row,) = result.tables["unserved"].to_dict("records")
    return row


def test_a_share_is_whole_units_rounded_down(tables, scenario):
    """30 % of 4 units is 1.2: one for K, three for all."""
    assert held(scenario, short(tables)) == {("A", "P", ""): 3.0, ("A", "P", "K"): 1.0}


def test_a_share_adds_to_the_channels_own_rows(tables, scenario):
    """K has 2 of its own besides 30 % of the 4 without a channel."""
    rows = short(tables)
    rows["inventory"].append(
        {"site_id": "A", "product_id": "P", "lot_id": "K", "channel_id": "K", "on_hand": 2.0}
    )
    assert held(scenario, rows) == {("A", "P", ""): 3.0, ("A", "P", "K"): 3.0}


def test_a_share_is_of_what_may_leave(tables, scenario):
    """One of the 4 units stays at the site: 30 % of 3 is no whole unit."""
    rows = short(tables)
    rows["inventory_policies"] = [
        {"site_id": "A", "product_id": "P", "policy": "base_stock", "keep_units": 1.0}
    ]
    assert held(scenario, rows) == {("A", "P", ""): 3.0}


def test_shares_above_all_there_is_are_cut_in_proportion(tables, scenario):
    """80, 70 and 50 % of 4 units count as 40, 35 and 25 %: 1.6, 1.4 and 1, a unit each."""
    rows = short(tables, stock_share_pct=80.0)
    rows["channels"][1]["stock_share_pct"] = 70.0
    rows["channels"].append({"channel_id": "M", "name": "M", "stock_share_pct": 50.0})
    assert held(scenario, rows) == {("A", "P", name): 1.0 for name in ("", "K", "L", "M")}


def test_what_is_released_by_the_start_is_for_all(tables, scenario):
    """Released a week before the end of a week: share and own rows of K are for all."""
    rows = short(tables, release_hours_before=168.0)
    rows["inventory"].append(
        {"site_id": "A", "product_id": "P", "lot_id": "K", "channel_id": "K", "on_hand": 2.0}
    )
    assert held(scenario, rows) == {("A", "P", ""): 6.0}


def test_a_channels_own_site_keeps_all_for_it(tables, scenario):
    """At the site of L what has no channel is for L; rows of K there serve nobody."""
    rows = short(tables, release_hours_before=168.0)
    rows["sites"][0]["channel_id"] = "L"
    rows["inventory"].append(
        {"site_id": "A", "product_id": "P", "lot_id": "K", "channel_id": "K", "on_hand": 2.0}
    )
    assert held(scenario, rows) == {("A", "P", "L"): 4.0}


def test_the_channel_itself_takes_its_share_and_what_is_for_all(tables, source):
    """K may have all 4 units, L only the 3 for all."""
    assert source(short(tables, 4.0, "K"), **WEEK).certificate.objective == 5.0
    assert source(short(tables, 3.0, "L"), **WEEK).certificate.objective == 5.0
    assert source(short(tables, 4.0, "L"), **WEEK).certificate.objective == 120.0


def test_a_line_short_of_kept_stock_is_told_of_its_release(tables, source):
    """L wants 4 of which K keeps 1 until the last day of the week: proven, 6 days earlier."""
    row = only_unserved(source(short(tables, 4.0), **WEEK))
    assert (row["code"], row["proof"]) == ("reserved", "proven")
    assert row["cheapest_relaxation"] == (
        "released 6 days earlier, 1 of P of K at A (ships for 5.00)"
    )


def test_stock_that_is_never_released_says_so(tables, source):
    """Without release_hours_before K keeps its share to the end."""
    row = only_unserved(source(short(tables, 4.0, release_hours_before=None), **WEEK))
    assert (row["code"], row["detail"]) == (
        "reserved",
        "needs 4 of P; A keeps it for K and does not release it",
    )


def test_too_little_kept_stock_is_no_reason(tables, source):
    """Of 5 units only 4 are there whoever may have them: no_stock."""
    assert only_unserved(source(short(tables, 5.0), **WEEK))["code"] == "no_stock"


def test_a_line_that_lost_to_others_is_told_of_kept_stock(tables, source):
    """O1 takes 3 of the 3 for all; O2 wants 1, K keeps 1: not proven."""
    rows = short(tables)
    rows["orders"].append(rows["orders"][0] | {"order_id": "O2"})
    rows["order_lines"].append(rows["order_lines"][0] | {"order_id": "O2", "qty": 1.0})
    row = only_unserved(source(rows, **WEEK))
    assert (row["id"], row["code"], row["proof"]) == ("O2/1", "reserved", "heuristic")


def test_a_site_of_another_channel_is_named(tables, source):
    """A serves K alone: the order of L stays, as do orders without a channel."""
    rows = short(tables, 1.0)
    rows["sites"][0]["channel_id"] = "K"
    row = only_unserved(source(rows, **WEEK))
    assert (row["code"], row["cheapest_relaxation"]) == (
        "reserved",
        "A open to all channels, which has 1 of P (ships for 5.00)",
    )


@pytest.mark.parametrize("earlier", [False, True])
def test_the_release_that_is_told_serves_the_line(tables, source, earlier):
    """L wants 4: with 144 hours more before the end of the week it ships for 5, else not."""
    rows = short(tables, 4.0, release_hours_before=24.0 + 144.0 * earlier)
    assert (source(rows, **WEEK).certificate.objective == 5.0) == earlier


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"channels": {"stock_share_pct": 60.0}}, "above_stock"),
        ({"sites": {"channel_id": "K"}}, "site_of_another_channel"),
    ],
)
def test_the_referee_finds_what_another_channel_took(tables, scenario, source, change, code):
    """A plan for L out of 3 units breaks the rules where K keeps 2 of the 4, or all of A."""
    rows = short(tables)
    made = source(rows, **WEEK).tables
    for name, cells in change.items():
        rows[name][0] |= cells
    report = check(scenario(rows, **WEEK), made)
    assert code in {violation.code for violation in report.violations}


@settings(max_examples=3, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), share=st.sampled_from([30.0, 50.0, 100.0]))
@pytest.mark.slow
def test_rules_and_rows_that_say_the_same_plan_the_same(source, seed, share):
    """A share equals rows of the channel, a release rows of none, an own site all rows of it."""
    rows = draw_case(seed)
    rows["channels"] = [{"channel_id": "K", "name": "K"}]
    for number, row in enumerate(rows["inventory"]):
        row["lot_id"] = str(number)
    by_rule = deepcopy(rows)
    by_rule["channels"][0]["stock_share_pct"] = share
    spelled = deepcopy(rows)
    for row in rows["inventory"]:
        if row["channel_id"] is None:
            kept = float(int(row["on_hand"] * share / 100.0))
            mine = row | {"channel_id": "K", "on_hand": kept, "lot_id": row["lot_id"] + "K"}
            spelled["inventory"].append(mine)
    for row in spelled["inventory"][: len(rows["inventory"])]:
        if row["channel_id"] is None:
            row["on_hand"] -= float(int(row["on_hand"] * share / 100.0))
    released, plain = deepcopy(rows), deepcopy(rows)
    released["channels"][0] |= {"stock_share_pct": share, "release_hours_before": 24.0}
    for row in plain["inventory"]:
        row["channel_id"] = None
    alone, marked = deepcopy(rows), deepcopy(rows)
    alone["sites"][0]["channel_id"] = "K"
    for row in marked["inventory"]:
        row["channel_id"] = "K" if row["site_id"] == "A" else row["channel_id"]
    for one, two in ((by_rule, spelled), (released, plain), (alone, marked)):
        first, second = source(one, work=0.1), source(two, work=0.1)
        assert first.certificate.objective == second.certificate.objective
        assert first.certificate.bound == second.certificate.bound


def promise(desk, units, channel, placed=START):
    """Decide on P for a channel and take what is promised; return the decision."""
    lines = (OnlineLine("1", "P", units),)
    order = OnlineOrder("N", "Z", placed.to_pydatetime(), lines, channel_id=channel)
    decision = decide(desk, order)
    for parcel in decision.parcels:
        ready = order.ready_on(desk.start)
        desk.take(parcel.site_id, parcel.carrier_id, ready, parcel.lines, channel, placed)
    return decision


def test_an_online_order_of_another_channel_leaves_the_share(tables, scenario):
    """L gets 3 of the 4 units; the fourth is K's, who gets it."""
    desk = Desk(scenario(short(tables), **WEEK), {})
    assert promise(desk, 3.0, "L").parcels
    (left,) = promise(desk, 1.0, "L").unserved
    assert left.code == "reserved"
    assert "6 days" in left.detail
    assert promise(desk, 1.0, "K").parcels


def test_online_orders_after_the_release_may_have_all(tables, scenario):
    """On the last day of the week K's share is for all; the hour before it is not."""
    desk = Desk(scenario(short(tables), **WEEK), {})
    last = START + pd.Timedelta("6D")
    assert not promise(desk, 4.0, "L", last - pd.Timedelta("1h")).parcels
    assert promise(desk, 4.0, "L", last).parcels
    assert not promise(desk, 1.0, "K", last).parcels


def test_what_is_kept_is_not_taken_before_its_release(tables, scenario):
    """A parcel of L for all 4 units is refused on the first day, and nothing is taken."""
    desk = Desk(scenario(short(tables), **WEEK), {})
    with pytest.raises(Conflict):
        desk.take("A", "C", START.date(), (OnlineLine("1", "P", 4.0),), "L")
    assert promise(desk, 4.0, "K").parcels


def test_an_own_site_serves_its_channel_online(tables, scenario):
    """A is K's own: K is served, L is not, even after the release."""
    rows = short(tables)
    rows["sites"][0]["channel_id"] = "K"
    desk = Desk(scenario(rows, **WEEK), {})
    assert not promise(desk, 1.0, "L", START + pd.Timedelta("6D")).parcels
    assert promise(desk, 1.0, "K").parcels
