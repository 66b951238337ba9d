"""The rest of a day under way, told as a scenario: where each van goes on, what is aboard."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from optimizer.plan import Plan
from optimizer.routing.calls import line_weights
from optimizer.routing.fleet import DAY_S, clock_seconds
from optimizer.routing.from_scenario import travel, usable_distances
from optimizer.routing.under_way import PART_COLUMNS, Call, UnderWay, calls_of
from scenarios import InputError, Scenario, Unsupported

MARK = "route:"  # begins the names of places where a van under way goes on
LEAST = 1e-6  # kg, m3 or km: no room left


@dataclass(frozen=True, slots=True)
class Van:
    """A van of the morning's plan.

    Attributes
    ----------
    route_id, vehicle_type, depot_id : as the morning's plan has them
    moment : when it goes on; for a van that has not left, when it may leave
    lonlat : where from
    frozen : calls that it has served or is about to
    ahead : calls that the morning's plan has for it after that, in order
    aboard : those of them that it has loaded
    under_way : it has left its depot
    """

    route_id: str
    vehicle_type: str
    depot_id: str
    moment: pd.Timestamp
    lonlat: tuple[float, float]
    frozen: tuple[Call, ...]
    ahead: tuple[Call, ...]
    aboard: frozenset[Call]
    under_way: bool


@dataclass(frozen=True, slots=True)
class RestOfDay:
    """What is left of the day.

    Attributes
    ----------
    scenario : its vans and orders; a van of the morning's plan is a vehicle type of its own,
        called by its route_id
    day : midnight at which it began
    vans : of the morning's plan, by route_id
    under_way : parts that are still to come, and what is aboard
    later : accepted orders that are left to their own day
    """

    scenario: Scenario
    day: pd.Timestamp
    vans: dict[str, Van]
    under_way: UnderWay
    later: int

    @property
    def van_of(self) -> dict[Call, str]:
        """Return the route_id of the morning's plan of each call that is still ahead."""
        return {call: van.route_id for van in self.vans.values() for call in van.ahead}


def read_rest_of_day(scenario: Scenario, morning: Plan) -> RestOfDay:
    """Read the vans under way, and take out what is done.

    Parameters
    ----------
    scenario : with `vehicle_states`, and the orders as they are now
    morning : the plan that is being driven

    Raises
    ------
    InputError
        A state names no route of the plan, or the states are of several days.
    Unsupported
        The plan drives parcels of the sourcing stage.
    """
    if len(morning.table("shipments")):
        raise Unsupported("routes of parcels cannot be planned anew during the day, only of orders")
    states = scenario.table("vehicle_states").sort_values("vehicle_id", kind="stable")
    routes = morning.table("routes").set_index("route_id", drop=False)
    unknown = sorted(set(states["route_id"]) - set(routes.index))
    if unknown:
        raise InputError(f"vehicle_states name routes that the plan has not: {', '.join(unknown)}")
    if states["route_id"].duplicated().any():
        raise InputError("two rows of vehicle_states name the same route")
    days = routes.loc[states["route_id"], "start"].dt.normalize().unique()
    if len(days) != 1:
        raise InputError("vehicle_states must be of routes of one day")
    day, now = pd.Timestamp(days[0]), pd.Timestamp(states["at"].max())
    today = routes[routes["start"].dt.normalize() == day]
    reader = _Reader(scenario, morning, now)
    by_route = {str(row["route_id"]): row for row in states.to_dict("records")}
    vans = {
        str(row["route_id"]): reader.van(row, by_route.get(str(row["route_id"])))
        for row in today.to_dict("records")
    }
    elsewhere = morning.table("stops")
    elsewhere = elsewhere[~elsewhere["route_id"].isin(set(vans)) & elsewhere["order_id"].notna()]
    done = {call for van in vans.values() for call in van.frozen}
    done |= set(calls_of(elsewhere["order_id"].tolist(), elsewhere["part"].tolist()))
    done |= {(str(order), 0) for order in morning.table("handed_over")["order_id"]}
    orders = scenario.table("orders")
    orders = orders[orders["status"].fillna("accepted") == "accepted"]
    parts = _parts_of(morning, set(orders["order_id"]), done)
    wanted = _wanted(orders, morning, parts, done)
    is_wanted = orders["order_id"].isin({order for order, _ in wanted})
    later = is_wanted & orders["order_id"].isin(_opening_after(scenario, day))
    orders = orders[is_wanted & ~later].reset_index(drop=True)
    today_only = set(orders["order_id"])
    wanted = {call for call in wanted if call[0] in today_only}
    tables = {name: scenario.table(name) for name in scenario.tables if name != "vehicle_states"}
    tables["orders"] = orders
    tables["sites"] = pd.concat([scenario.table("sites"), _places(vans)], ignore_index=True)
    tables["vehicles"] = _vehicles(reader, vans, wanted, today, now, day)
    if "distances" in tables:
        tables["distances"] = pd.concat(
            [tables["distances"], *(reader.measured_from(van) for van in vans.values())],
            ignore_index=True,
        )
    settings = scenario.settings.model_copy(update={"start_date": day.date()})
    under_way = UnderWay(
        parts[parts["order_id"].isin(today_only)].reset_index(drop=True),
        {call: van.route_id for van in vans.values() for call in van.aboard},
        frozenset(van.route_id for van in vans.values() if van.under_way),
    )
    return RestOfDay(Scenario(settings, tables), day, vans, under_way, int(later.sum()))


