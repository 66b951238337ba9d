"""The tables of a stress test: figures, service curves, days, and what drills saved."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from optimizer.plan import conform
from simulation.controls import Means
from simulation.daily import DAILY
from simulation.intervals import Estimate
from simulation.judging import CONFIDENCE
from simulation.kpis import Values, daily_service
from simulation.ledger import Record
from simulation.suites import BASELINE, Drill
from simulation.tails import STATISTICS
from simulation.verdicts import Verdict

DRILLED = ("fill_rate", "short_units", "lost_margin", "recovery_days", "cost_operating")


def drill_table(
    drills: tuple[Drill, ...],
    values: Mapping[str, Values],
    means: Mapping[str, Means],
    records: Mapping[str, Record],
) -> pd.DataFrame:
    """Return what each drill saved: paired differences, better is more."""
    rows = []
    for drill in drills:
        acted = float((records[drill.name].acted.sum(axis=0) > 0).mean())
        figures = [(kpi, "all") for kpi in DRILLED]
        figures += [key for key in values[drill.case] if key[1].startswith("channel:")]
        for kpi, scope in figures:
            without, helped = values[drill.case][kpi, scope], values[drill.name][kpi, scope]
            sign = 1.0 if kpi == "fill_rate" else -1.0
            own = means[drill.case]  # both meet the same outages
            saved = own.estimate(sign * (helped - without), CONFIDENCE)
            rows.append(
                {
                    "case": drill.case,
                    "playbooks": ", ".join(drill.playbooks),
                    "kpi": kpi,
                    "without": own.estimate(without).mean,
                    "with": own.estimate(helped).mean,
                    "saved": saved.mean,
                    "low": saved.low,
                    "high": saved.high,
                    "acted": acted,
                    "scope": scope,
                }
            )
    return conform("drills", pd.DataFrame(rows))


def result_table(
    suite: str,
    values: Mapping[str, Values],
    means: Mapping[str, Means],
    tails: Mapping[str, Mapping[str, Estimate]],
    verdicts: tuple[Verdict, ...],
) -> pd.DataFrame:
    """Return `stress_results`; several gates on one figure share its row.

    Parameters
    ----------
    means : how the means of a case are read, by case
    """
    judged: dict[tuple[str, str, str], list[Verdict]] = {}
    for verdict in verdicts:
        key = (verdict.case, verdict.gate.kpi, verdict.gate.scope)
        judged.setdefault(key, []).append(verdict)
    rows = []
    for case, figures in values.items():
        own_means = means[case]
        estimates = {
            key: own_means.estimate(numbers, CONFIDENCE) for key, numbers in figures.items()
        }
        estimates |= {(kpi, "all"): own for kpi, own in tails[case].items()}
        for (kpi, scope), own in estimates.items():
            if kpi in STATISTICS:
                calm = tails[BASELINE][kpi].mean
            else:
                calm = float(np.mean(values[BASELINE][kpi, scope]))
            gates = judged.get((case, kpi, scope), [])
            rows.append(
                {
                    "suite": suite,
                    "case": case,
                    "kpi": kpi,
                    "scope": scope,
                    "baseline": calm,
                    "disrupted": own.mean,
                    "low": own.low,
                    "high": own.high,
                    "gate": " and ".join(str(verdict.gate) for verdict in gates) or None,
                    "passed": all(verdict.passed for verdict in gates) if gates else None,
                }
            )
    return conform("stress_results", pd.DataFrame(rows))


def day_table(records: Mapping[str, Record]) -> pd.DataFrame:
    """Return `day_ledger`: what each day cost, mean with 5 % and 95 % quantiles."""
    parts = []
    for case, record in records.items():
        n_items, n_days, _ = record.days.shape
        low, high = np.quantile(record.days, [0.05, 0.95], axis=2)
        parts.append(
            pd.DataFrame(
                {
                    "case": case,
                    "day": np.tile(np.arange(n_days), n_items),
                    "item": np.repeat(list(DAILY), n_days),
                    "mean": record.days.mean(axis=2).ravel(),
                    "p5": low.ravel(),
                    "p95": high.ravel(),
                }
            )
        )
    return conform("day_ledger", pd.concat(parts, ignore_index=True))


def curve_table(records: Mapping[str, Record]) -> pd.DataFrame:
    """Return `service_curve`: service per day, mean with 5 % and 95 % quantiles."""
    calm = daily_service(records[BASELINE]).mean(axis=1)
    parts = []
    for case, record in records.items():
        share = daily_service(record)
        low, high = np.quantile(share, [0.05, 0.95], axis=1)
        parts.append(
            pd.DataFrame(
                {
                    "case": case,
                    "day": np.arange(len(share), dtype=np.float64),
                    "mean": share.mean(axis=1),
                    "p5": low,
                    "p95": high,
                    "baseline": calm,
                }
            )
        )
    return conform("service_curve", pd.concat(parts, ignore_index=True))
