"""How exchange rates and raw-material prices have moved what suppliers ask."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios import Scenario

Floats = NDArray[np.float64]


def index_factors(scenario: Scenario, terms: pd.DataFrame, day: pd.Timestamp) -> Floats:
    """Return what each row's price is multiplied by: its index on a day against its start.

    Parameters
    ----------
    terms : rows of supplier_products: index_id, index_share_pct, valid_from
    day : the latest value on or before it is today's

    Returns
    -------
    factor : (n_rows,) 1 + share / 100 x (now / base - 1), 1 where a row names no index; base is
        the latest value on or before valid_from and `day`, the first one where valid_from is blank
        or earlier than all; 1 too where the index has no value by `day` (see `price_notes`)
    """
    factor = np.ones(len(terms))
    named = terms["index_id"].notna().to_numpy(bool)
    if not named.any():
        return factor
    values = scenario.table("indices").sort_values(["index_id", "date"], kind="stable")
    share = terms["index_share_pct"].fillna(0.0).to_numpy(np.float64) / 100.0
    begun = terms["valid_from"].to_numpy("datetime64[ns]")
    index = terms["index_id"].astype("str").to_numpy(object)
    for name, series in values.groupby("index_id", sort=True):
        rows = np.flatnonzero(named & (index == name))
        days = series["date"].to_numpy("datetime64[ns]")
        value = series["value"].to_numpy(np.float64)
        now = int(np.searchsorted(days, day.to_datetime64(), side="right")) - 1
        if now < 0 or not len(rows):
            continue
        base = np.searchsorted(days, begun[rows], side="right") - 1
        base = np.where(np.isnat(begun[rows]), 0, np.clip(base, 0, now))
        factor[rows] = 1.0 + share[rows] * (value[now] / value[base] - 1.0)
    return factor


def price_notes(scenario: Scenario, offers: pd.DataFrame) -> list[str]:
    """Name the indices that moved prices, those without a value, and currencies without one.

    Parameters
    ----------
    offers : of `read_offers`
    """
    notes = []
    start = pd.Timestamp(scenario.settings.start_date)
    indices = scenario.table("indices")
    known = set(indices.loc[indices["date"] <= start, "index_id"])
    named = offers["index_id"].notna()
    for name, part in offers[named].groupby("index_id", sort=True):
        factor = part["index_factor"]
        if name not in known:
            notes.append(
                f"{len(part)} offers name the index {name}, which has no value by the start: their"
                " prices are taken as stated."
            )
        elif (factor != 1.0).any():
            low, high = (f"{100.0 * (end - 1.0):+.2f} %" for end in (factor.min(), factor.max()))
            span = low if low == high else f"{low} to {high}"
            notes.append(f"{name} moves the prices of {len(part)} offers by {span}.")
    currency = scenario.table("suppliers").set_index("supplier_id")["currency"]
    currency = currency[currency.notna() & (currency != scenario.settings.currency)]
    plain = offers[~named & offers["supplier_id"].isin(currency.index)]
    of_offer = currency.reindex(plain["supplier_id"])
    for name, count in of_offer.value_counts(sort=False).sort_index().items():
        notes.append(
            f"{count} offers of suppliers that price in {name} name no index: their prices are"
            f" taken as converted to {scenario.settings.currency}, and do not move with the rate."
        )
    return notes
