"""From a scenario and a plan to stress results: world, suite, gates, tables, command."""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from api.cli.app import invoke
from optimizer.plan import Plan, Provenance, conform
from scenarios import InputError
from scenarios.library import demo_scenario
from scenarios.scenario import Scenario
from scenarios.settings import Settings
from simulation.assembly import build_world
from simulation.disruptions import KINDS
from simulation.experiment import Cancelled
from simulation.kpis import KNOWN
from simulation.stress import stress
from simulation.suites import read_suite

START = pd.Timestamp("2026-10-12")


def facts(**changes) -> Scenario:
    """Return a depot D (fed by V) that feeds the shops A and B; two products, four weeks."""
    tables = {
        "products": pd.DataFrame(
            {"product_id": ["P1", "P2"], "name": ["one", "two"], "category": ["tea", "toys"],
             "unit_cost": [5.0, 20.0], "unit_price": [10.0, 50.0], "weight_kg": [1.0, 2.0],
             "volume_m3": [0.01, 0.02], "abc_class": ["A", "B"]}
        ),
        "sites": pd.DataFrame(
            {"site_id": ["D", "A", "B"], "kind": ["warehouse", "store", "store"],
             "name": ["depot", "shop a", "shop b"], "status": "open",
             "region": ["east", "east", "west"], "recovery_days": [5.0, np.nan, np.nan]}
        ),
        "suppliers": pd.DataFrame(
            {"supplier_id": ["V"], "name": ["maker"], "region": ["west"], "recovery_days": [9.0]}
        ),
        "supplier_products": pd.DataFrame(
            {"supplier_id": "V", "product_id": ["P1", "P2"], "site_id": "D",
             "unit_cost": [4.0, 18.0], "lead_time_mean_days": [4.0, 6.0],
             "lead_time_sd_days": [1.0, 2.0], "moq": [10.0, 5.0], "order_multiple": [5.0, 5.0],
             "order_cost": 30.0}
        ),
        "item_sources": pd.DataFrame({"site_id": ["A", "B"], "source_id": "D"}),
        "lanes": pd.DataFrame(
            {"origin_id": "D", "destination_id": ["A", "B"], "mode": "road",
             "transit_mean_days": [1.0, 2.0], "cost_per_kg": 0.5}
        ),
        "inventory": pd.DataFrame(
            {"site_id": ["D", "D", "A", "A", "B", "B"], "product_id": ["P1", "P2"] * 3,
             "on_hand": [90.0, 15.0, 50.0, 12.0, 50.0, 12.0]}
        ),
        "forecasts": forecasts(),
        "disruptions": pd.DataFrame(
            {"disruption_id": ["STRIKE", "RUSH", "RECALL"],
             "kind": ["supplier_outage", "demand_surge", "quality_recall"],
             "target": ["supplier:V", "category:tea", "supplier:V"],
             "start": [START, START + pd.Timedelta(days=7), START],
             "duration": [15.0, 7.0, 7.0], "severity": [1.0, 3.0, 0.5],
             "probability": [0.1, np.nan, np.nan]}
        ),
    }  # fmt: skip
    settings = Settings(
        name="shops", currency="EUR", timezone="Europe/Berlin", start_date=dt.date(2026, 10, 12),
        bucket="week", horizon_buckets=4, seed=5,
    )  # fmt: skip
    return Scenario(settings, tables | changes)


def forecasts() -> pd.DataFrame:
    """Return four weeks of demand at both shops, mean and 0.9 quantile."""
    rows = [
        (product, shop, START + pd.Timedelta(weeks=week), quantile, qty)
        for shop in "AB"
        for product, mean in (("P1", 35.0), ("P2", 7.0))
        for week in range(4)
        for quantile, qty in ((np.nan, mean), (0.9, mean * 1.4))
    ]
    return pd.DataFrame(rows, columns=["product_id", "location_id", "bucket", "quantile", "qty"])


