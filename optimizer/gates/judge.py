"""Gates held against a plan."""

from __future__ import annotations

from optimizer.gates.evidence import Evidence
from optimizer.gates.judgement import Judgement, Outcome, Result
from optimizer.gates.measures import measured
from optimizer.gates.spec import Gate, GateSet


def judge(gates: GateSet, evidence: Evidence) -> Judgement:
    """Judge every gate; one that cannot be measured is neither passed nor failed."""
    return Judgement(gates.name, tuple(_result(gate, evidence) for gate in gates.gates))


def _result(gate: Gate, evidence: Evidence) -> Result:
    found = measured(gate, evidence)
    outcome: Outcome
    if found.value is None:
        outcome, holds_plan = "unjudged", gate.unjudged == "hold"
        en = f"Could not be judged: {found.en}."
        zh = f"无法判定：{found.zh}。"
    else:
        passed = gate.holds(found.value)
        outcome, holds_plan = ("passed" if passed else "failed"), not passed
        shown = f"{_shown(found.value)} {_unit(found.unit)}".strip()
        need = gate.threshold.replace(" and ", "、")
        en = f"{found.en}: {shown}; must be {gate.threshold}."
        en = en if "_" in en.split()[0] else en[0].upper() + en[1:]
        zh = f"{found.zh}：{shown}；要求 {need}，{'通过' if passed else '未通过'}。"
    return Result(
        gate.name, gate.kind, outcome, found.value, gate.threshold, found.unit, holds_plan, en, zh
    )


def _shown(value: float) -> str:
    whole = abs(value) >= 1000.0 or value == int(value)
    return f"{value:,.0f}" if whole else f"{value:.4g}"


def _unit(unit: str) -> str:
    return unit if unit in ("%", "days", "rows", "sites") else ""
