"""The arithmetic behind every order line: from the forecast to the quantity, step by step."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from optimizer.replenishment.assemble import Tonight, supplier_capacity
from optimizer.replenishment.demand.cover import row_sum
from optimizer.replenishment.facts import Facts
from optimizer.replenishment.purchase_lines import Lines
from optimizer.replenishment.stock_cost import best_level, best_quantity
from optimizer.replenishment.tonight.order_book import OrderBook
from optimizer.replenishment.tonight.problem import Problem

Floats = NDArray[np.float64]

DIGITS = 6
LEAST_LEVEL = -1e8  # units; nothing is worth its price; sums with it keep six decimals
TEXT = pd.StringDtype(storage="pyarrow", na_value=np.nan)


def explanations(
    facts: Facts, tonight: Tonight, lines: Lines, qty: Floats, row_price: Floats
) -> pd.DataFrame:
    """Return the arithmetic of each of tonight's lines; its terms add up to the quantity."""
    now = np.flatnonzero(lines.option >= 0)
    if not len(now):
        return pd.DataFrame()
    option = lines.option[now]
    terms = _terms(facts, tonight, option, qty, row_price)
    step, extra = next_best(tonight.problem, option, qty, row_price)
    table = lines.table.iloc[now]
    days = facts.pairs["protection_days"].to_numpy(np.float64)
    covered = days[tonight.options["pair"].to_numpy(np.int64)[option]].round(3)
    return pd.DataFrame(
        {
            "decision_id": "purchase_orders:"
            + table["order_id"]
            + "/"
            + table["line"].astype(np.int64).astype(str),
            "table": "purchase_orders",
            "terms": as_json({"forecast_days": covered} | terms).array,
            "binding": _binding(facts, tonight, option, qty, terms),
            "alternative": step,
            "extra_cost": extra,
        }
    )


def _terms(
    facts: Facts, tonight: Tonight, option: NDArray[np.int64], qty: Floats, row_price: Floats
) -> dict[str, Floats]:
    """Return the steps from the forecast to the quantity, units of the order, line by line."""
    problem = tonight.problem
    options, pairs = problem.options, problem.pairs
    pair = options.pair[option]
    usable, multiple = options.usable[option], options.multiple[option]
    part = (pairs.mean[pair], pairs.sd[pair], pairs.holding[pair], pairs.shortage[pair])
    row = facts.pairs.iloc[tonight.pair_row[pair]]
    ordered_elsewhere = problem.level(qty)[pair] - pairs.position[pair] - usable * qty[option]
    on_order = row_sum(facts, "on_order")[tonight.pair_row[pair]]
    price = problem.segments.price[options.segment_start[option]]
    premium = price - options.cheapest[option]
    free_level = np.maximum(best_level(*part, premium / usable), LEAST_LEVEL)
    scarce = (problem.rows.money.T @ row_price)[option] * price
    scarce = scarce + (problem.rows.units.T @ row_price)[option]
    priced_level = np.maximum(best_level(*part, (premium + scarce) / usable), LEAST_LEVEL)
    position = pairs.position[pair] + ordered_elsewhere
    free = np.maximum(free_level - position, 0.0)
    priced = np.maximum(priced_level - position, 0.0)
    rounded, _ = best_quantity(
        position,
        *part,
        usable,
        premium + scarce,
        multiple,
        np.zeros(len(option)),
        np.maximum(options.high[option], options.low[option]),
    )
    at_least = np.where(qty[option] > 0.0, np.maximum(rounded, options.low[option]), rounded)
    wished = priced / usable
    capacity = supplier_capacity(tonight.options.iloc[option])
    made = np.minimum(wished, np.maximum(capacity, options.low[option]))
    sold = np.minimum(made, np.maximum(options.high[option], options.low[option]))
    lost = row["lost_before"].to_numpy(np.float64)
    back = row["expected_returns"].to_numpy(np.float64)
    calibrated = row["shift"].to_numpy(np.float64) * row["decision_sd"].to_numpy(np.float64)
    net = free_level - position
    rest = qty[option] - at_least
    next_segment = options.segment_start[option] + 1
    has_break = next_segment < options.segment_start[option + 1]
    break_low = problem.segments.low[np.minimum(next_segment, len(problem.segments.low) - 1)]
    broke = has_break & (qty[option] >= break_low)
    terms = {
        "forecast": row["mean"].to_numpy(np.float64),
        "lost_before_arrival": -lost,
        "replayed_fractile": calibrated,
        "safety_stock": free_level - row["mean"].to_numpy(np.float64) + lost - calibrated + back,
        "on_hand": -(pairs.position[pair] - on_order),
        "on_order": -on_order,
        "expected_returns": -back,
        "ordered_elsewhere": -ordered_elsewhere,
        "never_below_zero": free - net,
        "losses_on_the_way": free / usable - free,
        "price_of_limits": (priced - free) / usable,
        "supplier_capacity": made - wished,
        "shelf_life": sold - made,
        "order_multiple": rounded - sold,
        "moq": at_least - rounded,
        "price_break": np.where(broke, rest, 0.0),
        "order_value_and_limits": np.where(broke, 0.0, rest),
    }
    if facts.returning is None:
        del terms["expected_returns"]
    return {name: values + 0.0 for name, values in terms.items()}


