"""Scores, dependency and lead times of suppliers, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from optimizer.replenishment.facts import Facts, read_facts
from optimizer.replenishment.suppliers import (
    lead_time_gaps,
    read_lateness,
    supplier_dependency,
    supplier_scores,
)
from scenarios import Scenario
from scenarios.library import demo_scenario

NOTHING = pd.DataFrame()


def shop_facts(**tables: pd.DataFrame) -> Facts:
    """Return the corner shop's facts with tables replaced."""
    shop = demo_scenario("corner-shop")
    return read_facts(Scenario(shop.settings, dict(shop.tables) | tables), {})


def receipts(late: list[int], supplier: str = "FARM", lead: int = 7) -> pd.DataFrame:
    """Return a line a week, each some days late against a promise of `lead` days."""
    ordered = pd.Timestamp("2026-01-05") + pd.to_timedelta(7 * np.arange(len(late)), unit="D")
    promised = ordered + pd.Timedelta(days=lead)
    return pd.DataFrame(
        {
            "order_id": [f"R-{supplier}-{k:03d}" for k in range(len(late))],
            "line": "1",
            "supplier_id": supplier,
            "product_id": "TEA",
            "site_id": "W1",
            "qty_ordered": 10.0,
            "qty_received": 10.0,
            "qty_rejected": 0.0,
            "ordered_on": ordered,
            "promised_on": promised,
            "received_on": promised + pd.to_timedelta(late, unit="D"),
        }
    )


def test_the_score_is_drawn_towards_all_suppliers() -> None:
    """One late line of one: (0 x 1 + 0.5 x 10) / 11 on time, all else perfect."""
    both = pd.concat([receipts([3]), receipts([0], "MARKET")], ignore_index=True)
    scores = supplier_scores(shop_facts(receipts=both), NOTHING).set_index("supplier_id")
    assert scores.loc["FARM", "on_time_rate"] == 0.0
    assert scores.loc["FARM", "score"] == pytest.approx(100 * (0.4 * 5 / 11 + 0.4 + 0.2))
    assert scores.loc["MARKET", "score"] == pytest.approx(100 * (0.4 * 6 / 11 + 0.4 + 0.2))


def test_without_receipts_there_is_no_score() -> None:
    """A supplier without receipts has blank rates and a blank score, not zeros."""
    scores = supplier_scores(shop_facts(receipts=receipts([0, 0])), NOTHING)
    row = scores.set_index("supplier_id").loc["MARKET"]
    assert row[["on_time_rate", "fill_rate", "score", "trend_points"]].isna().all()
    assert row["receipt_lines"] == 0.0


def test_a_trend_is_told_where_chance_does_not_explain_it() -> None:
    """Ten punctual lines and then ten late ones: 100 points down; ten and ten mixed: 0."""
    down = supplier_scores(shop_facts(receipts=receipts([0] * 10 + [2] * 10)), NOTHING)
    mixed = supplier_scores(shop_facts(receipts=receipts([0, 2] * 10)), NOTHING)
    assert down.set_index("supplier_id").loc["FARM", "trend_points"] == -100.0
    assert mixed.set_index("supplier_id").loc["FARM", "trend_points"] == 0.0


@pytest.mark.slow
def test_lead_times_beyond_chance_are_found() -> None:
    """Lines that take about 10 days where the offer states 7 are a gap of 3; 7 +- 1 are none."""
    slow = lead_time_gaps(shop_facts(receipts=receipts([2, 3, 4] * 4)))
    row = slow.set_index("supplier_id").loc["FARM"]
    assert row["gap_days"] == pytest.approx(3.0)
    assert row["observed_days"] == pytest.approx(10.0)
    assert row["stated_days"] == pytest.approx(7.0)
    assert len(lead_time_gaps(shop_facts(receipts=receipts([-1, 0, 1] * 4)))) == 0
    assert len(lead_time_gaps(shop_facts(receipts=receipts([9, 9, 9, 9])))) == 0  # four lines


def test_draws_of_lateness_mix_own_lines_with_all() -> None:
    """Ten own lines of 5 days among ten punctual ones of another: half own, half anyone's."""
    lines = pd.concat([receipts([5] * 10), receipts([0] * 10, "MARKET")], ignore_index=True)
    lateness = read_lateness(shop_facts(receipts=lines))
    names = np.array(["FARM", "MARKET", "NEW"], object)
    drawn = lateness.draw(names, np.random.default_rng(0), 20_000)
    # FARM: 0.5 + 0.5 x 0.5; MARKET: 0.5 x 0.5; NEW: 0.5
    assert (drawn > 0).mean(axis=1) == pytest.approx([0.75, 0.25, 0.5], abs=0.015)
    none = read_lateness(shop_facts(receipts=receipts([])))
    assert (none.draw(names, np.random.default_rng(0), 3) == 0.0).all()


def test_shares_add_up_and_meet_their_caps() -> None:
    """Shares of every scope add up to 100; the lowest cap that names a supplier is shown."""
    shop = demo_scenario("corner-shop")
    one = (
        shop.table("limits").iloc[[0]].assign(kind="supplier_share_pct", sense="<=", bucket=pd.NaT)
    )
    limits = pd.concat(
        [
            one.assign(limit_id="A", scope="all", value=80.0),
            one.assign(limit_id="B", scope="supplier:FARM", value=60.0),
            one.assign(limit_id="C", scope="category:Drinks", value=70.0),
            one.assign(limit_id="D", scope="site:W1", value=75.0),
        ],
        ignore_index=True,
    )
    facts = shop_facts(limits=limits)
    purchases = pd.DataFrame(
        {
            "supplier_id": ["FARM", "MARKET", "MARKET"],
            "product_id": ["TEA", "TEA", "MUG"],
            "site_id": ["W1", "S1", "W1"],
            "cost": [60.0, 20.0, 20.0],
        }
    )
    rows = supplier_dependency(facts, purchases)
    spent = rows[rows["spend"] > 0.0]
    assert spent.groupby("scope")["share_pct"].sum().to_numpy() == pytest.approx(100.0)
    rows = rows.set_index(["supplier_id", "scope"])
    assert rows.loc[("FARM", "all"), ["share_pct", "cap_pct"]].tolist() == [60.0, 60.0]
    assert rows.loc[("MARKET", "all"), "cap_pct"] == 80.0
    assert rows.loc[("FARM", "category:Drinks"), ["share_pct", "cap_pct"]].tolist() == [75.0, 70.0]
    assert rows.loc[("MARKET", "site:W1"), "share_pct"] == pytest.approx(25.0)