def plan_for(scenario, **tables) -> Plan:
    """Return a plan of that scenario with the tables given."""
    return Plan(Provenance(scenario.content_hash, "test", {}, 0, {}), tables)


@pytest.fixture(scope="module")
def scenario():
    """The two shops."""
    return facts()


@pytest.fixture(scope="module")
def result(scenario):
    """A stress test with the default suite."""
    return stress(scenario, plan_for(scenario), replications=20)


def test_the_world_follows_the_sources(scenario):
    """The shops are fed by the depot, the depot buys, and its policy counts the shops' stock."""
    world = build_world(scenario, plan_for(scenario))
    assert [site.site_id for site in world.sites] == ["A", "B", "D"]
    assert [world.lane_id(lane) for lane in world.lanes] == ["V>D", "D>A", "D>B"]
    depot = world.sites[2]
    assert depot.depth == 1
    assert depot.policy.echelon.all()
    assert depot.policy.multiple.tolist() == [5, 5]
    assert depot.demand_mean.sum() == 0.0
    # normal flow of P1 through the depot: 2 shops x 35 units a week
    assert world.lanes[0].flow[0] == round(256 * 70 / 7)


def test_derived_levels_cover_the_protection_interval(scenario):
    """A shop's level is mean demand over review and transit plus its safety stock."""
    world = build_world(scenario, plan_for(scenario))
    shop = world.sites[0]
    _, up_to = shop.policy.levels.at(0, np.zeros((1, 2), np.int32))
    days = 7 + 1  # reviewed once a bucket, one day on the road
    mean = 35.0 * days / 7
    sd = 35.0 * 0.4 / 1.2815515655446004 * np.sqrt(days / 7)
    assert up_to[0, 0] == np.ceil(mean + 2.0537489106318225 * sd)  # class A: 98 %


def test_results_keep_the_contracts(result):
    """Both tables have the columns and types of the result tables, and no key twice."""
    for name in ("stress_results", "service_curve"):
        frame = result.tables[name]
        pd.testing.assert_frame_equal(frame, conform(name, frame))
    keys = result.tables["stress_results"][["suite", "case", "kpi", "scope"]]
    assert not keys.duplicated().any()
    curve = result.tables["service_curve"]
    assert (curve["p5"] <= curve["mean"] + 1e-9).all()
    assert len(curve) == len(result.titles) * 28


def test_default_suite_has_every_risk_and_the_standard_blows(result):
    """Each row of the table is a case, and the standard blows are added."""
    cases = set(result.titles)
    assert {"baseline", "STRIKE", "RUSH", "RECALL", "all risks as they may come"} <= cases
    assert {"loss of the biggest supplier", "demand surge at the peak"} <= cases
    assert {"closure of the biggest warehouse", "slow deliveries everywhere"} <= cases
    assert (
        result.titles["loss of the biggest supplier"] == "V delivers nothing for 9 days from day 7"
    )


def test_disruptions_hurt_and_intervals_hold_the_mean(result):
    """Outage and surge lower the fill rate; every interval holds its own mean."""
    for case in ("STRIKE", "RUSH"):
        mean, low, high = result.value(case, "fill_rate_change")
        assert low <= mean <= high
        assert high < 0.0
    rows = result.tables["stress_results"]
    assert (rows["low"] <= rows["disrupted"] + 1e-9).all()
    assert (rows["disrupted"] <= rows["high"] + 1e-9).all()


def test_operating_cost_is_the_sum_of_its_terms(result):
    """The terms add up to the operating cost in every case, less what returns recover."""
    for case in result.titles:
        terms = ("holding", "shortage", "ordering", "transport", "handling", "destroyed")
        total = sum(result.value(case, f"cost_{term}")[0] for term in terms)
        total -= result.value(case, "value_recovered")[0]
        assert result.value(case, "cost_operating")[0] == pytest.approx(total)


