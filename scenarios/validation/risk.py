"""Rules on disruptions and playbooks: what may go wrong, and what is done about it."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from scenarios.validation.facts import Facts
from scenarios.validation.notice import Notice, error, warning
from scenarios.validation.rings import rings
from scenarios.validation.scopes import check_fit, check_values, scope_fault

NO_ONSET = warning(
    "no_onset",
    "A disruption has neither a start nor a distribution of starts.",
    "write start or start_distribution; as it is, it may begin on any day of the horizon",
)
NO_DURATION = warning(
    "no_duration",
    "A disruption has neither a duration nor a distribution of durations.",
    "write duration or duration_distribution; as it is, it lasts to the end of the horizon",
)
BAD_DISTRIBUTION = error(
    "bad_distribution",
    "A distribution cannot be read.",
    "write one of: {forms}",
)
SEVERITY = error(
    "severity",
    "The severity of a disruption is not what its kind needs.",
    "severity of {kind} is {allowed}",
)
DISRUPTION_CYCLE = error(
    "disruption_cycle",
    "Disruptions wait for each other, so that none ever starts.",
    "clear `after` in one of: {ring}",
)
UNKNOWN_TARGET = warning(
    "unknown_target",
    "A playbook acts on something that does not exist.",
    "write `all`, kind:id as in supplier:V01, or the id of a promotion: as it is, nothing is done",
)
UNKNOWN_ACTION = error(
    "unknown_action", "A playbook names an action that is not known.", "write one of: {actions}"
)
UNKNOWN_KPI = warning(
    "unknown_kpi",
    "A playbook watches an indicator that is not known.",
    "known are: {known}; as it is, the step never acts",
)

SUPPLIER = ("supplier", "region", "group")
LANE = ("lane", "supplier", "site", "region", "group")
SITE = ("site", "region", "group")
GOODS = ("site", "product", "category", "class", "region", "group")
DISRUPTION_FITS: Mapping[str, tuple[str, ...]] = {
    "supplier_outage": SUPPLIER,
    "supplier_capacity_loss": SUPPLIER,
    "lead_time_blowup": LANE,
    "lane_closure": LANE,
    "lane_freeze": LANE,
    "lane_delay": LANE,
    "port_closure": LANE,
    "price_shock": LANE,
    "freight_price_jump": LANE,
    "demand_surge": GOODS,
    "demand_collapse": GOODS,
    "warehouse_closure": SITE,
    "warehouse_fire": SITE,
    "order_processing_outage": SITE,
    "quality_recall": SUPPLIER,
    "labour_shortage": SITE,
    "carrier_capacity_loss": (*LANE, "carrier"),
    "regional_event": ("region", "supplier", "site", "group"),
}
WHOLE = (
    "lane_closure",
    "lane_freeze",
    "port_closure",
    "warehouse_closure",
    "order_processing_outage",
    "regional_event",
)
SHARES = (
    "supplier_outage",
    "supplier_capacity_loss",
    "demand_collapse",
    "warehouse_fire",
    "quality_recall",
    "labour_shortage",
    "carrier_capacity_loss",
)
FACTORS = ("lead_time_blowup", "demand_surge")
PRICES = ("price_shock", "freight_price_jump")
DISTRIBUTIONS: Mapping[str, tuple[str, ...]] = {
    "fixed": ("value",),
    "uniform": ("low", "high"),
    "exponential": ("mean",),
    "lognormal": ("mean", "sd"),
    "normal": ("mean", "sd"),
    "empirical": (),
}
FORMS = (
    "fixed(value=7), uniform(low=3, high=9), exponential(mean=120), lognormal(mean=10, sd=8),"
    " normal(mean=10, sd=3), empirical(3, 5, 8)"
)
ACTIONS = (
    "switch_supplier",
    "expedite",
    "reroute",
    "ration",
    "ration_channels",
    "lift_capacity",
    "pause_promotion",
    "raise_buffer",
)
KPIS = (
    "fill_rate",
    "cycle_service",
    "otif",
    "perfect_order",
    "inventory_turns",
    "turnover_days",
    "days_of_cover",
    "cost_to_serve",
    "stockout_days",
    "short_units",
    "backlog",
    "on_hand",
    "p_stockout",
    "lead_time_days",
    "on_time_rate",
    "split_rate",
    "vehicle_fill",
    "co2e_per_order",
)
CALL = re.compile(r"\s*([a-z_]+)\s*\(([^()]*)\)\s*", re.IGNORECASE)


def check_targets(facts: Facts) -> None:
    """Disruptions and playbooks are aimed at `all` or at something that exists."""
    check_values(facts, "disruptions", "target", lambda cell: scope_fault(facts, cell, ranks=True))
    check_fit(facts, "disruptions", "target", DISRUPTION_FITS)
    named = ("promotions.promotion_id", "suppliers.supplier_id", "sites.site_id")
    ids = {str(name) for place in named for name in facts.known(place)}

    def fault(cell: str) -> tuple[Notice, dict[str, str]] | None:
        name = cell.removeprefix("promotion:")
        return None if name in ids or not scope_fault(facts, cell) else (UNKNOWN_TARGET, {})

    check_values(facts, "playbooks", "target", fault)


def check_disruptions(facts: Facts) -> None:
    """Disruptions say when they begin, how long they last, and wait for none that waits."""
    rows = facts.table("disruptions")
    if not len(rows):
        return
    chained = rows["after"].notna()
    no_start = rows["start"].isna() & rows["start_distribution"].isna() & ~chained
    if no_start.any():
        facts.note(NO_ONSET, "disruptions", "start", no_start.to_numpy())
    endless = rows["duration"].isna() & rows["duration_distribution"].isna()
    if endless.any():
        facts.note(NO_DURATION, "disruptions", "duration", endless.to_numpy())

    def fault(cell: str) -> tuple[Notice, dict[str, str]] | None:
        return None if distribution_is_readable(cell) else (BAD_DISTRIBUTION, {"forms": FORMS})

    check_values(facts, "disruptions", "start_distribution", fault)
    check_values(facts, "disruptions", "duration_distribution", fault)
    after = dict(zip(rows["disruption_id"][chained], rows["after"][chained], strict=True))
    for ring in rings({name: [before] for name, before in after.items()}):
        at = np.flatnonzero(rows["disruption_id"] == ring[0])[:1]
        facts.note(DISRUPTION_CYCLE, "disruptions", "after", at, ring=" > ".join(ring))


def check_severity(facts: Facts) -> None:
    """The severity of a disruption is a share, a factor or 1, as its kind needs."""
    rows = facts.table("disruptions")
    severity = rows["severity"].to_numpy(np.float64)
    stated = ~np.isnan(severity)
    tests: tuple[tuple[tuple[str, ...], NDArray[np.bool_], str], ...] = (
        (WHOLE, severity != 1.0, "1: it stands still"),
        (SHARES, ~((severity > 0.0) & (severity <= 1.0)), "a share lost, above 0 and up to 1"),
        (FACTORS, ~((severity > 1.0) & (severity <= 100.0)), "a factor, above 1 and up to 100"),
        (PRICES, severity == 0.0, "a factor above 0"),
    )
    for kinds, wrong, allowed in tests:
        at = rows["kind"].isin(kinds).to_numpy() & wrong & stated
        if at.any():
            kind = rows["kind"].array[at]
            facts.note(SEVERITY, "disruptions", "severity", at, kind=kind, allowed=allowed)


def distribution_is_readable(cell: str) -> bool:
    """Say whether a cell is a known distribution with its parameters, as in normal(mean=9, sd=3).

    Parameters stand by name or in order; they are finite, and none is negative.
    """
    call = CALL.fullmatch(cell)
    kind = call[1].lower() if call else ""
    if call is None or kind not in DISTRIBUTIONS:
        return False
    named: dict[str, float] = {}
    plain: list[float] = []
    for part in filter(None, (piece.strip() for piece in call[2].split(","))):
        name, equals, number = part.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            return False
        if not 0.0 <= value < np.inf:
            return False
        if equals:
            named[name.strip().lower()] = value
        else:
            plain.append(value)
    names = DISTRIBUTIONS[kind]
    if kind == "empirical":
        return bool(plain) and not named
    values = dict(zip(names, plain, strict=False)) | named
    if set(values) != set(names) or len(plain) > len(names):
        return False
    if kind == "uniform":
        return values["low"] <= values["high"]
    return kind not in ("exponential", "lognormal") or values["mean"] > 0.0


def check_playbooks(facts: Facts) -> None:
    """Playbooks watch known indicators and take known actions."""
    actions, known = ", ".join(ACTIONS), ", ".join(KPIS)
    check_values(
        facts,
        "playbooks",
        "action",
        lambda cell: None if cell in ACTIONS else (UNKNOWN_ACTION, {"actions": actions}),
    )
    check_values(
        facts,
        "playbooks",
        "kpi",
        lambda cell: None if cell in KPIS else (UNKNOWN_KPI, {"known": known}),
    )


RULES = (check_targets, check_disruptions, check_severity, check_playbooks)
