"""Gates hold what is wrong and let pass what is right; what cannot be judged is neither."""

from __future__ import annotations

import datetime as dt
import tomllib
from typing import Any

import pandas as pd
import pytest

from optimizer.gates import (
    Dated,
    Evidence,
    Judgement,
    Override,
    Result,
    finding_counts,
    judge,
    overridden,
    read_gates,
    usual_gates,
)
from optimizer.plan import Plan, Provenance
from scenarios import Findings, InputError, Severity

START = dt.date(2026, 3, 2)
DAY = dt.timedelta(days=1)


def buys(*lines: tuple[str, float, float, int]) -> pd.DataFrame:
    """Purchase lines: product, units, money, day of ordering."""
    return pd.DataFrame(
        {
            "order_id": [f"PO-{n}" for n in range(len(lines))],
            "line": 1,
            "supplier_id": "S",
            "product_id": [line[0] for line in lines],
            "site_id": "W",
            "order_on": [START + line[3] * DAY for line in lines],
            "due_on": [START + (line[3] + 3) * DAY for line in lines],
            "qty": [line[1] for line in lines],
            "unit_cost": [line[2] / line[1] for line in lines],
            "cost": [line[2] for line in lines],
            "status": "proposed",
        }
    )


def certificate(stage: str = "replenishment", **other: Any) -> dict[str, Any]:
    """A certificate of a stage: 1 % above its bound, audited."""
    made = {"stage": stage, "engine": "own", "status": "feasible", "termination": "work_limit",
            "objective": 100.0, "bound": 99.0, "gap_pct": 1.0, "wall_seconds": 1.0,
            "audited": True}  # fmt: skip
    return made | other


def stressed(
    case: str, kpi: str, value: float, low: float, high: float, **gate: Any
) -> dict[str, Any]:
    """A figure of a stress test."""
    made = {"suite": "storms", "case": case, "kpi": kpi, "scope": "all", "baseline": 1.0,
            "disrupted": value, "low": low, "high": high, "gate": None, "passed": None}  # fmt: skip
    return made | gate


def dated(days_later: int = 0, **tables: pd.DataFrame) -> Dated:
    """A plan of some tables, whose first day is so much later."""
    held = {"certificates": pd.DataFrame([certificate()])} | tables
    plan = Plan(Provenance("0" * 64, "1", {}, 1, {}), held)
    return Dated(plan, START + days_later * DAY, 28)


def one(text: str, today: Dated, yesterday: Dated | None = None, **more: Any) -> Result:
    """Judge the one gate that a text states."""
    evidence = Evidence(today, yesterday, **more)
    return judge(read_gates(tomllib.loads(text)), evidence).results[0]


GOOD = {
    "kpis": pd.DataFrame(
        {
            "kpi": ["fill_rate"],
            "variant": ["type 2"],
            "scope": ["all"],
            "value": [0.97],
            "unit": ["share"],
        }
    ),
    "purchase_orders": buys(("A", 100.0, 500.0, 0), ("B", 50.0, 100.0, 0)),
    "stress_results": pd.DataFrame(
        [
            stressed("baseline", "fill_rate", 0.99, 0.98, 1.0),
            stressed("typhoon", "fill_rate", 0.93, 0.91, 0.95, gate=">= 0.9", passed=True),
        ]
    ),
    "network": pd.DataFrame(
        {
            "site_id": ["W", "V"],
            "status": ["open", "closed"],
            "fixed_cost": 0.0,
            "throughput_units": 0.0,
        }
    ),
    "shipments": pd.DataFrame(
        {"shipment_id": ["1", "2"], "order_id": ["O1", "O2"], "site_id": ["W", "V"], "cost": 1.0}
    ),
    "stops": pd.DataFrame(
        {
            "route_id": ["R1", "R1", "R2"],
            "seq": [1, 2, 1],
            "kind": "delivery",
            "order_id": ["O1", "O2", "O3"],
        }
    ),
    "unserved": pd.DataFrame(
        {"kind": ["order_line"], "id": ["O9/1"], "qty": [1.0], "code": ["no_stock"]}
    ),
}

