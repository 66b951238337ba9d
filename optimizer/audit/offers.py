"""The options of product-locations: who sells what, at which price, and when it comes.

Written from the scenario alone; nothing here is shared with the engine.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from scenarios import Scenario
from scenarios.semantics.calendars import WorkingDays

PAIR = ["site_id", "product_id"]


def read_options(
    scenario: Scenario, pairs: pd.DataFrame, prices_on: dt.date | None = None
) -> pd.DataFrame:
    """Return every valid row of supplier_products for every pair, one per supplier.

    `unit_cost` is what is asked on `prices_on` (the start, unless given): the stated price times
    `moved`, the movement of its index.
    """
    start = pd.Timestamp(scenario.settings.start_date)
    terms = scenario.filled("supplier_products")
    terms = terms.assign(row=np.arange(len(terms)))
    late = terms["valid_from"] > start
    ended = terms["valid_to"] < start
    terms = terms[~late & ~ended]
    named = terms[terms["site_id"].notna()].merge(pairs[PAIR], on=PAIR)
    anywhere = terms[terms["site_id"].isna()].drop(columns="site_id")
    anywhere = _of_named_sources(scenario, anywhere.merge(pairs[PAIR], on="product_id"))
    options = pd.concat([named, anywhere], ignore_index=True)[terms.columns]
    # the row for the site first, then the newest terms
    options["named"] = np.arange(len(options)) < len(named)
    options = options.sort_values(
        ["named", "valid_from"], ascending=[False, False], na_position="last", kind="stable"
    ).drop_duplicates([*PAIR, "supplier_id"])
    options["moved"] = _moved(scenario, options, prices_on or scenario.settings.start_date)
    options["unit_cost"] = options["unit_cost"] * options["moved"]
    options["landed"] = options["unit_cost"] * (1.0 + options["duty_pct"] / 100.0)
    options = options.sort_values(
        [*PAIR, "priority", "landed", "supplier_id"], kind="stable", ignore_index=True
    )
    options["primary"] = ~options.duplicated(PAIR)
    cheapest = np.fmin(options["unit_cost"], _cheapest_break(scenario, options) * options["moved"])
    cheapest = cheapest * (1.0 + options["duty_pct"] / 100.0)
    options["least"] = cheapest.groupby([options[key] for key in PAIR], sort=False).transform("min")
    for column in ("order_cost", "min_order_value"):
        groups = options.groupby(["supplier_id", "site_id"], sort=False)[column]
        options[column] = groups.transform("max")
    return _with_lead_times(scenario, options)


def _of_named_sources(scenario: Scenario, options: pd.DataFrame) -> pd.DataFrame:
    """Drop offers for any site whose supplier `item_sources` does not name where it names some."""
    rows = scenario.table("item_sources")
    named: dict[tuple[str, str | None], set[str]] = {}
    for site, product, source in zip(
        rows["site_id"], rows["product_id"], rows["source_id"], strict=True
    ):
        key = (site, product if isinstance(product, str) else None)
        named.setdefault(key, set()).add(source)
    if not named:
        return options
    keep = []
    for site, product, supplier in options[[*PAIR, "supplier_id"]].itertuples(index=False):
        allowed = named.get((site, product), named.get((site, None)))
        keep.append(allowed is None or supplier in allowed)
    return options[np.array(keep, bool)]


def _moved(scenario: Scenario, options: pd.DataFrame, today: dt.date) -> list[float]:
    """Return, option by option, how the index of its price has moved it since valid_from."""
    history: dict[str, list[tuple[pd.Timestamp, float]]] = {}
    for name, day, value in scenario.table("indices")[["index_id", "date", "value"]].itertuples(
        index=False
    ):
        history.setdefault(name, []).append((day, value))

    def on(name: str, day: pd.Timestamp) -> float | None:
        known = [entry for entry in history.get(name, []) if entry[0] <= day]
        return max(known)[1] if known else None

    terms = options[["index_id", "index_share_pct", "valid_from"]]
    factor_of: dict[tuple[object, ...], float] = {}
    for key in terms[terms["index_id"].notna()].drop_duplicates().itertuples(index=False):
        name, share, begun = key
        now = on(name, pd.Timestamp(today))
        if now is not None:
            base = None if pd.isna(begun) else on(name, min(begun, pd.Timestamp(today)))
            first = min(history[name])[1]
            factor_of[tuple(key)] = 1.0 + share / 100.0 * (now / (base or first) - 1.0)
    if not factor_of:
        return [1.0] * len(options)
    return [factor_of.get(tuple(key), 1.0) for key in terms.itertuples(index=False)]


def _cheapest_break(scenario: Scenario, options: pd.DataFrame) -> pd.Series:
    """Return the lowest price of each option's breaks, money per unit; NaN without any."""
    breaks = scenario.table("price_breaks")
    lowest = breaks.groupby(["supplier_id", "product_id"])["unit_cost"].min()
    at = pd.MultiIndex.from_frame(options[["supplier_id", "product_id"]])
    return pd.Series(lowest.reindex(at).to_numpy(np.float64), index=options.index)


def _with_lead_times(scenario: Scenario, options: pd.DataFrame) -> pd.DataFrame:
    """Add lead_days and lead_variance: the supplier's, its closed days, and the slowest lane."""
    start = np.datetime64(scenario.settings.start_date, "D")
    calendar = scenario.table("suppliers").set_index("supplier_id")["calendar_id"]
    working = WorkingDays(scenario)
    stated = options["lead_time_mean_days"].to_numpy(np.float64)
    asked = np.ceil(stated - 1e-9).astype(np.int64)
    names = calendar.reindex(options["supplier_id"]).to_numpy(object)
    known: dict[tuple[object, int], int] = {}
    for name, days in zip(names, asked.tolist(), strict=True):
        if isinstance(name, str) and (name, days) not in known:
            due = working.add(name, start, days)
            known[name, days] = int((due - start).astype(int)) - days
    closed = [known.get((name, days), 0) for name, days in zip(names, asked.tolist(), strict=True)]
    lanes = scenario.filled("lanes").sort_values(
        ["transit_mean_days", "transit_sd_days"], ascending=False, kind="stable"
    )
    lanes = lanes.drop_duplicates(["origin_id", "destination_id"])
    lanes = lanes.set_index(["origin_id", "destination_id"])[
        ["transit_mean_days", "transit_sd_days"]
    ]
    way = lanes.reindex(pd.MultiIndex.from_frame(options[["supplier_id", "site_id"]])).fillna(0.0)
    transit, transit_sd = way.to_numpy(np.float64).T
    sd = options["lead_time_sd_days"].to_numpy(np.float64)
    due_days = asked + np.array(closed, np.int64) + np.ceil(transit - 1e-9).astype(np.int64)
    return options.assign(
        lead_days=stated + np.array(closed, np.float64) + transit,
        lead_variance=sd**2 + transit_sd**2,
        due_days=due_days,
    )
