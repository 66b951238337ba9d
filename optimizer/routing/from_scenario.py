"""From the scenario's tables to one routing problem per day and group of vans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from optimizer.routing.calls import (
    Calls,
    choose_days,
    not_before,
    read_calls,
    usable_coordinates,
    windows_on,
    without_end,
)
from optimizer.routing.fleet import Fleet, read_fleet, vans_of
from optimizer.routing.lengths import Computed, Lengths, Measured, kept_dense
from optimizer.routing.offers import Key, Offers, read_offers
from optimizer.routing.parts import groups_of_vans, independent_parts
from optimizer.routing.problem import (
    DELIVERY,
    FOREVER,
    Flags,
    Floats,
    Ints,
    RoutingProblem,
    Stops,
)
from optimizer.routing.solo import solo_tests
from optimizer.routing.splitting import Parted, above_every_van, as_told, in_parts, whole
from optimizer.routing.under_way import UnderWay, calls_of
from scenarios import Scenario
from scenarios.distance import DETOUR, on_sphere

GRAMS_PER_TONNE = 1e6
OFF, REST, ANY = "off", "rest", "any"  # which stops other carriers may take


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that enters no problem: no van can ever come for it.

    Attributes
    ----------
    code : place, count or skill
    detail, relaxation : sentences for the planner
    """

    order_id: str
    shipment_id: str
    units: float
    loss: float
    code: str
    detail: str
    relaxation: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What the scenario asks of its vans.

    Attributes
    ----------
    problems : by day, then by group of vans that share stops; independent of each other
    refused : calls that no van can come for
    notes : what was left aside
    offers : of carriers without vans, cheapest first
    losses : of the calls with an offer, what it costs that nobody serves them, and whether they
        may be left where that is cheaper
    part_lines : what is in each part of the calls that are heavier than any van
    """

    problems: tuple[RoutingProblem, ...]
    refused: tuple[Refused, ...]
    notes: tuple[str, ...]
    offers: Offers = field(default_factory=dict)
    losses: Mapping[Key, tuple[float, bool]] = field(default_factory=dict)
    part_lines: pd.DataFrame = field(default_factory=pd.DataFrame)


def read_problems(
    scenario: Scenario,
    upstream: Mapping[str, pd.DataFrame],
    carriers: str = OFF,
    balance_cost_per_h: float = 0.0,
    under_way: UnderWay | None = None,
) -> Reading:
    """Build the problems of all days.

    Parameters
    ----------
    carriers : ANY: the search may leave any stop to a carrier that offers, at its price; REST:
        what no van serves is given to carriers afterwards; OFF: offers are not read
    balance_cost_per_h : money; where there is any, a day's routes are one problem
    under_way : what has been decided of the day before
    """
    decided = under_way or UnderWay()
    sites = scenario.table("sites")
    lon, lat = sites["lon"].to_numpy(np.float64), sites["lat"].to_numpy(np.float64)
    placed = sites[usable_coordinates(lon, lat)].set_index("site_id")[["lon", "lat"]]
    fleet = read_fleet(scenario, frozenset(placed.index))
    calls = read_calls(scenario, upstream)
    offers = {} if carriers == OFF else read_offers(scenario, calls)
    losses = _losses(calls, offers)
    calls = _with_offers(scenario, calls, offers, carriers)
    distances, measured_notes = usable_distances(scenario)
    told = as_told(scenario, calls, decided.parts)
    calls = told.calls

    open_to = vans_open_to(scenario, calls, fleet)
    skilled = np.array(
        [[asked <= has for has in fleet.skills] for asked in calls.skills], dtype=bool
    ).reshape(len(calls.rows), len(fleet))
    start = np.datetime64(scenario.settings.start_date, "D")
    names = calls_of(calls.rows["order_id"].tolist(), calls.rows["part"].tolist())
    types = fleet.rows["vehicle_type"].tolist()
    allowed = open_to & skilled & decided.may_serve(names, types)
    loads = allowed & decided.may_load(names, calls.rows["kind"].to_numpy() == DELIVERY, types)
    parted = whole(calls)
    heavy = above_every_van(scenario, calls, _rooms(fleet), loads & ~_offered(offers, calls))
    if len(heavy):
        parted = _parted(scenario, upstream, calls, heavy, fleet, loads, placed, distances, start)
    calls, allowed, open_to = parted.calls, allowed[parted.origin], open_to[parted.origin]
    days = choose_days(calls, fleet, open_to, start)
    notes = (*fleet.notes, *calls.notes, *measured_notes)
    co2_price_per_g = scenario.settings.co2_price_per_tonne / GRAMS_PER_TONNE

    refused = []
    reachable = []
    no_place = calls.rows["lon"].isna().to_numpy()
    for k in range(len(calls.rows)):
        if no_place[k] or not allowed[k].any():
            refused.append(_refusal(calls, k, bool(no_place[k]), bool(open_to[k].any())))
        else:
            reachable.append(k)
    problems = []
    for day in np.unique(days[reachable]) if reachable else ():
        today = [k for k in reachable if days[k] == day]
        groups = groups_of_vans(allowed[today])
        if balance_cost_per_h > 0.0:
            used = np.flatnonzero(allowed[today].any(axis=0)).tolist()
            groups = [(list(range(len(today))), used)]
        for group, vans in groups:
            chosen = [today[k] for k in group]
            problem = _problem(
                day, calls, chosen, fleet, vans, allowed, placed, distances, co2_price_per_g
            )
            if balance_cost_per_h > 0.0:
                problems.append(replace(problem, balance_cost_per_h=balance_cost_per_h))
            else:
                problems += independent_parts(problem, solo_tests(problem))
    lines = pd.concat([told.lines, parted.lines], ignore_index=True)
    return Reading(tuple(problems), tuple(refused), notes, offers, losses, lines)


def vans_open_to(scenario: Scenario, calls: Calls, fleet: Fleet) -> Flags:
    """Return which vans may come for which call, by carrier and depot, (n, m) bool.

    A parcel waits for the vans of its carrier at its site; a van without carrier works for every
    carrier of kind own. What is not a parcel may be fetched or brought by any van.
    """
    carriers = scenario.table("carriers")
    own = set(carriers["carrier_id"][carriers["kind"] == "own"])
    van_carrier = fleet.rows["carrier_id"].fillna("").tolist()
    van_depot = fleet.rows["depot_id"].tolist()
    pairs = list(zip(calls.rows["site_id"], calls.rows["carrier_id"], strict=True))
    row_of = {
        pair: [
            not pair[0]
            or (depot == pair[0] and (carrier == pair[1] or (not carrier and pair[1] in own)))
            for depot, carrier in zip(van_depot, van_carrier, strict=True)
        ]
        for pair in dict.fromkeys(pairs)
    }
    return np.array([row_of[pair] for pair in pairs], dtype=bool).reshape(len(pairs), len(fleet))


def usable_distances(scenario: Scenario) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the measured distances that can be used, and a note on those that cannot."""
    rows = scenario.table("distances")
    values = rows[["distance_m", "duration_s"]].to_numpy(np.float64)
    with np.errstate(invalid="ignore"):
        good = (np.isfinite(values) & (values >= 0) & (values < FOREVER)).all(axis=1)
    if good.all():
        return rows, ()
    note = f"{int((~good).sum())} rows of distances are negative or blank: great circle instead."
    return rows[good], (note,)


