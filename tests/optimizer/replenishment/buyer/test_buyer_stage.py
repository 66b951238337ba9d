"""The buyer stage through the pipeline and the command, and its referee."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from api.cli.app import invoke
from optimizer.audit import buyer
from optimizer.audit.report import AuditReport
from optimizer.explanations.check import check_told
from optimizer.explanations.explain import Explainer
from optimizer.outcome import Limits
from optimizer.pipeline import plan, run_stage
from optimizer.plan import Plan
from optimizer.stages import choose_stages
from scenarios import InputError, Scenario

Tables = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def made(corner_shop: Scenario) -> Plan:
    """A buyer's plan for the farm's products."""
    return plan(corner_shop, ["buyer"], work=0.2, options={"scope": "supplier:FARM"})


@pytest.mark.slow
def test_terms_add_up_to_the_objective(made: Plan) -> None:
    """The objective's terms in `kpis` add up to the certificate's objective."""
    kpis, certificate = made.table("kpis"), made.table("certificates").iloc[0]
    terms = kpis.loc[kpis["variant"] == "buyer objective", "value"]
    assert terms.sum() == pytest.approx(certificate["objective"])
    assert certificate["bound"] <= certificate["objective"]
    assert certificate["audited"]


def test_orders_are_dated_over_the_horizon(made: Plan, corner_shop: Scenario) -> None:
    """Orders of more than one bucket stand in the plan, each due after it is placed."""
    orders = made.table("purchase_orders")
    assert orders["order_on"].nunique() > 1
    assert (orders["due_on"] >= orders["order_on"]).all()
    assert orders["order_id"].str.startswith("BP-").all()
    assert set(orders["supplier_id"]) == {"FARM"}
    assert (orders["order_on"] >= pd.Timestamp(corner_shop.settings.start_date)).all()


def test_explanations_add_up_to_the_quantity(made: Plan) -> None:
    """The terms of each line's explanation add up to the units that it orders."""
    orders = made.table("purchase_orders")
    line = orders["line"].astype(int).astype(str)
    qty = pd.Series(
        orders["qty"].to_numpy(np.float64), "purchase_orders:" + orders["order_id"] + "/" + line
    )
    told = made.table("explanations")
    assert len(told) == len(orders)
    for decision, terms in zip(told["decision_id"], told["terms"], strict=True):
        assert sum(json.loads(terms).values()) == pytest.approx(qty[decision])


def test_stock_is_projected_for_every_bucket(made: Plan, corner_shop: Scenario) -> None:
    """Opening + receipts - demand is the closing stock, cut off at 0, in every bucket."""
    rows = made.table("inventory_projection")
    assert len(rows) % corner_shop.settings.horizon_buckets == 0
    flow = rows["opening"] + rows["receipts"] - rows["demand"]
    assert np.allclose(rows["closing"].astype(float), flow.clip(lower=0.0).astype(float))


def test_the_options_are_recorded(made: Plan) -> None:
    """`plan.json` says which scope was planned."""
    assert made.provenance.options["scope"] == "supplier:FARM"


def test_it_runs_only_when_asked(corner_shop: Scenario) -> None:
    """Without a list of stages the buyer's plan is left out."""
    assert "buyer" not in choose_stages(corner_shop, None)[0]


def test_it_does_not_run_beside_tonight(corner_shop: Scenario) -> None:
    """Two proposals for the same items in one plan are refused."""
    with pytest.raises(InputError, match="without replenishment"):
        choose_stages(corner_shop, ["buyer", "replenishment"])


def test_an_option_nobody_takes_is_refused(corner_shop: Scenario) -> None:
    """A scope without the stage that takes it is an error that names the stage."""
    with pytest.raises(InputError, match="buyer"):
        plan(corner_shop, ["replenishment"], work=1.0, options={"scope": "supplier:FARM"})


@pytest.mark.parametrize("scope", ["supplier:NOBODY", "colour:red"])
def test_a_scope_that_means_nothing_is_refused(corner_shop: Scenario, scope: str) -> None:
    """An unknown supplier, and a scope of another kind, are errors that name it."""
    with pytest.raises(InputError, match=scope):
        plan(corner_shop, ["buyer"], work=0.5, options={"scope": scope})


