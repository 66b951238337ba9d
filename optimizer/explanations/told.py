"""What the stages found out on the way: binding rules and next-best choices, as codes and facts."""

from __future__ import annotations

import json
import re

from optimizer.explanations.facts import Facts, blank, number
from optimizer.explanations.record import Alternative, Cell

# what stages call the next-best choice -> code, names of its facts
PATTERNS = (
    (re.compile(r"order (\S+) more"), "more", ("units",)),
    (re.compile(r"order (\S+) fewer"), "fewer", ("units",)),
    (re.compile(r"from (.+)"), "from_site", ("site_id",)),
    (re.compile(r"route (.+)"), "on_route", ("route_id",)),
    (re.compile(r"a further (.+) at (.+)"), "further_van", ("vehicle_type", "depot_id")),
    (re.compile(r"carrier (.+)"), "carrier", ("carrier_id",)),
    (re.compile(r"leave the line out .*"), "without_line", ()),
    (re.compile(r"come from (.+) by (.+)"), "other_way", ("origin_id", "mode")),
    (re.compile(r"by ways elsewhere"), "elsewhere", ()),
    (re.compile(r"left out"), "left_out", ()),
    (re.compile(r"close it"), "close", ()),
    (re.compile(r"open it"), "open", ()),
    (re.compile(r"wait (\S+) days for the next shipment"), "wait", ("days",)),
    (re.compile(r"stays where it is .*"), "stay", ()),
    (re.compile(r"no .*"), "", ()),
    (re.compile(r"(.+) at (.+)"), "other_van", ("vehicle_type", "depot_id")),
)
NUMBERS = ("units", "days")


def binding(facts: Facts, decision_id: str) -> dict[str, Cell]:
    """Return the rule that a stage named as binding; nothing without one."""
    row = facts.told.get(decision_id)
    if row is None or blank(row["binding"]):
        return {}
    stated = json.loads(row["binding"])
    if "rule" not in stated:
        return {}
    return {
        str(name): value if isinstance(value, str) else float(value)
        for name, value in stated.items()
        if value is not None
    }


def alternative(facts: Facts, decision_id: str, standing: str) -> Alternative | None:
    """Return the next-best choice that a stage found; None without one.

    Parameters
    ----------
    standing : of its extra cost, as :class:`Alternative` has it
    """
    row = facts.told.get(decision_id)
    if row is None or blank(row["alternative"]):
        return None
    for pattern, code, names in PATTERNS:
        found = pattern.fullmatch(str(row["alternative"]))
        if found:
            if not code:
                return None
            about: dict[str, Cell] = dict(zip(names, found.groups(), strict=True))
            about |= {name: float(about[name]) for name in NUMBERS if name in about}
            return Alternative(code, about, number(row["extra_cost"], float("nan")), standing)
    return None
