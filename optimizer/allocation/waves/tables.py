"""Result tables of waves: waves, when each parcel is worked on, alerts about cut-offs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optimizer.allocation.waves.line import Schedule
from optimizer.allocation.waves.missed import shortages
from optimizer.allocation.waves.problem import Ints, SiteWork


def wave_tables(
    work: SiteWork, chance: Ints, schedule: Schedule, start: pd.Timestamp
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the waves of a site and the parcels in them.

    A wave is what is picked for one carrier and departure from one moment on.
    """
    goes = np.flatnonzero(schedule.load_to >= 0)
    departure = work.departures.leaves_s[work.group[goes], chance[goes]]
    slots = work.slots
    rows = pd.DataFrame(
        {
            "shipment_id": work.shipment_id[goes],
            "carrier_id": work.carrier_id[goes],
            "cutoff_s": departure,
            "units": work.units[goes],
            "from_s": slots.begin_s[schedule.pick_from[goes]],
            "picked_s": slots.end_s[schedule.pick_to[goes]],
            "load_s": slots.begin_s[schedule.load_from[goes]],
            "loaded_s": slots.end_s[schedule.load_to[goes]],
        }
    )
    key = ["from_s", "cutoff_s", "carrier_id"]
    waves = rows.groupby(key, sort=True, as_index=False).agg(
        parcels=("units", "size"), units=("units", "sum"), picked_s=("picked_s", "max")
    )
    width = max(2, len(str(len(waves))))
    waves["wave_id"] = [f"{work.site_id}-{number + 1:0{width}d}" for number in range(len(waves))]
    rows = rows.merge(waves[[*key, "wave_id"]], on=key, how="left")

    def moments(seconds: pd.Series) -> pd.Series:
        return start + pd.to_timedelta(seconds, unit="s")

    return (
        pd.DataFrame(
            {
                "wave_id": waves["wave_id"],
                "site_id": work.site_id,
                "carrier_id": waves["carrier_id"],
                "release_at": moments(waves["from_s"]),
                "cutoff_at": moments(waves["cutoff_s"]),
                "parcels": waves["parcels"].astype(np.float64),
                "units": waves["units"],
                "picked_by": moments(waves["picked_s"]),
            }
        ),
        pd.DataFrame(
            {
                "shipment_id": rows["shipment_id"],
                "wave_id": rows["wave_id"],
                "pick_from": moments(rows["from_s"]),
                "picked_by": moments(rows["picked_s"]),
                "load_from": moments(rows["load_s"]),
                "loaded_by": moments(rows["loaded_s"]),
            }
        ),
    )


def alert_rows(work: SiteWork, missed: pd.DataFrame, start: pd.Timestamp) -> pd.DataFrame:
    """Return an alert for each carrier and cut-off that parcels of a site miss."""
    if not len(missed):
        return pd.DataFrame()
    short = shortages(work)
    rows = []
    for (carrier, cutoff), part in missed.groupby(["carrier_id", "cutoff_at"], sort=True):
        proven = int((part["proof"] == "proven").sum())
        message = f"{_miss(len(part))} the cut-off of {carrier} at {cutoff:%Y-%m-%d %H:%M}"
        if proven:
            message += f"; {proven} could not make it even alone"
        too_much = short.get(int((cutoff - start).total_seconds()))
        if too_much is not None and too_much.units > 0.0:
            message += f"; at least {too_much.units:g} units too many are due by then (proven)"
        if too_much is not None and too_much.parcels > 0.0:
            message += f"; at least {too_much.parcels:g} parcels too many to load by then (proven)"
        later = part["later_cutoff_min"].max()
        if not np.isnan(later) and later > 0.0:
            message += f"; all would make it {later:g} minutes later"
        rows.append(("warning", "late_order", f"site:{work.site_id}", cutoff.normalize(),
                     float(part["cost"].sum()), message))  # fmt: skip
    columns = ["severity", "code", "entity", "bucket", "value", "message"]
    return pd.DataFrame(rows, columns=columns)


def _miss(count: int) -> str:
    return "1 parcel misses" if count == 1 else f"{count} parcels miss"
