"""The nights after tonight: small plans by hand, rules that hold for any plan, planted errors."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from benchmarks.rolling_case import rolling_case
from optimizer.audit import rolling
from optimizer.outcome import Limits, Termination
from optimizer.pipeline import plan, run_stage
from optimizer.plan import Plan, conform
from scenarios import Scenario
from scenarios.settings import Settings

START = pd.Timestamp("2026-03-02")  # a Monday
WORK = {"replenishment": 3.0, "rolling": 6.0}


def day(offset: int) -> pd.Timestamp:
    """Return a day after the start."""
    return START + pd.Timedelta(days=offset)


def scenario(
    weeks: int = 4,
    on_hand: float = 30.0,
    budgets: dict[int, float] | None = None,
    storage: float | None = None,
    **terms: object,
) -> Scenario:
    """Return one product at one site: 10 a week for certain, lead time and review a week."""
    forecast = pd.DataFrame(
        {
            "product_id": "TEA",
            "location_id": "W1",
            "bucket": [day(7 * week) for week in range(weeks)],
            "qty": 10.0,
        }
    )
    tables = {
        "products": pd.DataFrame(
            [("TEA", "Tea", 2.0, 5.0, 0.1, 1.0)],
            columns=["product_id", "name", "unit_cost", "unit_price", "weight_kg", "volume_m3"],
        ),
        "sites": pd.DataFrame(
            [("W1", "warehouse", "W1", "open", storage)],
            columns=["site_id", "kind", "name", "status", "storage_m3"],
        ),
        "suppliers": pd.DataFrame({"supplier_id": ["FARM"], "name": ["Farm"]}),
        "supplier_products": pd.DataFrame(
            [
                {
                    "supplier_id": "FARM",
                    "product_id": "TEA",
                    "unit_cost": 2.0,
                    "lead_time_mean_days": 7.0,
                    **terms,
                }
            ]
        ),
        "inventory": pd.DataFrame({"site_id": ["W1"], "product_id": ["TEA"], "on_hand": [on_hand]}),
        "inventory_policies": pd.DataFrame(
            [("W1", "TEA", "base_stock", 7.0, 3.0, 0.01)],
            columns=[
                "site_id", "product_id", "policy", "review_days", "shortage_cost",
                "holding_cost_per_unit_day",
            ],
        ),
        "forecasts": forecast,
    }  # fmt: skip
    if budgets:
        tables["limits"] = pd.DataFrame(
            {
                "limit_id": [f"B{week}" for week in budgets],
                "kind": "budget",
                "scope": "all",
                "bucket": [day(7 * week) for week in budgets],
                "sense": "<=",
                "value": list(budgets.values()),
                "hard": True,
            }
        )
    settings = Settings(
        name="two weeks", currency="EUR", timezone="UTC", start_date=START.date(), bucket="week",
        horizon_buckets=weeks,
    )  # fmt: skip
    return Scenario(settings, tables)


def rolled(facts: Scenario) -> Plan:
    """Return the audited plan."""
    return plan(facts, ["rolling"], work=WORK)


def orders(made: Plan) -> list[tuple[int, int, float]]:
    """Return (order day, due day, units) of every line, days from the start."""
    table = made.table("purchase_orders")
    return [
        ((row.order_on - START).days, (row.due_on - START).days, row.qty)
        for row in table.itertuples()
    ]


@pytest.fixture(scope="module")
def small() -> Scenario:
    """Return 60 product-locations at 3 sites, 5 weeks, with budgets, storage and minimums."""
    return rolling_case(60, 3, 5, seed=4)


@pytest.fixture(scope="module")
def made(small: Scenario) -> Plan:
    """Return its audited plan."""
    return rolled(small)


def test_orders_keep_the_position_at_two_weeks_of_demand() -> None:
    """30 in stock last tonight and next week; then 20 - 10 = 10 a week comes in."""
    assert orders(rolled(scenario())) == [(14, 21, 10.0), (21, 28, 10.0)]


def test_projection_adds_up() -> None:
    """30, 20, 10, then 0 + 10 received - 10 sold."""
    table = rolled(scenario()).table("inventory_projection")
    assert table["opening"].tolist() == pytest.approx([30.0, 20.0, 10.0, 0.0], abs=1e-6)
    assert table["receipts"].tolist() == pytest.approx([0.0, 0.0, 0.0, 10.0], abs=1e-6)
    assert table["closing"].tolist() == pytest.approx([20.0, 10.0, 0.0, 0.0], abs=1e-6)


def test_what_is_lost_does_not_come_back() -> None:
    """No money in week 2: 10 units are lost in week 3, and week 3 orders 20, not 30."""
    made = rolled(scenario(budgets={2: 1.0}))
    assert orders(made) == [(21, 28, 20.0)]


@pytest.mark.slow
def test_latest_safe_day() -> None:
    """In week 2 ten are left: out after day 21, lead time 7, so day 14 is the last."""
    table = rolled(scenario()).table("purchase_orders")
    assert table["latest_safe_on"].iloc[0] == day(14)


@pytest.mark.slow
def test_a_budget_without_a_date_holds_each_week() -> None:
    """12 of money buy 6 units in every week."""
    facts = scenario(on_hand=0.0)
    limits = pd.DataFrame(
        [("B", "budget", "all", "<=", 12.0, True)],
        columns=["limit_id", "kind", "scope", "sense", "value", "hard"],
    )
    made = rolled(Scenario(facts.settings, {**facts.tables, "limits": limits}))
    assert [qty for _, _, qty in orders(made)] == [6.0] * 4


@pytest.mark.slow
def test_projected_stock_fits() -> None:
    """With room for 14 units no bucket opens with more than that, receipts included."""
    made = rolled(scenario(weeks=6, on_hand=12.0, storage=14.0))
    stock = made.table("inventory_projection")
    assert (stock["opening"] + stock["receipts"]).max() <= 14.0 + 1e-6
    assert stock["receipts"].sum() > 20.0


@pytest.mark.slow
def test_suppliers_order_days() -> None:
    """A supplier that takes orders on Wednesdays is asked on days 2, 9, 16, 23, once each."""
    made = rolled(scenario(on_hand=10.0, order_weekdays="3"))
    assert [ordered for ordered, _, _ in orders(made)] == [2, 9, 16, 23]


@pytest.mark.slow
def test_daily_buckets_wait_for_the_order_day() -> None:
    """Reviews on days 0 and 7, orders only on Wednesdays: days 2 and 9."""
    weekly = scenario(on_hand=20.0, order_weekdays="3")
    settings = weekly.settings.model_copy(update={"bucket": "day", "horizon_buckets": 14})
    forecast = pd.DataFrame(
        {
            "product_id": "TEA",
            "location_id": "W1",
            "bucket": [day(offset) for offset in range(14)],
            "qty": 2.0,
        }
    )
    made = rolled(Scenario(settings, {**weekly.tables, "forecasts": forecast}))
    assert [ordered for ordered, _, _ in orders(made)] == [2, 9]


@pytest.mark.slow
def test_terms_change_on_their_day() -> None:
    """From day 14 on the unit costs 3 instead of 2."""
    facts = scenario(on_hand=10.0)
    old = facts.tables["supplier_products"]
    rows = pd.concat(
        [
            old.assign(valid_to=day(13)),
            old.assign(valid_from=day(14), unit_cost=3.0),
        ]
    )
    made = rolled(Scenario(facts.settings, {**facts.tables, "supplier_products": rows}))
    assert made.table("purchase_orders")["unit_cost"].tolist() == [2.0, 2.0, 3.0, 3.0]


def test_nothing_is_ordered_that_comes_after_its_end() -> None:
    """Discontinued on day 20: the order of day 7 comes on day 14, that of day 14 too late."""
    facts = scenario(on_hand=10.0)
    products = facts.tables["products"].assign(discontinued_on=day(20))
    made = rolled(Scenario(facts.settings, {**facts.tables, "products": products}))
    assert [ordered for ordered, _, _ in orders(made)] == [0, 7]


def test_a_horizon_of_one_bucket_has_no_later_nights() -> None:
    """The stage says so and claims nothing."""
    made = rolled(scenario(weeks=1))
    assert "rolling" not in set(made.table("certificates")["stage"])
    assert any("first bucket" in note for note in made.notes["rolling"])


@pytest.mark.slow
def test_tonight_is_left_as_it_is(small: Scenario, made: Plan) -> None:
    """Tonight's lines are those of the plan without the rolling stage."""
    alone = plan(small, ["replenishment"], work=WORK).table("purchase_orders")
    table = made.table("purchase_orders")
    tonight = table[table["order_on"] == day(0)].reset_index(drop=True)
    pd.testing.assert_frame_equal(tonight, alone, check_exact=True)


