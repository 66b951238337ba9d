"""Transfers that the planner has decided: kept, refused with the rule, and never too cheap."""

from __future__ import annotations

from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from positioning_worlds import exact_optimum, hand_made, random_problem

from benchmarks.what_if import MOST_GAP_PCT, compare
from benchmarks.what_if_decisions import draw_transfers
from benchmarks.what_if_worlds import random_stores
from optimizer.allocation.positioning.from_scenario import Read
from optimizer.allocation.positioning.stage import search_decided
from optimizer.audit.positioning import check
from optimizer.outcome import Limits, Status
from optimizer.pipeline import plan, run_stage
from optimizer.plan import Plan
from optimizer.what_if import read_decision, what_if
from scenarios import InputError, Scenario
from scenarios.deltas import apply


@pytest.fixture(scope="module")
def shop() -> Scenario:
    """Seven days of 5 a day at each site, 70 units at W1, 1 a unit on the lane: 35 move."""
    return hand_made(stock={("A", "W1"): 70.0}, demand={("A", "W1"): 5, ("A", "W2"): 5})


@pytest.fixture(scope="module")
def made(shop: Scenario) -> Plan:
    """Its plan."""
    return plan(shop, ["positioning"], work=2.0)


def test_fewer_units_cost_what_is_short_less_the_lane(shop: Scenario, made: Plan) -> None:
    """Thirty move instead of 35: 5 short at 4 each, 5 less on the lane at 1."""
    answer = what_if(shop, made, "transfer A W1 W2 = 30")
    assert answer.extra_cost == pytest.approx(5 * 4.0 - 5 * 1.0)
    assert answer.extra_cost_range == pytest.approx((15.0, 15.0))
    assert [(move.what, move.before, move.after) for move in answer.moves] == [
        ("A W1 W2 road", "35", "30")
    ]


def test_more_units_cost_what_is_short_where_they_come_from(shop: Scenario, made: Plan) -> None:
    """Forty move at least: 5 more on the lane at 1, 5 short at W1 at 4 each."""
    answer = what_if(shop, made, "transfer A W1 W2 >= 40")
    assert answer.extra_cost == pytest.approx(5 * 1.0 + 5 * 4.0)
    assert answer.cost_after == pytest.approx(40.0 + 20.0)


def test_at_least_what_moves_anyway_costs_nothing(shop: Scenario, made: Plan) -> None:
    """Twenty at least leave the 35 as they are: those forced and those found are one row."""
    answer = what_if(shop, made, "transfer A W1 W2 >= 20")
    assert answer.extra_cost == pytest.approx(0.0)
    assert answer.moves == ()


@pytest.mark.parametrize("told", ["transfer A W1 W2 = 0", "transfer * W1 * = 0"])
def test_a_transfer_that_is_forbidden_leaves_the_other_site_short(
    shop: Scenario, made: Plan, told: str
) -> None:
    """Nothing moves: 35 short at 4 each instead of 35 on the lane at 1; none of it is served."""
    answer = what_if(shop, made, told)
    assert answer.cost_after == pytest.approx(35 * 4.0)
    assert answer.service[0].before == pytest.approx(1.0)
    assert answer.service[0].after == pytest.approx(0.5)


def test_a_forced_shipment_is_owed_once(made: Plan) -> None:
    """A shipment of 30 for one unit, which nobody would send; the next units ride with it.

    Each of 35 units short would cost 4, less 1 on the lane: they fill the shipment that is owed.
    """
    shop = hand_made(
        stock={("A", "W1"): 70.0},
        demand={("A", "W1"): 5, ("A", "W2"): 5},
        lane={"cost_per_shipment": 200.0, "shipment_kg": 1000.0},
    )
    none = plan(shop, ["positioning"], work=2.0)
    answer = what_if(shop, none, "transfer A W1 W2 >= 1")
    assert answer.cost_before == pytest.approx(35 * 4.0)
    assert answer.cost_after == pytest.approx(200.0 + 35 * 1.0)
    assert answer.extra_cost_range == pytest.approx((95.0, 95.0))


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("transfer A W1 W2 = 71", "70 units of A may leave W1 tonight"),
        ("transfer A W2 W1 = 1", "0 units of A may leave W2 tonight"),
        ("transfer A W1 W2 = 1.5", "parts of a unit"),
    ],
)
def test_what_cannot_be_is_refused_with_the_rule(
    shop: Scenario, made: Plan, told: str, why: str
) -> None:
    """The rule that stands against it, proven."""
    answer = what_if(shop, made, told)
    assert not answer.possible
    assert answer.proven
    assert why in " ".join(answer.reasons)


def test_the_supplier_is_sooner_than_the_lane(made: Plan) -> None:
    """The lane takes a day, and so does the supplier."""
    soon = hand_made(
        stock={("A", "W1"): 70.0}, demand={("A", "W1"): 5, ("A", "W2"): 5}, lead_days=1.0
    )
    result = run_stage("positioning", decided(soon, "transfer A W1 W2 = 3"), {}, Limits(work=1.0))
    assert result.certificate is not None
    assert result.certificate.status == Status.INFEASIBLE
    assert "no later than from W1" in result.notes[-1]