@pytest.mark.slow
def test_the_command_plans_a_scope(tmp_path: Path) -> None:
    """`holdfast plan --stages buyer --scope ...` writes an audited plan."""
    shop, out = tmp_path / "shop", tmp_path / "plan"
    assert invoke(["demo-scenario", "corner-shop", "--out", str(shop)]) == 0
    arguments = ["plan", str(shop), "--out", str(out), "--stages", "buyer", "--work", "0.1"]
    assert invoke([*arguments, "--scope", "supplier:FARM", "--json"]) == 0
    document = json.loads((out / "plan.json").read_text(encoding="utf-8"))
    assert document["provenance"]["options"]["scope"] == "supplier:FARM"


def with_co2_limit(shop: Scenario, grams: float, scope: str = "stage:buyer") -> Scenario:
    """Add a way of 100 km at 100 g/tkm from the farm to each site, and a limit per bucket."""
    lanes = pd.DataFrame(
        [
            {"origin_id": "FARM", "destination_id": site, "mode": "road", "distance_km": 100.0,
             "g_co2e_per_tkm": 100.0, "transit_mean_days": 0.0}
            for site in shop.table("sites")["site_id"]
        ]
    )  # fmt: skip
    limit = pd.DataFrame(
        {"limit_id": ["CAP"], "kind": "co2", "scope": scope, "sense": "<=", "value": grams,
         "hard": True}
    )  # fmt: skip
    tables = dict(shop.tables)
    tables["lanes"] = pd.concat([shop.table("lanes"), lanes], ignore_index=True).drop_duplicates(
        ["origin_id", "destination_id", "mode"], keep="last"
    )
    tables["limits"] = pd.concat([shop.tables["limits"], limit], ignore_index=True)
    return Scenario(shop.settings, tables)


def at_price(shop: Scenario, price: float) -> Scenario:
    """Return the shop with ways from the farm, no limit that binds, and a price of a tonne."""
    facts = with_co2_limit(shop, 1e9)
    settings = facts.settings.model_copy(update={"co2_price_per_tonne": price})
    return Scenario(settings, dict(facts.tables))


def figure(made: Plan, kpi: str) -> float:
    """Return a figure of a plan."""
    rows = made.table("kpis")
    return float(rows.loc[rows["kpi"] == kpi, "value"].iloc[0])


@pytest.fixture(scope="module")
def priced(corner_shop: Scenario) -> dict[float, Plan]:
    """Plans without a price of CO2e, at 300,000 a tonne, and at one that nothing is worth."""
    options = {"scope": "supplier:FARM"}
    return {
        price: plan(at_price(corner_shop, price), ["buyer"], work=0.2, options=options)
        for price in (0.0, 300_000.0, 1e9)
    }


def test_lines_state_how_they_come_and_what_they_emit(
    corner_shop: Scenario, priced: dict[float, Plan]
) -> None:
    """By road 100 km at 100 g/tkm are 10 g a kg."""
    lines = priced[0.0].table("purchase_orders")
    kg = corner_shop.table("products").set_index("product_id")["weight_kg"]
    grams = 10.0 * lines["qty"].astype(float) * kg.reindex(lines["product_id"]).to_numpy()
    assert set(lines["mode"]) == {"road"}
    assert lines["g_co2e"].to_numpy(float) == pytest.approx(grams.to_numpy(float))
    assert figure(priced[0.0], "buyer_co2e") == pytest.approx(float(grams.sum()) / 1000.0)


def test_a_price_of_co2_is_a_term_of_its_own(priced: dict[float, Plan]) -> None:
    """300,000 a tonne are 0.3 a gram; the ways here cost nothing else, so transport stays 0."""
    made = priced[300_000.0]
    grams = made.table("purchase_orders")["g_co2e"].astype(float).sum()
    assert grams > 0.0
    assert figure(made, "co2") == pytest.approx(0.3 * grams)
    assert figure(made, "transport") == pytest.approx(0.0, abs=1e-6)
    assert figure(priced[0.0], "co2") == 0.0


