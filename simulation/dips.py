"""The shape of a disruption's harm: depth and area of the dip, tails of backlog, swings, reach."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simulation.arrays import Floats, Places
from simulation.kernels import rows as at
from simulation.kpis import Measure, Values, daily_service
from simulation.ledger import Record
from simulation.world import World

NOTICED = 0.05  # share of a normal day's demand
HIT = 0.01  # share of a site's units that do not leave

DIPS: Mapping[str, Measure] = {
    "dip_depth": Measure("largest loss of a day's service against undisturbed", "share"),
    "backlog_peak": Measure("most units owed beyond those owed undisturbed", "units"),
    "backlog_tail_days": Measure(
        "days from the first strike to the last on which 5 % of a normal day more is owed", "days"
    ),
    "order_swing": Measure(
        "sd of daily orders from the first strike on / the same undisturbed", "factor"
    ),
    "lost_margin": Measure(
        "units short x their shortage cost, and goods destroyed at cost", "money", ("all", "site")
    ),
    "reach_tier_0": Measure(
        "share of sites that feed none whose units that left changed by over 1 %", "share"
    ),
    "reach_tier_1": Measure("the same of sites that feed those", "share"),
    "reach_tier_2": Measure("the same of sites further up", "share"),
}


def add_dips(world: World, record: Record, calm: Record, values: Values) -> None:
    """Add these figures to the KPIs of a case, (R,) each; 0 where nothing strikes.

    Parameters
    ----------
    calm : the same replications undisturbed
    """
    fall = daily_service(calm) - daily_service(record)
    values["dip_depth", "all"] = np.maximum(fall, 0.0).max(axis=0)
    extra = record.backlog - calm.backlog
    values["backlog_peak", "all"] = np.maximum(extra, 0).max(axis=0).astype(np.float64)
    values["backlog_tail_days", "all"] = _last_day(
        extra > NOTICED * calm.demand.mean(axis=0), record.onset, world.ticks_per_day
    )
    values["order_swing", "all"] = _swing(record, calm)
    total = np.zeros(record.n_replications)
    for i, site in enumerate(world.sites):
        rows, scales = record.site_rows[i], world.money_scales[i]
        short = rows[at.SHORTAGE] / scales[at.BY_SHORTAGE]
        here = short + record.destroyed_value[i] / scales[at.BY_VALUE]
        values["lost_margin", f"site:{site.site_id}"] = here
        total = total + here
    values["lost_margin", "all"] = total
    for tier in range(3):
        values[f"reach_tier_{tier}", "all"] = _reach(world, record, calm, tier)


def _last_day(late: np.ndarray, onset: Places, ticks_per_day: int) -> Floats:
    days = np.zeros(late.shape[1])
    for r in np.flatnonzero(onset >= 0):
        hit = np.flatnonzero(late[onset[r] :, r])
        days[r] = (hit[-1] + 1) / ticks_per_day if len(hit) else 0.0
    return days


def _swing(record: Record, calm: Record) -> Floats:
    factors = np.ones(record.n_replications)
    for r in np.flatnonzero(record.onset >= 0):
        begin = int(record.onset[r])
        before = float(calm.ordered[begin:, r].std())
        factors[r] = float(record.ordered[begin:, r].std()) / before if before > 0.0 else 1.0
    return factors


def _reach(world: World, record: Record, calm: Record, tier: int) -> Floats:
    """(R,) share of a tier's sites whose units that left changed by 1 % against undisturbed."""
    sites = [i for i, site in enumerate(world.sites) if min(site.depth, 2) == tier]
    if not sites:
        return np.zeros(record.n_replications)
    hit = np.zeros(record.n_replications)
    for i in sites:
        left, usual = (
            book.site_rows[i, at.ISSUED] + book.site_rows[i, at.SHIPPED] for book in (record, calm)
        )
        hit += np.abs(left - usual) > HIT * usual
    result: Floats = hit / len(sites)
    return result
