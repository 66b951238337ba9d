"""One order at a time: exact at the last batch's prices, out of what that batch has left.

No solver, no search: NumPy and a dynamic programme over the lines of one order.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np

from optimizer.allocation.priority import USUAL_PRIORITY
from optimizer.allocation.sourcing.desk import Desk, ZoneRates
from optimizer.allocation.sourcing.desk_co2 import broken_by, held_by, tolls
from optimizer.allocation.sourcing.goods import UNITS
from optimizer.allocation.sourcing.online_answer import told
from optimizer.allocation.sourcing.online_case import MOST_EXACT, Case, Chosen, by_site
from optimizer.allocation.sourcing.online_orders import Decision, OnlineOrder
from optimizer.allocation.sourcing.tariff import KG_TOLERANCE, Floats

HOURS_PER_DAY = 24.0


def decide(desk: Desk, order: OnlineOrder) -> Decision:
    """Promise an order what is best at the prices, without reserving it.

    Every way to send its lines (all together where it may not be split) from the sites that have
    them, by the rates that arrive in time, or to leave them, is compared; beyond MOST_EXACT
    pieces sites are taken greedily.

    Raises
    ------
    KeyError
        The desk does not know a product.
    """
    case = _lay_out(desk, order)
    chosen, exact = _choose(desk, case, case.money + case.paid)
    other = _alternative(desk, case, chosen)
    return told(desk, case, chosen, exact, other)


def _lay_out(desk: Desk, order: OnlineOrder) -> Case:
    """Price every parcel that the order could be sent in."""
    pieces = tuple((line,) for line in order.lines) if order.allow_split else (order.lines,)
    n = len(pieces)
    bits = desk.bits(n) if n <= MOST_EXACT else np.eye(n, dtype=np.int64)
    stock = desk.goods
    kg1, m31, units1, drop, worth = np.array(
        [
            [sum(line.qty * stock.facts(line.product_id)[at] for line in piece) for piece in pieces]
            for at in range(5)
        ]
    )
    kg, m3, units, goods = bits @ kg1, bits @ m31, bits @ units1, bits @ worth
    rates = desk.rates(order.zone_id)
    ship_day = order.ready_on(desk.start)
    today = desk.day(ship_day)
    hour = (order.placed_at - dt.datetime.combine(ship_day, dt.time())) / dt.timedelta(hours=1)
    wait = (rates.cutoff_h < hour).astype(np.int64)
    drop *= USUAL_PRIORITY / order.priority
    late = _late(order, ship_day, wait + rates.days)
    able, price, fits = stock.stock_for(pieces, order.channel_id, bits, order.placed_at)
    site = rates.site
    room, left = today.room[site], today.parcels[rates.group]
    tariff = desk.tariff
    row = rates.row[:, None]
    money = tariff.cost(row, kg, m3)
    handling = desk.handling[site][:, None] * units
    barred = (kg > rates.upto_kg[:, None] + KG_TOLERANCE) | (
        (kg <= rates.above_kg[:, None] + KG_TOLERANCE) & (rates.above_kg[:, None] > 0.0)
    )
    co2 = tariff.co2[rates.row]
    money = np.where(barred, np.inf, money + (late + co2)[:, None])
    risk = _risk(rates, money, bits @ drop - goods)
    barred = ~fits[site] | (room[:, None] < units - UNITS) | (left[:, None] < 1.0)
    money = np.where(barred, np.inf, money + risk + handling + goods)
    caps, grams = desk.caps.on(ship_day), tariff.known_grams(rates.row)
    kept = np.isfinite(money) & held_by(caps, site, grams)[:, None]
    money = np.where(kept, np.inf, money)
    toll, per_unit = today.parcel_price[rates.group], today.room_price[site]
    toll = toll + tolls(caps, site, grams)
    paid = toll[:, None] + per_unit[:, None] * units + (price @ bits.T)[site]
    return Case(
        order, rates, pieces, ship_day, wait, room, left,
        bits, kg, units, money, late, co2, risk, handling, goods, paid, able, drop,
        caps, grams, kept,
    )  # fmt: skip


def _risk(rates: ZoneRates, money: Floats, loss: Floats) -> Floats:
    """Return the chance that a carrier does not take a parcel times what that costs more.

    Then it goes by the cheapest carrier of the site that takes all, or stays at `loss`.
    """
    risk = np.zeros(money.shape)
    for rate in np.flatnonzero(rates.accepts < 1.0).tolist():
        sure = (rates.site == rates.site[rate]) & (rates.accepts >= 1.0)
        fallback = np.minimum(loss, money[sure].min(axis=0, initial=np.inf))
        known = np.isfinite(money[rate])
        more = np.maximum(0.0, fallback[known] - money[rate, known])
        risk[rate, known] = (1.0 - rates.accepts[rate]) * more
    return risk


def _late(order: OnlineOrder, ship_day: dt.date, days: Floats) -> Floats:
    """Return money for arriving so many days after the ship day; inf where that is not allowed."""
    if order.due_to is None:
        return np.zeros(len(days))
    over = np.maximum(0.0, days - (order.due_to.date() - ship_day).days)
    if order.late_cost_per_h is None:
        return np.where(over > 0.0, np.inf, 0.0)
    return over * HOURS_PER_DAY * order.late_cost_per_h


def _choose(desk: Desk, case: Case, total: Floats) -> tuple[Chosen, bool]:
    """Choose parcels of least total; say whether no other way is better."""
    if len(case.pieces) > MOST_EXACT:
        return _greedy(case, total), False
    if not len(total):
        return [], True
    rate = total.argmin(axis=0)
    value = total[rate, np.arange(total.shape[1])].tolist()
    parcels = [(int(rate[subset - 1]), subset - 1) for subset in _partition(value, case.drop)]
    if _fit_together(desk, case, parcels):
        return parcels, True
    parcels = _one_per_site(case, total)
    if _fit_together(desk, case, parcels):
        return parcels, False
    whole = np.array(value) + case.drop.sum() - case.bits @ case.drop
    subset = int(whole.argmin())
    return ([(int(rate[subset]), subset)] if whole[subset] < case.drop.sum() else []), False


def _fit_together(desk: Desk, case: Case, parcels: Chosen) -> bool:
    """Say whether parcels that each fit alone fit together."""
    if len(parcels) == 1:
        return True
    if broken_by(case.caps, case.emitted(parcels)) is not None:
        return False
    rates = case.rates
    units: dict[int, float] = {}
    sent: dict[int, float] = {}
    for rate, subset in parcels:
        at, by = int(rates.site[rate]), int(rates.group[rate])
        units[at] = units.get(at, 0.0) + float(case.units[subset])
        sent[by] = sent.get(by, 0.0) + 1.0
        if units[at] > case.room[rate] + UNITS or sent[by] > case.left[rate]:
            return False
    if len(units) == len(parcels):
        return True
    order = case.order
    return desk.goods.has_stock(
        order.channel_id, case.pieces, by_site(case, parcels), order.placed_at
    )


def _partition(value: Sequence[float], drop: Floats) -> list[int]:
    """Split pieces into parcels and pieces left behind at least cost, over all ways.

    Parameters
    ----------
    value : of each subset as one parcel, by its number less 1

    Returns
    -------
    subsets : numbers of the subsets that are parcels
    """
    leave = drop.tolist()
    full = len(value)
    best, taken = [0.0] * (full + 1), [0] * (full + 1)
    for pieces in range(1, full + 1):
        lowest = pieces & -pieces
        rest = pieces ^ lowest
        least, choice = leave[lowest.bit_length() - 1] + best[rest], 0
        part = rest
        while True:
            parcel = part | lowest
            cost = value[parcel - 1] + best[pieces ^ parcel]
            if cost < least:
                least, choice = cost, parcel
            if not part:
                break
            part = (part - 1) & rest
        best[pieces], taken[pieces] = least, choice
    subsets, left = [], full
    while left:
        if taken[left]:
            subsets.append(taken[left])
        left ^= taken[left] or (left & -left)
    return subsets


def _one_per_site(case: Case, total: Floats) -> Chosen:
    """Choose with one parcel a site at most, so that no site is asked for more than it has."""
    full = len(case.bits)
    drop = np.concatenate([[0.0], case.bits @ case.drop])
    best: list[tuple[float, Chosen]] = [(float(drop[pieces]), []) for pieces in range(full + 1)]
    for site in np.unique(case.rates.site).tolist():
        mine = np.flatnonzero(case.rates.site == site)
        rate = mine[total[mine].argmin(axis=0)]
        value = total[rate, np.arange(full)]
        before = list(best)
        for pieces in range(1, full + 1):
            parcel = pieces
            while parcel:
                cost = float(value[parcel - 1]) + before[pieces ^ parcel][0]
                if cost < best[pieces][0]:
                    chosen = [*before[pieces ^ parcel][1], (int(rate[parcel - 1]), parcel - 1)]
                    best[pieces] = (cost, chosen)
                parcel = (parcel - 1) & pieces
    return best[full][1]


def _greedy(case: Case, total: Floats) -> Chosen:
    """Send each piece of a large order by its own cheapest parcel, where that beats leaving it."""
    rate = total.argmin(axis=0) if len(total) else np.zeros(len(case.pieces), np.int64)
    chosen: Chosen = []
    for piece in range(len(case.pieces)):
        if len(total) and total[rate[piece], piece] < case.drop[piece]:
            with_it = [*chosen, (int(rate[piece]), piece)]
            if broken_by(case.caps, case.emitted(with_it)) is None:
                chosen = with_it
    return chosen


def _alternative(desk: Desk, case: Case, chosen: Chosen) -> Chosen | None:
    """Return the cheapest way in money where that is another, else the best one elsewhere."""
    if len(case.pieces) > MOST_EXACT or not chosen:
        return None
    if case.paid.any():
        cheapest, _ = _choose(desk, case, case.money)
        if sorted(cheapest) != sorted(chosen):
            return cheapest
    first = case.rates.site[chosen[0][0]]
    elsewhere = np.where((case.rates.site == first)[:, None], np.inf, case.money + case.paid)
    other, _ = _choose(desk, case, elsewhere)
    return other or None
