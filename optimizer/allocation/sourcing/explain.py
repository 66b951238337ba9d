"""Why each parcel leaves where it does: its arithmetic, and what the next-best site would cost."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from optimizer.allocation.sourcing.assign import LEFT
from optimizer.allocation.sourcing.blocks import Catalogue, quotes_for, whole_stock
from optimizer.allocation.sourcing.ledger import UNITS, Ledger
from optimizer.allocation.sourcing.placement import Parcels
from optimizer.allocation.sourcing.problem import Objects
from optimizer.allocation.sourcing.tariff import Floats


def explanations(
    ledger: Ledger, catalogue: Catalogue, parcels: Parcels, ids: Objects
) -> pd.DataFrame:
    """Return a row per parcel.

    The next-best site is the cheapest other site that had the goods this morning. Where it would
    be cheaper (a negative extra cost), the binding limit says what other orders took there.
    """
    problem, tariff = ledger.problem, ledger.problem.tariff
    if not len(ids):
        return pd.DataFrame()
    other, extra = _next_best(ledger, catalogue, parcels)
    row = parcels.row
    charged = tariff.charged_kg(row, parcels.kg, parcels.m3)
    numbers = zip(
        tariff.base[row].tolist(),
        charged.tolist(),
        tariff.per_kg[row].tolist(),
        parcels.money.tolist(),
        parcels.handling.tolist(),
        parcels.late.tolist(),
        parcels.co2.tolist(),
        parcels.goods.tolist(),
        strict=True,
    )

    def worth(goods: float) -> str:
        return "" if problem.goods is None else f', "stock_value": {goods:.6f}'

    terms = [
        f'{{"base": {base:.6g}, "charged_kg": {kg:.6g}, "per_kg": {per_kg:.6g},'
        f' "parcel": {money:.6f}, "handling": {handling:.6f}, "late": {late:.6f},'
        f' "co2": {co2:.6f}{worth(goods)}}}'
        for base, kg, per_kg, money, handling, late, co2, goods in numbers
    ]
    names: list[str | None] = [
        None if site == LEFT else f"from {problem.site_ids[site]}" for site in other.tolist()
    ]
    return pd.DataFrame(
        {
            "decision_id": "shipments:" + ids,
            "table": "shipments",
            "terms": terms,
            "binding": pd.Series(_binding(ledger, parcels, other, extra), dtype="str"),
            "alternative": pd.Series(names, dtype="str"),
            "extra_cost": np.where(other == LEFT, np.nan, extra),
        }
    )


def _next_best(
    ledger: Ledger, catalogue: Catalogue, parcels: Parcels
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], Floats]:
    """Return the cheapest other site of every parcel (LEFT: none) and its extra cost."""
    problem = ledger.problem
    quotes = quotes_for(problem, parcels.order)
    shipped = np.flatnonzero(parcels.of_piece >= 0)
    parcel = parcels.of_piece[shipped]
    goods = problem.goods_of(shipped, parcel, len(parcels.order))
    money = quotes.by_group(parcels.kg, parcels.m3, parcels.loss - goods, 1)[0]
    money = money + problem.handling[:, None] * parcels.units + goods
    sites, unable = np.nonzero(~catalogue.able[:, shipped])
    money[sites, parcel[unable]] = np.inf
    at = np.arange(len(parcels.order))
    money[parcels.site, at] = np.inf
    other = money.argmin(axis=0)
    least = money[other, at]
    own = parcels.money + parcels.handling + parcels.late + parcels.co2 + parcels.risk
    own = own + parcels.goods
    extra = least - own
    return np.where(np.isfinite(least), other, LEFT), extra


def _binding(
    ledger: Ledger,
    parcels: Parcels,
    other: np.ndarray[tuple[int], np.dtype[np.int64]],
    extra: Floats,
) -> list[str | None]:
    """Name the limit that keeps a parcel from a cheaper site."""
    problem = ledger.problem
    free = whole_stock(problem, ledger.stock)
    cheaper = np.flatnonzero((other != LEFT) & (extra < -1e-9))
    rules: dict[int, str] = {}
    wanted = set(cheaper.tolist())
    for parts in problem.pieces.parts:
        parcel = parcels.of_piece[parts.piece]
        mine = np.flatnonzero((parcel >= 0) & np.isin(parcel, cheaper))
        site = other[parcel[mine]]
        left = free[site, parts.column[mine]]
        for at in np.flatnonzero(left < parts.qty[mine] - UNITS).tolist():
            number = int(parcel[mine[at]])
            if number in wanted and number not in rules:
                product = problem.resources.product_id[parts.column[mine[at]]]
                rules[number] = _rule(
                    "free stock", f"{problem.site_ids[site[at]]}/{product}", float(left[at])
                )
    day = problem.orders.day[parcels.order]
    for number in cheaper.tolist():
        if number in rules:
            continue
        site_id = problem.site_ids[other[number]]
        room = float(ledger.room[other[number], day[number]])
        if room < parcels.units[number] - UNITS:
            rules[number] = _rule("outbound_units_per_day", site_id, room)
        else:
            rules[number] = _rule("price of what others need", site_id, float(-extra[number]))
    return [rules.get(number) for number in range(len(other))]


def _rule(rule: str, parameter: str, value: float) -> str:
    return json.dumps(
        {"rule": rule, "parameter": parameter, "value": round(value, 6)}, ensure_ascii=False
    )
