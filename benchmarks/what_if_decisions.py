"""Random decisions of every kind on a scenario and its plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from optimizer.plan import Plan
from optimizer.what_if import Decision
from scenarios import Scenario

Draw = Callable[[], Decision | None]
MOST_STEPS = 9  # order multiples up to which a line is drawn
MOST_TRIES = 20  # for one that was not drawn before


def draw_decisions(
    scenario: Scenario, made: Plan, count: int, seed: int
) -> Iterator[tuple[str, Decision]]:
    """Yield (kind, decision), the kinds in turn, none twice; kinds with nothing left fall out.

    Parameters
    ----------
    made : the plan of the night
    """
    rng = np.random.default_rng(seed)
    draws = {**_purchases(scenario, made, rng), **_orders(scenario, rng),
             **_sites(scenario, rng), **_stops(scenario, made, rng)}  # fmt: skip
    yield from _in_turn(draws, count)


def draw_transfers(
    scenario: Scenario, made: Plan, count: int, seed: int
) -> Iterator[tuple[str, Decision]]:
    """Yield (kind, decision) of transfers, as `draw_decisions`.

    Parameters
    ----------
    made : with stage positioning
    """
    yield from _in_turn(_transfers(scenario, made, np.random.default_rng(seed)), count)


def _in_turn(draws: dict[str, Draw], count: int) -> Iterator[tuple[str, Decision]]:
    left, turn = count, 0
    names, seen = list(draws), set()
    while left and names:
        name = names[turn % len(names)]
        tries = (draws[name]() for _ in range(MOST_TRIES))
        decision = next((one for one in tries if one is None or str(one) not in seen), None)
        if decision is None:
            names.remove(name)
            continue
        seen.add(str(decision))
        yield name, decision
        left, turn = left - 1, turn + 1


def _purchases(scenario: Scenario, made: Plan, rng: np.random.Generator) -> dict[str, Draw]:
    offers = scenario.table("supplier_products")
    sites = made.table("policies")["site_id"].unique().tolist()
    tonight = made.table("purchase_orders")
    tonight = tonight[tonight["order_on"] == tonight["order_on"].min()]

    def quantity() -> Decision | None:
        if len(tonight) and rng.random() < 0.5:  # a line as it is, moved by up to three steps
            line = tonight.iloc[int(rng.integers(len(tonight)))]
            same = offers[(offers["supplier_id"] == line["supplier_id"])
                          & (offers["product_id"] == line["product_id"])]  # fmt: skip
            site, base = str(line["site_id"]), float(line["qty"])
        else:
            same, site, base = offers, str(rng.choice(sites)), 0.0
        offer = same.iloc[int(rng.integers(len(same)))]
        steps = rng.integers(-3, 4) if base else rng.integers(1, MOST_STEPS)
        multiple = 1.0 if pd.isna(offer["order_multiple"]) else float(offer["order_multiple"])
        units = base + float(steps) * multiple
        return Decision(
            "purchase",
            product_id=str(offer["product_id"]),
            supplier_id=str(offer["supplier_id"]),
            site_id=str(offer["site_id"]) if isinstance(offer["site_id"], str) else site,
            sense=str(rng.choice(["=", "<=", ">="])),
            qty=max(0.0, units),
        )

    def forbidden() -> Decision | None:
        if not len(tonight):
            return None
        line = tonight.iloc[int(rng.integers(len(tonight)))]
        return Decision(
            "purchase",
            product_id=str(line["product_id"]),
            supplier_id=str(line["supplier_id"]),
            site_id=str(line["site_id"]),
        )

    def kept() -> Decision | None:  # what the plan buys of a product, from a supplier of it
        if not len(tonight):
            return None
        line = tonight.iloc[int(rng.integers(len(tonight)))]
        product = str(line["product_id"])
        rivals = offers.loc[offers["product_id"] == product, "supplier_id"].unique()
        return Decision(
            "purchase",
            product_id=product,
            supplier_id=str(rng.choice(rivals)),
            site_id=str(line["site_id"]),
            sense=">=",
            qty=float(line["qty"]),
        )

    def out() -> Decision | None:
        return Decision("purchase", supplier_id=str(rng.choice(offers["supplier_id"].unique())))

    return {
        "purchase quantity": quantity,
        "purchase forbidden": forbidden,
        "purchase: supplier kept": kept,
        "purchase: supplier out": out,
    }


def _transfers(scenario: Scenario, made: Plan, rng: np.random.Generator) -> dict[str, Draw]:
    moves, stock = made.table("transfers"), scenario.table("inventory")
    lanes, places = scenario.table("lanes"), set(stock["site_id"])
    lanes = lanes[lanes["origin_id"].isin(places) & lanes["destination_id"].isin(places)]

    def quantity(sense: str) -> Draw:
        def draw() -> Decision | None:
            if len(moves) and rng.random() < 0.5:  # a transfer as it is, moved by a few units
                row = moves.iloc[int(rng.integers(len(moves)))]
                ends = str(row["origin_id"]), str(row["destination_id"])
                product, qty = str(row["product_id"]), float(row["qty"] + rng.integers(-2, 4))
            else:
                lane = lanes.iloc[int(rng.integers(len(lanes)))]
                ends = str(lane["origin_id"]), str(lane["destination_id"])
                here = stock[stock["site_id"] == ends[0]]
                row = here.iloc[int(rng.integers(len(here)))]
                product, qty = str(row["product_id"]), float(rng.integers(1, 9))
            return Decision(
                "transfer",
                product_id=product,
                origin_id=ends[0],
                site_id=ends[1],
                sense=sense,
                qty=max(qty, 1.0),
            )

        return draw

    def forbidden() -> Decision | None:
        if not len(moves):
            return None
        row = moves.iloc[int(rng.integers(len(moves)))]
        whole = rng.random() < 0.3  # all products of the lane
        return Decision(
            "transfer",
            product_id="" if whole else str(row["product_id"]),
            origin_id=str(row["origin_id"]),
            site_id=str(row["destination_id"]),
        )

    return {
        "transfer quantity": quantity("="),
        "transfer at least": quantity(">="),
        "transfer forbidden": forbidden,
    }


def _orders(scenario: Scenario, rng: np.random.Generator) -> dict[str, Draw]:
    orders = scenario.table("orders")
    accepted = orders[(orders["kind"] == "delivery") & (orders["status"] == "accepted")]
    names = accepted["order_id"].to_numpy(object)
    places = scenario.table("sites")["site_id"].to_numpy(object)

    def of(qty: float, *, anywhere: bool) -> Draw:
        def draw() -> Decision | None:
            if not len(names):
                return None
            site = "" if anywhere else str(rng.choice(places))
            return Decision("shipment", order_id=str(rng.choice(names)), site_id=site, qty=qty)

        return draw

    return {
        "order served": of(1.0, anywhere=True),
        "order left": of(0.0, anywhere=True),
        "order from a site": of(1.0, anywhere=False),
        "order not from a site": of(0.0, anywhere=False),
    }


def _sites(scenario: Scenario, rng: np.random.Generator) -> dict[str, Draw]:
    sites = scenario.table("sites")["site_id"].to_numpy(object)
    zoned = len(scenario.table("lanes")) and len(scenario.table("zones"))

    def of(*actions: str, network: bool) -> Draw:
        def draw() -> Decision | None:
            if network and not zoned:
                return None
            return Decision("site", site_id=str(rng.choice(sites)), action=str(rng.choice(actions)))

        return draw

    return {
        "network site": of("closed", "open", network=True),
        "site closed tonight": of("closed", network=False),
    }


def _stops(scenario: Scenario, made: Plan, rng: np.random.Generator) -> dict[str, Draw]:
    stops = made.table("stops").dropna(subset=["order_id"])
    stops = stops.drop_duplicates("order_id", keep=False)  # one parcel each
    routes = made.table("routes")

    def of(action: str) -> Draw:
        def draw() -> Decision | None:
            if not len(stops):
                return None
            stop = stops.iloc[int(rng.integers(len(stops)))]
            route = ""
            if action == "off":
                route = str(stop["route_id"])
            if action == "onto":
                mine = routes[routes["route_id"] == stop["route_id"]].iloc[0]
                beside = routes[(routes["start"].dt.date == mine["start"].date())
                                & (routes["depot_id"] == mine["depot_id"])]  # fmt: skip
                others = beside.loc[beside["route_id"] != mine["route_id"], "route_id"]
                route = str(rng.choice(others) if len(others) else mine["route_id"])
            return Decision("stop", order_id=str(stop["order_id"]), route_id=route, action=action)

        return draw

    left = made.table("unserved")
    left = left[left["kind"] == "stop"]

    def serve() -> Decision | None:  # one that was left out, where there is any
        rows, column = (left, "id") if len(left) else (stops, "order_id")
        if not len(rows):
            return None
        name = str(rows[column].iloc[int(rng.integers(len(rows)))])
        return Decision("stop", order_id=name, action="serve")

    return {
        "stop served": serve,
        "stop left": of("leave"),
        "stop onto a route": of("onto"),
        "stop off its route": of("off"),
    }
