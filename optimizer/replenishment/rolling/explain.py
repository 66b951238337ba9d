"""Why later nights order what they do: from the demand they protect to the units."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.explanations import as_json, next_best
from optimizer.replenishment.facts import Facts
from optimizer.replenishment.rolling.horizon import Decided, Horizon
from optimizer.replenishment.stock_cost import best_level

Floats = NDArray[np.float64]

LINE = ["supplier_id", "product_id", "site_id", "order_on"]
LEAST_LEVEL = -1e8  # units; nothing is worth its price; sums with it keep six decimals
EPS = 1e-9


def later_explanations(facts: Facts, horizon: Horizon, purchases: pd.DataFrame) -> pd.DataFrame:
    """Return the arithmetic of each line of a later night; its terms add up to the quantity.

    The next-best choice is one step more or fewer that night, nothing of other nights moved.

    Parameters
    ----------
    purchases : purchase_orders, the lines of later nights included
    """
    start = pd.Timestamp(facts.scenario.settings.start_date)
    parts = []
    for night in horizon.nights:
        if not len(night.lines):
            continue
        options = horizon.terms[night.terms].tonight.options.iloc[night.night.option[night.lines]]
        steps = _steps(night)
        if facts.returning is None:
            del steps["expected_returns"]
        rows = options[LINE[:3]].reset_index(drop=True)
        ordered = night.night.ordered[night.lines]
        rows["order_on"] = (start + pd.to_timedelta(ordered, unit="D")).to_numpy()
        rows["terms"] = as_json(steps).array
        rows["binding"] = _binding(night, steps, options["moq"].to_numpy(np.float64))
        prices = night.decision.bound.prices.row
        choice, extra = next_best(night.night.problem, night.lines, night.qty, prices)
        rows["alternative"], rows["extra_cost"] = choice, extra
        parts.append(rows)
    if not parts:
        return pd.DataFrame()
    told = pd.concat(parts, ignore_index=True).merge(
        purchases[[*LINE, "order_id", "line"]], on=LINE
    )
    line = told["line"].astype(np.int64).astype(str)
    return pd.DataFrame(
        {
            "decision_id": "purchase_orders:" + told["order_id"] + "/" + line,
            "table": "purchase_orders",
            "terms": told["terms"],
            "binding": told["binding"],
            "alternative": told["alternative"],
            "extra_cost": told["extra_cost"],
        }
    )


def _steps(night: Decided) -> dict[str, Floats]:
    """Return the steps of a night's lines, (n_lines,) units of the order."""
    problem, lines, qty = night.night.problem, night.lines, night.qty
    options, pairs = problem.options, problem.pairs
    pair, usable = options.pair[lines], options.usable[lines]
    mean, position = pairs.mean[pair], pairs.position[pair]
    back = night.night.returned[pair]
    premium = problem.segments.price[options.segment_start[lines]] - options.cheapest[lines]
    part = (mean, pairs.sd[pair], pairs.holding[pair], pairs.shortage[pair])
    level = np.maximum(best_level(*part, premium / usable), LEAST_LEVEL)
    elsewhere = problem.level(qty)[pair] - position - usable * qty[lines]
    net = level - position - elsewhere
    free = np.maximum(net, 0.0)
    steps = {
        "forecast": mean + back,
        "safety_stock": level - mean,
        "expected_stock": -position,
        "expected_returns": -back,
        "ordered_elsewhere": -elsewhere,
        "never_below_zero": free - net,
        "losses_on_the_way": free / usable - free,
        "limits_and_lots": qty[lines] - free / usable,
    }
    return {name: values + 0.0 for name, values in steps.items()}


def _binding(night: Decided, steps: Mapping[str, Floats], moq: Floats) -> list[str | None]:
    """Return the rule that moved each quantity from what the night would like, as JSON."""
    options, lines = night.night.problem.options, night.lines
    moved, qty = steps["limits_and_lots"], night.qty[lines]
    multiple, low = options.multiple[lines], options.low[lines]
    least = night.night.problem.groups.minimum[options.group[lines]]
    at_low = (moved > EPS) & (qty <= low + EPS) & (moq > multiple + EPS)
    rounded = np.abs(moved) < multiple
    begin, segments = options.segment_start, night.night.problem.segments
    beyond = np.minimum(begin[lines] + 1, len(segments.low) - 1)
    broke = (begin[lines] + 1 < begin[lines + 1]) & (qty >= segments.low[beyond]) & ~rounded
    rules = []
    for row in range(len(lines)):
        rule: dict[str, object] | None = None
        if at_low[row]:
            rule = {"rule": "moq", "parameter": "moq", "value": float(moq[row])}
        elif broke[row] and moved[row] > 0.0:
            rule = {"rule": "price_break", "parameter": "min_qty", "value": float(qty[row])}
        elif abs(moved[row]) <= EPS:
            rule = None
        elif rounded[row]:
            rule = {"rule": "order_multiple", "parameter": "order_multiple",
                    "value": float(multiple[row])}  # fmt: skip
        elif moved[row] < 0.0:
            rule = {"rule": "price_of_limits", "parameter": "limits"}
        else:
            rule = {"rule": "order_value_and_limits", "parameter": "min_order_value",
                    "value": float(least[row])}  # fmt: skip
        rules.append(None if rule is None else json.dumps(rule))
    return rules