def test_fill_rate_and_short_units_agree(result):
    """Units short are demand less what was served."""
    rows = result.tables["stress_results"]
    calm = rows[(rows["case"] == "baseline") & (rows["scope"] == "all")].set_index("kpi")
    demand = calm.loc["demand_units", "disrupted"]
    assert demand == pytest.approx(2 * 4 * 42, rel=0.1)
    share = 1 - calm.loc["short_units", "disrupted"] / demand
    assert share == pytest.approx(calm.loc["fill_rate", "disrupted"], abs=0.01)


def test_same_seed_same_bits(scenario, result):
    """Running again gives the same tables."""
    again = stress(scenario, plan_for(scenario), replications=20)
    pd.testing.assert_frame_equal(
        again.tables["stress_results"], result.tables["stress_results"], check_exact=True
    )


def test_the_plans_orders_are_executed(scenario):
    """A planned purchase and a planned transfer arrive; their units raise service."""
    orders = pd.DataFrame(
        {"order_id": "O1", "line": 1.0, "supplier_id": "V", "product_id": "P2", "site_id": "D",
         "order_on": [START], "due_on": [START + pd.Timedelta(days=6)], "qty": 200.0,
         "unit_cost": 18.0, "cost": 3600.0, "status": "proposed"}
    )  # fmt: skip
    moved = pd.DataFrame(
        {"transfer_id": "T1", "origin_id": "D", "destination_id": "A", "mode": "road",
         "product_id": "P2", "ship_on": [START + pd.Timedelta(days=1)],
         "due_on": [START + pd.Timedelta(days=2)], "qty": 33.0, "cost": 0.0}
    )  # fmt: skip
    world = build_world(scenario, plan_for(scenario, purchase_orders=orders, transfers=moved))
    bought, moving = world.lanes[0].orders, world.lanes[1].orders
    assert [(b.tick, b.units.tolist()) for b in bought] == [(0, [200])]
    assert [(b.tick, b.units.tolist()) for b in moving] == [(1, [33])]
    assert world.sites[2].policy.first.tolist() == [7, 7]  # tonight is decided already


def test_the_plans_policies_are_rolled_forward(scenario):
    """A level of the plan's moves with the forecast; one that the planner fixed does not."""
    policies = pd.DataFrame(
        {"site_id": "A", "product_id": ["P1", "P2"], "policy": "base_stock", "S": [70.0, 30.0],
         "review_days": 7.0, "safety_stock": [20.0, 10.0], "cycle_service": 0.95}
    )  # fmt: skip
    rising = forecasts()
    rising["qty"] *= 1.0 + (rising["bucket"] - START).dt.days / 28.0
    fixed = pd.DataFrame(
        {"site_id": "A", "product_id": ["P2"], "policy": "base_stock", "S": [44.0]}
    )
    grown = facts(forecasts=rising, inventory_policies=fixed)
    world = build_world(grown, plan_for(grown, policies=policies))
    levels = world.sites[0].policy.levels.order_up_to
    assert levels[0, 0] >= 70
    assert levels[14, 0] > levels[0, 0] + 10
    assert set(levels[:, 1].tolist()) == {44}


def test_a_feeding_sites_level_counts_the_stock_of_the_fed_ones(scenario):
    """The plan's safety stock is put on the whole echelon's demand, whatever its S leaves there."""
    policies = pd.DataFrame(
        {"site_id": "D", "product_id": ["P1", "P2"], "policy": ["base_stock", "s_S"],
         "s": [np.nan, 3.0], "S": [5.0, 13.0], "review_days": 7.0, "safety_stock": [40.0, 15.0],
         "cycle_service": 0.95}
    )  # fmt: skip
    world = build_world(scenario, plan_for(scenario, policies=policies))
    points, up_to = world.sites[2].policy.levels.at(0, np.zeros((1, 2), np.int32))
    # P1: 70 units a week over 7 + 4 days; P2: 14 a week over 7 + 6 days, S - s = 10 above
    assert up_to[0].tolist() == [110 + 40, 26 + 15 + 10]
    assert points[0].tolist() == [149, 41]


