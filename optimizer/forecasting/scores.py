"""The back-test as a table: every method, and the choice, on buckets that neither had seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.forecasting.backtest import choose, of_choice
from optimizer.forecasting.panel import Floats
from optimizer.forecasting.quantiles import (
    LEVELS,
    Known,
    coverage,
    learn_spread,
    pinball,
    quantiles,
)
from optimizer.forecasting.solve import Learned, Problem
from optimizer.forecasting.spans import held_back
from optimizer.stage import Kpi

CHOSEN = "chosen"
SCORED_SPANS = (1, 2, 3, 4, 8)
ALL = "all"


@dataclass(frozen=True, slots=True)
class HeldBack:
    """What the choice that was made before the held-back buckets says of totals within them.

    Attributes
    ----------
    span : buckets added up; rows : origins of the back-test from which the total is held back
    came : (n_rows, n_series) float64, units; NaN where unknown or stock ran out
    said : same shape; levels : (n_levels, n_rows, n_series)
    """

    span: int
    rows: tuple[int, ...]
    came: Floats
    said: Floats
    levels: Floats


def hold_back(problem: Problem, learned: Learned) -> tuple[HeldBack, ...]:
    """Choose and calibrate on what ends before the held-back buckets, and forecast those."""
    test, segment = learned.test, problem.segment[learned.sample]
    end = problem.n_buckets - held_back(problem.n_buckets)
    said = of_choice(test, segment, choose(test, segment, end))
    ends = np.array([[origin + high for _, high in test.windows] for origin in test.origins])
    seen = test.came.only((ends <= end)[:, :, None])
    spread = learn_spread(said, seen, Known(test.variance, test.level), test.windows, segment)
    came = test.came.closed()
    found = []
    for span in SCORED_SPANS:
        if (0, span) not in test.windows:
            continue
        place = test.window_at(span)
        rows = tuple(
            row
            for row, origin in enumerate(test.origins)
            if origin >= end and origin + span <= problem.n_buckets
        )
        if not rows:
            continue
        at = list(rows)
        known = Known(test.variance[at], test.level[at])
        mean = said[at, place]
        levels = quantiles(spread, mean, known, segment, (0, span))
        found.append(HeldBack(span, rows, came[at, place], mean, levels))
    return tuple(found)


def backtest_table(problem: Problem, learned: Learned, held: tuple[HeldBack, ...]) -> pd.DataFrame:
    """Score every method and the choice by segment and span."""
    test, segment = learned.test, problem.segment[learned.sample]
    weeks = held_back(problem.n_buckets)
    rows = []
    for name in (ALL, *sorted({str(own) for own in segment})):
        own = np.ones(len(segment), bool) if name == ALL else segment == name
        for part in held:
            place = test.window_at(part.span)
            for number, method in enumerate(test.names):
                said = test.said[number][list(part.rows), place][:, own].astype(np.float64)
                rows.append(_score(name, method, part, own, said, None, weeks))
            mean, levels = part.said[:, own], part.levels[:, :, own]
            rows.append(_score(name, CHOSEN, part, own, mean, levels, weeks))
    return pd.DataFrame([row for row in rows if row is not None])


def _score(
    segment: str,
    method: str,
    part: HeldBack,
    own: NDArray[np.bool_],
    said: Floats,
    levels: Floats | None,
    weeks: int,
) -> dict[str, object] | None:
    came = part.came[:, own]
    known = ~np.isnan(said) & ~np.isnan(came)
    if not known.any() and (segment, method, part.span) != (ALL, CHOSEN, 1):
        return None
    error, total = (said - came)[known], float(came[known].sum())
    share = 1.0 / total if total > 0 else np.nan
    row: dict[str, object] = {
        "segment": segment,
        "method": method,
        "wape": float(np.abs(error).sum()) * share,
        "bias": float(error.sum()) * share,
        "pinball": np.nan,
        "coverage": np.nan,
        "weeks": float(weeks),
        "span_buckets": float(part.span),
    }
    if levels is not None and known.any():
        row["pinball"] = float(pinball(levels[:, known], came[known]).mean())
        row["coverage"] = float((came <= levels[LEVELS.index(0.9)])[known].mean())
    return row


def score_kpis(table: pd.DataFrame, held: tuple[HeldBack, ...], n_series: int) -> tuple[Kpi, ...]:
    """Return the key figures of the choice on the held-back buckets."""
    found = [Kpi("forecast_series", float(n_series), "series")]
    chosen = table[(table["segment"] == ALL) & (table["method"] == CHOSEN)]
    for row in chosen.to_dict("records"):
        span = int(row["span_buckets"])
        over = "" if span == 1 else f", totals of {span}"
        for kpi, unit in (("wape", "1"), ("bias", "1"), ("pinball", "units"), ("coverage", "1")):
            if not np.isfinite(row[kpi]):
                continue
            variant = "of the 0.9 quantile" if kpi == "coverage" else "held-back window"
            found.append(Kpi(f"forecast_{kpi}", float(row[kpi]), unit, variant=variant + over))
    for part in held:
        known = ~np.isnan(part.came)
        if not known.any():
            continue
        for place, level in enumerate(LEVELS):
            share = coverage(part.levels[place][known], part.came[known], level)
            variant = f"of the {level:g} quantile, ties shared out, totals of {part.span}"
            found.append(Kpi("forecast_coverage", share, "1", variant=variant))
    return tuple(found)
