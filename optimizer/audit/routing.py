"""Referee of the routes: places, times, loads and every route's cost, leg by leg."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from optimizer.audit.carriers import check_handed_over
from optimizer.audit.part_loads import in_parts, part_key
from optimizer.audit.report import MONEY, AuditReport, Rules
from optimizer.audit.route_facts import Roads, Stop, read_stops, skills_of
from scenarios import Scenario

STAGE = "routing"
CUSTOMER = ("delivery", "pickup")
SECOND = 1.0  # s; legs are rounded to whole seconds
KG = 1e-6
KM = 1e-6


def check(
    scenario: Scenario,
    tables: Mapping[str, pd.DataFrame],
    carriers: str = "",
    balance_cost_per_h: str = "",
) -> AuditReport:
    """Hold routes, stops and unserved stops against the scenario."""
    rules = Rules(STAGE)
    wanted = in_parts(rules, scenario, tables, read_stops(scenario, tables))
    routes = tables.get("routes", pd.DataFrame())
    stops = tables.get("stops", pd.DataFrame())
    served: list[str] = []
    emitted: list[tuple[str, pd.Timestamp, float]] = []
    terms = dict.fromkeys(("fixed", "distance", "time", "co2", "late", "unserved"), 0.0)
    co2_price = scenario.settings.co2_price_per_tonne / 1e6
    if len(routes):
        rules.add("routes", "stated_twice", routes["route_id"].duplicated(), routes["route_id"])
        lost = ~stops["route_id"].isin(set(routes["route_id"]))
        rules.add("stops", "no_such_route", lost, stops["route_id"])
        _check_fleet(rules, scenario, routes)
        vehicles = scenario.filled("vehicles").set_index(["vehicle_type", "depot_id"])
        roads = Roads(scenario)
        by_route = dict(iter(stops.sort_values(["route_id", "seq"]).groupby("route_id")))
        for route in routes.to_dict("records"):
            key = (route["vehicle_type"], route["depot_id"])
            if key not in vehicles.index:
                rules.add("routes", "no_such_vehicle", [True], [route["route_id"]])
                continue
            driven = Drive(rules, route, vehicles.loc[key].to_dict(), wanted, roads, co2_price)
            served += driven.follow(by_route.get(route["route_id"], stops.iloc[:0]))
            emitted.append((key[1], pd.Timestamp(route["start"]), driven.grams))
            for term, money in driven.terms.items():
                terms[term] += money
    _check_emissions(rules, scenario, emitted)
    if balance_cost_per_h and len(routes):
        day = pd.to_datetime(routes["start"]).dt.normalize()
        hours = (routes["duration_s"] / 3600.0).groupby(day)
        terms["balance"] = float(balance_cost_per_h) * float((hours.max() - hours.mean()).sum())
    for term, money in check_handed_over(rules, scenario, tables, wanted).items():
        terms[term] = terms.get(term, 0.0) + money
    handed = tables.get("handed_over", pd.DataFrame())
    if len(handed):
        rules.add("handed_over", "against_the_option", [carriers == "off"], [carriers])
        served += handed["shipment_id"].fillna(handed["order_id"]).tolist()
    terms["unserved"] = check_served(rules, wanted, served, tables.get("unserved"))
    return AuditReport(STAGE, float(sum(terms.values())), terms, tuple(rules.found))


class Drive:
    """Follows one route through its stops and notes every rule that it breaks."""

    def __init__(
        self,
        rules: Rules,
        route: Mapping[str, Any],
        vehicle: Mapping[str, Any],
        wanted: Mapping[str, Stop],
        roads: Roads,
        co2_price_per_g: float,
        begins_at: tuple[str, tuple[float, float]] | None = None,
    ) -> None:
        self.rules = rules
        self.route = route
        self.vehicle = vehicle
        self.wanted = wanted
        self.roads = roads
        self.co2_price_per_g = co2_price_per_g
        self.begins_at = begins_at  # the depot, unless it is under way
        self.name = str(route["route_id"])
        self.terms: dict[str, float] = {}
        self.grams = 0.0
        self.tonne_km = 0.0
        self.late = 0.0

    def _number(self, column: str, otherwise: float) -> float:
        value = float(self.vehicle[column])
        return otherwise if np.isnan(value) else value

    def _broken(self, table: str, code: str, broken: bool, what: str = "") -> None:
        if broken:
            self.rules.add(table, code, [True], [f"{self.name} {what}".strip()])

    def follow(self, rows: pd.DataFrame) -> list[str]:
        """Drive the route; return the keys of the stops it serves."""
        records = rows.to_dict("records")
        in_order = [int(row["seq"]) for row in records] == list(range(1, len(records) + 1))
        self._broken("stops", "seq_is_not_1_2_3", not in_order)
        ends = [row["kind"] for row in records].count("end") == 1 and records[-1]["kind"] == "end"
        self._broken("stops", "does_not_end_once", not ends)
        if not ends:
            return []
        speed = self._number("speed_km_h", np.nan)
        depot = str(self.route["depot_id"])
        end_depot = self.vehicle["end_depot_id"]
        last = end_depot if isinstance(end_depot, str) else depot
        at = begins = self.begins_at or (depot, self.roads.depots[depot])
        clock = pd.Timestamp(self.route["start"])
        metres, served = 0.0, []
        legs: list[tuple[int, float, Stop | None]] = []
        trips: list[list[Stop]] = [[]]
        leaves = [clock]
        for row in records:
            stop = self._stop_of(row)
            to = self._place_of(row, stop, at, depot, str(last))
            leg_m, leg_s = self.roads.leg(at, to, speed) if to != at else (0.0, 0.0)
            metres += leg_m
            legs.append((len(trips) - 1, leg_m, stop))
            self._check_times(row, stop, clock, leg_s)
            if row["kind"] == "reload":
                trips.append([])
                leaves.append(pd.Timestamp(row["depart"]))
            if stop is not None:
                trips[-1].append(stop)
                served.append(stop.key)
            clock, at = pd.Timestamp(row["depart"]), to
        self._check_work(records, legs, trips)
        self._check_route(records, metres, trips)
        self._check_shares(records, trips, begins, speed)
        self._check_trips(leaves, trips)
        self._check_loads(records, trips)
        return served

    def _stop_of(self, row: Mapping[str, Any]) -> Stop | None:
        if row["kind"] not in CUSTOMER:
            return None
        shipment = row.get("shipment_id")
        key = str(shipment if isinstance(shipment, str) else row["order_id"])
        key = part_key(key, float(row.get("part", np.nan)))
        stop = self.wanted.get(key)
        self._broken("stops", "no_such_stop", stop is None, key)
        if stop is None:
            return None
        brings = stop.kind == "delivery"
        self._broken("stops", "kind_differs", brings != (row["kind"] == "delivery"), key)
        elsewhere = stop.site_id is not None and stop.site_id != self.route["depot_id"]
        self._broken("stops", "from_another_depot", elsewhere, key)
        has = skills_of(self.vehicle["skills"])
        self._broken("stops", "skill_missing", not stop.skills <= has, key)
        self._broken("stops", "not_a_van_of_its_carrier", not self._may_carry(stop), key)
        day = pd.Timestamp(self.route["start"]).normalize()
        promised = stop.promised
        early = promised is not None and day < promised
        other = promised is not None and day != promised and not stop.windows
        self._broken("stops", "on_another_day", early or other, key)
        return stop

    def _may_carry(self, stop: Stop) -> bool:
        """Say whether the van is one of the parcel's carrier; a van without one is our own."""
        if stop.carrier_id is None:
            return True
        carrier = self.vehicle["carrier_id"]
        if isinstance(carrier, str):
            return carrier == stop.carrier_id
        return self.roads.carrier_kind.get(stop.carrier_id) == "own"

    def _place_of(
        self,
        row: Mapping[str, Any],
        stop: Stop | None,
        at: tuple[str, tuple[float, float]],
        depot: str,
        last: str,
    ) -> tuple[str, tuple[float, float]]:
        if stop is not None:
            return stop.place, stop.lonlat
        if row["kind"] == "reload":
            return depot, self.roads.depots[depot]
        if row["kind"] == "end" and not bool(self.vehicle["open_route"]):
            return last, self.roads.depots[last]
        return at

    def _check_times(
        self, row: Mapping[str, Any], stop: Stop | None, left: pd.Timestamp, leg_s: float
    ) -> None:
        arrive, begin, depart = (pd.Timestamp(row[c]) for c in ("arrive", "begin", "depart"))
        what = f"seq {row['seq']}"
        early = (arrive - left).total_seconds() < leg_s - SECOND
        self._broken("stops", "arrives_too_early", early, what)
        self._broken("stops", "begins_before_arriving", begin < arrive, what)
        needs = stop.service_s if stop is not None else 0.0
        if row["kind"] == "reload":
            needs = 60.0 * self._number("reload_min", 0.0)
        if row["kind"] == "break":
            needs = 60.0 * self._number("break_min", 0.0)
        short = (depart - begin).total_seconds() < needs - SECOND
        self._broken("stops", "leaves_too_early", short, what)
        if stop is not None and stop.kind != "delivery" and stop.release is not None:
            self._broken("stops", "before_its_release", begin < stop.release, what)
        if stop is not None and stop.windows:
            inside = any(opens <= begin <= closes for opens, closes in stop.windows)
            hours = (begin - max(closes for _, closes in stop.windows)).total_seconds() / 3600.0
            if hours > 0.0 and not np.isnan(stop.late_per_h):
                self.late += stop.late_per_h * hours
                inside = True
            self._broken("stops", "outside_its_window", not inside, what)

    def _check_work(
        self,
        records: list[dict[str, Any]],
        legs: list[tuple[int, float, Stop | None]],
        trips: list[list[Stop]],
    ) -> None:
        """Every leg states its km x the tonnes on board; the route states their sum."""
        on_board = [sum(s.load.kg for s in trip if s.kind == "delivery") for trip in trips]
        for row, (trip, metres, stop) in zip(records, legs, strict=True):
            work = metres * on_board[trip] / 1e6
            wrong = abs(float(row["tonne_km"]) - work) > 1e-6 + KG * work
            self._broken("stops", "tonne_km_differs", wrong, f"seq {row['seq']}")
            self.tonne_km += work
            if stop is not None:
                on_board[trip] += -stop.load.kg if stop.kind == "delivery" else stop.load.kg
        wrong = abs(float(self.route["tonne_km"]) - self.tonne_km) > 1e-6 + KG * self.tonne_km
        self._broken("routes", "tonne_km_differs", wrong)

    def _check_route(
        self, records: list[dict[str, Any]], metres: float, trips: list[list[Stop]]
    ) -> None:
        start, end = (pd.Timestamp(self.route[c]) for c in ("start", "end"))
        day = start.normalize()
        opens = day + pd.Timedelta(_clock(str(self.vehicle["shift_start"])))
        closes = day + pd.Timedelta(_clock(str(self.vehicle["shift_end"])))
        closes += pd.Timedelta(days=1) if closes <= opens else pd.Timedelta(0)
        self._broken("routes", "outside_the_shift", start < opens or end > closes)
        arrives = pd.Timestamp(records[-1]["arrive"])
        self._broken("routes", "end_differs", abs((arrives - end).total_seconds()) > SECOND)
        km, hours = metres / 1000.0, (end - start).total_seconds() / 3600.0
        n_stops = sum(len(trip) for trip in trips)
        self._broken("routes", "too_far", km > self._number("max_km", np.inf) + KM)
        self._broken("routes", "too_many_stops", n_stops > self._number("max_stops", np.inf))
        self._broken("routes", "too_many_trips", len(trips) > self._number("max_trips", 1.0))
        stated = {c: float(self.route[c]) for c in ("distance_km", "duration_s", "cost", "stops")}
        self._broken(
            "routes", "distance_differs", abs(stated["distance_km"] - km) > 0.001 + KM * km
        )
        self._broken(
            "routes", "duration_differs", abs(stated["duration_s"] - 3600 * hours) > SECOND
        )
        self._broken("routes", "stops_differ", stated["stops"] != n_stops)
        grams = self._number("g_co2e_per_km", 0.0) * km
        grams += self._number("g_co2e_per_tkm", 0.0) * self.tonne_km
        self.grams = grams
        wrong = abs(float(self.route["g_co2e"]) - grams) > 0.001 + KM * grams
        self._broken("routes", "emission_differs", wrong)
        self.terms = {
            "fixed": self._number("fixed_cost", 0.0),
            "distance": self._number("cost_per_km", 0.0) * km,
            "time": self._number("cost_per_hour", 0.0) * hours,
            "co2": self.co2_price_per_g * grams,
            "late": self.late,
        }
        self._broken(
            "routes", "cost_differs", abs(stated["cost"] - sum(self.terms.values())) > MONEY
        )

    def _check_loads(self, records: list[dict[str, Any]], trips: list[list[Stop]]) -> None:
        """Every row states the kg on board on leaving; the route the most m3 at any moment."""
        brought = [[s.load for s in trip if s.kind == "delivery"] for trip in trips]
        kg, m3 = (
            [sum(getattr(load, part) for load in loads) for loads in brought]
            for part in ("kg", "m3")
        )
        trip, place, peak_m3 = 0, 0, max(m3)
        for row in records:
            if row["kind"] == "reload":
                trip, place = trip + 1, 0
            elif row["kind"] in CUSTOMER and place < len(trips[trip]):
                stop = trips[trip][place]
                sign = -1.0 if stop.kind == "delivery" else 1.0
                kg[trip] += sign * stop.load.kg
                m3[trip] += sign * stop.load.m3
                peak_m3, place = max(peak_m3, m3[trip]), place + 1
            unloads = row["kind"] == "end" and not bool(self.vehicle["open_route"])
            on_board = 0.0 if unloads else kg[trip]
            differs = abs(float(row["load_kg"]) - on_board) > 0.001 + KG * on_board
            self._broken("stops", "load_differs", differs, f"seq {row['seq']}")
        differs = abs(float(self.route["load_m3"]) - peak_m3) > 1e-6 + KG * peak_m3
        self._broken("routes", "volume_differs", differs)

    def _check_shares(
        self,
        records: list[dict[str, Any]],
        trips: list[list[Stop]],
        begins: tuple[str, tuple[float, float]],
        speed: float,
    ) -> None:
        """Stops share what the route emits by kg x direct metres, and add up to it."""
        stated = [row.get("g_co2e") for row in records if row["kind"] in CUSTOMER]
        stops = [stop for trip in trips for stop in trip]
        if len(stops) != len(stated) or bool(pd.isna(pd.Series(stated, dtype=object)).all()):
            return
        work = np.array(
            [
                s.load.kg * self.roads.leg(begins, (s.place, s.lonlat), speed)[0]
                if (s.place, s.lonlat) != begins
                else 0.0
                for s in stops
            ]
        )
        whole = float(self.route["g_co2e"])
        even = np.full(len(work), 1.0 / max(len(work), 1))
        parts = whole * (work / work.sum() if work.sum() > 0.0 else even)
        told = pd.Series(stated, dtype=object).astype(np.float64).to_numpy()
        off = ~(np.abs(told - parts) <= 0.001 + KM * whole)
        self._broken("stops", "emission_share_differs", bool(off.any()))
        gap = abs(float(np.sum(told)) - whole) if len(told) else 0.0
        self._broken("stops", "emission_shares_do_not_add_up", gap > 1e-9 * max(1.0, whole))

    def _check_trips(self, leaves: list[pd.Timestamp], trips: list[list[Stop]]) -> None:
        """No trip carries more than the van holds; releases and backhauls in their order."""
        most_kg = self._number("capacity_kg", np.inf) * (1.0 + KG)
        most_m3 = self._number("capacity_m3", np.inf) * (1.0 + KG)
        peak_kg = 0.0
        for leave, trip in zip(leaves, trips, strict=True):
            brought = [stop for stop in trip if stop.kind == "delivery"]
            loads = [(sum(s.load.kg for s in brought), sum(s.load.m3 for s in brought))]
            for stop in trip:
                sign = -1.0 if stop.kind == "delivery" else 1.0
                kg, m3 = loads[-1]
                loads.append((kg + sign * stop.load.kg, m3 + sign * stop.load.m3))
            peak_kg = max(peak_kg, *(load[0] for load in loads))
            self._broken("stops", "above_capacity_kg", max(load[0] for load in loads) > most_kg)
            self._broken("stops", "above_capacity_m3", max(load[1] for load in loads) > most_m3)
            late = any(stop.release is not None and leave < stop.release for stop in brought)
            self._broken("stops", "leaves_before_release", late)
            kinds = [stop.kind for stop in trip]
            after = kinds.index("backhaul") if "backhaul" in kinds else len(kinds)
            self._broken("stops", "delivery_after_backhaul", "delivery" in kinds[after:])
        differs = abs(float(self.route["load_kg"]) - peak_kg) > 0.001 + KG * peak_kg
        self._broken("routes", "load_differs", differs)


