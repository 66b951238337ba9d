"""From parcels and the scenario's hours and cut-offs to the work of each site."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optimizer.allocation.priority import USUAL_PRIORITY
from optimizer.allocation.waves.problem import Departures, Ints, SiteWork, Slots
from scenarios import Scenario
from scenarios.semantics.defaults import unserved_penalty
from scenarios.semantics.work_hours import DAY_S, WorkHours, clock_s, work_hours

QUARTER_S = 900  # a release within a quarter of an hour counts at its end
MOST_DAYS_LATE = 7  # a parcel that leaves later than that is called not leaving
KG_TOLERANCE = 1e-9


def read_sites(scenario: Scenario, shipments: pd.DataFrame, lines: pd.DataFrame) -> list[SiteWork]:
    """Return the work of every site that ships, sorted by site.

    Parameters
    ----------
    shipments, lines : result tables of the sourcing stage
    """
    parcels = _parcels(scenario, shipments, lines)
    first = pd.Timestamp(scenario.settings.start_date)
    days = int((parcels["ship_on"].max() - first).days) + MOST_DAYS_LATE + 1
    return [
        _site(str(site), part.reset_index(drop=True), work_hours(scenario, str(site), first, days))
        for site, part in parcels.groupby("site_id", sort=True)
    ]


def _parcels(scenario: Scenario, shipments: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """Return one row per parcel, sorted by id: units, release_s, day, cutoff_s, rate."""
    start = pd.Timestamp(scenario.settings.start_date)
    parcels = shipments.sort_values("shipment_id", kind="stable", ignore_index=True)
    orders = scenario.filled("orders").set_index("order_id").reindex(parcels["order_id"])
    orders = orders.reset_index()
    penalty = unserved_penalty(scenario).reindex(lines["product_id"]).to_numpy(np.float64)
    content = lines[["shipment_id"]].assign(
        units=lines["qty"].to_numpy(np.float64), worth=lines["qty"].to_numpy(np.float64) * penalty
    )
    content = content.groupby("shipment_id").sum().reindex(parcels["shipment_id"])
    released = orders[["release_at", "placed_at"]].max(axis=1).fillna(start).clip(lower=start)
    per_hour = orders["late_cost_per_h"].to_numpy(np.float64)
    weighed = content["worth"].to_numpy() * USUAL_PRIORITY / orders["priority"].to_numpy(float)
    ship_on = pd.to_datetime(parcels["ship_on"])
    day, cutoff = _cutoffs(scenario, parcels, orders["zone_id"], start)
    return parcels[["shipment_id", "site_id", "carrier_id"]].assign(
        ship_on=ship_on,
        units=content["units"].to_numpy(),
        release_s=np.ceil((released - start).dt.total_seconds().to_numpy()).astype(np.int64),
        day=day,
        cutoff_s=cutoff,
        rate=np.where(np.isnan(per_hour), weighed, 24.0 * per_hour),
    )


def _cutoffs(
    scenario: Scenario, parcels: pd.DataFrame, zone: pd.Series, start: pd.Timestamp
) -> tuple[Ints, Ints]:
    """Return the day (from `start`) and the second of the day by which each parcel is loaded.

    The cut-off of its rate on its ship day. Without one: for parcels that vans drive, the first
    shift on the day of the promise; for others the end of the ship day.
    """
    key = ["carrier_id", "service", "origin", "destination"]
    rates = scenario.table("carrier_rates").sort_values("max_weight_kg", kind="stable")
    wanted = pd.DataFrame(
        {
            "carrier_id": parcels["carrier_id"].astype("str"),
            "service": parcels["service"].astype("str"),
            "origin": parcels["site_id"].astype("str"),
            "destination": zone.astype("str").to_numpy(),
            "kg": parcels["weight_kg"].to_numpy(np.float64),
            "row": np.arange(len(parcels)),
        }
    )
    found = wanted.merge(rates[[*key, "max_weight_kg", "cutoff_time"]], on=key, how="left")
    found = found[~(found["kg"] > found["max_weight_kg"] + KG_TOLERANCE)]
    found = found.drop_duplicates("row").set_index("row").reindex(np.arange(len(parcels)))
    stated = {cell: clock_s(cell, -1) for cell in found["cutoff_time"].dropna().unique()}
    cutoff = found["cutoff_time"].map(stated).fillna(-1).to_numpy(np.int64)
    shift = _first_shifts(scenario)
    vans = [
        shift.get(pair, -1) for pair in zip(parcels["site_id"], parcels["carrier_id"], strict=True)
    ]
    by_van = (cutoff < 0) & (np.array(vans, np.int64) >= 0)
    leaves = pd.to_datetime(parcels["promised_on"]).where(by_van, parcels["ship_on"])
    day = (pd.to_datetime(leaves) - start).dt.days.to_numpy(np.int64)
    cutoff = np.where(cutoff >= 0, cutoff, np.where(by_van, vans, DAY_S))
    return day, cutoff.astype(np.int64)


def _first_shifts(scenario: Scenario) -> dict[tuple[str, str], int]:
    """Return when the first shift starts, by site and carrier; a blank one stands for own ones."""
    carriers = scenario.table("carriers")
    own = carriers.loc[carriers["kind"] == "own", "carrier_id"].tolist()
    shifts: dict[tuple[str, str], int] = {}
    for row in scenario.table("vehicles").itertuples():
        for carrier in [row.carrier_id] if isinstance(row.carrier_id, str) else own:
            pair, starts = (str(row.depot_id), str(carrier)), clock_s(row.shift_start, 0)
            shifts[pair] = min(starts, shifts.get(pair, starts))
    return shifts


def _site(site_id: str, parcels: pd.DataFrame, hours: WorkHours) -> SiteWork:
    """Lay out slots and departures for the parcels of one site."""
    groups = parcels[["day", "cutoff_s"]].drop_duplicates().sort_values(["day", "cutoff_s"])
    group = pd.MultiIndex.from_frame(groups).get_indexer(
        pd.MultiIndex.from_frame(parcels[["day", "cutoff_s"]])
    )
    leaves = [
        [
            (later, (day + later) * DAY_S + cutoff)
            for later in range(MOST_DAYS_LATE)
            if day + later < len(hours.open_days) and hours.open_days[day + later]
        ]
        for day, cutoff in groups.itertuples(index=False)
    ]
    release = parcels["release_s"].to_numpy(np.int64)
    release = -(-release // QUARTER_S) * QUARTER_S
    cuts = np.unique([*release.tolist(), *(at for chances in leaves for _, at in chances)])
    slots = _slots(hours, cuts.astype(np.int64))
    return SiteWork(
        site_id=site_id,
        slots=slots,
        departures=_departures(leaves, slots),
        shipment_id=parcels["shipment_id"].to_numpy(object),
        carrier_id=parcels["carrier_id"].to_numpy(object),
        units=parcels["units"].to_numpy(np.float64),
        release_s=parcels["release_s"].to_numpy(np.int64),
        release=np.searchsorted(slots.begin_s, release).astype(np.int64),
        group=group.astype(np.int64),
        due_s=(parcels["day"] * DAY_S + parcels["cutoff_s"]).to_numpy(np.int64),
        rate=parcels["rate"].to_numpy(np.float64),
    )


def _slots(hours: WorkHours, cuts: Ints) -> Slots:
    """Cut hours where something is released or leaves; each part has its share of the hour."""
    edges = []
    for begin, end in zip(hours.begin_s.tolist(), hours.end_s.tolist(), strict=True):
        inside = cuts[(cuts > begin) & (cuts < end)].tolist()
        edges.append([begin, *inside, end])
    parts = np.array([len(edge) - 1 for edge in edges], np.int64)
    begin = np.array([at for edge in edges for at in edge[:-1]], np.int64)
    end = np.array([at for edge in edges for at in edge[1:]], np.int64)
    share = (end - begin) / np.repeat(hours.end_s - hours.begin_s, parts)
    return Slots(
        begin,
        end,
        np.repeat(hours.pick_units, parts) * share,
        np.repeat(hours.dock_parcels, parts) * share,
    )


def _departures(leaves: list[list[tuple[int, int]]], slots: Slots) -> Departures:
    """Lay out the chances of each group; those that a group lacks are made by no slot."""
    most = max((len(chances) for chances in leaves), default=0)
    shape = (len(leaves), most)
    at, slot = np.zeros(shape, np.int64), np.full(shape, -1, np.int64)
    late = np.full((len(leaves), most + 1), MOST_DAYS_LATE, np.int64)
    for group, chances in enumerate(leaves):
        for chance, (later, moment) in enumerate(chances):
            at[group, chance] = moment
            slot[group, chance] = np.searchsorted(slots.end_s, moment, side="right") - 1
            late[group, chance] = later
    return Departures(at, slot, late)
