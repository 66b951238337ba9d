"""Compiles the loops of every stage and of the simulator before anybody waits for them.

    python -m api.prepare

Called once by `make setup`; numba keeps the result. Without it the first plan and the first
stress test compile, and their time limits pay for it.
"""

from __future__ import annotations

import importlib.util

from optimizer.pipeline import plan
from optimizer.prepare import prepare as prepare_stages
from scenarios.library import demo_scenario
from simulation.stress import stress

WORK = 1.0  # the plan is only there to be simulated
REPLICATIONS = 2  # enough to call every loop


def prepare() -> None:
    """Plan and stress built-in scenarios for a moment; nothing to do where numba is missing."""
    if importlib.util.find_spec("numba") is None:
        return
    prepare_stages()
    shop = demo_scenario("corner-shop")
    stress(shop, plan(shop, ["replenishment"], work=WORK), replications=REPLICATIONS)


if __name__ == "__main__":
    prepare()
