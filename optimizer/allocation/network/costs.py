"""What a design costs, term by term, in each future and by the measure that was asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.allocation.network.model import Model, holding_cost, opened
from optimizer.allocation.network.problem import Flags, Floats

WHOLE_UNITS = 1e-7  # units below this are rounding


@dataclass(frozen=True, slots=True)
class Costs:
    """A design taken apart.

    Attributes
    ----------
    is_open : (s,)
    flow, left : (n_cases, n_ways) and (n_cases, n_wants) units; flow holds what waits, too
    first : money by term, the same in every future
    later : money by term in each future, (n_cases,)
    terms : money by term, adding up to the objective; of a regret, with what is subtracted
    decisive : number of the future that decides; -1 where all do by probability
    """

    is_open: Flags
    flow: Floats
    left: Floats
    first: dict[str, float]
    later: dict[str, Floats]
    terms: dict[str, float]
    decisive: int

    @property
    def objective(self) -> float:
        """Sum of the terms."""
        return float(sum(self.terms.values()))

    def mean(self, weight: Floats, term: str) -> float:
        """Return a term, averaged over the futures."""
        if term in self.first:
            return self.first[term]
        return float(weight @ self.later[term])


def take_apart(model: Model, x: Floats) -> Costs:
    """Return what a solution costs; rounding dust is swept out of its flows."""
    network, sites, ways = model.network, model.network.sites, model.network.ways
    is_open = opened(model, x)
    flow = np.where(x[model.x] > WHOLE_UNITS, x[model.x], 0.0)
    left = np.where(x[model.u] > WHOLE_UNITS, x[model.u], 0.0)
    penalty = network.wants["penalty"].to_numpy(np.float64)
    shut = sites.is_today & ~is_open
    points = int((is_open & sites.stocks).sum())
    first = {
        "fixed": float(sites.fixed[is_open].sum()),
        "opening": float(sites.opening[is_open & ~sites.is_today].sum()),
        "closing": float(sites.closing[shut].sum()),
        "holding": holding_cost(network, points) if network.stock_cost > 0.0 else 0.0,
    }
    later = {
        "transport": flow @ ways.transport,
        "purchase": flow @ ways.purchase,
        "handling": flow @ ways.handling,
        "co2": network.co2_price * (flow @ ways.grams),
    }
    if network.by_period:
        later["stock"] = flow @ ways.stock
    later["unserved"] = left @ penalty
    total = sum(later.values()) + sum(first.values())
    decisive = -1
    if model.measure == "worst":
        decisive = int(np.argmax(total))
    elif model.measure == "regret":
        decisive = int(np.argmax(total - model.best_of_case))
    terms = dict(first)
    for name, values in later.items():
        terms[name] = float(values[decisive] if decisive >= 0 else network.weight @ values)
    if model.measure == "regret":
        terms["best_of_case"] = -float(model.best_of_case[decisive])
    return Costs(is_open, flow, left, first, later, terms, decisive)
