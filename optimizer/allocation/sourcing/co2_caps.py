"""Hard limits on what parcels emit, as arrays, and what a plan takes of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from optimizer.allocation.sourcing.assign import LEFT
from optimizer.allocation.sourcing.desk_co2 import unstated
from optimizer.allocation.sourcing.ledger import Ledger
from optimizer.allocation.sourcing.placement import Parcels, Placement, parcels_of
from optimizer.allocation.sourcing.problem import SourcingProblem
from optimizer.allocation.sourcing.tariff import Bools, Floats
from scenarios import Scenario
from scenarios.semantics.co2_limits import co2_limits

STAGE = "sourcing"
GRAM = 1e-6  # relative; sums of grams that should be equal


@dataclass(frozen=True, slots=True)
class Cap:
    """A hard limit on grams.

    Attributes
    ----------
    bucket : first day of what it counts; NaT: all days
    counts : (n_sites, n_orders) bool, a parcel of the order from the site counts
    """

    limit_id: str
    grams: float
    bucket: pd.Timestamp
    counts: Bools

    def used(self, problem: SourcingProblem, parcels: Parcels) -> float:
        """Return the grams that count."""
        grams = problem.tariff.known_grams(parcels.row)
        return float((grams * self.counts[parcels.site, parcels.order]).sum())

    def broken(self, used: float) -> bool:
        """Say whether so many grams are too many."""
        return used > self.grams * (1.0 + GRAM) + GRAM


@dataclass(frozen=True, slots=True)
class Use:
    """What a plan takes of a limit, and what one gram more of it would save.

    Attributes
    ----------
    price : money per gram at which the bound was found; 0: the limit does not decide
    """

    cap: Cap
    used: float
    price: float

    @property
    def left(self) -> float:
        """Grams that are left."""
        return max(0.0, self.cap.grams * (1.0 + GRAM) + GRAM - self.used)


def read_caps(
    scenario: Scenario, problem: SourcingProblem
) -> tuple[tuple[Cap, ...], tuple[str, ...]]:
    """Return the hard limits on CO2e that parcels keep, and notes on others and on what is missing.

    Scope `all` and `stage:sourcing` count all parcels, `site:ID` those that leave it; with a bucket
    those that are ready in it.
    """
    limits, notes = co2_limits(scenario, STAGE)
    ready = pd.Series(problem.days[problem.orders.day])
    caps = []
    for limit in limits:
        of_site = np.ones(problem.n_sites, bool)
        if limit.kind == "site":
            of_site = problem.site_ids == limit.name
        today = limit.on(ready).to_numpy(bool)
        bucket = pd.NaT if limit.first is None else limit.first
        caps.append(Cap(limit.limit_id, limit.grams, bucket, of_site[:, None] & today))
    rates = scenario.table("carrier_rates")
    rates = rates[
        rates["origin"].isin(set(problem.site_ids)) & rates["destination"].isin(problem.zone_ids)
    ]
    notes = (*notes, *unstated(rates, [cap.limit_id for cap in caps]))
    return tuple(caps), notes


def tolled(problem: SourcingProblem, caps: tuple[Cap, ...], prices: Floats) -> SourcingProblem:
    """Return the problem in which parcels pay a price per gram of each limit that counts them.

    What must ship costs, left out, more than any toll.
    """
    toll = np.zeros((problem.n_sites, problem.n_orders))
    for cap, price in zip(caps, prices.tolist(), strict=True):
        toll += price * cap.counts
    pieces = problem.pieces
    must = pieces.penalty > pieces.loss
    if must.any():
        most = float(problem.tariff.known_grams(np.arange(len(problem.tariff.g_co2e))).max())
        beyond = float(must.sum()) * most * float(toll.max())
        pieces = replace(pieces, penalty=np.where(must, pieces.penalty + beyond, pieces.penalty))
    return replace(problem, toll=toll, pieces=pieces)


def pinned(problem: SourcingProblem, placement: Placement) -> Placement:
    """Return the placement with the rate of every parcel written down, as it is chosen now."""
    parcels = parcels_of(problem, placement)
    row = np.full(problem.n_pieces, -1, np.int64)
    row[parcels.head] = parcels.row
    return replace(placement.copy(), row=row)


def leave_out(ledger: Ledger, caps: tuple[Cap, ...]) -> None:
    """Leave parcels until every limit holds: those first that save most grams for the money."""
    problem, placement = ledger.problem, ledger.placement
    pieces = problem.pieces
    for cap in caps:
        parcels = parcels_of(problem, placement)
        grams = problem.tariff.known_grams(parcels.row) * cap.counts[parcels.site, parcels.order]
        used = float(grams.sum())
        own = parcels.money + parcels.late + parcels.co2 + parcels.risk
        placed = np.flatnonzero(parcels.of_piece >= 0)
        dear = np.bincount(
            parcels.of_piece[placed], pieces.penalty[placed], minlength=len(grams)
        )  # fmt: skip
        counted = np.flatnonzero(grams > 0.0)
        ratio = (dear - own - parcels.handling - parcels.goods)[counted] / grams[counted]
        for number in counted[np.argsort(ratio, kind="stable")].tolist():
            if not cap.broken(used):
                break
            order = int(parcels.order[number])
            site, label, group = ledger.held(order)
            first = int(problem.orders.first_piece[order])
            mine = np.flatnonzero(parcels.of_piece[first : first + len(site)] == number).tolist()
            for rank in mine:
                site[rank], label[rank], group[rank] = LEFT, rank, 0
            if ledger.move(order, site, label, group):
                used -= float(grams[number])
