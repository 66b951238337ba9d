"""Reads lot-sizing instances of Trigeiro, Thomas and McClain (1989)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from optimizer.replenishment.buyer.setup_times import SetupProblem

BLOCK_ITEMS = 15  # columns of demand before a file starts a new block of rows
ITEM_COLUMNS = 4  # unit time, holding cost, set-up time, set-up cost


class UnreadableInstanceError(ValueError):
    """A file is not a Trigeiro instance."""


def read_instance(path: Path) -> SetupProblem:
    """Read a .DAT file.

    Items and periods; a number without use; capacity; per item unit time, holding cost, set-up
    time and set-up cost; then demand, a row per period and a column per item, in blocks of 15
    items. Lines with words are a legend; what stands right of the last item is ignored.

    Raises
    ------
    UnreadableInstanceError
        The numbers do not make such an instance.
    """
    lines = path.read_text(encoding="latin-1").splitlines()
    rows = [row for row in (_numbers(line) for line in lines) if row]
    try:
        n_items, n_periods = int(rows[0][0]), int(rows[0][1])
        capacity = rows[2][0]
        items = np.array(rows[3 : 3 + n_items], dtype=np.float64)
        at = 3 + n_items
        blocks = []
        for first in range(0, n_items, BLOCK_ITEMS):
            width = min(BLOCK_ITEMS, n_items - first)
            part = [row[:width] for row in rows[at : at + n_periods]]
            blocks.append(np.array(part, dtype=np.float64).reshape(n_periods, width).T)
            at += n_periods
    except (IndexError, ValueError) as error:
        raise UnreadableInstanceError(f"{path.name} is no Trigeiro instance ({error})") from error
    if items.shape != (n_items, ITEM_COLUMNS) or at != len(rows):
        raise UnreadableInstanceError(f"{path.name} does not hold what its first line announces")
    unit_time, holding, setup_time, setup_cost = items.T
    return SetupProblem(
        np.full(n_periods, capacity),
        unit_time,
        setup_time,
        holding,
        setup_cost,
        np.concatenate(blocks),
    )


def _numbers(line: str) -> list[float]:
    """Return the numbers of a line; none where it holds words."""
    try:
        return [float(part) for part in line.split()]
    except ValueError:
        return []
