"""Playbooks: what the team does when an indicator crosses its threshold, read and checked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scenarios import InputError, Scenario
from scenarios.findings import Findings, Severity
from simulation.checks import FIRST_ROW
from simulation.goods import channel_demand
from simulation.rows import known_target


@dataclass(frozen=True, slots=True)
class Action:
    """What a step of a playbook can do.

    Attributes
    ----------
    words : target words it understands
    value : what its value means; default : where it is blank
    least, most : allowed values
    """

    meaning: str
    words: tuple[str, ...]
    value: str
    default: float
    least: float
    most: float


_LANES = ("lane", "supplier", "site", "region", "group")
_GOODS = ("site", "product", "category", "class", "region", "group")
ACTIONS: Mapping[str, Action] = {
    "switch_supplier": Action(
        "orders of these sites pass over sources that deliver nothing now, to the next by rank",
        ("supplier", "site", "product", "category", "class", "region", "group"),
        "not used", float("nan"), 0.0, float("inf"),
    ),
    "expedite": Action(
        "goods that leave travel faster, at a higher freight", _LANES,
        "factor on lead times; freight is divided by it. Blank: the lane's fastest other mode at"
        " its own freight where `lanes` has a faster one, else 0.5", 0.5, 0.05, 1.0,
    ),
    "reroute": Action(
        "a closed lane opens again by a detour", _LANES,
        "factor on lead times and on freight", 1.5, 1.0, 20.0,
    ),
    "raise_buffer": Action(
        "order-up-to levels and reorder points are raised", _GOODS,
        "factor on them", 1.25, 1.0, 20.0,
    ),
    "ration": Action(
        "a feeding site ships less of these goods, or to these sites, and keeps the rest", _GOODS,
        "share of what waits that may leave", 0.5, 0.0, 1.0,
    ),
    "ration_channels": Action(
        "customers of a channel come first: a share of the shelf, and of what comes in, is kept"
        " for them", ("channel",), "share that is kept", 0.5, 0.01, 1.0,
    ),
    "lift_capacity": Action(
        "a site with a limited outbound dock sends out more; a supplier that lost capacity"
        " delivers more", ("site", "supplier", "region", "group"),
        "factor on what passes, or on what is left of the normal flow", 1.3, 1.0, 20.0,
    ),
    "pause_promotion": Action(
        "promotions stop: the demand that they would bring stays away",
        ("promotion", "product", "category", "channel"),
        "share of demand that stays away; blank: uplift / (1 + uplift)", float("nan"), 0.0, 1.0,
    ),
}  # fmt: skip
INDICATORS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "fill_rate": ("units served / demanded over the last 7 days", ("all", "site")),
    "cycle_service": ("cycles without stockout / cycles, last 7 days", ("all", "site")),
    "short_units": ("units short over the last 7 days", ("all", "site")),
    "backlog": ("units owed to customers tonight", ("all", "site")),
    "on_hand": ("units on the shelf tonight", ("all", "site")),
    "days_of_cover": ("units on the shelf / mean daily demand", ("all", "site")),
    "p_stockout": ("share of product-locations with demand that are empty", ("all", "site")),
    "lead_time_days": (
        "longest mean lead time as things stand, and days since the lane or supplier stopped",
        ("all", "lane", "supplier"),
    ),
}
OPERATORS = ("<", "<=", ">", ">=")


USUAL_WORD = "usual"  # usual:ACTION:KIND:ID names a playbook of one step, without a row


@dataclass(frozen=True, slots=True)
class Pause:
    """Promoted goods whose extra demand stays away.

    Attributes
    ----------
    word, name : what is promoted, as product or category
    site : where; "" everywhere
    first, last : days from the start
    away : share of the demand that stays away
    """

    word: str
    name: str
    site: str
    first: int
    last: int
    away: float


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a playbook.

    Attributes
    ----------
    kpi, op, threshold, scope : when it is called for, judged every night
    action, target, value : what is done
    delay_days : nights that pass before it takes effect
    cost : money each time that it takes effect
    pauses : of pause_promotion, what stops when
    """

    playbook_id: str
    number: int
    kpi: str
    op: str
    threshold: float
    action: str
    target: str = "all"
    value: float = float("nan")
    scope: str = "all"
    delay_days: int = 0
    cost: float = 0.0
    pauses: tuple[Pause, ...] = ()

    @property
    def step_id(self) -> str:
        """The playbook and the number of the step."""
        return f"{self.playbook_id}/{self.number}"

    @property
    def strength(self) -> float:
        """The value, or the action's default."""
        return ACTIONS[self.action].default if np.isnan(self.value) else self.value

    @property
    def needs_standby(self) -> bool:
        """Whether it uses sources or modes of transport that nobody uses otherwise."""
        return self.action == "switch_supplier" or (
            self.action == "expedite" and np.isnan(self.value)
        )

    @property
    def needs_channels(self) -> bool:
        """Whether sites must tell channels apart."""
        return self.action == "ration_channels"

    def __str__(self) -> str:
        """Return the step as a sentence."""
        where = "" if self.scope == "all" else f" of {self.scope}"
        what = self.action.replace("_", " ")
        return f"{self.kpi}{where} {self.op} {self.threshold:g}: {what} {self.target}"


