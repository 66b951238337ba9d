"""Rules on limits, and on scopes: what a limit or disruption is about, `all` or kind:id."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pandas as pd

from scenarios.semantics.co2_limits import READ_BY
from scenarios.validation.facts import Facts
from scenarios.validation.notice import Notice, error, info, warning

BAD_SCOPE = error(
    "bad_scope",
    "A scope or target cannot be read.",
    "write `all`, or kind:id with a kind out of {kinds} (a lane as lane:V01>W1)",
)
UNKNOWN_SCOPE = error(
    "unknown_scope",
    "A scope or target names something that does not exist.",
    "there is no {kind} {name} in {places}",
)
SCOPE_DOES_NOT_FIT = warning(
    "scope_does_not_fit",
    "A limit or disruption is about a kind of thing that it cannot touch.",
    "{kind} works on {fitting}: as it is, it changes nothing",
)
SOFT_WITHOUT_PENALTY = warning(
    "soft_without_penalty",
    "A soft limit costs nothing to break.",
    "write its penalty per unit beyond, or make it hard",
)
SHARE_ABOVE_100 = error(
    "share_above_100", "A limit on a share is above 100 %.", "write a percentage from 0 to 100"
)
LIMITS_CLASH = error(
    "limits_clash",
    "Two hard limits leave nothing between them.",
    "at least {low} here, at most {high} in row {other}: nothing fits both",
)
CO2_AT_LEAST = warning(
    "co2_limit_at_least",
    "A limit on CO2e asks for at least so much.",
    "write sense <=: as it is, it changes nothing",
)
CO2_SOFT = info(
    "co2_limit_soft",
    "A limit on CO2e is soft: no stage pays for what is beyond it.",
    "make it hard, or write co2_price_per_tonne: as it is, it changes nothing",
)
PLACES: Mapping[str, tuple[str, ...]] = {
    "supplier": ("suppliers.supplier_id", "supplier_products.supplier_id"),
    "site": ("sites.site_id",),
    "zone": ("zones.zone_id",),
    "product": ("products.product_id",),
    "category": ("products.category",),
    "channel": ("channels.channel_id",),
    "carrier": ("carriers.carrier_id",),
    "group": ("groups.group_id",),
    "region": ("sites.region", "zones.region", "suppliers.region"),
}
CLASSES = ("A", "B", "C")
STAGES = tuple(READ_BY)  # whose emissions a limit can be about
KINDS = (*PLACES, "lane", "class", "stage")
RANK = re.compile(r"(?:\d+-)?(biggest|slowest|largest-by-[a-z]+)")
LIMIT_FITS: Mapping[str, tuple[str, ...]] = {
    "supplier_spend": ("supplier", "group"),
    "supplier_share_pct": ("supplier", "group"),
    "supplier_units": ("supplier", "group"),
    "storage": ("site", "group"),
    "service_km": ("zone",),
    "co2": tuple(
        dict.fromkeys(kind for kinds in READ_BY.values() for kind in kinds if kind != "all")
    ),
}


def scope_fault(
    facts: Facts, cell: str, *, ranks: bool = False
) -> tuple[Notice, dict[str, str]] | None:
    """Say what is wrong with one scope or target; None when it is `all` or names what exists.

    Parameters
    ----------
    ranks : whether a rank may stand for an id, as in supplier:largest-by-spend
    """
    if cell == "all":
        return None
    kind, colon, name = cell.partition(":")
    kind, name = kind.strip(), name.strip()
    if not colon or kind not in KINDS or not name:
        return BAD_SCOPE, {"kinds": ", ".join(KINDS)}
    if ranks and RANK.fullmatch(name):
        return None
    named = {"class": CLASSES, "stage": STAGES}.get(kind)
    if named is not None:
        fault = {"kind": kind, "name": name, "places": ", ".join(named)}
        return None if name in named else (UNKNOWN_SCOPE, fault)
    if kind == "lane":
        origin, arrow, destination = name.partition(">")
        if not arrow or not origin or not destination:
            return BAD_SCOPE, {"kinds": ", ".join(KINDS)}
        lanes = facts.table("lanes")
        there = (lanes["origin_id"] == origin.strip()) & (
            lanes["destination_id"] == destination.strip()
        )
        fault = {"kind": kind, "name": name, "places": "lanes"}
        return None if there.any() else (UNKNOWN_SCOPE, fault)
    if any(name in facts.known(place) for place in PLACES[kind]):
        return None
    return UNKNOWN_SCOPE, {"kind": kind, "name": name, "places": " or ".join(PLACES[kind])}


def check_values(
    facts: Facts, table: str, column: str, fault_of: Callable[[str], object | None]
) -> None:
    """Note what a function finds wrong with the distinct values of a column, row by row."""
    if not facts.given(table, column):
        return
    codes, labels = facts.codes(table, column)
    for number, label in enumerate(labels):
        fault = fault_of(str(label))
        if isinstance(fault, tuple):
            notice, parameters = fault
            facts.note(notice, table, column, codes == number, **parameters)


def check_limit_scopes(facts: Facts) -> None:
    """Limits are about `all` or about something that exists."""
    check_values(facts, "limits", "scope", lambda cell: scope_fault(facts, cell))
    check_fit(facts, "limits", "scope", LIMIT_FITS)


def check_fit(facts: Facts, table: str, column: str, fits: Mapping[str, tuple[str, ...]]) -> None:
    """Note kinds of limits and disruptions whose scope they cannot touch."""
    frame = facts.table(table)
    about = frame[column].str.partition(":")[0] if len(frame) else pd.Series([], dtype="str")
    for kind, fitting in fits.items():
        other = (frame["kind"] == kind) & about.isin(KINDS) & ~about.isin(fitting)
        if other.any():
            terms = {"kind": kind, "fitting": ", ".join(fitting)}
            facts.note(SCOPE_DOES_NOT_FIT, table, column, other.to_numpy(), **terms)


def check_limit_values(facts: Facts) -> None:
    """Limits can bind: soft ones cost something, shares are percentages, pairs leave room."""
    limits = facts.table("limits")
    soft = (limits["hard"].eq(False).fillna(False) & ~(limits["penalty"] > 0)).to_numpy(bool)
    if soft.any():
        facts.note(SOFT_WITHOUT_PENALTY, "limits", "penalty", soft)
    wrong = ((limits["kind"] == "supplier_share_pct") & (limits["value"] > 100)).to_numpy()
    if wrong.any():
        facts.note(SHARE_ABOVE_100, "limits", "value", wrong)
    hard = limits[limits["hard"].fillna(False).astype(bool)].reset_index(names="at")
    same = ["kind", "scope", "bucket"]
    least, most = hard[hard["sense"] == ">="], hard[hard["sense"] == "<="]
    both = least.merge(most, on=same, suffixes=("", "_most"))
    both = both[both["value"] > both["value_most"]].drop_duplicates("at")
    if len(both):
        facts.note(
            LIMITS_CLASH,
            "limits",
            "value",
            both["at"].to_numpy(),
            low=both["value"].to_numpy(),
            high=both["value_most"].to_numpy(),
            other=facts.rows("limits", both["at_most"].to_numpy()),
        )


def check_co2_limits(facts: Facts) -> None:
    """Limits on CO2e are such as stages keep: hard, and at most."""
    limits = facts.table("limits")
    about = (limits["kind"] == "co2").to_numpy(bool)
    least = about & (limits["sense"] == ">=").to_numpy(bool)
    if least.any():
        facts.note(CO2_AT_LEAST, "limits", "sense", least)
    soft = about & ~least & limits["hard"].eq(False).fillna(False).to_numpy(bool)
    if soft.any():
        facts.note(CO2_SOFT, "limits", "hard", soft)


RULES = (check_limit_scopes, check_limit_values, check_co2_limits)
