"""What can be bought at which terms, read once for all nights on which the same terms hold."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.assemble import Tonight, assemble
from optimizer.replenishment.facts import Facts
from optimizer.replenishment.offers import PAIR, read_offers, with_lead_times
from optimizer.replenishment.rolling.order_days import OrderDays, order_days
from scenarios import Scenario

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

READ = (
    "products", "sites", "suppliers", "supplier_products", "price_breaks", "lanes", "limits",
    "calendars", "item_sources", "distances",
)  # fmt: skip
ENOUGH = 1e15  # units; a position at which nobody wishes for more


@dataclass(frozen=True, slots=True)
class Terms:
    """Offers that are valid on some nights, as arrays.

    Attributes
    ----------
    tonight : the problem with every option that may be ordered on any of these nights; its
        `high` leaves room for least order values and price breaks alone, positions are none
    days : order days, by row of the offers
    offer : (n_options,) row of the offers of each option
    primary : (n_pairs of facts,) row of the offers of each pair's primary option, -1 for none
    ends : (n_options,) days from start at which the product is discontinued; inf: never
    capacity : (n_options,) most units of one review
    """

    tonight: Tonight
    days: OrderDays
    offer: Ints
    primary: Ints
    ends: Floats
    capacity: Floats


def review_buckets(facts: Facts) -> Ints:
    """Return how many buckets lie between two reviews of each pair, at least 1."""
    days = facts.pairs["review_days"].to_numpy(np.float64)
    every: Ints = np.maximum(np.rint(days / facts.scenario.settings.bucket_days), 1.0).astype(
        np.int64
    )
    return every


def later_facts(facts: Facts) -> Facts:
    """Return the facts with reviews of whole buckets, and without what only tonight needs."""
    scenario = facts.scenario
    light = Scenario(
        scenario.settings, {name: scenario.tables[name] for name in READ if scenario.has(name)}
    )
    every = review_buckets(facts) * float(scenario.settings.bucket_days)
    pairs = facts.pairs.assign(
        review_days=every,
        echelon_position=ENOUGH,
        decision_mean=0.0,
        decision_sd=0.0,
    )
    return replace(facts, scenario=light, pairs=pairs)


def validity_changes(scenario: Scenario) -> list[int]:
    """Return the buckets, from 1 on, on whose first day other terms hold than a bucket before."""
    terms = scenario.table("supplier_products")
    settings = scenario.settings
    start = pd.Timestamp(settings.start_date)
    begins = (terms["valid_from"] - start).dt.days.dropna().to_numpy(np.float64)
    ends = (terms["valid_to"] - start).dt.days.dropna().to_numpy(np.float64) + 1.0
    days = np.concatenate([begins, ends])
    bucket = np.ceil(days / settings.bucket_days)
    inside = (bucket >= 1.0) & (bucket < settings.horizon_buckets)
    return sorted({int(at) for at in bucket[inside]})


def terms_from(facts: Facts, bucket: int) -> Terms:
    """Return the terms that hold on the first day of a bucket.

    Parameters
    ----------
    facts : of `later_facts`
    """
    scenario, offers = facts.scenario, facts.offers
    if bucket:
        offers = _offers_on(facts, bucket)
    start = pd.Timestamp(scenario.settings.start_date)
    offers = offers.reset_index(drop=True)
    # order days and due dates are those of each night: here every option is open
    opened = offers.assign(order_on=start, due_on=start, offer=np.arange(len(offers)))
    tonight = assemble(replace(facts, offers=opened), caps_of_tonight=False)
    options = tonight.options
    first = offers[offers["primary"]]
    primary = np.full(len(facts.pairs), -1, np.int64)
    primary[first["pair"].to_numpy(np.int64)] = first.index.to_numpy()
    ends = (options["discontinued_on"] - start).dt.days.to_numpy(np.float64)
    multiple = tonight.problem.options.multiple
    most = options["capacity_per_week"] * options["review_days"] / 7.0
    capacity = np.floor(most.fillna(np.inf).to_numpy(np.float64) / multiple + 1e-9) * multiple
    return Terms(
        tonight,
        order_days(scenario, offers),
        options["offer"].to_numpy(np.int64),
        primary,
        np.where(np.isnan(ends), np.inf, ends),
        capacity,
    )


def _offers_on(facts: Facts, bucket: int) -> pd.DataFrame:
    """Return the offers of the pairs that stand in the objective, valid on a later day."""
    settings = facts.scenario.settings
    day = pd.Timestamp(settings.start_date) + pd.Timedelta(days=bucket * settings.bucket_days)
    then = Scenario(
        settings.model_copy(update={"start_date": day.date()}), dict(facts.scenario.tables)
    )
    pairs = facts.pairs[facts.counted]
    offers = with_lead_times(then, read_offers(then, pairs, settings.start_date))
    index = pd.MultiIndex.from_frame(facts.pairs[PAIR])
    return offers.assign(pair=index.get_indexer(pd.MultiIndex.from_frame(offers[PAIR])))