def decided(shop: Scenario, told: str) -> Scenario:
    """Return a scenario with a decision in it."""
    return apply(shop, read_decision(told).deltas())


def test_the_referee_sees_a_broken_decision(shop: Scenario, made: Plan) -> None:
    """Transfers that were planned without a decision are rejected under it."""
    report = check(decided(shop, "transfer A W1 W2 = 30"), made.tables)
    assert [violation.code for violation in report.violations] == ["against_a_decision"]


def test_decisions_that_say_nothing_are_refused(shop: Scenario, made: Plan) -> None:
    """Units of any product cannot be forced, nor a most other than none."""
    for told in ("transfer * W1 W2 = 3", "transfer A W1 W2 <= 3"):
        with pytest.raises(InputError):
            what_if(shop, made, told)


def test_a_decision_is_read_as_it_is_told() -> None:
    """Words and fields say the same."""
    told = "transfer A W1 '*' >= 3".replace("'*'", "W2")
    decision = read_decision(told)
    assert str(decision) == told
    assert (decision.product_id, decision.origin_id, decision.site_id) == ("A", "W1", "W2")
    assert str(read_decision("transfer * W1 * = 0")) == "transfer * W1 * = 0"


def test_random_transfers_agree_with_planning_anew() -> None:
    """Decisions on random stores cost what planning anew with them costs, within proven gaps."""
    stores = random_stores(2001)
    made = plan(stores, ["positioning"], work=2.0)
    answers = [
        compare("", kind, stores, made, decision)
        for kind, decision in draw_transfers(stores, made, 6, 1)
    ]
    assert {answer.found for answer in answers} <= {"agree", "wide", "impossible"}
    close = [answer for answer in answers if answer.found == "agree"]
    assert close
    assert all(abs(answer.differ_pct) <= MOST_GAP_PCT + 1e-4 for answer in close)
    assert pd.Series([answer.extra for answer in close]).abs().max() > 0.0


def test_a_bound_with_shipments_that_cost_holds_for_every_quantity() -> None:
    """What `>= 2` is proven to cost at least is no more than any `= 2 .. 6` costs."""
    shop = hand_made(
        stock={("A", "W1"): 40.0, ("B", "W1"): 30.0},
        demand={("A", "W1"): 2, ("A", "W2"): 3, ("B", "W1"): 1, ("B", "W2"): 2},
        lane={"cost_per_shipment": 20.0, "shipment_kg": 4.0},
    )

    def found(told: str) -> tuple[float, float]:
        certificate = run_stage(
            "positioning", decided(shop, told), {}, Limits(work=1.0)
        ).certificate
        assert certificate is not None
        assert certificate.objective is not None
        assert certificate.bound is not None
        return certificate.objective, certificate.bound

    cost, bound = found("transfer A W1 W2 >= 2")
    costs = [found(f"transfer A W1 W2 = {units}")[0] for units in range(2, 7)]
    assert bound <= min(costs) + 1e-9
    assert bound <= cost


@pytest.mark.parametrize("trips", [False, True])
@pytest.mark.parametrize("sense", ["=", ">="])
def test_the_optimum_with_a_decision_lies_between_bound_and_cost(
    sense: str, *, trips: bool
) -> None:
    """HiGHS finds the optimum of the model written out, the decision as bounds of one variable."""
    compared = 0
    for seed in range(6):
        problem = random_problem(seed, trips=trips, limited=False)
        lanes = problem.lanes
        may = [
            (k, a)
            for a in range(len(lanes))
            for k in np.flatnonzero(problem.in_time(a)).tolist()
            if problem.free[k, lanes.origin[a]] >= 2
        ]
        if not may:
            continue
        k, a = may[seed % len(may)]
        names = [f"P{number}" for number in range(problem.shape[0])]
        sites = [f"W{number}" for number in range(problem.shape[1])]
        ways = pd.DataFrame(
            {
                "origin_id": [sites[i] for i in lanes.origin],
                "destination_id": [sites[j] for j in lanes.destination],
            }
        )
        read = Read(problem, names, sites, ways, Mock(), Mock(), Mock(), ())
        told = pd.DataFrame(
            {
                "decision_id": ["D"],
                "product_id": [names[k]],
                "origin_id": [sites[lanes.origin[a]]],
                "site_id": [sites[lanes.destination[a]]],
                "sense": [sense],
                "qty": [2.0],
            }
        )
        found = search_decided(read, told, Limits(work=1.0))
        assert found.objective is not None
        assert found.bound is not None
        most = 2.0 if sense == "=" else float(problem.free.sum())
        best, proven = exact_optimum(problem, {(k, a): (2.0, most)})
        assert found.bound <= best + 1e-6 * abs(best)
        assert found.objective >= proven - 1e-6 * abs(proven)
        compared += 1
    assert compared >= 3
