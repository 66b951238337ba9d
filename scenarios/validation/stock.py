"""Rules on stock, on what is under way, and on how it is replenished."""

from __future__ import annotations

import numpy as np

from scenarios.validation.facts import Facts
from scenarios.validation.notice import Notice, error, warning

EXPIRED_STOCK = warning(
    "expired_stock",
    "Stock may no longer be sold when the plan starts.",
    "{units} units expired by {start}: they are not counted; take them out when scrapped",
)
STOCK_AT_CLOSED_SITE = warning(
    "stock_at_closed_site",
    "Stock lies at a site that is not open.",
    "site {site} is {status}, so its {units} units serve nobody: move them or open the site",
)
COMING_TO_CLOSED_SITE = warning(
    "coming_to_closed_site",
    "An open order goes to a site that is not open.",
    "site {site} is {status}: send it elsewhere",
)
MORE_HELD_THAN_THERE = warning(
    "more_held_than_there",
    "More stock is reserved or quarantined than there is.",
    "{held} units are reserved or quarantined: nothing of it is free",
)
REJECTED_ABOVE_RECEIVED = error(
    "rejected_above_received",
    "More was rejected than was received.",
    "{received} units were received: correct one of the two",
)
WRONG_KIND_OF_SOURCE = error(
    "wrong_kind_of_source",
    "An open order comes from the wrong kind of place.",
    "a {kind} comes from a {expected}: correct kind or source_id",
)
FROM_ITSELF = warning(
    "from_itself",
    "A site is replenished by itself.",
    "write another site or a supplier as source_id",
)
LEVELS_REVERSED = error(
    "levels_reversed",
    "A lower level is above an upper one.",
    "{low} is {below}, which is more: swap or correct them",
)
PARAMETERS_MISSING = warning(
    "parameters_missing",
    "A policy has one of its two levels and not the other.",
    "{policy} needs both {first} and {second}: fill in both, or leave both blank to have them"
    " computed",
)
RETURNS_ABOVE_SALES = error(
    "returns_above_sales",
    "More of a product comes back than is sold.",
    "its rates add up to {total}: they are shares of units sold, and may not exceed 1",
)

LEVELS = {"s_S": ("s", "S"), "min_max": ("s", "S"), "r_Q": ("r", "Q")}


def check_lots(facts: Facts) -> None:
    """Stock can be sold, lies at an open site, and is not promised twice."""
    lots = facts.filled("inventory")
    on_hand = lots["on_hand"]
    expired = ((lots["expires_on"] <= facts.start) & (on_hand > 0)).to_numpy()
    if expired.any():
        units = on_hand.to_numpy()[expired]
        facts.note(
            EXPIRED_STOCK, "inventory", "expires_on", expired, units=units, start=facts.start
        )
    held = (lots["reserved"] + lots["quarantined"]).to_numpy()
    over = (held > on_hand.to_numpy()) & (on_hand >= 0).to_numpy()
    if over.any():
        facts.note(MORE_HELD_THAN_THERE, "inventory", "on_hand", over, held=held[over])
    for table, qty, notice in (
        ("inventory", "on_hand", STOCK_AT_CLOSED_SITE),
        ("open_orders", "qty", COMING_TO_CLOSED_SITE),
    ):
        _check_open(facts, table, qty, notice)


def _check_open(facts: Facts, table: str, qty: str, notice: Notice) -> None:
    rows = facts.table(table)
    status = facts.attribute("sites", "site_id", "status").reindex(rows["site_id"])
    idle = (status.notna() & (status != "open")).to_numpy() & (rows[qty] > 0).to_numpy()
    if idle.any():
        facts.note(
            notice,
            table,
            "site_id",
            idle,
            site=rows["site_id"].array[idle],
            status=status.array[idle],
            units=rows[qty].array[idle],
        )


def check_receipts(facts: Facts) -> None:
    """No more is rejected than was received."""
    rows = facts.table("receipts")
    wrong = (rows["qty_rejected"] > rows["qty_received"]).to_numpy()
    if wrong.any():
        received = rows["qty_received"].to_numpy()[wrong]
        facts.note(REJECTED_ABOVE_RECEIVED, "receipts", "qty_rejected", wrong, received=received)


def check_sources(facts: Facts) -> None:
    """Purchases come from suppliers, transfers from other sites."""
    rows = facts.table("open_orders")
    sites, suppliers = facts.known("sites.site_id"), facts.known("suppliers.supplier_id")
    for kind, right, other, expected in (
        ("purchase", suppliers, sites, "supplier"),
        ("transfer", sites, suppliers, "site"),
    ):
        source = rows["source_id"]
        wrong = (rows["kind"] == kind) & source.isin(other) & ~source.isin(right)
        if wrong.any():
            facts.note(
                WRONG_KIND_OF_SOURCE,
                "open_orders",
                "source_id",
                wrong.to_numpy(),
                kind=kind,
                expected=expected,
            )
    for table in ("item_sources", "open_orders"):
        frame = facts.table(table)
        itself = (frame["site_id"] == frame["source_id"]).to_numpy()
        if itself.any():
            facts.note(FROM_ITSELF, table, "source_id", itself)


def check_policies(facts: Facts) -> None:
    """Levels of a policy are in order, and both there or none."""
    rows = facts.table("inventory_policies")
    for low, high in (("s", "S"), ("min_cover_days", "max_cover_days")):
        wrong = (rows[low] > rows[high]).to_numpy()
        if wrong.any():
            below = rows[low].to_numpy()[wrong]
            facts.note(LEVELS_REVERSED, "inventory_policies", high, wrong, low=low, below=below)
    for policy, (first, second) in LEVELS.items():
        half = (rows["policy"] == policy) & (rows[first].isna() != rows[second].isna())
        if half.any():
            blank = np.where(rows[first][half].isna(), first, second)
            for column in (first, second):
                at = np.flatnonzero(half)[blank == column]
                if len(at):
                    terms = {"policy": policy, "first": first, "second": second}
                    facts.note(PARAMETERS_MISSING, "inventory_policies", column, at, **terms)


def check_returns(facts: Facts) -> None:
    """No more of a product comes back than is sold."""
    rows = facts.table("return_rates")
    total = rows.groupby("product_id")["rate"].transform("sum")
    wrong = ((total > 1.0 + 1e-9) & ~rows.duplicated("product_id")).to_numpy()
    if wrong.any():
        facts.note(
            RETURNS_ABOVE_SALES, "return_rates", "rate", wrong, total=total.to_numpy()[wrong]
        )


RULES = (check_lots, check_receipts, check_sources, check_policies, check_returns)
