"""A hand-written SimPy model of a shop, and SupplyNetPy in an environment of its own."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import simpy

SCRIPT = Path(__file__).with_name("peer_supplynetpy.py")


class Shelf:
    """One product at one place: a process a shelf, and one a shipment, as a modeller writes it."""

    def __init__(
        self, env: simpy.Environment, level: int, demand: list[int], leads: list[int]
    ) -> None:
        self.env = env
        self.level = level
        self.demand, self.leads = demand, leads
        self.on_hand, self.on_order = level, 0
        self.sold = self.lost = self.held = 0
        env.process(self.days())

    def days(self) -> Generator[simpy.Event, Any, None]:
        """Sell and reorder once a day, after what comes in the morning."""
        timeout, process = self.env.timeout, self.env.process
        yield timeout(0.5)
        for day, asked in enumerate(self.demand):
            served = min(asked, self.on_hand)
            self.on_hand -= served
            self.sold += served
            self.lost += asked - served
            self.held += self.on_hand
            quantity = self.level - self.on_hand - self.on_order
            if quantity > 0:
                self.on_order += quantity
                process(self.shipment(quantity, self.leads[day] - 0.5))
            yield timeout(1)

    def shipment(self, quantity: int, lead: float) -> Generator[simpy.Event, Any, None]:
        """Bring goods after their lead time."""
        yield self.env.timeout(lead)
        self.on_hand += quantity
        self.on_order -= quantity


def simulate_by_hand(rates: Any, levels: Any, lead_row: Any, n_days: int, seed: int) -> float:
    """Return CPU seconds of a run; random numbers are drawn beforehand, in NumPy, and counted."""
    began = time.process_time()
    g = np.random.default_rng(seed)
    env = simpy.Environment()
    demand = g.poisson(np.asarray(rates)[:, None], (len(rates), n_days)).tolist()
    leads = np.maximum(g.choice(lead_row, (len(rates), n_days)), 1).tolist()
    shelves = [Shelf(env, int(s), d, w) for s, d, w in zip(levels, demand, leads, strict=True)]
    env.run(until=n_days)
    assert sum(shelf.sold for shelf in shelves) > 0
    return time.process_time() - began


def run_supplynetpy(python: str, n_products: int, n_days: int) -> dict[str, Any]:
    """Return version, CPU seconds and product-location-days of the peer.

    Raises
    ------
    RuntimeError
        The peer failed; what it said.
    """
    told = subprocess.run(
        [python, str(SCRIPT), str(n_products), str(n_days)], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if told.returncode:
        raise RuntimeError(f"SupplyNetPy failed: {told.stderr.strip()[-400:]}")
    found: dict[str, Any] = json.loads(told.stdout.strip().splitlines()[-1])
    return found