# ---- inside ---------------------------------------------------------------------------------


def _offered(offers: Offers, calls: Calls) -> Flags:
    """Return which calls another carrier would take, (n, 1) bool."""
    return np.array([[key in offers] for key in _keys(calls)], dtype=bool).reshape(-1, 1)


def _keys(calls: Calls) -> list[Key]:
    return list(zip(calls.rows["order_id"], calls.rows["shipment_id"], strict=True))


def _losses(calls: Calls, offers: Offers) -> dict[Key, tuple[float, bool]]:
    """Return what each call with an offer loses, and whether it may be left out."""
    columns = zip(_keys(calls), calls.rows["loss"], calls.rows["optional"], strict=True)
    return {key: (float(loss), bool(optional)) for key, loss, optional in columns if key in offers}


def _with_offers(scenario: Scenario, calls: Calls, offers: Offers, carriers: str) -> Calls:
    """Return calls whose loss is what the cheapest carrier asks, where the search may choose it.

    What must be served stays so where only the rest is given away; a stop with a prize is given
    away where a carrier asks less than that.
    """
    rows = calls.rows
    loss, optional = rows["loss"].to_numpy(np.float64), rows["optional"].to_numpy(bool)
    cheapest = np.array([offers[key][0].cost if key in offers else np.inf for key in _keys(calls)])
    offered = np.isfinite(cheapest)
    scarce = scenario.table("carriers")["capacity_per_day"].notna().any()
    given = np.where(optional, np.minimum(loss, cheapest), cheapest)
    least = np.minimum(given, loss) if scarce or carriers == REST else given
    chosen = offered & (carriers == ANY)
    return replace(
        calls,
        rows=rows.assign(
            true_loss=loss,
            loss=np.where(chosen, given, loss),
            optional=optional | chosen,
            loss_at_least=np.where(offered, least, loss),
        ),
    )


