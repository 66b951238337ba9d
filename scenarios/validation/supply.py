"""Rules on supply paths: everything that is asked for somewhere can get there."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.validation.facts import Facts
from scenarios.validation.flows import asked, at_sites, exploded
from scenarios.validation.notice import error, info, warning
from scenarios.validation.rings import rings

NO_SUPPLY_PATH = warning(
    "no_supply_path",
    "A product has demand at a site and no way to get there.",
    "{units} units a day are asked for at {site}, which has no stock or open order of it, no"
    " valid row in supplier_products, and no item_sources site that has: add one of them",
)
ORDERED_WITHOUT_SUPPLY = warning(
    "ordered_without_supply",
    "A product is ordered that no site has or can get.",
    "no site has stock, an open order or a valid supplier of {product}: its lines stay unserved",
)
DEMAND_WITHOUT_SITE = warning(
    "demand_without_site",
    "Demand of a zone that no site serves.",
    "{units} units a day in zone {zone}: add rows in zone_sites, or a lane, or an open site",
)
SOURCE_CYCLE = warning(
    "source_cycle",
    "Sites replenish each other in a ring.",
    "{ring} feed each other{goods}: let one of them be fed by a supplier or a site outside",
)
SOURCE_WITHOUT_TERMS = warning(
    "source_without_terms",
    "A site is to be replenished by a supplier that offers nothing there.",
    "supplier_products has no row of {source} that reaches {site}: add its terms",
)
BUNDLE_CYCLE = error(
    "bundle_cycle",
    "A bundle contains itself.",
    "{ring}: take one of these rows out of product_components",
)
SUPPLIER_WITHOUT_PRODUCTS = info(
    "supplier_without_products",
    "A supplier offers nothing.",
    "add its rows to supplier_products, or leave it out",
)
LIKE_ITSELF = warning(
    "like_itself",
    "New products are forecast by each other.",
    "{ring}: name a product with sales of its own",
)


def valid_terms(facts: Facts) -> pd.DataFrame:
    """Return the rows of `supplier_products` that hold on some day of the horizon."""
    terms = facts.table("supplier_products")
    ended = terms["valid_to"] < facts.start
    later = terms["valid_from"] >= facts.end
    return terms[~(ended | later)]


def _direct(facts: Facts) -> tuple[pd.DataFrame, pd.Index]:
    """Return (site_id, product_id) with stock, open orders or terms, and products for any site."""
    stock = facts.table("inventory")
    stock = stock.loc[stock["on_hand"] > 0, ["site_id", "product_id"]]
    coming = facts.table("open_orders")
    coming = coming.loc[coming["qty"] > 0, ["site_id", "product_id"]]
    terms = valid_terms(facts)[["site_id", "product_id"]]
    anywhere = pd.Index(terms.loc[terms["site_id"].isna(), "product_id"].dropna().unique())
    pairs = pd.concat([stock, coming, terms], ignore_index=True).dropna().drop_duplicates()
    return pairs, anywhere


def supplied(facts: Facts, wanted: pd.DataFrame) -> NDArray[np.bool_]:
    """Say for each (site_id, product_id) whether it has a way to be supplied.

    Stock on hand, an open order or valid terms of a supplier at the site, or at a site that
    replenishes it by `item_sources`, over any number of steps.
    """
    direct, anywhere = _direct(facts)
    sources = facts.table("item_sources")
    steps = sources.loc[
        sources["source_id"].isin(facts.known("sites.site_id")),
        ["site_id", "product_id", "source_id"],
    ].dropna(subset=["site_id"])
    for_all = steps[steps["product_id"].isna()][["site_id", "source_id"]].drop_duplicates()
    for_one = steps[steps["product_id"].notna()].drop_duplicates()

    # every pair that could feed a wanted one, and the edges between them
    pairs = wanted[["site_id", "product_id"]].drop_duplicates().reset_index(drop=True)
    edges = []
    front = pairs
    while len(front):
        feeding = pd.concat(
            [
                front.merge(for_all, on="site_id"),
                front.merge(for_one, on=["site_id", "product_id"]),
            ],
            ignore_index=True,
        ).drop_duplicates()
        if not len(feeding):
            break
        edges.append(feeding)
        reached = feeding[["source_id", "product_id"]].set_axis(["site_id", "product_id"], axis=1)
        merged = reached.drop_duplicates().merge(pairs, how="left", indicator=True)
        front = merged.loc[merged["_merge"] == "left_only", ["site_id", "product_id"]]
        pairs = pd.concat([pairs, front], ignore_index=True)

    fed = pairs.merge(direct, how="left", indicator=True)["_merge"].eq("both").to_numpy()
    fed = fed | pairs["product_id"].isin(anywhere).to_numpy()
    if edges:
        number = pd.Series(np.arange(len(pairs)), index=pd.MultiIndex.from_frame(pairs))
        ways = pd.concat(edges, ignore_index=True)
        to = number.loc[pd.MultiIndex.from_frame(ways[["site_id", "product_id"]])].to_numpy()
        by = number.loc[pd.MultiIndex.from_frame(ways[["source_id", "product_id"]])].to_numpy()
        before = -1
        while before != fed.sum():
            before = fed.sum()
            fed[to[fed[by]]] = True
    answer = wanted[["site_id", "product_id"]].merge(pairs.assign(fed=fed), how="left")
    told: NDArray[np.bool_] = answer["fed"].to_numpy(bool)
    return told


def check_supply_paths(facts: Facts) -> None:
    """Every product with demand at a site has a way to be supplied there."""
    products = facts.table("products")
    gone = products["product_id"][products["discontinued_on"] <= facts.start]
    demand = facts.remember(asked)
    known = facts.known("products.product_id")
    demand = demand[demand["product_id"].isin(known) & ~demand["product_id"].isin(gone)]
    wanted = at_sites(facts, demand)
    lost = demand[~demand["location_id"].isin(wanted["location_id"])]
    lost = lost[lost["location_id"].isin(facts.known("zones.zone_id"))]
    for table, part in lost.groupby("table"):
        zones = part.groupby("location_id", sort=True).agg({"per_day": "sum", "at": "min"})
        terms = {"units": zones["per_day"].to_numpy(), "zone": list(zones.index)}
        facts.note(DEMAND_WITHOUT_SITE, table, "location_id", zones["at"].to_numpy(), **terms)
    if not len(wanted):
        return
    wanted = exploded(facts, wanted)
    wanted = wanted.groupby(["site_id", "product_id", "table"], as_index=False, sort=False).agg(
        {"per_day": "sum", "at": "min"}
    )
    broken = wanted[~supplied(facts, wanted)].sort_values(["at", "site_id", "product_id"])
    for table, part in broken.groupby("table"):
        facts.note(
            NO_SUPPLY_PATH,
            table,
            "product_id",
            part["at"].to_numpy(),
            values=part["product_id"].array,
            units=part["per_day"].to_numpy(),
            site=part["site_id"].array,
        )


def check_ordered_products(facts: Facts) -> None:
    """Every product on an accepted order is somewhere, or can come from somewhere."""
    lines = facts.table("order_lines")
    if not len(lines):
        return
    direct, anywhere = _direct(facts)
    there = pd.Index(direct["product_id"].unique()).append(anywhere)
    asked = facts.units_sold("order_lines") & lines["product_id"].isin(
        facts.known("products.product_id")
    )
    parts = lines[["product_id"]].assign(per_day=1.0, at=np.arange(len(lines)))[asked]
    parts = parts.drop_duplicates("product_id")
    needed = exploded(facts, parts.assign(bundle=parts["product_id"]))
    short = needed[~needed["product_id"].isin(there)].sort_values("at").drop_duplicates("at")
    if len(short):
        facts.note(
            ORDERED_WITHOUT_SUPPLY,
            "order_lines",
            "product_id",
            short["at"].to_numpy(),
            product=short["product_id"].array,
        )


def check_source_cycles(facts: Facts) -> None:
    """Sites do not replenish each other in a ring without an entrance."""
    sources = facts.table("item_sources")
    inner = sources[sources["source_id"].isin(facts.known("sites.site_id"))].dropna(
        subset=["site_id"]
    )
    for product, part in inner.groupby("product_id", dropna=False, sort=True):
        for ring in _rings_of(part, "site_id", "source_id"):
            first = part.index[(part["site_id"] == ring[0])].to_numpy()[:1]
            goods = "" if pd.isna(product) else f" with {product}"
            facts.note(
                SOURCE_CYCLE,
                "item_sources",
                "source_id",
                first,
                ring=" < ".join([*ring, ring[0]]),
                goods=goods,
            )


def _rings_of(frame: pd.DataFrame, start: str, end: str) -> list[list[str]]:
    pairs = frame[[start, end]].dropna().drop_duplicates()
    return rings({str(name): sorted(part) for name, part in pairs.groupby(start, sort=True)[end]})


def check_source_terms(facts: Facts) -> None:
    """A supplier that replenishes a site by `item_sources` has terms that reach it."""
    sources = facts.table("item_sources")
    if not len(sources) or not facts.has("supplier_products"):
        return
    terms = valid_terms(facts)
    rows = sources[sources["source_id"].isin(facts.known("suppliers.supplier_id"))]
    rows = rows.assign(at=rows.index)
    offered = terms[["supplier_id", "product_id", "site_id"]].rename(
        columns={"supplier_id": "source_id", "product_id": "offered", "site_id": "reached"}
    )
    met = rows.merge(offered.drop_duplicates(), on="source_id")
    met = met[(met["reached"].isna() | (met["reached"] == met["site_id"]))]
    met = met[(met["product_id"].isna() | (met["product_id"] == met["offered"]))]
    bare = rows[~rows["at"].isin(met["at"])]
    if len(bare):
        facts.note(
            SOURCE_WITHOUT_TERMS,
            "item_sources",
            "source_id",
            bare["at"].to_numpy(),
            source=bare["source_id"].array,
            site=bare["site_id"].array,
        )


def check_bundles(facts: Facts) -> None:
    """No bundle contains itself, over any number of steps."""
    parts = facts.table("product_components")
    for ring in _rings_of(parts, "bundle_id", "component_id"):
        first = np.flatnonzero(parts["bundle_id"] == ring[0])[:1]
        told = " > ".join([*ring, ring[0]])
        facts.note(BUNDLE_CYCLE, "product_components", "component_id", first, ring=told)


def check_like_products(facts: Facts) -> None:
    """A product that is forecast by another leads to one with sales of its own."""
    products = facts.table("products")
    for ring in _rings_of(products, "product_id", "like_product_id"):
        first = np.flatnonzero(products["product_id"] == ring[0])[:1]
        told = " > ".join([*ring, ring[0]])
        facts.note(LIKE_ITSELF, "products", "like_product_id", first, ring=told)


def check_suppliers(facts: Facts) -> None:
    """Suppliers offer something."""
    if not facts.has("supplier_products"):
        return
    suppliers = facts.table("suppliers")["supplier_id"]
    idle = ~suppliers.isin(facts.known("supplier_products.supplier_id")) & suppliers.notna()
    if idle.any():
        facts.note(SUPPLIER_WITHOUT_PRODUCTS, "suppliers", "supplier_id", idle.to_numpy())


RULES = (
    check_supply_paths,
    check_ordered_products,
    check_source_cycles,
    check_source_terms,
    check_bundles,
    check_like_products,
    check_suppliers,
)
