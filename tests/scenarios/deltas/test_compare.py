"""Differences are told by key and cell, and their deltas turn one scenario into the other."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.cli.app import invoke
from scenarios import Conflict, InputError, Scenario
from scenarios.deltas import Variant, apply, diff, merge, read_deltas
from scenarios.tables import TABLES


def changed(parent: Scenario, *documents: dict[str, Any]) -> Scenario:
    return apply(parent, read_deltas(documents))


def sorted_hash(scenario: Scenario) -> str:
    """Hash of the content with the rows of each table in the order of their key."""
    tables = {
        name: frame.sort_values([c for c in TABLES[name].key if c in frame], ignore_index=True)
        for name, frame in scenario.tables.items()
    }
    return Scenario(scenario.settings, tables).content_hash


def test_settings_rows_and_cells_are_told(parent: Scenario) -> None:
    """A changed setting, cell, a new and a lost row each stand in the difference."""
    after = changed(
        parent,
        {"table": "settings", "op": "set", "column": "service_targets.A", "value": 0.99},
        {"table": "products", "op": "upsert", "value": {"product_id": "A", "unit_cost": 2.5}},
        {"table": "inventory", "op": "delete", "value": {"site_id": "W2", "product_id": "B"}},
        {"table": "inventory", "op": "upsert",
         "value": {"site_id": "W2", "product_id": "C", "on_hand": 1}},
    )  # fmt: skip
    found = diff(parent, after)
    rows = [tuple(row) for row in found.frame().itertuples(index=False)]
    assert rows == [
        ("settings", "", "changed", "service_targets.A", 0.98, 0.99),
        ("products", "A", "changed", "unit_cost", 2.0, 2.5),
        ("inventory", "W2, B, blank, blank", "removed", "", None, None),
        ("inventory", "W2, C, blank, blank", "added", "", None, None),
    ]


def test_a_scenario_does_not_differ_from_itself(parent: Scenario) -> None:
    """The difference of a scenario and itself is empty."""
    found = diff(parent, parent)
    assert found.empty
    assert not found.tables
    assert found.deltas() == ()


def test_another_order_is_told_and_is_no_difference(parent: Scenario) -> None:
    """Rows in another order are marked as reordered; no delta comes of it."""
    products = parent.tables["products"].iloc[::-1]
    turned = Scenario(parent.settings, {**parent.tables, "products": products})
    found = diff(parent, turned)
    assert found.empty
    assert found.tables["products"].reordered


def test_duplicate_keys_cannot_be_compared(parent: Scenario) -> None:
    """A table with two rows of one key is refused, by name."""
    twice = pd.concat([parent.tables["sites"]] * 2)
    with pytest.raises(InputError, match="sites of the second"):
        diff(parent, Scenario(parent.settings, {**parent.tables, "sites": twice}))


LOTS = st.sampled_from(["L1", "L2", None])
STOCK = st.lists(
    st.tuples(
        st.sampled_from(["W1", "W2"]),
        st.sampled_from(["A", "B", "C"]),
        LOTS,
        st.floats(0, 1e6, allow_nan=False),
        st.one_of(st.none(), st.floats(0, 9)),
        st.one_of(st.none(), st.dates(dt.date(2000, 1, 1), dt.date(2030, 1, 1))),
    ),
    max_size=8,
    unique_by=lambda row: row[:3],
)  # fmt: skip
SETTINGS = st.fixed_dictionaries(
    {"seed": st.integers(0, 9), "holding_rate_pct_per_year": st.floats(0, 90)}
)
FORECASTS = st.lists(
    st.tuples(
        st.sampled_from(["A", "B"]),
        st.integers(0, 3),
        st.sampled_from([None, 0.1, 0.5, 0.9]),
        st.floats(0, 100),
    ),
    max_size=8,
    unique_by=lambda row: row[:3],
)


def variant(parent: Scenario, stock: Any, forecasts: Any, chosen: Any) -> Scenario:
    columns = ["site_id", "product_id", "lot_id", "on_hand", "reserved", "expires_on"]
    inventory = pd.DataFrame(stock, columns=columns)
    inventory["expires_on"] = pd.to_datetime(inventory["expires_on"])
    frame = pd.DataFrame(forecasts, columns=["product_id", "bucket", "quantile", "qty"])
    start = pd.Timestamp("2025-11-01")
    frame["bucket"] = start + pd.to_timedelta(frame["bucket"].astype("int64"), unit="D")
    frame["quantile"] = frame["quantile"].astype("float64")
    frame["location_id"] = "W1"
    held = {"inventory": inventory, "forecasts": frame}
    return Scenario(parent.settings.model_copy(update=chosen), held)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STOCK, FORECASTS, SETTINGS, STOCK, FORECASTS, SETTINGS)
@pytest.mark.slow
def test_the_deltas_of_a_difference_turn_one_into_the_other(
    parent: Scenario, s1: Any, f1: Any, c1: Any, s2: Any, f2: Any, c2: Any
) -> None:
    """apply(a, diff(a, b)) has the content of b, up to the order of rows; also through JSON."""
    a, b = variant(parent, s1, f1, c1), variant(parent, s2, f2, c2)
    deltas = diff(a, b).deltas()
    through_json = read_deltas(json.loads(json.dumps([delta.document() for delta in deltas])))
    assert sorted_hash(apply(a, through_json)) == sorted_hash(b)
    assert diff(apply(a, deltas), b).empty


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STOCK, STOCK, SETTINGS)
def test_merging_with_an_unchanged_side_gives_the_other(
    parent: Scenario, s1: Any, s2: Any, chosen: Any
) -> None:
    """merge(base, base, theirs) is theirs, merge(base, ours, base) is ours; no conflicts."""
    base, other = variant(parent, s1, [], {}), variant(parent, s2, [], chosen)
    for ours, theirs in ((base, other), (other, base)):
        merged = merge(base, ours, theirs)
        assert merged.conflicts == ()
        assert sorted_hash(merged.scenario) == sorted_hash(other)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STOCK, STOCK, STOCK)
def test_merge_without_conflicts_does_not_depend_on_the_side(
    parent: Scenario, s0: Any, s1: Any, s2: Any
) -> None:
    """Conflicts are the same seen from both sides; without any, so is the merge."""
    base, a, b = (variant(parent, stock, [], {}) for stock in (s0, s1, s2))
    ours, theirs = merge(base, a, b), merge(base, b, a)
    places = [{(c.table, c.key, c.column) for c in side.conflicts} for side in (ours, theirs)]
    assert places[0] == places[1]
    if not ours.conflicts:
        assert sorted_hash(ours.scenario) == sorted_hash(theirs.scenario)


def test_merge_joins_what_does_not_touch(parent: Scenario) -> None:
    """Two sides that changed different cells of one row are joined without conflict."""
    ours = changed(parent, {"table": "products", "op": "upsert",
                            "value": {"product_id": "A", "unit_cost": 3}})  # fmt: skip
    theirs = changed(
        parent,
        {"table": "products", "op": "upsert", "value": {"product_id": "A", "unit_price": 6}},
        {"table": "settings", "op": "set", "column": "seed", "value": 5},
    )
    merged = merge(parent, ours, theirs)
    row = merged.scenario.table("products").iloc[0]
    assert (row["unit_cost"], row["unit_price"], merged.scenario.settings.seed) == (3.0, 6.0, 5)
    assert not merged.conflicts


def test_merge_names_conflicts_and_keeps_ours(parent: Scenario) -> None:
    """A cell, a setting and a removed row that both sides changed are named with both values."""
    key = {"site_id": "W2", "product_id": "B"}
    ours = changed(
        parent,
        {"table": "products", "op": "upsert", "value": {"product_id": "A", "unit_cost": 3}},
        {"table": "settings", "op": "set", "column": "seed", "value": 4},
        {"table": "inventory", "op": "delete", "value": key},
        {"table": "sites", "op": "upsert", "value": {"site_id": "W1", "city": "Xi'an"}},
    )
    theirs = changed(
        parent,
        {"table": "products", "op": "upsert", "value": {"product_id": "A", "unit_cost": 4}},
        {"table": "settings", "op": "set", "column": "seed", "value": 5},
        {"table": "inventory", "op": "upsert", "value": key | {"on_hand": 9}},
        {"table": "sites", "op": "delete", "value": {"site_id": "W1"}},
    )
    merged = merge(parent, ours, theirs)
    told = {(c.table, c.key, c.column, c.base, c.ours, c.theirs) for c in merged.conflicts}
    assert told == {
        ("settings", (), "seed", 0, 4, 5),
        ("products", ("A",), "unit_cost", 2.0, 3.0, 4.0),
        ("inventory", ("W2", "B", None, None), "on_hand", 0.0, "(row removed)", 9.0),
        ("sites", ("W1",), "city", None, "Xi'an", "(row removed)"),
    }
    assert diff(ours, merged.scenario).empty
    assert "ours 3.0, theirs 4.0, before 2.0" in str(merged.conflicts[1])


def test_a_variant_builds_on_its_parent_alone(parent: Scenario) -> None:
    """A variant gives the child from the parent, survives JSON, and refuses another parent."""
    child = changed(parent, {"table": "products", "op": "scale", "column": "unit_cost", "value": 2})
    made = Variant.between(parent, child)
    again = Variant.model_validate_json(made.model_dump_json(by_alias=True, exclude_unset=True))
    assert again.build(parent).content_hash == child.content_hash
    with pytest.raises(Conflict, match=child.content_hash[:12]):
        made.build(child)


def test_many_rows_are_compared_in_seconds(parent: Scenario) -> None:
    """Tables of 200,000 rows are compared and their one changed cell found."""
    n = np.arange(200_000)
    rows = pd.DataFrame(
        {"date": pd.Timestamp("2020-01-01") + pd.to_timedelta(n % 2000, unit="D"),
         "product_id": "A", "location_id": [f"Z{k:03d}" for k in n // 2000], "qty": 1.0}
    )  # fmt: skip
    before = Scenario(parent.settings, {"demand_history": rows})
    rows.loc[777, "qty"] = 2.0
    after = Scenario(parent.settings, {"demand_history": rows})
    changed_cells = diff(before, after).tables["demand_history"].changed
    assert changed_cells[["location_id", "_old", "_new"]].to_numpy().tolist() == [
        ["Z000", 1.0, 2.0]
    ]


def test_the_command_shows_and_exports_differences(
    parent: Scenario, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`holdfast diff` prints cells; its JSON deltas turn the first scenario into the second."""
    child = changed(parent, {"table": "products", "op": "scale", "column": "unit_cost", "value": 2})
    a, b = parent.save(tmp_path / "a.json", "json"), child.save(tmp_path / "b.json", "json")
    assert invoke(["diff", str(a), str(b)]) == 0
    assert "unit_cost" in capsys.readouterr().out
    assert invoke(["diff", str(a), str(b), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert apply(parent, read_deltas(document["deltas"])).content_hash == child.content_hash
    assert invoke(["diff", str(a), str(a)]) == 0
    assert "the same" in capsys.readouterr().out