class _Reader:
    """Follows the morning's routes as far as they are driven."""

    def __init__(self, scenario: Scenario, morning: Plan, now: pd.Timestamp) -> None:
        self.now = now
        stops = morning.table("stops").sort_values(["route_id", "seq"], kind="stable")
        self.rows = dict(iter(stops.groupby("route_id")))
        orders = scenario.table("orders")
        own = orders["lat"].notna() & orders["lon"].notna()
        self.place_id = dict(
            zip(orders["order_id"], orders["order_id"].where(own, orders["zone_id"]), strict=True)
        )
        sites = scenario.table("sites").set_index("site_id")
        self.sites = {str(k): (float(r["lon"]), float(r["lat"])) for k, r in sites.iterrows()}
        fleet = scenario.filled("vehicles")
        self.fleet = {(str(r["vehicle_type"]), str(r["depot_id"])): r for _, r in fleet.iterrows()}
        self.distances, _ = usable_distances(scenario)
        self.load = _loads(scenario, morning)
        self.from_id: dict[str, str] = {}  # id of the place from which a van goes on, if it has one
        self.driven_m: dict[str, int] = {}
        self.fetched: dict[str, tuple[Call, ...]] = {}
        self.state_kg: dict[str, float] = {}
        self.rested: dict[str, pd.Timestamp] = {}

    def van(self, route: dict[str, object], state: dict[str, object] | None) -> Van:
        """Return where a van goes on."""
        name, depot = str(route["route_id"]), str(route["depot_id"])
        rows = self.rows[name].to_dict("records")
        frozen_seq = 0 if state is None else int(float(str(state["frozen_seq"])))
        past = [row for row in rows if row["seq"] <= frozen_seq and row["kind"] != "end"]
        ahead = [row for row in rows if row["seq"] > frozen_seq and row["kind"] != "end"]
        moment = max(self.now, pd.Timestamp(str(route["start"])).normalize())
        lonlat, place, rested = self.sites[depot], depot, pd.Timestamp(str(route["start"]))
        trip: list[dict[str, object]] = []
        path, ids = [lonlat], [place]
        for row in past:
            lonlat = (float(row["lon"]), float(row["lat"]))
            if isinstance(row["order_id"], str):
                place = str(self.place_id.get(row["order_id"], row["order_id"]))
            elif row["kind"] == "reload":
                place, trip = depot, []
            if row["kind"] == "break":
                rested = row["depart"]
            trip.append(row)
            path.append(lonlat)
            ids.append(place)
        if state is not None:
            moment = pd.Timestamp(str(state["at"]))
            left = past[-1]["depart"] if past else None
            seen = (float(str(state["lon"])), float(str(state["lat"])))
            if left is not None and left > moment:
                moment = left
            elif not np.isnan(seen).any():
                lonlat, place = seen, ""
                path.append(seen)
                ids.append(f"{MARK}{name}")
            self.state_kg[name] = float(str(state["load_kg"]))
        self.from_id[name] = place
        metres, _ = travel(np.array(path), ids, [1.0], self.distances)
        self.driven_m[name] = int(sum(metres[k, k + 1] for k in range(len(path) - 1)))
        self.rested[name] = rested
        self.fetched[name] = tuple(_calls(trip, "pickup"))
        reload_at = next((k for k, row in enumerate(ahead) if row["kind"] == "reload"), len(ahead))
        aboard = _calls(ahead[:reload_at], "delivery")
        return Van(
            route_id=name,
            vehicle_type=str(route["vehicle_type"]),
            depot_id=depot,
            moment=moment,
            lonlat=lonlat,
            frozen=tuple(_calls(past, "delivery", "pickup")),
            ahead=tuple(_calls(ahead, "delivery", "pickup")),
            aboard=frozenset(aboard) if state is not None else frozenset(),
            under_way=state is not None,
        )

    def held(self, van: Van, wanted: set[Call]) -> tuple[float, float]:
        """Return kg and m3 that stay aboard to the end: fetched before, or wanted no more."""
        stays = [*self.fetched[van.route_id], *sorted(van.aboard - wanted)]
        kg = sum(self.load.get(call, (0.0, 0.0))[0] for call in stays)
        m3 = sum(self.load.get(call, (0.0, 0.0))[1] for call in stays)
        to_bring = sum(self.load.get(call, (0.0, 0.0))[0] for call in van.aboard & wanted)
        return max(kg, self.state_kg[van.route_id] - to_bring), m3

    def home_s(self, van: Van, speed_km_h: float) -> int:
        """Return the seconds of the straight way home."""
        row = self.fleet[van.vehicle_type, van.depot_id]
        if bool(row["open_route"]):
            return 0
        end = row["end_depot_id"] if isinstance(row["end_depot_id"], str) else van.depot_id
        ids = [self.from_id[van.route_id] or f"{MARK}{van.route_id}", str(end)]
        if ids[0] == ids[1]:
            return 0
        places = np.array([van.lonlat, self.sites[str(end)]])
        _, seconds = travel(places, ids, [speed_km_h], self.distances)
        return int(seconds[0][0, 1])

    def measured_from(self, van: Van) -> pd.DataFrame:
        """Return measured distances from the place where a van goes on, by its mark."""
        place = self.from_id[van.route_id]
        if not van.under_way or not place:
            return self.distances.iloc[:0]
        rows = self.distances[self.distances["origin_id"] == place]
        return rows.assign(origin_id=f"{MARK}{van.route_id}")


