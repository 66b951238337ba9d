"""Referee of a day planned anew: what is done stays done, what is aboard keeps its van."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from optimizer.audit.part_loads import PARTS, holds, in_parts, part_key, part_loads, replaced
from optimizer.audit.report import AuditReport, Rules
from optimizer.audit.route_facts import NOTHING, Load, Roads, Stop, read_loads, read_stops
from optimizer.audit.routing import Drive, check_served
from optimizer.plan import Plan
from scenarios import Scenario

STAGE = "rerouting"
CUSTOMER = ("delivery", "pickup")
DAY = pd.Timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Past:
    """What a van of the morning's plan has behind it.

    Attributes
    ----------
    moment : when it goes on; None for a van that has not left
    place : where from, by name and lon/lat
    done : stops up to the frozen one, by the key of an order or a part of it
    ahead : stops after it
    aboard : those of them loaded
    fetched : stops fetched on the trip under way
    metres : driven
    load_kg : as seen
    """

    moment: pd.Timestamp | None
    place: tuple[str, tuple[float, float]]
    done: tuple[str, ...]
    ahead: tuple[str, ...]
    aboard: frozenset[str]
    fetched: tuple[str, ...]
    metres: float
    load_kg: float


def check(
    scenario: Scenario,
    tables: Mapping[str, pd.DataFrame],
    previous: str = "",
    move_price: str = "",
) -> AuditReport:
    """Hold the rest of the day against the scenario, the states and the morning's plan."""
    rules = Rules(STAGE)
    morning = Plan.load(previous)
    states = scenario.table("vehicle_states").set_index("route_id")
    now = states["at"].max()
    before = morning.table("routes").set_index("route_id", drop=False)
    day = before.loc[states.index, "start"].dt.normalize().min()
    today = before[before["start"].dt.normalize() == day]
    told = morning.table(PARTS)
    roads, load = Roads(scenario), read_loads(scenario) | part_loads(scenario, told)
    all_stops = replaced(scenario, told, read_stops(scenario, {}))
    rows = morning.table("stops").sort_values(["route_id", "seq"])
    pasts = {
        str(route["route_id"]): _past(scenario, route, rows, states, roads)
        for route in today.to_dict("records")
    }
    given = set(morning.table("handed_over")["order_id"])
    wanted = _wanted(all_stops, pasts, rows, day, given)
    vehicles = scenario.filled("vehicles").set_index(["vehicle_type", "depot_id"])
    fleet = _Fleet(vehicles, today, pasts, load, wanted, roads, day, max(now, day))
    wanted = _in_parts(rules, scenario, tables.get(PARTS), told, wanted, fleet.holds)
    terms = dict.fromkeys(("fixed", "distance", "time", "co2", "late", "moved"), 0.0)
    co2_price = scenario.settings.co2_price_per_tonne / 1e6
    routes = tables.get("routes", pd.DataFrame({"route_id": []}))
    stops = tables.get("stops", pd.DataFrame({"route_id": [], "seq": []}))
    rules.add("routes", "stated_twice", routes["route_id"].duplicated(), routes["route_id"])
    by_route = dict(iter(stops.sort_values(["route_id", "seq"]).groupby("route_id")))
    served: list[str] = []
    van_of: dict[str, str] = {}
    for route in routes.to_dict("records"):
        name, key = str(route["route_id"]), (route["vehicle_type"], route["depot_id"])
        if key not in vehicles.index:
            rules.add("routes", "no_such_vehicle", [True], [name])
            continue
        mine = by_route.get(name, stops.iloc[:0])
        customers = _keys(mine[mine["kind"].isin(CUSTOMER)])
        past = pasts.get(name)
        if past is not None:
            same = key == (before.at[name, "vehicle_type"], before.at[name, "depot_id"])
            rules.add("routes", "another_vehicle", [not same], [name])
        vehicle = vehicles.loc[key].to_dict()
        start = pd.Timestamp(route["start"])
        if past is None or past.moment is None:
            rules.add("routes", "leaves_in_the_past", [start < now], [name])
            driven = Drive(rules, route, vehicle, wanted, roads, co2_price)
        else:
            brought = _keys(mine[mine["kind"] == "delivery"])
            rules.add("stops", "not_aboard", [k not in past.aboard for k in brought], brought)
            late = abs((start - past.moment).total_seconds()) >= 1.0
            rules.add("routes", "does_not_go_on_where_it_is", [late], [name])
            left = fleet.under_way(before.loc[name].to_dict(), set(customers))
            driven = Drive(rules, route, left, wanted, roads, co2_price, past.place)
        served += driven.follow(mine)
        van_of |= dict.fromkeys(customers, name)
        for term, money in driven.terms.items():
            terms[term] += money
    fleet.check_count(rules, routes)
    for name, past in pasts.items():
        gone = [van_of.get(order, name) != name for order in sorted(past.aboard)]
        rules.add("stops", "aboard_another_van", gone, sorted(past.aboard))
        moves = sum(van_of.get(order, name) != name for order in past.ahead)
        terms["moved"] += float(move_price or 0.0) * moves
    terms["unserved"] = check_served(rules, wanted, served, tables.get("unserved"))
    return AuditReport(STAGE, float(sum(terms.values())), terms, tuple(rules.found))


