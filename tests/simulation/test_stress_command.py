"""Drills, scans, pictures and reports of `holdfast stress`, from the table to the files."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from test_stress import facts, plan_for

from api.cli.app import invoke
from scenarios import InputError, Scenario
from scenarios.validation import validate
from simulation.dips import DIPS
from simulation.resilience import scan_plan
from simulation.stress import stress
from simulation.suites import KNOWN_KPIS, read_suite
from simulation.tails import STATISTICS

OUTAGE = {"kind": "supplier_outage", "target": "supplier:V", "start": 3, "duration": 12}


def prepared() -> Scenario:
    """Return the shops with a second supplier W and a playbook that switches to it."""
    offers = facts().tables["supplier_products"]
    second = offers.assign(supplier_id="W", priority=2.0)
    steps = pd.DataFrame(
        {"playbook_id": "SWITCH", "step": [1], "kpi": "lead_time_days", "op": ">",
         "threshold": 6.0, "action": "switch_supplier", "target": "supplier:V",
         "value": np.nan, "delay_days": 1.0, "cost": 25.0, "scope": "supplier:V"}
    )  # fmt: skip
    return facts(
        suppliers=pd.DataFrame({"supplier_id": ["V", "W"], "name": ["maker", "other"]}),
        supplier_products=pd.concat([offers.assign(priority=1.0), second], ignore_index=True),
        playbooks=steps,
    )


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """The shops with a playbook."""
    return prepared()


def suite(scenario, **more):
    """Return a suite of one outage, drilled."""
    document = {
        "case": [{"name": "V gone", "disruption": [OUTAGE]}],
        "drill": [{"case": "V gone", "playbooks": ["SWITCH"], "name": "switched"}],
    }
    return read_suite(document | more, scenario)


@pytest.fixture(scope="module")
def result(scenario):
    """The outage without and with the playbook."""
    return stress(scenario, plan_for(scenario), suite(scenario), replications=12)


def test_a_drill_says_what_the_playbook_saved(result):
    """Switching to W saves units and margin, more than its interval is wide, and is paid for."""
    drills = result.tables["drills"].set_index("kpi")
    assert drills.loc["short_units", "low"] > 0
    assert drills.loc["lost_margin", "low"] > 0
    assert drills.loc["fill_rate", "with"] > drills.loc["fill_rate", "without"]
    assert drills.loc["fill_rate", "acted"] == 1.0
    assert result.value("switched", "cost_response")[0] == 25.0
    assert result.value("V gone", "cost_response")[0] == 0.0


def test_what_is_saved_is_the_paired_difference(result):
    """Saved is the mean with less the mean without, turned so that more is better."""
    drills = result.tables["drills"].set_index("kpi")
    for kpi, sign in (("fill_rate", 1.0), ("short_units", -1.0)):
        row = drills.loc[kpi]
        assert row["saved"] == pytest.approx(sign * (row["with"] - row["without"]))
        assert row["low"] <= row["saved"] <= row["high"]


def test_every_figure_of_a_dip_is_measured_and_calm_without_a_dip(result):
    """Undisturbed there is no depth, no tail, no reach; the outage has all of them."""
    calm = {name: result.value("baseline", name)[0] for name in DIPS}
    assert calm["dip_depth"] == calm["reach_tier_0"] == calm["reach_tier_1"] == 0.0
    assert calm["order_swing"] == 1.0
    hit = {name: result.value("V gone", name)[0] for name in DIPS}
    assert hit["dip_depth"] > 0.1
    assert hit["reach_tier_0"] > 0.5
    assert hit["lost_margin"] > calm["lost_margin"]


def test_lost_margin_is_short_units_at_their_cost(result):
    """Units short cost their margin of 5 and 30; nothing is destroyed."""
    mean = result.value("V gone", "lost_margin")[0]
    assert mean == pytest.approx(result.value("V gone", "cost_shortage")[0])


def test_statistics_stand_in_the_results_and_can_be_gated(scenario):
    """A gate on the tail is judged by the bootstrap's end, on the chance of a miss by Jeffreys'."""
    gates = [
        {"kpi": "lost_margin_cvar95", "case": "V gone", "at_most": 1e9, "confidence": 0.95},
        {"kpi": "service_miss", "case": "V gone", "at_most": 0.5},
    ]
    done = stress(
        scenario, plan_for(scenario), suite(scenario, gate=gates, service_target=0.999),
        replications=8,
    )  # fmt: skip
    tail, miss = done.verdicts
    assert tail.passed
    assert tail.shown >= tail.value
    assert not miss.passed
    assert miss.value == 1.0
    kpis = set(done.tables["stress_results"]["kpi"])
    assert set(STATISTICS) <= kpis
    assert kpis <= set(KNOWN_KPIS)


def test_precision_adds_replications_until_it_is_reached(scenario):
    """From 4 replications to as many as ±5 % of the mean units short take; the note says so."""
    own = read_suite({"case": [{"name": "V gone", "disruption": [OUTAGE]}]}, scenario)
    done = stress(scenario, plan_for(scenario), own, replications=4, precision=0.05)
    for case in done.titles:
        mean, low, high = done.value(case, "short_units")
        demand = done.value(case, "demand_units")[0]
        # demand is drawn, its expectation is a little less or more
        assert (high - low) / 2 <= 0.05 * max(mean, 0.051 * demand)
    assert any("are known to" in note for note in done.notes)
    with pytest.raises(InputError, match="precision"):
        stress(scenario, plan_for(scenario), own, precision=5.0)


def test_stated_replications_are_kept(scenario):
    """Without a precision the run takes as many as are asked for, and says how sure it is."""
    own = read_suite({"case": [{"name": "V gone", "disruption": [OUTAGE]}]}, scenario)
    done = stress(scenario, plan_for(scenario), own, replications=3)
    assert done.replications == 3
    assert any(note.startswith("3 replications: in every case") for note in done.notes)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"drill": [{"case": "none", "playbooks": ["SWITCH"]}]}, "unknown_case"),
        ({"drill": [{"case": "V gone", "playbooks": ["NONE"]}]}, "unknown_playbook"),
        ({"drill": [{"case": "V gone"}]}, "unknown_playbook"),
        ({"drill": [{"case": "V gone", "playbooks": ["SWITCH"], "name": "V gone"}]}, "bad_name"),
        ({"drill": [{"case": "V gone", "playbooks": ["SWITCH"], "days": 3}]}, "unknown_key"),
        ({"service_target": 95}, "bad_value"),
        ({"gate": [{"kpi": "lost_margin_p99", "at_most": 1}]}, "unknown_kpi"),
        ({"gate": [{"kpi": "dip_depth", "scope": "site:A", "at_most": 1}]}, "unknown_scope"),
    ],
)
def test_a_wrong_drill_or_gate_is_a_finding(scenario, change, code):
    """Before anything runs, with its place."""
    with pytest.raises(InputError) as refused:
        suite(scenario, **change)
    assert code in {finding.code for finding in refused.value.findings}


def by_channel() -> Scenario:
    """Return the shops, short of stock, with a web shop that a playbook puts first."""
    rows = facts().table("forecasts")[["product_id", "location_id", "bucket", "quantile", "qty"]]
    halves = [rows.assign(channel_id=name, qty=rows["qty"] / 2) for name in ("web", "shop")]
    steps = pd.DataFrame(
        {"playbook_id": "WEB", "step": [1], "kpi": "days_of_cover", "op": "<", "threshold": 9.0,
         "action": "ration_channels", "target": "channel:web", "value": 0.8, "delay_days": 1.0,
         "cost": 40.0}
    )  # fmt: skip
    return facts(
        channels=pd.DataFrame({"channel_id": ["web", "shop"], "name": ["web", "shop"]}),
        forecasts=pd.concat(halves, ignore_index=True), playbooks=steps,
    )  # fmt: skip


def test_a_drill_says_what_each_channel_gains_and_loses():
    """In an outage the web shop is served better at the cost of the others, and it is paid for."""
    scenario = by_channel()
    document = {
        "case": [{"name": "V gone", "disruption": [OUTAGE]}],
        "drill": [{"case": "V gone", "playbooks": ["WEB"], "name": "web first"}],
        "gate": [{"kpi": "fill_rate", "scope": "channel:web", "case": "web first",
                  "at_least": 0.5}],
    }  # fmt: skip
    done = stress(scenario, plan_for(scenario), read_suite(document, scenario), replications=12)
    drills = done.tables["drills"].set_index(["kpi", "scope"])
    assert drills.loc[("fill_rate", "channel:web"), "low"] > 0
    assert drills.loc[("fill_rate", "channel:shop"), "high"] < 0
    assert done.value("web first", "cost_response")[0] == 40.0
    assert done.passed


@pytest.fixture
def on_disk(tmp_path, scenario, monkeypatch):
    """A plan in a folder; the reader of scenarios is stood in for."""
    plan_for(scenario).save(tmp_path / "plan")
    monkeypatch.setattr(Scenario, "load", classmethod(lambda cls, path: scenario))
    return tmp_path


@pytest.mark.slow
def test_the_command_drills_one_case_and_writes_junit(on_disk, capsys):
    """Only the chosen case runs, without and with the playbook; the XML counts the gates."""
    (on_disk / "suite.toml").write_text(
        """
        [[case]]
        name = "ransom"
        use = "ransomware"
        [[case]]
        name = "loss"
        use = "supplier_loss"
        [[gate]]
        kpi = "fill_rate"
        at_least = 0.0
        """,
        encoding="utf-8",
    )
    asked = [
        "stress", "s", "--plan", str(on_disk / "plan"), "--suite", str(on_disk / "suite.toml"),
        "--case", "loss", "--drill", "SWITCH", "--replications", "3",
        "--junit", str(on_disk / "gates.xml"),
    ]  # fmt: skip
    assert invoke(asked) == 0
    shown = capsys.readouterr().out
    assert "Drills" in shown
    assert "ransom" not in shown.replace("ransomware", "")
    tests = [one.get("classname") for one in ET.parse(on_disk / "gates.xml").iter("testcase")]
    assert tests == ["baseline", "loss", "loss with SWITCH"]
    wrong = ["stress", "s", "--plan", str(on_disk / "plan"), "--drill", "NONE"]
    assert invoke(wrong) == 2


def circle() -> Scenario:
    """Return shops and a depot that feed each other."""
    return facts(
        item_sources=pd.DataFrame({"site_id": ["A", "B", "D"], "source_id": ["B", "D", "A"]}),
        supplier_products=pd.DataFrame(),
    )


def far() -> Scenario:
    """Return the shops with a supplier that takes longer than the four weeks."""
    offers = facts().table("supplier_products")
    return facts(supplier_products=offers.assign(lead_time_mean_days=[4.0, 99.0]))


def strange_policy() -> Scenario:
    """Return the shops with a policy on a site that there is not."""
    return facts(
        inventory_policies=pd.DataFrame(
            {"site_id": ["A", "Z"], "product_id": "P1", "policy": "base_stock", "S": 9.0}
        )
    )


@pytest.mark.parametrize(
    ("made", "suite_text", "found"),
    [
        (circle, "", ("circular_sources", "item_sources", 2)),
        (far, "", ("lead_time_beyond_horizon", "supplier_products", 3)),
        (strange_policy, "", ("unknown_pair", "inventory_policies", 3)),
        (prepared, '[[gate]]\nkpi = "fil_rate"\nat_least = 0.9\n', ("unknown_kpi", "gate", 1)),
        (prepared, '[[case]]\nname = "x"\nrows = ["NONE"]\n', ("unknown_disruption", "case", 1)),
    ],
)
def test_the_command_names_table_and_row_before_anything_runs(
    tmp_path, monkeypatch, capsys, made, suite_text, found
):
    """Bad input ends with 2 and a document of findings; no result is written."""
    bad = made()
    monkeypatch.setattr(Scenario, "load", classmethod(lambda cls, path: bad))
    plan_for(bad).save(tmp_path / "plan")
    asked = ["stress", "s", "--plan", str(tmp_path / "plan"), "--json"]
    if suite_text:
        (tmp_path / "suite.toml").write_text(suite_text, encoding="utf-8")
        asked += ["--suite", str(tmp_path / "suite.toml")]
    assert invoke(asked) == 2
    told = json.loads(capsys.readouterr().out)
    assert found in [(each["code"], each["table"], each["row"]) for each in told["errors"]]
    assert not (tmp_path / "plan" / "stress").exists()


@pytest.mark.parametrize(
    ("made", "found"),
    [
        (circle, ("source_cycle", "item_sources")),
        (far, ("lead_time_beyond_horizon", "supplier_products")),
        (strange_policy, ("unknown_reference", "inventory_policies")),
    ],
)
def test_validation_names_it_too(made, found):
    """What the simulator would refuse is found when the scenario is checked."""
    findings = validate(made())
    assert found in {(each.code, each.table) for each in findings}


def test_the_command_scans_and_draws(on_disk, capsys):
    """The ranking is printed, saved beside the plan, and drawn where matplotlib is installed."""
    pytest.importorskip("matplotlib")
    pictures = on_disk / "pictures"
    asked = ["stress", "s", "--plan", str(on_disk / "plan"), "--scan", "--pictures", str(pictures)]
    assert invoke(asked) == 0
    assert "supplier:V" in capsys.readouterr().out
    held = json.loads((on_disk / "plan" / "stress" / "exposure.json").read_text(encoding="utf-8"))
    assert held["exposure"][0]["index"] == 1.0
    table = pd.read_parquet(on_disk / "plan" / "stress" / "exposure.parquet")
    assert set(table["kind"]) == {"supplier", "site", "lane"}
    assert sorted(path.name for path in pictures.iterdir()) == ["exposure.png", "heat_map.png"]


def test_what_is_printed_fits_100_columns(result, capsys):
    """Every table line of the summary, with the interval of every mean."""
    from api.cli.stress_report import print_stress

    print_stress(result, "EUR")
    lines = [line for line in capsys.readouterr().out.splitlines() if line[:1] in "┏┡│└"]
    assert max(len(line) for line in lines) <= 100
    (row,) = [line for line in lines if line.startswith("│ 1 │")]
    assert row.count("±") == 6


def test_curves_and_tornado_are_drawn(result, tmp_path):
    """Two pictures of a stress test, each a PNG of some size."""
    pytest.importorskip("matplotlib")
    from simulation.pictures import draw_stress

    drawn = draw_stress(result, "EUR", tmp_path)
    assert [path.name for path in drawn] == ["service_curve.png", "tornado.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)


def test_a_scan_refuses_another_scenarios_plan(scenario):
    """As a stress test does."""
    with pytest.raises(InputError, match="another scenario"):
        scan_plan(scenario, plan_for(facts()))