def read_playbooks(
    scenario: Scenario, wanted: Sequence[str], findings: Findings
) -> dict[str, tuple[Step, ...]]:
    """Return the steps of playbooks; what is wrong with them becomes a finding.

    `usual:ACTION:KIND:ID`, as usual:expedite:supplier:S1, needs no row: one step that is started
    tonight, at the action's default value and without a cost of its own.

    Raises
    ------
    InputError
        The scenario has no playbook of that name.
    """
    rows = scenario.filled("playbooks")
    known = list(dict.fromkeys(rows["playbook_id"]))
    usual = {name: _usual(scenario, name, findings) for name in wanted if name not in known}
    missing = [name for name, steps in usual.items() if steps is None]
    if missing:
        raise InputError(
            f"the table playbooks has no {missing[0]!r}; it has {', '.join(known) or 'no rows'}"
        )
    made: dict[str, tuple[Step, ...]] = {}
    for name in dict.fromkeys(wanted):
        if name in usual:
            made[name] = usual[name] or ()
            continue
        steps = []
        for place in np.flatnonzero((rows["playbook_id"] == name).to_numpy()):
            step = _step(scenario, rows.iloc[place], int(place) + FIRST_ROW, findings)
            if step is not None:
                steps.append(step)
        made[name] = tuple(sorted(steps, key=lambda step: step.number))
    return made


def _usual(scenario: Scenario, name: str, findings: Findings) -> tuple[Step, ...] | None:
    """Return the step of a usual playbook; None: it is no such name."""
    word, _, rest = name.partition(":")
    action, _, target = rest.partition(":")
    if word != USUAL_WORD or action not in ACTIONS or not target:
        return None
    row = pd.Series(
        {
            "playbook_id": name, "step": 1, "kpi": "on_hand", "op": ">=", "threshold": 0.0,
            "action": action, "target": target, "value": np.nan, "delay_days": 0.0, "cost": 0.0,
            "scope": "all",
        }
    )  # fmt: skip
    step = _step(scenario, row, FIRST_ROW, findings)
    return () if step is None else (step,)


