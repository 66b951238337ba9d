"""The arithmetic behind every line of a buyer's plan, and what leaving it out would cost."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from optimizer.replenishment.buyer.case import Case
from optimizer.replenishment.buyer.case_limits import GRAMS_PER_KG
from optimizer.replenishment.buyer.ledger import Ledger
from optimizer.replenishment.buyer.problem import Ints
from optimizer.replenishment.buyer.solve import BuyersPlan
from optimizer.replenishment.buyer.tables import SMALLEST_PRICE, line_slots, next_arrival
from optimizer.replenishment.facts import Facts


def explanations(facts: Facts, case: Case, plan: BuyersPlan, orders: pd.DataFrame) -> pd.DataFrame:
    """Return the stock balance of each line; its terms add up to the quantity.

    The alternative is left out of the first bucket's lines only: these are decided now, later ones
    will be planned again.
    """
    used = line_slots(case, plan.qty)
    if not len(used):
        return pd.DataFrame()
    start = pd.Timestamp(facts.scenario.settings.start_date)
    cover = next_arrival(case.problem, plan.qty, used)
    ledger = Ledger(case.problem, plan.qty)
    terms, binding, words, extra = [], [], [], []
    for slot, until in zip(used.tolist(), cover.tolist(), strict=True):
        terms.append(json.dumps(_terms(case, plan.qty, slot, until)))
        binding.append(json.dumps(_binding(case, plan, slot)))
        now = int(case.problem.slots.period[slot]) == 0
        cost = _without(case, ledger, slot) if now else np.nan
        words.append("leave the line out and plan the item again" if now else "")
        extra.append(cost if np.isfinite(cost) else np.nan)
    assert len(orders) == len(used)
    assert (orders["order_on"] >= start).all()
    line = orders["line"].astype(np.int64).astype(str)
    return pd.DataFrame(
        {
            "decision_id": "purchase_orders:" + orders["order_id"] + "/" + line,
            "table": "purchase_orders",
            "terms": terms,
            "binding": binding,
            "alternative": words,
            "extra_cost": extra,
        }
    )


def _terms(case: Case, qty: Ints, slot: int, until: int) -> dict[str, float]:
    """Return the balance from the line's arrival to the item's next one, base units."""
    problem, slots, items = case.problem, case.problem.slots, case.problem.items
    item, begin = int(slots.item[slot]), int(slots.arrival[slot])
    unit = int(case.unit[item])
    closing, lost = problem.stock(qty)
    part = slice(begin, until)
    before = int(closing[item, begin - 1]) if begin else int(items.opening[item])
    after = int(closing[item, until - 1])
    floor = int(items.floor[item])
    bring = problem.brought(qty)
    together = (slots.item == item) & (slots.arrival == begin)
    others = int(bring[together].sum() - bring[slot])
    balance = {
        "forecast_until_next_arrival": int(items.demand[item, part].sum()),
        "not_served": -int(lost[item, part].sum()),
        "stock_before": -before,
        "open_orders": -int((items.receipts - case.returned)[item, part].sum()),
        "expected_returns": -int(case.returned[item, part].sum()),
        "other_lines_of_the_same_bucket": -others,
        "safety_stock_left": min(after, floor),
        "lot_beyond_need": max(after - floor, 0),
        "losses_on_the_way": int(qty[slot] - bring[slot]),
    }
    if not case.returned.any():
        del balance["expected_returns"]
    return {name: float(value * unit) for name, value in balance.items()}


def _binding(case: Case, plan: BuyersPlan, slot: int) -> dict[str, object]:
    """Return the rule that holds the quantity where it is."""
    problem, slots, options = case.problem, case.problem.slots, case.problem.options
    option, units = int(slots.option[slot]), int(plan.qty[slot])
    first = int(options.segment_start[option])
    scale = int(case.unit[slots.item[slot]])
    if units == options.low[first]:
        return {"rule": "moq", "parameter": "moq", "value": float(units * scale)}
    begins = options.low[first + 1 : int(options.segment_start[option + 1])]
    if units in begins:
        return {"rule": "price_break", "parameter": "min_qty", "value": float(units * scale)}
    horizon = problem.n_periods
    prices = plan.price[plan.coupling.first[6] : plan.coupling.first[7]].reshape(-1, horizon)
    period = slots.period[slot]
    for (kind, entity), price, money, weight in zip(
        case.names.rules, prices, problem.rules.money, problem.rules.units, strict=True
    ):
        if price[period] > SMALLEST_PRICE and (money[option] > 0.0 or weight[option] > 0.0):
            unit = GRAMS_PER_KG if kind == "co2" else 1.0
            return {"rule": kind, "parameter": entity, "value": float(price[period]) / unit}
    return {"rule": "lot size", "parameter": "order and transport cost against holding",
            "value": None}  # fmt: skip


def _without(case: Case, ledger: Ledger, slot: int) -> float:
    """Return what the best plan without a line costs more, the other items as they are."""
    problem = case.problem
    item = int(problem.slots.item[slot])
    other = ledger.copy()
    allowed = other.lines > 0.5
    allowed.ravel()[other.cell[slot]] = False
    other.replan(item, other.own(), allowed)
    if other.broken:
        return float("nan")
    return other.objective - ledger.objective
