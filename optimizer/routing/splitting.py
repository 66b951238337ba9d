"""Loads above every van, split beforehand into van-loads and a rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from optimizer.routing.calls import USUAL_PRIORITY, Calls, line_weights
from optimizer.routing.problem import LOAD_TOLERANCE, Flags, Floats, Ints
from optimizer.routing.under_way import PART_COLUMNS
from scenarios import InputError, Scenario

MOST_PARTS = 200  # of one call; what would need more is left whole
MEASURES = ("kg", "m3", "unit_service_s", "penalty")


@dataclass(frozen=True, slots=True)
class Parted:
    """Calls of which those above every van are in parts.

    Attributes
    ----------
    calls : a row per part, numbered from 1 in the column part
    origin : (n,) int64, the row of each before
    lines : order_id, shipment_id, part, line_id, qty of everything in parts
    """

    calls: Calls
    origin: Ints
    lines: pd.DataFrame


def whole(calls: Calls) -> Parted:
    """Return calls none of which is split."""
    nothing = pd.DataFrame(columns=PART_COLUMNS).astype(object)
    return Parted(calls, np.arange(len(calls.rows)), nothing)


def as_told(scenario: Scenario, calls: Calls, told: pd.DataFrame) -> Parted:
    """Return calls of which some come in the parts that they were split into before.

    Parameters
    ----------
    told : PART_COLUMNS; a part that is not in it comes no more

    Raises
    ------
    InputError
        A part has a line that the order has no more.
    """
    if not len(told):
        return whole(calls)
    heavy = np.flatnonzero(calls.rows["order_id"].isin(set(told["order_id"])))
    lines = _lines(scenario, {}, calls, heavy.tolist())
    parts = told[["order_id", "part", "line_id"]].assign(brought=told["qty"].astype(np.float64))
    inside = parts.merge(lines, on=["order_id", "line_id"], how="left")
    unknown = inside["row"].isna()
    if unknown.any():
        names = ", ".join(sorted(set(inside.loc[unknown, "order_id"])))
        raise InputError(f"orders in parts have lines no more that are in their parts: {names}")
    inside = inside.astype({"row": np.int64, "part": np.int64})
    number = inside.groupby(["row", "part"]).ngroups
    note = f"{number} parts of {len(heavy)} stops heavier than any van are still to come."
    return _cut(scenario, calls, inside, note)


def above_every_van(scenario: Scenario, calls: Calls, capacity: Floats, allowed: Flags) -> Ints:
    """Return the whole calls that may come in parts and that no van allowed for them can hold.

    An order may come in parts where it has allow_split; a line of it only with allow_line_split.

    Parameters
    ----------
    capacity : (m, 2) float64, kg and m3
    allowed : (n, m) bool
    """
    may = scenario.filled("orders").set_index("order_id")["allow_split"]
    splits = may.reindex(calls.rows["order_id"]).fillna(True).to_numpy(bool)
    load = calls.rows[["kg", "m3"]].to_numpy(np.float64)
    heavy = np.ones(len(load), dtype=bool)
    for van in range(len(capacity)):
        holds = (load <= capacity[van] + LOAD_TOLERANCE).all(axis=1)
        heavy &= ~(holds & allowed[:, van])
    is_whole = calls.rows["part"].to_numpy(np.int64) == 0
    found: Ints = np.flatnonzero(splits & heavy & is_whole & allowed.any(axis=1))
    return found


def in_parts(
    scenario: Scenario,
    upstream: Mapping[str, pd.DataFrame],
    calls: Calls,
    heavy: Mapping[int, Floats],
) -> Parted:
    """Split calls, each for the van that needs the fewest parts; what is left over comes last.

    Lines stay whole where they must and are packed the largest first; else units fill one van
    after the other, line by line. A call that no number of parts brings into a van stays whole.

    Parameters
    ----------
    heavy : by row, (k, 2) float64, kg and m3 of the vans that could come for its parts
    """
    lines = _lines(scenario, upstream, calls, list(heavy))
    may = scenario.filled("orders").set_index("order_id")["allow_line_split"]
    inside = []
    for k, rooms in heavy.items():
        mine = lines[lines["row"] == k]
        unit = mine[["kg", "m3"]].to_numpy(np.float64) / mine["qty"].to_numpy(np.float64)[:, None]
        qty, cut = mine["qty"].to_numpy(np.float64), bool(may[calls.rows["order_id"].iat[k]])
        packed = [(by_unit if cut else by_line)(qty, unit, room) for room in rooms]
        found = min((p for p in packed if p is not None), key=len, default=None)
        if found is None or not 1 < len(found) <= MOST_PARTS:
            continue
        for number, amounts in enumerate(found, start=1):
            inside.append(mine.assign(part=number, brought=amounts)[amounts > 0.0])
    if not inside:
        return whole(calls)
    told = pd.concat(inside, ignore_index=True)
    number, stops = told.groupby(["row", "part"]).ngroups, told["row"].nunique()
    note = f"{stops} stops are heavier than any van and come in {number} parts."
    return _cut(scenario, calls, told, note)


def by_unit(qty: Floats, unit: Floats, room: Floats) -> list[Floats] | None:
    """Fill one van after the other, line by line, with whole units.

    Parameters
    ----------
    qty : (l,) float64, units
    unit : (l, 2) float64, kg and m3 of a unit
    room : (2,) float64, kg and m3 of a van

    Returns
    -------
    parts : (l,) float64 each, units of every line; None where a unit has no room
    """
    parts: list[Floats] = []
    left, rest = np.zeros(2), qty.copy()
    for line in range(len(qty)):
        while rest[line] > 0.0:
            takes = unit[line] > 0.0
            with np.errstate(over="ignore"):
                fits = np.min((left + LOAD_TOLERANCE)[takes] / unit[line][takes], initial=np.inf)
            amount = rest[line] if rest[line] <= fits else float(np.floor(fits))
            if not parts or amount <= 0.0:
                if (parts and not parts[-1].any()) or len(parts) > MOST_PARTS:
                    return None
                parts.append(np.zeros(len(qty)))
                left = room.astype(np.float64).copy()
                continue
            parts[-1][line] += amount
            rest[line] -= amount
            left = left - amount * unit[line]
    return parts


def by_line(qty: Floats, unit: Floats, room: Floats) -> list[Floats] | None:
    """Put whole lines into the first van with room, the largest share of a van first.

    Parameters and parts as in `by_unit`; None where a line has no room.
    """
    load = qty[:, None] * unit
    if (load > room + LOAD_TOLERANCE).any():
        return None
    parts: list[Floats] = []
    left: list[Floats] = []
    for line in np.argsort(-(load / room).max(axis=1), kind="stable"):
        at = next(
            (p for p in range(len(parts)) if (load[line] <= left[p] + LOAD_TOLERANCE).all()), -1
        )
        if at < 0:
            parts.append(np.zeros(len(qty)))
            left.append(room.astype(np.float64).copy())
        parts[at][line] = qty[line]
        left[at] = left[at] - load[line]
    return parts


# ---- inside ---------------------------------------------------------------------------------


def _lines(
    scenario: Scenario,
    upstream: Mapping[str, pd.DataFrame],
    calls: Calls,
    heavy: Sequence[int],
) -> pd.DataFrame:
    """Return the lines of some calls, in order: row, keys, qty, and measures of the quantity."""
    keys = calls.rows.iloc[list(heavy)][["order_id", "shipment_id"]].assign(row=list(heavy))
    weights = line_weights(scenario).rename(columns={"units": "ordered"})
    ordered = keys[keys["shipment_id"] == ""].merge(weights, on="order_id")
    ordered["qty"] = ordered["ordered"]
    found = [ordered]
    if "shipment_lines" in upstream:
        packed = upstream["shipment_lines"][["shipment_id", "order_id", "line_id", "qty"]]
        shipped = keys[keys["shipment_id"] != ""].merge(packed, on=["order_id", "shipment_id"])
        found.append(shipped.merge(weights, on=["order_id", "line_id"]))
    lines = pd.concat(found, ignore_index=True)
    lines = lines[lines["qty"] > 0.0].sort_values(["row", "line_id"], kind="stable")
    share = lines["qty"] / lines["ordered"]
    return lines.assign(**{name: lines[name] * share for name in MEASURES}).reset_index(drop=True)


def _cut(scenario: Scenario, calls: Calls, inside: pd.DataFrame, note: str) -> Parted:
    """Return calls of which some are replaced by their parts.

    Parameters
    ----------
    inside : as `_lines`, with part, and brought: units of the line in the part
    """
    cut = set(inside["row"])
    kept = [(k, number) for k, number in enumerate(calls.rows["part"].tolist()) if k not in cut]
    parts = inside[["row", "part"]].drop_duplicates().itertuples(index=False, name=None)
    order = sorted([*kept, *parts])
    origin = np.array([k for k, _ in order], dtype=np.int64)
    rows = calls.rows.iloc[origin].reset_index(drop=True)
    rows["part"] = np.array([number for _, number in order], dtype=np.int64)
    return Parted(
        replace(
            calls,
            rows=_shared_out(scenario, rows, origin, inside),
            windows=tuple(calls.windows[k] for k in origin),
            skills=tuple(calls.skills[k] for k in origin),
            notes=(*calls.notes, note),
        ),
        origin,
        inside.assign(qty=inside["brought"])[PART_COLUMNS],
    )


def _shared_out(
    scenario: Scenario, rows: pd.DataFrame, origin: Ints, inside: pd.DataFrame
) -> pd.DataFrame:
    """Return rows of which each part has its own load, service and loss."""
    share = inside["brought"] / inside["qty"]
    own = pd.DataFrame(
        {name: inside[name] * share for name in MEASURES}
        | {"units": inside["brought"], "row": inside["row"], "part": inside["part"]}
    )
    total = own.groupby(["row", "part"]).sum()
    at = np.flatnonzero(np.isin(origin, inside["row"].to_numpy()))
    mine = total.loc[list(zip(origin[at], rows["part"].iloc[at], strict=True))]
    units = mine["units"].to_numpy(np.float64) / rows["units"].iloc[at].to_numpy(np.float64)
    prize = rows["prize"].iloc[at].notna().to_numpy()
    loss = np.where(
        prize,
        rows["loss"].iloc[at].to_numpy(np.float64) * units,
        mine["penalty"].to_numpy() * USUAL_PRIORITY / rows["priority"].iloc[at].to_numpy(float),
    )
    stay = scenario.filled("orders").set_index("order_id")["service_s"]
    service = stay.reindex(rows["order_id"].iloc[at]).to_numpy(np.float64)
    changed = {name: mine[name].to_numpy(np.float64) for name in (*MEASURES, "units")} | {
        "loss": loss,
        "true_loss": loss,
        "loss_at_least": loss,
        "service_s": np.rint(service + mine["unit_service_s"].to_numpy()).astype(np.int64),
    }
    filled = rows.copy()
    for name, values in changed.items():
        column = filled[name].to_numpy(copy=True)
        column[at] = values
        filled[name] = column
    return filled
