"""The register on the corner shop: planted histories, by hand and against simulation."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from optimizer.audit.report import Rules
from optimizer.audit.risk_register import check_risks
from optimizer.plan import conform
from optimizer.replenishment.alerting import Night
from optimizer.replenishment.alerting.futures import draw_demand
from optimizer.replenishment.facts import Facts, read_facts
from optimizer.replenishment.risks import risks
from optimizer.replenishment.risks.money import Stakes
from optimizer.replenishment.risks.stockouts import Next, before_arrival, lateness_law
from optimizer.replenishment.stock_cost import units_short
from optimizer.replenishment.suppliers import read_lateness
from scenarios import Scenario
from scenarios.library import demo_scenario

NOTHING = pd.DataFrame()


def shop_facts(**tables: pd.DataFrame) -> Facts:
    """Return the corner shop's facts with tables replaced."""
    shop = demo_scenario("corner-shop")
    return read_facts(Scenario(shop.settings, dict(shop.tables) | tables), {})


def register(origins: pd.DataFrame | None = None, **tables: pd.DataFrame) -> pd.DataFrame:
    """Return the register where nothing is ordered tonight."""
    facts = shop_facts(**tables)
    night = Night(
        level=facts.pairs["echelon_position"].to_numpy(np.float64), purchases=NOTHING,
        usable=pd.Series(dtype=np.float64), health=NOTHING, scores=NOTHING, projection=NOTHING,
        lateness=read_lateness(facts), gaps=NOTHING, seed=0,
    )  # fmt: skip
    made = risks(facts, night, NOTHING, NOTHING if origins is None else origins)
    return conform("risks", made).set_index("risk_id", drop=False)


def past_orders(late: list[int], short: float = 0.0) -> pd.DataFrame:
    """Return receipts of FARM, one order a week, each some days late and so much short."""
    line = demo_scenario("corner-shop").table("receipts").iloc[[0]]
    rows = pd.concat([line] * len(late), ignore_index=True)
    weeks = pd.to_timedelta(7 * np.arange(len(late)), unit="D")
    ordered = pd.Timestamp("2025-10-06") + weeks
    promised = ordered + pd.Timedelta(days=7)
    return rows.assign(
        order_id=[f"P{k:03}" for k in range(len(late))], ordered_on=ordered, promised_on=promised,
        received_on=promised + pd.to_timedelta(late, unit="D"),
        qty_received=rows["qty_ordered"] * (1.0 - short),
    )  # fmt: skip


def test_a_supplier_that_became_late_is_raised() -> None:
    """30 orders in time, then 10 of which 8 are 4 days late: (8 + 1/2) / (10 + 1), since the 31st.

    A ninth and tenth in time at the front of the ten do not hide the rise.
    """
    found = register(receipts=past_orders([0] * 30 + [0, 4, 4, 4, 0, 4, 4, 4, 4, 4]))
    row = found.loc["supplier_lateness:supplier:FARM"]
    assert row["state"] == "raised"
    assert row["probability"] == pytest.approx(8.5 / 11.0)
    assert row["value"] >= row["threshold"]
    assert json.loads(row["simulation"]) == {
        "kind": "lane_delay", "target": "supplier:FARM", "start": 0, "duration": 28.0,
        "severity": 4,
    }  # fmt: skip


def test_a_rate_that_has_begun_to_rise_moves_as_it_did_since() -> None:
    """Of 60 weeks the last 5 rose by 1 %: 2 % per 28 days, and more than 2 % dearer is no 0.

    ln X has mean -0.0002 and deviation 0.02: P(ln X > ln 1.02) = P(Z > 1.0001) = 0.16.
    """
    steps = np.tile([-0.001, 0.001], 30)
    steps[-5:] = 0.01
    dates = pd.date_range(end="2026-10-12", periods=60, freq="7D")
    indices = pd.DataFrame({"index_id": "USD", "date": dates, "value": np.exp(np.cumsum(steps))})
    row = register(indices=indices).loc["currency_move:index:USD"]
    assert row["state"] == "raised"
    assert row["since"] == dates[-5]
    assert row["probability"] == pytest.approx(0.1586, abs=1e-3)


