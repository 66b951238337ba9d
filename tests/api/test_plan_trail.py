"""The audit trail covers plans: what was kept is on record with its hash, and is still the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import select

from api.cli.app import invoke
from api.runs.supervision import keep_plan
from api.security.trail import verified
from api.store.documents import put_plan
from api.store.rows import PlanRow, RunRow, TrailRow, new_id
from optimizer.plan import Plan, Provenance
from scenarios.library import demo_scenario

from .conftest import Door, settings_for


class Kept:
    """A service that has kept one plan of a run."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.door = Door(settings_for(home), works=False)
        self.blobs = self.door.house.blobs
        desk = self.door.desk
        scenario = desk.scenarios.keep(demo_scenario("corner-shop"))
        kpis = pd.DataFrame({"kpi": ["spend"], "scope": ["all"], "value": [1.0], "unit": ["money"]})
        made = Plan(Provenance(scenario.head, "1", {}, 1, {}), {"kpis": kpis}, {})
        self.manifest = put_plan(self.blobs, made)
        with self.door.house.database.begin() as session:
            run = RunRow(id=new_id("run"), kind="pipeline", state="running",
                         tenant_id=desk.database.tenant_id, scenario_id=scenario.id,
                         revision=scenario.head, request={}, labels={})  # fmt: skip
            session.add(run)
            session.flush()
            told = {"manifest": self.manifest, "certificates": [], "notes": []}
            keep_plan(session, run, told)
            self.plan = str(run.plan_id)

    def breaks(self) -> tuple[str, ...]:
        """Return what the check says."""
        return verified(self.door.house.database, self.blobs)[0].breaks


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """A service with a plan."""
    made = Kept(tmp_path / "home")
    yield made
    made.door.close()


@pytest.mark.slow
def test_keeping_a_plan_records_its_hash(kept: Kept) -> None:
    """The record names plan, run, revision and the hash of the manifest; the chain is whole."""
    with kept.door.house.database.session() as session:
        row = session.scalars(select(TrailRow).where(TrailRow.action == "plan.kept")).one()
    assert row.target == kept.plan
    assert row.detail["plan_hash"] == kept.manifest
    assert kept.breaks() == ()


def test_a_plan_that_was_exchanged_is_found(kept: Kept) -> None:
    """Another manifest in the plan's row is not the one on record."""
    with kept.door.house.database.begin() as session:
        plan = session.get(PlanRow, kept.plan)
        assert plan is not None
        plan.manifest = "0" * 64
    assert any("another content" in text for text in kept.breaks())


def test_a_plan_whose_table_was_edited_is_found(kept: Kept) -> None:
    """A byte more in the file of a table, which is put right again afterwards."""
    tables = json.loads(kept.blobs.get(kept.manifest))["tables"].values()
    files = [path for path in (kept.home / "blobs").rglob("*") if path.is_file()]
    table = next(path for path in files if path.read_bytes()[:4] == b"PAR1" and path.name in tables)
    whole = table.read_bytes()
    table.chmod(0o644)
    table.write_bytes(whole + b"x")
    assert any("damaged" in text for text in kept.breaks())
    table.write_bytes(whole)
    assert kept.breaks() == ()


def test_a_plan_whose_content_is_gone_is_found(kept: Kept) -> None:
    """Its manifest was removed from the blobs."""
    kept.blobs.path(kept.manifest).unlink()
    assert any(f"no blob {kept.manifest}" in text for text in kept.breaks())


def test_the_command_reads_plans_too(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    """`holdfast audit verify` holds plans against their records."""
    if "postgresql" in kept.door.house.settings.url:
        pytest.skip("the command reads the database of its own settings")
    assert invoke(["audit", "verify", "--home", str(kept.home)]) == 0
    kept.blobs.path(kept.manifest).unlink()
    assert invoke(["audit", "verify", "--home", str(kept.home)]) == 1
    assert "no blob" in capsys.readouterr().out
