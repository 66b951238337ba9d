"""gates.toml: read whole, every mistake told at once with its table, key and remedy."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from math import isnan
from pathlib import Path
from typing import Any, Final

from optimizer.gates.spec import KINDS, MEASURES, Gate, GateSet, Unjudged
from optimizer.plan_tables import PLAN_TABLES
from scenarios import InputError
from scenarios.files.toml_document import read_toml
from scenarios.finding_codes import FINDING_CODES
from scenarios.findings import Findings, Severity
from scenarios.tables import NUMERIC, TEMPORAL, Column, Kind

TOP: Final = {"name", "suites", "suite", *KINDS}
COMMON: Final = {"name", "min", "max", "unjudged"}
ENDS: Final = ("mean", "sure")
KEYS: Final[Mapping[str, set[str]]] = {
    "kpi": {"kpi", "variant", "scope"},
    "rows": {"table", "where", "sum"},
    "budget": {"supplier_id", "site_id", "days"},
    "nervousness": {"measure", "days"},
    "stress": {"suite", "case", "kpi", "scope", "by"},
    "audit": set(),
    "findings": {"severity", "code", "table"},
    "gap": {"stage"},
}
TEXTS: Final = {"kpi", "variant", "scope", "table", "sum", "supplier_id", "site_id", "measure",
                "suite", "case", "by", "severity", "code", "stage"}  # fmt: skip


def load_gates(path: str | Path) -> GateSet:
    """Read a gates.toml and the suites that it names, relative to it.

    Raises
    ------
    InputError
        It cannot be read, or anything in it is wrong; the error carries every finding.
    """
    path = Path(path)
    return read_gates(read_toml(path), path.stem, path.parent)


def read_gates(
    document: Mapping[str, Any], default_name: str = "gates", folder: Path | None = None
) -> GateSet:
    """Return the gates that a parsed document states; see :func:`load_gates`.

    Parameters
    ----------
    folder : where the suites lie that `suites` names; None: files may not be named
    """
    findings = Findings()
    for key in sorted(set(document) - TOP):
        _wrong(findings, "unknown_key", _known(TOP), "gates", None, key, document[key])
    gates: list[Gate] = []
    for kind in KINDS:
        for row, table in enumerate(_tables(findings, document, kind), start=1):
            gates.append(_gate(findings, kind, row, table, {gate.name for gate in gates}))
    suites = _suites(findings, document, folder)
    if not gates and not findings.errors:
        hint = f"state at least one gate: {', '.join(f'[[{kind}]]' for kind in KINDS)}"
        _wrong(findings, "no_gates", hint, "gates", None, "", "")
    if findings.errors:
        raise InputError("the gates are wrong; nothing was judged", list(findings))
    name = str(document.get("name", default_name) or "gates")
    return GateSet(name, tuple(gates), tuple(suites))


def _wrong(
    findings: Findings, code: str, hint: str, table: str, row: int | None, key: str, value: object
) -> None:
    findings.add(code, Severity.ERROR, hint, table=table, row=row, column=key, value=value)


def _known(keys: set[str]) -> str:
    return f"no such key; known are {', '.join(sorted(keys))}"


def _tables(findings: Findings, document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = document.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        _wrong(findings, "bad_table", f"write [[{key}]] tables", key, None, "", value)
        return []
    return value


def _gate(
    findings: Findings, kind: str, row: int, table: Mapping[str, Any], taken: set[str]
) -> Gate:
    known = COMMON | KEYS[kind]

    def wrong(key: str, hint: str, code: str = "bad_value") -> None:
        _wrong(findings, code, hint, kind, row, key, table.get(key, ""))

    for key in sorted(set(table) - known):
        wrong(key, _known(known), "unknown_key")
    for key in sorted(TEXTS & set(table) & known):
        if not isinstance(table[key], str):
            wrong(key, 'must be a text in quotes, as in "all"')
    asks = {key: table[key] for key in KEYS[kind] if key in table}
    _check_asks(kind, asks, wrong)
    low, high = _limits(kind, table, wrong)
    unjudged = table.get("unjudged", "publish" if kind == "nervousness" else "hold")
    if unjudged not in ("hold", "publish"):
        wrong("unjudged", 'must be "hold" or "publish"')
    name = table.get("name") or _usual_name(kind, asks)
    if not isinstance(name, str) or name in taken or name == "*":
        wrong("name", "every gate needs a name of its own: give this one `name`", "bad_name")
    left: Unjudged = "publish" if unjudged == "publish" else "hold"
    return Gate(str(name), kind, asks, low, high, left)


def _limits(
    kind: str, table: Mapping[str, Any], wrong: Callable[..., None]
) -> tuple[float | None, float | None]:
    found: dict[str, float | None] = {"min": None, "max": None}
    for key in found:
        value = table.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)) or isnan(value):
            wrong(key, "must be a number, as in 0.95")
        else:
            found[key] = float(value)
    counts_rules = kind == "audit" or (kind == "stress" and "kpi" not in table)
    if counts_rules and found == {"min": None, "max": None}:
        found["max"] = 0.0
    if "min" not in table and "max" not in table and not counts_rules:
        wrong("max", "state min, max or both", "no_limit")
    if found["min"] is not None and found["max"] is not None and found["min"] > found["max"]:
        wrong("min", "min is above max: nothing could pass")
    return found["min"], found["max"]


def _check_asks(kind: str, asks: Mapping[str, Any], wrong: Callable[..., None]) -> None:
    needed = {"kpi": "kpi", "rows": "table", "nervousness": "measure"}.get(kind)
    if needed is not None and needed not in asks:
        wrong(needed, f"name it: every [[{kind}]] needs `{needed}`", "missing_key")
    if kind == "nervousness" and "measure" in asks and asks["measure"] not in MEASURES:
        wrong("measure", f"must be one of {', '.join(MEASURES)}")
    if kind == "findings" and asks.get("severity", "error") not in list(Severity):
        wrong("severity", f"must be one of {', '.join(Severity)}")
    if kind == "findings" and isinstance(asks.get("code"), str):
        _check_code(asks["code"], wrong)
    if kind == "stress" and asks.get("by", "mean") not in ENDS:
        wrong("by", 'must be "mean", or "sure" for the end of the interval that is worse')
    days = asks.get("days", 1)
    if isinstance(days, bool) or not isinstance(days, int) or days < 1:
        wrong("days", "must be a whole number of days of 1 or more")
    if kind == "rows":
        _check_rows(asks, wrong)


def _check_code(code: str, wrong: Callable[..., None]) -> None:
    """A code that no finding has would count none, and let every scenario pass."""
    if code not in FINDING_CODES:
        near = get_close_matches(code, sorted(FINDING_CODES), n=3)
        hint = f"; near to it are {', '.join(near)}" if near else ""
        wrong("code", f"no finding has this code{hint}")


def _check_rows(asks: Mapping[str, Any], wrong: Callable[..., None]) -> None:
    name = asks.get("table")
    if not isinstance(name, str):
        return
    if name not in PLAN_TABLES:
        wrong("table", f"no such plan table; known are {', '.join(PLAN_TABLES)}")
        return
    columns = PLAN_TABLES[name].names
    where = asks.get("where", {})
    if not isinstance(where, dict):
        wrong("where", 'write where = { column = "value" }')
        where = {}
    summed = {asks["sum"]} if isinstance(asks.get("sum"), str) else set()
    unknown = sorted({*where, *summed} - set(columns))
    if unknown:
        wrong(
            "where" if set(unknown) & set(where) else "sum",
            f"{name} has no column {', '.join(unknown)}; it has {', '.join(columns)}",
        )
    for column in PLAN_TABLES[name].columns:
        hint = _cell_hint(column, where[column.name]) if column.name in where else ""
        if hint:
            wrong("where", f"{column.name} {hint}")


def _cell_hint(column: Column, value: object) -> str:
    """Return what is wrong with a cell that rows are chosen by: no row could ever have it."""
    if column.choices:
        good, hint = value in column.choices, f"must be one of {', '.join(column.choices)}"
    elif column.kind in NUMERIC:
        good, hint = (
            isinstance(value, (int, float)) and not isinstance(value, bool),
            ("must be a number"),
        )
    elif column.kind == Kind.FLAG:
        good, hint = isinstance(value, bool), "must be true or false"
    elif column.kind in TEMPORAL:
        good, hint = _is_moment(value), "must be a date, as in 2026-11-11, without a time zone"
    else:
        good, hint = isinstance(value, str), "must be a text in quotes"
    return "" if good else hint


def _is_moment(value: object) -> bool:
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            return False
    return isinstance(value, dt.date) and getattr(value, "tzinfo", None) is None


def _usual_name(kind: str, asks: Mapping[str, Any]) -> str:
    said = [str(asks[key]) for key in sorted(asks) if isinstance(asks[key], (str, int))]
    return " ".join([kind, *said])


def _suites(
    findings: Findings, document: Mapping[str, Any], folder: Path | None
) -> list[Mapping[str, Any]]:
    suites: list[Mapping[str, Any]] = list(_tables(findings, document, "suite"))
    for row, suite in enumerate(suites, start=1):
        if not isinstance(suite.get("name"), str) or not suite["name"]:
            hint = "an inline suite needs a name, which its results carry"
            _wrong(findings, "bad_name", hint, "suite", row, "name", suite.get("name", ""))
    named = document.get("suites", [])
    if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
        _wrong(
            findings, "bad_value", 'write suites = ["suite.toml"]', "gates", None, "suites", named
        )
        return suites
    if named and folder is None:
        hint = "files cannot be named here: write the suite inline as [[suite]]"
        _wrong(findings, "bad_value", hint, "gates", None, "suites", named)
        return suites
    for name in named:
        assert folder is not None
        suites += _suite_file(findings, folder / name)
    _refuse_twins(findings, suites)
    return suites


def _suite_file(findings: Findings, path: Path) -> list[Mapping[str, Any]]:
    try:
        suite = read_toml(path)
    except InputError as error:
        _wrong(findings, "bad_suite", str(error), "gates", None, "suites", str(path))
        return []
    return [{"name": path.stem, **suite}]


def _refuse_twins(findings: Findings, suites: Sequence[Mapping[str, Any]]) -> None:
    names = [suite.get("name") for suite in suites]
    for name in sorted({str(name) for name in names if names.count(name) > 1}):
        hint = "two suites of this name: their results could not be told apart"
        _wrong(findings, "bad_name", hint, "suite", None, "name", name)
