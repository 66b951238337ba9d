"""One decision forced or forbidden: it holds, it adds up, and it agrees with planning anew."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from benchmarks.what_if import MOST_GAP_PCT, OPERATIONS, Answered, compare
from benchmarks.what_if_decisions import draw_decisions
from benchmarks.what_if_worlds import random_shop
from optimizer.outcome import Limits
from optimizer.pipeline import audit_stage, plan, run_stage
from optimizer.plan import Plan
from optimizer.stage import StageResult
from optimizer.what_if import Decision, read_decision, what_if
from optimizer.what_if.answer import Answer
from scenarios import AuditError, InputError, Scenario
from scenarios.deltas import apply
from scenarios.library import demo_scenario

STAGES = ("replenishment", "sourcing")


@pytest.fixture(scope="module")
def shop() -> Scenario:
    """The corner shop."""
    return demo_scenario("corner-shop")


@pytest.fixture(scope="module")
def made(shop: Scenario) -> Plan:
    """Its purchases and parcels."""
    return plan(shop, STAGES, work=4.0)


def asked(count: int, seed: int, kinds: tuple[str, ...] = ("",)) -> list[Answered]:
    """Ask decisions on a random shop both ways, those whose kind begins with one of `kinds`."""
    shop = random_shop(seed)
    made = plan(shop, OPERATIONS, work=12.0), plan(shop, ["network"], work=4.0)
    return [
        compare("", kind, shop, made[kind.startswith("network")], decision)
        for kind, decision in draw_decisions(shop, made[0], count, seed)
        if kind.startswith(kinds)
    ]


def check_agreement(answers: list[Answered]) -> None:
    """Assert that no answer is apart from planning anew, and costs differ by no more than gaps."""
    assert answers
    for answer in answers:
        assert answer.found in ("agree", "wide", "impossible"), answer
        if answer.found == "agree":
            assert max(answer.gap_pct, answer.anew_gap_pct) <= MOST_GAP_PCT
            assert abs(answer.differ_pct) <= MOST_GAP_PCT + 1e-4, answer


def test_forced_orders_and_sites_agree_with_planning_anew() -> None:
    """Orders and sites of a network cost what planning anew costs, proven within 0.1 %."""
    answers = asked(14, 1000, ("order", "network"))
    check_agreement(answers)
    assert {answer.found for answer in answers} <= {"agree", "impossible"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1003, 1007, 1008])
def test_random_decisions_agree_with_planning_anew(seed: int) -> None:
    """Decisions of every kind on a random shop cost what planning anew costs."""
    answers = asked(28, seed)
    check_agreement(answers)
    assert sum(answer.found == "agree" for answer in answers) > len(answers) / 2


@pytest.fixture(scope="module")
def more_coffee(shop: Scenario, made: Plan) -> Answer:
    """Twenty-five units of coffee from the farm."""
    return what_if(shop, made, "purchase COFFEE FARM W1 = 25")


def test_the_terms_add_up_to_the_extra_cost(more_coffee: Answer) -> None:
    """The changes of all terms add up exactly."""
    changes = [after - before for s in more_coffee.stages for _, before, after in s.terms]
    assert sum(changes) == pytest.approx(more_coffee.extra_cost, abs=1e-9)


def test_the_forced_line_is_what_moves_first(more_coffee: Answer) -> None:
    """The plan buys the units that were asked for."""
    assert more_coffee.moves[0].what == "COFFEE FARM W1"
    assert more_coffee.moves[0].after == "25"


@pytest.mark.slow
def test_what_the_plan_does_already_costs_nothing(shop: Scenario, made: Plan) -> None:
    """Forcing a line as it is changes neither money nor anything else."""
    line = made.table("purchase_orders").iloc[0]
    decision = Decision(
        "purchase", line["product_id"], line["supplier_id"], line["site_id"], qty=float(line["qty"])
    )
    answer = what_if(shop, made, decision)
    assert answer.extra_cost == pytest.approx(0.0, abs=1e-6)
    assert answer.moves == ()


@pytest.mark.slow
def test_a_supplier_that_is_out_sells_nothing(shop: Scenario, made: Plan) -> None:
    """Without the farm, all its lines move, and it costs more."""
    answer = what_if(shop, made, "supplier FARM out")
    assert answer.extra_cost > 0.0
    assert not any(" FARM " in move.what and move.after for move in answer.moves)


def test_a_plan_of_other_code_lends_no_bound(shop: Scenario, made: Plan) -> None:
    """Its costs may mean something else: the answer says so, and gives no range."""
    old = Plan(replace(made.provenance, code_digest="other"), made.tables)
    answer = what_if(shop, old, "purchase COFFEE FARM W1 = 25")
    assert answer.stages[0].bound_before is None
    assert answer.extra_cost_range[1] is None
    assert any("made by other code" in note for note in answer.notes)


def test_an_impossible_line_says_why(shop: Scenario, made: Plan) -> None:
    """The farm makes 25 a week, and money for it ends at 150."""
    answer = what_if(shop, made, "purchase COFFEE FARM W1 = 40")
    assert not answer.possible
    assert answer.proven
    assert "capacity_per_week 25" in " ".join(answer.reasons)


def test_an_order_ships_from_where_it_is_told(shop: Scenario, made: Plan) -> None:
    """All lines of an order leave the site that the decision names."""
    answer = what_if(shop, made, "ship O2 from S1")
    after = {move.what: move.after for move in answer.moves}
    assert after["O2/1"].startswith("S1 ")
    assert after["O2/2"].startswith("S1 ")


@pytest.mark.slow
def test_a_closed_site_ships_nothing(shop: Scenario, made: Plan) -> None:
    """With the shop closed both stages are planned again, and nothing leaves it."""
    answer = what_if(shop, made, "site S1 closed")
    assert [stage.stage for stage in answer.stages] == list(STAGES)
    assert not any(move.after.startswith("S1 ") for move in answer.moves)


@pytest.mark.slow
def test_the_referee_sees_a_broken_decision(shop: Scenario) -> None:
    """Orders that were planned without a decision are rejected under it."""
    result = run_stage("replenishment", shop, {}, Limits(work=3.0))
    decision = read_decision("purchase COFFEE FARM W1 = 25")
    forced = apply(shop, decision.deltas())
    with pytest.raises(AuditError, match="against_a_decision"):
        audit_stage("replenishment", forced, _conformed(result), result)


def test_the_referee_sees_a_parcel_from_elsewhere(shop: Scenario) -> None:
    """Parcels that were planned without a decision are rejected under it."""
    result = run_stage("sourcing", shop, {}, Limits(work=3.0))
    forced = apply(shop, read_decision("ship O2 not from W1").deltas())
    with pytest.raises(AuditError, match="against_a_decision"):
        audit_stage("sourcing", forced, _conformed(result), result)


def _conformed(result: StageResult) -> dict[str, pd.DataFrame]:
    from optimizer.plan import conform

    return {name: conform(name, table) for name, table in result.tables.items() if len(table)}


@pytest.mark.parametrize(
    "told",
    [
        "purchase P1 S2 W1 = 500",
        "purchase P1 * * >= 5",
        "ship O1 from W2",
        "ship O1 not from W2",
        "ship O1",
        "leave O1",
        "site W1 closed",
        "stop O1 onto R1",
    ],
)
def test_a_decision_reads_back_as_it_is_told(told: str) -> None:
    """Words make a decision that says the same words."""
    assert str(read_decision(told)) == told


@pytest.mark.parametrize("told", ["", "buy 5", "purchase A B = 5", "ship", "purchase A B C = -1"])
def test_other_words_are_refused(told: str) -> None:
    """What is no known form is refused, with the forms that are."""
    with pytest.raises(InputError, match="known forms"):
        read_decision(told)


def test_only_tonight_can_be_decided(shop: Scenario, made: Plan) -> None:
    """A later day is refused rather than read as tonight."""
    with pytest.raises(InputError, match="only tonight"):
        what_if(shop, made, "purchase COFFEE FARM W1 2026-10-19 = 25")
