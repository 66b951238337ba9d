"""Hardening: changes that make a small network pass its suite, what they cost, and when to stop."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from test_stress import facts, plan_for

from api.cli.app import invoke
from optimizer import pipeline
from scenarios import InputError, Scenario
from scenarios.deltas import apply
from scenarios.deltas.variant import Variant
from simulation.assembly import build_world
from simulation.harden import Hardening, harden
from simulation.levers import KINDS, find_levers
from simulation.stress import stress
from simulation.suites import read_suite
from simulation.surrogate import Seen, Surrogate


def shops() -> Scenario:
    """Return the depot and two shops with a second supplier W, a tenth dearer."""
    tables = facts().tables
    offers = tables["supplier_products"]
    second = offers.assign(supplier_id="W", unit_cost=offers["unit_cost"] * 1.1, priority=2.0)
    return facts(
        suppliers=pd.DataFrame(
            {"supplier_id": ["V", "W"], "name": ["maker", "other"], "region": ["west", "east"],
             "recovery_days": [9.0, np.nan]}
        ),
        supplier_products=pd.concat([offers.assign(priority=1.0), second], ignore_index=True),
    )  # fmt: skip


def suite_of(scenario, least, **gate):
    """Return a suite of one outage of V with one gate."""
    outage = {"kind": "supplier_outage", "target": "supplier:V", "start": 3, "duration": 16}
    return read_suite(
        {"case": [{"name": "V gone", "disruption": [outage]}],
         "gate": [{"kpi": "fill_rate", "case": "V gone", "at_least": least} | gate]},
        scenario,
    )  # fmt: skip


def search(least=0.8, **options) -> Hardening:
    """Return the hardening of the shops against the outage."""
    scenario = shops()
    return harden(
        scenario, plan_for(scenario), suite_of(scenario, least), replications=8,
        most_trials=options.pop("most_trials", 9), **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def found() -> Hardening:
    """The shops hardened against an outage of 16 days, by a second source alone."""
    return search(kinds=("second_source",), most_trials=5)


@pytest.mark.slow
def test_all_kinds_of_change_find_what_passes():
    """With every lever the search ends with a choice that passes and costs no more."""
    wide = search(most_trials=24)
    assert wide.passed
    narrow = search(kinds=("second_source",), most_trials=5)
    assert wide.best.cost.mean <= narrow.best.cost.mean


@pytest.mark.slow
def test_the_changes_make_the_suite_pass(found):
    """Unchanged the gate is missed, with the changes it holds."""
    assert not found.unchanged.passed
    assert found.status == "passes"
    assert found.passed
    assert found.best.gap == 0.0
    assert found.best.replications == 8


@pytest.mark.slow
def test_the_deltas_can_be_applied_to_the_scenario(found):
    """The document holds a variant of the scenario; built, it is another scenario."""
    document = json.loads(json.dumps(found.document(), allow_nan=False))
    parent = shops()
    child = Variant.model_validate(document["variant"]).build(parent)
    assert child.content_hash != parent.content_hash
    assert document["best"]["changes"] == list(found.titles)


@pytest.mark.slow
def test_what_is_proposed_passes_when_it_is_planned_and_stressed(tmp_path, found):
    """Applied by the command, planned by the pipeline and stressed, the suite holds."""
    shops().save(tmp_path / "shops")
    parent = Scenario.load(tmp_path / "shops")
    document = found.document()["variant"] | {"parent_hash": parent.content_hash}
    (tmp_path / "harden.json").write_text(json.dumps({"variant": document}), encoding="utf-8")
    asked = ["apply", str(tmp_path / "shops"), str(tmp_path / "harden.json")]
    assert invoke([*asked, "--out", str(tmp_path / "hardened")]) == 0
    assert invoke([*asked, "--out", str(tmp_path / "hardened")]) == 2  # nothing is replaced
    child = Scenario.load(tmp_path / "hardened")
    planned = pipeline.plan(child, ["replenishment"], work=1.0)
    result = stress(child, planned, suite_of(child, 0.8), replications=8)
    assert result.passed
    (tmp_path / "harden.json").write_text('{"deltas": 3}', encoding="utf-8")
    assert invoke([*asked, "--out", str(tmp_path / "again")]) == 2


def test_no_change_of_the_choice_is_needless(found):
    """Left out, each change either makes the gates fail or saves nothing."""
    assert len(found.contributions) == len(found.titles)
    for own in found.contributions:
        assert not own.passes_without or own.saves <= 0.0


def test_the_frontier_rises_in_margin_as_it_rises_in_cost(found):
    """Each point costs more and holds its tightest gate by more than the one before."""
    points = [(trial.cost.mean, trial.margin) for trial, _ in found.frontier]
    assert points == sorted(points)
    assert all(later[1] > earlier[1] for earlier, later in pairwise(points))
    assert points[-1][1] >= found.best.margin > found.unchanged.margin


@pytest.mark.slow
def test_the_same_search_finds_the_same(found):
    """Again with the same seed: the same choice and the same cost, bit for bit."""
    again = search(kinds=("second_source",), most_trials=5)
    assert again.best == found.best


def test_a_suite_that_passes_needs_no_change():
    """Nothing is tried beyond the plan itself."""
    easy = search(least=0.01)
    assert (easy.status, easy.trials, easy.titles) == ("already passes", 1, ())


@pytest.mark.slow
def test_what_cannot_be_reached_is_said():
    """No change serves everything: the closest choice is shown, and it does not pass."""
    hard = search(least=0.99999)
    assert hard.status in ("nothing found", "stopped")
    assert not hard.passed
    assert hard.best.gap <= hard.unchanged.gap
    (missed,) = hard.shortfalls
    assert hard.best.gap > 0.0
    assert missed.closest <= missed.bound
    assert missed.best == hard.best.verdicts[0].shown


@pytest.mark.slow
def test_the_work_limit_ends_the_search():
    """With three trials the search stops and says so."""
    short = search(least=0.99999, most_trials=2)
    assert short.status == "stopped"
    assert not short.passed
    assert short.trials <= 2


@pytest.mark.slow
def test_no_budget_no_costly_change():
    """What passes costs money: with a budget of nothing no such choice is proposed."""
    poor = search(budget=0.0)
    assert poor.best.cost.mean <= 0.0


def test_a_second_source_costs_its_dearer_goods():
    """Half the normal flow of 28 days at a tenth more: 0.5 x 280 x 0.4 + 0.5 x 56 x 1.8."""
    scenario = shops()
    world = build_world(scenario, plan_for(scenario))
    levers = find_levers(scenario, plan_for(scenario), world, {"supplier:V": 1.0})
    (lever,) = [lever for lever in levers if lever.kind == "second_source"]
    assert lever.rungs[1].price == pytest.approx(0.5 * 280 * 0.4 + 0.5 * 56 * 1.8, rel=0.01)
    assert lever.rungs[0].price == pytest.approx(lever.rungs[1].price / 2)


def test_a_suppliers_week_is_reserved_at_a_fiftieth_of_its_price():
    """60 units at 4 and 60 at 18 a week, a quarter more for 4 weeks: 0.25 x 1,320 x 4 x 0.02."""
    offers = facts().tables["supplier_products"].assign(capacity_per_week=60.0)
    scenario = facts(supplier_products=offers)
    world = build_world(scenario, plan_for(scenario))
    (lever,) = find_levers(scenario, plan_for(scenario), world, {}, kinds=("supplier_capacity",))
    assert lever.rungs[0].price == pytest.approx(0.25 * (60 * 4 + 60 * 18) * 4 * 0.02)
    child = apply(scenario, lever.rungs[0].deltas)
    assert set(child.table("supplier_products")["capacity_per_week"]) == {75.0}


def test_suppliers_that_the_suite_strikes_come_first():
    """W is struck, so that its second source is sought before that of the dearer V."""
    scenario = shops()
    world = build_world(scenario, plan_for(scenario))
    money = {"supplier:V": 5.0, "supplier:W": 1.0}
    wanted = {"kinds": ("second_source",), "most_suppliers": 1}
    (first,) = find_levers(scenario, plan_for(scenario), world, money, **wanted)
    assert first.name == "second source beside V"
    struck = find_levers(
        scenario, plan_for(scenario), world, money, struck=["supplier:W"], **wanted
    )
    assert struck == []  # nobody else buys from W


def test_the_surrogate_proposes_the_cheapest_sum_that_holds():
    """Slack -3; +2 for 5, +1 for 1, +1.5 for 2: the two cheap ones miss by 0.5, so 2 + 1."""
    base = Seen((0, 0, 0), 0.0, (-3.0,))
    singles = [Seen((1, 0, 0), 5.0, (-1.0,)), Seen((0, 1, 0), 1.0, (-2.0,)),
               Seen((0, 0, 1), 2.0, (-1.5,))]  # fmt: skip
    guess = Surrogate([1, 1, 1], base)
    guess.fit([base, *singles])
    assert guess.guess((1, 1, 0)).slacks == pytest.approx((0.0,), abs=1e-9)
    assert guess.propose([base.choice], None) == (1, 1, 0)


def test_the_surrogate_learns_from_combinations():
    """Where two changes together bring nothing, it proposes the next dearer pair."""
    base = Seen((0, 0, 0), 0.0, (-3.0,))
    singles = [Seen((1, 0, 0), 5.0, (-1.0,)), Seen((0, 1, 0), 1.0, (-2.0,)),
               Seen((0, 0, 1), 2.0, (-1.5,))]  # fmt: skip
    guess = Surrogate([1, 1, 1], base)
    guess.fit([base, *singles, Seen((1, 1, 0), 6.0, (-1.0,))])
    assert guess.propose([base.choice, (1, 1, 0)], None) in {(1, 0, 1), (1, 1, 1)}
    assert guess.guess((1, 1, 0)).slacks[0] < -0.5


def test_the_surrogate_keeps_to_the_budget_and_to_margins():
    """Within a budget of 3 nothing that costs 5 is proposed; a margin asks for more."""
    base = Seen((0, 0), 0.0, (-1.0,))
    guess = Surrogate([1, 1], base)
    guess.fit([base, Seen((1, 0), 5.0, (1.0,)), Seen((0, 1), 2.0, (0.2,))])
    assert guess.propose([], None) == (0, 1)
    guess.margins[:] = 0.5
    assert guess.propose([], None) == (1, 0)
    assert guess.propose([], 3.0) == (0, 1)


def test_buffers_halve_and_quarter_what_is_left_unserved():
    """Class A at 98 %: 99 % and 99.5 %."""
    scenario = shops()
    world = build_world(scenario, plan_for(scenario))
    levers = find_levers(scenario, plan_for(scenario), world, {}, kinds=("buffer",))
    own = next(lever for lever in levers if lever.name == "buffer of class A")
    assert [rung.deltas[0].value for rung in own.rungs] == [0.99, 0.995]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"kinds": ("prayer",)}, "no such change"), ({"gate": ()}, "no gates")],
)
def test_wrong_questions_are_refused(wrong, message):
    """An unknown kind of change, and a suite without gates."""
    scenario = shops()
    suite = suite_of(scenario, 0.9)
    if "gate" in wrong:
        suite = read_suite({"case": [{"name": "x", "use": "ransomware"}]}, scenario)
    with pytest.raises(InputError, match=message):
        harden(scenario, plan_for(scenario), suite, kinds=wrong.get("kinds", KINDS))


SUITE = """
[[case]]
name = "V gone"
[[case.disruption]]
kind = "supplier_outage"
target = "supplier:V"
start = 3
duration = 16

[[gate]]
kpi = "fill_rate"
case = "V gone"
at_least = {least}
"""


@pytest.mark.parametrize(
    ("least", "code"), [(0.01, 0), pytest.param(0.99999, 1, marks=pytest.mark.slow)]
)
def test_the_command_exits_by_what_was_found(tmp_path, monkeypatch, capsys, least, code):
    """0 when the suite passes, 1 when no change is found; the file holds the variant."""
    scenario = shops()
    plan_for(scenario).save(tmp_path / "plan")
    monkeypatch.setattr(Scenario, "load", classmethod(lambda cls, path: scenario))
    (tmp_path / "suite.toml").write_text(SUITE.format(least=least), encoding="utf-8")
    asked = ["harden", "s", "--suite", str(tmp_path / "suite.toml"), "--plan",
             str(tmp_path / "plan"), "--trials", "2", "--replications", "4",
             "--out", str(tmp_path / "found.json")]  # fmt: skip
    assert invoke(asked) == code
    assert "Frontier" in capsys.readouterr().out
    document = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert document["variant"]["parent_hash"] == scenario.content_hash
