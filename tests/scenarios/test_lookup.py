"""Grouped lookup: exact beats group beats default, and each filled cell is on record."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from scenarios import InputError, Scenario, Settings
from scenarios.lookup import Level, lead_times, look_up, service_targets


def scenario(**tables: pd.DataFrame) -> Scenario:
    settings = Settings(
        name="x",
        currency="EUR",
        timezone="Europe/Paris",
        start_date=dt.date(2025, 1, 6),
        bucket="week",
        horizon_buckets=4,
        service_targets={"A": 0.99, "B": 0.9},
    )
    return Scenario(settings, tables)


def products() -> pd.DataFrame:
    return pd.DataFrame(
        {"product_id": ["P", "Q", "R", "S"], "name": "x", "unit_cost": 1.0, "unit_price": 2.0,
         "weight_kg": 1.0, "volume_m3": 0.1, "category": ["Tea", "Tea", "Mug", None],
         "abc_class": ["A", "B", None, "A"]}
    )  # fmt: skip


def test_exact_beats_group_beats_default() -> None:
    """A stated cell stays, a blank takes its group's value, else the default; the rest is told."""
    rows = pd.DataFrame(
        {
            "item": ["a", "b", "c", "d"],
            "group": ["x", "x", "y", None],
            "days": [1.0, None, None, None],
        }
    )
    group = Level("by group", ("group",), pd.Series({"x": 5.0}))
    values, record = look_up(rows, "days", [group], 9.0, table="items", key=("item",))
    assert values.tolist() == [1.0, 5.0, 9.0, 9.0]
    assert record.to_numpy().tolist() == [
        ["items", "days", "b", 5.0, "by group"],
        ["items", "days", "c", 9.0, "default"],
        ["items", "days", "d", 9.0, "default"],
    ]


def test_missing_is_never_zero() -> None:
    """Without default, what no level knows stays blank and off the record."""
    rows = pd.DataFrame({"item": ["a", "b"], "group": ["x", "z"]})
    group = Level("by group", ("group",), pd.Series({"x": 5.0}))
    values, record = look_up(rows, "days", [group], table="items", key=("item",))
    assert values.isna().tolist() == [False, True]
    assert record["row"].tolist() == ["a"]


def test_levels_may_need_several_columns() -> None:
    """A level on two columns finds its value where both agree, before a level on one."""
    stated = pd.DataFrame({"s": ["1", "1"], "p": ["a", "b"], "days": [3.0, None]})
    both = Level.stated("pair", stated, ("s", "p"), "days")
    one = Level("supplier", ("s",), pd.Series({"1": 7.0}))
    rows = pd.DataFrame({"s": ["1", "1", "2"], "p": ["a", "b", "a"]})
    values, record = look_up(rows, "days", [both, one], table="t", key=("s", "p"))
    assert values.tolist()[:2] == [3.0, 7.0]
    assert record[["row", "rule"]].to_numpy().tolist() == [["1, a", "pair"], ["1, b", "supplier"]]


def test_text_is_looked_up_too() -> None:
    """Values may be text."""
    rows = pd.DataFrame({"item": ["a", "b"], "mode": ["road", None]})
    values, _ = look_up(rows, "mode", [], "air", table="items", key=("item",))
    assert values.tolist() == ["road", "air"]


def test_a_level_that_contradicts_itself_is_refused() -> None:
    """Two different values for one group are refused, by name."""
    frame = pd.DataFrame({"g": ["x", "x"], "v": [1.0, 2.0]})
    with pytest.raises(InputError, match="stated twice for x"):
        Level.stated("by group", frame, ("g",), "v")


def test_pooled_groups_need_enough_rows() -> None:
    """A pooled level takes the median, and says nothing for groups that are too small."""
    frame = pd.DataFrame({"g": ["x", "x", "x", "y"], "v": [1.0, 2.0, 9.0, 4.0]})
    level = Level.pooled(frame, ("g",), "v", at_least=2)
    assert level.values.to_dict() == {"x": 2.0}
    assert level.rule == "median of g"


def test_service_targets_by_class() -> None:
    """A policy's own target counts, then its class; a blank class takes that of class C."""
    policies = pd.DataFrame(
        {
            "site_id": ["W"],
            "product_id": ["P"],
            "policy": ["base_stock"],
            "target_cycle_service": [0.5],
        }
    )
    pairs = pd.DataFrame({"site_id": "W", "product_id": ["P", "Q", "R", "S"]})
    made = scenario(products=products(), inventory_policies=policies)
    targets, record = service_targets(made, pairs)
    assert targets.tolist() == [0.5, 0.9, 0.9, 0.99]
    assert record["row"].tolist() == ["W, Q", "W, R", "W, S"]
    assert record["rule"].tolist() == [
        "settings.service_targets of abc_class",
        "default",
        "settings.service_targets of abc_class",
    ]


def test_lead_times_by_supplier_and_category() -> None:
    """A blank lead time is learned from receipts, else from like offers, each told."""
    offers = pd.DataFrame(
        {"supplier_id": ["V1", "V1", "V2", "V3"], "product_id": ["P", "Q", "R", "S"],
         "unit_cost": 1.0, "lead_time_mean_days": [4.0, 6.0, 10.0, 20.0],
         "lead_time_sd_days": [1.0, 1.0, 2.0, None]}
    )  # fmt: skip
    ordered = pd.Timestamp("2024-05-01")
    receipts = pd.DataFrame(
        {"order_id": ["1", "2", "3"], "line": "1", "supplier_id": "V2", "product_id": "Q",
         "site_id": "W", "qty_ordered": 1.0, "qty_received": 1.0, "ordered_on": ordered,
         "promised_on": ordered,
         "received_on": [ordered + pd.Timedelta(days=n) for n in (7, 9, 11)]}
    )  # fmt: skip
    made = scenario(products=products(), supplier_products=offers, receipts=receipts)
    asked = pd.DataFrame(
        {"supplier_id": ["V1", "V2", "V2", "V1", "V9", "V9"],
         "product_id": ["P", "Q", "S", "S", "R", "S"],
         "lead_time_mean_days": [3.0, None, None, None, None, None]}
    )  # fmt: skip
    times, record = lead_times(made, asked)
    assert times["lead_time_mean_days"].tolist() == [3.0, 9.0, 9.0, 5.0, 10.0, 8.0]
    mean = record[record["column"] == "lead_time_mean_days"]
    assert mean["rule"].tolist() == [
        "receipts by supplier_id + product_id",
        "receipts by supplier_id",
        "median of supplier_id",
        "median of category",
        "median of all offers",
    ]
    assert times["lead_time_sd_days"].tolist()[1] == 2.0
