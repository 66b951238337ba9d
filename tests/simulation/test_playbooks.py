"""Playbooks: when steps take effect, what they do, what they cost, and that they cannot hurt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_worlds import lead_choices, one_site
from random_worlds import random_case, random_world

from scenarios.findings import Findings
from simulation.daily import DAILY
from simulation.disruptions import Disruption
from simulation.distributions import Distribution
from simulation.experiment import Case, Setup, run_cases
from simulation.facts import Channels, Dock
from simulation.kernels import rows as at
from simulation.ledger import Record
from simulation.playbooks import ACTIONS, INDICATORS, Pause, Step, read_playbooks
from simulation.policies import order_up_to_policy
from simulation.world import Freight, Mode


def shop(opening=20, level=20, lead=4, rate=2.0, **more):
    """Return one shop, Poisson demand of `rate` a day, a supplier `lead` days away."""
    return one_site(
        order_up_to_policy(np.array([level])), rate, opening=opening, leads=lead_choices(lead),
        **more,
    )  # fmt: skip


def outage(start, days, kind="supplier_outage", target="all", severity=1.0):
    """Return a disruption of fixed dates."""
    return Disruption(
        f"{kind} {target}", kind, target, float(start), Distribution("fixed", (float(days),)),
        severity,
    )  # fmt: skip


def run(world, steps=(), blows=(), replications=1, **setup) -> Record:
    """Return the record of one case."""
    case = Case("case", tuple(blows), steps=tuple(steps))
    return run_cases(world, [case], Setup(replications, 3, **setup))["case"]


def never(action, **more) -> Step:
    """Return a step that is called for every night."""
    return Step("P", 1, "on_hand", ">=", 0.0, action, **more)


def test_a_step_waits_for_its_delay_and_costs_once():
    """A step called for every night takes effect once, and is paid once."""
    record = run(shop(), [never("expedite", cost=70.0, delay_days=3)])
    assert record.acted.tolist() == [[1]]
    assert record.response.tolist() == [70.0]


def test_a_step_ends_after_seven_calm_nights_and_may_come_again():
    """On-hand stock falls under 5 in each of two outages four weeks apart: paid twice."""
    blows = [outage(10, 12), outage(50, 12, target="supplier:V")]
    steps = [Step("P", 1, "on_hand", "<", 5.0, "raise_buffer", value=1.0, cost=10.0)]
    record = run(shop(opening=20, level=24), steps, blows)
    assert record.acted.tolist() == [[2]]
    assert record.response.tolist() == [20.0]


def test_expediting_halves_the_lead_time_and_doubles_the_freight():
    """After the first night every order of 2 a day takes 2 days instead of 4, at twice the rate."""
    world = shop(n_ticks=20)
    lane = world.lanes[0]
    world = replace(world, lanes=(replace(lane, freight=Freight(per_unit=1.0)),))
    calm, fast = run(world), run(world, [never("expedite", value=0.5)])
    ordered = calm.ordered[:, 0]
    assert ordered.tolist() == fast.ordered[:, 0].tolist()
    # only the order of day 0 leaves before the first morning: on day 4; the others take 2 days
    assert calm.transport[0] == ordered.sum()
    assert fast.transport[0] == ordered[0] + 2 * ordered[1:].sum()
    assert calm.site_rows[0, at.RECEIVED, 0] == ordered[:16].sum()
    assert fast.site_rows[0, at.RECEIVED, 0] == ordered[:18].sum()


def by_air(days: int):
    """Return the shop whose road of 4 days and 1 a unit has an air lane of some days and 3."""
    air = Mode(
        "air", np.zeros(1, np.int32), lead_choices(days)[None, :], np.zeros(1024, np.int32),
        Freight(per_unit=3.0), 50.0,
    )  # fmt: skip
    world = shop(n_ticks=20)
    lane = replace(world.lanes[0], freight=Freight(per_unit=1.0), kg=np.ones(1), modes=(air,))
    return replace(world, lanes=(lane,))


def test_expediting_without_a_value_takes_the_faster_mode():
    """From the first morning goods fly: one day instead of 4, at the air's freight and emission."""
    calm, fast = run(by_air(1)), run(by_air(1), [never("expedite")])
    ordered = calm.ordered[:, 0]
    assert ordered.tolist() == fast.ordered[:, 0].tolist()
    # the order of day 0 goes by road; that of day 18 arrives on day 19
    assert fast.site_rows[0, at.RECEIVED, 0] == ordered[:19].sum()
    assert fast.transport[0] == ordered[0] + 3 * ordered[1:].sum()
    co2 = list(DAILY).index("co2_kg")
    assert fast.days[co2, :, 0].sum() == pytest.approx(0.05 * ordered[1:].sum())
    assert calm.days[co2, :, 0].sum() == 0.0


