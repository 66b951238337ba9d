"""Result tables of the routing stage: routes, stops, unserved, explanations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from optimizer.routing.explain import Explanation
from optimizer.routing.from_scenario import Refused
from optimizer.routing.offers import Key, Offer
from optimizer.routing.problem import DELIVERY
from optimizer.routing.shares import shared_grams
from optimizer.routing.solve import Driven
from optimizer.routing.timing import BREAK, END, RELOAD, START, STOP
from optimizer.routing.under_way import PART_COLUMNS
from optimizer.routing.unserved import Reason

ROUTE_COLUMNS = [
    "route_id", "vehicle_type", "depot_id", "start", "end", "stops", "distance_km", "duration_s",
    "load_kg", "load_m3", "cost", "g_co2e", "tonne_km",
]  # fmt: skip
STOP_COLUMNS = [
    "route_id", "seq", "kind", "order_id", "shipment_id", "arrive", "begin", "depart", "load_kg",
    "lat", "lon", "part", "tonne_km", "g_co2e",
]  # fmt: skip
HANDED_COLUMNS = [
    "order_id", "shipment_id", "site_id", "carrier_id", "service", "ship_on", "promised_on",
    "weight_kg", "cost", "late_cost", "risk_cost", "g_co2e",
]  # fmt: skip
UNSERVED_COLUMNS = ["kind", "id", "qty", "code", "proof", "detail", "cheapest_relaxation"]
EXPLANATION_COLUMNS = [
    "decision_id", "table", "terms", "binding", "alternative", "extra_cost", "alternative_terms",
]  # fmt: skip


def route_names(solved: Sequence[Driven]) -> list[list[str]]:
    """Return a route_id per route of each problem: date and number, counted over a day."""
    counted: dict[np.datetime64, int] = {}
    names = []
    for driven in solved:
        day = driven.problem.day
        mine = []
        for _ in driven.timed:
            counted[day] = counted.get(day, 0) + 1
            mine.append(f"{day}/{counted[day]:03d}")
        names.append(mine)
    return names


def routes_table(solved: Sequence[Driven], names: Sequence[Sequence[str]]) -> pd.DataFrame:
    """Return one row per route."""
    rows = []
    for driven, ids in zip(solved, names, strict=True):
        vans = driven.problem.vans
        for name, timed in zip(ids, driven.timed, strict=True):
            van = timed.route.van
            km = timed.metres / 1000.0
            rows.append(
                [
                    name,
                    vans.vehicle_type[van],
                    vans.depot_id[van],
                    moment(driven.problem.day, int(timed.begin[0])),
                    moment(driven.problem.day, int(timed.depart[-1])),
                    float(len(timed.route.stops)),
                    km,
                    float(timed.duration_s),
                    float(timed.peak[0]),
                    float(timed.peak[1]),
                    timed.cost,
                    timed.g_co2e,
                    float(timed.leg_tonne_km.sum()),
                ]
            )
    return pd.DataFrame(rows, columns=ROUTE_COLUMNS)


def stops_table(solved: Sequence[Driven], names: Sequence[Sequence[str]]) -> pd.DataFrame:
    """Return one row per thing that a route does; the start is in `routes`."""
    rows = []
    for driven, ids in zip(solved, names, strict=True):
        problem = driven.problem
        for name, timed in zip(ids, driven.timed, strict=True):
            shares = shared_grams(problem, timed)
            for seq, node in enumerate(timed.nodes):
                if node.what == START:
                    continue
                order = shipment = None
                part = grams = np.nan
                kind = {RELOAD: "reload", BREAK: "break", END: "end"}.get(node.what, "pickup")
                if node.what == STOP:
                    order = problem.stops.order_id[node.stop]
                    shipment = problem.stops.shipment_id[node.stop] or None
                    part = float(problem.stops.part[node.stop] or np.nan)
                    grams = shares[node.stop]
                    brought = problem.stops.kind[node.stop] == DELIVERY
                    kind = "delivery" if brought else "pickup"
                lon, lat = problem.lonlat[node.place]
                times = (timed.arrive[seq], timed.begin[seq], timed.depart[seq])
                clock = [moment(problem.day, int(at)) for at in times]
                load = float(timed.load_kg[seq])
                place = (lat, lon, part, float(timed.leg_tonne_km[seq]), grams)
                rows.append([name, float(seq), kind, order, shipment, *clock, load, *place])
    return pd.DataFrame(rows, columns=STOP_COLUMNS)


def part_lines_table(lines: pd.DataFrame) -> pd.DataFrame:
    """Return what is in each part of the stops that are heavier than any van."""
    rows = [
        [row.order_id, row.shipment_id or None, float(row.part), row.line_id, float(row.qty)]
        for row in lines.itertuples()
    ]
    return pd.DataFrame(rows, columns=PART_COLUMNS)


def unserved_table(
    solved: Sequence[Driven], why: Sequence[Sequence[Reason]], refused: Sequence[Refused]
) -> pd.DataFrame:
    """Return one row per order that is not served in full, units added up."""
    rows: dict[str, list[object]] = {}

    def add(order: str, units: float, rest: list[object]) -> None:
        if order in rows:
            rows[order][2] = float(rows[order][2]) + units  # type: ignore[arg-type]
        else:
            rows[order] = ["stop", order, units, *rest]

    for item in refused:
        add(item.order_id, item.units, [item.code, "proven", item.detail, item.relaxation])
    for driven, reasons in zip(solved, why, strict=True):
        stops = driven.problem.stops
        for reason in reasons:
            proof = "proven" if reason.proven else "heuristic"
            rest: list[object] = [reason.code, proof, reason.detail, reason.relaxation]
            add(stops.order_id[reason.stop], float(stops.units[reason.stop]), rest)
    return pd.DataFrame([rows[order] for order in sorted(rows)], columns=UNSERVED_COLUMNS)


def handed_table(given: Mapping[Key, Offer]) -> pd.DataFrame:
    """Return one row per stop that a carrier takes."""
    rows = [
        [
            order,
            shipment or None,
            offer.site_id,
            offer.carrier_id,
            offer.service,
            pd.Timestamp(offer.ship_on),
            pd.Timestamp(offer.promised_on),
            offer.weight_kg,
            offer.tariff,
            offer.late,
            offer.risk,
            offer.g_co2e,
        ]
        for (order, shipment), offer in sorted(given.items())
    ]
    return pd.DataFrame(rows, columns=HANDED_COLUMNS)


def explanations_table(rows: Sequence[Explanation]) -> pd.DataFrame:
    """Return explanations as a table."""
    return pd.DataFrame(
        [[getattr(row, column) for column in EXPLANATION_COLUMNS] for row in rows],
        columns=EXPLANATION_COLUMNS,
    )


def moment(day: np.datetime64, second: int) -> pd.Timestamp:
    """Return a moment, counted in seconds from a day's midnight."""
    return pd.Timestamp(day) + pd.Timedelta(seconds=second)