def _calls(rows: list[dict[str, Any]], *kinds: str) -> list[Call]:
    """Return the calls among rows of `stops`, of some kinds."""
    mine = [row for row in rows if row["kind"] in kinds]
    return calls_of([row["order_id"] for row in mine], [row["part"] for row in mine])


def _parts_of(morning: Plan, accepted: set[str], done: set[Call]) -> pd.DataFrame:
    """Return what is in the parts that are still to come."""
    told = morning.table("part_lines")
    calls = calls_of(told["order_id"].tolist(), told["part"].tolist())
    left = np.array([c[0] in accepted and c not in done for c in calls], dtype=bool)
    return told.loc[left, PART_COLUMNS].astype({"shipment_id": object}).fillna({"shipment_id": ""})


def _wanted(orders: pd.DataFrame, morning: Plan, parts: pd.DataFrame, done: set[Call]) -> set[Call]:
    """Return the accepted calls that are not done: the parts of an order, else the order."""
    split = set(morning.table("part_lines")["order_id"])
    left = {(str(order), 0) for order in orders["order_id"] if order not in split} - done
    return left | set(calls_of(parts["order_id"].tolist(), parts["part"].tolist()))


def _loads(scenario: Scenario, morning: Plan) -> dict[Call, tuple[float, float]]:
    """Return kg and m3 of every order, and of the parts that the morning's plan has of it."""
    weights = line_weights(scenario)[["order_id", "line_id", "kg", "m3", "units"]]
    split = morning.table("part_lines")[["order_id", "line_id", "part", "qty"]]
    split = split.merge(weights, on=["order_id", "line_id"])
    share = split["qty"] / split["units"].where(split["units"] > 0.0)
    split[["kg", "m3"]] = split[["kg", "m3"]].mul(share, axis=0)
    lines = pd.concat([weights.assign(part=0.0), split], ignore_index=True)
    total = lines.groupby(["order_id", "part"])[["kg", "m3"]].sum().reset_index()
    calls = calls_of(total["order_id"].tolist(), total["part"].tolist())
    return dict(zip(calls, zip(total["kg"], total["m3"], strict=True), strict=True))


