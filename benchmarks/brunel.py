"""One day of a chip maker (Brunel University, 2019): 9,215 orders, plants that hold fewer.

Which plant ships which order: the plant makes the product, serves the customer (a plant with VMI
customers serves those only), and a port of it has a freight rate for the order's weight to its
destination. An order costs its units x the plant's cost per unit, and the cheapest freight: the
larger of the rate's minimum and rate x weight (customer-arranged freight, CRF: none). Transit
times are left out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from benchmarks.machine import describe_machine
from optimizer.allocation.network.duals import Prices, dual
from optimizer.allocation.network.problem import FacilityProblem
from optimizer.allocation.network.transport import Shipped, Transport
from optimizer.outcome import gap_pct

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
MOST_ORDERS_TOLD = 5


@dataclass(frozen=True, slots=True)
class Day:
    """Orders and plants of the day.

    Attributes
    ----------
    cost : (n_plants, n_orders) money; infinite where the plant cannot ship the order
    capacity : (n_plants,) orders a day
    """

    plants: tuple[str, ...]
    orders: tuple[str, ...]
    products: tuple[str, ...]
    cost: Floats
    capacity: Floats


@dataclass(frozen=True, slots=True)
class Missing:
    """A proof that capacity is missing: these orders can go to these plants only.

    Attributes
    ----------
    orders : numbers of the orders
    plants : numbers of all plants that can ship any of them
    orders_beyond : len(orders) less the capacity of the plants
    """

    orders: NDArray[np.int64]
    plants: NDArray[np.int64]
    orders_beyond: float


def read_day(folder: Path) -> Day:
    """Read the seven CSV files of the data set."""
    orders = pd.read_csv(folder / "OrderList.csv", dtype={"Order ID": str, "Product ID": str})
    rates = pd.read_csv(folder / "FreightRates.csv").drop_duplicates()
    made = pd.read_csv(folder / "ProductsPerPlant.csv", dtype={"Product ID": str})
    ports = pd.read_csv(folder / "PlantPorts.csv")
    vmi = pd.read_csv(folder / "VmiCustomers.csv")
    room = pd.read_csv(folder / "WhCapacities.csv").rename(columns=str.strip)
    room = room.set_index("Plant ID")["Daily Capacity"].astype(float)
    unit = pd.read_csv(folder / "WhCosts.csv").set_index("WH")["Cost/unit"]
    plants = sorted(room.index)
    weight = orders["Weight"].to_numpy(np.float64)
    arranged = (orders["Service Level"] == "CRF").to_numpy()
    units = orders["Unit quantity"].to_numpy(np.float64)
    cost = np.full((len(plants), len(orders)), np.inf)
    for at, plant in enumerate(plants):
        products = set(made.loc[made["Plant Code"] == plant, "Product ID"])
        customers = set(vmi.loc[vmi["Plant Code"] == plant, "Customers"])
        may = orders["Product ID"].isin(products).to_numpy()
        if customers:
            may = may & orders["Customer"].isin(customers).to_numpy()
        own_ports = set(ports.loc[ports["Plant Code"] == plant, "Port"])
        lanes = rates[rates["orig_port_cd"].isin(own_ports)]
        freight = _freight(lanes, orders["Destination Port"].to_numpy(str), weight)
        freight = np.where(arranged, 0.0, freight)
        cost[at] = np.where(may, units * float(unit[plant]) + freight, np.inf)
    return Day(
        tuple(plants),
        tuple(orders["Order ID"]),
        tuple(orders["Product ID"]),
        cost,
        room.reindex(plants).to_numpy(np.float64),
    )


def _freight(lanes: pd.DataFrame, port: NDArray[np.str_], weight: Floats) -> Floats:
    """Return the cheapest freight of each order over these lanes; infinite without one."""
    best = np.full(len(weight), np.inf)
    for lane in lanes.itertuples(index=False):
        row = dict(zip(lanes.columns, lane, strict=True))
        fits = (weight >= row["minm_wgh_qty"]) & (weight <= row["max_wgh_qty"])
        fits = fits & (port == row["dest_port_cd"])
        price = np.maximum(row["minimum cost"], row["rate"] * weight)
        best = np.where(fits, np.minimum(best, price), best)
    return best


def find_missing(cost: Floats, capacity: Floats) -> Missing | None:
    """Return orders that their plants cannot hold, as many too many as possible; None: all fit.

    The prices of the least number of orders beyond capacity name them; the count is made anew.
    """
    m, n = cost.shape
    may = np.isfinite(cost)
    if not n:
        return None
    serve = np.vstack([np.where(may, 0.0, np.inf), np.ones(n)])
    beyond = FacilityProblem.of(np.zeros(m + 1), np.append(capacity, float(n)), np.ones(n), serve)
    shipped = Transport(beyond).ship(np.ones(m + 1, bool))
    if shipped is None:
        return None
    orders = np.flatnonzero(shipped.customer_price > 0.5)
    plants = np.flatnonzero(may[:, orders].any(axis=1))
    missing = len(orders) - float(capacity[plants].sum())
    return Missing(orders, plants, missing) if missing > 0.0 else None


def take_apart(missing: Missing, cost: Floats, capacity: Floats) -> list[Missing]:
    """Return the proof plant by plant: orders and plants that have none in common with the others.

    Each part that is short proves so by itself; together they miss as many as the whole.
    """
    m, n = cost.shape[0], len(missing.orders)
    plant, order = np.nonzero(np.isfinite(cost[:, missing.orders]))
    links = coo_array((np.ones(len(plant)), (plant, m + order)), shape=(m + n, m + n))
    part = connected_components(links, directed=False)[1]
    found = []
    for label in np.unique(part[m:]):
        orders = missing.orders[part[m:] == label]
        plants = missing.plants[part[missing.plants] == label]
        found.append(Missing(orders, plants, len(orders) - float(capacity[plants].sum())))
    return sorted(found, key=lambda each: -each.orders_beyond)


def soft_plan(cost: Floats, capacity: Floats, premium: float) -> tuple[Shipped, float] | None:
    """Ship every order, those beyond a plant's capacity at a premium each.

    Returns
    -------
    shipped : plants, then the same plants beyond their capacity; bound : our own, by weak duality
    """
    m, n = cost.shape
    problem = FacilityProblem.of(
        np.zeros(2 * m),
        np.concatenate([capacity, np.full(m, float(n))]),
        np.ones(n),
        np.vstack([cost, cost + premium]),
    )
    shipped = Transport(problem).ship(np.ones(2 * m, bool))
    if shipped is None:
        return None
    prices = Prices(shipped.customer_price, shipped.site_price, 0.0, 0.0)
    nobody = np.zeros(2 * m, bool)
    return shipped, dual(problem, prices, ~nobody, nobody).bound


def main(arguments: Sequence[str]) -> int:
    """Run the diagnosis.

    Returns
    -------
    code : 0, or 2 where the files cannot be read
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks brunel", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the seven CSV files")
    parser.add_argument(
        "--premium", type=float, help="money per order beyond capacity; default: the dearest order"
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="CSV file: order, plant (blank: none can), whether beyond capacity, where it is short",
    )
    options = parser.parse_args(arguments)
    try:
        day = read_day(options.data)
    except (OSError, KeyError, ValueError) as error:
        print(f"{options.data} is not readable as the Brunel data: {error}")
        return 2
    print(describe_machine(("numpy", "pandas", "highspy")))
    began, used = time.perf_counter(), time.process_time()
    may = np.isfinite(day.cost)
    nowhere = np.flatnonzero(~may.any(axis=0))
    print(f"{len(day.orders):,} orders, {day.capacity.sum():,.0f} orders of capacity a day")
    if len(nowhere):
        lost = pd.Series([day.products[at] for at in nowhere]).value_counts()
        print(
            f"proven: {len(nowhere):,} orders of {len(lost)} products have no plant that makes the"
            f" product for the customer and has a freight rate for the weight; first"
            f" {', '.join(day.orders[at] for at in nowhere[:MOST_ORDERS_TOLD])}"
        )
    left = np.flatnonzero(may.any(axis=0))
    cost = day.cost[:, left]
    short = np.full(len(left), "", object)
    missing = find_missing(cost, day.capacity)
    if missing is not None:
        names = [day.plants[at] for at in missing.plants]
        print(
            f"proven: {len(missing.orders):,} orders can only go to {', '.join(names)}, which hold"
            f" {day.capacity[missing.plants].sum():,.0f}: {missing.orders_beyond:,.0f} too many"
        )
        for part in take_apart(missing, cost, day.capacity):
            names = [day.plants[at] for at in part.plants]
            short[part.orders] = "+".join(names)
            print(
                f"  {len(part.orders):,} of them only to {', '.join(names)}, which hold"
                f" {day.capacity[part.plants].sum():,.0f}: {part.orders_beyond:,.0f} too many;"
                f" first {', '.join(day.orders[left[at]] for at in part.orders[:MOST_ORDERS_TOLD])}"
            )
        only = may[:, left].sum(axis=0) == 1
        for at in missing.plants:
            bound_there = int((only & may[at, left]).sum())
            if bound_there > day.capacity[at]:
                print(
                    f"  {bound_there:,} of them to no other plant than {day.plants[at]}, which"
                    f" holds {day.capacity[at]:,.0f}"
                )
    premium = options.premium or float(cost[np.isfinite(cost)].max(initial=0.0))
    found = soft_plan(cost, day.capacity, premium)
    if found is None:
        print("no plan was found")
        return 2
    shipped, bound = found
    load = shipped.solution.share.sum(axis=1)
    over = load[len(day.plants) :]
    split = int(((shipped.solution.share > 0.0).sum(axis=0) > 1).sum())
    print(
        f"least-cost soft plan: {shipped.cost:,.2f}, of it {premium * over.sum():,.2f} for"
        f" {over.sum():,.0f} orders beyond capacity at {premium:,.2f} each; bound {bound:,.2f},"
        f" gap {gap_pct(shipped.cost, bound):.6f} %; {split} orders split"
    )
    for at in np.flatnonzero(load[: len(day.plants)] + over > 0.0):
        print(
            f"  {day.plants[at]}: {load[at]:,.0f} of {day.capacity[at]:,.0f}"
            + (f", and {over[at]:,.0f} beyond" if over[at] > 0.5 else "")
        )
    if options.out is not None:
        site = shipped.solution.share.argmax(axis=0)
        m = len(day.plants)
        pd.DataFrame(
            {
                "order_id": [day.orders[at] for at in left],
                "plant": [day.plants[at % m] for at in site],
                "beyond_capacity": site >= m,
                "cost": cost[site % m, np.arange(len(left))],
                "short_at": short,
            }
        ).reindex(range(len(left) + len(nowhere))).assign(
            order_id=[day.orders[at] for at in [*left, *nowhere]]
        ).to_csv(options.out, index=False)
    print(
        f"{time.perf_counter() - began:.2f} wall s, {time.process_time() - used:.2f} CPU s"
        " without reading"
    )
    return 0
