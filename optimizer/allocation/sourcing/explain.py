"""Why each parcel leaves where it does: its arithmetic, and what the next-best site would cost."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from optimizer.allocation.sourcing.assign import LEFT
from optimizer.allocation.sourcing.blocks import Catalogue, quotes_for, whole_stock
from optimizer.allocation.sourcing.co2_caps import Use
from optimizer.allocation.sourcing.ledger import UNITS, Ledger
from optimizer.allocation.sourcing.placement import Parcels
from optimizer.allocation.sourcing.problem import Objects
from optimizer.allocation.sourcing.tariff import Floats


def explanations(
    ledger: Ledger,
    catalogue: Catalogue,
    parcels: Parcels,
    ids: Objects,
    uses: tuple[Use, ...] = (),
) -> pd.DataFrame:
    """Return a row per parcel.

    The next-best site is the cheapest other site that had the goods this morning. Where it would
    be cheaper (a negative extra cost), the binding limit says what other orders took there, or
    which limit on CO2e does not let it. Where such a limit keeps a parcel from a rate of its own
    site that is cheaper than any other site, that rate is the alternative.

    Parameters
    ----------
    uses : what the plan takes of limits on CO2e
    """
    problem, tariff = ledger.problem, ledger.problem.tariff
    if not len(ids):
        return pd.DataFrame()
    other, extra = _next_best(ledger, catalogue, parcels)
    row = parcels.row
    barred = _barred(ledger, parcels, other, extra, uses)
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
    binding = _binding(ledger, parcels, other, extra)
    for number, (rule, name, more) in barred.items():
        binding[number], extra[number] = rule, more
        names[number] = name or names[number]
    return pd.DataFrame(
        {
            "decision_id": "shipments:" + ids,
            "table": "shipments",
            "terms": terms,
            "binding": pd.Series(binding, dtype="str"),
            "alternative": pd.Series(names, dtype="str"),
            "extra_cost": extra,
        }
    )


def explain_unserved(unserved: pd.DataFrame) -> pd.DataFrame:
    """Return a row for every line that stays and could be sent by its smallest change.

    Parameters
    ----------
    unserved : as :func:`unserved_rows` has them
    """
    if not len(unserved):
        return pd.DataFrame()
    told = unserved[unserved["ships_for"].notna()]
    pairs = list(zip(told["ships_for"].tolist(), told["penalty"].tolist(), strict=True))
    whole = ["serve it" if n == 1 else f"serve its {n} lines" for n in told["lines"].tolist()]
    return pd.DataFrame(
        {
            "decision_id": [f"unserved:order_line/{name}" for name in told["id"]],
            "table": "unserved",
            "terms": [json.dumps({"unserved": penalty}) for _, penalty in pairs],
            "alternative": [f"{what} with what would help" for what in whole],
            "extra_cost": [cost - penalty for cost, penalty in pairs],
            "alternative_terms": [
                json.dumps({"sending": cost, "penalty": -penalty}) for cost, penalty in pairs
            ],
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
    extra = np.where(np.isfinite(least), least - own, np.nan)
    return np.where(np.isfinite(least), other, LEFT), extra


def _barred(
    ledger: Ledger,
    parcels: Parcels,
    other: np.ndarray[tuple[int], np.dtype[np.int64]],
    extra: Floats,
    uses: tuple[Use, ...],
) -> dict[int, tuple[str, str, float]]:
    """Return parcels that a limit on CO2e keeps from a cheaper way: rule, its name, extra cost.

    The name is empty where the way is the next-best site.
    """
    found: dict[int, tuple[str, str, float]] = {}
    if not uses:
        return found
    problem, tariff = ledger.problem, ledger.problem.tariff
    quotes, loss = quotes_for(problem, parcels.order), parcels.loss - parcels.goods
    at = np.arange(len(parcels.order))
    own = parcels.money + parcels.late + parcels.co2 + parcels.risk
    here = quotes.best_rows(parcels.kg, parcels.m3, loss, parcels.site, None)
    money = quotes.by_group(parcels.kg, parcels.m3, loss, 1)[0][parcels.site, at] - own
    place = np.where(other == LEFT, parcels.site, other)
    there = quotes.best_rows(parcels.kg, parcels.m3, loss, place, None)
    grams = tariff.known_grams(parcels.row)
    for number in at.tolist():
        site, order = int(parcels.site[number]), int(parcels.order[number])
        least = np.nan_to_num(extra[number], nan=np.inf)
        mine = money[number] < min(least, 0.0) - 1e-9
        if not mine and not least < -1e-9:
            continue
        row, to = (here[number], site) if mine else (there[number], int(other[number]))
        emits = float(tariff.known_grams(row))
        for use in uses:
            counts = use.cap.counts
            more = emits * counts[to, order] - grams[number] * counts[site, order]
            if more > use.left:
                name = ""
                if mine:
                    name = f"by {tariff.carrier[row]} {tariff.service[row]}"
                    name += f" from {problem.site_ids[site]}"
                rule = _rule("co2_limit", use.cap.limit_id, use.cap.grams)
                found[number] = (rule, name, float(money[number] if mine else extra[number]))
                break
    return found


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