def test_another_scenarios_plan_is_refused(scenario):
    """A plan whose hash is not the scenario's is refused."""
    other = Plan(Provenance("0" * 64, "test", {}, 0, {}), {})
    with pytest.raises(InputError, match="made from another scenario"):
        stress(scenario, other)


def test_no_forecast_is_refused(scenario):
    """Without any forecast there is nothing to simulate, and the message says what to do."""
    bare = facts(forecasts=pd.DataFrame())
    with pytest.raises(InputError, match="forecasting"):
        stress(bare, plan_for(bare))


def test_a_circle_of_sources_is_refused():
    """Sites that feed each other give a finding on item_sources."""
    circle = facts(
        item_sources=pd.DataFrame({"site_id": ["A", "B", "D"], "source_id": ["B", "D", "A"]}),
        supplier_products=pd.DataFrame(),
    )
    with pytest.raises(InputError) as refused:
        stress(circle, plan_for(circle))
    found = [(each.code, each.table, each.row) for each in refused.value.findings]
    assert found == [("circular_sources", "item_sources", row) for row in (2, 3, 4)]


def test_goods_that_arrive_after_the_horizon_are_refused():
    """A lead time of 29 days in four weeks, and a lane of 30, are findings with their rows."""
    offers = facts().table("supplier_products")
    lanes = facts().table("lanes")
    late = facts(
        supplier_products=offers.assign(lead_time_mean_days=[4.0, 29.0]),
        lanes=lanes.assign(transit_mean_days=[30.0, 2.0]),
    )
    with pytest.raises(InputError) as refused:
        stress(late, plan_for(late))
    found = [(each.code, each.table, each.row) for each in refused.value.findings]
    assert found == [
        ("lead_time_beyond_horizon", "supplier_products", 3),
        ("lead_time_beyond_horizon", "lanes", 2),
    ]


def test_a_lead_time_and_a_lane_may_be_too_long_together():
    """20 days at the supplier and 9 on the way from it are 29 of 28: the offers' rows are named."""
    lanes = facts().table("lanes")
    way = lanes.iloc[[0]].assign(origin_id="V", destination_id="D", transit_mean_days=9.0)
    offers = facts().table("supplier_products").assign(lead_time_mean_days=[19.0, 20.0])
    late = facts(supplier_products=offers, lanes=pd.concat([lanes, way], ignore_index=True))
    with pytest.raises(InputError) as refused:
        stress(late, plan_for(late))
    found = [(each.code, each.table, each.row) for each in refused.value.findings]
    assert found == [("lead_time_beyond_horizon", "supplier_products", 3)]


def test_a_policy_on_goods_that_a_site_does_not_have_is_noted():
    """P3 is known and nobody sells it at A: its policy is not used, and the note names the row."""
    products = facts().table("products")
    third = products.iloc[[0]].assign(product_id="P3", name="three")
    policies = pd.DataFrame(
        {"site_id": "A", "product_id": ["P1", "P3"], "policy": "base_stock", "S": 9.0}
    )
    odd = facts(
        products=pd.concat([products, third], ignore_index=True), inventory_policies=policies
    )
    notes = build_world(odd, plan_for(odd)).notes
    assert [note for note in notes if "rows 3:" in note and "inventory_policies" in note]


def test_a_policy_on_an_unknown_pair_is_refused(scenario):
    """A policy of the plan on a site that the scenario does not have names its row."""
    policies = pd.DataFrame(
        {"site_id": ["A", "Z"], "product_id": "P1", "policy": "base_stock", "S": 9.0,
         "review_days": 7.0, "safety_stock": 2.0, "cycle_service": 0.95}
    )  # fmt: skip
    with pytest.raises(InputError) as refused:
        stress(scenario, plan_for(scenario, policies=policies))
    (finding,) = refused.value.findings
    assert (finding.code, finding.table, finding.row) == ("unknown_pair", "policies", 3)


def test_cancelling_stops_the_run(scenario):
    """A run that is told to stop shows nothing."""
    with pytest.raises(Cancelled):
        stress(scenario, plan_for(scenario), replications=2, cancelled=lambda: True)