def _rooms(fleet: Fleet) -> Floats:
    """Return kg and m3 that each type holds, (m, 2) float64."""
    rows = fleet.rows
    rooms: Floats = np.column_stack([rows["capacity_kg"], rows["capacity_m3"].fillna(np.inf)])
    return rooms.astype(np.float64)


def _parted(
    scenario: Scenario,
    upstream: Mapping[str, pd.DataFrame],
    calls: Calls,
    heavy: Ints,
    fleet: Fleet,
    allowed: Flags,
    placed: pd.DataFrame,
    distances: pd.DataFrame,
    start: np.datetime64,
) -> Parted:
    """Split calls for vans that could come for them, were they light and quick."""
    quick = calls.rows.assign(kg=0.0, m3=0.0, service_s=0)
    light = replace(calls, rows=quick)
    days = choose_days(light, fleet, allowed, start)
    rooms = _rooms(fleet)
    vans = list(range(len(fleet)))
    by_row: dict[int, Floats] = {}
    usable = heavy[calls.rows["lon"].notna().to_numpy()[heavy]]
    for day in np.unique(days[usable]) if len(usable) else ():
        chosen = usable[days[usable] == day].tolist()
        problem = _problem(day, light, chosen, fleet, vans, allowed, placed, distances, 0.0)
        possible = solo_tests(problem).possible
        by_row |= {k: rooms[row] for k, row in zip(chosen, possible, strict=True) if row.any()}
    return in_parts(scenario, upstream, calls, dict(sorted(by_row.items())))


def _refusal(calls: Calls, k: int, no_place: bool, any_van: bool) -> Refused:
    row = calls.rows.iloc[k]
    order, site = str(row["order_id"]), str(row["site_id"])
    parcel, units, loss = str(row["shipment_id"]), float(row["units"]), float(row["true_loss"])
    if no_place:
        why = "neither the order nor its zone has usable coordinates"
        return Refused(
            order, parcel, units, loss, "place", why, "give lat and lon, or a zone that has them"
        )
    if not any_van:
        where = f"at {site} " if site else ""
        whose = f"of carrier {row['carrier_id']} " if row["carrier_id"] else ""
        why = f"no van {whose}{where}can drive"
        return Refused(order, parcel, units, loss, "count", why, f"one van {whose}{where}".strip())
    asked = ", ".join(sorted(calls.skills[k]))
    return Refused(
        order, parcel, units, loss, "skill", f"no van has all of: {asked}", f"one van with: {asked}"
    )


