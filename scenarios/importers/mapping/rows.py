"""Rows left out, folded into one another or put over those of a base, each of them counted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.findings import Findings, Severity
from scenarios.importers.mapping.sources import Source, Texts
from scenarios.importers.mapping.spec import Condition, TableRule
from scenarios.scenario import column_dtype
from scenarios.tables import NUMERIC, TABLES, Table


@dataclass(slots=True)
class TableReport:
    """What became of the rows that one table was made of.

    Attributes
    ----------
    read : rows of the files, or of the join, or written in the mapping
    excluded : rows by the reason for which they were left out
    folded : rows that were added to, or are the same as, one that was kept
    mapped : rows that were made; read = mapped + folded + all excluded
    """

    table: str
    source: str
    read: int = 0
    excluded: dict[str, int] = field(default_factory=dict)
    folded: int = 0
    mapped: int = 0

    def leave_out(self, reason: str, count: int) -> None:
        """Count rows that were left out."""
        if count:
            self.excluded[reason] = self.excluded.get(reason, 0) + count


def without(
    source: Source,
    conditions: Sequence[Condition],
    report: TableReport,
    findings: Findings,
    place: str,
) -> Source:
    """Return the rows for which no condition holds; the others are counted by their reason."""
    mask = np.ones(len(source.rows), dtype=bool)
    for condition in conditions:
        found = source.find(condition.column)
        if found is None:
            if not condition.optional:
                wanted = " or ".join(condition.column)
                hint = (
                    f"{source.file} has no column {wanted}, by which rows are left out; export it"
                )
                findings.add("missing_heading", Severity.ERROR, hint, table=place, value=wanted)
            continue
        held = _holds(condition, source.columns[found]) & mask
        report.leave_out(condition.reason, int(held.sum()))
        mask &= ~held
    return source.keep(mask)


def _holds(condition: Condition, texts: Texts) -> NDArray[np.bool_]:
    if condition.blank:
        return np.asarray(texts == "", dtype=bool)
    answers: dict[str, bool] = {}
    for text in set(texts.tolist()):
        if condition.in_ is not None:
            answers[text] = text in condition.in_
        elif condition.not_in is not None:
            answers[text] = text not in condition.not_in
        elif condition.matches is not None:
            answers[text] = re.search(condition.matches, text) is not None
        else:
            assert condition.below is not None
            try:
                answers[text] = float(text.replace(",", "")) < condition.below
            except ValueError:
                answers[text] = False
    return np.array([answers[text] for text in texts], dtype=bool)


def folded(made: pd.DataFrame, rule: TableRule, report: TableReport) -> pd.DataFrame:
    """Keep one row of each key, added up where the rule says so."""
    key = [name for name in TABLES[rule.table].key if name in made.columns]
    if made.empty or not key or not (rule.once or rule.add_up):
        return made
    before = len(made)
    if rule.add_up:
        sums = [name for name in rule.add_up if name in made.columns]
        means = [name for name in rule.mean if name in made.columns]
        weight = made[sums[0]] if sums else pd.Series(1.0, made.index)
        for name in means:
            made[f"{name}*"] = made[name] * weight
            made[f"{name}+"] = weight.where(made[name].notna())
            sums += [f"{name}*", f"{name}+"]
        groups = made.groupby(key, sort=False, dropna=False)
        others = [name for name in made.columns if name not in {*key, *sums, *means}]
        parts = [groups[sums].sum(min_count=1)] if sums else []
        if others:
            parts.append(groups[others].first())
        done = pd.concat(parts, axis=1).reset_index()
        for name in means:
            done[name] = done[f"{name}*"] / done[f"{name}+"]
        names = [name for name in TABLES[rule.table].names if name in done.columns]
        made = done[names]
    else:
        made = made.drop_duplicates(key, ignore_index=True)
    report.folded += before - len(made)
    return made


def merged(held: pd.DataFrame, made: pd.DataFrame, rule: TableRule) -> pd.DataFrame:
    """Return the rows of a base with those that were made."""
    if rule.merge == "replace":
        return made
    contract = TABLES[rule.table]
    first, second = (held, made) if rule.merge == "fill" else (made, held)
    both = _stacked([first, second], contract)
    key = [name for name in contract.key if name in both.columns]
    return both.drop_duplicates(key, ignore_index=True)


def _stacked(parts: Sequence[pd.DataFrame], contract: Table) -> pd.DataFrame:
    names = [name for name in contract.names if any(name in part.columns for part in parts)]
    return pd.DataFrame(
        {
            name: pd.concat(
                [
                    part[name].astype(column_dtype(contract.by_name[name]))
                    if name in part.columns
                    else pd.Series(
                        [np.nan if contract.by_name[name].kind in NUMERIC else None] * len(part),
                        dtype=column_dtype(contract.by_name[name]),
                    )
                    for part in parts
                ],
                ignore_index=True,
            )
            for name in names
        }
    )
