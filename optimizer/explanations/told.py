"""What the stages found out on the way: binding rules and next-best choices, as codes and facts."""

from __future__ import annotations

import json
import re

from optimizer.explanations.facts import Facts, Row, blank, number
from optimizer.explanations.record import Alternative, Cell, Term

# what stages call the next-best choice -> code, names of its facts
PATTERNS = (
    (re.compile(r"order (\S+) more"), "more", ("units",)),
    (re.compile(r"order (\S+) fewer"), "fewer", ("units",)),
    (re.compile(r"from (.+)"), "from_site", ("site_id",)),
    (
        re.compile(r"left out; route (.+) would break (\w+)"),
        "left_out_route",
        ("route_id", "rule"),
    ),
    (
        re.compile(r"left out; a further (.+) at (.+) would break (\w+)"),
        "left_out_van",
        ("vehicle_type", "depot_id", "rule"),
    ),
    (
        re.compile(r"carrier (.+); route (.+) would break (\w+)"),
        "carrier_route",
        ("carrier_id", "route_id", "rule"),
    ),
    (
        re.compile(r"carrier (.+); a further (.+) at (.+) would break (\w+)"),
        "carrier_van",
        ("carrier_id", "vehicle_type", "depot_id", "rule"),
    ),
    (
        re.compile(
            r"not driven: (\d+) of its stops with other vans, (\d+) with carriers, (\d+) left out"
        ),
        "not_driven",
        ("moved", "given", "left"),
    ),
    (re.compile(r"serve it with what would help"), "served", ()),
    (re.compile(r"serve its (\d+) lines with what would help"), "served_lines", ("lines",)),
    (re.compile(r"not worked out"), "not_worked_out", ()),
    (re.compile(r"no other site could serve it .*"), "no_site", ()),
    (re.compile(r"no van that could serve it .*"), "no_van", ()),
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
NUMBERS = ("units", "days", "moved", "given", "left", "lines")
NONE = ("not_worked_out", "no_site", "no_van")  # codes that name no other way


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
            extra = number(row["extra_cost"], float("nan"))
            standing = "none" if code in NONE else standing
            return Alternative(code, about, extra, standing, _terms(row))
    return None


def _terms(row: Row) -> tuple[Term, ...]:
    """Return what adds up to the extra cost, as the stage wrote it."""
    stated = row.get("alternative_terms")  # not in plans of older releases
    terms = {} if blank(stated) else json.loads(str(stated))
    return tuple(Term(name, float(value)) for name, value in terms.items())