def test_expediting_without_a_faster_mode_halves_the_time():
    """An air lane of 5 days is no help: 2 days by road, at twice the freight."""
    fast = run(by_air(5), [never("expedite")])
    ordered = fast.ordered[:, 0]
    assert fast.site_rows[0, at.RECEIVED, 0] == ordered[:18].sum()
    assert fast.transport[0] == ordered[0] + 2 * ordered[1:].sum()


@pytest.mark.parametrize(
    "dock", [Dock(outbound=np.full(7, 4)), Dock(parcels=np.full(7, 2), parcel_units=2 << 16)]
)
def test_a_lifted_outbound_dock_lets_more_out(dock):
    """Far more is asked for than a dock of 4 a day lets out; lifted by half it is 6."""
    world = shop(opening=200, level=0, rate=40.0, n_ticks=8, lost=True)
    world = replace(world, sites=(replace(world.sites[0], dock=dock),))
    step = never("lift_capacity", value=1.5, target="site:S", delay_days=2, cost=9.0)
    plain, lifted = run(world), run(world, [step])
    assert plain.served[:, 0].tolist() == [4] * 8
    assert lifted.served[:, 0].tolist() == [4, 4, 4, 6, 6, 6, 6, 6]
    assert lifted.response.tolist() == [9.0]


def test_a_detour_opens_a_closed_lane():
    """A lane closed for good starves the shop; rerouted, goods travel 6 days instead of 4."""
    closed = [outage(0, 100, "lane_closure")]
    stuck = run(shop(n_ticks=20), (), closed)
    around = run(shop(n_ticks=20), [never("reroute", value=1.5)], closed)
    assert stuck.site_rows[0, at.RECEIVED].tolist() == [0]
    # the orders of days 0 and 1 leave on day 1, the others at once; day 13's arrives on day 19
    assert around.site_rows[0, at.RECEIVED, 0] == around.ordered[:14].sum()


def test_lifted_capacity_delivers_more_of_the_normal_flow():
    """Half of a flow of 2 a day is 1; lifted by 1.5 it is 1.5, so 29 units leave in 20 days."""
    half = [outage(0, 100, "supplier_capacity_loss", severity=0.5)]
    plain = run(shop(n_ticks=20), (), half)
    lifted = run(shop(n_ticks=20), [never("lift_capacity", value=1.5)], half)
    assert plain.departures.tolist() == [[20]]
    # day 0 at half flow: 1; days 1 .. 19: floor(1.5 x 20) - floor(1.5 x 1) = 29
    assert lifted.departures.tolist() == [[30]]


def test_raised_buffers_order_more():
    """A level of 20 raised by a quarter is 25: five more units are ordered, once."""
    plain, raised = run(shop(n_ticks=20)), run(shop(n_ticks=20), [never("raise_buffer")])
    assert int(raised.ordered.sum() - plain.ordered.sum()) == 5


def test_a_paused_promotion_brings_no_demand_on_its_days():
    """With all promoted demand away on days 5 to 8 nothing is asked for."""
    step = never("pause_promotion", pauses=(Pause("product", "P00000", "", 5, 8, 1.0),))
    plain, paused = run(shop(n_ticks=20)), run(shop(n_ticks=20), [step])
    expected = plain.demand.copy()
    expected[5:9] = 0
    np.testing.assert_array_equal(paused.demand, expected)


def two_channels(opening, reserve=(0, 0), n_ticks=10, **more):
    """Return a shop without orders whose web and shop customers ask for half of the units each."""
    world = one_site(
        order_up_to_policy(np.array([0])), 6.0, opening=opening, n_ticks=n_ticks, lost=True, **more
    )
    channels = Channels(
        ("web", "shop"), np.array([[32768], [65536]]), np.array(reserve), np.array([0, 0])
    )
    return replace(world, sites=(replace(world.sites[0], channels=channels),))


