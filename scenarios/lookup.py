"""Values that are stated for one, for a group, or for all: exact > group > default, on record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from scenarios.errors import InputError
from scenarios.scenario import Scenario
from scenarios.settings import DEFAULT_SERVICE_TARGETS

Statistic = Literal["mean", "median", "max", "min"]
RECORD = ("table", "column", "row", "value", "rule")


@dataclass(frozen=True, slots=True)
class Level:
    """One place where a value may be stated.

    Attributes
    ----------
    rule : how the record names it, as in "median of category"
    on : columns by which a row finds its value here
    values : one value per distinct `on`, as a Series over an index of those columns
    """

    rule: str
    on: tuple[str, ...]
    values: pd.Series

    @classmethod
    def stated(cls, rule: str, frame: pd.DataFrame, on: Sequence[str], column: str) -> Level:
        """Return a level of values that a frame states, one per distinct `on`.

        Raises
        ------
        InputError
            A frame states two different values for the same `on`.
        """
        rows = frame.dropna(subset=[*on, column]).drop_duplicates([*on, column])
        again = rows.duplicated(list(on))
        if again.any():
            first = ", ".join(str(cell) for cell in rows.loc[again, list(on)].iloc[0])
            raise InputError(f"{rule}: {column} is stated twice for {first}; keep one")
        return cls(rule, tuple(on), _indexed(rows, on, rows[column]))

    @classmethod
    def pooled(
        cls,
        frame: pd.DataFrame,
        on: Sequence[str],
        column: str,
        statistic: Statistic = "median",
        *,
        at_least: int = 1,
    ) -> Level:
        """Return a level that pools the values a frame states within each group.

        Parameters
        ----------
        at_least : groups in which fewer values are stated say nothing
        """
        rows = frame.dropna(subset=[*on, column])
        groups = rows.groupby(list(on), sort=True)[column]
        values = groups.agg(statistic)[groups.size() >= at_least]
        return cls(f"{statistic} of {' + '.join(on)}", tuple(on), values)


def _indexed(frame: pd.DataFrame, on: Sequence[str], values: pd.Series) -> pd.Series:
    keys = [frame[name].array for name in on]
    index = pd.MultiIndex.from_arrays(keys, names=list(on)) if len(on) > 1 else pd.Index(keys[0])
    return pd.Series(values.array, index=index)


def look_up(
    frame: pd.DataFrame,
    column: str,
    levels: Sequence[Level],
    default: float | str | None = None,
    *,
    table: str,
    key: Sequence[str],
) -> tuple[pd.Series, pd.DataFrame]:
    """Return a column without blanks, as far as some level or the default knows, and the record.

    A cell that is stated stays (exact). A blank takes the value of the first level that has one
    for its row, else the default. Missing is never zero: without default, what no level knows
    stays blank.

    Parameters
    ----------
    frame : rows in question; `column` may be absent (all blank); it has `key` and every `on`
    levels : from the most to the least specific
    table, key : how the record names the table and its rows

    Returns
    -------
    values : (n_rows,) in the order of the frame
    record : table, column, row (key cells, comma between), value, rule; one row per filled cell,
        in the order of the frame
    """
    values = frame[column].copy() if column in frame else pd.Series(np.nan, index=frame.index)
    values = values.reset_index(drop=True)
    rule = pd.Series([None] * len(frame), dtype="object")
    for level in levels:
        blank = values.isna()
        if not blank.any():
            break
        rows = frame[blank.to_numpy()]
        wanted = (
            pd.MultiIndex.from_frame(rows[list(level.on)])
            if len(level.on) > 1
            else pd.Index(rows[level.on[0]])
        )
        found = pd.Series(level.values.reindex(wanted).array, index=values.index[blank])
        found = found[found.notna()]
        values = values.astype(found.dtype) if values.isna().all() else values
        values.loc[found.index] = found
        rule.loc[found.index] = level.rule
    if default is not None:
        blank = values.isna()
        if values.isna().all():
            values = pd.Series([default] * len(values))
        else:
            values = values.fillna(default)
        rule[blank] = "default"
    filled = rule.notna().to_numpy()
    names = frame[list(key)].astype("object")
    cells = names.where(names.notna(), "").to_numpy()[filled]
    record = pd.DataFrame(
        {
            "table": table,
            "column": column,
            "row": pd.Series([", ".join(map(str, row)) for row in cells], dtype="object"),
            "value": values[filled].to_numpy(dtype=object),
            "rule": rule[filled].to_numpy(dtype=object),
        },
        columns=list(RECORD),
    )
    return values, record


def service_targets(scenario: Scenario, pairs: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame]:
    """Return the cycle service target of each product-location, and what was filled in.

    Its own `target_cycle_service`, else the setting of its product's `abc_class`, else that of
    class C.

    Parameters
    ----------
    pairs : columns site_id and product_id; abc_class, where given, beats that of `products`

    Returns
    -------
    targets : (n_rows,) float64, probability
    record : see :func:`look_up`
    """
    rows = pairs[["site_id", "product_id"]].reset_index(drop=True)
    classes = scenario.table("products").drop_duplicates("product_id").set_index("product_id")
    own = classes["abc_class"].reindex(rows["product_id"]).reset_index(drop=True)
    if "abc_class" in pairs:
        own = pairs["abc_class"].reset_index(drop=True).fillna(own)
    rows = rows.assign(abc_class=own.array)
    targets = DEFAULT_SERVICE_TARGETS | dict(scenario.settings.service_targets)
    policies = scenario.table("inventory_policies")
    levels = (
        Level.stated(
            "inventory_policies", policies, ("site_id", "product_id"), "target_cycle_service"
        ),
        Level(
            "settings.service_targets of abc_class",
            ("abc_class",),
            pd.Series(targets, dtype="float64"),
        ),
    )
    values, record = look_up(
        rows,
        "target_cycle_service",
        levels,
        targets["C"],
        table="inventory_policies",
        key=("site_id", "product_id"),
    )
    record = record[record["rule"] != "inventory_policies"].reset_index(drop=True)
    return values.astype("float64"), record


def lead_times(scenario: Scenario, offers: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return mean and standard deviation of the lead time of offers that may not state it.

    Stated in the offer, else learned from `receipts`: of the supplier and product, else of the
    supplier, each from at least three deliveries; else the median of what the supplier's other
    offers state, else of the product's category, else of all.

    Parameters
    ----------
    offers : supplier_id, product_id and, where stated, lead_time_mean_days, lead_time_sd_days

    Returns
    -------
    times : lead_time_mean_days, lead_time_sd_days, in the order of `offers`
    record : see :func:`look_up`
    """
    products = scenario.table("products").drop_duplicates("product_id").set_index("product_id")
    category = products["category"]
    rows = offers.reset_index(drop=True)
    rows = rows.assign(category=category.reindex(rows["product_id"]).array)
    stated = scenario.table("supplier_products")
    stated = stated.assign(category=category.reindex(stated["product_id"]).array)
    receipts = scenario.table("receipts")
    days = (receipts["received_on"] - receipts["ordered_on"]).dt.days.astype("float64")
    learned = receipts[["supplier_id", "product_id"]].assign(days=days).dropna()
    values, records = {}, []
    measures: tuple[tuple[str, Callable[[pd.Series], float]], ...] = (
        ("lead_time_mean_days", lambda part: float(part.mean())),
        ("lead_time_sd_days", lambda part: float(part.std(ddof=1))),
    )
    for column, measure in measures:
        levels = [
            _from_receipts(learned, on, measure)
            for on in (("supplier_id", "product_id"), ("supplier_id",))
        ]
        levels += [Level.pooled(stated, (name,), column) for name in ("supplier_id", "category")]
        known = stated[column].dropna()
        default = float(known.median()) if len(known) else None
        values[column], record = look_up(
            rows,
            column,
            levels,
            default,
            table="supplier_products",
            key=("supplier_id", "product_id"),
        )
        record["rule"] = record["rule"].replace("default", "median of all offers")
        records.append(record)
    return pd.DataFrame(values), pd.concat(records, ignore_index=True)


def _from_receipts(
    learned: pd.DataFrame, on: tuple[str, ...], measure: Callable[[pd.Series], float]
) -> Level:
    groups = learned.groupby(list(on), sort=True)["days"]
    sizes = groups.size()
    values = groups.agg(measure)[sizes >= 3] if len(sizes) else pd.Series(dtype="float64")
    if not len(values):
        index = (
            pd.MultiIndex.from_arrays([[] for _ in on], names=list(on))
            if len(on) > 1
            else pd.Index([], dtype="str")
        )
        values = pd.Series([], index=index, dtype="float64")
    return Level(f"receipts by {' + '.join(on)}", on, values)
