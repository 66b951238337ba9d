"""Facility location files: OR-Library, Holmberg, Yang and TBED1 instances, solutions as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from optimizer.allocation.network.problem import FacilityProblem, FacilitySolution
from optimizer.outcome import Outcome

FORMATS = ("orlib", "holmberg", "yang", "tbed")


class UnreadableInstanceError(ValueError):
    """A file that is no instance of the format that was named."""


def read_instance(path: Path, form: str, *, single_source: bool) -> FacilityProblem:
    """Read an instance; stray NUL bytes are blanks.

    orlib, holmberg, yang: m n, m x (capacity, fixed cost), n demands, m x n costs of the whole
    demand. tbed: n m, n demands, m capacities, m fixed costs, m x n costs of one unit.

    Raises
    ------
    UnreadableInstanceError
        The file does not hold as many numbers as its sizes ask for.
    """
    try:
        text = path.read_bytes().replace(b"\x00", b" ").decode("latin-1")
        numbers = np.array(text.split(), dtype=np.float64)
        first, second = int(numbers[0]), int(numbers[1])
    except (OSError, ValueError, IndexError) as error:
        raise UnreadableInstanceError(f"{path.name} is no {form} file: {error}") from error
    m, n = (second, first) if form == "tbed" else (first, second)
    body = numbers[2:]
    if m < 1 or n < 1 or len(body) != 2 * m + n + m * n:
        raise UnreadableInstanceError(
            f"{path.name}: {m} sites and {n} customers take {2 * m + n + m * n} numbers more,"
            f" the file has {len(body)}"
        )
    if form == "tbed":
        demand, capacity, fixed_cost, rest = np.split(body, np.cumsum([n, m, m]))
        cost = rest.reshape(m, n) * demand
    else:
        pairs, demand, rest = np.split(body, np.cumsum([2 * m, n]))
        capacity, fixed_cost, cost = pairs[0::2], pairs[1::2], rest.reshape(m, n)
    return FacilityProblem.of(fixed_cost, capacity, demand, cost, single_source=single_source)


def write_solution(path: Path, outcome: Outcome[FacilitySolution], seconds: float) -> None:
    """Write what was found, sites and customers counted from 0."""
    opened: list[int] = []
    assigned: list[list[float]] = []
    if outcome.solution is not None:
        share = outcome.solution.share
        opened = np.flatnonzero(outcome.solution.is_open).tolist()
        site, customer = np.nonzero(share)
        assigned = [
            [int(i), int(j), float(share[i, j])] for i, j in zip(site, customer, strict=True)
        ]
    document = {
        "open": opened,
        "assign": assigned,
        "objective": outcome.objective,
        "bound": outcome.bound,
        "status": str(outcome.status),
        "termination": str(outcome.termination),
        "seconds": seconds,
        "work": outcome.work,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document) + "\n", encoding="utf-8")
