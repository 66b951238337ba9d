"""Kinds of disruption, their distributions, and their histories."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from plain_worlds import one_site

from scenarios import InputError
from scenarios.findings import Findings
from scenarios.library import demo_scenario
from simulation.calendar import Calendar
from simulation.conditions import Conditions
from simulation.daily import DAILY
from simulation.demand import Demand
from simulation.disruptions import Disruption, Strike, histories
from simulation.distributions import Distribution, parse_distribution
from simulation.experiment import Case, Setup, longest_lanes, make_blows, run_cases
from simulation.facts import Dock, Load
from simulation.kernels import kernels
from simulation.kernels import rows as at
from simulation.policies import order_up_to_policy
from simulation.rows import DisruptionReader
from simulation.state import fresh_state
from simulation.targets import resolve, target_problem
from simulation.variates import lead_row
from simulation.world import Batch, Freight

WEEK = Distribution("fixed", (7.0,))


def blow(kind, target="all", start=20.0, severity=1.0, days=7.0, **more):
    """Return one disruption."""
    length = Distribution("fixed", (days,))
    return Disruption(more.pop("name", kind), kind, target, start, length, severity, **more)


def run(*disruptions, lost=True, opening=60, ticks=60, replications=8):
    """Return the records (calm, hurt) of a shop that is refilled every day from one supplier."""
    policy = order_up_to_policy(np.full(4, 70, np.int32))
    world = one_site(
        policy, 10.0, opening=opening, leads=lead_row(5.0, 1.0), n_skus=4, n_ticks=ticks, lost=lost
    )
    found = run_cases(world, [Case("calm"), Case("hurt", disruptions)], Setup(replications, 3))
    return found["calm"], found["hurt"]


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        ("exponential(mean=120)", "exponential", (120.0,)),
        ("lognormal(mean=10, sd=8)", "lognormal", (10.0, 8.0)),
        ("Uniform( 3 , high=9 )", "uniform", (3.0, 9.0)),
        ("empirical(8, 3, 5)", "empirical", (3.0, 5.0, 8.0)),
        ("fixed(7)", "fixed", (7.0,)),
        ("normal(sd=3, mean=10)", "normal", (10.0, 3.0)),
    ],
)
def test_distributions_are_read(text, kind, values):
    """Parameters may be named or in order."""
    made = parse_distribution(text)
    assert (made.kind, made.values) == (kind, values)


@pytest.mark.parametrize(
    "text",
    ["", "7", "exponential()", "exponential(mean=0)", "lognormal(mean=2)", "uniform(9, 3)",
     "empirical()", "normal(a, b)", "weibull(1, 2)", "fixed(-1)", "fixed(nan)", "fixed(1, 2)"],
)  # fmt: skip
def test_wrong_distributions_are_refused(text):
    """What is not a distribution is refused with the text in the message."""
    with pytest.raises(ValueError, match=r"distribution|takes|must|number|lists"):
        parse_distribution(text)


@pytest.mark.parametrize(
    ("text", "mean", "sd"),
    [("exponential(mean=4)", 4, 4), ("lognormal(mean=10, sd=8)", 10, 8),
     ("uniform(2, 8)", 5, 3 / 3**0.5), ("normal(20, 2)", 20, 2), ("empirical(1, 2, 9)", 4, 3.5590)],
)  # fmt: skip
def test_draws_have_the_stated_moments(text, mean, sd):
    """Over an even grid of chances the draws have the mean and spread they promise."""
    made = parse_distribution(text)
    drawn = np.array([made.draw((i + 0.5) / 20_000) for i in range(20_000)])
    assert drawn.mean() == pytest.approx(mean, rel=0.01)
    assert drawn.std() == pytest.approx(sd, rel=0.02)


def test_fixed_start_strikes_once():
    """A fixed start with a fixed duration is one strike at that day."""
    made = histories([blow("supplier_outage")], range(3), seed=1, n_ticks=60)
    assert made["supplier_outage"] == ((Strike(20, 27),),) * 3


def test_probability_is_per_replication():
    """A chance of 0.3 strikes in about three replications of ten."""
    made = histories([blow("supplier_outage", probability=0.3)], range(2000), seed=1, n_ticks=60)
    share = np.mean([bool(row) for row in made["supplier_outage"]])
    assert share == pytest.approx(0.3, abs=0.04)


def test_onsets_on_one_tick_are_one_strike():
    """What follows many causes within nine days strikes on no day twice."""
    cause = blow("lane_closure", start=Distribution("uniform", (0.0, 2.0)), days=1.0)
    effect = blow(
        "quality_recall", name="effect", after="lane_closure",
        start=Distribution("uniform", (0.0, 9.0)),
    )  # fmt: skip
    effect = replace(effect, duration=Distribution("uniform", (1.0, 20.0)))
    made = histories([cause, effect], range(50), seed=1, n_ticks=60)["effect"]
    assert all(len({strike.begin for strike in row}) == len(row) for row in made)
    assert min(map(len, made)) < max(map(len, made))


def test_a_group_strikes_together():
    """Disruptions of one group happen in the same replications and begin together."""
    start = Distribution("exponential", (30.0,))
    pair = [
        blow("supplier_outage", start=start, group="storm", probability=0.5, name=n) for n in "ab"
    ]
    made = histories(pair, range(200), seed=4, n_ticks=60)
    assert made["a"] == made["b"]
    assert 0 < sum(map(bool, made["a"])) < 200


def test_a_chained_disruption_follows_its_cause():
    """Without a start of its own it begins when the cause ends, and only where that struck."""
    cause = blow("warehouse_closure", name="cause", probability=0.5)
    effect = blow("lane_delay", name="effect", start=None, severity=2.0, after="cause")
    made = histories([effect, cause], range(100), seed=2, n_ticks=60)
    for first, second in zip(made["cause"], made["effect"], strict=True):
        assert [strike.begin for strike in second] == [strike.end for strike in first]
    assert 0 < sum(map(bool, made["effect"])) < 100


def test_a_circle_of_causes_is_refused():
    """Two disruptions cannot each follow from the other."""
    pair = [blow("lane_delay", name="a", after="b"), blow("lane_delay", name="b", after="a")]
    with pytest.raises(InputError, match="circle"):
        histories(pair, range(2), seed=1, n_ticks=10)


@pytest.mark.parametrize(
    ("kind", "severity"),
    [("demand_surge", 0.5), ("demand_collapse", 1.5), ("warehouse_closure", 0.5),
     ("lead_time_blowup", 1.0), ("supplier_outage", 0.0), ("lane_delay", float("nan"))],
)  # fmt: skip
def test_impossible_severities_are_refused(kind, severity):
    """A severity that its kind cannot mean is refused."""
    with pytest.raises(InputError, match="severity"):
        blow(kind, severity=severity)


@pytest.mark.parametrize(
    ("kind", "severity"),
    [("supplier_outage", 1.0), ("supplier_capacity_loss", 0.7), ("lead_time_blowup", 3.0),
     ("lane_closure", 1.0), ("lane_delay", 6.0), ("demand_surge", 2.0), ("warehouse_closure", 1.0),
     ("warehouse_fire", 1.0), ("order_processing_outage", 1.0)],
)  # fmt: skip
@pytest.mark.parametrize("lost", [True, False])
def test_disruptions_hurt_service(kind, severity, lost):
    """Kinds that strike supply, stock or demand lower service, and not before they begin."""
    calm, hurt = run(blow(kind, severity=severity, days=10), lost=lost)
    assert hurt.served.sum() / hurt.demand.sum() < calm.served.sum() / calm.demand.sum() - 0.01
    np.testing.assert_array_equal(hurt.served[:20], calm.served[:20])


def test_a_collapse_keeps_its_share_of_demand():
    """Thinning by 0.4 leaves six tenths of the demand, unit by unit."""
    calm, hurt = run(blow("demand_collapse", severity=0.4, days=20), replications=60)
    left = hurt.demand[20:40].sum() / calm.demand[20:40].sum()
    assert left == pytest.approx(0.6, abs=0.02)
    assert (hurt.demand <= calm.demand).all()


def test_prices_and_freight_change_money_only():
    """A price shock makes what is bought dearer and leaves every unit where it was."""
    calm, hurt = run(blow("price_shock", severity=1.5, start=0.0, days=60))
    np.testing.assert_array_equal(hurt.served, calm.served)
    np.testing.assert_allclose(hurt.purchase, 1.5 * calm.purchase)


def test_a_freight_jump_makes_its_days_dearer():
    """Of 20 days at 2 a unit those from day 5 to 9 cost three times as much."""
    world = order_a_day(freight=Freight(per_unit=2.0))
    jump = blow("freight_price_jump", severity=3.0, start=5.0, days=5)
    record = run_cases(world, [Case("jump", (jump,))], Setup(1, 1))["jump"]
    daily = record.days[list(DAILY).index("transport"), :, 0]
    assert daily.tolist() == [20.0] * 5 + [60.0] * 5 + [20.0] * 10


@pytest.mark.parametrize("stated", [True, False])
def test_a_carrier_loses_its_share_of_the_weight(stated):
    """Of 100 kg a day, stated or the normal flow, 60 % is left: 6 units of 10 kg, then the rest."""
    load = Load(100_000, np.array([10_000])) if stated else None
    world = order_a_day(load=load, kg=np.array([10.0]), flow=np.array([10 * 256]))
    loss = blow("carrier_capacity_loss", severity=0.4, start=2.0, days=4)
    daily = departures(world, loss)
    assert daily[:6] == [10, 10, 6, 6, 6, 6]
    # 16 units wait on day 6 beside its own 10: at 100 kg a day they never leave, unlimited at once
    assert daily[6:8] == ([10, 10] if stated else [26, 10])


def departures(world, disruption) -> list[int]:
    """Return the units that leave on the first lane, day by day."""
    case = Case("case", (disruption,))
    setup = Setup(1, 1)
    numbers = np.arange(1)
    state = fresh_state(world, numbers, longest_lanes(world, [case], setup))
    conditions = Conditions(world, make_blows(world, case, numbers, setup), 1)
    demand = Demand(world, numbers, kernels(), 1)
    Calendar(world, state, conditions, demand, kernels(), 1).run()
    return [int(units) for units in state.lanes[0].departures[:, 0]]


def order_a_day(**lane):
    """Return a shop without customers for which 10 units are ordered on each of 20 days."""
    world = one_site(
        order_up_to_policy(np.array([0], np.int32)), 0.0, opening=0, n_ticks=20, lost=True
    )
    orders = tuple(Batch(day, np.array([0]), np.array([10], np.int32)) for day in range(20))
    return replace(world, lanes=(replace(world.lanes[0], orders=orders, **lane),))


@pytest.mark.parametrize("stated", [True, False])
def test_a_labour_shortage_takes_its_share_of_what_leaves(stated):
    """Three of ten hands are ill: 7 of 10 units a day leave, of a dock stated or the usual flow."""
    world = one_site(
        order_up_to_policy(np.array([0], np.int32)), 10.0, opening=900, n_ticks=9, lost=True
    )
    dock = Dock(outbound=np.full(7, 10)) if stated else None
    ill = blow("labour_shortage", severity=0.3, start=3.0, days=3)
    world = replace(world, sites=(replace(world.sites[0], dock=dock),))
    record = run_cases(world, [Case("ill", (ill,))], Setup(1, 1))["ill"]
    asked, served = record.demand[:, 0], record.served[:, 0]
    most = np.full(9, 10 if stated else 10**6)
    most[3:6] = 7
    assert (asked[3:6] > 7).all()
    np.testing.assert_array_equal(served, np.minimum(asked, most))


def test_a_fire_destroys_its_share():
    """A fire of severity 1 empties the shelf on its first day."""
    _, hurt = run(blow("warehouse_fire", severity=1.0, days=3))
    assert (hurt.site_rows[0, at.DESTROYED] > 0).all()
    assert hurt.served[20:23].sum() == 0


@pytest.mark.parametrize(
    ("kind", "target"),
    [("supplier_outage", "V"), ("supplier_outage", "site:S"), ("lane_delay", "lane:VS"),
     ("demand_surge", "supplier:V"), ("warehouse_closure", "site:")],
)  # fmt: skip
def test_wrong_forms_of_target_are_named(kind, target):
    """A target must be a word that the kind understands, with an id."""
    assert target_problem(kind, target)


def test_targets_resolve_by_id_group_and_region():
    """A group stands for its members; an unknown id strikes nothing."""
    world = one_site(order_up_to_policy(np.full(2, 5, np.int32)), 1.0, opening=5, n_skus=2)
    groups = {"G": (("supplier", "V"), ("site", "S"))}
    assert resolve(world, "supplier_outage", "group:G", groups).suppliers == (0,)
    assert resolve(world, "warehouse_closure", "group:G", groups).sites == (0,)
    assert resolve(world, "lane_delay", "lane:V>S", {}).lanes == (0,)
    only = resolve(world, "demand_surge", "product:P00001", {}).demand
    assert only[0].tolist() == [False, True]
    assert resolve(world, "supplier_outage", "supplier:X", {}).empty


def test_every_risk_of_the_built_in_retailer_can_be_read() -> None:
    """All rows of double-eleven's disruptions, one of them aimed at a carrier, become cases."""
    scenario, findings = demo_scenario("double-eleven"), Findings()
    reader = DisruptionReader(scenario, findings)
    for name in scenario.table("disruptions")["disruption_id"]:
        assert reader.from_scenario(str(name))
    assert findings.errors == []
