"""What a stress test found: tables, verdicts, notes, and how they are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scenarios import InputError
from simulation.junit import gate_report
from simulation.verdicts import Verdict

STRESS_FORMAT = 1


@dataclass(frozen=True, slots=True)
class StressResult:
    """What the simulator measured.

    Attributes
    ----------
    tables : `stress_results`, `service_curve`, `day_ledger` and `drills`
    titles : what goes wrong, by case
    verdicts : one per gate and case
    notes : what was left out or assumed, for the planner
    """

    suite: str
    scenario_hash: str
    replications: int
    seed: int
    horizon_days: int
    product_locations: int
    kernels: str
    tables: Mapping[str, pd.DataFrame]
    titles: Mapping[str, str]
    verdicts: tuple[Verdict, ...] = ()
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Name the suite, its size and whether its gates hold."""
        state = "passed" if self.passed else "failed"
        size = f"{len(self.titles)} cases x {self.replications} replications"
        return f"StressResult({self.suite!r}, {size}, {state})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from simulation.showing import stress_html

        return stress_html(self)

    @property
    def passed(self) -> bool:
        """Whether every gate holds; true when there is none."""
        return all(verdict.passed for verdict in self.verdicts)

    def value(self, case: str, kpi: str, scope: str = "all") -> tuple[float, float, float]:
        """Return mean, low and high of a KPI in a case."""
        rows = self.tables["stress_results"]
        row = rows[(rows["case"] == case) & (rows["kpi"] == kpi) & (rows["scope"] == scope)]
        if not len(row):
            raise InputError(f"the result holds no {kpi} of {scope} in case {case!r}")
        one = row.iloc[0]
        return float(one["disrupted"]), float(one["low"]), float(one["high"])

    def document(self) -> dict[str, Any]:
        """Return all but the tables as plain values that JSON can hold."""
        return {
            "format": STRESS_FORMAT,
            "suite": self.suite,
            "scenario_hash": self.scenario_hash,
            "replications": self.replications,
            "seed": self.seed,
            "horizon_days": self.horizon_days,
            "product_locations": self.product_locations,
            "passed": self.passed,
            "cases": dict(self.titles),
            "gates": [
                {
                    "case": verdict.case,
                    "kpi": verdict.gate.kpi,
                    "scope": verdict.gate.scope,
                    "gate": str(verdict.gate),
                    "value": _plain(verdict.value),
                    "shown": _plain(verdict.shown),
                    "passed": verdict.passed,
                }
                for verdict in self.verdicts
            ],
            "drills": self.tables["drills"].to_dict("records"),
            "notes": list(self.notes),
        } | gate_report(self.suite, self.verdicts)

    def save(self, folder: str | Path) -> Path:
        """Write stress.json and one Parquet file per table.

        The folder must be new, empty, or hold an earlier stress result (which is replaced).

        Raises
        ------
        InputError
            The folder holds something else.
        """
        folder = refuse_foreign(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in self.tables.items():
            frame.to_parquet(folder / f"{name}.parquet", index=False, compression="zstd")
        text = json.dumps(self.document(), indent=2, ensure_ascii=False, allow_nan=False)
        (folder / "stress.json").write_text(text + "\n", encoding="utf-8")
        return folder


def refuse_foreign(folder: str | Path) -> Path:
    """Return the folder for a result, unless it holds something else.

    Raises
    ------
    InputError
        It is a file, or neither empty nor an earlier stress result.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: name a folder")
    ours = any((folder / name).exists() for name in ("stress.json", "exposure.json"))
    if folder.exists() and any(folder.iterdir()) and not ours:
        raise InputError(f"{folder} is not empty and holds no stress result: name another folder")
    return folder


def _plain(value: float) -> float | None:
    return value if np.isfinite(value) else None
