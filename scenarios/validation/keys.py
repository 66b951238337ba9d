"""Rules on keys: each names one row, and no two look alike."""

from __future__ import annotations

import unicodedata

import numpy as np
import pandas as pd

from scenarios.tables import TABLES
from scenarios.validation.facts import Facts
from scenarios.validation.notice import error, warning

DUPLICATE_KEY = error(
    "duplicate_key",
    "Two rows have the same key.",
    "row {first} has the same {key}: keep one of them, or add up what they say",
)
LOOKALIKE_KEY = warning(
    "lookalike_key",
    "Two ids differ only in capitals, width or inner spaces.",
    "looks like {other} in row {first}: if they are the same, write both alike",
)


def check_keys(facts: Facts) -> None:
    """No two rows of a table have the same key; blanks in a key agree with each other."""
    for name in facts.scenario.tables:
        key = TABLES[name].key
        codes = facts.key_codes(name, key)
        again = pd.Series(codes).duplicated().to_numpy()
        if not again.any():
            continue
        frame = facts.table(name)
        required = [
            column.name for column in TABLES[name].columns if column.key and column.required
        ]
        again = (
            again & frame[required].notna().all(axis=1).to_numpy()
        )  # blank ones are said elsewhere
        at = np.flatnonzero(again)
        if not len(at):
            continue
        head = at[: facts.findings.cap]
        order = pd.Series(np.arange(len(codes)), index=codes)
        repeated = order[np.isin(codes, codes[head])]
        first = repeated.groupby(level=0).min().reindex(codes[head]).to_numpy()
        shown = frame[list(key)].iloc[head].astype("object")
        facts.note(
            DUPLICATE_KEY,
            name,
            key[0],
            at,
            values=[", ".join(_cell(cell) for cell in row) for row in shown.to_numpy()],
            first=facts.rows(name, first),
            key=" + ".join(key),
        )


def check_lookalikes(facts: Facts) -> None:
    """Ids that other tables point at do not differ in capitals, width or spaces alone."""
    for name in facts.scenario.tables:
        key = TABLES[name].key
        if len(key) != 1 or name in ("orders", "deliveries"):
            continue
        codes, labels = facts.codes(name, key[0])
        if len(labels) == 0 or not pd.api.types.is_string_dtype(labels.dtype):
            continue
        plain = pd.Index([folded(label) for label in labels])
        again = np.flatnonzero(plain.duplicated())
        if not len(again):
            continue
        first_label = pd.Series(np.arange(len(labels)), index=plain).groupby(level=0).min()
        other = first_label.reindex(plain[again]).to_numpy()
        row_of = pd.Series(np.arange(len(codes)), index=codes).groupby(level=0).min()
        facts.note(
            LOOKALIKE_KEY,
            name,
            key[0],
            row_of.reindex(again).to_numpy(),
            other=labels[other],
            first=facts.rows(name, row_of.reindex(other).to_numpy()),
        )


def folded(text: str) -> str:
    """Return an id without capitals, width and spaces, to compare how it looks."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def _cell(cell: object) -> str:
    if pd.isna(cell):
        return "blank"
    return f"{cell:%Y-%m-%d}" if isinstance(cell, pd.Timestamp) else str(cell)


RULES = (check_keys, check_lookalikes)