def _clock(text: str) -> str:
    return text if text.count(":") == 2 else f"{text}:00"


def _check_fleet(rules: Rules, scenario: Scenario, routes: pd.DataFrame) -> None:
    """No more vans of a type leave a depot on one day than there are."""
    vehicles = scenario.filled("vehicles").set_index(["vehicle_type", "depot_id"])["count"]
    day = pd.to_datetime(routes["start"]).dt.normalize()
    used = routes.groupby(["vehicle_type", "depot_id", day]).size()
    have = vehicles.reindex(used.index.droplevel(2)).fillna(0.0).to_numpy()
    rules.add("routes", "more_vans_than_there_are", used.to_numpy() > have, used.index.to_list())


def _check_emissions(
    rules: Rules, scenario: Scenario, emitted: list[tuple[str, pd.Timestamp, float]]
) -> None:
    """Routes of a depot, or all, emit no more than hard limits on CO2e allow, in their bucket."""
    limits = scenario.table("limits")
    limits = limits[(limits["kind"] == "co2") & (limits["sense"] == "<=")]
    limits = limits[limits["hard"].astype(bool)]
    days = pd.Timedelta(days=7 if scenario.settings.bucket == "week" else 1)
    for row in limits.to_dict("records"):
        scope, first = str(row["scope"]), row["bucket"]
        if scope not in ("all", "stage:routing") and not scope.startswith("site:"):
            continue
        grams = sum(
            amount
            for depot, start, amount in emitted
            if scope in ("all", "stage:routing", f"site:{depot}")
            and (pd.isna(first) or first <= start < first + days)
        )
        broken = grams > float(row["value"]) * (1.0 + 2.0 * KM)
        rules.add("routes", "above_co2", [broken], [row["limit_id"]])


def check_served(
    rules: Rules, wanted: Mapping[str, Stop], served: list[str], unserved: pd.DataFrame | None
) -> float:
    """Every stop is made once or its order stated as unserved; return the money left out."""
    left: list[str] = []
    if unserved is not None:
        left = unserved.loc[unserved["kind"] == "stop", "id"].tolist()
    rules.add("stops", "served_twice", pd.Series(served, dtype=object).duplicated(), served)
    rules.add("unserved", "stated_twice", pd.Series(left, dtype=object).duplicated(), left)
    made = set(served)
    missed = [stop for key, stop in wanted.items() if key not in made]
    orders, stated = {stop.order_id for stop in missed}, set(left)
    rules.add("unserved", "no_such_unserved_stop", [order not in orders for order in left], left)
    silent = [stop.order_id not in stated for stop in missed]
    names = [stop.key for stop in missed]
    rules.add("unserved", "neither_served_nor_unserved", silent, names)
    return float(sum(stop.penalty for stop in missed))
