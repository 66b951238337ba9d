"""What customers send back is sold again: the buyer need not buy it, and the referee agrees."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pandas as pd
import pytest

from optimizer.audit.buyer import check
from optimizer.explanations.check import check_told
from optimizer.explanations.explain import Explainer
from optimizer.outcome import Limits
from optimizer.pipeline import plan, run_stage
from optimizer.plan import conform
from optimizer.stage import StageResult
from scenarios import Scenario
from scenarios.library import demo_scenario
from tests.optimizer.replenishment.test_returns import RESELL, forecast_of, shop

P1 = "P1"


@cache
def bought(*, back: bool) -> tuple[Scenario, dict[str, pd.DataFrame], StageResult]:
    """Plan four weeks of a shop with a fifth of P1 coming back after 10 days, or with nothing."""
    made, forecast = shop(RESELL if back else []), forecast_of()
    result = run_stage("buyer", made, {"forecast": forecast}, Limits(work=0.2), {})
    tables = {name: conform(name, frame) for name, frame in result.tables.items()}
    return made, tables | {"forecast": forecast}, result


def of_p1(table: str, *, back: bool) -> pd.DataFrame:
    """Return the rows of P1."""
    rows = bought(back=back)[1][table]
    return rows[rows["product_id"] == P1]


def test_what_comes_back_is_in_the_receipts_week_by_week() -> None:
    """In the first week 0.2 x (3/7 x 14 + 4/7 x 10) = 2.34 come back, later 0.2 x 10 a week.

    The running sum, 2.34, 4.34, 6.34, 8.34, in whole units: 2 a week.
    """
    rows, lines = of_p1("inventory_projection", back=True), of_p1("purchase_orders", back=True)
    came = lines.groupby("due_on")["qty"].sum().reindex(rows["bucket"]).fillna(0.0)
    assert (rows["receipts"].to_numpy() - came.to_numpy()).tolist() == [2.0, 2.0, 2.0, 2.0]


def test_so_many_units_fewer_are_bought() -> None:
    """Of 8 units that come back 2 are there before the first order comes and meet demand then."""
    with_it, without = (
        of_p1("purchase_orders", back=back)["qty"].astype(float).sum() for back in (True, False)
    )
    assert without - 8.0 <= with_it < without
    notes = " ".join(bought(back=True)[2].notes)
    assert "1 product-locations expect 8 units back from customers within the horizon" in notes


def test_each_line_says_what_comes_back_until_the_next() -> None:
    """`expected_returns` of a line stands in its arithmetic; without returns both are left out."""
    told = bought(back=True)[1]["explanations"]
    lines = of_p1("purchase_orders", back=True)
    said = dict(zip(told["decision_id"], told["terms"], strict=True))
    for line in lines.itertuples():
        steps = json.loads(said[f"purchase_orders:{line.order_id}/{int(line.line)}"])
        assert steps["expected_returns"] == -line.expected_returns
        assert sum(steps.values()) == pytest.approx(line.qty)
    plain = bought(back=False)[1]
    assert not plain["explanations"]["terms"].str.contains("expected_returns").any()
    assert plain["purchase_orders"]["expected_returns"].isna().all()


def test_the_referee_agrees() -> None:
    """Objective and every figure come out again; returns that nobody expects are found."""
    made, tables, result = bought(back=True)
    report = check(made, tables)
    assert not report.violations
    assert result.certificate is not None
    assert report.objective == pytest.approx(result.certificate.objective)
    lines = tables["purchase_orders"]
    more = lines.assign(expected_returns=lines["expected_returns"].astype(float) + 1.0)
    codes = {found.code for found in check(made, {**tables, "purchase_orders": more}).violations}
    assert codes == {"expected_returns_differ"}


def test_explanations_of_a_plan_are_worked_out_again() -> None:
    """Three in ten mugs of the corner shop come back within the week: no difference is found."""
    facts = demo_scenario("corner-shop")
    rates = facts.tables["return_rates"]
    often = rates.assign(
        rate=np.where(rates["disposition"] == "resell", 0.3, rates["rate"]), delay_days=5.0
    )
    facts = Scenario(facts.settings, {**facts.tables, "return_rates": often})
    made = plan(facts, ["buyer"], work=0.2, options={"scope": "category:Kitchen"})
    told = list(Explainer(facts, made).every())
    assert any(term.name == "expected_returns" for one in told for term in one.sums[0].terms)
    assert check_told(facts, made, told) == (len(told), [])
