"""Gates as test cases: the form that build servers read, as JSON and as XML."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from simulation.verdicts import Verdict


def gate_report(suite: str, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return `testsuites` with one test case per gate and case, in the words of JUnit."""
    cases = []
    for verdict in verdicts:
        case: dict[str, Any] = {
            "classname": verdict.case,
            "name": f"{verdict.gate.kpi} of {verdict.gate.scope} {verdict.gate}",
            "status": "passed" if verdict.passed else "failed",
        }
        if not verdict.passed:
            case["failure"] = {"type": "gate", "message": _message(verdict)}
        cases.append(case)
    failures = sum(not verdict.passed for verdict in verdicts)
    own = {"name": suite, "tests": len(cases), "failures": failures, "testcases": cases}
    return {"testsuites": [own]}


def _message(verdict: Verdict) -> str:
    sure = "" if verdict.gate.confidence is None else f", with its confidence {verdict.shown:g}"
    return f"mean {verdict.value:g}{sure}; the gate is {verdict.gate}"


def write_junit(path: Path, suite: str, verdicts: Sequence[Verdict]) -> None:
    """Write the report as JUnit XML."""
    (own,) = gate_report(suite, verdicts)["testsuites"]
    counts = {key: str(own[key]) for key in ("name", "tests", "failures")}
    root = Element("testsuites")
    group = SubElement(root, "testsuite", counts | {"errors": "0"})
    for case in own["testcases"]:
        made = SubElement(group, "testcase", {key: case[key] for key in ("classname", "name")})
        if "failure" in case:
            SubElement(made, "failure", case["failure"])
    indent(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
