"""Rules on what suppliers offer: quantities, prices, validity, order days."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scenarios.semantics.calendars import order_weekdays
from scenarios.validation.facts import Facts
from scenarios.validation.notice import error, info, warning

TOLERANCE = 1e-9

MULTIPLE_ABOVE_CAPACITY = warning(
    "multiple_above_capacity",
    "The order multiple is above what the supplier can deliver in a week.",
    "the least order is {multiple} units, the capacity {capacity} a week: nothing can be ordered",
)
MOQ_ABOVE_CAPACITY = warning(
    "moq_above_capacity",
    "The minimum order quantity is above what the supplier can deliver in a week.",
    "the least order is {moq} units, the capacity {capacity} a week: nothing can be ordered",
)
LEAST_ORDER_ABOVE_REVIEW = warning(
    "least_order_above_review",
    "The least order is above the capacity of one review period.",
    "the least order is {least} units, and {capacity} a week leave {share} for a review every"
    " {review} days: review less often, or agree on smaller orders",
)
PRICE_BREAK_RISES = warning(
    "price_break_rises",
    "A unit price rises with the quantity.",
    "{price} from {qty} units on is more than the {before} below it: check both",
)
PRICE_BREAKS_MIXED = warning(
    "price_breaks_mixed",
    "Price breaks of one offer are of both kinds.",
    "write all_units, or incremental, in all rows of {supplier} and {product}",
)
PRICE_BREAK_UNUSED = warning(
    "price_break_unused",
    "A price break belongs to no offer.",
    "supplier_products has no row of {supplier} and {product}: add it",
)
BAD_WEEKDAYS = error(
    "bad_weekdays",
    "Order weekdays cannot be read.",
    "write numbers from 1 (Monday) to 7, separated by commas, as in 1,3,5",
)
TERMS_OVERLAP = warning(
    "terms_overlap",
    "Two offers of one supplier hold on the same days.",
    "row {other} holds until {until} for the same supplier, product and site: end it the day"
    " before this one begins",
)
TERMS_OVER = info(
    "terms_over",
    "Offers whose validity does not meet the horizon.",
    "{count} rows ended before {start} or begin after the horizon; they are not used",
)
SOLD_BELOW_COST = info(
    "sold_below_cost",
    "A product sells for less than it costs.",
    "sells for {price}: check unit_cost and unit_price",
)
COST_OUT_OF_LINE = warning(
    "cost_out_of_line",
    "A supplier's price is far from the product's cost.",
    "products states {stated} for one unit: check the currency, and whether the price is per case",
)
OUT_OF_LINE = 10.0  # times the product's own cost, or its inverse


def check_least_orders(facts: Facts) -> None:
    """The least order of an offer fits into what the supplier can deliver."""
    terms = facts.filled("supplier_products")
    capacity = terms["capacity_per_week"].to_numpy(np.float64)
    moq = terms["moq"].to_numpy(np.float64)
    multiple = terms["order_multiple"].to_numpy(np.float64)
    wide = multiple > capacity
    if wide.any():
        numbers = {"multiple": multiple[wide], "capacity": capacity[wide]}
        facts.note(MULTIPLE_ABOVE_CAPACITY, "supplier_products", "order_multiple", wide, **numbers)
    tall = (moq > capacity) & ~wide
    if tall.any():
        numbers = {"moq": moq[tall], "capacity": capacity[tall]}
        facts.note(MOQ_ABOVE_CAPACITY, "supplier_products", "moq", tall, **numbers)
    step = np.where(multiple > 0, multiple, 1.0)
    least = np.maximum(np.ceil(moq / step - TOLERANCE), 1.0) * step
    review = _review_days(facts, terms)
    share = capacity * review / 7.0
    rare = (least > share + TOLERANCE) & ~wide & ~tall
    if rare.any():
        facts.note(
            LEAST_ORDER_ABOVE_REVIEW,
            "supplier_products",
            "capacity_per_week",
            rare,
            least=least[rare],
            capacity=capacity[rare],
            share=share[rare],
            review=review[rare],
        )


def _review_days(facts: Facts, terms: pd.DataFrame) -> np.ndarray:
    """Return the longest review period, days, of the product-locations that each offer serves."""
    policies = facts.filled("inventory_policies")
    otherwise = float(facts.settings.bucket_days)
    at_site = policies.groupby(["site_id", "product_id"])["review_days"].max()
    anywhere = policies.groupby("product_id")["review_days"].max()
    pairs = pd.MultiIndex.from_frame(terms[["site_id", "product_id"]])
    own = at_site.reindex(pairs).to_numpy(np.float64) if len(at_site) else np.nan
    shared = anywhere.reindex(terms["product_id"]).to_numpy(np.float64)
    days = np.where(terms["site_id"].isna(), shared, own)
    return np.where(np.isnan(days), otherwise, days)


def check_price_breaks(facts: Facts) -> None:
    """Unit prices fall with the quantity, in one way per offer, and belong to an offer."""
    breaks = facts.table("price_breaks")
    if not len(breaks):
        return
    offer = ["supplier_id", "product_id"]
    steps = breaks.reset_index(names="at").sort_values([*offer, "min_qty"], kind="stable")
    first = facts.table("supplier_products").groupby(offer)["unit_cost"].max()
    before = steps.groupby(offer)["unit_cost"].shift()
    base = first.reindex(pd.MultiIndex.from_frame(steps[offer])).to_numpy(np.float64)
    before = before.fillna(pd.Series(base, index=steps.index))
    rising = steps["unit_cost"] > before + TOLERANCE
    if rising.any():
        facts.note(
            PRICE_BREAK_RISES,
            "price_breaks",
            "unit_cost",
            steps["at"][rising].to_numpy(),
            price=steps["unit_cost"][rising].to_numpy(),
            qty=steps["min_qty"][rising].to_numpy(),
            before=before[rising].to_numpy(),
        )
    mixed = breaks.groupby(offer)["kind"].transform("nunique") > 1
    mixed &= ~breaks.duplicated(offer)
    lone = pd.Series(np.isnan(first.reindex(pd.MultiIndex.from_frame(breaks[offer])).to_numpy()))
    lone &= ~pd.MultiIndex.from_frame(breaks[offer]).isin(first.index)
    for notice, column, wrong in (
        (PRICE_BREAKS_MIXED, "kind", mixed.to_numpy(bool)),
        (PRICE_BREAK_UNUSED, "product_id", lone.to_numpy(bool)),
    ):
        if wrong.any():
            ids = {"supplier": breaks["supplier_id"].array[wrong]}
            ids["product"] = breaks["product_id"].array[wrong]
            facts.note(notice, "price_breaks", column, wrong, **ids)


def check_weekdays(facts: Facts) -> None:
    """Weekdays on which a supplier takes orders can be read."""
    codes, labels = facts.codes("supplier_products", "order_weekdays")
    for number, label in enumerate(labels):
        try:
            order_weekdays(label)
        except ValueError:
            facts.note(BAD_WEEKDAYS, "supplier_products", "order_weekdays", codes == number)


def check_validity(facts: Facts) -> None:
    """Offers for the same supplier, product and site follow each other in time."""
    terms = facts.table("supplier_products")
    offer = ["supplier_id", "product_id", "site_id"]
    codes = facts.key_codes("supplier_products", tuple(offer))
    several = pd.Series(codes).duplicated(keep=False).to_numpy()
    if several.any():
        rows = terms[several].assign(offer=codes[several], at=np.flatnonzero(several))
        rows["begin"] = rows["valid_from"].fillna(pd.Timestamp(1, 1, 1).as_unit("ms"))
        rows["until"] = rows["valid_to"].fillna(pd.Timestamp(9999, 1, 1).as_unit("ms"))
        rows = rows.sort_values(["offer", "begin", "at"], kind="stable")
        same = rows["offer"] == rows["offer"].shift()
        distinct = rows["begin"] != rows["begin"].shift()  # equal ones are duplicate keys
        over = same & distinct & (rows["begin"] <= rows["until"].shift())
        if over.any():
            other = rows["at"].shift()[over].to_numpy().astype(np.int64)
            until = terms["valid_to"].array[other]
            facts.note(
                TERMS_OVERLAP,
                "supplier_products",
                "valid_from",
                rows["at"][over].to_numpy(),
                other=facts.rows("supplier_products", other),
                until=["further notice" if pd.isna(day) else day for day in until],
            )
    unused = (terms["valid_to"] < facts.start) | (terms["valid_from"] >= facts.end)
    if unused.any():
        count = int(unused.sum())
        facts.note(TERMS_OVER, "supplier_products", "valid_to", count=count, start=facts.start)


def check_prices(facts: Facts) -> None:
    """Prices of product and suppliers are of one order of size."""
    products = facts.table("products")
    below = (products["unit_price"] < products["unit_cost"]).to_numpy()
    if below.any():
        price = products["unit_price"].to_numpy()[below]
        facts.note(SOLD_BELOW_COST, "products", "unit_cost", below, price=price)
    terms = facts.table("supplier_products")
    stated = facts.attribute("products", "product_id", "unit_cost")
    own = stated.reindex(terms["product_id"]).to_numpy(np.float64)
    price = terms["unit_cost"].to_numpy(np.float64)
    far = (price > 0) & (own > 0) & ((price > OUT_OF_LINE * own) | (own > OUT_OF_LINE * price))
    if far.any():
        facts.note(COST_OUT_OF_LINE, "supplier_products", "unit_cost", far, stated=own[far])


RULES = (check_least_orders, check_price_breaks, check_weekdays, check_validity, check_prices)
