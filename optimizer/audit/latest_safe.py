"""The last day on which a line can be ordered before stock runs short, as the referee counts it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.audit.report import Rules

Floats = NDArray[np.float64]

TABLE = "purchase_orders"
ROUNDING = 1e-7  # relative, of units; a day may turn on it


def whole_days_covered(demand: Floats, stock: Floats, bucket_days: int) -> tuple[Floats, Floats]:
    """Return for how many whole days stock lasts against mean demand: at least, at most.

    The two differ where a rounding of the stock moves the day. Demand that does not come uses
    nothing; stock that lasts to the end lasts as long as the buckets.

    Parameters
    ----------
    demand : (n, n_buckets) units per bucket; stock : (n,) units, below 0: no day
    """
    slack = ROUNDING * np.maximum(1.0, np.abs(stock))
    found = []
    for left in (stock - slack, stock + slack):
        rest, days = np.maximum(left, 0.0), np.zeros(len(stock))
        lasts = left > 0.0
        for bucket in range(demand.shape[1]):
            asked = demand[:, bucket]
            whole = lasts & (rest >= asked)
            part = lasts & ~whole
            days += np.where(whole, float(bucket_days), 0.0)
            days[part] += bucket_days * rest[part] / asked[part]
            rest = np.where(whole, rest - asked, 0.0)
            lasts = whole
        found.append(days)
    return np.floor(found[0] - ROUNDING), np.floor(found[1] + ROUNDING)


def check_latest_safe(
    rules: Rules,
    lines: pd.DataFrame,
    begins: pd.Timestamp,
    days: tuple[Floats, Floats],
    lead_days: Floats,
) -> None:
    """Check `latest_safe_on` of lines: the day on which stock runs short less the lead time.

    Parameters
    ----------
    begins : day from which `days` count
    days : (n_lines,) whole days that stock lasts without the line, at least and at most
    lead_days : (n_lines,) whole days are taken, a part of one counts whole
    """
    names = lines["order_id"].astype(str) + "/" + lines["line"].astype(str)
    stated = (lines["latest_safe_on"] - begins).dt.days.to_numpy(np.float64)
    early = days[0] - np.ceil(lead_days + ROUNDING)
    late = days[1] - np.ceil(lead_days - ROUNDING)
    wrong = ~((stated >= early) & (stated <= late))
    rules.add(TABLE, "latest_safe_day_differs", wrong, names)
