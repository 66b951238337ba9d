"""Lost sales before an order arrives, totals of spans, and the replay that calibrates fractiles."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.audit.lost_sales import Spans, between, left_at_arrival
from optimizer.audit.replenishment import check
from optimizer.outcome import Limits
from optimizer.plan import conform
from optimizer.replenishment import run
from optimizer.replenishment.demand.calibration import (
    SHIFTS,
    Past,
    Rule,
    calibrate,
    volume_class,
)
from optimizer.replenishment.demand.from_forecast import Z90
from optimizer.replenishment.demand.lost_sales import cut_at_zero, stock_at_arrival
from optimizer.replenishment.demand.past import read_past
from optimizer.replenishment.demand.spans import SpanVariance
from optimizer.replenishment.facts import read_facts
from scenarios import Scenario, Settings

MONDAY = pd.Timestamp("2026-03-02")


def test_a_cut_normal_has_the_moments_of_the_half_normal() -> None:
    """max(Z, 0) of a standard normal: mean 1 / sqrt(2 pi), second moment 1 / 2."""
    mean, variance = cut_at_zero(np.array([0.0]), np.array([1.0]))
    assert mean[0] == pytest.approx(1.0 / np.sqrt(2.0 * np.pi))
    assert variance[0] == pytest.approx(0.5 - 1.0 / (2.0 * np.pi))


def test_certain_demand_is_followed_exactly() -> None:
    """Stock 5, demand 4 then 4, 2 come before the second: 5 - 4 = 1, 1 + 2 - 4 < 0: 1 is lost."""
    found = stock_at_arrival(
        np.array([5.0]), np.array([[0.0, 2.0]]), np.array([[4.0, 4.0]]), np.zeros((1, 2))
    )
    assert found.mean[0] == 0.0
    assert found.lost[0] == pytest.approx(1.0)


def test_lost_units_agree_with_a_simulation() -> None:
    """With normal demand the first bucket is exact; later ones come within 2 % of the mean."""
    rng = np.random.default_rng(0)
    demand = rng.normal((6.0, 6.0, 6.0), 2.0, (200_000, 3))
    stock, lost = np.full(len(demand), 8.0), np.zeros(len(demand))
    for bucket, receipt in enumerate((0.0, 5.0, 4.0)):
        before = stock + receipt - demand[:, bucket]
        stock = np.maximum(before, 0.0)
        lost += stock - before
    found = stock_at_arrival(
        np.array([8.0]), np.array([[0.0, 5.0, 4.0]]), np.full((1, 3), 6.0), np.full((1, 3), 4.0)
    )
    assert found.lost[0] == pytest.approx(lost.mean(), abs=0.02 * 18.0)
    assert found.mean[0] == pytest.approx(stock.mean(), abs=0.02 * 18.0)


@given(
    stock=st.floats(0, 50),
    mean=st.lists(st.floats(0, 20), min_size=3, max_size=3),
    sd=st.lists(st.floats(0, 8), min_size=3, max_size=3),
    receipt=st.floats(0, 20),
)
def test_engine_and_referee_follow_stock_alike(
    stock: float, mean: list[float], sd: list[float], receipt: float
) -> None:
    """Two independent programs find the same variance and the same lost units."""
    means, variances = np.array([mean]), np.array([sd]) ** 2
    receipts = np.array([[0.0, receipt, 0.0]])
    ours = stock_at_arrival(np.array([stock]), receipts, means, variances)
    spread, lost = left_at_arrival(np.array([stock]), receipts, means, variances)
    assert lost[0] == pytest.approx(ours.lost[0], abs=1e-7)
    assert spread[0] == pytest.approx(ours.variance[0], abs=1e-6)
    assert ours.lost[0] >= -1e-9


@given(
    variance=st.lists(st.floats(0.1, 50), min_size=4, max_size=4),
    length=st.floats(0.1, 30),
)
def test_engine_and_referee_interpolate_spans_alike(variance: list[float], length: float) -> None:
    """Between, at, before and beyond the spans stated."""
    spans = np.array([1.0, 2.0, 4.0, 8.0])
    rows = np.array([variance])
    ours = SpanVariance(spans, rows).over(np.array([0]), np.array([length]))
    assert between(spans, rows, np.array([length]))[0] == pytest.approx(ours[0], rel=1e-9)


def test_between_two_spans_variance_is_a_power_of_the_length() -> None:
    """Variance 3 of one bucket and 12 of two grows as length^2: 3 x 1.5^2 = 6.75."""
    spread = SpanVariance(np.array([1.0, 2.0]), np.array([[3.0, 12.0]]))
    at = np.zeros(3, np.int64)
    found = spread.over(at, np.array([1.5, 1.0, 4.0]))
    assert found == pytest.approx([6.75, 3.0, 48.0])


def test_a_row_with_a_certain_span_states_nothing() -> None:
    """Where one span has no variance, the sum of the buckets has to do."""
    spread = SpanVariance(np.array([1.0, 2.0]), np.array([[3.0, 0.0]]))
    assert np.isnan(spread.over(np.array([0]), np.array([2.0]))).all()


def past_of(demand: np.ndarray, mean: float, variance: float, spans: tuple[int, ...]) -> Past:
    """Return a past in which every forecast said the same, and the demand that came."""
    n, steps = demand.shape
    lengths = np.array(spans, float)
    shape = (n, steps, len(spans))
    return Past(
        lengths,
        np.broadcast_to(mean * lengths, shape).copy(),
        np.broadcast_to(variance * lengths, shape).copy(),
        demand,
    )


def rule_of(n: int, lead: int = 2, volume: float = 8.0) -> Rule:
    """Return a rule with holding 0.2 and shortage 1 a unit and step."""
    one = np.ones(n)
    return Rule(
        lead_steps=np.full(n, lead),
        review_steps=np.ones(n, np.int64),
        holding=0.2 * one,
        shortage=one,
        holding_review=0.2 * one,
        multiple=one,
        moq=0.0 * one,
        volume=np.full(n, volume),
    )


def test_an_overstated_variance_is_found_out() -> None:
    """Demand is Poisson(4), the forecast says variance 40: the replay lowers the level."""
    demand = np.random.default_rng(1).poisson(4.0, (300, 30)).astype(float)
    (found,) = calibrate(past_of(demand, 4.0, 40.0, (1, 2, 3)), rule_of(300))
    assert found.shift < -0.4
    assert found.cost_replayed < found.cost_theory
    assert found.fractile_replayed < found.fractile_theory == pytest.approx(1.0 / 1.2)


def test_an_understated_variance_is_found_out() -> None:
    """Demand has variance 40 about a mean of 8, the forecast says 4: the level rises."""
    rng = np.random.default_rng(2)
    demand = rng.poisson(8.0 * rng.gamma(2.0, 0.5, (300, 30))).astype(float)
    (found,) = calibrate(past_of(demand, 8.0, 4.0, (1, 2, 3)), rule_of(300, lead=0))
    assert found.shift > 0.2


def test_half_a_drift_of_everything_reaches_the_fractile() -> None:
    """Demand four times what was expected is replayed as twice as much: 4 x sqrt(1 / 4)."""
    demand = np.random.default_rng(3).poisson(40.0, (200, 30)).astype(float)
    steady = demand * (40.0 / demand.mean())
    (doubled,) = calibrate(past_of(steady * 4.0, 40.0, 50.0, (1, 2, 3)), rule_of(200))
    (plain,) = calibrate(past_of(steady, 40.0, 50.0, (1, 2, 3)), rule_of(200))
    assert plain.shift < doubled.shift
    # holding nothing, the shortage of a series would be 40 x 2 a step, less what is served
    assert doubled.cost_theory < 200 * 27 * 80.0


def test_a_short_past_calibrates_nothing() -> None:
    """Eight weeks with a lead time of two and a review of one leave five: too few."""
    demand = np.random.default_rng(4).poisson(4.0, (50, 8)).astype(float)
    assert calibrate(past_of(demand, 4.0, 40.0, (1, 2, 3)), rule_of(50)) == ()


def test_unknown_weeks_cost_nothing() -> None:
    """Weeks in which stock ran out are not counted against any fractile."""
    demand = np.random.default_rng(5).poisson(4.0, (100, 30)).astype(float)
    demand[:, 20:] = np.nan
    (found,) = calibrate(past_of(demand, 4.0, 40.0, (1, 2, 3)), rule_of(100))
    assert found.steps == 100 * (20 - 3)


def test_classes_part_at_three_and_twelve_units() -> None:
    """3 units in the interval are slow, 3.1 and 12 medium, 12.1 fast."""
    assert volume_class(np.array([0.0, 3.0, 3.1, 12.0, 12.1])).tolist() == [0, 0, 1, 1, 2]


def test_past_forecasts_are_laid_out_by_step() -> None:
    """Two weekly origins; the span of one bucket is the step, what came is that of the step."""
    rows = [
        ("P1", "S1", MONDAY - pd.Timedelta(days=7 * back), span, span * 2.0, span * 2.0 + Z90, 3.0)
        for back in (2, 1)
        for span in (1, 2, 3)
    ]
    columns = ["product_id", "location_id", "origin", "span_buckets", "mean", "high", "came"]
    origins = pd.DataFrame(rows, columns=columns)
    pairs = pd.DataFrame({"site_id": ["S0", "S1"], "product_id": ["P1", "P1"]})
    found = read_past(origins, pairs, 7)
    assert found is not None
    past, at, step = found
    assert (at.tolist(), step) == ([1], 1)
    assert past.mean[0, 0].tolist() == [2.0, 4.0, 6.0]
    assert past.variance == pytest.approx(np.ones((1, 2, 3)))
    assert past.came.tolist() == [[3.0, 3.0]]


def test_no_past_is_no_error() -> None:
    """Without the table, with none of our pairs, or with a single origin there is no replay."""
    pairs = pd.DataFrame({"site_id": ["S1"], "product_id": ["P1"]})
    assert read_past(None, pairs, 7) is None


def shop(on_hand: tuple[float, float], **settings: str) -> Scenario:
    """Return two products, lead time and review of a week, holding 0.2 and shortage 1."""
    ids = ["P1", "P2"]
    made = Settings(
        name="shop",
        currency="EUR",
        timezone="UTC",
        start_date=dt.date(2026, 3, 2),
        bucket="week",
        horizon_buckets=4,
        **settings,  # type: ignore[arg-type]
    )
    pair = {"site_id": ["S1", "S1"], "product_id": ids}
    products = {"name": ids, "unit_cost": 1.0, "unit_price": 2.0, "weight_kg": 1.0}
    return Scenario(
        made,
        {
            "products": pd.DataFrame({"product_id": ids, **products, "volume_m3": 0.001}),
            "sites": pd.DataFrame(
                {"site_id": ["S1"], "kind": "store", "name": "S1", "status": "open"}
            ),
            "suppliers": pd.DataFrame({"supplier_id": ["V1"], "name": ["V1"]}),
            "supplier_products": pd.DataFrame(
                {
                    "supplier_id": "V1",
                    "product_id": ids,
                    "unit_cost": 1.0,
                    "lead_time_mean_days": 7.0,
                }
            ),
            "inventory": pd.DataFrame(pair).assign(on_hand=list(on_hand)),
            "inventory_policies": pd.DataFrame(pair).assign(
                policy="base_stock",
                review_days=7.0,
                shortage_cost=1.0,
                holding_cost_per_unit_day=0.2 / 7.0,
            ),
        },
    )


def forecast_of(sd_of_two: float) -> pd.DataFrame:
    """Return a forecast of 10 a week, sd 3; the total of two weeks has the sd given."""
    rows = []
    for product in ("P1", "P2"):
        for bucket in range(4):
            day = MONDAY + pd.Timedelta(days=7 * bucket)
            rows += [(product, day, 1, np.nan, 10.0), (product, day, 1, 0.9, 10.0 + 3.0 * Z90)]
        rows += [
            (product, MONDAY, 2, np.nan, 20.0),
            (product, MONDAY, 2, 0.9, 20.0 + sd_of_two * Z90),
        ]
    columns = ["product_id", "bucket", "span_buckets", "quantile", "qty"]
    frame = pd.DataFrame(rows, columns=columns).assign(location_id="S1", method="test")
    return conform("forecast", frame)


def calibration_of(shift: float) -> pd.DataFrame:
    """Return past forecasts: 26 weeks in which demand was as steady as can be."""
    rows = [
        (
            product,
            MONDAY - pd.Timedelta(days=7 * back),
            span,
            10.0 * span,
            10.0 * span + shift,
            10.0,
        )
        for product in ("P1", "P2")
        for back in range(26, 0, -1)
        for span in (1, 2, 3)
    ]
    columns = ["product_id", "origin", "span_buckets", "mean", "high", "came"]
    return pd.DataFrame(rows, columns=columns).assign(location_id="S1")


def test_what_is_lost_before_arrival_is_not_ordered() -> None:
    """Without stock a week of 10 is lost: P1 needs 20 less 10 lost; P2 has 30 and loses none."""
    facts = read_facts(shop((0.0, 30.0)), {"forecast": forecast_of(4.0)})
    pairs = facts.pairs
    assert pairs["lost_before"].to_numpy() == pytest.approx([10.0, 0.0], abs=0.01)
    assert pairs["decision_mean"].to_numpy() == pytest.approx([10.0, 20.0], abs=0.01)
    # P1: nothing is left whatever the first week brings; P2: the total's sd, 4
    assert pairs["decision_sd"].to_numpy() == pytest.approx([np.sqrt(16.0 - 9.0), 4.0], abs=0.01)


def test_backorders_wait_and_are_ordered() -> None:
    """Where unmet demand waits, nothing is lost and the mean stays."""
    scenario = shop((0.0, 30.0), shortage_rule="backorder")
    pairs = read_facts(scenario, {"forecast": forecast_of(4.0)}).pairs
    assert pairs["decision_mean"].tolist() == pairs["mean"].tolist() == [20.0, 20.0]


def test_the_referee_agrees_on_calibrated_orders() -> None:
    """Lost sales, spans and a replayed shift: objective and every rule hold at the referee."""
    scenario = shop((3.0, 12.0))
    upstream = {"forecast": forecast_of(5.0), "forecast_origins": calibration_of(9.0)}
    result = run(scenario, upstream, Limits(work=2.0))
    tables = {name: conform(name, frame) for name, frame in result.tables.items()}
    calibration = tables["calibration"]
    assert calibration["shift"].tolist() != [0.0]
    report = check(scenario, tables | {"forecast": upstream["forecast"]})
    assert report.violations == ()
    assert result.certificate is not None
    assert report.objective == pytest.approx(result.certificate.objective, rel=1e-9)


def test_the_referee_rejects_a_shift_that_nobody_replayed() -> None:
    """A larger shift than any replay allows is a violation."""
    scenario = shop((3.0, 12.0))
    upstream = {"forecast": forecast_of(5.0), "forecast_origins": calibration_of(9.0)}
    result = run(scenario, upstream, Limits(work=2.0))
    tables = {name: conform(name, frame) for name, frame in result.tables.items()}
    tables["calibration"] = tables["calibration"].assign(shift=-2.0)
    report = check(scenario, tables | {"forecast": upstream["forecast"]})
    assert "shift_too_large" in {violation.code for violation in report.violations}


def test_the_planners_own_target_is_not_shifted() -> None:
    """A stated target without a shortage cost is the planner's word: the replay leaves it alone."""
    scenario = shop((3.0, 12.0))
    policies = scenario.table("inventory_policies").assign(
        target_cycle_service=[0.95, np.nan], shortage_cost=[np.nan, 1.0]
    )
    scenario = Scenario(scenario.settings, dict(scenario.tables) | {"inventory_policies": policies})
    upstream = {"forecast": forecast_of(5.0), "forecast_origins": calibration_of(9.0)}
    shift = read_facts(scenario, upstream).pairs["shift"].tolist()
    assert shift[0] == 0.0
    assert shift[1] != 0.0


def test_the_spans_of_a_forecast_without_totals_are_empty() -> None:
    """The referee then adds up independent buckets."""
    forecast = forecast_of(5.0)
    assert len(Spans(forecast[forecast["span_buckets"] == 1]).lengths) == 0


def test_the_grid_of_shifts_holds_the_theory() -> None:
    """One of the shifts tried is none at all."""
    assert np.abs(SHIFTS).min() < 1e-12


def test_reorder_levels_take_the_replayed_fractile_too() -> None:
    """Levels of the policies fall where the replay says that theory asks for too much."""
    scenario = shop((3.0, 12.0))
    plain = run(scenario, {"forecast": forecast_of(5.0)}, Limits(work=1.0))
    upstream = {"forecast": forecast_of(5.0), "forecast_origins": calibration_of(9.0)}
    replayed = run(scenario, upstream, Limits(work=1.0))
    assert (replayed.tables["calibration"]["shift"] < 0.0).all()
    assert (replayed.tables["policies"]["S"] < plain.tables["policies"]["S"]).all()
