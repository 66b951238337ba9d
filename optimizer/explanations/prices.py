"""What one more unit of the limits that a decision uses would save."""

from __future__ import annotations

from collections.abc import Mapping

from optimizer.explanations.facts import Facts, blank, plain
from optimizer.explanations.record import Price


def prices_of(
    facts: Facts, stage: str, uses: Mapping[tuple[str, str, str], float], bucket: str = ""
) -> tuple[Price, ...]:
    """Return the prices above 0 of the limits that a decision uses.

    Parameters
    ----------
    uses : (kind, entity, product or "") -> units of the limit that it takes; NaN: not counted
    bucket : ISO date; prices of other buckets do not count, those without one do
    """
    found = []
    for row in facts.by("marginal_prices", "stage").get((stage,), []):
        if not float(row["price"]) > 0.0:
            continue
        product = "" if blank(row["product_id"]) else str(row["product_id"])
        at = (str(row["kind"]), str(row["entity"]), product)
        when = plain(row["bucket"])
        if at in uses and (not bucket or when in ("", bucket)):
            found.append(Price(stage, *at, float(row["price"]), uses[at]))
    return tuple(found)
