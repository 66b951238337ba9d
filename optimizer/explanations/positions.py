"""Why so much of a product is to lie at a site: where the units come from, what they cost."""

from __future__ import annotations

import math
from collections.abc import Iterable

from optimizer.explanations.facts import Facts, Row, blank, cell, constant, plain
from optimizer.explanations.prices import prices_of
from optimizer.explanations.record import (
    Alternative,
    Explanation,
    Factor,
    Price,
    Sum,
    Term,
    term,
    total,
)
from optimizer.explanations.told import alternative
from scenarios.semantics.defaults import inventory_policies
from scenarios.semantics.movable import release_days

HERE = ("product_id", "site_id")
SERVING = ("product_id", "site_id", "region_site_id")


def explain_positions(facts: Facts, rows: Iterable[Row]) -> list[Explanation]:
    """Explain positions: units, expected holding, expected shortage."""
    return [_position(facts, row) for row in rows]


def _position(facts: Facts, row: Row) -> Explanation:
    product_id, site_id = str(row["product_id"]), str(row["site_id"])
    name = f"positions:{product_id}@{site_id}"
    steps = [
        Term("staying", float(row["staying"]), (cell("positions", row, HERE, "staying"),)),
        Term("movable", movable(facts, row)),
        Term(
            "transfer_in", float(row["transfer_in"]), (cell("positions", row, HERE, "transfer_in"),)
        ),
        _less(row, "transfer_out"),
        _less(row, "held_for_others"),
    ]
    if not blank(row["expected_returns"]):
        back = cell("positions", row, HERE, "expected_returns")
        steps.insert(1, Term("expected_returns", back.value, (back,)))
    units = total("position", "units", steps, cell("positions", row, HERE, "target"))
    prices: tuple[Price, ...] = ()
    if not blank(row["price"]):
        value = float(row["price"])
        if value > 0.0:
            prices = (Price("positioning", "stock", site_id, product_id, value, float("nan")),)
    kept = ("wait_days", "demand_mean", "demand_sd", "served_by_others")
    return Explanation(
        name,
        "positions",
        {column: plain(row[column]) for column in (*HERE, "target", *kept)},
        (units, *_expected(facts, row)),
        {},
        prices
        or prices_of(facts, "positioning", {("storage", f"site:{site_id}", ""): float("nan")}),
        _one_unit(facts, row),
    )


def _one_unit(facts: Facts, row: Row) -> Alternative | None:
    """Return what one unit fewer for the region would cost more, in holding and shortage.

    Only where a unit was free to be elsewhere; a unit that nobody misses has no next-best place.
    """
    counted = float(row["staying"])
    counted += 0.0 if blank(row["expected_returns"]) else float(row["expected_returns"])
    if float(row["target"]) - counted < 1.0:
        return None
    policy = facts.cached("policies", lambda: _policies(facts))[
        str(row["site_id"]), str(row["product_id"])
    ]
    held = float(policy["review_days"]) * float(policy["holding_cost_per_unit_day"])
    missed = float(policy["shortage_cost"])
    level = float(row["target"]) + float(row["served_by_others"])
    mean, sd = float(row["demand_mean"]), float(row["demand_sd"])
    now, fewer = (_stock_cost(level - less, mean, sd, held, missed) for less in (0.0, 1.0))
    if fewer <= now:
        return None
    return Alternative("fewer_here", {"units": 1.0}, fewer - now, "exact")


def _stock_cost(level: float, mean: float, sd: float, held: float, missed: float) -> float:
    """Return what a level costs at the end of the wait, demand normal and not cut off at 0."""
    gap = level - mean
    short = max(-gap, 0.0)
    if sd > 0.0:
        z = gap / sd
        density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
        short = sd * (density - 0.5 * z * math.erfc(z / math.sqrt(2.0)))
    return held * (gap + short) + missed * short


def _less(row: Row, column: str) -> Term:
    """Return what leaves a position, below zero."""
    return term(column, constant("leaves", -1.0), cell("positions", row, HERE, column))


def _expected(facts: Facts, row: Row) -> list[Sum]:
    """Return expected holding and shortage: rate x units."""
    policy = facts.cached("policies", lambda: _policies(facts))[
        str(row["site_id"]), str(row["product_id"])
    ]
    review = constant("review_days", float(policy["review_days"]))
    daily = constant("holding_cost_per_unit_day", float(policy["holding_cost_per_unit_day"]))
    held = term("holding", cell("positions", row, HERE, "expected_left"), daily, review)
    missed = constant("shortage_cost", float(policy["shortage_cost"]))
    short = term("shortage", cell("positions", row, HERE, "expected_short"), missed)
    return [
        total("holding", "money", [held], cell("positions", row, HERE, "holding_cost")),
        total("shortage", "money", [short], cell("positions", row, HERE, "shortage_cost")),
    ]


def _policies(facts: Facts) -> dict[tuple[str, str], Row]:
    """Return policies, blanks filled, of every position."""
    pairs = facts.frame("positions")[["site_id", "product_id"]]
    filled, _ = inventory_policies(facts.scenario, pairs)
    return {(str(row["site_id"]), str(row["product_id"])): row for row in filled.to_dict("records")}


def movable(facts: Facts, row: Row) -> float:
    """Return whole units that may leave tonight.

    Free stock without a channel less the shares of channels that are not released, with the stock
    of channels that are; none at a site of a channel.
    """
    site = facts.one("sites", site_id=str(row["site_id"]))
    assert site is not None
    if not blank(site["channel_id"]):
        return 0.0
    released = facts.cached("released", lambda: release_days(facts.scenario))
    lots = facts.by("inventory", *HERE).get((str(row["product_id"]), str(row["site_id"])), [])
    free: dict[str, float] = {}
    for lot in lots:
        if blank(lot["expires_on"]) or lot["expires_on"] > facts.start:
            whose = str(plain(lot["channel_id"]))
            units = float(lot["on_hand"]) - float(lot["reserved"]) - float(lot["quarantined"])
            free[whose] = free.get(whose, 0.0) + units
    shared = max(free.get("", 0.0), 0.0)
    out = sum(max(units, 0.0) for whose, units in free.items() if whose and released[whose] <= 0.0)
    shares = [
        float(channel["stock_share_pct"])
        for channel in facts.rows("channels")
        if released[str(channel["channel_id"])] > 0.0 and not blank(channel["stock_share_pct"])
    ]
    most = max(100.0, sum(shares))
    kept = sum(math.floor(shared * share / most + 1e-9) for share in shares)
    return float(math.floor(max(shared - kept, 0.0) + out + 1e-9))


def explain_cross_serving(facts: Facts, rows: Iterable[Row]) -> list[Explanation]:
    """Explain stock meant for the region of another site: what it costs beyond the least."""
    explained = []
    for row in rows:
        qty: Factor = cell("cross_serving", row, SERVING, "qty")
        extra = cell("cross_serving", row, SERVING, "extra_cost")
        name = f"cross_serving:{row['product_id']}@{row['site_id']}>{row['region_site_id']}"
        explained.append(
            Explanation(
                name,
                "cross_serving",
                {column: plain(row[column]) for column in (*SERVING, "qty")},
                (total("objective", "money", [term("across", qty, extra)]),),
                {},
                (),
                alternative(facts, name, "bound"),
            )
        )
    return explained
