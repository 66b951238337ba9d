"""The library of disruptions, targets by rank, statistics of tails, and gates as JUnit."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from random_worlds import random_world
from scipy.stats import beta

from api.cli.app import invoke
from scenarios import InputError, Scenario
from scenarios.findings import Findings
from scenarios.tables.risk import READY_MADE
from scenarios.validation import validate
from simulation.disruptions import KINDS, Disruption, severity_problem
from simulation.distributions import Distribution, parse_distribution
from simulation.experiment import Case
from simulation.junit import gate_report, write_junit
from simulation.library import READY, USUAL, find_ready_made
from simulation.ranks import RANKS, name_ranks, ranked
from simulation.rows import DisruptionReader
from simulation.suites import Gate, read_suite
from simulation.tails import statistics, tail_mean
from simulation.verdicts import Verdict

TWO_SUPPLIERS = 1  # a random network that buys from two


def test_every_kind_has_usual_figures_with_a_source():
    """Severity and days of each are allowed by the simulator."""
    assert set(USUAL) == set(KINDS)
    for kind, usual in USUAL.items():
        assert severity_problem(kind, usual.severity) == "", kind
        assert parse_distribution(usual.duration).draw(0.5) > 0
        assert usual.source


def test_the_contract_lists_the_ready_made_ones():
    """The table disruptions accepts every name of the library and no other."""
    assert tuple(READY) == READY_MADE


@pytest.mark.parametrize("name", READY)
@pytest.mark.slow
def test_every_ready_made_disruption_is_read_from_the_table(corner_shop, name):
    """As the kind of a row it stands for its parts, with the row's own dates."""
    row = {
        "disruption_id": "X", "kind": name, "target": READY[name].parts[0]["target"],
        "start": pd.Timestamp(corner_shop.settings.start_date) + pd.Timedelta(days=3),
        "severity": READY[name].parts[0].get("severity", 1.0),
    }  # fmt: skip
    if "class:A" in row["target"]:
        row["target"] = "all"
    facts = Scenario(
        corner_shop.settings, dict(corner_shop.tables) | {"disruptions": pd.DataFrame([row])}
    )
    findings = Findings()
    made = DisruptionReader(facts, findings).from_scenario("X")
    assert [finding.code for finding in findings.errors] == []
    assert [each.kind for each in made] == [part["kind"] for part in READY[name].parts]
    assert made[0].start == 3.0
    assert not [f for f in validate(facts).errors if f.table == "disruptions"]


def test_names_may_be_written_with_spaces_and_hyphens():
    """`double-11 surge` is double_11_surge."""
    found = find_ready_made("Double-11 surge")
    assert found is not None
    assert found.name == "double_11_surge"


def test_the_typhoon_is_followed_by_slow_deliveries(corner_shop):
    """The second part begins when the first one ends."""
    suite = read_suite({"case": [{"name": "x", "use": "typhoon"}]}, corner_shop)
    first, second = suite.cases[0].disruptions
    assert second.after == first.disruption_id
    assert second.kind == "lead_time_blowup"


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ({"use": "meteor"}, "unknown_disruption"),
        ({"disruption": [{"use": "ransomware", "kind": "lane_delay"}]}, "bad_value"),
        ({"disruption": [{"use": "ransomware", "start": 9999}]}, "bad_start"),
        ({"use": "ransomware", "playbooks": ["NONE"]}, "unknown_playbook"),
        ({"disruption": [{"kind": "supplier_outage", "target": "supplier:largest-by-luck",
                          "start": 1, "duration": 2}]}, "unknown_target"),
    ],
)  # fmt: skip
def test_what_the_library_does_not_have_is_a_finding(corner_shop, case, code):
    """Before anything runs."""
    with pytest.raises(InputError) as refused:
        read_suite({"case": [{"name": "x"} | case]}, corner_shop)
    assert code in {finding.code for finding in refused.value.findings}


