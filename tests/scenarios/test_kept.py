"""What is kept of a scenario is worked out once, and is nobody's to spoil."""

from __future__ import annotations

import gc

import pandas as pd

from scenarios import Scenario
from scenarios.library import demo_scenario
from scenarios.semantics.kept import kept


def test_a_frame_is_worked_out_once_and_changes_of_it_are_ones_own() -> None:
    """Two readers ask; the first overwrites a column of what it got; another scenario asks anew."""
    asked: list[int] = []

    @kept
    def sizes(scenario: Scenario) -> pd.DataFrame:
        asked.append(id(scenario))
        return pd.DataFrame({"rows": [len(scenario.table("products"))]})

    shop, other = demo_scenario("corner-shop"), demo_scenario("corner-shop")
    first = sizes(shop)
    first["rows"] = -1
    first.loc[0, "rows"] = -2
    assert sizes(shop)["rows"].to_list() == [len(shop.table("products"))]
    sizes(other)
    assert asked == [id(shop), id(other)]


def test_nothing_is_kept_of_a_scenario_that_is_gone() -> None:
    """The scenario goes with its last user, and what was kept of it."""

    @kept
    def sizes(scenario: Scenario) -> pd.DataFrame:
        return pd.DataFrame({"rows": [len(scenario.tables)]})

    shop = demo_scenario("corner-shop")
    sizes(shop)
    held = sizes.__closure__
    assert held is not None
    before = [len(cell.cell_contents) for cell in held if hasattr(cell.cell_contents, "keys")]
    del shop
    gc.collect()
    after = [len(cell.cell_contents) for cell in held if hasattr(cell.cell_contents, "keys")]
    assert (before, after) == ([1], [0])
