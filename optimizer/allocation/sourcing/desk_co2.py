"""Hard limits on CO2e at the desk: what the batch and promises have used, what is left."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.allocation.sourcing.tariff import Bools, Floats, Ints
from scenarios import Scenario
from scenarios.semantics.co2_limits import Co2Limit, co2_limits

STAGE = "sourcing"
GRAM = 1e-6  # relative; sums of grams that should be equal


@dataclass(slots=True)
class DeskCap:
    """A limit as the desk keeps it; promises change `used`.

    Attributes
    ----------
    counts : (n_sites,) whether parcels of a site count
    price : money per gram at the last batch's bound
    used : grams of the batch and of what was promised since
    """

    limit: Co2Limit
    counts: Bools
    price: float
    used: float = 0.0

    @property
    def left(self) -> float:
        """Grams that are left."""
        return max(0.0, self.limit.grams * (1.0 + GRAM) + GRAM - self.used)

    def counts_on(self, day: dt.date) -> bool:
        """Say whether parcels that are ready on a day count."""
        first, behind = self.limit.first, self.limit.behind
        return first is None or behind is None or first <= pd.Timestamp(day) < behind

    def counts_from(self, site_id: str) -> bool:
        """Say whether parcels of a site, or of a supplier that sends itself, count."""
        return self.limit.kind == "all" or self.limit.name == site_id


@dataclass(frozen=True, slots=True)
class CapState:
    """A limit as an order finds or leaves it, for who asked.

    Attributes
    ----------
    scope : whose parcels count: "all", or "site:ID"
    bucket : first day of what it counts; None: all days
    grams, used : g CO2e
    """

    limit_id: str
    scope: str
    bucket: dt.date | None
    grams: float
    used: float


class DeskCaps:
    """The hard limits on what parcels emit, by id.

    Parameters
    ----------
    site_ids : of the desk
    prices : `marginal_prices` of the last batch
    """

    def __init__(self, scenario: Scenario, site_ids: pd.Index, prices: pd.DataFrame | None) -> None:
        limits, notes = co2_limits(scenario, STAGE)
        rates = scenario.table("carrier_rates")
        names = [limit.limit_id for limit in limits]
        self.notes = (*notes, *unstated(rates[rates["origin"].isin(set(site_ids))], names))
        of_gram: Mapping[str, float] = {}
        if prices is not None and len(prices):
            rows = prices[(prices["stage"] == STAGE) & (prices["kind"] == "co2")]
            of_gram = rows.groupby(rows["entity"].astype(str))["price"].max().to_dict()
        everywhere = np.ones(len(site_ids), bool)
        self.caps = [
            DeskCap(
                limit,
                everywhere if limit.kind == "all" else np.asarray(site_ids == limit.name),
                float(of_gram.get(limit.limit_id, 0.0)),
            )
            for limit in limits
        ]

    def on(self, day: dt.date) -> list[DeskCap]:
        """Return the limits that count parcels that are ready on a day."""
        return [cap for cap in self.caps if cap.counts_on(day)]

    def add(self, site_id: str, day: dt.date, grams: float) -> None:
        """Count a parcel."""
        for cap in self.on(day):
            if cap.counts_from(site_id):
                cap.used += grams

    def states(self, day: dt.date, more: Sequence[tuple[str, float]] = ()) -> tuple[CapState, ...]:
        """Return the limits that count on a day, with further parcels (site_id, grams)."""
        return tuple(
            CapState(
                cap.limit.limit_id,
                "all" if cap.limit.kind == "all" else f"site:{cap.limit.name}",
                None if cap.limit.first is None else cap.limit.first.date(),
                cap.limit.grams,
                cap.used + sum(grams for site_id, grams in more if cap.counts_from(site_id)),
            )
            for cap in self.on(day)
        )


def unstated(rates: pd.DataFrame, limit_ids: Sequence[str]) -> tuple[str, ...]:
    """Say how many rates state no emission, where limits count them.

    Parameters
    ----------
    rates : rows of `carrier_rates` as stated, blanks not filled
    """
    blank = int(rates["g_co2e_per_parcel"].isna().sum())
    if not limit_ids or not blank:
        return ()
    told = (
        f"{blank} of {len(rates)} carrier rates state no g_co2e_per_parcel:"
        f" what their parcels emit is not known, and limits on CO2e ({', '.join(limit_ids)}) do not"
        " count it."
    )
    return (told,)


def held_by(caps: Sequence[DeskCap], site: Ints, grams: Floats) -> Bools:
    """Say of single parcels whether they break a limit, (n,)."""
    over = np.zeros(len(site), bool)
    for cap in caps:
        over |= cap.counts[site] & (grams > cap.left)
    return over


def tolls(caps: Sequence[DeskCap], site: Ints, grams: Floats) -> Floats:
    """Return what the grams of parcels are worth to other orders, money (n,)."""
    toll = np.zeros(len(site))
    for cap in caps:
        toll += np.where(cap.counts[site], cap.price * grams, 0.0)
    return toll


def broken_by(caps: Sequence[DeskCap], parcels: Sequence[tuple[int, float]]) -> DeskCap | None:
    """Return a limit that parcels (site, grams) break together; None where they keep all."""
    for cap in caps:
        if sum(grams for site, grams in parcels if cap.counts[site]) > cap.left:
            return cap
    return None
