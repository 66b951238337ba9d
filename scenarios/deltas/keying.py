"""Rows by their key, across frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Ids = NDArray[np.int64]


def row_ids(key: Sequence[str], *frames: pd.DataFrame) -> list[Ids]:
    """Return a number per row, the same in all frames where all key cells agree; blanks agree.

    Returns
    -------
    ids : per frame (n_rows,) int64
    """
    sizes = [len(frame) for frame in frames]
    whole: Ids = np.zeros(sum(sizes), np.int64)
    for name in key:
        cells = pd.concat([frame[name] for frame in frames], ignore_index=True)
        codes, labels = pd.factorize(cells)
        whole, _ = pd.factorize(whole * (len(labels) + 1) + (codes + 1))
    return list(np.split(whole.astype(np.int64), np.cumsum(sizes)[:-1]))