GOOD = {
    "name": "gates",
    "case": [
        {"name": "strike", "rows": ["STRIKE"]},
        {"name": "both", "disruption": [
            {"kind": "supplier_outage", "target": "supplier:V", "start": dt.date(2026, 10, 15),
             "duration": "lognormal(mean=6, sd=2)"},
            {"kind": "demand_surge", "target": "region:west", "start": 9, "duration": 5,
             "severity": 2},
        ]},
    ],
    "gate": [
        {"kpi": "fill_rate", "at_least": 0.01},
        {"kpi": "fill_rate", "scope": "product:P1", "case": "both", "at_least": 0.9999,
         "confidence": 0.95},
    ],
}  # fmt: skip


def test_gates_are_judged_with_their_confidence(scenario):
    """A gate holds only if the one-sided limit does; the result says which failed."""
    suite = read_suite(GOOD, scenario)
    done = stress(scenario, plan_for(scenario), suite, replications=10)
    assert not done.passed
    verdicts = {(v.case, v.gate.scope): v for v in done.verdicts}
    assert len(verdicts) == 4
    assert verdicts["baseline", "all"].passed
    failed = verdicts["both", "product:P1"]
    assert not failed.passed
    assert failed.shown < failed.value
    rows = done.tables["stress_results"].set_index(["case", "kpi", "scope"])
    assert rows.loc[("both", "fill_rate", "product:P1"), "gate"] == ">= 0.9999 (95 % sure)"
    assert not rows.loc[("both", "fill_rate", "product:P1"), "passed"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"gate": [{"kpi": "fillrate", "at_least": 0.9}]}, "unknown_kpi"),
        ({"gate": [{"kpi": "fill_rate", "scope": "site:X", "at_least": 0.9}]}, "unknown_scope"),
        ({"gate": [{"kpi": "cost_transport", "scope": "site:A", "at_most": 9}]}, "unknown_scope"),
        ({"gate": [{"kpi": "fill_rate", "case": "none", "at_least": 0.9}]}, "unknown_case"),
        ({"gate": [{"kpi": "fill_rate"}]}, "bad_gate"),
        ({"gate": [{"kpi": "fill_rate", "at_least": 0.9, "at_most": 1}]}, "bad_gate"),
        ({"gate": [{"kpi": "fill_rate", "at_least": 0.9, "confidence": 95}]}, "bad_value"),
        ({"gates": []}, "unknown_key"),
        ({"case": [{"name": "x", "rows": ["NONE"]}]}, "unknown_disruption"),
        ({"case": [{"name": "x"}]}, "empty_case"),
        ({"case": [{"name": "baseline", "rows": ["STRIKE"]}]}, "bad_name"),
        ({"replications": 0}, "bad_value"),
    ],
)
def test_a_wrong_suite_is_refused_before_anything_runs(scenario, change, code):
    """What is unknown in a suite is a finding with its place."""
    with pytest.raises(InputError) as refused:
        read_suite(GOOD | change, scenario)
    assert code in {finding.code for finding in refused.value.findings}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"target": "supplier:X"}, "unknown_target"),
        ({"target": "V"}, "unknown_target"),
        ({"kind": "earthquake"}, "unknown_kind"),
        ({"start": dt.date(2027, 10, 15)}, "bad_start"),
        ({"start": "soon"}, "bad_distribution"),
        ({"start": None}, "no_start"),
        ({"duration": 0}, "bad_duration"),
        ({"duration": "weibull(2)"}, "bad_distribution"),
        ({"severity": 0}, "bad_severity"),
        ({"probability": 2}, "bad_value"),
        ({"after": "nothing"}, "bad_cause"),
        ({"size": 3}, "unknown_key"),
    ],
)
def test_a_wrong_disruption_is_refused_before_anything_runs(scenario, change, code):
    """Every key of a disruption is checked."""
    stated = {"kind": "supplier_outage", "target": "supplier:V", "start": 3, "duration": 5}
    suite = {"case": [{"name": "x", "disruption": [stated | change]}]}
    with pytest.raises(InputError) as refused:
        read_suite(suite, scenario)
    assert code in {finding.code for finding in refused.value.findings}


