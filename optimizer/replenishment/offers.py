"""What each product-location can be bought from, at which terms, and which sites feed it."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.index_prices import index_factors
from scenarios import Scenario
from scenarios.semantics.calendars import WorkingDays, next_order_day, order_weekdays

Ints = NDArray[np.int64]

PAIR = ["site_id", "product_id"]
OPTION = ["supplier_id", *PAIR]


def read_offers(
    scenario: Scenario, pairs: pd.DataFrame, prices_on: dt.date | None = None
) -> pd.DataFrame:
    """Return one row per supplier and pair: the terms that hold on the start date.

    Parameters
    ----------
    pairs : columns site_id, product_id
    prices_on : day whose indices hold; None: the start date

    Returns
    -------
    frame : the columns of supplier_products, defaults filled, with `unit_cost` moved by its index,
        and `row` (position in that table), `named` (the row is for this site), `index_factor`
        (what the stated price was multiplied by), `landed` (money per unit before breaks),
        `primary`; sorted by pair, then by who is asked first
    """
    start = pd.Timestamp(scenario.settings.start_date)
    terms = scenario.filled("supplier_products").assign(row=lambda frame: np.arange(len(frame)))
    terms = terms[~(terms["valid_from"] > start) & ~(terms["valid_to"] < start)]
    for_site = terms["site_id"].notna()
    named = terms[for_site].merge(pairs[PAIR], on=PAIR)
    anywhere = terms[~for_site].drop(columns="site_id").merge(pairs[PAIR], on="product_id")
    anywhere = _allowed_by_sources(scenario, anywhere)
    parts = [part for part in (named.assign(named=True), anywhere.assign(named=False)) if len(part)]
    columns = [*terms.columns, "named"]
    offers = pd.concat(parts, ignore_index=True)[columns] if parts else named.assign(named=True)
    offers = offers.sort_values(
        ["named", "valid_from", "row"],
        ascending=[False, False, True],
        na_position="last",
        kind="stable",
    ).drop_duplicates(OPTION)
    offers["index_factor"] = index_factors(scenario, offers, pd.Timestamp(prices_on or start))
    offers["unit_cost"] = offers["unit_cost"] * offers["index_factor"]
    offers["landed"] = offers["unit_cost"] * (1.0 + offers["duty_pct"] / 100.0)
    offers = offers.sort_values(
        [*PAIR, "priority", "landed", "supplier_id"], kind="stable", ignore_index=True
    )
    offers["primary"] = ~offers.duplicated(PAIR)
    return offers


def _allowed_by_sources(scenario: Scenario, offers: pd.DataFrame) -> pd.DataFrame:
    """Keep a row for any site only where `item_sources` names its supplier, or names nobody."""
    sources = scenario.table("item_sources")
    if not len(sources) or not len(offers):
        return offers
    by_product = sources[sources["product_id"].notna()]
    by_site = sources[sources["product_id"].isna()]
    keys = pd.MultiIndex.from_frame(offers[PAIR])
    has_own = keys.isin(pd.MultiIndex.from_frame(by_product[PAIR]))
    listed = pd.MultiIndex.from_frame(offers[OPTION]).isin(
        pd.MultiIndex.from_frame(by_product[["source_id", *PAIR]])
    )
    site_has = offers["site_id"].isin(set(by_site["site_id"])).to_numpy()
    by_site_pairs = pd.MultiIndex.from_frame(by_site[["source_id", "site_id"]])
    site_listed = pd.MultiIndex.from_frame(offers[["supplier_id", "site_id"]]).isin(by_site_pairs)
    allowed = np.where(has_own, listed, ~site_has | site_listed)
    return offers[allowed]


def first_sources(scenario: Scenario, pairs: pd.DataFrame) -> pd.Series:
    """Return the site that feeds each pair first, NaN where none does; index as `pairs`.

    A row for the product beats the row for all products; then priority, larger share, id.
    Only sources that are sites count: one whose first source is a supplier is not fed.
    """
    sources = scenario.filled("item_sources")
    if not len(sources):
        return pd.Series(np.nan, index=pairs.index, dtype=object)
    ranked = sources.assign(share=-sources["share_pct"].fillna(0.0)).sort_values(
        ["priority", "share", "source_id"], kind="stable"
    )
    of_product = ranked[ranked["product_id"].notna()].drop_duplicates(PAIR)
    of_site = ranked[ranked["product_id"].isna()].drop_duplicates("site_id")
    keys = pd.MultiIndex.from_frame(pairs[PAIR])
    own = pd.Series(
        of_product["source_id"].to_numpy(object), index=pd.MultiIndex.from_frame(of_product[PAIR])
    ).reindex(keys)
    general = of_site.set_index("site_id")["source_id"].reindex(pairs["site_id"])
    first = np.where(own.notna().to_numpy(), own.to_numpy(object), general.to_numpy(object))
    is_site = pd.Series(first).isin(set(scenario.table("sites")["site_id"])).to_numpy()
    return pd.Series(np.where(is_site, first, np.nan), index=pairs.index, dtype=object)


def feeding_roots(
    scenario: Scenario, pairs: pd.DataFrame, bought: pd.MultiIndex, longest_chain: int = 20
) -> pd.DataFrame:
    """Return, for each pair, the site where its product is bought and the site that feeds it.

    Parameters
    ----------
    pairs : site_id, product_id
    bought : (site_id, product_id) that have an option

    Returns
    -------
    frame : index as `pairs`; `root_id` (own site where the pair is bought there; NaN where no
        chain of sources ends at an option) and `feeder_id` (NaN where bought)
    """
    own = pd.MultiIndex.from_frame(pairs[PAIR]).isin(bought)
    root = np.where(own, pairs["site_id"].to_numpy(object), np.nan).astype(object)
    feeder = first_sources(scenario, pairs).to_numpy(object)
    at = feeder.copy()
    open_ones = ~own & pd.notna(at)
    for _ in range(longest_chain):
        if not open_ones.any():
            break
        rows = np.flatnonzero(open_ones)
        here = pd.DataFrame(
            {"site_id": at[rows], "product_id": pairs["product_id"].to_numpy(object)[rows]}
        )
        found = pd.MultiIndex.from_frame(here).isin(bought)
        root[rows[found]] = at[rows[found]]
        further = first_sources(scenario, here).to_numpy(object)
        at[rows] = further
        open_ones[rows] = ~found & pd.notna(further)
    return pd.DataFrame(
        {"root_id": root, "feeder_id": np.where(own, np.nan, feeder)}, index=pairs.index
    )


def with_lead_times(scenario: Scenario, offers: pd.DataFrame) -> pd.DataFrame:
    """Add when each option can be ordered and when it comes.

    Returns
    -------
    frame : offers with `order_on` (next day on which the supplier takes orders), `due_on`,
        `lead_days` (from start, as the protection interval counts it), `lead_variance`
    """
    start = pd.Timestamp(scenario.settings.start_date)
    calendars = scenario.table("suppliers").set_index("supplier_id")["calendar_id"]
    calendar = calendars.reindex(offers["supplier_id"]).fillna("").to_numpy(object)
    cells = offers["order_weekdays"].fillna("").to_numpy(object)
    order_on = _by_distinct(cells, lambda cell: next_order_day(start, order_weekdays(cell)))
    transit, transit_sd = slowest_transit(
        scenario, offers["supplier_id"].to_numpy(object), offers["site_id"].to_numpy(object)
    )
    whole = np.ceil(offers["lead_time_mean_days"].to_numpy(np.float64)).astype(np.int64)
    frame = offers.assign(
        order_on=order_on.astype("datetime64[ms]"),
        _whole=whole,
        _calendar=calendar,
    )
    days = WorkingDays(scenario)
    keys = frame[["_calendar", "_whole", "order_on"]].drop_duplicates(ignore_index=True)
    arrives = [
        days.add(name or None, order.to_datetime64().astype("datetime64[D]"), int(lead))
        for name, lead, order in keys.itertuples(index=False)
    ]
    from_start = [
        days.add(name or None, start.to_datetime64().astype("datetime64[D]"), int(lead))
        for name, lead, _ in keys.itertuples(index=False)
    ]
    keys["_arrives"] = np.array(arrives, "datetime64[ms]")
    closed = np.array(from_start, "datetime64[D]") - np.datetime64(start, "D")
    keys["_closed"] = closed.astype(np.int64) - keys["_whole"].to_numpy()
    frame = frame.merge(keys, on=["_calendar", "_whole", "order_on"], how="left")
    due = frame["_arrives"] + pd.to_timedelta(np.ceil(transit), unit="D")
    lead = frame["lead_time_mean_days"].to_numpy(np.float64) + transit
    return frame.assign(
        due_on=due,
        lead_days=lead + frame["_closed"].to_numpy(np.float64),
        lead_variance=frame["lead_time_sd_days"].to_numpy(np.float64) ** 2 + transit_sd**2,
    ).drop(columns=["_whole", "_calendar", "_arrives", "_closed"])


def _by_distinct(cells: NDArray[np.object_], make: object) -> NDArray[np.object_]:
    """Apply a function once per distinct cell."""
    names, place = np.unique(cells.astype(str), return_inverse=True)
    values = np.array([make(name) for name in names], dtype="datetime64[ms]")  # type: ignore[operator]
    chosen: NDArray[np.object_] = values[place]
    return chosen


def slowest_transit(
    scenario: Scenario, origin: NDArray[np.object_], destination: NDArray[np.object_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and sd of the transit between places, days; of several modes the slowest.

    Parameters
    ----------
    origin, destination : (n,) ids; 0 days where there is no lane
    """
    lanes = scenario.filled("lanes")
    nothing = np.zeros(len(origin))
    if not len(lanes):
        return nothing, nothing
    slowest = lanes.sort_values(
        ["transit_mean_days", "transit_sd_days"], ascending=False, kind="stable"
    ).drop_duplicates(["origin_id", "destination_id"])
    keys = pd.MultiIndex.from_frame(slowest[["origin_id", "destination_id"]])
    at = keys.get_indexer(pd.MultiIndex.from_arrays([origin, destination]))
    found = at >= 0
    mean = slowest["transit_mean_days"].to_numpy(np.float64)[at]
    sd = slowest["transit_sd_days"].to_numpy(np.float64)[at]
    return np.where(found, mean, 0.0), np.where(found, sd, 0.0)
