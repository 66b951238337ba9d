"""The cleaned sales laid out for planning: zone, serving site, weeks, and the start of the plan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.errors import InputError
from scenarios.importers.online_retail.countries import (
    COUNTRIES,
    HOME_COUNTRY,
    LONDON,
    LONDON_ZONE,
    NATIONAL,
    country,
)
from scenarios.importers.online_retail.places import in_london

WEEK = pd.Timedelta(days=7)
RECENT_WEEKS = 13  # over which the pace of sales is measured


@dataclass(frozen=True, slots=True)
class Sales:
    """Sales by time, place and product.

    Attributes
    ----------
    lines : invoice, product_id, units, at, day, price, who (customer, else invoice), country,
        zone_id, site_id; day before `start`: history, else orders to ship
    start : Monday of the week that holds the last sale
    first_week : first Monday whose whole week is in the file
    seed : of every draw
    """

    lines: pd.DataFrame
    start: pd.Timestamp
    first_week: pd.Timestamp
    seed: int

    @property
    def history(self) -> pd.DataFrame:
        """Sales before the start."""
        return self.lines[self.lines["day"] < self.start]

    @property
    def to_source(self) -> pd.DataFrame:
        """Sales from the start on."""
        return self.lines[self.lines["day"] >= self.start]

    @property
    def weeks(self) -> int:
        """Whole weeks of history."""
        return int((self.start - self.first_week) / WEEK)


@dataclass(frozen=True, slots=True)
class SiteDemand:
    """Weekly sales of every product at the site that serves its buyers.

    Attributes
    ----------
    pairs : site_id, product_id; sorted; whatever London's depot sells has a row at the national
        warehouse too, which feeds it
    units : (n_pairs, n_weeks) int64, whole weeks up to the start
    bought : (n_pairs, n_weeks) int64, units that the site has to buy: its own sales, at the
        national warehouse London's too, in London none
    """

    pairs: pd.DataFrame
    units: NDArray[np.int64]
    bought: NDArray[np.int64]


def lay_out(kept: pd.DataFrame, seed: int) -> Sales:
    """Give sales their day, zone and site, and find where history ends.

    Raises
    ------
    InputError
        There is not one whole week before the last one.
    """
    if not len(kept):
        raise InputError("no sale is left after cleaning; is this the Online Retail file?")
    day = kept["at"].dt.normalize()
    start = monday(day.max())
    first_week = monday(day.min() + WEEK - pd.Timedelta(days=1))
    if first_week >= start:
        raise InputError(
            f"sales run from {day.min():%Y-%m-%d} to {day.max():%Y-%m-%d}: at least one whole week"
            " (Monday to Sunday) is needed before the week of the last sale"
        )
    who = kept["customer"].fillna("I" + kept["invoice"])
    buyers = pd.Index(who.unique())
    london = in_london(seed, buyers.tolist())[buyers.get_indexer(pd.Index(who))]
    london &= (kept["country"] == HOME_COUNTRY).to_numpy()
    known = {name: country(name) for name in kept["country"].unique()}
    zone = kept["country"].map({name: place.zone_id for name, place in known.items()})
    site = kept["country"].map({name: place.site_id for name, place in known.items()})
    lines = pd.DataFrame(
        {
            "invoice": kept["invoice"],
            "product_id": kept["code"],
            "units": kept["units"],
            "at": kept["at"],
            "day": day,
            "price": kept["price"],
            "who": who,
            "country": kept["country"],
            "zone_id": zone.mask(london, LONDON_ZONE),
            "site_id": site.mask(london, LONDON),
        }
    )
    return Sales(lines, start, first_week, seed)


def monday(day: pd.Timestamp) -> pd.Timestamp:
    """Return the Monday on or before a day."""
    return day.normalize() - pd.Timedelta(days=day.isoweekday() - 1)


def weeks_of(days: pd.Series) -> pd.Series:
    """Return the Monday on or before each day."""
    number = days.to_numpy("datetime64[D]").astype(np.int64)  # 1970-01-01 was a Thursday
    mondays = (number - (number + 3) % 7).astype("datetime64[D]").astype("datetime64[ms]")
    return pd.Series(mondays, index=days.index)


def site_demand(sales: Sales) -> SiteDemand:
    """Add up whole weeks of history by site and product."""
    history = sales.history
    history = history[history["day"] >= sales.first_week]
    sums = history.groupby(["site_id", "product_id", weeks_of(history["day"])])["units"].sum()
    wide = sums.unstack(fill_value=0)
    every = pd.date_range(sales.first_week, periods=sales.weeks, freq=WEEK)
    fed = sorted(set(history.loc[history["site_id"] == LONDON, "product_id"].unique()))
    feeding = pd.MultiIndex.from_product([[NATIONAL], fed], names=wide.index.names)
    rows = wide.index.union(feeding).sort_values()
    wide = wide.reindex(index=rows, columns=every, fill_value=0)
    units = wide.to_numpy(np.int64)
    site, product = rows.get_level_values(0), rows.get_level_values(1)
    bought = np.where((site == LONDON)[:, None], 0, units)
    at = rows.get_indexer(pd.MultiIndex.from_arrays([[NATIONAL] * len(fed), fed]))
    bought[at] += units[rows.get_indexer(pd.MultiIndex.from_arrays([[LONDON] * len(fed), fed]))]
    return SiteDemand(pd.DataFrame({"site_id": site, "product_id": product}), units, bought)


def demand_history(sales: Sales, by: str) -> pd.DataFrame:
    """Return the `demand_history` table by "week" (whole weeks only) or by "day"."""
    history = sales.history
    if by == "week":
        history = history[history["day"] >= sales.first_week]
        date = weeks_of(history["day"])
    else:
        date = history["day"]
    value = history["units"] * history["price"]
    frame = history.assign(date=date, value=value)
    sums = frame.groupby(["date", "product_id", "zone_id"], as_index=False)[
        ["units", "value"]
    ].sum()
    return pd.DataFrame(
        {
            "date": sums["date"],
            "product_id": sums["product_id"],
            "location_id": sums["zone_id"],
            "qty": sums["units"].astype("float64"),
            "price": (sums["value"] / sums["units"]).round(4),
        }
    )


def known_countries(sales: Sales) -> list[str]:
    """Return the names of countries that bought, those of the table first, in its order."""
    bought = set(sales.lines["country"].unique())
    return [name for name in COUNTRIES if name in bought] + sorted(bought - set(COUNTRIES))