def _problem(
    day: np.datetime64,
    calls: Calls,
    chosen: list[int],
    fleet: Fleet,
    vans: list[int],
    allowed: Flags,
    placed: pd.DataFrame,
    distances: pd.DataFrame,
    co2_price_per_g: float,
) -> RoutingProblem:
    """Build one problem: some calls of a day and the vans that may come for them."""
    rows = calls.rows.iloc[chosen]
    van_rows = fleet.rows.iloc[vans]
    ends = [site for site in van_rows["end_site"] if site]
    depots = list(dict.fromkeys([*van_rows["depot_id"], *ends]))
    place_of_site = {site: k for k, site in enumerate(depots)}
    ids = list(depots)
    points = [tuple(placed.loc[site, ["lon", "lat"]]) for site in depots]
    place_of: dict[tuple[str, bool], int] = {}
    place = np.empty(len(rows), dtype=np.int64)
    columns = zip(rows["place_id"], rows["own_place"], rows["lon"], rows["lat"], strict=True)
    for k, (name, own, lon, lat) in enumerate(columns):
        key = (name, bool(own))
        if key not in place_of:
            place_of[key] = len(ids)
            ids.append(name)
            points.append((lon, lat))
        place[k] = place_of[key]
    lonlat = np.array(points, dtype=np.float64)
    speeds = {speed: k for k, speed in enumerate(sorted(set(van_rows["speed_km_h"])))}
    metres, seconds = travel(lonlat, ids, list(speeds), distances)

    midnight = int(day.astype("datetime64[s]").astype(np.int64))
    fetched = rows["kind"].to_numpy(np.int64) != DELIVERY
    release = np.maximum(rows["release"].to_numpy(np.int64) - midnight, 0)
    windows = []
    late_after = np.full(len(rows), FOREVER)
    pays = rows["late_cost_per_h"].to_numpy(np.float64)
    for position, (k, late) in enumerate(zip(chosen, rows["late"], strict=True)):
        mine = ((0, FOREVER - 1),) if late else windows_on(calls.windows[k], day)
        closes = int(calls.windows[k][-1, 1]) if len(calls.windows[k]) else FOREVER
        if not late and closes < FOREVER and np.isfinite(pays[position]):
            late_after[position] = closes - midnight
            mine = without_end(mine)
        windows.append(not_before(mine, int(release[position])) if fetched[position] else mine)
    stops = Stops(
        order_id=tuple(rows["order_id"]),
        shipment_id=tuple(rows["shipment_id"]),
        part=rows["part"].to_numpy(np.int64),
        kind=rows["kind"].to_numpy(np.int64),
        place=place,
        load=rows[["kg", "m3"]].to_numpy(np.float64),
        units=rows["units"].to_numpy(np.float64),
        service_s=rows["service_s"].to_numpy(np.int64),
        release_s=np.where(fetched, 0, release),
        windows=tuple(windows),
        loss=rows["loss"].to_numpy(np.float64),
        optional=rows["optional"].to_numpy(bool),
        late_after_s=late_after,
        late_cost_per_h=np.where(late_after < FOREVER, pays, 0.0),
        loss_at_least=rows["loss_at_least"].to_numpy(np.float64),
    )
    return RoutingProblem(
        name=f"{day} {', '.join(dict.fromkeys(van_rows['depot_id']))}",
        day=day,
        stops=stops,
        vans=vans_of(fleet, vans, place_of_site, speeds, co2_price_per_g),
        allowed=allowed[np.ix_(chosen, vans)],
        lonlat=lonlat,
        metres=metres,
        seconds=seconds,
    )


def travel(
    lonlat: Floats, ids: list[str], speeds_km_h: list[float], distances: pd.DataFrame
) -> tuple[Lengths, tuple[Lengths, ...]]:
    """Return metres, and seconds at each speed: measured, else great circle; staying is free.

    Matrices among few places, computed among many. Two places may share an id (an order and a
    zone): a measured row then holds for the first.
    """
    p = len(ids)
    names = pd.Index(ids)
    first = pd.Series(np.arange(p), index=names).groupby(level=0).first()
    start, end = (
        first.reindex(distances[column]).to_numpy(np.float64)
        for column in ("origin_id", "destination_id")
    )
    both = np.isfinite(start) & np.isfinite(end)
    known = distances[both]
    pairs = start[both].astype(np.int64), end[both].astype(np.int64)
    metres, seconds = (
        Measured.of(*pairs, np.rint(known[column].to_numpy(np.float64)).astype(np.int64), p)
        for column in ("distance_m", "duration_s")
    )
    points = on_sphere(lonlat)
    return kept_dense(Computed(points, DETOUR, measured=metres)), tuple(
        kept_dense(Computed(points, DETOUR, speed / 3.6, measured=seconds)) for speed in speeds_km_h
    )