def _opening_after(scenario: Scenario, day: pd.Timestamp) -> set[str]:
    """Return the orders of which every window opens after a day."""
    orders, several = scenario.table("orders"), scenario.table("order_windows")
    first = orders.set_index("order_id")["due_from"]
    if len(several):
        first = first.drop(several["order_id"].unique(), errors="ignore")
        first = pd.concat([first, several.groupby("order_id")["from"].min()])
    return set(first.index[first >= day + pd.Timedelta(days=1)])


def _places(vans: dict[str, Van]) -> pd.DataFrame:
    """Return the places where vans under way go on, as sites."""
    here = [van for van in vans.values() if van.under_way]
    return pd.DataFrame(
        {
            "site_id": [f"{MARK}{van.route_id}" for van in here],
            "kind": "cross_dock",
            "name": [van.route_id for van in here],
            "lat": [van.lonlat[1] for van in here],
            "lon": [van.lonlat[0] for van in here],
            "status": "open",
        }
    )


def _vehicles(
    reader: _Reader,
    vans: dict[str, Van],
    wanted: set[Call],
    today: pd.DataFrame,
    now: pd.Timestamp,
    day: pd.Timestamp,
) -> pd.DataFrame:
    """Return a row for every van of the morning's plan, and one a type for the others."""
    rows = []
    for van in vans.values():
        row = reader.fleet[van.vehicle_type, van.depot_id].copy()
        row["vehicle_type"], row["count"] = van.route_id, 1.0
        start_s = math.ceil((van.moment - day).total_seconds())
        closes = _end_s(row)
        if van.under_way:
            kg, m3 = reader.held(van, wanted)
            end = row["end_depot_id"] if isinstance(row["end_depot_id"], str) else van.depot_id
            row["end_depot_id"], row["depot_id"] = end, f"{MARK}{van.route_id}"
            row["capacity_kg"] = max(row["capacity_kg"] - kg, LEAST)
            row["capacity_m3"] = max(row["capacity_m3"] - m3, LEAST)
            row["max_km"] = max(row["max_km"] - reader.driven_m[van.route_id] / 1000.0, LEAST)
            row["max_stops"] = max(row["max_stops"] - len(van.frozen), 0.0)
            row["max_trips"], row["fixed_cost"] = 1.0, 0.0
            waited_h = (van.moment - reader.rested[van.route_id]).total_seconds() / 3600.0
            row["break_after_h"] = max(row["break_after_h"] - waited_h, LEAST)
            closes = max(
                closes, start_s + reader.home_s(van, float(row["speed_km_h"])), start_s + 1
            )
        else:
            start_s = max(start_s, int(clock_seconds(row["shift_start"])))
        row["shift_start"], row["shift_end"] = _clock(start_s), _clock(closes)
        if closes > start_s:
            rows.append(row)
    used = today.groupby(["vehicle_type", "depot_id"]).size()
    now_s = math.ceil((now - day).total_seconds())
    for key, spare in reader.fleet.items():
        row = spare.copy()
        row["count"] = float(row["count"]) - float(used.get(key, 0))
        start_s, closes = max(now_s, int(clock_seconds(row["shift_start"]))), _end_s(row)
        row["shift_start"], row["shift_end"] = _clock(start_s), _clock(closes)
        if row["count"] >= 1 and closes > start_s:
            rows.append(row)
    return pd.DataFrame(rows).reset_index(drop=True)


def _end_s(row: pd.Series) -> int:
    """Return the end of a shift in seconds from midnight of the day that it begins on."""
    opens, closes = clock_seconds(row["shift_start"]), clock_seconds(row["shift_end"])
    return int(closes if closes > opens else closes + DAY_S)


def _clock(second: int) -> str:
    return f"{second // 3600:02d}:{second % 3600 // 60:02d}:{second % 60:02d}"
