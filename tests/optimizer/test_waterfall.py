"""What part of a change of cost came from which change of the inputs."""

from __future__ import annotations

import pytest

from optimizer.pipeline import plan
from optimizer.plan import Plan
from optimizer.waterfall import waterfall
from scenarios import InputError, Scenario
from scenarios.deltas import Delta, apply
from scenarios.library import demo_scenario


def purchases(scenario: Scenario) -> Plan:
    """Plan tonight's purchases."""
    return plan(scenario, ["replenishment"], work=3.0)


def parcels(scenario: Scenario) -> Plan:
    """Plan the parcels."""
    return plan(scenario, ["sourcing"], work=2.0)


@pytest.fixture(scope="module")
def shop() -> Scenario:
    """The corner shop."""
    return demo_scenario("corner-shop")


HARMLESS = Delta(table="suppliers", op="set", column="recovery_days", value=77.0)


@pytest.mark.parametrize(
    ("table", "column", "factor", "planner"),
    [
        ("supplier_products", "order_cost", 3.0, purchases),
        pytest.param("inventory", "on_hand", 0.5, purchases, marks=pytest.mark.slow),
        pytest.param("forecasts", "qty", 1.5, purchases, marks=pytest.mark.slow),
        ("carrier_rates", "base", 2.0, parcels),
        pytest.param("sites", "handling_cost_per_unit", 5.0, parcels, marks=pytest.mark.slow),
        pytest.param("order_lines", "qty", 2.0, parcels, marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_a_planted_change_moves_its_own_bar(
    shop: Scenario, table: str, column: str, factor: float, planner: object
) -> None:
    """Of two changed inputs the one that costs has the whole change, the harmless one nothing."""
    planted = Delta(table=table, op="scale", column=column, value=factor)
    found = waterfall(shop, apply(shop, [HARMLESS, planted]), planner)  # type: ignore[arg-type]
    bars = {bar.driver: bar.change for bar in found.bars}
    assert set(bars) == {"suppliers.recovery_days", f"{table}.{column}"}
    assert bars["suppliers.recovery_days"] == pytest.approx(0.0, abs=1e-6)
    assert abs(bars[f"{table}.{column}"]) > 0.01


TWO = (
    Delta(table="carrier_rates", op="scale", column="base", value=2.0),
    Delta(table="sites", op="scale", column="handling_cost_per_unit", value=5.0),
)


@pytest.mark.parametrize("shapley", [False, True])
def test_the_bars_add_up(shop: Scenario, shapley: bool) -> None:
    """The bars, and the stages of each, add up to the whole change."""
    found = waterfall(shop, apply(shop, TWO), parcels, shapley=shapley)
    whole = found.after - found.before
    assert sum(bar.change for bar in found.bars) == pytest.approx(whole, abs=1e-9)
    for bar in found.bars:
        assert sum(bar.stages.values()) == pytest.approx(bar.change, abs=1e-9)


def test_a_dearer_currency_shows_in_the_purchases_of_its_bar(shop: Scenario) -> None:
    """Objectives leave out the cheapest price; what is paid for the lines stands beside them."""
    rates = shop.table("indices")
    last = rates["date"] == rates["date"].max()
    dearer = rates.assign(value=rates["value"].where(~last, 1.3 * rates["value"]))
    tables = {name: shop.table(name) for name in shop.tables} | {"indices": dearer}
    after = apply(Scenario(shop.settings, tables), [HARMLESS])
    plans: list[Plan] = []

    def planner(scenario: Scenario) -> Plan:
        plans.append(plan(scenario, ["replenishment"], work=0.2))
        return plans[-1]

    bars = {bar.driver: bar.purchases for bar in waterfall(shop, after, planner).bars}
    paid = [float(made.table("purchase_orders")["cost"].sum()) for made in plans]
    assert bars["suppliers.recovery_days"] == 0.0
    assert bars["indices.value"] == pytest.approx(paid[-1] - paid[0])
    assert bars["indices.value"] > 1.0


@pytest.mark.slow
def test_shapley_is_the_mean_of_both_orders(shop: Scenario) -> None:
    """Of two drivers each has the mean of its step first and its step last."""
    rates, sites = (parcels(apply(shop, [delta])) for delta in TWO)
    none, both = parcels(shop), parcels(apply(shop, TWO))
    cost = [p.table("certificates")["objective"].sum() for p in (none, rates, sites, both)]
    found = waterfall(shop, apply(shop, TWO), parcels, shapley=True)
    bars = {bar.driver: bar.change for bar in found.bars}
    mean = ((cost[1] - cost[0]) + (cost[3] - cost[2])) / 2.0
    assert bars["carrier_rates.base"] == pytest.approx(mean, abs=1e-9)


def test_too_many_drivers_for_shapley_are_refused(shop: Scenario) -> None:
    """Seven groups would need 128 plans."""
    columns = ("base", "per_kg", "included_kg", "promise_days", "volumetric_kg_per_m3")
    more = [Delta(table="carrier_rates", op="scale", column=c, value=1.5) for c in columns]
    more.append(Delta(table="sites", op="set", column="fixed_cost_per_day", value=3.0))
    more.append(Delta(table="suppliers", op="set", column="recovery_days", value=3.0))
    with pytest.raises(InputError, match="too many"):
        waterfall(shop, apply(shop, more), parcels, shapley=True)


@pytest.mark.slow
def test_rows_that_come_and_go_have_bars(shop: Scenario) -> None:
    """A removed order is a driver of its own."""
    where = {"column": "order_id", "comparison": "eq", "value": "O2"}
    gone = [
        Delta.model_validate({"table": table, "op": "delete", "where": where})
        for table in ("orders", "order_lines")
    ]
    found = waterfall(shop, apply(shop, gone), parcels)
    assert any("rows removed" in bar.driver for bar in found.bars)
    assert sum(bar.change for bar in found.bars) == pytest.approx(found.after - found.before)
