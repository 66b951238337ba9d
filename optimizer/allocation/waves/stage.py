"""The waves stage: every site by itself, one certificate over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import pandas as pd

from optimizer.allocation.waves.bound import find_prices, unpriced
from optimizer.allocation.waves.choose import choose, first_chances
from optimizer.allocation.waves.from_scenario import read_sites
from optimizer.allocation.waves.level import level
from optimizer.allocation.waves.missed import missed, missed_rows
from optimizer.allocation.waves.problem import SiteWork
from optimizer.allocation.waves.tables import alert_rows, wave_tables
from optimizer.outcome import Limits, Termination, proven_status
from optimizer.stage import Certificate, Kpi, StageResult
from scenarios import Scenario

STAGE = "waves"
ENGINE = "due-first+prices"
PARCELS_PER_WORK = 1_500_000.0  # parcels through the line in about a second of one core


@dataclass(frozen=True, slots=True)
class _Site:
    """What came out for one site."""

    tables: dict[str, pd.DataFrame]
    cost: float
    bound: float
    peak: float
    peak_bound: float
    missed: int
    work: float
    priced: bool
    termination: Termination


def run(scenario: Scenario, upstream: Mapping[str, pd.DataFrame], limits: Limits) -> StageResult:
    """Say when each parcel of `shipments` is picked and loaded.

    Parameters
    ----------
    upstream : shipments and shipment_lines of the sourcing stage
    limits : seconds, or work of which one unit is about a second of one core
    """
    shipments, lines = (upstream.get(name) for name in ("shipments", "shipment_lines"))
    if shipments is None or lines is None or not len(shipments):
        return StageResult({}, None, notes=("No parcels to pick: sourcing has shipped nothing.",))
    at_sites = shipments["site_id"].isin(set(scenario.table("sites")["site_id"]))
    shipments = shipments[at_sites]  # suppliers pick what they send by themselves
    if not len(shipments):
        return StageResult({}, None, notes=("No parcels to pick: suppliers send them all.",))
    start = pd.Timestamp(scenario.settings.start_date)
    works = read_sites(scenario, shipments, lines)
    done: list[_Site] = []
    for number, work in enumerate(works):
        share = limits.share(1.0 / (len(works) - number))
        done.append(_plan(work, start, share))
        limits.progress(STAGE, (number + 1) / len(works), f"site {work.site_id}")
    names = ("waves", "wave_parcels", "missed_cutoffs", "alerts")
    tables = {
        name: pd.concat(parts, ignore_index=True)
        for name in names
        if (parts := [site.tables[name] for site in done if len(site.tables[name])])
    }
    cost, bound = sum(site.cost for site in done), sum(site.bound for site in done)
    bound = min(bound, cost)
    certificate = Certificate(
        stage=STAGE,
        engine=ENGINE,
        status=proven_status(cost, bound),
        termination=_termination(limits, done),
        objective=cost,
        bound=bound,
        wall_seconds=limits.elapsed,
    )
    waves = len(tables["waves"]) if "waves" in tables else 0
    kpis = [
        Kpi("late", cost, "money", "objective"),
        Kpi("waves", float(waves), "waves", STAGE),
        Kpi("parcels in waves", float(len(tables.get("wave_parcels", ()))), "parcels", STAGE),
        Kpi(
            "parcels that miss their cut-off", float(sum(s.missed for s in done)), "parcels", STAGE
        ),
    ]
    for work, site in zip(works, done, strict=True):
        if site.peak > 0.0:
            scope = f"site:{work.site_id}"
            kpis += [
                Kpi("peak pick utilisation", site.peak, "share", STAGE, scope),
                Kpi("peak pick utilisation at least", site.peak_bound, "share", STAGE, scope),
            ]
    return StageResult(
        tables=tables,
        certificate=certificate,
        kpis=tuple(kpis),
        notes=_notes(works, done),
        work=sum(site.work for site in done),
        solver_versions={"highspy": version("highspy")} if any(s.priced for s in done) else {},
    )


def _plan(work: SiteWork, start: pd.Timestamp, limits: Limits) -> _Site:
    """Plan one site: departures at little cost, then level hours."""
    priced, worth, spent = unpriced(work), None, 0.0
    chance, schedule, runs = choose(work, first_chances(work), None, limits)
    needs_prices = float(work.cost(chance).sum()) > priced.bound * (1.0 + 1e-9) + 1e-9
    if needs_prices:
        priced = find_prices(work, limits)
        worth = work.units * priced.pick_price.max() + priced.dock_price.max()
        spent = priced.work
        other, with_prices, more = choose(
            work, np.maximum(priced.chance, first_chances(work)), worth, limits
        )
        runs += more
        if work.cost(other).sum() < work.cost(chance).sum():
            chance, schedule = other, with_prices
    levelled = level(work, chance, schedule, limits)
    waves, parcels = wave_tables(work, chance, levelled.schedule, start)
    late = missed_rows(work, chance, schedule, start)
    tables = {
        "waves": waves,
        "wave_parcels": parcels,
        "missed_cutoffs": late,
        "alerts": alert_rows(work, late, start),
    }
    return _Site(
        tables=tables,
        cost=float(work.cost(chance).sum()),
        bound=priced.bound,
        peak=levelled.peak,
        peak_bound=levelled.peak_bound,
        missed=len(missed(work, chance)),
        work=spent + (runs + levelled.runs) * work.n_parcels / PARCELS_PER_WORK,
        priced=needs_prices,
        termination=priced.termination,
    )


def _termination(limits: Limits, done: list[_Site]) -> Termination:
    if limits.cancelled():
        return Termination.CANCELLED
    if limits.remaining <= 0.0:
        return Termination.TIME_LIMIT
    stopped = [site.termination for site in done if site.termination != Termination.CONVERGED]
    return stopped[0] if stopped else Termination.CONVERGED


def _notes(works: list[SiteWork], done: list[_Site]) -> tuple[str, ...]:
    """Return what a planner should know."""
    notes = []
    endless = [work.site_id for work in works if np.isinf(work.slots.pick).all()]
    if endless:
        named = ", ".join(endless[:5]) + (" and more" if len(endless) > 5 else "")
        notes.append(f"No hours of work are stated for {named}: nothing limits picking there.")
    late = sum(site.missed for site in done)
    if late:
        notes.append(f"Parcels that miss their cut-off: {late}; see missed_cutoffs.")
    return tuple(notes)
