"""Stock health: ages by lots, and remedies with their arithmetic."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from optimizer.replenishment.analytics.ageing import stock_ages
from optimizer.replenishment.analytics.health import stock_health
from optimizer.replenishment.facts import Facts, read_facts
from optimizer.replenishment.policies import reorder_rules
from scenarios import Scenario
from scenarios.library import demo_scenario

PAIR = ["site_id", "product_id"]


def shop_facts(**tables: pd.DataFrame) -> Facts:
    """Return the corner shop's facts with tables replaced."""
    shop = demo_scenario("corner-shop")
    return read_facts(Scenario(shop.settings, dict(shop.tables) | tables), {})


def lots(*rows: tuple[str, str, str, float, str | None]) -> pd.DataFrame:
    """Return an inventory of (site, product, lot, on hand, received on)."""
    frame = pd.DataFrame(rows, columns=[*PAIR, "lot_id", "on_hand", "received_on"])
    blank = demo_scenario("corner-shop").table("inventory").iloc[:0]
    frame["received_on"] = pd.to_datetime(frame["received_on"])
    return frame.reindex(columns=blank.columns).astype(blank.dtypes.to_dict())


def health(facts: Facts) -> pd.DataFrame:
    """Return stock_health by site and product."""
    return stock_health(facts, reorder_rules(facts)).set_index(PAIR)


def test_aged_stock_is_counted_first_in_first_out() -> None:
    """170 and 30 days old, 1 unit a day: of 14 old units the first 10 sell in time, 4 do not."""
    facts = shop_facts(
        inventory=lots(
            ("W1", "TEA", "NEW", 20.0, "2026-09-12"), ("W1", "TEA", "OLD", 14.0, "2026-04-25")
        )
    )
    row = np.flatnonzero((facts.pairs["site_id"] == "W1") & (facts.pairs["product_id"] == "TEA"))[0]
    ages = stock_ages(facts, np.ones(len(facts.pairs)))
    assert ages.oldest_days[row] == 170.0
    assert ages.mean_days[row] == pytest.approx((14 * 170 + 20 * 30) / 34)
    # the new lot waits 14 days, then sells 20 within 150 days
    assert ages.aged_units[row] == pytest.approx(4.0)


def test_unknown_days_of_receipt_are_not_zero() -> None:
    """A lot without a day of receipt has no age."""
    facts = shop_facts(inventory=lots(("W1", "TEA", "X", 5.0, None)))
    assert np.isnan(stock_ages(facts, np.ones(len(facts.pairs))).mean_days).all()


def test_dead_stock_is_cleared() -> None:
    """Mugs that nobody wants: clear all 40, worth 40 x 3.00."""
    shop = demo_scenario("corner-shop")
    forecasts = shop.table("forecasts")
    facts = shop_facts(
        forecasts=forecasts[forecasts["product_id"] == "TEA"],
        demand_history=shop.table("demand_history").iloc[:0],
        inventory=lots(("W1", "MUG", "A", 40.0, "2025-01-01")),
    )
    row = health(facts).loc[("W1", "MUG")]
    assert row["action_kind"] == "clear"
    assert row["action_value"] == pytest.approx(120.0)
    assert row["dead_value"] == pytest.approx(120.0)
    assert row["aged_value"] == pytest.approx(120.0)
    assert row["action"].startswith("clear 40 on hand: no demand is forecast")


def test_what_is_too_much_goes_where_it_lacks() -> None:
    """S1 is empty and W1 full of mugs: W1's row says how many to move, and what that saves."""
    facts = shop_facts(
        inventory=lots(("W1", "MUG", "A", 100.0, "2026-09-01")),
        open_orders=demo_scenario("corner-shop").table("open_orders").iloc[:0],
    )
    row = health(facts).loc[("W1", "MUG")]
    lacking = reorder_rules(facts).own_top[
        np.flatnonzero((facts.pairs["site_id"] == "S1") & (facts.pairs["product_id"] == "MUG"))[0]
    ]
    assert row["action_kind"] == "transfer"
    assert row["action_value"] == pytest.approx(lacking * 3.0)
    assert row["action"].startswith(f"transfer {lacking:.0f} to S1, which lacks them")


def test_a_mark_down_names_its_break_even() -> None:
    """The price cut that holding costs: half of what the whole wait costs a unit."""
    facts = shop_facts(
        inventory=lots(
            ("W1", "MUG", "A", 300.0, "2026-09-01"), ("S1", "MUG", "B", 60.0, "2026-09-01")
        ),
        open_orders=demo_scenario("corner-shop").table("open_orders").iloc[:0],
    )
    row = health(facts).loc[("W1", "MUG")]
    assert row["action_kind"] == "mark_down"
    pair = facts.pairs.set_index(PAIR).loc[("W1", "MUG")]
    wait = row["excess_units"] / (row["on_hand"] / row["turnover_days"])
    cut = 0.5 * pair["holding_cost_per_unit_day"] * wait
    assert row["action_value"] == pytest.approx(row["excess_units"] * cut)
    assert f"{cut:,.2f} a unit" in row["action"]


def test_relabelled_products_keep_their_health() -> None:
    """New names for products change names, not numbers or remedies."""
    shop = demo_scenario("corner-shop")
    before = health(shop_facts())
    names = {"TEA": "ZZ", "COFFEE": "AA", "MUG": "MM"}
    tables = {
        name: table.replace(names) if "product_id" in table or "component_id" in table else table
        for name, table in shop.tables.items()
    }
    after = health(read_facts(Scenario(shop.settings, tables), {}))
    for site, product in before.index:
        new = after.loc[(site, names.get(product, product))]
        assert new["action_kind"] == before.loc[(site, product), "action_kind"]
        assert new["excess_value"] == pytest.approx(before.loc[(site, product), "excess_value"])
