"""What ticks add to a queue: the exact figures of its twin in discrete time.

In a tick each of up to `servers` customers in service is done with chance 1 / ticks, and then a
Poisson number of customers comes. The figures are those that the closed forms read off a run.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from simulation.arrays import Floats

MOST = 400  # customers in a system that turns nobody away


def after_arrivals(rate: float, servers: int, ticks: int, room: int) -> Floats:
    """(room + 1,) long-run share of tick ends with 0, 1, .. customers in the system.

    Parameters
    ----------
    rate : customers per mean service time; ticks : ticks of the same
    room : most customers there can be; more are turned away
    """
    n = np.arange(room + 1)
    done = stats.binom.pmf(n[:, None] - n[None, :], np.minimum(n, servers)[:, None], 1.0 / ticks)
    come = stats.poisson.pmf(n[None, :] - n[:, None], rate / ticks)
    come[:, -1] += 1.0 - come.sum(axis=1)
    balance = (done @ come).T - np.eye(room + 1)
    balance[-1] = 1.0
    shares: Floats = np.linalg.solve(balance, np.eye(room + 1)[-1])
    return shares


def lost_share(load: float, servers: int, ticks: int) -> float:
    """Return the share of customers turned away where all servers are taken."""
    shares = after_arrivals(load, servers, ticks, servers)
    return 1.0 - float(shares @ np.arange(servers + 1)) / load


def waiting(rate: float, servers: int, ticks: int) -> tuple[float, float]:
    """Return the share of time in which all servers are at work, and the mean wait.

    Who waits has waited half a tick when the queue is counted.
    """
    shares = after_arrivals(rate, servers, ticks, MOST)
    n = np.arange(MOST + 1)
    busy = float(shares[servers:].sum())
    return busy, float(shares @ np.maximum(n - servers, 0)) / rate + busy / (2.0 * ticks)