def test_a_supplier_without_history_is_not_known() -> None:
    """Two orders of FARM are on record: no probability, no money, and a row that says so."""
    row = register().loc["supplier_lateness:supplier:FARM"]
    assert row["state"] == "not_known"
    assert row[["probability", "loss", "expected_loss", "value"]].isna().all()
    assert "2 orders" in row["message"]


def test_a_supplier_that_is_always_late_has_not_drifted() -> None:
    """Late is not a trend: 40 orders 4 days late are quiet, at a chance of 10.5 / 11."""
    row = register(receipts=past_orders([4] * 40)).loc["supplier_lateness:supplier:FARM"]
    assert row["state"] == "quiet"
    assert row["probability"] == pytest.approx(10.5 / 11.0)


def test_the_loss_is_what_more_goes_short() -> None:
    """4 days later: [E short over P + 4 days - E short over P days] x 1.33 for tea at W1, re-added.

    Tea's demand is stated by bucket, P is 14 days, so that P + 4 days takes 4/7 of the third one.
    """
    facts = shop_facts(receipts=past_orders([0] * 30 + [4] * 10))
    level = facts.pairs["echelon_position"].to_numpy(np.float64)
    stakes = Stakes.of(facts, level)
    rows = stakes.of_supplier("FARM")
    items = {name: (units, price, money) for name, units, price, money in
             stakes.lost(rows, more_days=4.0).rows}  # fmt: skip
    tea = np.flatnonzero((facts.pairs["product_id"] == "TEA") & (facts.pairs["site_id"] == "W1"))
    mean, sd = stakes.demand(tea)
    more, more_sd = stakes.demand(tea, 4.0)
    assert mean[0] == pytest.approx(36.0)
    units = units_short(level[tea], more, more_sd) - units_short(level[tea], mean, sd)
    told = items["product:TEA@W1"]
    assert told == pytest.approx((units[0], 1.33, units[0] * 1.33))


def test_missing_units_are_a_share_of_what_is_on_its_way() -> None:
    """Half of 10 units of tea on order do not come: level 5 units lower, and no other product."""
    shop = demo_scenario("corner-shop")
    coming = shop.table("open_orders").iloc[[0]].assign(
        source_id="FARM", site_id="W1", product_id="TEA", qty=10.0,
        due_on=pd.Timestamp("2026-10-20"),
    )  # fmt: skip
    facts = shop_facts(open_orders=coming)
    level = facts.pairs["echelon_position"].to_numpy(np.float64)
    found = register(open_orders=coming, receipts=past_orders([0] * 40, short=0.5))
    tea = np.flatnonzero((facts.pairs["product_id"] == "TEA") & (facts.pairs["site_id"] == "W1"))
    mean, sd = Stakes.of(facts, level).demand(tea)
    units = units_short(level[tea] - 5.0, mean, sd) - units_short(level[tea], mean, sd)
    terms = json.loads(found.loc["fill_rate:supplier:FARM", "terms"])
    assert [item["entity"] for item in terms] == ["product:TEA@W1"]
    assert terms[0]["units"] == pytest.approx(units[0])


