"""What was sold week by week, what moved it, and how much is sold in a normal week now."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import numpy as np
import pandas as pd

from scenarios.library.double_eleven.catalogue import Catalogue
from scenarios.library.double_eleven.festivals import (
    FESTIVALS,
    HOLIDAYS,
    START,
    festival_pull,
    holiday_factor,
    season,
    week_starts,
)
from scenarios.library.double_eleven.places import CITIES, WAREHOUSES, serving_site
from scenarios.library.double_eleven.streams import Floats, Ints, between, counts, stream
from scenarios.library.double_eleven.wares import CATEGORIES

CITY_ASSORTMENT = 150
HERO = 2.4  # times the uplift of the category
PEAK_WEEK = dt.date(2025, 11, 10)


class Demand(NamedTuple):
    """Who sells what where.

    Attributes
    ----------
    product_at, site_at : (n_pairs,) int64, positions in the catalogue and in WAREHOUSES
    rate : (n_pairs,) float64, units a week in a normal week of October 2026
    in_city : (n_products,) bool, stocked in the city warehouses
    history : table `demand_history`
    """

    product_at: Ints
    site_at: Ints
    rate: Floats
    in_city: np.ndarray
    history: pd.DataFrame


def site_weights() -> tuple[Floats, Floats]:
    """Return each warehouse's share of demand, for goods kept in cities and for the others.

    Returns
    -------
    fast, slow : (n_sites,) float64; each adds up to 1; slow is 0 at city warehouses
    """
    codes = [site.code for site in WAREHOUSES]
    fast, slow = np.zeros(len(codes)), np.zeros(len(codes))
    for city in CITIES:
        near = serving_site(city)
        parent = WAREHOUSES[codes.index(near)].parent or near
        fast[codes.index(near)] += city.millions
        slow[codes.index(parent)] += city.millions
    return np.round(fast / fast.sum(), 4), np.round(slow / slow.sum(), 4)


def build_demand(seed: int, catalogue: Catalogue) -> Demand:
    """Return the history of every product and warehouse, a row a week."""
    rng = stream(seed, "demand_history")
    products, count = catalogue.products, len(catalogue.products)
    is_box = products["category"].eq("礼盒").to_numpy()
    ranked = np.argsort(-np.where(is_box, 0.0, catalogue.weekly), kind="stable")
    in_city = np.zeros(count, dtype=bool)
    in_city[ranked[:CITY_ASSORTMENT]] = True
    fast, slow = site_weights()
    share = np.where(in_city[:, None], fast[None, :], slow[None, :])
    product_at, site_at = np.nonzero(share > 0)
    weekly = catalogue.weekly[product_at] * share[product_at, site_at]
    weekly = np.round(weekly * between(rng, 0.7, 1.3, len(weekly)), 4)
    growth = between(rng, -0.15, 0.30, count)  # a year
    uplift = _uplift(rng, catalogue)

    mondays = week_starts()
    seasons = np.array([season(c.months, mondays) for c in CATEGORIES])
    years = np.round(np.array([(m - dt.date(2025, 10, 13)).days / 365.0 for m in mondays]), 4)
    pull, holiday = festival_pull(mondays), holiday_factor(mondays)
    shape = seasons[catalogue.category_at[product_at]] * holiday[None, :]
    trend = 1.0 + growth[product_at, None] * years[None, :]
    lifted = np.maximum(1.0 + uplift[product_at, None] * pull[None, :], 0.3)
    mean = np.round(weekly[:, None] * shape * trend * lifted, 4)
    dispersion = between(rng, 1.1, 2.4, len(weekly))[:, None] * np.ones_like(mean)
    sold = counts(rng, mean, dispersion)
    sold, short = _stockouts(rng, sold, mean, pull)
    rate = weekly * seasons[catalogue.category_at[product_at], -1] * (1.0 + growth[product_at])
    history = _rows(catalogue, product_at, site_at, mondays, pull, sold, short)
    return Demand(product_at, site_at, np.round(rate, 4), in_city, history)


def _uplift(rng: np.random.Generator, catalogue: Catalogue) -> Floats:
    """Return the extra demand of a whole pull of 1: category's uplift, more for heroes."""
    base = np.array([category.uplift for category in CATEGORIES])[catalogue.category_at]
    own = base * between(rng, 0.6, 1.4, len(base))
    uplift: Floats = np.round(own * np.where(catalogue.hero, HERO, 1.0), 4)
    return uplift


