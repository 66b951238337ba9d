"""What the planner is told of one order: parcels, what is left and why, the next-best way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np

from optimizer.allocation.sourcing.desk import Desk
from optimizer.allocation.sourcing.desk_co2 import broken_by
from optimizer.allocation.sourcing.online_case import MOST_EXACT, Case, Chosen, by_site
from optimizer.allocation.sourcing.online_orders import Decision, OnlineParcel, Unserved
from optimizer.allocation.sourcing.tariff import KG_TOLERANCE, Ints


def told(desk: Desk, case: Case, chosen: Chosen, exact: bool, other: Chosen | None) -> Decision:
    """Return the decision with its terms, what is left and why, and the next-best way's cost.

    Parameters
    ----------
    chosen : the parcels that are sent
    exact : no other way is better at the prices
    other : the way to compare with, None where there is none
    """
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
                g_co2e=float(case.grams[rate]),
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
            Unserved(line.line_id, line.qty, *_reason(desk, case, piece, chosen))
            for piece in left
            for line in case.pieces[piece]
        ),
        terms=terms,
        priced=priced,
        exact=exact,
        alternative=alternative,
        extra_cost=extra,
        binding=binding,
        caps=desk.caps.states(
            case.ship_day, [(parcel.site_id, parcel.g_co2e) for parcel in parcels]
        ),
        notes=desk.caps.notes,
    )


def _money(case: Case, parcels: Chosen) -> float:
    """Return the money of a way to send the order, prices aside."""
    sent = np.zeros(len(case.pieces), bool)
    total = 0.0
    for rate, subset in parcels:
        total += float(case.money[rate, subset])
        sent |= case.bits[subset].astype(bool)
    return total + float(case.drop[~sent].sum())


def _binding(desk: Desk, case: Case, other: Chosen) -> dict[str, str | float]:
    """Return the largest price that speaks against the cheaper way."""
    prices: list[tuple[float, str, str]] = []
    goods, channel = desk.goods, case.order.channel_id
    for site, pieces in by_site(case, other):
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
        for cap in case.caps:
            if cap.counts[site]:
                toll = cap.price * float(case.grams[rate])
                prices.append((toll, "price of CO2e", cap.limit.limit_id))
    value, rule, parameter = max(prices, default=(0.0, "", ""))
    return {"rule": rule, "parameter": parameter, "value": round(value, 6)} if value > 0.0 else {}


def _reason(desk: Desk, case: Case, piece: int, chosen: Chosen) -> tuple[str, str]:
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
        if case.kept[:, alone].any():
            return "co2", _no_grams(case, np.flatnonzero(case.kept[:, alone]), [])
        return "no_capacity", "docks and carriers that could ship it are full that day"
    worth = np.flatnonzero(money + case.paid[:, alone] < case.drop[piece])
    taken = case.emitted(chosen)
    if len(worth) and all(
        broken_by(case.caps, [*taken, *case.emitted([(rate, alone)])]) for rate in worth.tolist()
    ):
        return "co2", _no_grams(case, worth, taken)
    best = int((money + case.paid[:, alone]).argmin())
    what = "a parcel and its goods cost" if desk.stock_value else "a parcel costs"
    return "not_worth_it", (
        f"{what} {money[best]:.2f}, what it takes is worth {case.paid[best, alone]:.2f}"
        f" to other orders, leaving it costs {case.drop[piece]:.2f}"
    )


def _no_grams(case: Case, rates: Ints, taken: Sequence[tuple[int, float]]) -> str:
    """Say which limit on CO2e has no room for the cleanest of some parcels."""
    rate = int(rates[case.grams[rates].argmin()])
    parcel = int(case.rates.site[rate]), float(case.grams[rate])
    cap = broken_by(case.caps, [*taken, parcel])
    assert cap is not None, "every one of these parcels breaks a limit"
    used = sum(grams for site, grams in taken if cap.counts[site])
    return (
        f"limit {cap.limit.limit_id} on CO2e has {max(cap.left - used, 0.0):.0f} g left; a parcel"
        f" emits at least {parcel[1]:.0f} g"
    )


def _kept(desk: Desk, case: Case, piece: int, sites: Sequence[int]) -> str:
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
