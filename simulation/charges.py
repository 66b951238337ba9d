"""What departures cost: goods, freight and orders, from whole grams and cubic centimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.arrays import Floats, Sums
from simulation.state import State
from simulation.world import Lane, Mode

GRAMS = 1000.0  # in a kg
CUBIC_CENTIMETRES = 1e6  # in a m3


@dataclass(frozen=True, slots=True)
class LaneWeights:
    """What one unit adds to a departure.

    Attributes
    ----------
    each : (4, C) int64: 1, grams, cm3, and money in fixed point
    scale : fixed-point units per unit of money
    """

    each: Sums
    scale: float


def lane_weights(lane: Lane) -> LaneWeights:
    """Return the weights of a lane; money as fine as a millionth where sums stay below 2^61."""
    zeros = np.zeros(lane.n_skus)
    price = lane.price if lane.price is not None else zeros
    kg = lane.kg if lane.kg is not None else zeros
    m3 = lane.m3 if lane.m3 is not None else zeros
    scale = 1e6
    while scale > 1.0 and float(price.max(initial=0.0)) * scale * 2.0**31 > 2.0**61:
        scale /= 10.0
    rows = [np.ones(lane.n_skus), kg * GRAMS, m3 * CUBIC_CENTIMETRES, price * scale]
    return LaneWeights(np.rint(np.array(rows)).astype(np.int64), scale)


def charge(
    state: State,
    lane: int,
    tick: int,
    sums: Sums,
    mode: Mode,
    scale: float,
    price_factor: Floats,
    freight_factor: Floats,
    payment_ticks: int,
) -> None:
    """Book what leaves on a lane by one mode: shipments, weight, volume, units, goods, the order.

    Parameters
    ----------
    sums : (4, R) units, grams, cm3, and money in fixed point; scale : of the money
    price_factor, freight_factor : (R,) as things stand
    payment_ticks : until the goods are paid
    """
    freight = mode.freight
    state.lanes[lane].departures[tick] += sums[0]
    goods = sums[3] / scale * price_factor
    state.purchase[tick] += goods
    state.paid[min(tick + payment_ticks, len(state.paid) - 1)] += goods
    if freight.order_cost:
        state.ordering[tick] += np.where(sums[0] > 0, freight.order_cost, 0.0)
    if mode.grams_co2:
        state.grams_co2[tick] += sums[1] / GRAMS * mode.grams_co2
    if freight.free:
        return
    units, grams, cubic = (sums[row].astype(np.float64) for row in range(3))
    left = units > 0
    shipments = np.where(left, 1.0, 0.0)
    for total, most in (
        (grams, freight.shipment_kg * GRAMS),
        (cubic, freight.shipment_m3 * CUBIC_CENTIMETRES),
    ):
        if np.isfinite(most):
            shipments = np.maximum(shipments, np.ceil(total / most))
    cost = shipments * freight.per_shipment + grams / GRAMS * freight.per_kg
    cost = cost + cubic / CUBIC_CENTIMETRES * freight.per_m3 + units * freight.per_unit
    state.transport[tick] += cost * freight_factor
