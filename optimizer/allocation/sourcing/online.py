"""One order at a time: exact at the last batch's prices, out of what that batch has left.

No solver, no search: NumPy and a dynamic programme over the lines of one order.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.allocation.priority import USUAL_PRIORITY
from optimizer.allocation.sourcing.desk import Desk, ZoneRates
from optimizer.allocation.sourcing.goods import UNITS
from optimizer.allocation.sourcing.online_orders import (
    Decision,
    OnlineLine,
    OnlineOrder,
    OnlineParcel,
    Unserved,
)
from optimizer.allocation.sourcing.tariff import KG_TOLERANCE, Bools, Floats, Ints

MOST_EXACT = 9  # pieces up to which all ways to split an order are compared
HOURS_PER_DAY = 24.0


@dataclass(frozen=True, slots=True)
class _Case:
    """All parcels that one order could be sent in: rates by subsets of its pieces.

    Attributes
    ----------
    wait : (n_rates,) int64, days after `ship_day` that a parcel leaves: 1 past the cut-off
    room, left : (n_rates,) float64, units and parcels that the rate's ship day has left
    bits : (n_subsets, n_pieces) int64, subset number m + 1 in binary
    money : (n_rates, n_subsets) all money but penalties; inf where it cannot be
    late, co2, risk, handling : (n_rates,) twice, (n_rates, n_subsets) twice, parts of it
    goods : (n_subsets,) what the stock is worth, a part of it too
    paid : (n_rates, n_subsets) what prices add
    able : (n_sites, n_pieces) bool, stock is there
    """

    order: OnlineOrder
    rates: ZoneRates
    pieces: tuple[tuple[OnlineLine, ...], ...]
    ship_day: dt.date
    wait: Ints
    room: Floats
    left: Floats
    bits: Ints
    kg: Floats
    units: Floats
    money: Floats
    late: Floats
    co2: Floats
    risk: Floats
    handling: Floats
    goods: Floats
    paid: Floats
    able: Bools
    drop: Floats


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
    return _decision(desk, case, chosen, exact, other)


def _lay_out(desk: Desk, order: OnlineOrder) -> _Case:
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
    toll, per_unit = today.parcel_price[rates.group], today.room_price[site]
    paid = toll[:, None] + per_unit[:, None] * units + (price @ bits.T)[site]
    return _Case(
        order, rates, pieces, ship_day, wait, room, left,
        bits, kg, units, money, late, co2, risk, handling, goods, paid, able, drop,
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


Chosen = list[tuple[int, int]]  # (rate, subset number - 1) of each parcel


def _choose(desk: Desk, case: _Case, total: Floats) -> tuple[Chosen, bool]:
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


def _fit_together(desk: Desk, case: _Case, parcels: Chosen) -> bool:
    """Say whether parcels that each fit alone fit together."""
    if len(parcels) == 1:
        return True
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
        order.channel_id, case.pieces, _by_site(case, parcels), order.placed_at
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


def _one_per_site(case: _Case, total: Floats) -> Chosen:
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


def _greedy(case: _Case, total: Floats) -> Chosen:
    """Send each piece of a large order by its own cheapest parcel, where that beats leaving it."""
    rate = total.argmin(axis=0) if len(total) else np.zeros(len(case.pieces), np.int64)
    return [
        (int(rate[piece]), piece)
        for piece in range(len(case.pieces))
        if len(total) and total[rate[piece], piece] < case.drop[piece]
    ]


def _by_site(case: _Case, parcels: Chosen) -> list[tuple[int, list[int]]]:
    """Return the site and the pieces of each parcel."""
    return [
        (int(case.rates.site[rate]), np.flatnonzero(case.bits[subset]).tolist())
        for rate, subset in parcels
    ]


def _alternative(desk: Desk, case: _Case, chosen: Chosen) -> Chosen | None:
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


def _money(case: _Case, parcels: Chosen) -> float:
    """Return the money of a way to send the order, prices aside."""
    sent = np.zeros(len(case.pieces), bool)
    total = 0.0
    for rate, subset in parcels:
        total += float(case.money[rate, subset])
        sent |= case.bits[subset].astype(bool)
    return total + float(case.drop[~sent].sum())


def _decision(
    desk: Desk, case: _Case, chosen: Chosen, exact: bool, other: Chosen | None
) -> Decision:
    rates, order = case.rates, case.order
    parcels, sent, priced = [], np.zeros(len(case.pieces), bool), 0.0
    for rate, subset in sorted(chosen, key=lambda parcel: parcel[1]):
        inside = np.flatnonzero(case.bits[subset])
        sent[inside] = True
        ship_on = case.ship_day + dt.timedelta(days=int(case.wait[rate]))
        handling, late = float(case.handling[rate, subset]), float(case.late[rate])
        co2, risk = float(case.co2[rate]), float(case.risk[rate, subset])
        paid, goods = float(case.paid[rate, subset]), float(case.goods[subset])
        priced += paid
        parcels.append(
            OnlineParcel(
                site_id=str(desk.site_ids[rates.site[rate]]),
                carrier_id=str(desk.tariff.carrier[rates.row[rate]]),
                service=str(desk.tariff.service[rates.row[rate]]),
                ship_on=ship_on,
                promised_on=ship_on + dt.timedelta(days=int(rates.days[rate])),
                weight_kg=float(case.kg[subset]),
                cost=float(case.money[rate, subset]) - handling - late - co2 - risk - goods,
                handling=handling,
                late=late,
                co2=co2,
                risk=risk,
                stock_value=goods,
                priced=paid,
                lines=tuple(line for piece in inside.tolist() for line in case.pieces[piece]),
            )
        )
    left = np.flatnonzero(~sent).tolist()
    terms = {
        "parcel": sum(parcel.cost for parcel in parcels),
        "handling": sum(parcel.handling for parcel in parcels),
        "late": sum(parcel.late for parcel in parcels),
        "co2": sum(parcel.co2 for parcel in parcels),
        "risk": sum(parcel.risk for parcel in parcels),
        "unserved": float(case.drop[left].sum()),
    }
    if desk.stock_value:
        terms["stock_value"] = sum(parcel.stock_value for parcel in parcels)
    alternative, extra, binding = "", None, {}
    if other is not None:
        names = sorted({str(desk.site_ids[rates.site[rate]]) for rate, _ in other})
        alternative = f"from {', '.join(names)}" if names else "send nothing"
        extra = _money(case, other) - _money(case, chosen)
        if extra < -1e-9:
            binding = _binding(desk, case, other)
    return Decision(
        order_id=order.order_id,
        parcels=tuple(parcels),
        unserved=tuple(
            Unserved(line.line_id, line.qty, *_reason(desk, case, piece))
            for piece in left
            for line in case.pieces[piece]
        ),
        terms=terms,
        priced=priced,
        exact=exact,
        alternative=alternative,
        extra_cost=extra,
        binding=binding,
    )


def _binding(desk: Desk, case: _Case, other: Chosen) -> dict[str, str | float]:
    """Return the largest price that speaks against the cheaper way."""
    prices: list[tuple[float, str, str]] = []
    goods, channel = desk.goods, case.order.channel_id
    for site, pieces in _by_site(case, other):
        for piece in pieces:
            for line in case.pieces[piece]:
                for column, qty in goods.needs(line.product_id, line.qty, channel):
                    price = float(goods.worth(column, case.order.placed_at)[site])
                    name = f"{desk.site_ids[site]}/{goods.product_of[column]}"
                    prices.append((price * qty, "price of stock", name))
    day = desk.day(case.ship_day)
    for rate, subset in other:
        site, group = int(case.rates.site[rate]), int(case.rates.group[rate])
        dock = float(day.room_price[site] * case.units[subset])
        prices.append((dock, "price of outbound units", str(desk.site_ids[site])))
        carrier = float(day.parcel_price[group])
        prices.append((carrier, "price of carrier parcels", str(desk.carrier_ids[group])))
    value, rule, parameter = max(prices, default=(0.0, "", ""))
    return {"rule": rule, "parameter": parameter, "value": round(value, 6)} if value > 0.0 else {}


def _reason(desk: Desk, case: _Case, piece: int) -> tuple[str, str]:
    """Return code and detail of the first test that a piece fails."""
    rates, zone = case.rates, case.order.zone_id
    kg = float(sum(line.qty * desk.goods.facts(line.product_id)[0] for line in case.pieces[piece]))
    if not len(rates.row):
        return "no_rate", f"no open site has a rate to zone {zone}"
    if kg > rates.upto_kg.max() + KG_TOLERANCE:
        return "too_heavy", f"{kg:g} kg; rates hold at most {rates.upto_kg.max():g} kg"
    in_time = np.isfinite(case.late) & (kg <= rates.upto_kg + KG_TOLERANCE)
    if not in_time.any():
        return "too_late", f"the fastest rate takes {rates.days.min():g} days"
    if not case.able[rates.site[in_time], piece].any():
        kept = _kept(desk, case, piece, np.unique(rates.site[in_time]).tolist())
        if kept:
            return "reserved", kept
        return "no_stock", "no site that ships it in time has all of it left"
    alone = (1 << piece) - 1 if len(case.pieces) <= MOST_EXACT else piece
    money = case.money[:, alone]
    if not np.isfinite(money).any():
        return "no_capacity", "docks and carriers that could ship it are full that day"
    best = int((money + case.paid[:, alone]).argmin())
    what = "a parcel and its goods cost" if desk.stock_value else "a parcel costs"
    return "not_worth_it", (
        f"{what} {money[best]:.2f}, what it takes is worth {case.paid[best, alone]:.2f}"
        f" to other orders, leaving it costs {case.drop[piece]:.2f}"
    )


def _kept(desk: Desk, case: _Case, piece: int, sites: Sequence[int]) -> str:
    """Say where stock that is kept for another channel would do; "" where none would."""
    if len(case.pieces[piece]) > 1:
        return ""
    (line,) = case.pieces[piece]
    kept = desk.goods.kept_for_others(line.product_id, line.qty, case.order.channel_id, sites)
    if kept is None:
        return ""
    days, site, channel = kept
    name = desk.site_ids[site]
    if desk.goods.owner[site]:
        return f"{name} has it and serves channel {channel} alone"
    if not np.isfinite(days):
        return f"{name} keeps it for {channel} and does not release it"
    earlier = days - desk.goods.days_at(case.order.placed_at)
    return f"{name} keeps it for {channel}; released {earlier:.3g} days earlier it would ship"
