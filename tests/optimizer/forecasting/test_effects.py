"""Promotions, prices, festivals and closed days: learned, drawn to what stands above, applied."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from optimizer.forecasting.effects import Effects, estimate, read_movers, usual_level
from optimizer.forecasting.prices import DEFAULT_ELASTICITY, learn_elasticities, uplift_of
from optimizer.forecasting.problem import read_history
from scenarios import Scenario, Settings

WEEKS = 110
START = pd.Timestamp("2026-06-01")
MONDAYS = pd.date_range(end="2026-05-25", periods=WEEKS, freq="7D")


def effects(
    qty: dict[str, np.ndarray], bucket: str = "week", horizon: int = 6, **tables: pd.DataFrame
) -> tuple[Effects, list[str]]:
    """Estimate effects over products at one site each; weekly rows, or daily ones."""
    settings = Settings(
        name="test", currency="EUR", timezone="UTC", start_date=START.date(), bucket=bucket,
        horizon_buckets=horizon,
    )  # fmt: skip
    names = sorted(qty)
    products = pd.DataFrame(
        {"product_id": names, "name": names, "category": ["pot" if n == "POT" else "tea"
                                                           for n in names],
         "unit_cost": 1.0, "unit_price": 2.0, "weight_kg": 1.0, "volume_m3": 0.01}
    )  # fmt: skip
    sites = pd.DataFrame(
        {"site_id": ["N", "S"], "kind": "store", "name": ["n", "s"], "status": "open",
         "region": ["North", "South"], "calendar_id": ["CAL", None]}
    )  # fmt: skip
    step = 7 if bucket == "week" else 1
    rows = []
    for name in names:
        days = START - pd.to_timedelta(step * np.arange(len(qty[name]), 0, -1), unit="D")
        place = "S" if name == "SOUTH" else "N"
        rows.append(
            pd.DataFrame({"date": days, "product_id": name, "location_id": place, "qty": qty[name]})
        )
    frames = {"products": products, "sites": sites, "demand_history": pd.concat(rows)}
    scenario = Scenario(settings, frames | tables)
    history = read_history(scenario)
    movers = read_movers(scenario, history, horizon)
    found = estimate(movers, history, horizon, history.sales.shape[1])
    return found, history.keys["product_id"].tolist()


def promotion(name: str, start: pd.Timestamp, weeks: int = 1, **more: object) -> dict[str, object]:
    """Return a row of `promotions`."""
    end = start + pd.Timedelta(days=7 * weeks - 1)
    return {"promotion_id": name, "start": start, "end": end} | more


def test_usual_level_is_the_mean_of_quiet_buckets() -> None:
    """A lifted bucket does not lift its own yardstick."""
    sales = np.array([[4.0], [40.0], [6.0]])
    quiet = np.array([[True], [False], [True]])
    assert usual_level(sales, quiet).ravel().tolist() == [5.0, 5.0, 5.0]


def test_a_discount_without_evidence_follows_the_default_elasticity() -> None:
    """A fifth off at -2.62: 0.8^-2.62 - 1 = 0.794 more."""
    table = pd.DataFrame([promotion("A", START, product_id="TEA", discount_pct=20.0)])
    found, _ = effects({"TEA": np.full(WEEKS, 50.0)}, promotions=table)
    assert found.factors is not None
    assert found.factors[WEEKS, 0] == pytest.approx(0.8**DEFAULT_ELASTICITY)
    assert found.planned["rule"].tolist() == ["elasticity"]


def test_what_was_seen_is_drawn_towards_the_planners_number() -> None:
    """Seen +200 %, planner +100 %: in between, and nearer to what was seen after many weeks."""
    lifted = []
    for times in (1, 4):
        qty = np.full(WEEKS, 50.0)
        rows = []
        for number in range(times):
            qty[30 + 10 * number] = 150.0
            rows.append(promotion(f"P{number}", MONDAYS[30 + 10 * number], product_id="TEA"))
        rows.append(promotion("NEXT", START, product_id="TEA", uplift_pct=100.0))
        found, _ = effects({"TEA": qty}, promotions=pd.DataFrame(rows))
        assert found.factors is not None
        lifted.append(found.factors[WEEKS, 0] - 1.0)
    assert 1.0 < lifted[0] < lifted[1] < 2.0


def test_a_promotion_of_another_kind_is_no_evidence() -> None:
    """A live show does what the planner says, whatever the weekly discount did."""
    qty = np.full(WEEKS, 50.0)
    qty[40] = 500.0
    rows = [
        promotion("A", MONDAYS[40], product_id="TEA", kind="discount"),
        promotion("B", START, product_id="TEA", kind="live show", uplift_pct=50.0),
    ]
    found, _ = effects({"TEA": qty}, promotions=pd.DataFrame(rows))
    assert found.factors is not None
    assert found.factors[WEEKS, 0] == pytest.approx(1.5)


def test_a_flagged_promotion_takes_demand_from_its_victims() -> None:
    """Pots sold 20 instead of 40 each time tea was promoted: the next one costs them too."""
    tea, pot = np.full(WEEKS, 50.0), np.full(WEEKS, 40.0)
    rows = []
    for number, week in enumerate((30, 50, 70, 90)):
        tea[week], pot[week] = 100.0, 20.0
        rows.append(promotion(f"P{number}", MONDAYS[week], product_id="TEA", cannibalises="pot"))
    rows.append(promotion("NEXT", START, product_id="TEA", cannibalises="pot"))
    found, names = effects({"TEA": tea, "POT": pot}, promotions=pd.DataFrame(rows))
    assert found.factors is not None
    # half was lost in 4 buckets, which weigh as much as the 4 of "nothing": a quarter
    assert found.factors[WEEKS, names.index("POT")] == pytest.approx(0.75, abs=0.02)


def test_a_festival_has_its_build_up_and_its_dip_in_its_region_only() -> None:
    """Up before it, up in it, down after it, as in the years before; the south keeps calm."""
    north, south = np.full(WEEKS, 200.0), np.full(WEEKS, 200.0)
    firsts = [MONDAYS[8], MONDAYS[60], START + pd.Timedelta(days=14)]
    for week in (8, 60):
        north[week - 1 : week + 2] = [260.0, 500.0, 140.0]
    table = pd.DataFrame(
        {"event_id": "FAIR", "start": firsts, "end": [f + pd.Timedelta(days=6) for f in firsts],
         "region": "North"}
    )  # fmt: skip
    found, names = effects({"TEA": north, "SOUTH": south}, events=table)
    assert found.factors is not None
    coming = found.factors[WEEKS : WEEKS + 6]
    up = coming[:, names.index("TEA")]
    assert up[1] == pytest.approx(1.3, abs=0.12)
    assert 1.8 < up[2] < 2.5
    assert up[3] == pytest.approx(0.7, abs=0.12)
    assert up[0] == pytest.approx(1.0, abs=0.02)
    np.testing.assert_allclose(coming[:, names.index("SOUTH")], 1.0)


def test_a_festival_that_never_was_has_no_effect_and_is_named() -> None:
    """Nothing is assumed of what was not seen."""
    table = pd.DataFrame({"event_id": ["NEW"], "start": [START], "end": [START]})
    found, _ = effects({"TEA": np.full(WEEKS, 50.0)}, events=table)
    assert found.unseen == ("NEW",)
    assert found.factors is not None
    assert (found.factors == 1.0).all()


def test_closed_days_get_no_demand_in_daily_buckets() -> None:
    """The calendar of the site is closed on the second day; the other site is not."""
    closed = pd.DataFrame(
        {"calendar_id": ["CAL"], "date": [START + pd.Timedelta(days=1)], "is_working": [False]}
    )
    qty = {"TEA": np.full(60, 5.0), "SOUTH": np.full(60, 5.0)}
    found, names = effects(qty, bucket="day", calendars=closed)
    assert found.factors is not None
    assert found.factors[60:63, names.index("TEA")].tolist() == [1.0, 0.0, 1.0]
    assert found.factors[60:63, names.index("SOUTH")].tolist() == [1.0, 1.0, 1.0]


def test_elasticity_is_found_where_prices_moved_and_default_where_not() -> None:
    """Demand 100 p^-1.5 over prices 0.7 to 1.3 gives about -1.5; constant prices the default."""
    rng = np.random.default_rng(5)
    price = rng.uniform(0.7, 1.3, (20, 80))
    sales = 100.0 * price**-1.5
    usual = np.full(sales.shape, 100.0)
    group = np.zeros(20, np.int64)
    assert learn_elasticities(sales, usual, price, group, 1)[0] == pytest.approx(-1.5, abs=0.15)
    flat = np.ones(sales.shape)
    assert learn_elasticities(sales, usual, flat, group, 1)[0] == DEFAULT_ELASTICITY


def test_no_discount_brings_nothing() -> None:
    """And half the price at -1 doubles demand."""
    assert uplift_of(0.0, DEFAULT_ELASTICITY) == 0.0
    assert uplift_of(50.0, -1.0) == pytest.approx(1.0)


def test_a_festival_at_the_start_of_the_history_shows_nothing() -> None:
    """Three times the usual in the first weeks, with nothing before: no profile is learned."""
    sales = np.full(WEEKS, 100.0)
    sales[:3] = 300.0
    firsts = [MONDAYS[1], START + pd.Timedelta(days=14)]
    table = pd.DataFrame(
        {"event_id": "FAIR", "start": firsts, "end": [f + pd.Timedelta(days=6) for f in firsts]}
    )
    found, _ = effects({"TEA": sales}, events=table)
    assert found.factors is not None
    assert (found.factors[WEEKS:] == 1.0).all()
    assert found.unseen == ("FAIR",)