def test_a_price_weighs_in_what_is_ordered(priced: dict[float, Plan]) -> None:
    """The plan made at a price is no dearer at it than the one made without, and emits less.

    1,000 a gram, 10 g a kg: no unit is worth its way, nothing is ordered.
    """
    free, paid = priced[0.0], priced[300_000.0]
    grams = [made.table("purchase_orders")["g_co2e"].astype(float).sum() for made in (free, paid)]
    costs = [float(made.table("certificates")["objective"].iloc[0]) for made in (free, paid)]
    bound = float(paid.table("certificates")["bound"].iloc[0])
    assert bound <= costs[1] < costs[0] + 0.3 * grams[0]
    assert grams[1] < grams[0]
    assert not len(priced[1e9].table("purchase_orders"))


def test_what_a_line_pays_for_co2_is_explained(
    corner_shop: Scenario, priced: dict[float, Plan]
) -> None:
    """Each line has a sum of grams x price; together they are the objective's term."""
    facts, made = at_price(corner_shop, 300_000.0), priced[300_000.0]
    told = list(Explainer(facts, made).every())
    count, faults = check_told(facts, made, told)
    assert (count, faults) == (len(told), [])
    sums = [part.total for each in told for part in each.sums if part.name == "emission"]
    assert len(sums) == len(told) > 0
    assert sum(sums) == pytest.approx(figure(made, "co2"))
    assert "is not" in " ".join(check_told(facts, priced[0.0], told)[1])


@pytest.mark.parametrize(("column", "code"), [("g_co2e", "co2_differs"), ("mode", "no_such_mode")])
def test_a_false_emission_is_found(
    corner_shop: Scenario, priced: dict[float, Plan], column: str, code: str
) -> None:
    """A line that states another mode or a gram less than its way emits is named."""
    made = priced[300_000.0]
    lines = made.table("purchase_orders")
    false = "rail" if column == "mode" else lines[column].astype(float) - 1.0
    tables = {**made.tables, "purchase_orders": lines.assign(**{column: false})}
    found = buyer.check(at_price(corner_shop, 300_000.0), tables, "supplier:FARM").violations
    assert {violation.code for violation in found} == {code}


def grams_by_day(made: Plan, shop: Scenario) -> pd.Series:
    """Return grams of each day's orders: 10 a kg."""
    lines = made.table("purchase_orders")
    kg = shop.table("products").set_index("product_id")["weight_kg"].reindex(lines["product_id"])
    grams = 10.0 * lines["qty"].astype(float) * kg.to_numpy(np.float64)
    return grams.groupby(lines["order_on"]).sum()


def test_orders_keep_a_limit_on_co2_in_every_bucket(corner_shop: Scenario) -> None:
    """Half of what the fullest day emits without it; the referee holds the free plan against it."""
    options = {"scope": "supplier:FARM"}
    free = plan(with_co2_limit(corner_shop, 1e9), ["buyer"], work=0.2, options=options)
    most = float(grams_by_day(free, corner_shop).max()) / 2.0
    facts = with_co2_limit(corner_shop, most)
    held = plan(facts, ["buyer"], work=0.2, options=options)
    assert grams_by_day(held, corner_shop).max() <= most * (1.0 + 1e-9)
    costs = [made.table("certificates").iloc[0] for made in (free, held)]
    assert costs[1]["objective"] > costs[0]["objective"]
    assert costs[1]["bound"] <= costs[1]["objective"]
    prices = held.table("marginal_prices")
    assert (prices.loc[prices["kind"] == "co2", "entity"] == "CAP").all()
    found = buyer.check(facts, free.tables, **options).violations
    assert "over_co2" in {violation.code for violation in found}
    other = with_co2_limit(corner_shop, 0.0, "stage:sourcing")
    same = plan(other, ["buyer"], work=0.2, options=options)
    pd.testing.assert_frame_equal(same.table("purchase_orders"), free.table("purchase_orders"))


def change(table: str, column: str, by: float) -> Callable[[Tables], None]:
    """Return a plant that adds to the first cell of a column."""

    def plant(tables: Tables) -> None:
        frame = tables[table].copy()
        values = frame[column].astype(float).to_numpy().copy()
        values[0] += by
        tables[table] = frame.assign(**{column: values})

    return plant


