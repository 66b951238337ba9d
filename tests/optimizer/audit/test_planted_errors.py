"""The referee finds what is planted in a plan that it accepts."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from optimizer.audit import forecasting, replenishment, rolling, routing, sourcing
from optimizer.audit.report import AuditReport, certificate_violations
from optimizer.outcome import Status, Termination
from optimizer.plan import Plan
from optimizer.stage import Certificate
from scenarios import Scenario

Tables = dict[str, pd.DataFrame]
Plant = Callable[[Tables], None]
REFEREES = {
    "forecasting": forecasting.check,
    "replenishment": replenishment.check,
    "sourcing": sourcing.check,
    "routing": routing.check,
    "rolling": rolling.check,
}


def put(table: str, column: str, change: Callable[[object], object], row: int = 0) -> Plant:
    """Return a plant that changes one cell."""

    def plant(tables: Tables) -> None:
        frame = tables[table].copy()
        cells = frame[column].astype(object)
        cells.iloc[row] = change(cells.iloc[row])
        frame[column] = cells.astype(frame[column].dtype)
        tables[table] = frame

    return plant


def drop(table: str, row: int = 0) -> Plant:
    """Return a plant that loses one row."""

    def plant(tables: Tables) -> None:
        tables[table] = tables[table].drop(index=tables[table].index[row]).reset_index(drop=True)

    return plant


def again(table: str, row: int = 0, **changes: object) -> Plant:
    """Return a plant that states one row twice, the second time with changes."""

    def plant(tables: Tables) -> None:
        twin = tables[table].iloc[[row]].assign(**changes)
        tables[table] = pd.concat([tables[table], twin], ignore_index=True)

    return plant


def more(amount: float) -> Callable[[object], object]:
    """Return a change that adds an amount."""
    return lambda value: float(value) + amount  # type: ignore[arg-type]


def later(hours: float) -> Callable[[object], object]:
    """Return a change that moves a moment."""
    return lambda value: pd.Timestamp(value) + pd.Timedelta(hours=hours)  # type: ignore[arg-type]


def instead(value: object) -> Callable[[object], object]:
    """Return a change that puts another value."""
    return lambda _: value


def _serve_twice(tables: Tables) -> None:
    """Make one stop a second time, right after the first."""
    stops = tables["stops"].sort_values(["route_id", "seq"], ignore_index=True)
    first = stops.index[stops["kind"].isin(["delivery", "pickup"])][0]
    left = stops.loc[first, "depart"]
    twin = stops.loc[[first]].assign(arrive=left, begin=left)
    after = stops["route_id"] == stops.loc[first, "route_id"]
    after &= stops["seq"] > stops.loc[first, "seq"]
    stops.loc[after, "seq"] += 1
    tables["stops"] = pd.concat([stops, twin.assign(seq=twin["seq"] + 1)], ignore_index=True)


PLANTED: list[tuple[str, str, Plant]] = [
    ("forecasting", "mean_missing", drop("forecast")),
    ("forecasting", "negative", put("forecast", "qty", instead(-1.0))),
    ("forecasting", "stated_twice", again("forecast")),
    ("forecasting", "site_unknown", put("forecast", "location_id", instead("nowhere"))),
    ("forecasting", "outside_horizon", put("forecast", "bucket", later(24 * 9999))),
    ("forecasting", "total_is_not_its_parts", put("forecast", "qty", instead(1e6), -10)),
    ("forecasting", "not_past", put("forecast_origins", "origin", later(24 * 9999))),
    ("forecasting", "empty", lambda tables: tables.pop("backtest")),
    ("forecasting", "no_share", put("backtest", "coverage", instead(1.5))),
    ("replenishment", "cost_is_not_qty_x_unit_cost", put("purchase_orders", "cost", more(0.01))),
    ("replenishment", "unit_cost_differs", put("purchase_orders", "unit_cost", more(0.01))),
    ("replenishment", "no_such_offer", put("purchase_orders", "supplier_id", instead("nobody"))),
    ("replenishment", "not_whole", put("purchase_orders", "qty", more(0.5))),
    ("replenishment", "due_before_lead_time", put("purchase_orders", "due_on", later(-24 * 30))),
    ("replenishment", "due_after_lead_time", put("purchase_orders", "due_on", later(24 * 30))),
    ("replenishment", "line_stated_twice", again("purchase_orders")),
    ("replenishment", "option_stated_twice", again("purchase_orders", line=999.0)),
    ("replenishment", "ordered_in_the_past", put("purchase_orders", "order_on", later(-240))),
    (
        "replenishment",
        "latest_safe_day_differs",
        put("purchase_orders", "latest_safe_on", later(24)),
    ),
    ("replenishment", "demand_differs", put("unserved", "qty", more(0.01))),
    ("replenishment", "demand_differs", again("unserved", id="nothing@nowhere")),
    ("replenishment", "stated_twice", again("unserved")),
    ("replenishment", "no_supply_path_not_stated", drop("unserved")),
    ("replenishment", "not_the_first_day_of_a_bucket", put("transfers", "ship_on", later(24))),
    ("replenishment", "due_differs_from_transit", put("transfers", "ship_on", later(24 * 7))),
    ("replenishment", "due_differs_from_transit", put("transfers", "due_on", later(24))),
    ("replenishment", "co2_differs", put("transfers", "g_co2e", more(1.0))),
    ("replenishment", "no_such_lane", put("transfers", "mode", instead("air"))),
    ("sourcing", "cost_differs", put("shipments", "cost", more(0.01))),
    ("sourcing", "co2_differs", put("shipments", "g_co2e", more(1.0))),
    ("sourcing", "weight_differs", put("shipments", "weight_kg", more(0.01))),
    ("sourcing", "above_stock", put("shipment_lines", "qty", more(1e6))),
    ("sourcing", "not_shipped_whole", put("shipment_lines", "qty", more(1.0))),
    ("sourcing", "neither_shipped_nor_unserved", drop("shipment_lines")),
    ("sourcing", "served_twice", again("shipment_lines")),
    ("sourcing", "no_such_rate", put("shipments", "service", instead("teleport"))),
    ("sourcing", "ships_before_release", put("shipments", "ship_on", later(-48))),
    ("sourcing", "promise_differs", put("shipments", "promised_on", later(-24 * 20))),
    ("sourcing", "in_another_orders_parcel", put("shipments", "order_id", instead("other"))),
    ("sourcing", "site_not_open", put("shipments", "site_id", instead("nowhere"))),
    ("sourcing", "without_lines", again("shipments", shipment_id="ghost")),
    ("routing", "cost_differs", put("routes", "cost", more(0.01))),
    ("routing", "distance_differs", put("routes", "distance_km", more(0.1))),
    ("routing", "emission_differs", put("routes", "g_co2e", more(1.0))),
    ("routing", "arrives_too_early", put("stops", "arrive", later(-1.0))),
    ("routing", "outside_the_shift", put("routes", "start", later(-12.0))),
    ("routing", "more_vans_than_there_are", put("routes", "vehicle_type", instead("rocket"))),
    ("routing", "neither_served_nor_unserved", drop("stops")),
    ("routing", "seq_is_not_1_2_3", put("stops", "seq", more(1))),
    ("routing", "load_differs", put("routes", "load_kg", more(1.0))),
    ("routing", "load_differs", put("stops", "load_kg", more(0.01))),
    ("routing", "load_differs", put("stops", "load_kg", more(0.01), -1)),
    ("routing", "volume_differs", put("routes", "load_m3", more(0.001))),
    ("routing", "served_twice", _serve_twice),
    ("rolling", "latest_safe_day_differs", put("purchase_orders", "latest_safe_on", later(24), -1)),
    ("rolling", "due_differs_from_transit", put("transfers", "due_on", later(24), -1)),
    ("rolling", "co2_differs", put("transfers", "g_co2e", more(1.0), -1)),
]


@pytest.mark.parametrize("stage", REFEREES)
def test_the_plan_itself_is_accepted(stage: str, corner_shop: Scenario, corner_plan: Plan) -> None:
    """Without a planted error the referee finds nothing, and the objective is the certificate's."""
    report = REFEREES[stage](corner_shop, dict(corner_plan.tables))
    assert report.violations == ()
    rows = corner_plan.table("certificates").set_index("stage")
    if report.objective is not None:
        assert rows.loc[stage, "objective"] == pytest.approx(report.objective, rel=1e-6)