CASES: dict[str, tuple[str, dict[str, Any], float]] = {
    "kpi": (
        '[[kpi]]\nkpi = "fill_rate"\nvariant = "type 2"\nmin = 0.95',
        {"kpis": GOOD["kpis"].assign(value=0.90)},
        0.90,
    ),
    "rows": (
        '[[rows]]\ntable = "unserved"\nwhere = { code = "no_stock" }\nmax = 1',
        {"unserved": pd.concat([GOOD["unserved"], GOOD["unserved"].assign(id="O8/1")])},
        2.0,
    ),
    "budget": ("[[budget]]\nmax = 600.0", {"purchase_orders": buys(("A", 100.0, 601.0, 0))}, 601.0),
    "purchase_qty": (
        # 150 units yesterday; A 100 -> 130 and B 50 -> 40: 40 of 150 changed
        '[[nervousness]]\nmeasure = "purchase_qty"\nmax = 25.0',
        {"purchase_orders": buys(("A", 130.0, 500.0, 0), ("B", 40.0, 100.0, 0))},
        100.0 * 40 / 150,
    ),
    "purchase_days": (
        # the same units of A a day later: 100 leave one day and 100 come on another
        '[[nervousness]]\nmeasure = "purchase_days"\nmax = 25.0',
        {"purchase_orders": buys(("A", 100.0, 500.0, 1), ("B", 50.0, 100.0, 0))},
        100.0 * 200 / 150,
    ),
    "open_sites": (
        '[[nervousness]]\nmeasure = "open_sites"\nmax = 0',
        {"network": GOOD["network"].assign(status=["open", "open"])},
        1.0,
    ),
    "order_sites": (
        '[[nervousness]]\nmeasure = "order_sites"\nmax = 40.0',
        {"shipments": GOOD["shipments"].assign(site_id=["V", "V"])},
        50.0,
    ),
    "routes": (
        # R1 had O1 and O2, R2 had O3; now O2 drives with O3: one of three stops has moved
        '[[nervousness]]\nmeasure = "routes"\nmax = 30.0',
        {"stops": GOOD["stops"].assign(route_id=["X7", "X9", "X9"])},
        100.0 / 3,
    ),
    "stress": (
        '[[stress]]\nsuite = "storms"\nkpi = "fill_rate"\nmin = 0.9',
        {"stress_results": pd.DataFrame([stressed("typhoon", "fill_rate", 0.89, 0.8, 0.95)])},
        0.89,
    ),
    "stress gates": (
        '[[stress]]\nsuite = "storms"',
        {
            "stress_results": pd.DataFrame(
                [stressed("typhoon", "fill_rate", 0.89, 0.8, 0.95, gate=">= 0.9", passed=False)]
            )
        },
        1.0,
    ),
    "audit": ("[[audit]]", {"certificates": pd.DataFrame([certificate(audited=False)])}, 1.0),
    "infeasible": (
        "[[audit]]",
        {
            "certificates": pd.DataFrame(
                [certificate(status="infeasible", objective=None, bound=None)]
            )
        },
        1.0,
    ),
    "gap": (
        '[[gap]]\nstage = "replenishment"\nmax = 2.0',
        {"certificates": pd.DataFrame([certificate(gap_pct=2.5)])},
        2.5,
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_a_planted_bad_plan_is_held_and_a_good_one_is_not(kind: str) -> None:
    """The good plan passes the gate; the plan with the planted fault fails by the value stated."""
    text, fault, value = CASES[kind]
    good, bad = dated(**GOOD), dated(**GOOD | fault)
    yesterday = dated(**GOOD)
    passed, failed = one(text, good, yesterday), one(text, bad, yesterday)
    assert (passed.outcome, passed.holds_plan) == ("passed", False)
    assert (failed.outcome, failed.holds_plan) == ("failed", True)
    assert failed.value == pytest.approx(value)
    assert failed.threshold in failed.en
    assert "未通过" in failed.zh


def test_a_finding_of_the_data_holds_the_plan() -> None:
    """Findings are counted by code, table and severity, beyond what is kept of each rule."""
    findings = Findings(cap=2)
    for row in range(5):
        findings.add("unknown_reference", Severity.WARNING, "look", table="orders", row=row)
    text = '[[findings]]\ncode = "unknown_reference"\nseverity = "warning"\nmax = 4'
    counts = finding_counts(findings)
    assert one(text, dated(), findings=counts).value == 5.0
    assert one(text, dated(), findings=counts).outcome == "failed"
    assert one(text, dated(), findings={}).outcome == "passed"


def test_what_the_referee_says_again_holds_the_plan() -> None:
    """A plan whose certificate is clean is held by what a new audit finds."""
    told = one("[[audit]]", dated(), violations=("cost does not add up",))
    assert (told.outcome, told.value) == ("failed", 1.0)
    assert "cost does not add up" in told.en


UNJUDGED = (
    '[[kpi]]\nkpi = "turns"\nmin = 1',
    '[[rows]]\ntable = "alerts"\nmax = 0',
    "[[budget]]\nmax = 1",
    '[[stress]]\nsuite = "floods"\nkpi = "fill_rate"\nmin = 0.9',
    '[[stress]]\nkpi = "cost_total"\nmax = 5',
    "[[findings]]\nmax = 0",
    '[[gap]]\nstage = "routing"\nmax = 2',
)


@pytest.mark.parametrize("text", UNJUDGED)
def test_what_cannot_be_measured_is_not_zero(text: str) -> None:
    """A plan without the figure neither passes nor fails; it is held unless the gate says not."""
    empty = dated()
    result = one(text, empty)
    assert (result.outcome, result.value, result.holds_plan) == ("unjudged", None, True)
    assert not one(f'{text}\nunjudged = "publish"', empty).holds_plan


def test_the_first_night_has_nothing_to_be_compared_with() -> None:
    """Without a published plan nervousness is not judged, and does not hold the plan."""
    result = one('[[nervousness]]\nmeasure = "purchase_qty"\nmax = 1', dated(**GOOD))
    assert (result.outcome, result.holds_plan) == ("unjudged", False)


def test_a_day_that_has_passed_is_not_compared() -> None:
    """Yesterday's orders of yesterday are placed; only those that both could plan count."""
    old = dated(0, purchase_orders=buys(("A", 70.0, 1.0, 0), ("A", 100.0, 1.0, 1)))
    new = dated(1, purchase_orders=buys(("A", 90.0, 1.0, 1)))
    text = '[[nervousness]]\nmeasure = "purchase_qty"\nmax = 50'
    assert one(text, new, old).value == pytest.approx(10.0)


def test_the_sure_end_of_the_interval_decides_where_asked() -> None:
    """A mean of 0.93 passes 0.92; its lower end of 0.91 does not."""
    text = '[[stress]]\ncase = "typhoon"\nkpi = "fill_rate"\nmin = 0.92'
    assert one(text, dated(**GOOD)).outcome == "passed"
    sure = one(f'{text}\nby = "sure"', dated(**GOOD))
    assert (sure.outcome, sure.value) == ("failed", 0.91)


def test_an_override_has_a_name_and_a_reason() -> None:
    """Overridden, the gate still failed; the plan goes out, and it is told who said so."""
    gates = read_gates({"budget": [{"name": "budget", "max": 1.0}]})
    held = judge(gates, Evidence(dated(**GOOD)))
    assert (held.decision, held.holding) == ("hold", ("budget",))
    for wrong in (
        Override("budget", "", "x"),
        Override("budget", "me", " "),
        Override("x", "me", "x"),
    ):
        with pytest.raises(InputError):
            overridden(held, [wrong])
    free = overridden(held, [Override("budget", "Li Wei", "festival")])
    assert (free.decision, free.results[0].outcome) == ("publish", "failed")
    assert Judgement.read(free.document()) == free


def test_the_usual_gates_pass_an_audited_plan_on_clean_data() -> None:
    """Where no gates are named, a plan must be audited, feasible and of data without errors."""
    assert judge(usual_gates(), Evidence(dated(), findings={})).decision == "publish"
    errors = {("bad", "orders", "error"): 1}
    assert judge(usual_gates(), Evidence(dated(), findings=errors)).holding == ("findings error",)


WRONG = """
colour = "red"
suites = ["missing.toml"]
[[kpi]]
min = 0.9
[[kpi]]
kpi = "fill_rate"
[[budget]]
max = "much"
days = 0
[[rows]]
table = "unserved"
where = { colour = "red" }
max = 1
[[rows]]
table = "nothing"
max = 1
[[rows]]
table = "unserved"
name = "sums"
sum = ["qty"]
max = 1
[[nervousness]]
measure = "mood"
max = 1
[[findings]]
severity = "grave"
min = 2
max = 1
[[stress]]
by = "luck"
unjudged = "maybe"
[[gap]]
name = "gap"
max = 1
[[gap]]
name = "gap"
max = 2
"""
EXPECTED = {
    ("gates", None, "colour"), ("gates", None, "suites"), ("kpi", 1, "kpi"), ("kpi", 2, "max"),
    ("budget", 1, "max"), ("budget", 1, "days"), ("rows", 1, "where"), ("rows", 2, "table"),
    ("rows", 3, "sum"),
    ("nervousness", 1, "measure"), ("findings", 1, "severity"), ("findings", 1, "min"),
    ("stress", 1, "by"), ("stress", 1, "unjudged"), ("gap", 2, "name"),
}  # fmt: skip


def test_all_mistakes_are_told_at_once_with_their_place_and_remedy() -> None:
    """Fifteen mistakes in one file: fifteen findings, each with table, row, key and a hint."""
    with pytest.raises(InputError) as told:
        read_gates(tomllib.loads(WRONG))
    places = {(f.table, f.row, f.column) for f in told.value.findings}
    assert places == EXPECTED
    assert all(finding.hint for finding in told.value.findings)


def test_a_code_that_no_finding_has_is_a_mistake() -> None:
    """It would count none whatever is in the data; the hint names those near to it."""
    with pytest.raises(InputError) as told:
        read_gates(tomllib.loads('[[findings]]\ncode = "unknown_referense"\nmax = 0'))
    (finding,) = told.value.findings
    assert (finding.table, finding.row, finding.column) == ("findings", 1, "code")
    assert "near to it are unknown_reference" in finding.hint


@pytest.mark.parametrize(
    ("table", "where", "hint"),
    [
        ("alerts", 'severity = "Critical"', "must be one of info, warning, critical"),
        ("alerts", "entity = 3", "must be a text in quotes"),
        ("purchase_orders", 'qty = "5"', "must be a number"),
        ("shipments", 'ship_on = "soon"', "must be a date"),
        ("shipments", "ship_on = 2026-10-12T00:00:00Z", "without a time zone"),
        ("stress_results", 'passed = "no"', "must be true or false"),
    ],
)
def test_a_cell_that_no_row_can_have_is_a_mistake(table: str, where: str, hint: str) -> None:
    """No row has it, so that the gate would always find none: it is refused when it is read."""
    text = f'[[rows]]\ntable = "{table}"\nwhere = {{ {where} }}\nmax = 0'
    with pytest.raises(InputError) as told:
        read_gates(tomllib.loads(text))
    assert [hint in finding.hint for finding in told.value.findings] == [True]


@pytest.mark.parametrize("day", ["2026-03-03", '"2026-03-03"'])
def test_rows_are_chosen_by_their_day(day: str) -> None:
    """Of two lines one is ordered on that day; a date of TOML and a text of JSON say the same."""
    plan = dated(purchase_orders=buys(("S1", 10.0, 5.0, 0), ("S1", 4.0, 5.0, 1)))
    text = f'[[rows]]\ntable = "purchase_orders"\nwhere = {{ order_on = {day} }}\nmax = 0'
    found = one(text, plan)
    assert (found.outcome, found.value) == ("failed", 1.0)


def test_a_budget_of_a_supplier_that_nobody_knows_is_not_zero() -> None:
    """A misspelt supplier spends nothing, and would always pass: it cannot be judged."""
    plan = dated(purchase_orders=buys(("S1", 10.0, 5.0, 0)))
    found = one('[[budget]]\nsupplier_id = "S-1"\nmax = 1', plan)
    assert (found.outcome, found.holds_plan) == ("unjudged", True)


def test_a_file_without_gates_is_a_mistake() -> None:
    """An empty gates.toml would let everything pass: it is refused."""
    with pytest.raises(InputError, match="nothing was judged"):
        read_gates({})
