"""Parcels that miss their cut-off: why, whether that is proven, and what would help."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.allocation.waves.choose import alone
from optimizer.allocation.waves.level import stretches, within
from optimizer.allocation.waves.line import Schedule
from optimizer.allocation.waves.problem import WORK, Floats, Ints, SiteWork

MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Shortage:
    """What is too much for one cut-off of a site, counted over all parcels due by it.

    Attributes
    ----------
    units, parcels : that cannot be picked, loaded in time, whatever is done first; 0 for none
    """

    units: float
    parcels: float


def missed(work: SiteWork, chance: Ints) -> Ints:
    """Return the parcels that do not leave at their own cut-off."""
    known = np.minimum(chance, work.departures.chances - 1)
    leaves = work.departures.leaves_s[work.group, known]
    late = (chance >= work.departures.chances) | (leaves != work.due_s)
    result: Ints = np.flatnonzero(late)
    return result


def own_slot(work: SiteWork) -> Ints:
    """Return the last slot that ends by each parcel's own cut-off, -1 for none."""
    result: Ints = np.searchsorted(work.slots.end_s, work.due_s, side="right") - 1
    return result


def shortages(work: SiteWork) -> dict[int, Shortage]:
    """Return what is too much for each cut-off, by its second.

    A stretch of slots up to it holds less than what is released within the stretch and due by
    then (Hall 1935). Parcels that could not make their cut-off even alone are left out.
    """
    due, n_slots = own_slot(work), len(work.slots)
    able = alone(work) <= due
    release, due, moment = work.release[able], due[able], work.due_s[able]
    excess = []
    for capacity, load in (
        (work.slots.pick, work.units),
        (work.slots.dock, np.ones(work.n_parcels)),
    ):
        over = within(release, due, load[able], n_slots) - stretches(capacity)
        excess.append(np.maximum(0.0, np.tril(over.T).max(axis=1, initial=0.0)))
    last = {int(at): int(slot) for at, slot in zip(moment, due, strict=True)}
    return {at: Shortage(float(excess[0][s]), float(excess[1][s])) for at, s in last.items()}


def missed_rows(
    work: SiteWork, chance: Ints, schedule: Schedule, start: pd.Timestamp
) -> pd.DataFrame:
    """Return a row for every parcel that misses its cut-off.

    *Proven*: it could not make it even if it were alone at the site.

    Parameters
    ----------
    schedule : with full hours
    """
    parcels = missed(work, chance)
    if not len(parcels):
        return pd.DataFrame()
    earliest, own = alone(work), own_slot(work)
    short = shortages(work)
    rows = []
    for parcel in parcels.tolist():
        code, proof, detail = _reason(work, parcel, int(earliest[parcel]), int(own[parcel]), short)
        later = _later_s(work, parcel, int(earliest[parcel]), schedule, proof)
        pick, dock = _more(work, parcel, int(own[parcel]), schedule)
        rows.append((code, proof, detail, later, pick, dock))
    known = np.minimum(chance[parcels], work.departures.chances - 1)
    group = work.group[parcels]
    never = chance[parcels] >= work.departures.chances
    leaves = _moments(work.departures.leaves_s[group, known], start)
    cutoffs = _moments(work.due_s[parcels], start)
    told = [
        _relaxation(moment, later, pick, dock, start)
        for moment, (_, _, _, later, pick, dock) in zip(cutoffs, rows, strict=True)
    ]
    return pd.DataFrame(
        {
            "shipment_id": work.shipment_id[parcels],
            "site_id": work.site_id,
            "carrier_id": work.carrier_id[parcels],
            "cutoff_at": cutoffs,
            "leaves_at": leaves.where(~never),
            "days_late": work.departures.days_late[group, chance[parcels]].astype(np.float64),
            "cost": work.cost(chance)[parcels],
            "code": [row[0] for row in rows],
            "proof": [row[1] for row in rows],
            "detail": [row[2] for row in rows],
            "later_cutoff_min": [
                np.nan if later is None else (later - work.due_s[parcel]) / MINUTE_S
                for parcel, (_, _, _, later, _, _) in zip(parcels.tolist(), rows, strict=True)
            ],
            "extra_pick_units": [row[4] for row in rows],
            "extra_dock_parcels": [row[5] for row in rows],
            "cheapest_relaxation": told,
        }
    )


def _reason(
    work: SiteWork, parcel: int, earliest: int, own: int, short: dict[int, Shortage]
) -> tuple[str, str, str]:
    slots, units = work.slots, float(work.units[parcel])
    departures = work.departures.leaves_s[work.group[parcel]]
    if int(work.due_s[parcel]) not in departures.tolist():
        return "closed", "proven", f"{work.site_id} does not work on the day of the cut-off"
    if int(work.release[parcel]) > own:
        return "no_hour", "proven", "no working hour lies between its release and the cut-off"
    if earliest > own:
        stretch = slice(int(work.release[parcel]), own + 1)
        picked, loaded = float(slots.pick[stretch].sum()), float(slots.dock[stretch].sum())
        if picked < units - WORK:
            told = f"{units:g} units; the hours before the cut-off pick {picked:g}"
            return "pick_capacity", "proven", told
        told = f"picked by then; the hours left before the cut-off load {loaded:g} parcels"
        return "dock_capacity", "proven", told
    shortage = short.get(int(work.due_s[parcel]), Shortage(0.0, 0.0))
    if shortage.units > WORK:
        told = f"at least {shortage.units:g} units too many are due by this cut-off"
        return "pick_capacity", "heuristic", f"{told}; delaying these costs least"
    if shortage.parcels > WORK:
        told = f"at least {shortage.parcels:g} parcels too many are due by this cut-off"
        return "dock_capacity", "heuristic", f"{told}; delaying these costs least"
    return "pick_capacity", "heuristic", "others that are due earlier or cost more take its hours"


def _later_s(
    work: SiteWork, parcel: int, earliest: int, schedule: Schedule, proof: str
) -> int | None:
    """Return the second up to which the cut-off would have to wait; None where none is known."""
    slot = earliest if proof == "proven" else int(schedule.load_to[parcel])
    slot = earliest if slot < 0 else slot
    return int(work.slots.end_s[slot]) if slot < len(work.slots) else None


def _more(work: SiteWork, parcel: int, own: int, schedule: Schedule) -> tuple[float, float]:
    """Return units and parcels that the hour before the cut-off would have to hold besides."""
    slots, release = work.slots, int(work.release[parcel])
    if work.release_s[parcel] >= work.due_s[parcel]:
        return np.nan, np.nan
    idle = idle_dock = 0.0
    if own >= release:
        idle = float((slots.pick - schedule.picked)[release : own + 1].clip(min=0.0).sum())
        idle_dock = float(max(0.0, slots.dock[own] - schedule.loaded[own]))
    return max(0.0, float(work.units[parcel]) - idle), max(0.0, 1.0 - idle_dock)


def _relaxation(
    cutoff: pd.Timestamp, later: int | None, pick: float, dock: float, start: pd.Timestamp
) -> str:
    ways = []
    if later is not None:
        moment = start + pd.Timedelta(seconds=later)
        if moment > cutoff:
            ways.append(f"the cut-off at {moment:%Y-%m-%d %H:%M}")
    if not np.isnan(pick):
        more = f"{pick:.4g} more units and load {dock:.4g} more parcels"
        ways.append(f"room to pick {more} in the hour before")
    return ", or ".join(ways) if ways else "an earlier release"


def _moments(seconds: Ints | Floats, start: pd.Timestamp) -> pd.Series:
    return start + pd.to_timedelta(pd.Series(seconds), unit="s")
