"""Deltas do what they say to the rows they name, and refuse what a contract forbids."""

# ruff: noqa: E501 - one case a line reads best
from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from scenarios import InputError, Scenario
from scenarios.deltas import Delta, Where, apply, read_deltas


def changed(parent: Scenario, *documents: dict[str, Any]) -> Scenario:
    return apply(parent, read_deltas(documents))


def refusal(parent: Scenario, *documents: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        changed(parent, *documents)
    return " | ".join(finding.hint for finding in caught.value.findings)


def test_set_changes_the_rows_where(parent: Scenario) -> None:
    """`set` writes the value into the rows that the filter names, and no others."""
    where = {"column": "category", "comparison": "eq", "value": "Ware"}
    delta = {"table": "products", "op": "set", "column": "unit_cost", "value": 3, "where": where}
    assert changed(parent, delta).table("products")["unit_cost"].tolist() == [2.0, 3.0, 8.0]


def test_scale_and_add_compute(parent: Scenario) -> None:
    """`scale` multiplies, `add` adds, in order: (2, 4, 8) x 1.5 + 1."""
    after = changed(
        parent,
        {"table": "products", "op": "scale", "column": "unit_cost", "value": 1.5},
        {"table": "products", "op": "add", "column": "unit_cost", "value": 1},
    )
    assert after.table("products")["unit_cost"].tolist() == [4.0, 7.0, 13.0]


def test_add_moves_dates_by_days(parent: Scenario) -> None:
    """`add` on a date column counts in days; a blank date stays blank."""
    after = changed(
        parent,
        {"table": "open_orders", "op": "add", "column": "due_on", "value": 10},
        {"table": "products", "op": "add", "column": "introduced_on", "value": -1},
    )
    assert after.table("open_orders")["due_on"].tolist() == [pd.Timestamp("2025-11-15")]
    assert after.table("products")["introduced_on"].isna().tolist() == [False, True, False]


def test_upsert_changes_named_cells_and_appends(parent: Scenario) -> None:
    """`upsert` keeps the cells that a row does not name, and puts new keys last."""
    after = changed(
        parent,
        {
            "table": "inventory",
            "op": "upsert",
            "value": [
                {"site_id": "W1", "product_id": "A", "on_hand": 6},
                {"site_id": "W2", "product_id": "C", "on_hand": 1, "expires_on": "2026-01-01"},
            ],
        },
    ).table("inventory")
    assert after["on_hand"].tolist() == [10.0, 6.0, 0.0, 1.0]
    assert after["lot_id"].isna().tolist() == [False, True, True, True]
    assert after["expires_on"].iloc[3] == pd.Timestamp("2026-01-01")


def test_delete_takes_rows_out(parent: Scenario) -> None:
    """`delete` takes out the rows where, or those whose key is listed."""
    by_filter = {"column": "on_hand", "comparison": "le", "value": 5}
    after = changed(parent, {"table": "inventory", "op": "delete", "where": by_filter})
    assert after.table("inventory")["lot_id"].tolist() == ["L1"]
    key = {"site_id": "W1", "product_id": "A"}  # blank lot
    after = changed(parent, {"table": "inventory", "op": "delete", "value": [key]})
    assert after.table("inventory")["on_hand"].tolist() == [10.0, 0.0]


def test_settings_are_set(parent: Scenario) -> None:
    """Table "settings" takes set, service targets by class."""
    after = changed(
        parent,
        {"table": "settings", "op": "set", "column": "horizon_buckets", "value": 28},
        {"table": "settings", "op": "set", "column": "start_date", "value": "2025-11-02"},
        {"table": "settings", "op": "set", "column": "service_targets.A", "value": 0.99},
    ).settings
    assert (after.horizon_buckets, str(after.start_date)) == (28, "2025-11-02")
    assert after.service_targets == {"A": 0.99, "B": 0.95, "C": 0.90}


def test_the_parent_is_untouched(parent: Scenario) -> None:
    """Applying deltas leaves the parent's tables and hash as they were."""
    before = {name: frame.copy() for name, frame in parent.tables.items()}
    changed(
        parent,
        {"table": "products", "op": "scale", "column": "unit_cost", "value": 2},
        {"table": "inventory", "op": "upsert",
         "value": {"site_id": "W1", "product_id": "A", "on_hand": 0}},
        {"table": "sites", "op": "set", "column": "city", "value": "Wuhan"},
    )  # fmt: skip
    for name, frame in parent.tables.items():
        pd.testing.assert_frame_equal(frame, before[name])
    assert Scenario(parent.settings, parent.tables).content_hash == parent.content_hash


def test_no_deltas_change_nothing(parent: Scenario) -> None:
    """An empty list of deltas gives the same content."""
    assert apply(parent, ()).content_hash == parent.content_hash


def test_set_null_makes_blank(parent: Scenario) -> None:
    """Setting null makes a cell blank where blanks are allowed, and is refused elsewhere."""
    after = changed(parent, {"table": "products", "op": "set", "column": "category", "value": None})
    assert not after.table("products")["category"].notna().any()
    told = refusal(parent, {"table": "products", "op": "set", "column": "name", "value": None})
    assert "name must be a value, would be blank" in told


@pytest.mark.parametrize(
    ("delta", "told"),
    [
        ({"table": "products", "op": "set", "column": "unit_cost", "value": "x"}, "must be a number"),
        ({"table": "products", "op": "set", "column": "unit_cost", "value": True}, "must be a number"),
        ({"table": "products", "op": "scale", "column": "unit_cost", "value": -1}, "at least 0, would be -2"),
        ({"table": "products", "op": "set", "column": "cost", "value": 1}, "has no column 'cost'"),
        ({"table": "items", "op": "set", "column": "cost", "value": 1}, "no table 'items'"),
        ({"table": "sites", "op": "set", "column": "kind", "value": "castle"}, "one of warehouse"),
        ({"table": "sites", "op": "set", "column": "site_id", "value": "W9"}, "same key (site_id)"),
        ({"table": "sites", "op": "scale", "column": "name", "value": 2}, "works on numbers"),
        ({"table": "vehicles", "op": "scale", "column": "count", "value": 0.5}, "a whole number, would be 1.5"),
        ({"table": "vehicles", "op": "set", "column": "shift_end", "value": "late"}, "a time HH:MM"),
        ({"table": "open_orders", "op": "set", "column": "due_on", "value": "soon"}, "date as in 2025-11-11"),
        ({"table": "open_orders", "op": "set", "column": "due_on", "value": "2025-11-05T10:00"}, "must be a date"),
        ({"table": "open_orders", "op": "set", "column": "frozen", "value": "yes"}, "true or false"),
        ({"table": "open_orders", "op": "add", "column": "due_on", "value": 1e12}, "no such date"),
        ({"table": "products", "op": "add", "column": "unit_cost", "value": 10**400}, "takes a finite number"),
        ({"table": "settings", "op": "set", "column": "bucket", "value": "month"}, "'day' or 'week'"),
        ({"table": "settings", "op": "set", "column": "seed", "value": "7"}, "integer"),
        ({"table": "settings", "op": "set", "column": "color", "value": 1}, "no setting 'color'"),
        ({"table": "inventory", "op": "upsert", "value": {"site_id": "W1", "on_hand": 1}}, "every row needs it"),
        ({"table": "inventory", "op": "upsert", "value": {"site_id": "W9", "product_id": "A"}}, "on_hand must be a value"),
        ({"table": "inventory", "op": "upsert", "value": {"site_id": "W1", "product_id": "A", "stock": 1}}, "no column 'stock'"),
        ({"table": "inventory", "op": "delete", "value": [{"on_hand": 5}]}, "the key of inventory is"),
        ({"table": "products", "op": "delete", "where": {"column": "x", "comparison": "eq", "value": 1}}, "no column 'x'"),
        ({"table": "products", "op": "delete", "where": {"column": "name", "comparison": "lt", "value": "Z"}}, "has no order"),
    ],
)  # fmt: skip
def test_wrong_deltas_are_refused(parent: Scenario, delta: dict[str, Any], told: str) -> None:
    """A delta that a contract forbids is refused by number, with what is allowed."""
    hint = refusal(
        parent, {"table": "sites", "op": "set", "column": "city", "value": "Xi'an"}, delta
    )
    assert hint.startswith("delta 2: ")
    assert told in hint


def test_all_wrong_deltas_are_named(parent: Scenario) -> None:
    """Every refused delta has its finding, not only the first."""
    bad = {"table": "products", "op": "set", "column": "unit_cost", "value": "x"}
    told = refusal(parent, bad, {"table": "no", "op": "delete", "where": _blank("a")}, bad)
    assert [part.split(":")[0] for part in told.split(" | ")] == ["delta 1", "delta 2", "delta 3"]


def _blank(column: str) -> dict[str, Any]:
    return {"column": column, "comparison": "is_blank"}


@pytest.mark.parametrize(
    "document",
    [
        {"table": "products", "op": "set", "value": 1},
        {"table": "products", "op": "scale", "column": "unit_cost", "value": "2"},
        {"table": "products", "op": "upsert", "value": []},
        {"table": "products", "op": "upsert", "value": {"product_id": "A"}, "where": _blank("name")},
        {"table": "products", "op": "delete"},
        {"table": "products", "op": "explode", "column": "unit_cost"},
        {"table": "settings", "op": "delete", "where": _blank("name")},
        {"table": "products", "op": "delete", "where": {"column": "name"}},
        {"table": "products", "op": "delete", "where": {"column": "name", "comparison": "in", "value": "A"}},
        {"table": "products", "op": "delete", "where": {"and": []}},
        {"table": "products", "op": "delete", "where": {"python": "os.remove('x')"}},
        {"table": "products", "op": "set", "column": "name", "value": "x", "note": "more"},
    ],
)  # fmt: skip
def test_documents_that_are_no_deltas_are_refused(document: dict[str, Any]) -> None:
    """A document that does not make sense as a delta is refused by number."""
    with pytest.raises(InputError) as caught:
        read_deltas([document])
    assert caught.value.findings[0].code == "bad_delta"
    assert caught.value.findings[0].hint.startswith("delta 1: ")


def test_filters_nest_only_so_deep() -> None:
    """A filter nested beyond the limit is refused."""
    where: dict[str, Any] = _blank("name")
    for _ in range(20):
        where = {"not": where}
    with pytest.raises(InputError, match="cannot be read"):
        read_deltas([{"table": "products", "op": "delete", "where": where}])


def test_blanks_meet_no_comparison(parent: Scenario) -> None:
    """A blank cell meets neither eq, ne, in nor their like; `is_blank` and `not` find it."""
    frame, table = parent.table("products"), "category"
    from scenarios.tables import TABLES

    def rows(document: dict[str, Any]) -> list[bool]:
        return list(Where.model_validate(document).mask(frame, TABLES["products"]))

    ware = {"column": table, "comparison": "eq", "value": "Ware"}
    assert rows(ware) == [False, True, False]
    assert rows({"column": table, "comparison": "ne", "value": "Ware"}) == [True, False, False]
    assert rows({"column": table, "comparison": "in", "value": ["Ware", None]}) == [
        False,
        True,
        False,
    ]
    assert rows({"not": ware}) == [True, False, True]
    assert rows(_blank(table)) == [False, False, True]
    assert rows({"column": table, "comparison": "is_blank", "value": False}) == [True, True, False]
    assert rows({"or": [ware, _blank(table)]}) == [False, True, True]
    assert (
        rows({"and": [ware, {"column": "unit_cost", "comparison": "gt", "value": 4}]})
        == [False] * 3
    )
    assert rows({"column": "introduced_on", "comparison": "lt", "value": "2025-01-01"}) == [
        True,
        False,
        False,
    ]


def test_a_delta_without_effect_is_a_warning(parent: Scenario) -> None:
    """A filter that meets no row is told among the findings of the new scenario."""
    where = {"column": "product_id", "comparison": "eq", "value": "Z"}
    after = changed(parent, {"table": "products", "op": "delete", "where": where})
    assert [finding.code for finding in after.findings] == ["delta_without_effect"]
    assert after.content_hash == parent.content_hash


def test_row_numbers_of_untouched_tables_stay(parent: Scenario) -> None:
    """The planner's row numbers are kept for tables that no delta changed."""
    import numpy as np

    read = Scenario(
        parent.settings, parent.tables, rows={"sites": np.array([4, 9]), "products": np.arange(3)}
    )
    after = changed(read, {"table": "products", "op": "scale", "column": "unit_cost", "value": 2})
    assert list(after.rows) == ["sites"]


def test_deltas_survive_json() -> None:
    """A delta written as JSON and read again is the same delta."""
    document = {
        "table": "inventory",
        "op": "set",
        "column": "on_hand",
        "value": 3.0,
        "where": {"and": [_blank("lot_id"), {"not": _blank("site_id")}]},
    }
    (delta,) = read_deltas([document])
    assert Delta.model_validate(delta.document()) == delta
    assert delta.document()["where"]["and"][0] == _blank("lot_id")
