"""The pipeline runs what the tables allow, shares its limits, and hides nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from optimizer import pipeline
from optimizer.outcome import Limits, Outcome, Status, Termination, gap_pct, proven_status
from optimizer.pipeline import plan
from optimizer.plan import Plan, conform
from optimizer.stage import StageResult
from optimizer.stages import choose_stages
from scenarios import AuditError, InputError, NotFound, Scenario


def without(scenario: Scenario, *tables: str) -> Scenario:
    """Return the scenario without some tables."""
    kept = {name: frame for name, frame in scenario.tables.items() if name not in tables}
    return Scenario(scenario.settings, kept)


def test_stages_without_their_tables_are_left_out_and_said(corner_shop: Scenario) -> None:
    """No vehicles: no routes, and a note that says so."""
    chosen, notes = choose_stages(without(corner_shop, "vehicles"), None)
    assert "routing" not in chosen
    assert "vehicles" in notes["routing"][0]


def test_a_stage_that_is_asked_for_needs_its_tables(corner_shop: Scenario) -> None:
    """Asking for routes without vehicles is an error that names the table."""
    with pytest.raises(InputError, match="routing needs vehicles"):
        choose_stages(without(corner_shop, "vehicles"), ["routing"])


def test_an_unknown_stage_is_an_error(corner_shop: Scenario) -> None:
    """The error lists the stages that there are."""
    with pytest.raises(InputError, match="known are forecasting"):
        choose_stages(corner_shop, ["flying"])


def test_stages_run_in_their_own_order(corner_shop: Scenario) -> None:
    """Whatever order they are named in."""
    chosen, _ = choose_stages(corner_shop, ["routing", "allocation", "forecasting"])
    assert chosen == ["forecasting", "positioning", "sourcing", "waves", "routing"]


@pytest.mark.parametrize("option", [{"seconds": 0.0}, {"work": 0.0}])
def test_limits_must_be_above_zero(corner_shop: Scenario, option: dict[str, float]) -> None:
    """No time or no work is an error, not an empty plan."""
    with pytest.raises(InputError, match="above 0"):
        plan(corner_shop, ["forecasting"], **option)  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_same_call_gives_the_same_plan(corner_shop: Scenario, corner_plan: Plan) -> None:
    """Every table is the same, bit for bit, but for the seconds that it took."""
    again = plan(corner_shop, work=4.0)
    assert set(again.tables) == set(corner_plan.tables)
    for name, frame in corner_plan.tables.items():
        dropped = ["wall_seconds"] if name == "certificates" else []
        left, right = frame.drop(columns=dropped), again.table(name).drop(columns=dropped)
        pd.testing.assert_frame_equal(left, right, check_exact=True, obj=name)


def test_cost_terms_add_up_to_the_objective(corner_plan: Plan) -> None:
    """The rows of `kpis` marked as objective sum to the certificate's, stage by stage."""
    kpis = corner_plan.table("kpis")
    for row in corner_plan.table("certificates").itertuples():
        if not np.isnan(row.objective):
            terms = kpis[kpis["variant"] == f"{row.stage} objective"]["value"]
            assert terms.sum() == pytest.approx(row.objective, rel=1e-9)


@pytest.mark.slow
def test_cities_stand_in_for_coordinates(corner_shop: Scenario) -> None:
    """A warehouse and zones known by their city alone are placed, and a note says where."""
    frames = dict(corner_shop.tables)
    sites = frames["sites"].assign(lat=np.nan, lon=np.nan, city="London")
    made = plan(Scenario(corner_shop.settings, {**frames, "sites": sites}), ["forecasting"])
    assert any("London" in note for note in made.notes["scenario"])


def test_a_plan_that_the_referee_rejects_is_not_shown(
    corner_shop: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage that ships nothing and says nothing of it raises AuditError."""
    honest = pipeline.run_stage

    def cheat(name: str, *more: object) -> StageResult:
        result = honest(name, *more)  # type: ignore[arg-type]
        tables = {table: frame.iloc[:0] for table, frame in result.tables.items()}
        return StageResult(tables, result.certificate)

    monkeypatch.setattr(pipeline, "run_stage", cheat)
    with pytest.raises(AuditError, match="neither_shipped_nor_unserved"):
        plan(corner_shop, ["sourcing"], work=1.0)


def test_cancelling_before_a_stage_leaves_it_out(corner_shop: Scenario) -> None:
    """A cancelled run says of each stage that it was not planned."""
    made = plan(corner_shop, cancelled=lambda: True)
    assert not made.tables
    assert set(made.notes) >= {"forecasting", "replenishment", "sourcing", "routing"}


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_plan_survives_its_files(corner_plan: Plan, tmp_path: object, form: str) -> None:
    """Written and read again, every table and the provenance are the same."""
    folder = tmp_path / "plan"  # type: ignore[operator]
    read = Plan.load(corner_plan.save(folder, form))
    assert read.provenance.scenario_hash == corner_plan.provenance.scenario_hash
    for name, frame in corner_plan.tables.items():
        pd.testing.assert_frame_equal(frame, read.table(name), obj=name)


def test_a_plan_is_not_written_over_other_files(corner_plan: Plan, tmp_path: object) -> None:
    """A folder that holds something else is refused."""
    (tmp_path / "letter.txt").write_text("dear")  # type: ignore[operator]
    with pytest.raises(InputError, match="not empty"):
        corner_plan.save(str(tmp_path))


def test_a_column_outside_the_contract_is_refused() -> None:
    """Result tables have the columns of their contract and no others."""
    with pytest.raises(NotFound, match="surprise"):
        conform("routes", pd.DataFrame({"surprise": [1]}))


def test_limits_share_what_is_left() -> None:
    """Half of the limits after 4 of 10 seconds is 3 seconds and half of the work."""
    now = [0.0]
    limits = Limits(seconds=10.0, work=8.0, clock=lambda: now[0])
    now[0] = 4.0
    half = limits.share(0.5)
    assert half.remaining == pytest.approx(3.0)
    assert half.work == pytest.approx(4.0)


def test_a_gap_is_stated_only_where_there_is_one() -> None:
    """No bound: no gap; the same number: no gap; else per cent of the objective."""
    assert gap_pct(10.0, None) is None
    assert gap_pct(0.0, 0.0) == 0.0
    assert gap_pct(10.0, 9.0) == pytest.approx(10.0)
    assert gap_pct(0.0, -1.0) is None


def test_optimal_needs_a_bound_that_meets_it() -> None:
    """A limit reached is not an optimum."""
    assert proven_status(10.0, 10.0) == Status.OPTIMAL
    assert proven_status(10.0, 9.99) == Status.FEASIBLE
    assert proven_status(10.0, None) == Status.FEASIBLE
    outcome = Outcome(Status.FEASIBLE, Termination.TIME_LIMIT, "x", 1, 10.0, 8.0)
    assert outcome.gap_pct == pytest.approx(20.0)