def test_stockouts_are_as_likely_as_in_a_simulation() -> None:
    """Tea at W1, next goods due in 7 days and late as FARM is: 200,000 futures, 4 std. errors."""
    facts = shop_facts(receipts=past_orders([0] * 20 + [3] * 10 + [9] * 10))
    tea = np.flatnonzero((facts.pairs["product_id"] == "TEA") & (facts.pairs["site_id"] == "W1"))
    count = len(facts.pairs)
    after = Next(np.full(count, 7.0), np.full(count, "FARM", object))
    lateness = read_lateness(facts)
    stock = np.full(count, 22.0)
    chance, short = before_arrival(facts, tea, after, np.full(count, 7.0), stock, lateness)
    rng = np.random.default_rng(0)
    n = 200_000
    days = 7.0 + lateness.draw(np.array(["FARM"], object), rng, n)[0]
    out, lost = np.zeros(n), np.zeros(n)
    row = facts.pairs["forecast_row"].to_numpy(np.int64)[tea]
    for each in np.unique(days):
        mine = days == each
        mean, variance = facts.forecast.over(row, np.array([each]))
        demand = draw_demand(mean, variance, rng, int(mine.sum()))[0]
        out[mine], lost[mine] = demand > 22.0, np.maximum(demand - 22.0, 0.0)
    assert chance[0] == pytest.approx(out.mean(), abs=4 * out.std() / n**0.5)
    assert short[0] == pytest.approx(lost.mean(), abs=4 * lost.std() / n**0.5)
    assert 0.05 < chance[0] < 0.95


def test_the_law_of_lateness_is_what_is_drawn() -> None:
    """Weights add up to 1, and their mean is that of 200,000 draws."""
    lateness = read_lateness(shop_facts(receipts=past_orders([0] * 6 + [2, 5, 9])))
    days, weights = lateness_law(lateness, "FARM")
    drawn = lateness.draw(np.array(["FARM"], object), np.random.default_rng(0), 200_000)
    assert weights.sum() == pytest.approx(1.0)
    assert (days * weights).sum() == pytest.approx(drawn.mean(), abs=0.03)


def test_demand_that_left_its_forecast_is_raised() -> None:
    """20 weeks at the forecast, 8 at twice it: raised upwards; 28 at the forecast: not listed."""
    weeks = pd.date_range("2026-03-30", periods=28, freq="7D")
    told = pd.DataFrame(
        {"product_id": "TEA", "location_id": "W1", "origin": weeks, "span_buckets": 1.0,
         "mean": 18.0, "high": 22.0}
    )  # fmt: skip
    noise = np.random.default_rng(0).integers(-3, 4, 28)
    calm = register(told.assign(came=18.0 + noise))
    moved = register(told.assign(came=18.0 + noise + np.where(np.arange(28) >= 20, 18.0, 0.0)))
    name = "demand_drift:product:TEA@W1"
    assert name not in calm.index
    assert moved.loc[name, "state"] == "raised"
    assert json.loads(moved.loc[name, "simulation"])["kind"] == "demand_surge"


def test_an_index_with_history_has_a_price() -> None:
    """A steady USD that begins to rise is raised; its loss is a share of what moves with it."""
    dates = pd.date_range("2025-10-01", periods=53, freq="7D")
    step = np.where(np.arange(53) < 40, 0.0, 0.01) + 0.002 * (-1.0) ** np.arange(53)
    rates = pd.DataFrame({"index_id": "USD", "date": dates, "value": 0.8 * np.exp(np.cumsum(step))})
    row = register(indices=rates).loc["currency_move:index:USD"]
    assert row["state"] == "raised"
    assert row["loss"] > 0.0
    assert 0.0 < row["probability"] < 1.0


def test_the_referee_passes_the_register_and_finds_what_is_changed() -> None:
    """Honest: nothing. A loss that is not its items' sum, a chance for what is not known: found."""
    shop = demo_scenario("corner-shop")
    table = register().reset_index(drop=True)

    def codes(changed: pd.DataFrame) -> set[str]:
        rules = Rules("replenishment")
        check_risks(rules, shop, changed)
        return {violation.code for violation in rules.found}

    assert codes(table) == set()
    assert "terms_do_not_add_up" in codes(table.assign(loss=table["loss"] + 1.0))
    assert "expected_loss_differs" in codes(table.assign(expected_loss=table["expected_loss"] + 1))
    assert "unknown_has_a_figure" in codes(table.assign(probability=0.0))
    assert "unknown_entity" in codes(table.assign(entity="supplier:NOBODY"))
