"""Stock kept for other channels that a line could ship from, were it released earlier."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.allocation.sourcing.ledger import UNITS, Ledger
from optimizer.allocation.sourcing.tariff import Floats


@dataclass(frozen=True, slots=True)
class Kept:
    """What would do at one site.

    Attributes
    ----------
    site : position of the site
    days : days from the start until it is for all; inf: never
    channels : whose it is, those released first in front
    goods : units and product, of each product that is short otherwise
    """

    site: int
    days: float
    channels: tuple[str, ...]
    goods: tuple[tuple[float, str], ...]


class KeptStock:
    """What orders left of the stock that is kept for channels.

    Parameters
    ----------
    ledger : after all orders are placed
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        limits = ledger.problem.resources
        self._columns: dict[int, list[int]] = {}
        fenced = np.flatnonzero(limits.channel_id != "")
        for column in sorted(
            fenced.tolist(), key=lambda at: (limits.released[at], limits.channel_id[at])
        ):
            self._columns.setdefault(int(limits.shared[column]), []).append(column)

    def best(
        self, takes: Sequence[tuple[int, float]], sites: Iterable[int], least: Floats
    ) -> Kept | None:
        """Return where a piece could ship soonest, of those the cheapest; None: nowhere.

        Parameters
        ----------
        takes : stock column and units of everything that it takes
        sites : that could ship it in time
        least : (n_sites,) money of its parcel
        """
        shared = self.ledger.problem.resources.shared
        if not any(int(shared[column]) in self._columns for column, _ in takes):
            return None
        found = [kept for site in sites if (kept := self._at(site, takes)) is not None]
        return min(found, key=lambda kept: (kept.days, least[kept.site], kept.site), default=None)

    def _at(self, site: int, takes: Sequence[tuple[int, float]]) -> Kept | None:
        """Return what would do at a site, of the channels released first; None: not enough."""
        limits, stock = self.ledger.problem.resources, self.ledger.stock[site]
        days, channels, goods = 0.0, dict[str, None](), []
        for column, qty in takes:
            shared = int(limits.shared[column])
            short = qty - float(stock[shared]) - (float(stock[column]) if column != shared else 0.0)
            if short <= UNITS:
                continue
            goods.append((short, str(limits.product_id[column])))
            for other in self._columns.get(shared, []):
                if other == column or short <= UNITS or stock[other] <= UNITS:
                    continue
                short -= float(stock[other])
                alone = limits.owner[site] != ""
                days = np.inf if alone else max(days, float(limits.released[other]))
                channels[str(limits.channel_id[other])] = None
            if short > UNITS:
                return None
        return Kept(site, days, tuple(channels), tuple(goods)) if channels else None