@dataclass(frozen=True, slots=True)
class _Fleet:
    """The vans of the day, out or at their depots.

    Attributes
    ----------
    vehicles : by vehicle_type and depot_id
    today : routes of the morning
    now : when vans at the depots may leave
    """

    vehicles: pd.DataFrame
    today: pd.DataFrame
    pasts: Mapping[str, Past]
    load: Mapping[str, Load]
    wanted: Mapping[str, Stop]
    roads: Roads
    day: pd.Timestamp
    now: pd.Timestamp

    def under_way(self, route: Mapping[str, Any], customers: set[str]) -> dict[str, Any]:
        """Return the van of a route as it goes on: less room, fewer km, paid for, on duty."""
        key = (route["vehicle_type"], route["depot_id"])
        vehicle: dict[str, Any] = self.vehicles.loc[key].to_dict()
        past, load, roads = self.pasts[str(route["route_id"])], self.load, self.roads
        stays = [*past.fetched, *(order for order in past.aboard if order not in self.wanted)]
        to_bring = [order for order in past.aboard if order in self.wanted]
        kept = [load.get(order, NOTHING) for order in to_bring if order not in customers]
        kg = sum(load.get(order, NOTHING).kg for order in stays)
        kg = max(kg, past.load_kg - sum(load.get(order, NOTHING).kg for order in to_bring))
        m3 = sum(load.get(order, NOTHING).m3 for order in stays)
        assert past.moment is not None
        begins = past.moment - self.day
        _, closes = _shift(vehicle)
        end = vehicle["end_depot_id"]
        end = end if isinstance(end, str) else str(route["depot_id"])
        home = (end, roads.depots[end])
        straight = 0.0
        if not bool(vehicle["open_route"]) and home[0] != past.place[0]:
            straight = roads.leg(past.place, home, float(vehicle["speed_km_h"]))[1]
        closes = max(
            closes, begins + pd.Timedelta(seconds=straight), begins + pd.Timedelta(seconds=1)
        )
        return vehicle | {
            "fixed_cost": 0.0,
            "capacity_kg": _left(vehicle["capacity_kg"], kg + sum(item.kg for item in kept)),
            "capacity_m3": _left(vehicle["capacity_m3"], m3 + sum(item.m3 for item in kept)),
            "max_km": float(vehicle["max_km"]) - past.metres / 1000.0,
            "max_stops": float(vehicle["max_stops"]) - len(past.done),
            "max_trips": 1.0,
            "shift_start": _text(begins),
            "shift_end": _text(closes),
        }

    def holds(self, whole: Stop) -> bool:
        """Say whether a van that may still load a stop holds all of it, or has it aboard."""
        if any(whole.key in past.aboard for past in self.pasts.values()):
            return True
        vans = []
        for key, row in self.vehicles.iterrows():
            _, closes = _shift(row)
            if self.day + closes > self.now:
                vans.append(row.to_dict() | {"count": float(row["count"]) - self._gone(key)})
        if whole.kind != "delivery":
            out = [r for r in self.today.to_dict("records") if self._is_out(r["route_id"])]
            vans += [self.under_way(r, set(self.wanted)) | {"count": 1.0} for r in out]
        return any(holds(van, whole, {}) for van in vans)

    def check_count(self, rules: Rules, routes: pd.DataFrame) -> None:
        """Vans under way are out; of the others no more leave than are left."""
        for key, vehicle in self.vehicles.iterrows():
            leave = 0
            if len(routes):
                kind = (routes["vehicle_type"] == key[0]) & (routes["depot_id"] == key[1])
                leave = sum(not self._is_out(name) for name in routes.loc[kind, "route_id"])
            many = leave + self._gone(key) > float(vehicle["count"])
            rules.add("routes", "more_vans_than_there_are", [many], [f"{key[0]} at {key[1]}"])

    def _gone(self, key: Any) -> int:
        """Return how many vans of a type have left a depot."""
        today = self.today
        away = today[(today["vehicle_type"] == key[0]) & (today["depot_id"] == key[1])]
        return sum(self._is_out(name) for name in away["route_id"])

    def _is_out(self, route_id: object) -> bool:
        past = self.pasts.get(str(route_id))
        return past is not None and past.moment is not None


