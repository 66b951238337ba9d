"""In NumPy, the reference: what a site receives, serves and orders."""

from __future__ import annotations

import numpy as np

from simulation.arrays import Flags, Places, Sums, Units
from simulation.kernels import rows as at


def serve(
    on_hand: Units,
    backlog: Units,
    on_order: Units,
    arrivals: Units,
    demand: Units,
    stopped: Flags,
    lost: bool,
    weights: Sums,
    exposed: Flags,
    totals: Units,
    ledger: Sums,
) -> None:
    """Receive what has come, pay old debts, meet the demand, and write the tick's row.

    Parameters
    ----------
    on_hand, backlog, on_order, arrivals, demand : (R, K) units; arrivals are emptied
    stopped : (R,) nothing leaves the site
    lost : unmet demand is lost, else it is owed
    weights : (3, K) money per unit in fixed point: value, holding, shortage
    exposed : (R, K) whether demand went short in the running cycle
    totals : (5, R, K) units so far
    ledger : (16, R) the tick's row, written
    """
    if arrivals.any():
        came = arrivals > 0
        np.add(on_hand, arrivals, out=on_hand)
        np.subtract(on_order, arrivals, out=on_order)
        totals[at.T_RECEIVED] += arrivals
        ledger[at.RECEIVED] = arrivals.sum(axis=1, dtype=np.int64)
        ledger[at.CYCLES] = came.sum(axis=1)
        ledger[at.SHORT_CYCLES] = (came & exposed).sum(axis=1)
        exposed &= ~came
        arrivals[...] = 0
    issued = np.zeros(len(on_hand), np.int64)
    if not lost and backlog.any():
        paid = np.minimum(on_hand, backlog)
        paid[stopped] = 0
        on_hand -= paid
        backlog -= paid
        issued += paid.sum(axis=1, dtype=np.int64)
    served = np.minimum(on_hand, demand)
    served[stopped] = 0
    on_hand -= served
    short = demand - served
    exposed |= short > 0
    totals[at.T_DEMAND] += demand
    totals[at.T_SHORT] += short
    if not lost:
        backlog += short
    sold = served.sum(axis=1, dtype=np.int64)
    ledger[at.DEMAND] = demand.sum(axis=1, dtype=np.int64)
    ledger[at.SERVED] = sold
    ledger[at.SHORT] = ledger[at.DEMAND] - sold
    ledger[at.ISSUED] = issued + sold
    ledger[at.BACKLOG] = backlog.sum(axis=1, dtype=np.int64)
    ledger[at.ON_HAND] = on_hand.sum(axis=1, dtype=np.int64)
    ledger[at.VALUE] = np.einsum("rk,k->r", on_hand, weights[at.BY_VALUE])
    ledger[at.HOLDING] = np.einsum("rk,k->r", on_hand, weights[at.BY_HOLDING])
    ledger[at.SHORTAGE] = np.einsum("rk,k->r", short, weights[at.BY_SHORTAGE])


def serve_and_review(
    on_hand: Units,
    backlog: Units,
    on_order: Units,
    arrivals: Units,
    demand: Units,
    stopped: Flags,
    lost: bool,
    weights: Sums,
    exposed: Flags,
    totals: Units,
    ledger: Sums,
    reorder_point: Units,
    order_up_to: Units,
    fixed_quantity: Units,
    least: Units,
    multiple: Units,
    orders: Units,
    waiting: Units,
    out_of: Places,
    owed: Units,
) -> bool:
    """Serve, then review every SKU: the short way of a site that feeds no other.

    The other parameters are those of :func:`serve` and :func:`review`.

    Parameters
    ----------
    orders : (R, K) units, written unless there is a `waiting`
    waiting : (R, K) units at the start of the one lane that brings all SKUs, added to; (0, 0)
        where several lanes do
    out_of, owed : of that lane, as for :func:`ask`

    Returns
    -------
    some : whether anything was ordered
    """
    serve(
        on_hand, backlog, on_order, arrivals, demand, stopped, lost, weights, exposed, totals,
        ledger,
    )  # fmt: skip
    every = np.arange(on_hand.shape[1])
    review(
        on_hand, backlog, on_order, orders[:0, :0], every, reorder_point, order_up_to,
        fixed_quantity, least, multiple, False, orders,
    )  # fmt: skip
    ledger[at.ORDERED] = orders.sum(axis=1, dtype=np.int64)
    if waiting.shape[0]:
        ask(orders, every, every, out_of, waiting, owed)
    return bool(ledger[at.ORDERED].any())