def shift(column: str, days: int) -> Callable[[Tables], None]:
    """Return a plant that moves a date of the first order line."""

    def plant(tables: Tables) -> None:
        frame = tables["purchase_orders"].copy()
        dates = frame[column].copy()
        dates.iloc[0] = dates.iloc[0] + pd.Timedelta(days=days)
        tables["purchase_orders"] = frame.assign(**{column: dates})

    return plant


def lose(table: str) -> Callable[[Tables], None]:
    """Return a plant that loses the first row."""

    def plant(tables: Tables) -> None:
        tables[table] = tables[table].iloc[1:].reset_index(drop=True)

    return plant


@pytest.mark.parametrize(
    ("plant", "code"),
    [
        (change("purchase_orders", "qty", 1.0), "not_a_multiple"),
        (change("purchase_orders", "qty", -1e6), "not_positive"),
        (change("purchase_orders", "unit_cost", 0.5), "unit_cost_differs"),
        (change("purchase_orders", "cost", 1.0), "cost_differs"),
        (shift("latest_safe_on", 1), "latest_safe_day_differs"),
        (shift("due_on", 1), "due_on_differs"),
        (shift("order_on", -7), "ordered_outside_the_horizon"),
        (lose("purchase_orders"), "closing_differs"),
        (change("inventory_projection", "closing", 1.0), "closing_differs"),
        (lose("inventory_projection"), "rows_missing"),
    ],
)
def test_planted_errors_are_found(
    corner_shop: Scenario, made: Plan, plant: Callable[[Tables], None], code: str
) -> None:
    """The referee names what is planted in a plan that it accepts."""
    tables = dict(made.tables)
    plant(tables)
    report = buyer.check(corner_shop, tables, "supplier:FARM")
    assert code in {violation.code for violation in report.violations}


def test_the_referee_recomputes_the_objective(corner_shop: Scenario, made: Plan) -> None:
    """From the scenario and the tables alone, nothing is broken and the cost is the same."""
    report: AuditReport = buyer.check(corner_shop, dict(made.tables), "supplier:FARM")
    assert not report.violations
    assert report.objective == pytest.approx(made.table("certificates").iloc[0]["objective"])


def test_a_budget_is_kept(corner_shop: Scenario, made: Plan) -> None:
    """With half of the money that it would like to spend per bucket, a plan keeps to it."""
    orders = made.table("purchase_orders")
    most = float(orders.groupby("order_on")["cost"].sum().max())
    columns = {
        "limit_id": ["half"], "kind": ["budget"], "scope": ["all"], "sense": ["<="],
        "value": [most / 2.0], "hard": [True],
    }  # fmt: skip
    tables = {**corner_shop.tables, "limits": pd.DataFrame(columns)}
    tight = Scenario(corner_shop.settings, tables)
    poor = plan(tight, ["buyer"], work=0.2, options={"scope": "supplier:FARM"})
    spent = poor.table("purchase_orders").groupby("order_on")["cost"].sum()
    assert (spent <= most / 2.0 + 1e-6).all()
    before, after = made.table("certificates").iloc[0], poor.table("certificates").iloc[0]
    assert after["objective"] >= before["bound"] - 1e-9


def test_what_is_not_enforced_is_noted(corner_shop: Scenario) -> None:
    """Hard limits of sense >=, and shares where there is one supplier only, are named in a note."""
    columns = {
        "limit_id": ["least", "share"], "kind": ["supplier_units", "supplier_share_pct"],
        "scope": ["supplier:FARM", "supplier:FARM"], "sense": [">=", "<="],
        "value": [1.0, 40.0], "hard": [True, True],
    }  # fmt: skip
    scenario = Scenario(
        corner_shop.settings, {**corner_shop.tables, "limits": pd.DataFrame(columns)}
    )
    result = run_stage("buyer", scenario, {}, Limits(work=0.05), {"scope": "supplier:FARM"})
    told = " ".join(result.notes)
    assert "1 limits of sense >= are not enforced" in told
    assert "1 limits of kind supplier_share_pct are not enforced" in told
