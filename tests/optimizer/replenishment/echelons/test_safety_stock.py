"""Safety stock of the corner shop's two sites, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from optimizer.replenishment.echelons import safety_stock
from optimizer.replenishment.facts import read_facts
from scenarios import Scenario
from scenarios.library import demo_scenario


def shop_with_lane(days: float) -> Scenario:
    """Return the corner shop with a transit time from W1 to S1."""
    shop = demo_scenario("corner-shop")
    lanes = shop.table("lanes").copy()
    between = (lanes["origin_id"] == "W1") & (lanes["destination_id"] == "S1")
    lanes.loc[between, "transit_mean_days"] = days
    return Scenario(shop.settings, dict(shop.tables) | {"lanes": lanes})


def test_a_site_without_sites_below_has_no_row() -> None:
    """Without item_sources nobody feeds anybody, and the table is empty."""
    shop = demo_scenario("corner-shop")
    tables = {name: table for name, table in shop.tables.items() if name != "item_sources"}
    assert len(safety_stock(read_facts(Scenario(shop.settings, tables), {}))) == 0


def test_the_network_never_costs_more_than_its_sites_alone() -> None:
    """Per product, guaranteed service costs at most what serving at once from everywhere does."""
    for days in (1.0, 9.0, 40.0):
        rows = safety_stock(read_facts(shop_with_lane(days), {}))
        total = rows.groupby("product_id")[
            ["holding_cost_per_day", "single_echelon_cost_per_day"]
        ].sum()
        assert (total["holding_cost_per_day"] <= total["single_echelon_cost_per_day"] + 1e-9).all()


def test_a_shop_at_the_end_serves_at_once() -> None:
    """S1 promises 0 days, and covers its transit, its review and what W1 promises."""
    scenario = shop_with_lane(9.0)
    facts = read_facts(scenario, {})
    rows = safety_stock(facts).set_index(["site_id", "product_id"])
    review = facts.pairs.set_index(["site_id", "product_id"])["review_days"]
    for product in ("TEA", "COFFEE", "MUG"):
        shop, store = rows.loc[("S1", product)], rows.loc[("W1", product)]
        assert shop["service_time_days"] == 0.0
        wait = store["service_time_days"] + 9.0 + review["S1", product]
        assert shop["net_replenishment_days"] == pytest.approx(wait)


def test_stock_of_one_site_is_z_sigma_root_time() -> None:
    """S1's tea alone: z of its costs x sd per day x root of its days."""
    facts = read_facts(shop_with_lane(1.0), {})
    index = facts.pairs.set_index(["site_id", "product_id"]).index.get_loc(("S1", "TEA"))
    pair = facts.pairs.iloc[index]
    holding = pair["holding_cost_per_unit_day"] * pair["review_days"]
    z = ndtri(pair["shortage_cost"] / (pair["shortage_cost"] + holding))
    days = np.array([pair["protection_days"]])
    _, variance = facts.forecast.over(np.array([pair["forecast_row"]]), days)
    row = safety_stock(facts).set_index(["site_id", "product_id"]).loc[("S1", "TEA")]
    expected = z * np.sqrt(variance[0] / days[0] * (1.0 + pair["review_days"]))
    assert row["single_echelon_safety_stock"] == pytest.approx(expected)
