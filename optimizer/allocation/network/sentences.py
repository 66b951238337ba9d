"""A design in words: what changes, which period decides, which is short."""

from __future__ import annotations

import numpy as np

from optimizer.allocation.network.costs import Costs
from optimizer.allocation.network.layout import Network
from optimizer.allocation.network.shortage import Shortage


def changes(network: Network, today: Costs, redesign: Costs, measure: str) -> list[str]:
    """Return what changes, in words."""
    names = np.array(network.sites.site_id)
    opened = names[redesign.is_open & ~network.sites.is_today]
    closed = names[~redesign.is_open & network.sites.is_today]
    told = []
    if len(network.cases) > 1:
        told.append(f"Planned for {len(network.cases)} futures by {measure} cost.")
    told.append(
        f"Today's network has {int(today.is_open.sum())} open sites, the redesign"
        f" {int(redesign.is_open.sum())}"
        + (f"; opened: {', '.join(opened)}" if len(opened) else "")
        + (f"; closed: {', '.join(closed)}" if len(closed) else "")
        + "."
    )
    return told


def seasons(network: Network, costs: Costs) -> list[str]:
    """Return how demand swings over the periods, and how much stock waits for later ones."""
    if not network.by_period:
        return []
    periods = network.periods
    units = np.bincount(
        network.wants["period"], network.weight @ network.demand, minlength=len(periods)
    )
    peak = int(np.argmax(units / periods.days))
    swing = units[peak] / periods.days[peak] / (units.sum() / periods.days.sum())
    rate = units[peak] / periods.days[peak]
    first = (
        f"Planned by period, {len(periods)} of them; the one from {periods.names[peak]} wants"
        " most a day:"
        f" {rate:,.6g} units, {swing:.3g} times the mean."
    )
    told = [first]
    waits = network.ways.waits
    waiting = network.weight @ costs.flow[:, waits]
    by_period = np.bincount(network.way_period[waits], waiting, minlength=len(periods))
    if by_period.any():
        most = int(np.argmax(by_period))
        told.append(
            f"Stock is built up ahead of demand: at most {by_period[most]:,.6g} units, at the end"
            f" of the period from {periods.names[most]}; holding it costs"
            f" {costs.mean(network.weight, 'stock'):,.2f}."
        )
    return told


def short_periods(network: Network, shortage: Shortage) -> list[str]:
    """Return which periods are short, and by how much at least."""
    if not network.by_period:
        return []
    days, names = network.periods.days, network.periods.names
    return [
        f"The period from {names[period]} ({days[period]} days) is short of {units:,.6g} units at"
        " least, whatever the other periods do."
        for period, units in sorted(shortage.least_by_period.items())
        if units > 0.0
    ]