SUITE = """
name = "nightly"
replications = 8

[[case]]
name = "strike"
rows = ["STRIKE"]

[[gate]]
kpi = "fill_rate"
at_least = {least}
"""


@pytest.fixture
def on_disk(tmp_path, scenario, monkeypatch):
    """A scenario and a plan in folders; the reader of scenarios is stood in for."""
    plan_for(scenario).save(tmp_path / "plan")
    monkeypatch.setattr(Scenario, "load", classmethod(lambda cls, path: scenario))
    return tmp_path


@pytest.mark.parametrize(("least", "code"), [(0.01, 0), (0.999999, 1)])
@pytest.mark.slow
def test_the_command_exits_by_the_gates(on_disk, capsys, least, code):
    """The command prints the table, writes the results beside the plan, and exits by the gates."""
    suite = on_disk / "suite.toml"
    suite.write_text(SUITE.format(least=least), encoding="utf-8")
    asked = ["stress", "scenario", "--plan", str(on_disk / "plan"), "--suite", str(suite)]
    assert invoke(asked) == code
    shown = capsys.readouterr().out
    assert "Undisturbed" in shown
    assert "strike" in shown
    assert Plan.load(on_disk / "plan").provenance.code_version == "test"
    held = json.loads((on_disk / "plan" / "stress" / "stress.json").read_text(encoding="utf-8"))
    assert held["passed"] is (code == 0)
    table = pd.read_parquet(on_disk / "plan" / "stress" / "stress_results.parquet")
    assert set(table["case"]) == {"baseline", "strike"}


def test_the_command_prints_json(on_disk, capsys):
    """With --json there is one document and nothing else."""
    asked = ["stress", "scenario", "--plan", str(on_disk / "plan"), "--replications", "3", "--json"]
    assert invoke([*asked, "--out", str(on_disk / "out")]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["replications"] == 3
    assert {row["scope"] for row in document["stress_results"]} == {"all"}


def test_the_command_refuses_bad_input(on_disk, tmp_path):
    """A missing plan, a suite that is no TOML, and a foreign folder are bad input."""
    plan_dir = str(on_disk / "plan")
    assert invoke(["stress", "scenario", "--plan", str(tmp_path / "none")]) == 2
    bad = tmp_path / "bad.toml"
    bad.write_text("[[case", encoding="utf-8")
    assert invoke(["stress", "scenario", "--plan", plan_dir, "--suite", str(bad)]) == 2
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "notes.txt").write_text("mine", encoding="utf-8")
    asked = ["stress", "s", "--plan", plan_dir, "--replications", "2", "--out", str(foreign)]
    assert invoke(asked) == 2
    assert (foreign / "notes.txt").read_text(encoding="utf-8") == "mine"


DOCS = Path(__file__).parents[2] / "docs" / "stress-testing.md"
ROOM = Path(__file__).parents[2] / "simulation" / "README.md"


def test_the_documented_suite_is_accepted():
    """The example of the how-to is read without a finding."""
    blocks = [block.split("```")[0] for block in DOCS.read_text("utf-8").split("```toml\n")[1:]]
    (text,) = (block for block in blocks if "maker gone" in block)
    suite = read_suite(tomllib.loads(text), demo_scenario("double-eleven"))
    assert [case.name for case in suite.cases] == ["maker gone", "storm at the peak", "own risks"]
    assert len(suite.gates) == 3


def test_every_kpi_and_kind_is_documented():
    """The how-to names every KPI, the room's page every kind of disruption."""
    how_to, room = DOCS.read_text(encoding="utf-8"), ROOM.read_text(encoding="utf-8")
    assert [name for name in KNOWN if name not in how_to] == []
    assert [name for name in KINDS if name not in room] == []