def test_every_night_has_a_bound(made: Plan) -> None:
    """Four nights after tonight, each within 5 % of its bound; they add up to the certificate."""
    weeks = made.table("rolling_weeks")
    assert weeks["night"].tolist() == [day(7 * week) for week in range(1, 5)]
    assert (weeks["bound"] <= weeks["objective"] + 1e-9).all()
    assert weeks["gap_pct"].max() < 5.0
    row = made.table("certificates").set_index("stage").loc["rolling"]
    assert row["objective"] == pytest.approx(weeks["objective"].sum(), rel=1e-9)
    assert row["bound"] == pytest.approx(weeks["bound"].sum(), rel=1e-9)


def test_weekly_budgets_are_kept(made: Plan) -> None:
    """Each week spends no more than its own budget, and nearly all of a scarce one."""
    weeks = made.table("rolling_weeks")
    assert (weeks["spend"] <= weeks["budget"] * (1.0 + 1e-9)).all()
    assert (weeks["price_of_budget"] > 0.0).any()


@pytest.mark.slow
def test_relabelling_changes_nothing(small: Scenario, made: Plan) -> None:
    """Products by other names, in the same order, get the same quantities."""
    names = {}
    for name, frame in small.tables.items():
        known = "product_id" in frame.columns
        names[name] = frame.assign(product_id="X" + frame["product_id"]) if known else frame
    other = rolled(Scenario(small.settings, names)).table("purchase_orders")
    assert other["qty"].tolist() == made.table("purchase_orders")["qty"].tolist()


