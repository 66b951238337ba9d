"""The result tables of stock positioning, its key figures and explanations."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from optimizer.allocation.positioning.costs import expected_short, terms
from optimizer.allocation.positioning.from_scenario import Read
from optimizer.allocation.positioning.multipliers import Bound, Prices
from optimizer.allocation.positioning.plan_state import PlanState
from optimizer.allocation.positioning.problem import Floats, Moves
from optimizer.allocation.positioning.search import stay_put
from optimizer.stage import Kpi
from scenarios import Scenario

MOST_EXPLAINED = 500  # transfers, those that save most
NO_SITE = "no other site could serve it for less than being short"


def transfers_table(scenario: Scenario, read: Read, moves: Moves) -> pd.DataFrame:
    """Return tonight's transfers; the cost of a lane is spread by weight."""
    problem, ways = read.problem, read.lanes
    lanes = problem.lanes
    start = pd.Timestamp(scenario.settings.start_date)
    load = moves.load(problem)
    units, kg, m3 = load
    cost = lanes.per_unit * units + lanes.per_kg * kg + lanes.per_m3 * m3
    cost = cost + lanes.trip_cost * lanes.trips(kg, m3, units)
    weight = np.where(kg[moves.lane] > 0.0, moves.qty * problem.kg[moves.product], moves.qty)
    whole = np.where(kg[moves.lane] > 0.0, kg[moves.lane], units[moves.lane])
    product = np.array(read.products, object)[moves.product]
    origin = ways["origin_id"].to_numpy(object)[moves.lane]
    destination = ways["destination_id"].to_numpy(object)[moves.lane]
    mode = ways["mode"].to_numpy(object)[moves.lane]
    names = [
        f"TP-{start:%Y%m%d}-{a}-{b}-{way}-{what}"
        for a, b, way, what in zip(origin, destination, mode, product, strict=True)
    ]
    grams = moves.qty * problem.kg[moves.product] * ways["g_per_kg"].to_numpy()[moves.lane]
    return pd.DataFrame(
        {
            "transfer_id": names,
            "origin_id": origin,
            "destination_id": destination,
            "mode": mode,
            "product_id": product,
            "ship_on": start,
            "due_on": start + pd.to_timedelta(lanes.transit_days[moves.lane], unit="D"),
            "qty": moves.qty.astype(np.float64),
            "cost": cost[moves.lane] * np.divide(
                weight, whole, out=np.zeros(len(weight)), where=whole > 0.0
            ),
            "g_co2e": grams,
        }
    )  # fmt: skip


def positions_table(read: Read, moves: Moves, bound: Bound) -> pd.DataFrame:
    """Return what lies where after all moves, where there is stock, demand or a move."""
    problem = read.problem
    lanes = problem.lanes
    local, total = moves.levels(problem)
    short = expected_short(total, problem.mean, problem.sd)
    shape = problem.shape
    come, leave, held, helped = (np.zeros(shape) for _ in range(4))
    np.add.at(come, (moves.product, lanes.destination[moves.lane]), moves.qty)
    np.add.at(leave, (moves.product, lanes.origin[moves.lane]), moves.qty)
    np.add.at(held, (moves.held_product, moves.held_at), moves.held_qty)
    np.add.at(helped, (moves.held_product, moves.held_for), moves.held_qty)
    left = total - problem.mean + short
    grids: dict[str, Floats] = {
        "on_hand": read.stock.on_hand,
        "staying": read.stock.staying,
        "transfer_in": come,
        "transfer_out": leave,
        "held_for_others": held,
        "served_by_others": helped,
        "target": local,
        "wait_days": problem.wait_days,
        "demand_mean": problem.mean,
        "demand_sd": problem.sd,
        "expected_short": short,
        "expected_left": left,
        "holding_cost": problem.holding * left,
        "shortage_cost": problem.shortage * short,
        "expected_returns": read.returned if read.returned.any() else np.full(shape, np.nan),
        "price": np.where(problem.free > 0, bound.movable, np.nan),
    }
    shown = (read.stock.on_hand > 0.0) | (problem.fixed > 0.0) | (problem.mean > 0.0) | (come > 0.0)
    product, site = np.nonzero(shown)
    frame = {
        "product_id": np.array(read.products, object)[product],
        "site_id": np.array(read.sites, object)[site],
    }
    return pd.DataFrame(frame | {name: grid[product, site] for name, grid in grids.items()})


def cross_serving_table(read: Read, moves: Moves) -> pd.DataFrame:
    """Return stock that is meant for the region of another site."""
    sites = np.array(read.sites, object)
    _, beyond = read.problem.across()
    return pd.DataFrame(
        {
            "product_id": np.array(read.products, object)[moves.held_product],
            "site_id": sites[moves.held_at],
            "region_site_id": sites[moves.held_for],
            "qty": moves.held_qty.astype(np.float64),
            "extra_cost": beyond[moves.held_product, moves.held_at, moves.held_for],
        }
    )


def prices_table(read: Read, prices: Prices) -> pd.DataFrame:
    """Return what one more unit of each shared limit would save."""
    rows = read.problem.rows
    day = pd.to_datetime(pd.Series([day or None for day in rows.day], dtype=object))
    return pd.DataFrame(
        {
            "stage": "positioning",
            "kind": list(rows.kind),
            "entity": list(rows.entity),
            "bucket": day,
            "price": prices.row,
        }
    )


