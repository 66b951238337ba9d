"""What every day cost, emitted, and moved in cash, over the whole network."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simulation.arrays import Floats
from simulation.kernels import rows as at
from simulation.state import State
from simulation.world import World

DAILY: Mapping[str, str] = {
    "purchase": "goods bought, on the day they leave the supplier",
    "transport": "freight",
    "ordering": "fixed costs of orders",
    "handling": "handling of units that leave sites",
    "holding": "cost of holding the stock of the evening",
    "shortage": "units short x their shortage cost",
    "destroyed": "goods burnt, outdated or recalled, at cost",
    "recovered": "money got for what customers sent back",
    "co2_kg": "kg CO2e of transport to sites and of the sites that state what they emit; delivery"
    " to customers is not simulated",
    "cash_out": "goods when they are due (departure + mean lead time + payment_days), and freight,"
    " orders and handling at once",
    "cash_in": "goods issued at their price, when the channels settle, less refunds for returns;"
    " 0 unless prices are asked for",
}


def daily_books(world: World, state: State) -> Floats:
    """Return (len(DAILY), T, R) float64, money (CO2 in kg) in the order of :data:`DAILY`."""
    days = {
        "purchase": state.purchase,
        "transport": state.transport,
        "ordering": state.ordering,
        "destroyed": state.destroyed,
        "recovered": state.recovered,
    }
    for name in ("handling", "holding", "shortage"):
        days[name] = np.zeros_like(state.purchase)
    grams = state.grams_co2
    for i, (site, held) in enumerate(zip(world.sites, state.sites, strict=True)):
        book, scales = held.ledger, world.money_scales[i]
        leaving = book[:, at.ISSUED] + book[:, at.SHIPPED]
        days["handling"] = days["handling"] + leaving * site.handling
        if site.grams_co2 or site.grams_co2_per_tick:
            grams = grams + (leaving * site.grams_co2 + site.grams_co2_per_tick)
        days["holding"] = days["holding"] + book[:, at.HOLDING] / scales[at.BY_HOLDING]
        days["shortage"] = days["shortage"] + book[:, at.SHORTAGE] / scales[at.BY_SHORTAGE]
    days["co2_kg"] = grams / 1000.0
    at_once = days["transport"] + days["ordering"] + days["handling"]
    days["cash_out"] = state.paid[: world.n_ticks] + at_once
    days["cash_in"] = state.earned[: world.n_ticks]
    return np.stack([days[name] for name in DAILY])
