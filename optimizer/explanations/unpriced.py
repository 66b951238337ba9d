"""Steps of a line that something without a stated price touches, given the step of that price."""

from __future__ import annotations

import math
from collections.abc import Mapping

from optimizer.explanations.record import Sum

Known = dict[tuple[str, str], float]

LOTS = ("unpriced", "made_at_most", "sold_at_most", "lot", "least_lots", "most_lots", "breaks")
"""What is known of such a line by its decision_id: what it would buy if nothing were scarce, what
the supplier can make of it and what sells in time, its lots, whether it reaches a price break."""


def steps_behind_price(name: str, part: Sum, known: Mapping[tuple[str, str], float]) -> Known:
    """Return the steps of a quantity from `price_of_limits` on.

    What a price that nothing states has moved is taken as told; so is, of the two whole lots next
    to what is left, the one that was taken. All other steps follow.
    """
    told = {term.name: term.value for term in part.terms}
    free, made_most, sold_most, lot, least, most, breaks = (known[name, key] for key in LOTS)
    price = told.get("price_of_limits", 0.0)
    wished = free + price
    made = min(wished, made_most)
    sold = min(made, sold_most)
    below = math.floor(sold / lot + 1e-9) * lot
    taken = sold + told.get("order_multiple", 0.0)
    rounded = min((below, min(below + lot, most)), key=lambda units: abs(units - taken))
    at_least = max(rounded, least)
    rest = known[name, "quantity"] - at_least
    steps = {
        "price_of_limits": price,
        "supplier_capacity": made - wished,
        "shelf_life": sold - made,
        "order_multiple": rounded - sold,
        "moq": at_least - rounded,
        "price_break": rest if breaks else 0.0,
        "order_value_and_limits": 0.0 if breaks else rest,
    }
    return {(name, step): value for step, value in steps.items()}
