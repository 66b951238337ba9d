"""Compiles the loops of every stage before anybody waits for them; numba keeps the result."""

from __future__ import annotations

import importlib.util

from optimizer.pipeline import plan
from scenarios.library.double_eleven import double_eleven

STAGES = ("forecasting", "positioning", "replenishment", "sourcing", "waves", "routing")
WORK = 6.0  # enough to reach every compiled loop


def prepare() -> None:
    """Plan a built-in scenario for a moment; nothing to do where numba is not installed."""
    if importlib.util.find_spec("numba") is None:
        return
    from optimizer.routing.relaxation.prepare import prepare as prepare_bound
    from optimizer.routing.ruin.prepare import prepare as prepare_routing

    prepare_routing()
    prepare_bound()
    plan(double_eleven(), STAGES, work=WORK)