def _step(scenario: Scenario, row: pd.Series, place: int, findings: Findings) -> Step | None:
    before = len(findings.errors)

    def wrong(code: str, column: str, hint: str) -> None:
        findings.add(
            code, Severity.ERROR, hint, table="playbooks", row=place, column=column,
            value=row[column],
        )  # fmt: skip

    action, kpi = str(row["action"]), str(row["kpi"])
    if kpi not in INDICATORS:
        wrong("unknown_kpi", "kpi", f"not watched; watched are {', '.join(INDICATORS)}")
    if action not in ACTIONS:
        wrong("unknown_action", "action", f"not simulated; simulated are {', '.join(ACTIONS)}")
    if len(findings.errors) > before:
        return None
    scope = str(row["scope"]) if pd.notna(row["scope"]) else "all"
    target = str(row["target"]).strip() if pd.notna(row["target"]) else "all"
    if kpi == "lead_time_days" and scope == "all" and target.partition(":")[0] == "lane":
        scope = target
    problem = _place_problem(scenario, scope, INDICATORS[kpi][1])
    if problem:
        wrong("unknown_scope", "scope", problem)
    if action == "pause_promotion":
        pauses = _pauses(scenario, target, float(row["value"]))
        if not pauses:
            wrong("unknown_target", "target", "no promotion in the horizon with a known uplift")
    else:
        pauses = ()
        words = ACTIONS[action].words
        everywhere = () if action == "ration_channels" else ("all",)
        problem = _place_problem(scenario, target, (*everywhere, *words))
        if problem:
            wrong("unknown_target", "target", problem)
    if action == "ration_channels" and not len(channel_demand(scenario)):
        hint = "neither forecasts nor demand_history says what customers of a channel ask for"
        wrong("no_channel_demand", "target", hint)
    value = float(row["value"])
    about = ACTIONS[action]
    if not np.isnan(value) and not about.least <= value <= about.most:
        wrong("bad_value", "value", f"{about.value}, from {about.least:g} to {about.most:g}")
    if len(findings.errors) > before:
        return None
    return Step(
        str(row["playbook_id"]), int(row["step"]), kpi, str(row["op"]), float(row["threshold"]),
        action, target, value, scope, round(float(row["delay_days"])), float(row["cost"]), pauses,
    )  # fmt: skip


def _place_problem(scenario: Scenario, place: str, words: tuple[str, ...]) -> str:
    """Say what is wrong with a scope or target; "" when nothing is."""
    if place == "all":
        return "" if "all" in words else f"write one of {', '.join(words)}:ID"
    word, found, name = place.partition(":")
    if not found or word.strip() not in words:
        shown = ", ".join("all" if each == "all" else f"{each}:ID" for each in words)
        return f"write {shown}"
    if known_target(scenario, word.strip(), name.strip()):
        return ""
    return f"the scenario has no {word} {name!r}"


def _pauses(scenario: Scenario, target: str, value: float) -> tuple[Pause, ...]:
    """Return what a pause stops: promotions by id, product, category or channel, or all."""
    rows = scenario.table("promotions")
    word, found, name = target.partition(":")
    if not found:
        word, name = ("all", "") if target == "all" else ("promotion", target)
    column = {
        "promotion": "promotion_id", "product": "product_id", "category": "category",
        "channel": "channel_id",
    }.get(word.strip())  # fmt: skip
    if column is not None:
        rows = rows[rows[column] == name.strip()]
    elif word != "all":
        return ()
    start: dt.date = scenario.settings.start_date
    sites = set(scenario.table("sites")["site_id"])
    made = []
    for row in rows.itertuples(index=False):
        first, last = ((moment.date() - start).days for moment in (row.start, row.end))
        uplift = float(row.uplift_pct) / 100.0
        away = value if not np.isnan(value) else uplift / (1.0 + uplift)
        if last < 0 or first >= scenario.settings.horizon_days or not 0.0 < away <= 1.0:
            continue
        by_product = isinstance(row.product_id, str)
        goods = ("product", row.product_id) if by_product else ("category", row.category)
        if not isinstance(goods[1], str):
            goods = ("all", "")
        site = row.location_id if row.location_id in sites else ""
        made.append(Pause(goods[0], str(goods[1]), str(site), first, last, away))
    return tuple(made)
