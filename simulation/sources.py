"""Which supplier or site replenishes each product-location, and at what terms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.audit.offers import read_options
from scenarios import InputError, Scenario
from scenarios.findings import Finding, Severity
from simulation.facts import Split

PAIR = ["site_id", "product_id"]
TERMS = [
    "lead_time_mean_days",
    "lead_time_sd_days",
    "moq",
    "order_multiple",
    "order_cost",
    "landed",
    "fill_rate",
    "defect_rate",
    "order_weekdays",
    "capacity_per_week",
    "row",
    "min_order_value",
]
WHOLE_SHARE = 65536


@dataclass(frozen=True, slots=True)
class Sources:
    """Product-locations with their source.

    Attributes
    ----------
    pairs : site_id, product_id, source_id ("" for none), from_site (flag), and TERMS (blank for
        a pair that a site feeds); sorted by site_id and product_id
    several : a row for each source of a pair that has several: site_id, product_id, source_id,
        from_site, share (of each order, in 1/65,536), rank (0 is asked first), and TERMS
    options : every valid row of supplier_products by pair and supplier
    depth : by site_id; 0 for a site that feeds no other
    """

    pairs: pd.DataFrame
    several: pd.DataFrame
    options: pd.DataFrame
    depth: dict[str, int]


def choose_sources(scenario: Scenario, wanted: pd.DataFrame, *, standby: bool = False) -> Sources:
    """Return the source of every product-location, and add those that must feed others.

    A pair buys from its primary option: lowest `priority`, then landed cost, then supplier_id;
    where `item_sources` speaks of the pair, a row of `supplier_products` for any site counts only
    if its supplier is named there. A pair without an option is fed by its first source that is an
    open site (by priority, larger share, id). A pair for which `item_sources` states several shares
    has them all as sources; those named without a share stand by.

    Parameters
    ----------
    wanted : site_id, product_id
    standby : every pair has all its options, and the sites named for it, as sources; those that
        it does not use stand by with a share of 0

    Raises
    ------
    InputError
        The sites feed each other in a circle.
    """
    pairs = wanted[PAIR].drop_duplicates()
    named = _named_sources(scenario, pairs)
    while True:
        options = _options(scenario, pairs, named)
        primary = options.drop_duplicates(PAIR)
        lacking = pairs.merge(primary[PAIR], on=PAIR, how="left", indicator=True)
        lacking = lacking[lacking["_merge"] == "left_only"][PAIR]
        fed = _fed_by_sites(scenario, lacking, named)
        first = _first(primary, fed)
        several = _several(scenario, first, options, named, standby=standby)
        feeding = pd.concat([fed, several[several["from_site"]]], ignore_index=True)
        feeders = feeding.assign(site_id=feeding["source_id"])[PAIR].drop_duplicates()
        both = pd.concat([pairs, feeders], ignore_index=True).drop_duplicates()
        if len(both) == len(pairs):
            break
        pairs = both
        named = _named_sources(scenario, pairs)
    first = first.merge(several[PAIR].drop_duplicates(), on=PAIR, how="left", indicator=True)
    first = first[first["_merge"] == "left_only"].drop(columns="_merge")
    asked = several[several["rank"] == 0].drop(columns=["share", "rank"])
    asked = asked.assign(moq=np.nan, order_multiple=np.nan)  # each source has its own
    pairs = pairs.merge(pd.concat([first, asked], ignore_index=True), on=PAIR, how="left")
    pairs["source_id"] = pairs["source_id"].fillna("")
    pairs["from_site"] = pairs["from_site"].fillna(False).astype(bool)
    pairs = pairs.sort_values(PAIR, kind="stable", ignore_index=True)
    edges = pd.concat([pairs, several], ignore_index=True)
    edges = edges[edges["from_site"].astype(bool)][["source_id", "site_id"]].drop_duplicates()
    return Sources(pairs, several, options, _depths(scenario, edges))


def _first(primary: pd.DataFrame, fed: pd.DataFrame) -> pd.DataFrame:
    """Return the source of each pair that has only one."""
    bought = primary.rename(columns={"supplier_id": "source_id"})[[*PAIR, "source_id", *TERMS]]
    return pd.concat(
        [bought.assign(from_site=False), fed.assign(from_site=True)], ignore_index=True
    )


def _several(
    scenario: Scenario,
    first: pd.DataFrame,
    options: pd.DataFrame,
    named: pd.DataFrame,
    *,
    standby: bool,
) -> pd.DataFrame:
    """Return the sources of pairs that have several, ranked; shares add up to 65,536."""
    offers = options.rename(columns={"supplier_id": "source_id"})[[*PAIR, "source_id", *TERMS]]
    sites = scenario.table("sites")
    open_sites = set(sites.loc[sites["status"] == "open", "site_id"])
    stated = named.assign(place=np.arange(len(named)))
    bought = stated.merge(offers, on=[*PAIR, "source_id"])
    moved = stated[stated["source_id"].isin(open_sites)]
    moved = moved[moved["source_id"] != moved["site_id"]]
    both = pd.concat(
        [bought.assign(from_site=False), moved.assign(from_site=True)], ignore_index=True
    )
    both["stated"] = -both["share_pct"].fillna(0.0)  # held as its negative, for sorting
    sharing = both.assign(some=both["stated"] > 0).groupby(PAIR)["some"].transform("sum")
    shared = sharing > 1
    kept = both[shared]
    kept = kept.sort_values([*PAIR, "place"], kind="stable")
    parts = [kept[[*PAIR, "source_id", "from_site", "stated", *TERMS]]]
    if standby:
        taken = kept[PAIR].drop_duplicates().assign(taken=True)
        own = first.assign(stated=1.0)
        others = pd.concat(
            [offers.assign(from_site=False), both[~shared][
                [*PAIR, "source_id", "from_site", *TERMS]]], ignore_index=True
        ).assign(stated=0.0)  # fmt: skip
        listed = pd.concat([own, others], ignore_index=True)
        listed = listed.drop_duplicates([*PAIR, "source_id", "from_site"])
        listed = listed[listed.groupby(PAIR)["source_id"].transform("size") > 1]
        listed = listed.merge(taken, on=PAIR, how="left")
        listed = listed[listed["taken"].isna()].drop(columns="taken")
        parts.append(listed.sort_values(PAIR, kind="stable"))
    several = pd.concat(parts, ignore_index=True)
    if not len(several):
        return several.assign(share=0, rank=0).drop(columns="stated")
    total = several.groupby(PAIR)["stated"].transform("sum")
    several["share"] = np.floor(WHOLE_SHARE * several["stated"] / total).astype("int64")
    several["rank"] = several.groupby(PAIR).cumcount()
    missing = WHOLE_SHARE - several.groupby(PAIR)["share"].transform("sum")
    largest = several.groupby(PAIR)["share"].transform("idxmax") == several.index
    several["share"] += missing.where(largest, 0)
    several["from_site"] = several["from_site"].astype(bool)
    return several.drop(columns="stated")


def _named_sources(scenario: Scenario, pairs: pd.DataFrame) -> pd.DataFrame:
    """Rows of `item_sources` by pair: those for the product where there are any, else the blank."""
    rows = scenario.filled("item_sources")
    exact = rows[rows["product_id"].notna()].merge(pairs, on=PAIR)
    spoken = exact[PAIR].drop_duplicates().assign(spoken=True)
    blank = rows[rows["product_id"].isna()].drop(columns="product_id")
    general = pairs.merge(spoken, on=PAIR, how="left")
    general = general[general["spoken"].isna()][PAIR].merge(blank, on="site_id")
    found = pd.concat([exact, general[exact.columns]], ignore_index=True)
    found["share_pct"] = -found["share_pct"].fillna(0.0)
    order = [*PAIR, "priority", "share_pct", "source_id"]
    return found.sort_values(order, kind="stable", ignore_index=True)


def _options(scenario: Scenario, pairs: pd.DataFrame, named: pd.DataFrame) -> pd.DataFrame:
    options = read_options(scenario, pairs)
    allowed = named[[*PAIR, "source_id"]].rename(columns={"source_id": "supplier_id"})
    spoken = named[PAIR].drop_duplicates().assign(spoken=True)
    options = options.merge(spoken, on=PAIR, how="left")
    options = options.merge(allowed.assign(allowed=True), on=[*PAIR, "supplier_id"], how="left")
    anywhere = ~options["named"].astype(bool)
    kept = options[~(anywhere & options["spoken"].notna() & options["allowed"].isna())]
    order = [*PAIR, "priority", "landed", "supplier_id"]
    return kept.sort_values(order, kind="stable", ignore_index=True)


def _fed_by_sites(scenario: Scenario, lacking: pd.DataFrame, named: pd.DataFrame) -> pd.DataFrame:
    sites = scenario.table("sites")
    open_sites = set(sites.loc[sites["status"] == "open", "site_id"])
    rows = named[named["source_id"].isin(open_sites)].merge(lacking, on=PAIR)
    rows = rows[rows["source_id"] != rows["site_id"]]
    return rows.drop_duplicates(PAIR)[[*PAIR, "source_id"]].reset_index(drop=True)


def _depths(scenario: Scenario, edges: pd.DataFrame) -> dict[str, int]:
    """Return how many steps lie below each site; 0 for one that feeds none."""
    depth = dict.fromkeys(scenario.table("sites")["site_id"], 0)
    pairs = list(zip(edges["source_id"], edges["site_id"], strict=True))
    for _ in range(len(depth) + 1):
        changed = False
        for source, site in pairs:
            if depth[source] <= depth[site]:
                depth[source] = depth[site] + 1
                changed = True
        if not changed:
            return depth
    circle = {source for source, site in pairs if depth[source] > len(depth)}
    rows = scenario.table("item_sources")
    inside = rows["source_id"].isin(circle) & rows["site_id"].isin(circle)
    findings = [
        Finding(
            "circular_sources", Severity.ERROR, "item_sources", int(row) + 2, "source_id",
            ", ".join(sorted(circle)),
            "sites may not replenish each other in a circle; remove one of the rows",
        )
        for row in np.flatnonzero(inside.to_numpy())
    ]  # fmt: skip
    raise InputError("item_sources: sites replenish each other in a circle", findings)


def lane_split(part: pd.DataFrame) -> Split | None:
    """Return a lane's part in the orders of its SKUs; None where it is the only source of all.

    Parameters
    ----------
    part : rows of the lane: share and rank (blank for the only source), moq, order_multiple
    """
    several = part["share"].notna()
    if not several.any():
        return None
    least = part["moq"].where(several).fillna(0.0).to_numpy(np.float64)
    multiple = part["order_multiple"].where(several).fillna(1.0).to_numpy(np.float64)
    return Split(
        share=part["share"].fillna(WHOLE_SHARE).to_numpy(np.int64),
        rank=part["rank"].fillna(0).to_numpy(np.int64),
        least=np.ceil(least).astype(np.int32),
        multiple=np.rint(np.maximum(multiple, 1.0)).astype(np.int32),
    )


def transits(scenario: Scenario) -> pd.DataFrame:
    """Return the lanes between places that hold or send stock, blanks filled by default.

    Returns
    -------
    frame : the columns of `lanes`; shipment_kg and shipment_m3 infinite where blank
    """
    lanes = scenario.filled("lanes")
    zones = set(scenario.table("zones")["zone_id"])
    lanes = lanes[~lanes["destination_id"].isin(zones)].copy()
    for column in ("shipment_kg", "shipment_m3"):
        lanes[column] = lanes[column].fillna(np.inf)
    return lanes.sort_values(["origin_id", "destination_id", "mode"], ignore_index=True)