@pytest.mark.slow
def test_little_work_ends_the_plan_early(small: Scenario) -> None:
    """What was not decided is said, and the projection ends there."""
    made = plan(small, ["rolling"], work={"replenishment": 3.0, "rolling": 0.05})
    row = made.table("certificates").set_index("stage").loc["rolling"]
    assert row["termination"] == "work_limit"
    assert any("not decided" in note for note in made.notes["rolling"])
    assert made.table("inventory_projection")["bucket"].nunique() < 5


def test_cancelling_ends_between_nights(small: Scenario) -> None:
    """A run that is cancelled after two nights keeps them."""
    tables = {
        name: conform(name, frame)
        for name, frame in run_stage("replenishment", small, {}, Limits(work=3.0)).tables.items()
    }
    reached: list[float] = []
    limits = Limits(
        cancelled=lambda: len(reached) >= 4,
        progress=lambda _stage, share, _message: reached.append(share),
    )
    result = run_stage("rolling", small, tables, limits)
    assert result.certificate is not None
    assert result.certificate.termination == Termination.CANCELLED
    assert 1 <= len(result.tables["rolling_weeks"]) < 4


def _put(table: str, column: str, change: Callable[[object], object]) -> Callable[..., None]:
    def plant(tables: dict[str, pd.DataFrame]) -> None:
        frame = tables[table].copy()
        cells = frame[column].astype(object)
        cells.iloc[-1] = change(cells.iloc[-1])
        frame[column] = cells.astype(frame[column].dtype)
        tables[table] = frame

    return plant


PLANTED = [
    ("not_a_multiple", _put("purchase_orders", "qty", lambda qty: float(qty) + 0.5)),  # type: ignore[arg-type]
    ("unit_cost_differs", _put("purchase_orders", "unit_cost", lambda _: 0.01)),
    ("due_before_lead_time", _put("purchase_orders", "due_on", lambda _: day(28))),
    ("due_after_lead_time", _put("purchase_orders", "due_on", lambda _: day(700))),
    ("beyond_the_plan", _put("purchase_orders", "order_on", lambda _: day(700))),
    ("no_such_offer", _put("purchase_orders", "supplier_id", lambda _: "nobody")),
    ("closing_differs", _put("inventory_projection", "closing", lambda qty: float(qty) + 1.0)),  # type: ignore[arg-type]
    ("p90_differs", _put("inventory_projection", "p90", lambda _: 0.5)),
    ("objective_differs", _put("rolling_weeks", "objective", lambda _: 1.0)),
    ("false_bound", _put("rolling_weeks", "bound", lambda _: 1e12)),
    ("spend_differs", _put("rolling_weeks", "spend", lambda _: 1.0)),
    ("over_budget", _put("purchase_orders", "qty", lambda _: 1e9)),
    ("over_storage", _put("purchase_orders", "due_on", lambda _: day(14))),
]


@pytest.mark.parametrize(("code", "plant"), PLANTED, ids=[code for code, _ in PLANTED])
def test_the_referee_finds_what_is_planted(
    small: Scenario, made: Plan, code: str, plant: Callable[[dict[str, pd.DataFrame]], None]
) -> None:
    """Each error is named."""
    tables = {name: made.table(name) for name in made.tables}
    if code == "over_storage":
        big = tables["purchase_orders"].copy()
        big.loc[big.index[-1], ["qty", "due_on"]] = [1e6, day(28)]
        tables["purchase_orders"] = big.sort_values("due_on", kind="stable")
    plant(tables)
    found = {violation.code for violation in rolling.check(small, tables).violations}
    assert code in found


def test_the_referee_accepts_what_is_right(small: Scenario, made: Plan) -> None:
    """And finds nothing in the plan as it is; its objective is the certificate's."""
    report = rolling.check(small, {name: made.table(name) for name in made.tables})
    assert not report.violations
    row = made.table("certificates").set_index("stage").loc["rolling"]
    assert report.objective == pytest.approx(row["objective"], rel=1e-9)
    assert np.isfinite(row["bound"])


def test_settings_start_on_a_monday() -> None:
    """The order days above count from it."""
    assert START.date() == dt.date(2026, 3, 2)
    assert START.isoweekday() == 1
