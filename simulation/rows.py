"""Disruptions as the scenario's table and suite files state them, checked before anything runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pandas as pd

from scenarios import InputError, Scenario
from scenarios.findings import Findings, Severity
from simulation.checks import FIRST_ROW
from simulation.disruptions import Disruption, severity_problem, supported
from simulation.distributions import Distribution, parse_distribution
from simulation.library import READY, find_ready_made
from simulation.ranks import is_rank
from simulation.targets import target_problem

KEYS = {
    "id", "kind", "use", "target", "start", "duration", "severity", "probability", "group", "after",
}  # fmt: skip
STATED = ("target", "start", "duration", "severity", "probability", "group", "after")
FIRST_BLOW = 7.0  # day on which a ready-made disruption begins, unless stated
SELDOM_SEVERITY = 1.0
MOMENTARY = frozenset({"warehouse_fire"})  # kinds that need no duration


def known_target(scenario: Scenario, word: str, name: str) -> bool:
    """Whether the scenario holds what a target or scope names."""
    if word == "lane":
        ends = [part.strip() for part in name.split(">")]
        places = _ids(scenario, "sites", "site_id") | _ids(scenario, "suppliers", "supplier_id")
        return len(ends) == 2 and set(ends) <= places
    if word == "region":
        found = _ids(scenario, "sites", "region") | _ids(scenario, "suppliers", "region")
        return name in found
    table, column = {
        "supplier": ("suppliers", "supplier_id"),
        "site": ("sites", "site_id"),
        "product": ("products", "product_id"),
        "category": ("products", "category"),
        "class": ("products", "abc_class"),
        "carrier": ("carriers", "carrier_id"),
        "channel": ("channels", "channel_id"),
        "group": ("groups", "group_id"),
    }[word]
    return name in _ids(scenario, table, column)


def _ids(scenario: Scenario, table: str, column: str) -> set[str]:
    return set(scenario.table(table)[column].dropna())


class DisruptionReader:
    """Turns rows and suite tables into disruptions; what is wrong becomes a finding.

    Parameters
    ----------
    findings : where errors are noted
    """

    def __init__(self, scenario: Scenario, findings: Findings) -> None:
        self.scenario = scenario
        self.findings = findings
        self.rows = scenario.filled("disruptions").set_index("disruption_id", drop=False)

    def from_suite(self, stated: Mapping[str, Any], name: str, row: int) -> list[Disruption]:
        """Return the disruptions that a [[case.disruption]] table states, one or a ready-made."""
        for key in sorted(set(stated) - KEYS):
            self._error("unknown_key", f"known are {', '.join(sorted(KEYS))}", "case", row, key, "")
        own = dict(stated) | {"id": str(stated.get("id", name))}
        if "use" in own and "kind" in own:
            self._error("bad_value", "write kind or use, not both", "case", row, "use", own["use"])
            return []
        return self._expand(own, str(own.get("use", own.get("kind", ""))), "case", row)

    def _expand(
        self, stated: Mapping[str, Any], kind: str, table: str, row: int
    ) -> list[Disruption]:
        """Return what a row stands for: itself, or the parts of a ready-made disruption."""
        ready = find_ready_made(kind)
        if ready is None:
            if "use" in stated:
                hint = f"no such ready-made disruption; there are {', '.join(READY)}"
                self._error("unknown_disruption", hint, table, row, "use", kind)
                return []
            one = self._make(stated, table, row)
            return [] if one is None else [one]
        made: list[Disruption] = []
        for place, part in enumerate(ready.parts):
            own: dict[str, Any] = {key: part[key] for key in part if key != "id"}
            if place == 0:
                own |= {key: stated[key] for key in STATED if key in stated}
                if "start" not in own and "after" not in own:
                    own["start"] = min(FIRST_BLOW, self.scenario.settings.horizon_days // 4)
            own["id"] = str(stated["id"]) if place == 0 else f"{stated['id']} {part['id']}"
            if place > 0:
                own["after"] = str(stated["id"])
            one = self._make(own, table, row)
            made += [] if one is None else [one]
        return made

    def from_scenario(self, name: str, row: int | None = None) -> list[Disruption]:
        """Return a row of the table `disruptions`, with what it follows from before it."""
        if name not in self.rows.index:
            hint = "the table disruptions has no such row"
            self._error("unknown_disruption", hint, "case", row, "rows", name)
            return []
        made: list[Disruption] = []
        wanted: str | None = name
        seen: set[str] = set()
        while wanted is not None and wanted not in seen and wanted in self.rows.index:
            seen.add(wanted)
            place = int(self.rows.index.get_loc(wanted)) + FIRST_ROW
            stated = self._stated(self.rows.loc[wanted])
            made = self._expand(stated, str(stated.get("kind", "")), "disruptions", place) + made
            wanted = stated.get("after")
        return made

    def _stated(self, row: pd.Series) -> dict[str, Any]:
        """Return a row of the table in the words of a suite file."""
        stated: dict[str, Any] = {"id": row["disruption_id"]}
        for key in ("kind", "target", "severity", "probability", "group", "after"):
            if pd.notna(row[key]):
                stated[key] = row[key]
        if pd.notna(row["start"]):
            stated["start"] = row["start"].date()
        elif pd.notna(row["start_distribution"]):
            stated["start"] = row["start_distribution"]
        if pd.notna(row["duration"]):
            stated["duration"] = float(row["duration"])
        elif pd.notna(row["duration_distribution"]):
            stated["duration"] = row["duration_distribution"]
        return stated

    def _make(self, stated: Mapping[str, Any], table: str, row: int) -> Disruption | None:
        before = len(self.findings.errors)
        name = str(stated["id"])
        kind = str(stated.get("kind", ""))
        try:
            supported(kind, name)
        except InputError as error:
            self._error("unknown_kind", str(error), table, row, "kind", kind)
            return None
        target = str(stated.get("target", "all")).strip()
        problem = target_problem(kind, target)
        word, _, entity = target.partition(":")
        named = target == "all" or is_rank(word, entity)
        if not problem and not named and not known_target(self.scenario, word, entity):
            problem = f"the scenario has no {word} {entity!r}"
        if problem:
            self._error("unknown_target", problem, table, row, "target", target)
        start = self._start(stated, table, row)
        duration = self._duration(stated, kind, target, table, row)
        severity = self._number(stated, "severity", SELDOM_SEVERITY, table, row)
        problem = severity_problem(kind, severity)
        if problem:
            self._error("bad_severity", problem, table, row, "severity", severity)
        probability = self._number(stated, "probability", 1.0, table, row)
        if not 0.0 <= probability <= 1.0:
            hint = "must lie between 0 and 1"
            self._error("bad_value", hint, table, row, "probability", probability)
        after = str(stated.get("after", ""))
        if start is None and not after:
            hint = "write a date, a day from the start, or a distribution of days"
            self._error("no_start", hint, table, row, "start", "")
        if len(self.findings.errors) > before or duration is None:
            return None
        return Disruption(
            name, kind, target, start, duration, severity, probability,
            str(stated.get("group", "")), after,
        )  # fmt: skip

    def _start(
        self, stated: Mapping[str, Any], table: str, row: int
    ) -> float | Distribution | None:
        value = stated.get("start")
        if value is None:
            return None
        if isinstance(value, dt.datetime):
            value = value.date()
        if isinstance(value, str):
            if not _is_date(value):
                return self._distribution(value, table, row, "start")
            value = dt.date.fromisoformat(value.strip())
        if isinstance(value, dt.date):
            value = float((value - self.scenario.settings.start_date).days)
        horizon = self.scenario.settings.horizon_days
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not value < horizon:
            hint = f"must be a day before the end of the horizon, {horizon} days from the start"
            self._error("bad_start", hint, table, row, "start", value)
            return None
        return float(value)

    def _duration(
        self, stated: Mapping[str, Any], kind: str, target: str, table: str, row: int
    ) -> Distribution | None:
        value = stated.get("duration")
        if isinstance(value, str):
            return self._distribution(value, table, row, "duration")
        if value is None:
            recovery = self._recovery_days(target)
            if recovery is not None:
                return Distribution("fixed", (recovery,))
            if kind in MOMENTARY:
                return Distribution("fixed", (1.0,))
            hint = "write days or a distribution; the target has no recovery_days to take instead"
            self._error("no_duration", hint, table, row, "duration", "")
            return None
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not value > 0:
            self._error("bad_duration", "must be days above 0", table, row, "duration", value)
            return None
        return Distribution("fixed", (float(value),))

    def _recovery_days(self, target: str) -> float | None:
        word, _, name = target.partition(":")
        places = {"supplier": ("suppliers", "supplier_id"), "site": ("sites", "site_id")}
        if word == "lane":
            lanes = self.scenario.table("lanes")
            ends = [part.strip() for part in name.split(">")]
            found = lanes[(lanes["origin_id"] == ends[0]) & (lanes["destination_id"] == ends[-1])]
            days = found["recovery_days"].max()
        elif word in places:
            table, column = places[word]
            frame = self.scenario.table(table)
            days = frame.loc[frame[column] == name, "recovery_days"].max()
        else:
            return None
        return float(days) if pd.notna(days) and days > 0 else None

    def _distribution(self, text: str, table: str, row: int, column: str) -> Distribution | None:
        try:
            return parse_distribution(text)
        except ValueError as error:
            self._error("bad_distribution", str(error), table, row, column, text)
            return None

    def _number(
        self, stated: Mapping[str, Any], key: str, default: float, table: str, row: int
    ) -> float:
        value = stated.get(key, default)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        self._error("bad_value", "must be a number", table, row, key, value)
        return default

    def _error(
        self, code: str, hint: str, table: str, row: int | None, column: str, value: object
    ) -> None:
        self.findings.add(
            code, Severity.ERROR, hint, table=table, row=row, column=column, value=value
        )


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text.strip())
    except ValueError:
        return False
    return True
