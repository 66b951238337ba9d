"""The last recorded days again: the same days for every way to decide, with books that add up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from optimizer.replay import Report, replay
from optimizer.replay.books import Books, Prices
from optimizer.replay.state import night, shifted
from optimizer.replay.truth import DAY, Truth, read_truth
from scenarios import InputError, Scenario
from scenarios.library import demo_scenario

START = pd.Timestamp("2026-03-02")
PAIRS = pd.MultiIndex.from_tuples([("W", "A"), ("S", "A")], names=["site_id", "product_id"])


@pytest.fixture(scope="module")
def shop() -> Scenario:
    """The corner shop."""
    return demo_scenario("corner-shop")


def books(demand: list[list[float]], on_hand: list[float]) -> Books:
    """Books of two pairs: 1 a unit and day held, 5 a unit short, worth 2."""
    truth = Truth(START, PAIRS, np.array(demand), 1)
    prices = Prices(np.ones(2), np.full(2, 5.0), np.full(2, 2.0))
    columns = ["order_id", "line", "kind", "source_id", "site_id", "product_id", "qty",
               "ordered_on", "due_on", "comes_on", "usable"]  # fmt: skip
    coming = pd.DataFrame(columns=columns)
    coming["comes_on"] = pd.to_datetime(coming["comes_on"])
    none = np.zeros(truth.demand.shape)
    return Books(truth, prices, np.array(on_hand), coming, none.copy(), none.copy())


def test_a_day_is_paid_for() -> None:
    """4 asked of 3: 3 sold, 1 short for 5; the other site keeps 6 of 8 at 1 each."""
    held = books([[4.0], [2.0]], [3.0, 8.0])
    held.live(0)
    assert held.on_hand.tolist() == [0.0, 6.0]
    assert held.days[0] == {
        "demand": 6.0, "sold": 5.0, "stock_value": 12.0, "holding": 6.0, "shortage": 5.0
    }  # fmt: skip


def test_a_transfer_takes_no_more_than_there_is(shop: Scenario) -> None:
    """10 are to leave, 3 are there: 3 leave, and come when they are due."""
    held = books([[0.0, 0.0], [0.0, 0.0]], [3.0, 0.0])
    move = {
        "transfer_id": "T", "origin_id": "W", "destination_id": "S", "product_id": "A",
        "qty": 10.0, "ship_on": START, "due_on": START + DAY,
    }  # fmt: skip
    held.move(shop, pd.DataFrame([move]))
    assert held.on_hand.tolist() == [0.0, 0.0]
    held.receive(START + DAY)
    assert held.on_hand.tolist() == [0.0, 3.0]


def test_an_order_is_as_late_in_every_arm() -> None:
    """Lateness depends on seed, supplier, site and day alone, and differs between days."""
    one, two = (books([[0.0], [0.0]], [0.0, 0.0]).truth for _ in range(2))
    days = [START + k * DAY for k in range(30)]
    late = [one.lateness("V", "W", day, 2.0) for day in days]
    assert late == [two.lateness("V", "W", day, 2.0) for day in days]
    assert len(set(late)) > 1


def test_the_next_buckets_are_what_is_recorded() -> None:
    """Days 1 to 4 in buckets of two; beyond the record its mean goes on."""
    truth = Truth(START, PAIRS, np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 6.0]]), 1)
    assert truth.ahead(1, 2, 2).tolist() == [[5.0, 4.0], [6.0, 4.0]]


def test_a_shifted_forecast_covers_the_days_that_follow() -> None:
    """Three of seven days on: 4/7 of the first week and 3/7 of the second."""
    weeks = [START, START + 7 * DAY]
    rows = [
        {"product_id": "A", "location_id": "W", "bucket": week, "span_buckets": 1.0,
         "quantile": quantile, "qty": qty, "method": "m"}
        for week, mean in zip(weeks, (7.0, 14.0), strict=True)
        for quantile, qty in ((np.nan, mean), (0.9, mean + 2.0))
    ]  # fmt: skip
    found = shifted(pd.DataFrame(rows), 3, 7)
    mean = found[found["quantile"].isna()].sort_values("bucket")
    assert mean["qty"].tolist() == pytest.approx([10.0, 14.0])
    assert mean["bucket"].iloc[0] == START + 3 * DAY
    high = found[found["quantile"] == 0.9].sort_values("bucket")
    assert high["qty"].iloc[0] == pytest.approx(12.0)  # 4/7 and 3/7 of the variance of 2


def test_recorded_demand_is_kept_to_the_unit(shop: Scenario) -> None:
    """Days of recorded weeks add up to the weeks."""
    truth, start = read_truth(shop, 14, 3)
    assert truth.days == 14
    assert float(truth.demand.sum()) > 0.0
    assert start + 14 * DAY <= pd.Timestamp(shop.settings.start_date) + 7 * DAY


def test_too_little_history_is_refused(shop: Scenario) -> None:
    """Two years cannot be lived again where months are recorded."""
    with pytest.raises(InputError, match="too short"):
        read_truth(shop, 730, 1)


def test_a_night_knows_no_later_sales(shop: Scenario) -> None:
    """Before the first whole period nothing of the replayed days stands in the history."""
    truth, start = read_truth(shop, 14, 3)
    none = np.zeros(truth.demand.shape)
    empty = books([[0.0], [0.0]], [0.0, 0.0]).coming
    held = Books(truth, Prices(*(np.ones(len(truth.pairs)) for _ in range(3))),
                 np.zeros(len(truth.pairs)), empty, none.copy(), none.copy())  # fmt: skip
    facts = night(shop, held, start + 3 * DAY)
    assert facts.settings.start_date == (start + 3 * DAY).date()
    assert (facts.table("demand_history")["date"] < start).all()


def check_books(report: Report, nights: int) -> None:
    """Expect that each arm's terms add up, and that as many nights were audited."""
    for arm in report.arms:
        assert sum(arm.terms.values()) == pytest.approx(arm.cost, abs=1e-9)
        assert 0.0 <= arm.fill_rate <= 1.0
    assert [arm.nights_audited for arm in report.arms] == [nights, 0, 0, nights]


@pytest.fixture(scope="module")
def report(shop: Scenario) -> Report:
    """Two days."""
    return replay(shop, 2)


@pytest.mark.slow
def test_terms_of_two_days_add_up(report: Report) -> None:
    """The second day lives on what the first has left; two nights of two arms are audited."""
    check_books(report, 2)


@pytest.mark.slow
def test_every_arm_lives_the_same_days(report: Report) -> None:
    """Four arms, the same demand each day."""
    table = report.table()
    assert table.groupby("arm")["demand"].apply(list).map(tuple).nunique() == 1
    assert len(table) == 4 * 2


def test_terms_add_up_and_nights_are_audited(shop: Scenario) -> None:
    """Money by term adds up to the cost; every planned night passed the referee."""
    check_books(replay(shop, 1), 1)