def _past(
    scenario: Scenario,
    route: Mapping[str, Any],
    rows: pd.DataFrame,
    states: pd.DataFrame,
    roads: Roads,
) -> Past:
    """Follow a route of the morning up to its frozen stop, and on to where its van was seen."""
    name, depot = str(route["route_id"]), str(route["depot_id"])
    mine = rows[(rows["route_id"] == name) & (rows["kind"] != "end")]
    known = name in states.index
    frozen = float(states.at[name, "frozen_seq"]) if known else 0.0
    orders = scenario.table("orders").set_index("order_id")
    place, metres = (depot, roads.depots[depot]), 0.0
    fetched: list[str] = []
    departs: pd.Timestamp | None = None
    for row in mine[mine["seq"] <= frozen].to_dict("records"):
        to = (place[0], (float(row["lon"]), float(row["lat"])))
        if row["kind"] in CUSTOMER:
            order = orders.loc[row["order_id"]]
            own = pd.notna(order["lat"]) and pd.notna(order["lon"])
            to = (str(row["order_id"] if own else order["zone_id"]), to[1])
        elif row["kind"] == "reload":
            to, fetched = (depot, to[1]), []
        if row["kind"] == "pickup":
            fetched.append(part_key(str(row["order_id"]), float(row["part"])))
        metres += roads.leg(place, to, 1.0)[0] if to != place else 0.0
        place, departs = to, row["depart"]
    moment = None
    if known:
        moment = pd.Timestamp(states.at[name, "at"])
        seen = (float(states.at[name, "lon"]), float(states.at[name, "lat"]))
        if departs is not None and departs > moment:
            moment = departs
        elif not np.isnan(seen).any():
            here = (f"seen {name}", seen)
            metres, place = metres + roads.leg(place, here, 1.0)[0], here
        moment = moment.ceil("s")
    ahead = mine[mine["seq"] > frozen]
    loaded = ahead[(ahead["kind"] == "reload").cumsum() == 0]
    aboard = _keys(loaded[loaded["kind"] == "delivery"]) if known else []
    done = _keys(mine[(mine["seq"] <= frozen) & mine["kind"].isin(CUSTOMER)])
    return Past(
        moment=moment,
        place=place,
        done=tuple(done),
        ahead=tuple(_keys(ahead[ahead["kind"].isin(CUSTOMER)])),
        aboard=frozenset(aboard),
        fetched=tuple(fetched),
        metres=metres,
        load_kg=float(states.at[name, "load_kg"]) if known else 0.0,
    )


def _keys(rows: pd.DataFrame) -> list[str]:
    """Return the keys of the stops in rows of `stops`."""
    part = rows["part"] if "part" in rows else np.full(len(rows), np.nan)
    return [part_key(str(o), float(p)) for o, p in zip(rows["order_id"], part, strict=True)]


def _in_parts(
    rules: Rules,
    scenario: Scenario,
    stated: pd.DataFrame | None,
    morning: pd.DataFrame,
    wanted: dict[str, Stop],
    is_held: Callable[[Stop], bool],
) -> dict[str, Stop]:
    """Return the stops with their parts; those of the morning are as they were, if still wanted."""
    stated = morning.iloc[:0] if stated is None else stated
    old = stated["order_id"].isin(set(morning["order_id"]))
    keys = [part_key(str(o), float(p)) for o, p in zip(morning["order_id"], morning["part"])]
    expected = morning[pd.Series(keys, morning.index, dtype=object).isin(set(wanted))]
    columns = ["order_id", "part", "line_id", "qty"]
    pairs = expected[columns].merge(stated.loc[old, columns], how="outer", indicator=True)
    differs = pairs["_merge"] != "both"
    rules.add(PARTS, "differs_from_the_morning", differs, pairs["order_id"])
    return in_parts(rules, scenario, {PARTS: stated[~old]}, wanted, is_held)


def _left(capacity: float, taken: float) -> float:
    """Return the room that is left of a capacity; a blank one is left blank."""
    return float(capacity) if np.isnan(capacity) else max(float(capacity) - taken, 0.0)


def _shift(vehicle: Mapping[str, Any]) -> tuple[pd.Timedelta, pd.Timedelta]:
    """Return begin and end of a shift from midnight of the day that it begins on."""
    opens, closes = (
        pd.Timedelta(f"{vehicle[c]}:00" if str(vehicle[c]).count(":") == 1 else str(vehicle[c]))
        for c in ("shift_start", "shift_end")
    )
    return opens, closes + (DAY if closes <= opens else pd.Timedelta(0))


def _wanted(
    stops: Mapping[str, Stop],
    pasts: Mapping[str, Past],
    rows: pd.DataFrame,
    day: pd.Timestamp,
    given: set[str],
) -> dict[str, Stop]:
    """Return the stops that today's vans still have: not done, given away, or of another day."""
    done = {order for past in pasts.values() for order in past.done} | given
    done |= set(_keys(rows[~rows["route_id"].isin(set(pasts)) & rows["order_id"].notna()]))
    return {
        key: stop
        for key, stop in stops.items()
        if key not in done
        and not (stop.windows and min(opens for opens, _ in stop.windows) >= day + DAY)
    }


def _text(span: pd.Timedelta) -> str:
    second = int(span.total_seconds())
    return f"{second // 3600:02d}:{second % 3600 // 60:02d}:{second % 60:02d}"
