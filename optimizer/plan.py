"""The plan: result tables, certificates, key figures, and where it all came from."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from optimizer.plan_tables import PLAN_TABLES
from scenarios import InputError, NotFound
from scenarios.scenario import blank, column_dtype
from scenarios.tables import TEXTUAL, Kind

PLAN_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made the plan; the same five give the same plan.

    Attributes
    ----------
    scenario_hash : content hash of the scenario
    code_version : version of Holdfast
    solver_versions : by library
    seed : of every random choice
    options : stages, limits, work
    scenario_path : where the scenario lay, relative to the plan's folder; "" if not on disk
    work : that each stage did, so that a plan limited by seconds can be made again
    code_digest : SHA-256 of the sources; "" of plans made before it was recorded
    machine : Python, libraries and kind of processor
    """

    scenario_hash: str
    code_version: str
    solver_versions: Mapping[str, str]
    seed: int
    options: Mapping[str, Any]
    scenario_path: str = ""
    made_at: str = ""
    work: Mapping[str, float] = field(default_factory=dict)
    code_digest: str = ""
    machine: Mapping[str, str] = field(default_factory=dict)


class Plan:
    """What to do, stage by stage; read-only.

    Parameters
    ----------
    provenance : what made it
    tables : result tables by name; columns as in :mod:`optimizer.plan_tables`
    notes : sentences for the planner, by stage
    """

    def __init__(
        self,
        provenance: Provenance,
        tables: Mapping[str, pd.DataFrame],
        notes: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        unknown = sorted(set(tables) - set(PLAN_TABLES))
        if unknown:
            raise NotFound(f"no such result table: {', '.join(unknown)}")
        self.provenance = provenance
        self.tables: Mapping[str, pd.DataFrame] = MappingProxyType(
            {name: conform(name, tables[name]) for name in PLAN_TABLES if name in tables}
        )
        self.notes = dict(notes or {})

    def __repr__(self) -> str:
        """Name the stages, whether they are feasible, and the head of the scenario's hash."""
        stages = ", ".join(self.table("certificates")["stage"])
        state = "feasible" if self.feasible else "not feasible"
        return f"Plan({stages}; {state}; scenario {self.provenance.scenario_hash[:12]})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from optimizer.showing import plan_html

        return plan_html(self)

    def table(self, name: str) -> pd.DataFrame:
        """Return a result table; no rows if no stage wrote it."""
        if name not in PLAN_TABLES:
            raise NotFound(f"no such result table: {name}; known are {', '.join(PLAN_TABLES)}")
        if name in self.tables:
            return self.tables[name].copy(deep=False)
        return _none(name).copy(deep=False)

    def from_place(self, scenario_path: str) -> Plan:
        """Return the plan with the place of its scenario, relative to the plan's folder."""
        provenance = replace(self.provenance, scenario_path=scenario_path)
        return Plan(provenance, self.tables, self.notes)

    @property
    def feasible(self) -> bool:
        """Whether every stage that ran has a plan."""
        return bool(self.table("certificates")["status"].isin(["optimal", "feasible"]).all())

    def kpi(self, name: str, variant: str = "", scope: str = "all") -> float:
        """Return one key figure.

        Raises
        ------
        NotFound
            No stage wrote it.
        """
        rows = self.table("kpis")
        found = rows[
            (rows["kpi"] == name)
            & (rows["variant"].fillna("") == variant)
            & (rows["scope"] == scope)
        ]
        if not len(found):
            raise NotFound(f"no such key figure: {name} {variant} {scope}".strip())
        return float(found["value"].iloc[0])

    def save(self, folder: str | Path, form: str = "parquet") -> Path:
        """Write plan.json and one file per table; `form` is parquet or csv.

        The folder must be new, empty, or hold an earlier plan (which is replaced).
        """
        if form not in ("parquet", "csv"):
            raise InputError(f"a plan is written as parquet or csv, not {form!r}")
        folder = prepare_folder(folder)
        for name in PLAN_TABLES:
            for ending in ("parquet", "csv"):
                (folder / f"{name}.{ending}").unlink(missing_ok=True)
        for name, frame in self.tables.items():
            if form == "parquet":
                frame.to_parquet(folder / f"{name}.parquet", index=False, compression="zstd")
            else:
                frame.to_csv(folder / f"{name}.csv", index=False, encoding="utf-8-sig")
        document = {
            "format": PLAN_FORMAT,
            "provenance": asdict(self.provenance),
            "certificates": records(self.table("certificates")),
            "kpis": records(self.table("kpis")),
            "notes": self.notes,
            "tables": {name: len(frame) for name, frame in self.tables.items()},
        }
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False, default=str)
        (folder / "plan.json").write_text(text + "\n", encoding="utf-8")
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Plan:
        """Read a plan folder.

        Raises
        ------
        InputError
            The folder holds no plan, or a broken one.
        """
        folder = Path(folder)
        if not (folder / "plan.json").is_file():
            raise InputError(
                f"{folder} holds no plan: name the folder that `holdfast plan --out` wrote"
            )
        try:
            document = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
            provenance = Provenance(**document["provenance"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{folder} holds no readable plan.json: {error}") from error
        tables = {}
        for name in PLAN_TABLES:
            frame = _read_file(folder, name)
            if frame is not None:
                tables[name] = frame
        notes = {stage: tuple(lines) for stage, lines in document.get("notes", {}).items()}
        return cls(provenance, tables, notes)


def read_table(folder: str | Path, name: str) -> pd.DataFrame:
    """Return one result table of a plan folder; no rows if no stage wrote it."""
    frame = _read_file(Path(folder), name)
    return _none(name).copy(deep=False) if frame is None else conform(name, frame)


def _read_file(folder: Path, name: str) -> pd.DataFrame | None:
    if (folder / f"{name}.parquet").exists():
        return pd.read_parquet(folder / f"{name}.parquet")
    path = folder / f"{name}.csv"
    if not path.exists():
        return None
    cells = {"dtype": str, "keep_default_na": False, "na_values": [""]}
    frame: pd.DataFrame = pd.read_csv(path, encoding="utf-8-sig", **cells)
    return frame


@cache
def _none(name: str) -> pd.DataFrame:
    """Return a result table without rows."""
    return conform(name, pd.DataFrame())


def conform(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a result table with every column of its contract, in order, with its dtype."""
    contract = PLAN_TABLES[name]
    unknown = sorted(set(frame.columns) - set(contract.names))
    if unknown:
        raise NotFound(f"{name}: no such columns in the contract: {', '.join(unknown)}")
    rows = len(frame)
    frame = frame.reset_index(drop=True)
    columns = {}
    for column in contract.columns:
        if column.name in frame.columns:
            cells = frame[column.name]
            if column.kind == Kind.FLAG and not pd.api.types.is_bool_dtype(cells):
                cells = cells.map({"True": True, "False": False, True: True, False: False})
                cells = cells.astype(object).where(cells.notna(), None)
            dtype: Any = column_dtype(column)
            held = cells.astype(dtype)
            if column.kind in TEXTUAL and (empty := held == "").any():
                held = held.mask(empty)
            columns[column.name] = held
        else:
            columns[column.name] = blank(column, rows)
    return pd.DataFrame(columns)


def prepare_folder(folder: str | Path) -> Path:
    """Return the folder for a plan, made where it is missing, unless it holds something else.

    Raises
    ------
    InputError
        It is a file, or neither empty nor an earlier plan.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: name a folder")
    if folder.exists() and any(folder.iterdir()) and not (folder / "plan.json").exists():
        raise InputError(f"{folder} is not empty and holds no plan: name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as plain values that JSON can hold; blanks become null."""
    return [
        {str(key): _plain(value) for key, value in row.items()} for row in frame.to_dict("records")
    ]


def _plain(value: Any) -> Any:
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if isinstance(value, dt.date):
        return value.isoformat()
    return value
