"""Stress suites: cases to survive and gates to pass, from a TOML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scenarios import InputError, Scenario
from scenarios.files.toml_document import read_toml
from scenarios.findings import Findings, Severity
from simulation.dips import DIPS
from simulation.disruptions import Disruption, histories
from simulation.experiment import Case
from simulation.kpis import CHANGES, KNOWN, KPIS, Measure
from simulation.library import find_ready_made
from simulation.playbooks import Step, read_playbooks
from simulation.rows import DisruptionReader, known_target
from simulation.tails import STATISTICS

SUITE_KEYS = {"name", "replications", "seed", "service_target", "case", "gate", "drill"}
CASE_KEYS = {"name", "title", "rows", "use", "disruption", "playbooks"}
DRILL_KEYS = {"case", "playbooks", "name"}
GATE_KEYS = {"kpi", "scope", "case", "at_least", "at_most", "confidence"}
BASELINE = "baseline"
MEASURES: Mapping[str, Measure] = {**KPIS, **DIPS, **STATISTICS}
KNOWN_KPIS = (*KNOWN, *DIPS, *STATISTICS)


@dataclass(frozen=True, slots=True)
class Gate:
    """What a case must hold.

    Attributes
    ----------
    case : name of a case; "" for every case, the baseline included
    bound : the limit; `at_least` says on which side the KPI must stay
    confidence : with which it must be shown; None: the mean alone decides
    """

    kpi: str
    scope: str
    bound: float
    at_least: bool
    case: str = ""
    confidence: float | None = None

    def __str__(self) -> str:
        """Return the gate as it stands in the results."""
        sign = ">=" if self.at_least else "<="
        sure = "" if self.confidence is None else f" ({100 * self.confidence:g} % sure)"
        return f"{sign} {self.bound:.10g}{sure}"


@dataclass(frozen=True, slots=True)
class Drill:
    """A case run without and with playbooks.

    Attributes
    ----------
    case : without them
    name : of the case with them
    playbooks : their ids
    """

    case: str
    name: str
    playbooks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suite:
    """Cases and gates; the baseline is always run and need not be listed.

    Attributes
    ----------
    replications, seed, service_target : None where the suite does not say
    drills : each names two of the cases
    notes : sentences on what was left out or assumed
    """

    name: str
    cases: tuple[Case, ...]
    gates: tuple[Gate, ...] = ()
    replications: int | None = None
    seed: int | None = None
    notes: tuple[str, ...] = ()
    drills: tuple[Drill, ...] = ()
    service_target: float | None = None

    def gate_scopes(self, word: str) -> tuple[str, ...]:
        """Return the ids of one kind of scope that gates ask for."""
        scopes = {gate.scope for gate in self.gates}
        return tuple(sorted(s.partition(":")[2] for s in scopes if s.startswith(f"{word}:")))


def load_suite(path: str | Path, scenario: Scenario) -> Suite:
    """Read a suite.

    Raises
    ------
    InputError
        It cannot be read, or anything in it is wrong; the error carries every finding.
    """
    path = Path(path)
    return read_suite(read_toml(path), scenario, default_name=path.stem)


def read_suite(document: Mapping[str, Any], scenario: Scenario, default_name: str = "") -> Suite:
    """Return the suite that a parsed document states; see :func:`load_suite`."""
    findings = Findings()
    _unknown(findings, document, SUITE_KEYS, "suite", None)
    cases = _cases(findings, scenario, _tables(findings, document, "case"))
    drills = _drills(findings, scenario, cases, _tables(findings, document, "drill"))
    names = {case.name for case in cases} | {BASELINE}
    gates = _gates(findings, scenario, names, _tables(findings, document, "gate"))
    replications = _whole(findings, document, "replications", 1)
    seed = _whole(findings, document, "seed", 0)
    target = document.get("service_target")
    if target is not None and not (isinstance(target, float) and 0.0 < target < 1.0):
        hint = "must be a fill rate between 0 and 1, as 0.95"
        _error(findings, "bad_value", hint, "suite", column="service_target", value=target)
        target = None
    if findings.errors:
        raise InputError("the suite is wrong; nothing was run", list(findings))
    name = str(document.get("name", default_name) or "suite")
    return Suite(name, tuple(cases), tuple(gates), replications, seed, (), drills, target)


def _error(findings: Findings, code: str, hint: str, table: str, **place: Any) -> None:
    findings.add(code, Severity.ERROR, hint, table=table, **place)


def _tables(findings: Findings, document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = document.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        _error(findings, "bad_suite", f"write [[{key}]] tables", key, value=value)
        return []
    return value


def _unknown(
    findings: Findings, given: Mapping[str, Any], known: set[str], table: str, row: int | None
) -> None:
    for key in sorted(set(given) - known):
        hint = f"no such key; known are {', '.join(sorted(known))}"
        _error(findings, "unknown_key", hint, table, row=row, column=key)


def _whole(findings: Findings, given: Mapping[str, Any], key: str, least: int) -> int | None:
    value = given.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        hint = f"must be a whole number of {least} or more"
        _error(findings, "bad_value", hint, "suite", column=key, value=value)
        return None
    return value


def _cases(
    findings: Findings, scenario: Scenario, tables: Sequence[Mapping[str, Any]]
) -> list[Case]:
    reader = DisruptionReader(scenario, findings)
    cases: list[Case] = []
    for row, table in enumerate(tables, start=1):
        _unknown(findings, table, CASE_KEYS, "case", row)
        name = str(table.get("name", "")).strip()
        if not name or name == BASELINE or name in {case.name for case in cases}:
            hint = f"every case needs a name of its own, other than {BASELINE}"
            _error(findings, "bad_name", hint, "case", row=row, column="name", value=name)
        disruptions: list[Disruption] = []
        for wanted in table.get("rows", []):
            disruptions += reader.from_scenario(str(wanted), row)
        used = table.get("use", [])
        stated_here: list[Mapping[str, Any]] = [
            {"use": str(each), "id": str(each)} for each in _listed(used)
        ]
        stated_here += _tables(findings, table, "disruption")
        for place, stated in enumerate(stated_here, start=1):
            disruptions += reader.from_suite(stated, f"{name} {place}", row)
        if not disruptions and not findings.errors:
            hint = "a case needs [[case.disruption]] tables, rows = [ids] or use = [names]"
            _error(findings, "empty_case", hint, "case", row=row, value=name)
        try:
            histories(disruptions, (), seed=0, n_ticks=1)
        except InputError as error:
            _error(findings, "bad_cause", str(error), "case", row=row, column="after")
        steps = _steps(findings, scenario, table.get("playbooks", []), "case", row)
        title = str(table.get("title", "")) or _library_title(stated_here)
        cases.append(Case(name, tuple(disruptions), title, steps))
    return cases


def _library_title(parts: Sequence[Mapping[str, Any]]) -> str:
    """Return what the ready-made disruptions of a case do, in words."""
    found = (find_ready_made(str(part.get("use", ""))) for part in parts)
    return "; ".join(ready.title for ready in found if ready is not None)


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else [value]


def _steps(
    findings: Findings, scenario: Scenario, wanted: object, table: str, row: int
) -> tuple[Step, ...]:
    """Return the steps of playbooks named in a suite."""
    names = [str(each) for each in _listed(wanted)]
    try:
        made = read_playbooks(scenario, names, findings)
    except InputError as error:
        _error(findings, "unknown_playbook", str(error), table, row=row, column="playbooks")
        return ()
    return tuple(step for name in names for step in made[name])


def _drills(
    findings: Findings,
    scenario: Scenario,
    cases: list[Case],
    tables: Sequence[Mapping[str, Any]],
) -> tuple[Drill, ...]:
    """Return the drills, and add to the cases those with the playbooks at hand."""
    drills = []
    for row, table in enumerate(tables, start=1):
        _unknown(findings, table, DRILL_KEYS, "drill", row)
        before = {case.name: case for case in cases}
        name = str(table.get("case", ""))
        playbooks = tuple(str(each) for each in _listed(table.get("playbooks", [])))
        if name not in before:
            hint = f"no such case; known are {', '.join(sorted(before))}"
            _error(findings, "unknown_case", hint, "drill", row=row, column="case", value=name)
            continue
        if not playbooks:
            hint = "name the playbooks of the drill"
            _error(findings, "unknown_playbook", hint, "drill", row=row, column="playbooks")
        made = with_playbooks(
            before[name], playbooks, _steps(findings, scenario, list(playbooks), "drill", row)
        )
        made = replace(made, name=str(table.get("name", made.name)))
        if made.name in before or made.name == BASELINE:
            hint = "two cases of this name; give the drill a name of its own"
            _error(findings, "bad_name", hint, "drill", row=row, column="name", value=made.name)
            continue
        cases.append(made)
        drills.append(Drill(name, made.name, playbooks))
    return tuple(drills)


def with_playbooks(case: Case, playbooks: Sequence[str], steps: tuple[Step, ...]) -> Case:
    """Return a case with playbooks at hand, under a name that says so."""
    name = f"{case.name} with {' and '.join(playbooks)}"
    title = f"{case.title}; playbook {', '.join(playbooks)} at hand".lstrip("; ")
    return Case(name, case.disruptions, title, steps)


def drilled(suite: Suite, scenario: Scenario, playbooks: Sequence[str]) -> Suite:
    """Return a suite in which every case is run without and with the playbooks.

    Raises
    ------
    InputError
        A playbook is unknown, or not simulated; the error carries every finding.
    """
    findings = Findings()
    steps = _steps(findings, scenario, list(playbooks), "drill", 1)
    if findings.errors:
        raise InputError("the drill is wrong; nothing was run", list(findings))
    drills = list(suite.drills)
    cases = list(suite.cases)
    for case in suite.cases:
        if not case.steps:
            made = with_playbooks(case, playbooks, steps)
            cases.append(made)
            drills.append(Drill(case.name, made.name, tuple(playbooks)))
    return replace(suite, cases=tuple(cases), drills=tuple(drills))


def only_cases(suite: Suite, names: Sequence[str]) -> Suite:
    """Return a suite of some of its cases, with the gates and drills that are about them.

    Raises
    ------
    InputError
        The suite has no case of that name.
    """
    known = [case.name for case in suite.cases]
    missing = [name for name in names if name not in known]
    if missing:
        raise InputError(f"the suite has no case {missing[0]!r}; it has {', '.join(known)}")
    kept = set(names)
    drills = tuple(drill for drill in suite.drills if drill.case in kept)
    kept |= {drill.name for drill in drills}
    return replace(
        suite,
        cases=tuple(case for case in suite.cases if case.name in kept),
        gates=tuple(gate for gate in suite.gates if gate.case in kept | {"", BASELINE}),
        drills=drills,
    )


def _gates(
    findings: Findings,
    scenario: Scenario,
    names: set[str],
    tables: Sequence[Mapping[str, Any]],
) -> list[Gate]:
    gates = []
    for row, table in enumerate(tables, start=1):
        _unknown(findings, table, GATE_KEYS, "gate", row)
        before = len(findings.errors)
        kpi = str(table.get("kpi", ""))
        if kpi not in KNOWN_KPIS:
            hint = f"no such KPI; known are {', '.join(KNOWN_KPIS)}"
            _error(findings, "unknown_kpi", hint, "gate", row=row, column="kpi", value=kpi)
        scope = str(table.get("scope", "all")).strip()
        problem = _scope_problem(scenario, kpi, scope)
        if problem:
            _error(findings, "unknown_scope", problem, "gate", row=row, column="scope", value=scope)
        case = str(table.get("case", ""))
        if case and case not in names:
            hint = f"no such case; known are {', '.join(sorted(names))}"
            _error(findings, "unknown_case", hint, "gate", row=row, column="case", value=case)
        sides = [key for key in ("at_least", "at_most") if key in table]
        bound = table.get(sides[0]) if len(sides) == 1 else None
        if not isinstance(bound, (int, float)) or isinstance(bound, bool):
            hint = "write either at_least or at_most, with a number"
            _error(findings, "bad_gate", hint, "gate", row=row, value=bound)
        sure = table.get("confidence")
        if sure is not None and not (isinstance(sure, float) and 0.5 <= sure < 1.0):
            hint = "must lie between 0.5 and 1, as 0.95"
            _error(findings, "bad_value", hint, "gate", row=row, column="confidence", value=sure)
        if len(findings.errors) == before and isinstance(bound, (int, float)):
            gates.append(Gate(kpi, scope, float(bound), sides[0] == "at_least", case, sure))
    return gates


def _scope_problem(scenario: Scenario, kpi: str, scope: str) -> str:
    """Say what is wrong with a scope; "" when nothing is."""
    base = kpi.removesuffix("_change") if kpi.removesuffix("_change") in CHANGES else kpi
    words = ("all",) if base != kpi else MEASURES[kpi].scopes if kpi in MEASURES else ()
    if not words or scope == "all":
        return ""
    word, found, name = scope.partition(":")
    if not found or word not in words:
        shown = ", ".join("all" if each == "all" else f"{each}:ID" for each in words)
        return f"{kpi} is known for {shown}"
    return "" if known_target(scenario, word, name) else f"the scenario has no {word} {name!r}"