@pytest.mark.parametrize("delay", [0, 3])
def test_rationed_channels_leave_the_shelf_to_the_one_that_comes_first(delay):
    """From the first morning, or three later, all that is there is kept for the web shop."""
    first = never("ration_channels", target="channel:web", value=1.0, delay_days=delay, cost=7.0)
    record = run(two_channels(400), [first])
    until_then = run(two_channels(400, n_ticks=1 + delay))
    (web, web_got), (shop, shop_got) = record.channels[:, :, 0].tolist()
    assert web_got == web > 0
    assert shop > shop_got == until_then.channels[1, 1, 0] > 0
    assert record.response.tolist() == [7.0]


def test_a_rationed_share_is_that_of_the_shelf_on_the_first_morning():
    """Of what is left after day 0 a half, and no more, is kept for web customers who never come."""
    first = never("ration_channels", target="channel:web")
    idle = two_channels(30, n_ticks=40)
    channels = replace(idle.sites[0].channels, demand=np.array([[0], [65536]]))
    idle = replace(idle, sites=(replace(idle.sites[0], channels=channels),))
    left = 30 - int(run(idle).served[0, 0])
    record = run(idle, [first])
    assert record.site_rows[0, at.SERVED, 0] == 30 - left // 2


def test_what_was_kept_is_free_when_the_step_ends():
    """Called for while over 20 units are there; a week after that all of them are sold."""
    step = Step("P", 1, "on_hand", ">", 20.0, "ration_channels", target="channel:web", value=0.5)
    idle = two_channels(60, n_ticks=60)
    channels = replace(idle.sites[0].channels, demand=np.array([[0], [65536]]))
    idle = replace(idle, sites=(replace(idle.sites[0], channels=channels),))
    kept_for_ever = run(idle, [replace(step, op=">=", threshold=0.0)])
    freed = run(idle, [replace(step, threshold=40.0)])
    assert kept_for_ever.site_rows[0, at.SERVED, 0] < 60
    assert freed.site_rows[0, at.SERVED, 0] == 60


def test_a_lead_time_indicator_counts_the_days_of_a_closure():
    """A lane of 4 days closed on day 10 passes 6 on the third night of its closure."""
    steps = [Step("P", 1, "lead_time_days", ">", 6.0, "reroute", value=1.0)]
    record = run(shop(n_ticks=40), steps, [outage(10, 20, "lane_closure")])
    assert record.acted.tolist() == [[1]]
    open_again = run(shop(n_ticks=40), steps, [outage(10, 2, "lane_closure")])
    assert open_again.acted.tolist() == [[0]]


ALL_STEPS = tuple(
    Step("P", number, kpi, ">=" if kpi in ("short_units", "p_stockout") else "<", threshold,
         action, delay_days=number % 3, cost=5.0,
         pauses=(Pause("category", "tea", "", 3, 30, 0.5),) if action == "pause_promotion" else ())
    for number, (action, kpi, threshold) in enumerate(
        [("expedite", "fill_rate", 0.95), ("reroute", "days_of_cover", 3.0),
         ("raise_buffer", "fill_rate", 0.9), ("ration", "short_units", 5.0),
         ("lift_capacity", "cycle_service", 0.9), ("pause_promotion", "p_stockout", 0.1)]
    )
)  # fmt: skip


@pytest.mark.parametrize("seed", [1, 5, 9, 14])
def test_responses_are_the_same_bits_for_kernels_and_chunks(seed):
    """All actions at once on random networks: both kernels and any chunk give the same records."""
    pytest.importorskip("numba")
    world = random_world(seed)
    blows = random_case(world, seed).disruptions
    runs = [
        run(world, ALL_STEPS, blows, 4, kernels=name, chunk=chunk)
        for name, chunk in (("numpy", 4), ("numba", 4), ("numpy", 1))
    ]
    for field in Record.__dataclass_fields__:
        for other in runs[1:]:
            np.testing.assert_array_equal(getattr(runs[0], field), getattr(other, field), field)