def test_a_rank_stands_for_the_node_that_is_largest():
    """By spend, by exposure, second, and not beyond the last."""
    world = random_world(TWO_SUPPLIERS)
    spend: dict[str, float] = {}
    for lane in world.lanes:
        if lane.supplier >= 0:
            flow = (lane.normal_flow * lane.price)[lane.fed].sum()
            spend[lane.origin_id] = spend.get(lane.origin_id, 0.0) + float(flow)
    order = sorted(spend, key=spend.get, reverse=True)
    money = {f"supplier:{name}": float(n) for n, name in enumerate(order)}

    def find(rank):
        return ranked(world, "supplier", rank, lambda: money)

    assert find("largest-by-spend") == order[0]
    assert find("2-largest-by-spend") == order[1]
    assert find("largest-by-exposure") == order[-1]
    with pytest.raises(InputError, match="such nodes"):
        find("99-largest-by-spend")


def test_every_rank_finds_a_node_of_a_world():
    """No rank of the list is empty where the world has such nodes."""
    world = random_world(4)
    money = {"supplier:V0": 1.0, "site:S0": 1.0, f"lane:{world.lane_id(world.lanes[0])}": 1.0}
    for word, names in RANKS.items():
        for name in names:
            assert ranked(world, word, name, lambda: money)


def test_cases_get_ids_for_ranks_and_say_so():
    """The same rank is the same node in every case."""
    world = random_world(4)
    blow = Disruption("x", "warehouse_closure", "site:biggest", 1.0, Distribution("fixed", (2.0,)))
    cases, notes = name_ranks(world, [Case("a", (blow,)), Case("b", (blow,))], dict)
    targets = {case.disruptions[0].target for case in cases}
    assert len(targets) == 1
    assert notes == [f"site:biggest is {targets.pop()}."]


def test_the_tail_mean_counts_the_last_value_with_its_fraction():
    """The worst 5 % of 30 values are one and a half of them: (30 + 29 / 2) / 1.5."""
    assert tail_mean(np.arange(1.0, 31.0)) == pytest.approx((30 + 29 / 2) / 1.5)
    assert tail_mean(np.arange(1.0, 101.0)) == pytest.approx(98.0)


def test_statistics_hold_their_figures_and_the_chance_of_a_miss():
    """3 of 20 replications miss; the interval is Jeffreys' for 3 of 20."""
    margin = np.arange(20.0)
    fill = np.where(np.arange(20) < 3, 0.8, 0.99)
    found = statistics({("lost_margin", "all"): margin, ("fill_rate", "all"): fill}, 0.9)
    miss = found["service_miss"]
    assert miss.mean == pytest.approx(0.15)
    assert (miss.low, miss.high) == pytest.approx(tuple(beta.ppf([0.025, 0.975], 3.5, 17.5)))
    assert found["lost_margin_p50"].mean == pytest.approx(9.5)
    assert found["lost_margin_cvar95"].mean == pytest.approx(19.0)
    for own in found.values():
        assert own.low <= own.mean <= own.high


def test_gates_are_written_as_junit(tmp_path):
    """One test case a gate and case; the failed one carries what was shown."""
    gate = Gate("fill_rate", "all", 0.9, True, confidence=0.95)
    verdicts = (
        Verdict("calm", gate, 0.95, 0.94, True), Verdict("storm", gate, 0.85, 0.84, False),
    )  # fmt: skip
    own = gate_report("nightly", verdicts)["testsuites"][0]
    assert (own["tests"], own["failures"]) == (2, 1)
    write_junit(tmp_path / "gates.xml", "nightly", verdicts)
    root = ET.parse(tmp_path / "gates.xml").getroot()
    failed = [case.get("classname") for case in root.iter("testcase") if len(case)]
    assert failed == ["storm"]


def test_the_command_lists_kinds_ready_made_ones_and_ranks(capsys):
    """The table and the JSON name every kind, every ready-made one and every action."""
    assert invoke(["disruptions"]) == 0
    shown = capsys.readouterr().out
    assert "supplier:largest-by-exposure" in shown
    assert invoke(["disruptions", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in document["disruptions"]} == set(KINDS) | set(READY)