def review(
    on_hand: Units,
    backlog: Units,
    on_order: Units,
    beside: Units,
    due: Places,
    reorder_point: Units,
    order_up_to: Units,
    fixed_quantity: Units,
    least: Units,
    multiple: Units,
    signed: bool,
    orders: Units,
) -> None:
    """Order for the SKUs that are due, by their policy, from the inventory position.

    position = on hand + on order - owed to customers + what the caller adds

    Parameters
    ----------
    beside : (R, K) units to add to the position (less what other sites wait for, plus their
        positions under an echelon policy), or (0, 0) for none
    due : (D,) SKUs reviewed at this tick
    reorder_point, order_up_to : (1 or R, K) units
    fixed_quantity : (K,) Q of an r,Q policy, 0 for an order-up-to policy
    least, multiple : (K,) units
    signed : order the exact difference, even a negative one
    orders : (R, K) units, written for the SKUs due
    """
    skus: Places | slice = slice(None) if len(due) == on_hand.shape[1] else due
    position = on_hand[:, skus] + on_order[:, skus]
    position -= backlog[:, skus]
    if beside.shape[0]:
        position += beside[:, skus]
    point = reorder_point[:, skus]
    wanted = order_up_to[:, skus] - position
    if signed:
        orders[:, skus] = wanted
        on_order[:, skus] += wanted
        return
    batch = fixed_quantity[skus]
    if batch.any():
        lots = (point - position) // np.maximum(batch, 1) + 1
        wanted = np.where(batch > 0, lots * batch, wanted)
    np.maximum(wanted, 0, out=wanted)
    wanted *= position <= point
    if least[skus].any():
        wanted = np.where(wanted > 0, np.maximum(wanted, least[skus]), 0)
    pack = multiple[skus]
    if (pack > 1).any():
        wanted = ((wanted + pack - 1) // pack) * pack
    orders[:, skus] = wanted
    on_order[:, skus] += wanted


def ask(
    orders: Units, columns: Places, into: Places, out_of: Places, waiting: Units, owed: Units
) -> bool:
    """Put orders of a site down at the start of one of its lanes.

    Parameters
    ----------
    orders : (R, K) units at the destination
    columns : (n,) SKUs of the lane, each at most once; into : (C,) where they are in `orders`
    waiting : (R, C) units, added to
    owed : (R, K) units that the origin owes, added to; (0, 0) for a supplier

    Returns
    -------
    some : whether anything was asked for
    """
    units = orders[:, into[columns]]
    if not units.any():
        return False
    waiting[:, columns] += units
    if owed.shape[0]:
        owed[:, out_of[columns]] += units
    return True


def take_off(on_hand: Units, loaded: Units, out_of: Places, weights: Sums, ledger: Sums) -> None:
    """Take what a lane has loaded off the shelf and out of the tick's figures.

    Parameters
    ----------
    on_hand : (R, K) units, reduced; loaded : (R, C); out_of : (C,)
    weights : (3, K) money per unit in fixed point: value, holding, shortage
    ledger : (16, R) the tick's row
    """
    on_hand[:, out_of] -= loaded
    gone = loaded.sum(axis=1, dtype=np.int64)
    ledger[at.SHIPPED] += gone
    ledger[at.ON_HAND] -= gone
    ledger[at.VALUE] -= np.einsum("rc,c->r", loaded, weights[at.BY_VALUE, out_of])
    ledger[at.HOLDING] -= np.einsum("rc,c->r", loaded, weights[at.BY_HOLDING, out_of])
