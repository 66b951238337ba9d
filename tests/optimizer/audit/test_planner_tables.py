"""The referee finds what is wrong in the tables that planners read."""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest

import numpy as np
import pandas as pd
import pytest

from optimizer.audit.planner_tables import no_stockout
from optimizer.audit.replenishment import check
from optimizer.outcome import Limits
from optimizer.plan import conform
from optimizer.replenishment import run
from scenarios import Scenario
from scenarios.library import demo_scenario


@pytest.fixture(scope="module")
def planned() -> tuple[Scenario, dict[str, pd.DataFrame]]:
    """Return the corner shop and the tables of its night."""
    shop = demo_scenario("corner-shop")
    made = run(shop, {}, Limits(work=1.0)).tables
    return shop, {name: conform(name, frame) for name, frame in made.items()}


@pytest.mark.slow
def test_an_honest_plan_passes(planned: tuple[Scenario, dict[str, pd.DataFrame]]) -> None:
    """Nothing is wrong with the tables as they were made."""
    assert check(*planned).violations == ()


def moved(column: str, by: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Return a change of the first row of a column that has a number."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        row = table[column].first_valid_index()
        values = table[column].astype(float).copy()
        values.loc[row] += by
        return table.assign(**{column: values})

    return change


Change = Callable[[pd.DataFrame], pd.DataFrame]
PLANTED: list[tuple[str, str, Change]] = [
    ("policies", "s_not_under_S", moved("s", 500.0)),
    ("policies", "planner_s_number_changed", moved("Q", 1.0)),
    ("policies", "stated_twice", lambda t: pd.concat([t, t.head(1)], ignore_index=True)),
    ("safety_stock", "dearer_than_alone", moved("holding_cost_per_day", 9.0)),
    ("safety_stock", "customers_wait", moved("service_time_days", 3.0)),
    ("safety_stock", "time_does_not_add_up", moved("net_replenishment_days", -99.0)),
    ("stock_frontier", "not_one_chosen", lambda t: t.assign(chosen=True)),
    ("stock_frontier", "not_rising", moved("stock_value", 1e6)),
    ("stock_frontier", "chosen_is_dearer", moved("cost_per_day", -1e6)),
    ("stock_health", "on_hand_differs", moved("on_hand", 1.0)),
    ("stock_health", "excess_value_differs", moved("excess_value", 1.0)),
    ("supplier_scores", "on_time_rate_differs", moved("on_time_rate", -0.1)),
    ("supplier_dependency", "shares_are_not_100", moved("share_pct", -1.0)),
    ("supplier_dependency", "spend_differs", moved("spend", 5.0)),
    ("alerts", "no_money_at_risk", moved("value", -1e6)),
    ("alerts", "unknown_entity", lambda t: t.assign(entity="supplier:NOBODY")),
]


def rounds() -> list[list[tuple[str, str, Change]]]:
    """Return all errors in few lists, none of which has two of the same table."""
    by_table: dict[str, list[tuple[str, str, Change]]] = {}
    for error in PLANTED:
        by_table.setdefault(error[0], []).append(error)
    return [
        [error for error in found if error is not None] for found in zip_longest(*by_table.values())
    ]


def found_in(
    planned: tuple[Scenario, dict[str, pd.DataFrame]], *errors: tuple[str, str, Change]
) -> set[tuple[str, str]]:
    """Return table and code of what the referee finds when errors are planted."""
    scenario, tables = planned
    wrong = {name: change(tables[name]) for name, _, change in errors}
    return {(found.table, found.code) for found in check(scenario, tables | wrong).violations}


@pytest.mark.parametrize("errors", rounds(), ids=["first", "second", "third"])
def test_planted_errors_are_found(
    planned: tuple[Scenario, dict[str, pd.DataFrame]], errors: list[tuple[str, str, Change]]
) -> None:
    """A wrong number in each of several tables is a broken rule of each, named."""
    assert found_in(planned, *errors) >= {(name, code) for name, code, _ in errors}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code", "change"), PLANTED)
def test_a_planted_error_is_found_alone(
    planned: tuple[Scenario, dict[str, pd.DataFrame]], name: str, code: str, change: Change
) -> None:
    """One wrong number is one broken rule, named."""
    assert (name, code) in found_in(planned, (name, code, change))


def test_cycle_service_of_a_site_that_stands_alone_is_recomputed() -> None:
    """Without item_sources a base-stock pair's service is P(D <= S), and a wrong one is found."""
    shop = demo_scenario("corner-shop")
    tables = {name: table for name, table in shop.tables.items() if name != "item_sources"}
    scenario = Scenario(shop.settings, tables)
    made = {n: conform(n, t) for n, t in run(scenario, {}, Limits(work=0.5)).tables.items()}
    assert check(scenario, made).violations == ()
    wrong = made["policies"].assign(cycle_service=made["policies"]["cycle_service"] * 0.99)
    report = check(scenario, made | {"policies": wrong})
    assert {found.code for found in report.violations} == {"cycle_service_differs"}


def test_the_law_follows_mean_and_variance() -> None:
    """Variance at, above and below the mean: Poisson, geometric, normal."""
    mean = np.array([2.0, 2.0, 9.0])
    sd = np.array([2.0**0.5, 6.0**0.5, 1.0])
    found = no_stockout(mean, sd, np.array([0.0, 0.0, 9.0]))
    # geometric with p = 2 / 6
    assert found == pytest.approx([np.exp(-2.0), 1.0 / 3.0, 0.5])
