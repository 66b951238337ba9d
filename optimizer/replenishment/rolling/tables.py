"""Result tables of the rolling plan."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.outcome import gap_pct
from optimizer.plan import conform
from optimizer.replenishment.demand.from_forecast import Z90
from optimizer.replenishment.facts import Facts
from optimizer.replenishment.rolling.horizon import STAGE, Decided, Horizon

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ENGINE = "price decomposition"
TERMS = ("holding", "shortage", "order", "transport", "premium", "co2")
PRICE_KINDS = {"budget": "budget", "share": "budget", "storage": "storage", "co2": "co2"}


def later_purchases(facts: Facts, horizon: Horizon, tonight: pd.DataFrame) -> pd.DataFrame:
    """Return tonight's lines and those of every later night, by day."""
    parts = [conform("purchase_orders", tonight)]
    start = pd.Timestamp(facts.scenario.settings.start_date)
    for place, terms in enumerate(horizon.terms):
        nights = [night for night in horizon.nights if night.terms == place and len(night.lines)]
        if not nights:
            continue
        options = terms.tonight.options
        group = terms.tonight.problem.options.group
        option, qty, money, ordered, due, safe, mode, grams, back = (
            np.concatenate(cells)
            for cells in zip(*(_cells(night) for night in nights), strict=True)
        )
        order = np.lexsort((option, ordered))
        option, qty, money, ordered, due, safe, mode, grams, back = (
            cells[order] for cells in (option, qty, money, ordered, due, safe, mode, grams, back)
        )
        names, line = _order_ids(options, group[option], option, ordered, start)
        unit_cost = money / qty
        parts.append(
            pd.DataFrame(
                {
                    "order_id": names,
                    "line": line,
                    **{
                        column: options[column].array.take(option)
                        for column in ("supplier_id", "product_id", "site_id")
                    },
                    "order_on": start + pd.to_timedelta(ordered, unit="D"),
                    "latest_safe_on": start + pd.to_timedelta(safe, unit="D"),
                    "due_on": start + pd.to_timedelta(due, unit="D"),
                    "qty": qty,
                    "unit_cost": unit_cost,
                    "cost": qty * unit_cost,
                    "status": "proposed",
                    "mode": mode,
                    "g_co2e": grams,
                    "expected_returns": back,
                }
            )
        )
    return pd.concat([conform("purchase_orders", part) for part in parts], ignore_index=True)


def _cells(night: Decided) -> tuple[Any, ...]:
    """Return option of the terms, qty, money, order, due, latest safe day, mode, grams, returns."""
    lines, asked = night.lines, night.night
    money = asked.problem.money(night.qty)[lines]
    mode, grams = asked.problem.way(night.qty, lines)
    return (
        asked.option[lines], night.qty[lines], money, asked.ordered[lines], asked.due[lines],
        night.latest_safe, np.array(mode, dtype=object), grams,
        asked.returned[asked.problem.options.pair[lines]],
    )  # fmt: skip


