"""A plan in the making: what the stages so far have put into it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from optimizer.plan import Plan, Provenance, conform
from optimizer.stage import Kpi, StageResult


@dataclass(slots=True)
class Draft:
    """Tables, KPIs, certificates and notes of the stages that have ended.

    Attributes
    ----------
    provenance : of the plan; time, versions and work are filled in when it is assembled
    notes : by stage, or of the whole
    tables : by name, what later stages see
    held_back : rows of `transfers` that later stages see as facts of the scenario instead
    """

    provenance: Provenance
    notes: dict[str, tuple[str, ...]]
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    held_back: pd.DataFrame = field(default_factory=pd.DataFrame)
    certificates: list[dict[str, object]] = field(default_factory=list)
    kpis: list[Kpi] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    work: dict[str, float] = field(default_factory=dict)

    @classmethod
    def resumed(cls, plan: Plan) -> Draft:
        """Return the draft that a plan of its first stages was assembled from."""
        tables = {
            name: frame.copy()
            for name, frame in plan.tables.items()
            if name not in ("certificates", "kpis")
        }
        kpis = [
            Kpi(
                row.kpi,
                row.value,
                row.unit,
                row.variant if pd.notna(row.variant) else "",
                row.scope,
            )
            for row in plan.table("kpis").itertuples(index=False)
        ]
        made = cls(plan.provenance, dict(plan.notes), tables, kpis=kpis)
        made.certificates = plan.table("certificates").to_dict("records")
        made.versions = dict(plan.provenance.solver_versions)
        made.work = dict(plan.provenance.work)
        return made

    def take(self, name: str, result: StageResult) -> None:
        """Add a stage's results; `unserved` and the like grow, stage by stage."""
        for table, frame in result.tables.items():
            if not len(frame.columns):
                continue
            grows = table in self.tables and table not in result.replaces
            earlier = [self.tables[table]] if grows else []
            self.tables[table] = pd.concat([*earlier, conform(table, frame)], ignore_index=True)
        for kpi in result.kpis:
            objective = kpi.variant == "objective"
            self.kpis.append(replace(kpi, variant=f"{name} objective") if objective else kpi)
        self.versions |= result.solver_versions
        self.work[name] = result.work
        self.tell(name, result.notes)

    def tell(self, name: str, notes: Iterable[str]) -> None:
        """Add notes on a stage."""
        told = (*self.notes.get(name, ()), *notes)
        if told:
            self.notes[name] = told

    def hold_back(self, table: str) -> pd.DataFrame:
        """Take rows out that later stages shall not see as decisions; the plan has them first."""
        self.held_back = self.tables.pop(table, pd.DataFrame())
        return self.held_back

    def assemble(self) -> Plan:
        """Return the plan as it is now."""
        tables: dict[str, Any] = dict(self.tables)
        if len(self.held_back):
            later = [tables["transfers"]] if "transfers" in tables else []
            tables["transfers"] = pd.concat([self.held_back, *later], ignore_index=True)
        if self.certificates:
            tables["certificates"] = pd.DataFrame(self.certificates)
        if self.kpis:
            tables["kpis"] = pd.DataFrame(
                [[k.kpi, k.variant, k.scope, k.value, k.unit] for k in self.kpis],
                columns=["kpi", "variant", "scope", "value", "unit"],
            )
        provenance = replace(
            self.provenance,
            solver_versions=dict(sorted(self.versions.items())),
            made_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            work=dict(self.work),
        )
        return Plan(provenance, tables, dict(self.notes))