def test_the_random_networks_call_for_every_action():
    """Over the networks of the test above every step takes effect somewhere."""
    acted = np.zeros(len(ALL_STEPS), np.int64)
    for seed in (1, 5, 9, 14):
        world = random_world(seed)
        acted += run(world, ALL_STEPS, random_case(world, seed).disruptions, 4).acted.sum(axis=1)
    assert (acted > 0).all(), acted


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 6), st.integers(4, 30), st.floats(0.5, 6.0), st.integers(1, 25),
    st.sampled_from(["expedite", "raise_buffer", "reroute"]), st.booleans(),
)  # fmt: skip
def test_a_free_playbook_that_adds_supply_never_lowers_service(
    lead, level, rate, days, action, lost
):
    """Base stock, fixed lead times, same demand: every replication serves at least as much."""
    world = one_site(
        order_up_to_policy(np.array([level])), rate, opening=level, leads=lead_choices(lead),
        n_ticks=60, lost=lost,
    )  # fmt: skip
    kind = "lane_closure" if action == "reroute" else "supplier_outage"
    value = {"expedite": 0.5, "raise_buffer": 1.5, "reroute": 1.0}[action]
    blows = [outage(10, days, kind)]
    without = run(world, (), blows, 3)
    helped = run(world, [Step("P", 1, "days_of_cover", "<", 3.0, action, value=value)], blows, 3)
    assert (helped.served.sum(axis=0) >= without.served.sum(axis=0)).all()


def book(**changes) -> pd.DataFrame:
    """Return a table of one playbook of one step."""
    row = {
        "playbook_id": "P", "step": 1, "kpi": "fill_rate", "op": "<", "threshold": 0.9,
        "action": "expedite", "target": "supplier:FARM", "value": 0.5, "delay_days": 1.0,
        "cost": 5.0, "scope": None,
    }  # fmt: skip
    return pd.DataFrame([row | changes])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kpi": "vehicle_fill"}, "unknown_kpi"),
        ({"action": "pray"}, "unknown_action"),
        ({"target": "supplier:NOBODY"}, "unknown_target"),
        ({"target": "promotion:NONE", "action": "pause_promotion"}, "unknown_target"),
        ({"scope": "site:NOWHERE"}, "unknown_scope"),
        ({"scope": "supplier:FARM"}, "unknown_scope"),
        ({"value": 3.0}, "bad_value"),
        ({"action": "ration_channels", "target": "all"}, "unknown_target"),
        ({"action": "ration_channels", "target": "channel:NONE"}, "unknown_target"),
        ({"action": "ration_channels", "target": "channel:WEB", "value": 0.0}, "bad_value"),
    ],
)
def test_a_wrong_playbook_is_a_finding(corner_shop, change, code):
    """What a playbook names must exist and be simulated."""
    from scenarios import Scenario

    facts = Scenario(corner_shop.settings, dict(corner_shop.tables) | {"playbooks": book(**change)})
    findings = Findings()
    assert read_playbooks(facts, ["P"], findings) == {"P": ()}
    assert {finding.code for finding in findings.errors} == {code}


def test_channels_are_rationed_only_where_their_demand_is_known(corner_shop):
    """Without demand by channel nobody can come first: a finding on the row of the playbook."""
    from scenarios import Scenario

    own = dict(corner_shop.tables)
    own["playbooks"] = book(action="ration_channels", target="channel:WEB")
    findings = Findings()
    (step,) = read_playbooks(Scenario(corner_shop.settings, own), ["P"], findings)["P"]
    assert step.needs_channels
    own["demand_history"] = own["demand_history"].drop(columns="channel_id")
    assert read_playbooks(Scenario(corner_shop.settings, own), ["P"], findings) == {"P": ()}
    (finding,) = findings.errors
    assert (finding.code, finding.table, finding.row) == ("no_channel_demand", "playbooks", 2)


def test_a_promotion_of_the_scenario_is_read_with_its_uplift(corner_shop):
    """An uplift of 150 % means that 60 % of the promoted demand stays away."""
    rows = corner_shop.table("promotions")
    future = rows[rows["end"] >= pd.Timestamp(corner_shop.settings.start_date)]
    assert len(future) > 0
    findings = Findings()
    steps = read_playbooks(corner_shop, ["NO_FARM"], findings)["NO_FARM"]
    paused = [step for step in steps if step.action == "pause_promotion"]
    uplift = float(future["uplift_pct"].iloc[0]) / 100.0
    assert paused[0].pauses[0].away == pytest.approx(uplift / (1.0 + uplift))


def test_every_action_and_indicator_says_what_it_means():
    """Each has a sentence for the planner."""
    assert all(action.meaning and action.words for action in ACTIONS.values())
    assert all(meaning for meaning, _ in INDICATORS.values())