def _order_ids(
    options: pd.DataFrame, group: Ints, option: Ints, ordered: Ints, start: pd.Timestamp
) -> tuple[Any, Floats]:
    """Return order_id and line of lines sorted by day, then option."""
    span = int(group.max()) + 1
    keys, first, place = np.unique(ordered * span + group, return_index=True, return_inverse=True)
    days = (start + pd.to_timedelta(keys // span, unit="D")).strftime("%Y%m%d")
    one = options.iloc[option[first]]
    names = pd.Series(
        [
            f"PO-{day}-{supplier}-{site}"
            for day, supplier, site in zip(days, one["supplier_id"], one["site_id"], strict=True)
        ],
        dtype=options["supplier_id"].dtype,
    )
    line = np.arange(len(place)) - first[place] + 1
    return names.array.take(place), line.astype(np.float64)


def projected(facts: Facts, horizon: Horizon) -> pd.DataFrame:
    """Return inventory_projection under the rolling plan, as far as it goes."""
    settings, pairs = facts.scenario.settings, facts.pairs
    closes = horizon.closes
    if not closes:
        return pd.DataFrame()
    start = pd.Timestamp(settings.start_date)
    days = start + pd.to_timedelta(np.arange(len(closes)) * settings.bucket_days, unit="D")
    repeated = np.repeat(np.arange(len(pairs)), len(closes))

    def grid(cells: list[Floats]) -> Floats:
        flat: Floats = np.column_stack(cells).ravel()
        return flat

    return pd.DataFrame(
        {
            "site_id": pairs["site_id"].array.take(repeated),
            "product_id": pairs["product_id"].array.take(repeated),
            "bucket": np.tile(days.to_numpy(), len(pairs)),
            "opening": grid([close.opening for close in closes]),
            "receipts": grid([close.receipts for close in closes]),
            "demand": grid([close.demand for close in closes]),
            "closing": grid([close.expected for close in closes]),
            "p10": grid([np.maximum(close.centre - Z90 * close.sd, 0.0) for close in closes]),
            "p90": grid([np.maximum(close.centre + Z90 * close.sd, 0.0) for close in closes]),
            "p_stockout": grid(
                [np.where(close.demand > 0.0, close.short, 0.0) for close in closes]
            ),
        }
    )


def rolling_weeks(facts: Facts, horizon: Horizon) -> pd.DataFrame:
    """Return one row per night after tonight."""
    settings = facts.scenario.settings
    start = pd.Timestamp(settings.start_date)
    rows = []
    for decided in horizon.nights:
        night, problem = decided.night, decided.night.problem
        qty = decided.qty
        terms = problem.terms(qty)
        objective = sum(terms.values())
        bound = min(decided.decision.value, objective)
        budget, price = _budget(decided)
        first = start + pd.Timedelta(days=night.bucket * settings.bucket_days)
        rows.append(
            {
                "night": start + pd.Timedelta(days=int(night.ordered.min())),
                "bucket": first,
                "product_locations": float(len(problem.pairs)),
                "objective": objective,
                "bound": bound,
                "gap_pct": gap_pct(objective, bound),
                **{f"{name}_cost": terms[name] for name in TERMS},
                "spend": float(problem.money(qty).sum()),
                "budget": budget,
                "price_of_budget": price,
                "lines": float(len(decided.lines)),
                "orders": float((problem.group_value(qty) > 0.0).sum()),
                "units": float(qty.sum()),
                "m3": float((problem.options.m3 * qty).sum()),
            }
        )
    return conform("rolling_weeks", pd.DataFrame(rows))


def _budget(decided: Decided) -> tuple[float | None, float | None]:
    """Return the tightest budget on all purchases of a night, and its price; None without one."""
    problem, keys = decided.night.problem, decided.night.row_keys
    found = [
        (float(problem.rows.room[row]), float(decided.decision.bound.prices.row[row]))
        for row, key in enumerate(keys)
        if key[:3] == ("budget", "<=", "all")
    ]
    return min(found) if found else (None, None)


def later_prices(facts: Facts, horizon: Horizon) -> pd.DataFrame:
    """Return what one more unit of money or volume would save on each later night."""
    settings = facts.scenario.settings
    start = pd.Timestamp(settings.start_date)
    rows = []
    for decided in horizon.nights:
        night = decided.night
        place = {int(row): int(bucket) for row, _, bucket in night.storage_rows}
        limits = night.problem.rows
        for row, price in enumerate(decided.decision.bound.prices.row.tolist()):
            if price > 0.0 and limits.kind[row] in PRICE_KINDS:
                bucket = place.get(row, night.bucket)
                day = start + pd.Timedelta(days=bucket * settings.bucket_days)
                rows.append((STAGE, PRICE_KINDS[limits.kind[row]], limits.entity[row], day, price))
    return pd.DataFrame(rows, columns=["stage", "kind", "entity", "bucket", "price"])