def _stockouts(
    rng: np.random.Generator, sold: Floats, mean: Floats, pull: Floats
) -> tuple[Floats, np.ndarray]:
    """Cut sales where stock ran out: seldom in normal weeks, often at the height of a festival."""
    chance = np.where(pull > 0.7, 0.10, 0.008)[None, :] * np.ones_like(mean)
    short = (rng.random(mean.shape) < chance) & (mean > 1.0)
    kept = np.floor(sold * np.round(0.7 * rng.random(mean.shape), 4))
    short &= kept < sold
    return np.where(short, kept, sold), short


def _rows(
    catalogue: Catalogue,
    product_at: Ints,
    site_at: Ints,
    mondays: list[dt.date],
    pull: Floats,
    sold: Floats,
    short: np.ndarray,
) -> pd.DataFrame:
    facts = catalogue.products
    date = np.array(mondays, dtype="datetime64[D]")
    discount = np.round(np.clip(pull, 0.0, 1.0) * 0.25, 2)
    price = facts["unit_price"].to_numpy()[product_at]
    codes = np.array([site.code for site in WAREHOUSES])
    weeks = len(mondays)
    frame = pd.DataFrame(
        {
            "date": np.tile(date, len(product_at)).astype("datetime64[ms]"),
            "product_id": np.repeat(facts["product_id"].to_numpy()[product_at], weeks),
            "location_id": np.repeat(codes[site_at], weeks),
            "qty": sold.ravel(),
            "price": np.round(price[:, None] * (1.0 - discount[None, :]), 2).ravel(),
            "stockout": short.ravel(),
        }
    )
    begin = facts["introduced_on"].to_numpy().astype("datetime64[D]")[product_at]
    end = facts["discontinued_on"].to_numpy().astype("datetime64[D]")[product_at]
    alive = (date[None, :] >= begin[:, None]) & ~(date[None, :] >= end[:, None])
    return frame[alive.ravel()].reset_index(drop=True)


def channels() -> pd.DataFrame:
    """Return where orders come from; live commerce keeps stock of its own."""
    return pd.DataFrame(
        [
            ("ZY", "自营商城", np.nan, np.nan, 1.0),
            ("TM", "天猫旗舰店", np.nan, np.nan, 7.0),
            ("DY", "抖音直播", 15.0, 24.0, 10.0),
        ],
        columns=[
            "channel_id",
            "name",
            "stock_share_pct",
            "release_hours_before",
            "settlement_days",
        ],
    )


def demand_cases() -> pd.DataFrame:
    """Return the futures that the festival may bring."""
    return pd.DataFrame(
        [("如期", 0.6), ("爆单", 0.25), ("遇冷", 0.15)], columns=["demand_case", "probability"]
    )


def promotions(seed: int, catalogue: Catalogue) -> pd.DataFrame:
    """Return past and planned promotions: by category at festivals, by product in live shows."""
    rng = stream(seed, "promotions")
    rows = []
    for festival in FESTIVALS:
        planned = festival.start >= START
        for category in CATEGORIES:
            discount = float(rng.integers(10, 31))
            expected = round(100.0 * category.uplift * festival.strength * 0.8)
            rows.append(
                {
                    "promotion_id": f"{festival.code}-{category.code}",
                    "kind": "满减" if category.code in ("FD", "TE", "HC") else "折扣",
                    "category": category.name,
                    "start": festival.start,
                    "end": festival.end,
                    "discount_pct": discount,
                    "uplift_pct": float(expected) if planned or discount >= 25 else np.nan,
                }
            )
    facts = catalogue.products
    heroes = facts["product_id"].to_numpy()[catalogue.hero]
    for number, product in enumerate(heroes):
        rows.append(
            {
                "promotion_id": f"DY-2026-{number + 1:02d}",
                "kind": "直播预售",
                "product_id": product,
                "channel_id": "DY",
                "start": dt.date(2026, 10, 20),
                "end": dt.date(2026, 10, 31),
                "discount_pct": float(rng.integers(15, 36)),
                "uplift_pct": float(rng.integers(8, 21) * 10),
                "qty_limit": float(rng.integers(5, 31) * 100),
            }
        )
    frame = pd.DataFrame(rows)
    for column in ("start", "end"):
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[ms]")
    return frame


def events() -> pd.DataFrame:
    """Return festivals and holidays."""
    rows = [(name, first, last) for name, first, last, _ in HOLIDAYS]
    rows += [(festival.name, festival.start, festival.end) for festival in FESTIVALS]
    frame = pd.DataFrame(sorted(rows, key=lambda row: row[1]), columns=["event_id", "start", "end"])
    for column in ("start", "end"):
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[ms]")
    return frame
