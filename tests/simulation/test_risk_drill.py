"""A risk of the register in the simulator, without and with its playbook."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from optimizer.pipeline import plan
from optimizer.plan import Plan
from scenarios import InputError, NotFound, Scenario
from scenarios.findings import Findings
from scenarios.library import demo_scenario
from simulation.playbooks import read_playbooks
from simulation.risk_drill import risk_document, risk_suite
from simulation.stress import stress


@pytest.fixture(scope="module")
def night() -> tuple[Scenario, Plan]:
    """Return the corner shop and its plan."""
    shop = demo_scenario("corner-shop")
    return shop, plan(shop, ["replenishment"], work=1.0)


def test_every_simulation_of_a_plan_is_a_suite(night: tuple[Scenario, Plan]) -> None:
    """What the register says of the simulator is read without a finding, playbooks included."""
    shop, made = night
    rows = made.table("risks")
    named = rows.loc[rows["simulation"].notna(), "risk_id"]
    assert len(named)
    for risk in named:
        suite = risk_suite(shop, made, risk)
        assert suite.cases[0].name == risk


def test_a_risk_happens_without_and_with_its_playbook(night: tuple[Scenario, Plan]) -> None:
    """FARM lost for three weeks: coffee goes short, and a drill says what the playbook saved."""
    shop, made = night
    suite = risk_suite(shop, made, "single_source:supplier:FARM")
    found = stress(shop, made, suite, replications=6, seed=1)
    drills = found.tables["drills"]
    row = drills[(drills["kpi"] == "short_units") & (drills["scope"] == "all")].iloc[0]
    assert row["playbooks"] == "usual:raise_buffer:product:COFFEE"
    assert row["low"] <= row["saved"] <= row["high"]
    more = found.value("single_source:supplier:FARM", "short_units")[0]
    assert more > found.value("baseline", "short_units")[0]


def test_a_risk_that_is_not_there_is_not_found(night: tuple[Scenario, Plan]) -> None:
    """An unknown id, and one that the simulator has nothing for, say so."""
    with pytest.raises(NotFound, match="no risk 'late:NOBODY'"):
        risk_document(night[1], "late:NOBODY")
    with pytest.raises(InputError, match="is not simulated"):
        risk_document(night[1], "carrier_delay:carrier:POST")


def test_a_usual_playbook_needs_no_row() -> None:
    """usual:expedite:supplier:FARM is one step that holds from tonight on."""
    name = "usual:expedite:supplier:FARM"
    steps = read_playbooks(demo_scenario("corner-shop"), [name], Findings())[name]
    assert [(step.action, step.target, step.cost) for step in steps] == [
        ("expedite", "supplier:FARM", 0.0)
    ]


@pytest.mark.parametrize("name", ["usual:expedite", "usual:pray:supplier:FARM", "unusual:x:y"])
def test_another_name_is_no_playbook(name: str) -> None:
    """An action that there is not, or no target, is refused with what there is."""
    with pytest.raises(InputError, match="NO_FARM"):
        read_playbooks(demo_scenario("corner-shop"), [name], Findings())


def test_a_usual_playbook_of_nobody_is_a_finding() -> None:
    """A supplier that the scenario does not have is named."""
    findings = Findings()
    read_playbooks(demo_scenario("corner-shop"), ["usual:expedite:supplier:NOBODY"], findings)
    assert [finding.code for finding in findings] == ["unknown_target"]


def test_the_case_is_the_register_s_row(night: tuple[Scenario, Plan]) -> None:
    """The disruption of the case is the cell, and its title is the event."""
    rows = night[1].table("risks").set_index("risk_id")
    row = rows.loc["single_source:supplier:FARM"]
    case = risk_document(night[1], "single_source:supplier:FARM")["case"][0]
    assert case["disruption"] == [json.loads(row["simulation"])]
    assert case["title"] == "FARM is lost for 21 days"
    assert pd.notna(row["expected_loss"])