def as_json(numbers: dict[str, Floats]) -> pd.Series:
    """Return one JSON object per line, each with a number by name."""
    parts: list[object] = []
    for place, (name, values) in enumerate(numbers.items()):
        parts.append(pa.scalar(f'{", " if place else "{"}"{name}": ', pa.large_string()))
        parts.append(pa.array(values.round(DIGITS) + 0.0).cast(pa.large_string()))
    parts.append(pa.scalar("}", pa.large_string()))
    text = pc.binary_join_element_wise(*parts, pa.scalar("", pa.large_string()))
    return pd.Series(text.to_pandas(types_mapper={pa.large_string(): TEXT}.get))


def _binding(
    facts: Facts,
    tonight: Tonight,
    option: NDArray[np.int64],
    qty: Floats,
    terms: dict[str, Floats],
) -> list[str]:
    """Return the rule that moved each quantity most, as JSON: rule, parameter, value.

    Lines whose price an index has moved name it, and by how much.
    """
    rows = tonight.options.iloc[option]
    products = facts.scenario.table("products").set_index("product_id")["shelf_life_days"]
    life = products.reindex(rows["product_id"]).to_numpy(np.float64)
    minimum = tonight.problem.groups.minimum[tonight.problem.options.group[option]]
    rules = (
        ("moq", "moq", rows["moq"].to_numpy(np.float64)),
        ("order_multiple", "order_multiple", rows["order_multiple"].to_numpy(np.float64)),
        ("price_of_limits", "limits", np.zeros(len(rows))),
        ("supplier_capacity", "capacity_per_week", rows["capacity_per_week"].to_numpy(np.float64)),
        ("shelf_life", "shelf_life_days", life),
        ("price_break", "min_qty", qty[option]),
        ("order_value_and_limits", "min_order_value", minimum),
    )
    sizes = np.column_stack([np.abs(terms[rule[0]]) for rule in rules])
    largest = sizes.argmax(axis=1)
    small = sizes.max(axis=1) < 1e-9
    values = np.column_stack([rule[2] for rule in rules])[np.arange(len(rows)), largest]
    factor = rows["index_factor"].to_numpy(np.float64).round(DIGITS)
    told = pd.DataFrame(
        {
            "rule": np.where(small, -1, largest),
            "value": np.where(small, 0.0, values),
            "index": rows["index_id"].where(factor != 1.0).to_numpy(object),
            "factor": factor,
        }
    )
    number = told.groupby(list(told), sort=False, dropna=False).ngroup().to_numpy(np.int64)
    each = []
    for place, value, index, moved in told.drop_duplicates().itertuples(index=False):
        rule: dict[str, object] = {
            "rule": "newsvendor level",
            "parameter": "shortage_cost and holding cost",
            "value": None,
        }
        if place >= 0:
            rule = {"rule": rules[place][0], "parameter": rules[place][1], "value": value}
        if moved != 1.0:
            rule |= {"index_id": index, "index_factor": moved}
        each.append(json.dumps(rule))
    return [each[place] for place in number.tolist()]


def next_best(
    problem: Problem, option: NDArray[np.int64], qty: Floats, row_price: Floats
) -> tuple[list[str], Floats]:
    """Return the cheaper of one step more and one step less, and what it costs more.

    What a step uses of a scarce limit is charged at the limit's price: it would be missing
    elsewhere.
    """
    book = OrderBook(problem, qty)
    extra = np.full(len(qty), np.inf)
    change = np.zeros(len(qty))
    for direction in (1, -1):
        steps = book.steps(direction, np.flatnonzero(qty > 0.0))
        cost = -steps.saving + book.usage(steps) @ row_price
        cheaper = cost < extra[steps.option]
        at = steps.option[cheaper]
        extra[at] = cost[cheaper]
        change[at] = steps.new_qty[cheaper] - qty[at]
    distinct, number = np.unique(change[option], return_inverse=True)
    each = [
        f"order {abs(units):g} {'more' if units > 0 else 'fewer'}" if units else ""
        for units in distinct.tolist()
    ]
    words = [each[place] for place in number.tolist()]
    return words, np.where(np.isfinite(extra[option]), extra[option], np.nan)