def explanations_table(
    read: Read, moves: Moves, table: pd.DataFrame, here: Floats, prices: Prices
) -> pd.DataFrame:
    """Say of the transfers that save most: what they cost, what staying would have cost."""
    problem = read.problem
    if not len(moves.qty):
        return pd.DataFrame()
    state = PlanState(problem, moves)
    least, _ = problem.across()
    saved = state.cost_of_cutting(moves.product, moves.lane, moves.qty, here, least)
    lanes, rows = problem.lanes, problem.rows
    cost = table["cost"].to_numpy(np.float64)
    handling = lanes.handling[moves.lane] * moves.qty
    co2 = lanes.co2[moves.lane] * problem.kg[moves.product] * moves.qty
    net = saved - cost - handling - co2
    chosen = np.argsort(-net, kind="stable")[:MOST_EXPLAINED]
    weighs = (rows.units + rows.kg + rows.m3 != 0.0) & (prices.row > 0.0)[:, None]
    names = table["transfer_id"].tolist()
    told = []
    for at in chosen.tolist():
        figures = {
            "expected_cost_saved": round(float(saved[at]), 4),
            "transport": round(float(cost[at]), 4),
            "handling": round(float(handling[at]), 4),
            "co2": round(float(co2[at]), 4),
            "saving": round(float(net[at]), 4),
        }
        binding = {
            rows.entity[row]: round(float(prices.row[row]), 6)
            for row in np.flatnonzero(weighs[:, moves.lane[at]])
        }
        told.append(
            {
                "decision_id": f"transfers:{names[at]}",
                "table": "transfers",
                "terms": json.dumps(figures, ensure_ascii=False),
                "binding": json.dumps(binding, ensure_ascii=False) if binding else None,
                "alternative": "stays where it is until the supplier delivers",
                "extra_cost": float(net[at]),
            }
        )
    return pd.DataFrame(told)


def cross_explanations(read: Read, moves: Moves) -> pd.DataFrame:
    """Say of stock that is meant for another site's region which site is next best, and its price.

    As if the next-best site had the units to spare; a region that no other site could serve for
    less than being short costs has none.
    """
    if not len(moves.held_qty):
        return pd.DataFrame()
    _, beyond = read.problem.across()
    told = []
    held = (moves.held_product, moves.held_at, moves.held_for, moves.held_qty)
    for product, here, region, qty in zip(*(part.tolist() for part in held), strict=True):
        ways = beyond[product, :, region].copy()
        own = float(ways[here]) * qty
        ways[[here, region]] = np.inf
        site = int(ways.argmin())
        found = bool(np.isfinite(ways[site]))
        there = float(ways[site]) * qty if found else np.nan
        names = (read.products[product], read.sites[here], read.sites[region])
        told.append(
            {
                "decision_id": "cross_serving:{}@{}>{}".format(*names),
                "table": "cross_serving",
                "terms": json.dumps({"across": own}),
                "binding": None,
                "alternative": f"from {read.sites[site]}" if found else NO_SITE,
                "extra_cost": there - own,
                "alternative_terms": json.dumps(
                    {"across_from_there": there, "across": -own} if found else {}
                ),
            }
        )
    return pd.DataFrame(told)


def load_g(read: Read, kg: Floats) -> Floats:
    """Return grams of CO2e of each lane that carries so many kg."""
    grams: Floats = kg * read.lanes["g_per_kg"].to_numpy(np.float64)
    return grams


def figures(read: Read, moves: Moves) -> list[Kpi]:
    """Return the objective's terms, and what a planner asks first."""
    problem = read.problem
    now, before = terms(problem, moves), terms(problem, stay_put())
    local, total = moves.levels(problem)
    wanted = max(float(problem.mean.sum()), 1e-12)
    short = float(expected_short(total, problem.mean, problem.sd).sum())
    short_before = float(
        expected_short(problem.fixed + problem.free, problem.mean, problem.sd).sum()
    )
    from_here = float(expected_short(local, problem.mean, problem.sd).sum())
    units, kg, m3 = moves.load(problem)
    return [
        *(Kpi(name, value, "money", "objective") for name, value in now.items()),
        Kpi("saved_against_staying", sum(before.values()) - sum(now.values()), "money"),
        Kpi("units_transferred", float(units.sum()), "units", "positioning"),
        Kpi("transfer_trips", float(problem.lanes.trips(kg, m3, units).sum()), "trips"),
        Kpi("units_held_for_others", float(moves.held_qty.sum()), "units"),
        Kpi("expected_fill_rate", 1.0 - short / wanted, "share", "positioning"),
        Kpi("expected_fill_rate", 1.0 - short_before / wanted, "share", "staying"),
        Kpi("served_from_own_site", 1.0 - from_here / wanted, "share", "positioning"),
        Kpi("transfer_co2e", float(load_g(read, kg).sum()) / 1000.0, "kg CO2e", "positioning"),
        Kpi("pairs_bought_together", float(len(problem.together.first)), "pairs"),
    ]
