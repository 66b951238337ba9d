"""Which items a buyer plans, and whom they may be bought from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.replenishment.demand.cover import echelon_demand
from optimizer.replenishment.facts import Facts
from scenarios import InputError

MOST_ITEMS = 500


@dataclass(frozen=True, slots=True)
class Scope:
    """What a plan is about.

    Attributes
    ----------
    name : supplier:ID or category:NAME
    offers : the offers in play, rows of `facts.offers`, sorted as there
    notes : what was left out, or chosen for the planner
    """

    name: str
    offers: pd.DataFrame
    notes: tuple[str, ...]


def read_scope(facts: Facts, name: str) -> Scope:
    """Return the offers of a scope; blank: the supplier with the largest spend.

    supplier:ID means the product-locations that the supplier is first asked for, bought from it
    alone; category:NAME all offers of the category's products.

    Raises
    ------
    InputError
        The scope is of another kind, or nothing is in it.
    """
    sites = facts.scenario.table("sites").set_index("site_id")["status"]
    offers = facts.offers
    usable = offers["fill_rate"] * (1.0 - offers["defect_rate"]) > 0.0
    is_open = sites.reindex(offers["site_id"]).to_numpy(object) == "open"
    offers = offers[usable & is_open & facts.counted[offers["pair"].to_numpy(np.int64)]]
    primary = facts.offers[facts.offers["primary"]].set_index("pair")
    demand = echelon_demand(facts).sum(axis=1)
    landed = primary["landed"].reindex(np.arange(len(demand))).fillna(0.0).to_numpy(np.float64)
    spend = demand * landed
    offers = offers.assign(
        first=primary["supplier_id"].reindex(offers["pair"]).to_numpy(object),
        spend=spend[offers["pair"].to_numpy(np.int64)],
    )
    notes = []
    if not name:
        main = offers[offers["primary"]].groupby("supplier_id")["spend"].sum()
        if not len(main):
            raise InputError("nothing can be bought: no product-location has a valid offer")
        name = f"supplier:{main.idxmax()}"
        notes.append(f"No scope was given: {name} has the largest spend.")
    kind, _, wanted = name.partition(":")
    if kind == "supplier":
        chosen = offers[(offers["supplier_id"] == wanted) & (offers["first"] == wanted)]
    elif kind == "category":
        category = facts.scenario.table("products").set_index("product_id")["category"]
        named = category.reindex(offers["product_id"]).to_numpy(object) == wanted
        chosen = offers[named]
    else:
        raise InputError(f"a scope is supplier:ID or category:NAME, not {name!r}")
    if not len(chosen):
        raise InputError(f"nothing in scope {name!r} can be bought; see `supplier_products`")
    each = chosen.drop_duplicates("pair").sort_values("spend", ascending=False, kind="stable")
    if len(each) > MOST_ITEMS:
        kept = set(each["pair"].iloc[:MOST_ITEMS])
        notes.append(
            f"{name} has {len(each)} product-locations: the {MOST_ITEMS} with the largest spend"
            " are planned."
        )
        chosen = chosen[chosen["pair"].isin(kept)]
    return Scope(name, chosen.drop(columns=["first", "spend"]), tuple(notes))
