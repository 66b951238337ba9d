"""The rules in order, and what each may say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType, ModuleType

import numpy as np

from scenarios.findings import Findings
from scenarios.scenario import Scenario
from scenarios.validation import (
    capacity,
    cells,
    delivery,
    demand,
    keys,
    places,
    references,
    risk,
    scopes,
    stock,
    supply,
    terms,
    times,
)
from scenarios.validation.facts import Facts
from scenarios.validation.notice import Notice

Rule = Callable[[Facts], None]


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules that protect one thing.

    Attributes
    ----------
    protects : what, in a few words
    notices : everything that they may say
    """

    protects: str
    rules: tuple[Rule, ...]
    notices: tuple[Notice, ...]


def _group(protects: str, module: ModuleType) -> RuleGroup:
    notices = tuple(value for value in vars(module).values() if isinstance(value, Notice))
    return RuleGroup(protects, module.RULES, notices)


GROUPS = (
    _group("cells: filled, readable, in range, in the scale of their unit", cells),
    _group("keys: each names one row", keys),
    _group("references: what one table names stands in another", references),
    _group("places: latitude and longitude", places),
    _group("time: order of dates, horizon, calendars", times),
    _group("demand: quantiles, futures, shares, promotions", demand),
    _group("stock: lots, open orders, policies, returns", stock),
    _group("terms: quantities and prices of suppliers", terms),
    _group("supply paths: what is asked for can get there", supply),
    _group("capacity: docks, shelves, suppliers, carriers, vans", capacity),
    _group("delivery: vans, shifts, windows, parcels", delivery),
    _group("limits and scopes", scopes),
    _group("risk: disruptions and playbooks", risk),
)

CATALOGUE: Mapping[str, Notice] = MappingProxyType(
    {notice.code: notice for group in GROUPS for notice in group.notices}
)


def validate(scenario: Scenario) -> Findings:
    """Return everything that the rules notice about a scenario, all at once.

    Parameters
    ----------
    scenario : it is read, never changed; what its reader noticed is not repeated

    Returns
    -------
    findings : the first of each rule, table and column, and the full count of all; rows as the
        planner counts them
    """
    facts = Facts(scenario)
    with np.errstate(over="ignore", invalid="ignore"):  # absurd numbers are findings themselves
        for group in GROUPS:
            for rule in group.rules:
                rule(facts)
    return facts.findings