@pytest.mark.parametrize(
    ("stage", "code", "plant"), PLANTED, ids=[f"{s}-{c}" for s, c, _ in PLANTED]
)
def test_a_planted_error_is_found(
    stage: str, code: str, plant: Plant, corner_shop: Scenario, corner_plan: Plan
) -> None:
    """Each planted error is found under its own name."""
    tables = {name: frame.copy() for name, frame in corner_plan.tables.items()}
    plant(tables)
    found = {violation.code for violation in REFEREES[stage](corner_shop, tables).violations}
    assert code in found


def certificate(objective: float, bound: float | None, status: Status) -> Certificate:
    """Return a certificate to hold against a report."""
    return Certificate("sourcing", "test", status, Termination.CONVERGED, objective, bound, 0.1)


@pytest.mark.parametrize(
    ("claim", "code"),
    [
        (certificate(100.01, 90.0, Status.FEASIBLE), "objective_differs"),
        (certificate(100.0, 100.01, Status.FEASIBLE), "false_bound"),
        (certificate(100.0, 99.0, Status.OPTIMAL), "not_proven_optimal"),
        (certificate(100.0, None, Status.OPTIMAL), "not_proven_optimal"),
    ],
)
def test_a_certificate_that_claims_too_much_is_found(claim: Certificate, code: str) -> None:
    """A wrong objective, a false bound and an unproven optimum are told apart."""
    report = AuditReport("sourcing", 100.0, {"parcel": 100.0})
    assert [violation.code for violation in certificate_violations(claim, report)] == [code]


def test_an_honest_certificate_passes() -> None:
    """An optimum whose bound meets it is accepted."""
    claim = certificate(100.0, 100.0, Status.OPTIMAL)
    assert certificate_violations(claim, AuditReport("sourcing", 100.0)) == []
