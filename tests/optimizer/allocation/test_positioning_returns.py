"""What customers send back while a site waits is stock there: it need not be moved."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from positioning_worlds import hand_made

from optimizer.audit.positioning import check
from optimizer.explanations.check import check_told
from optimizer.explanations.explain import Explainer
from optimizer.pipeline import plan
from optimizer.plan import Plan
from scenarios import Scenario

START = pd.Timestamp("2026-10-12")


def with_returns(
    site: str = "W2", rate: float = 1.0, lead_days: float = 7.0, fed: bool = False
) -> Scenario:
    """70 of A at W1, 5 a day asked for at each site; W2 sold 3 a day in the last five days.

    What is sold comes back after five days.
    """
    days = [START - pd.Timedelta(days=day) for day in range(1, 6)]
    more = {
        "return_rates": pd.DataFrame(
            {"product_id": ["A"], "reason": "size", "rate": rate, "delay_days": 5.0,
             "disposition": "resell"}
        ),
        "demand_history": pd.DataFrame(
            {"date": days, "location_id": site, "product_id": "A", "qty": 3.0}
        ),
    }  # fmt: skip
    if fed:
        more["item_sources"] = pd.DataFrame({"site_id": ["W2"], "source_id": ["W1"]})
        more["supplier_products"] = pd.DataFrame(
            {"supplier_id": ["S"], "product_id": "A", "site_id": "W1", "unit_cost": 10.0,
             "lead_time_mean_days": lead_days}
        )  # fmt: skip
    return hand_made(
        stock={("A", "W1"): 70.0},
        demand={("A", "W1"): 5, ("A", "W2"): 5},
        lead_days=lead_days,
        more=more,
    )


def positioned(facts: Scenario) -> Plan:
    """Position stock alone."""
    return plan(facts, ["positioning"], work=2.0)


def test_what_comes_back_is_not_moved() -> None:
    """Everything comes back: 15 of last week to W2, and what is sold in two days, 10, to each.

    W2 is asked for 35 in its seven days and gets 25 back: 10 move, at 1 each; nothing is short.
    """
    made = positioned(with_returns())
    assert made.table("transfers")["qty"].tolist() == [10.0]
    certificate = made.table("certificates").iloc[0]
    assert certificate["objective"] == pytest.approx(10.0)
    assert certificate["audited"]
    rows = made.table("positions").set_index("site_id")
    assert rows.loc["W2", "expected_returns"] == pytest.approx(25.0)
    assert rows.loc["W2", "target"] == pytest.approx(35.0)
    assert rows.loc["W2", "demand_mean"] == pytest.approx(35.0)
    assert rows.loc["W2", "staying"] == 0.0


def test_chance_makes_demand_less_certain() -> None:
    """Of 25 each comes back or not, with even chance: 12.5, variance 6.25."""
    rows = positioned(with_returns(rate=0.5)).table("positions").set_index("site_id")
    assert rows.loc["W2", "expected_returns"] == pytest.approx(12.5)
    assert rows.loc["W2", "demand_sd"] == pytest.approx(2.5)


def test_goods_back_before_the_goods_of_its_own_sales_count_for_nothing() -> None:
    """Who waits four days is reached by what was sold five to one day ago alone: 4 x 3."""
    rows = positioned(with_returns(lead_days=4.0)).table("positions").set_index("site_id")
    assert rows.loc["W2", "expected_returns"] == pytest.approx(12.0)
    assert rows.loc["W1", "expected_returns"] == 0.0


def test_the_site_that_buys_counts_what_comes_back_to_those_it_feeds() -> None:
    """The referee works the same out for a site that feeds another, and finds what is false."""
    facts = with_returns(lead_days=14.0, fed=True)
    made = positioned(facts)
    assert made.table("certificates")["audited"].all()
    rows = made.table("positions")
    false = rows.assign(expected_returns=rows["expected_returns"] + 1.0)
    codes = {found.code for found in check(facts, {**made.tables, "positions": false}).violations}
    assert codes == {"expected_returns_differ"}


def test_explanations_have_what_comes_back() -> None:
    """Every position adds up with its returns, worked out again from the tables."""
    facts = with_returns(rate=0.5)
    made = positioned(facts)
    told = list(Explainer(facts, made).every())
    assert check_told(facts, made, told) == (len(told), [])
    terms = [term.name for one in told for part in one.sums for term in part.terms]
    assert "expected_returns" in terms


def test_without_goods_that_are_sold_again_nothing_is_stated() -> None:
    """Scrap is no stock: the plan is that without returns, and the column is blank."""
    facts = with_returns()
    scrap = facts.tables["return_rates"].assign(disposition="scrap")
    made = positioned(Scenario(facts.settings, {**facts.tables, "return_rates": scrap}))
    assert made.table("transfers")["qty"].tolist() == [35.0]
    assert np.isnan(made.table("positions")["expected_returns"].to_numpy(float)).all()
