"""Vans as the scenario lists them, before they meet a day's stops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.routing.problem import FOREVER, OPEN_END, Floats, Ints, Vans
from scenarios import Scenario

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Fleet:
    """Vehicle types that can drive, sorted by type and depot.

    Attributes
    ----------
    rows : one row per type: the columns of `vehicles`, and start_s, end_s (seconds from
        midnight), end_site ("" for an open route)
    skills : what each has
    notes : rows that cannot drive, and why
    """

    rows: pd.DataFrame
    skills: tuple[frozenset[str], ...]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)


def read_fleet(scenario: Scenario, placed_sites: frozenset[str]) -> Fleet:
    """Read the vans that can drive: at least one, from and to a site with coordinates.

    Parameters
    ----------
    scenario : the facts
    placed_sites : ids of sites with usable coordinates
    """
    rows = scenario.filled("vehicles").sort_values(["vehicle_type", "depot_id"], kind="stable")
    rows = rows.reset_index(drop=True)
    is_open = rows["open_route"].fillna(False).astype(bool)
    end_site = rows["end_depot_id"].fillna(rows["depot_id"]).mask(is_open, "")
    rows = rows.assign(
        start_s=[clock_seconds(cell) for cell in rows["shift_start"]],
        end_s=[clock_seconds(cell) for cell in rows["shift_end"]],
        end_site=end_site,
    )
    overnight = rows["end_s"] <= rows["start_s"]
    rows["end_s"] = rows["end_s"].where(~overnight, rows["end_s"] + DAY_S)

    notes = []
    tests = {
        "are none (count 0)": ~(rows["count"] >= 1),
        "start or end at a site without usable coordinates": ~(
            rows["depot_id"].isin(placed_sites)
            & (rows["end_site"].isin(placed_sites) | (rows["end_site"] == ""))
        ),
        "have no readable shift or no capacity": rows[["start_s", "end_s"]].isna().any(axis=1)
        | ~(rows["capacity_kg"] > 0),
    }
    usable = pd.Series(True, index=rows.index)
    for reason, bad in tests.items():
        if (bad & usable).any():
            names = ", ".join((rows["vehicle_type"] + " at " + rows["depot_id"])[bad & usable])
            notes.append(f"Vans that {reason} do not drive: {names}.")
        usable &= ~bad
    rows = rows[usable].reset_index(drop=True)
    return Fleet(rows, tuple(skill_set(cell) for cell in rows["skills"]), tuple(notes))


def vans_of(
    fleet: Fleet,
    chosen: list[int],
    place_of_site: dict[str, int],
    profile_of_speed: dict[float, int],
    co2_price_per_g: float,
) -> Vans:
    """Return some of the fleet as arrays.

    Parameters
    ----------
    chosen : rows of the fleet
    place_of_site : index into the places of the problem
    profile_of_speed : index into the matrices of seconds, by km/h
    co2_price_per_g : money
    """
    rows = fleet.rows.iloc[chosen]
    start_s, end_s = rows["start_s"].to_numpy(np.int64), rows["end_s"].to_numpy(np.int64)
    break_s = np.rint(rows["break_min"].fillna(0.0).to_numpy(np.float64) * 60.0).astype(np.int64)
    due = np.where(break_s > 0, rows["break_after_h"].to_numpy(np.float64) * 3600.0, np.nan)
    return Vans(
        vehicle_type=tuple(rows["vehicle_type"]),
        depot_id=tuple(rows["depot_id"]),
        count=rows["count"].to_numpy(np.int64),
        start_place=np.array([place_of_site[site] for site in rows["depot_id"]], dtype=np.int64),
        end_place=np.array(
            [place_of_site[site] if site else OPEN_END for site in rows["end_site"]],
            dtype=np.int64,
        ),
        capacity=np.column_stack([rows["capacity_kg"], rows["capacity_m3"].fillna(np.inf)]).astype(
            np.float64
        ),
        shift=np.column_stack([start_s, end_s]),
        latest_start_s=np.minimum(end_s, DAY_S - 1),
        max_duration_s=end_s - start_s,
        max_metres=_whole_or_forever(rows["max_km"].to_numpy(np.float64) * 1000.0),
        max_stops=_whole_or_forever(rows["max_stops"].to_numpy(np.float64)),
        max_trips=rows["max_trips"].to_numpy(np.int64),
        reload_s=np.rint(rows["reload_min"].to_numpy(np.float64) * 60.0).astype(np.int64),
        fixed_cost=rows["fixed_cost"].to_numpy(np.float64),
        cost_per_km=rows["cost_per_km"].to_numpy(np.float64),
        cost_per_hour=rows["cost_per_hour"].to_numpy(np.float64),
        g_co2e_per_km=rows["g_co2e_per_km"].to_numpy(np.float64),
        co2_cost_per_km=co2_price_per_g * rows["g_co2e_per_km"].to_numpy(np.float64),
        g_co2e_per_tkm=rows["g_co2e_per_tkm"].to_numpy(np.float64),
        co2_cost_per_tkm=co2_price_per_g * rows["g_co2e_per_tkm"].to_numpy(np.float64),
        break_after_s=_whole_or_forever(due),
        break_s=break_s,
        profile=np.array([profile_of_speed[v] for v in rows["speed_km_h"]], dtype=np.int64),
    )


def clock_seconds(cell: object) -> float:
    """Return seconds from midnight of "HH:MM" or "HH:MM:SS"; NaN where it is neither."""
    parts = str(cell).split(":")
    if not 2 <= len(parts) <= 3 or not all(part.strip().isdigit() for part in parts):
        return float("nan")
    hours, minutes, seconds = (*(int(part) for part in parts), 0)[:3]
    return float(hours * 3600 + minutes * 60 + seconds)


def skill_set(cell: object) -> frozenset[str]:
    """Return the skills that a cell names, separated by commas."""
    if not isinstance(cell, str):
        return frozenset()
    parts = cell.replace("，", ",").split(",")
    return frozenset(part.strip() for part in parts if part.strip())


def _whole_or_forever(values: Floats) -> Ints:
    """Return limits rounded down to whole units; FOREVER for a blank."""
    known = np.nan_to_num(values, nan=float(FOREVER), posinf=float(FOREVER))
    whole: Ints = np.floor(np.minimum(known, float(FOREVER)) + 1e-9).astype(np.int64)
    return whole
