"""Make a plan again from its provenance: the same bit for bit, or what differs and why."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from optimizer.code import code_digest, code_version, machine
from optimizer.outcome import Progress
from optimizer.pipeline import plan
from optimizer.plan import Plan, Provenance
from optimizer.stages import STAGES
from scenarios import InputError, Scenario

TIMES = {"certificates": ("wall_seconds",)}  # columns that no two runs share
LIMITS = ("stages", "seconds", "work")  # recorded beside the options of stages
BY_THE_CLOCK = ("time_limit", "cancelled")


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that is not as it was when the plan was made.

    Attributes
    ----------
    what : data, code, solver, machine, options or time
    """

    what: str
    then: str
    now: str

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.what}: {self.then} then, {self.now} now"


@dataclass(frozen=True, slots=True)
class Rerun:
    """What came of making a plan again.

    Attributes
    ----------
    causes : what is not as it was; a plan may come out the same all the same
    differences : tables and columns that differ
    made : the plan as it comes out now; None where it could not be made again
    """

    causes: tuple[Cause, ...]
    differences: tuple[str, ...]
    made: Plan | None

    @property
    def same(self) -> bool:
        """Whether every table came out again, bit for bit."""
        return self.made is not None and not self.differences

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "same": self.same,
            "causes": [{"what": c.what, "then": c.then, "now": c.now} for c in self.causes],
            "differences": list(self.differences),
            "plan_hash": None if self.made is None else content_hash(self.made),
        }


def rerun(
    made: Plan,
    scenario: Scenario,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Rerun:
    """Make a plan again.

    A plan that was limited by seconds is made again with as many, unless one of its stages used
    them up: then every stage is given the work that it recorded. With other data, or options that
    mean nothing any more, it is not made again: the causes say why.
    """
    causes = causes_of(made, scenario)
    if any(cause.what in ("data", "options") for cause in causes):
        return Rerun(tuple(causes), (), None)
    provenance = made.provenance
    options = dict(provenance.options)
    named = {name: value for name, value in options.items() if name not in LIMITS}
    seconds, work = options.get("seconds"), options.get("work")
    if seconds is not None and any(cause.what == "time" for cause in causes):
        work = {name: max(float(spent), 1e-9) for name, spent in provenance.work.items()}
        seconds = None
    again = plan(
        scenario,
        list(options["stages"]),
        seconds=seconds,
        work=work,
        seed=provenance.seed,
        options=named or None,
        progress=progress,
        cancelled=cancelled,
    )
    return Rerun(tuple(causes), tuple(differences(made, again)), again)


def causes_of(made: Plan, scenario: Scenario) -> list[Cause]:
    """Return what is not as it was when a plan was made: data, code, solver, machine, options."""
    then = made.provenance
    causes = []
    if scenario.content_hash != then.scenario_hash:
        causes.append(Cause("data", then.scenario_hash, scenario.content_hash))
    causes += _of_code(then)
    for name, number in then.solver_versions.items():
        installed = _installed(name)
        if installed != number:
            causes.append(Cause("solver", f"{name} {number}", f"{name} {installed}"))
    now = machine()
    for name, value in then.machine.items():
        if now.get(name) != value:
            found = now.get(name, "not known")
            causes.append(Cause("machine", f"{name} {value}", f"{name} {found}"))
    causes += _of_options(then.options)
    ends = made.table("certificates")
    clocked = ends[ends["termination"].isin(BY_THE_CLOCK)]
    for stage, end in zip(clocked["stage"], clocked["termination"], strict=True):
        text = f"{stage} ended by {end} of a machine as busy as it was"
        causes.append(Cause("time", text, "it is given the work that it did"))
    return causes


def _of_code(then: Provenance) -> list[Cause]:
    if then.code_version != code_version():
        return [Cause("code", f"version {then.code_version}", f"version {code_version()}")]
    if not then.code_digest:
        return [Cause("code", "its sources were not recorded", code_digest())]
    if then.code_digest != code_digest():
        return [Cause("code", then.code_digest, code_digest())]
    return []


def _of_options(options: Mapping[str, Any]) -> list[Cause]:
    """Return options that mean nothing (any more)."""
    causes = []
    stages = list(options.get("stages") or [])
    unknown = [name for name in stages if name not in STAGES]
    if unknown or not stages:
        causes.append(Cause("options", f"stages {', '.join(stages) or 'none'}", "not all known"))
    for name, value in options.items():
        if name in LIMITS:
            continue
        if not any(name in STAGES[stage].options for stage in stages if stage in STAGES):
            causes.append(Cause("options", f"{name} = {value}", "no stage takes it"))
        elif name == "previous" and not Path(str(value)).exists():
            causes.append(Cause("options", f"previous = {value}", "it is not there"))
    return causes


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def differences(one: Plan, other: Plan) -> list[str]:
    """Return tables and columns in which two plans differ in any bit."""
    found = []
    for name in sorted(set(one.tables) | set(other.tables)):
        first, second = one.table(name), other.table(name)
        if len(first) != len(second):
            found.append(f"{name}: {len(first):,} rows, not {len(second):,}")
            continue
        for column in first.columns:
            if column in TIMES.get(name, ()):
                continue
            unlike = int(np.count_nonzero(_unlike(first[column], second[column])))
            if unlike:
                found.append(f"{name}.{column}: {unlike:,} of {len(first):,} rows")
    return found


def _unlike(first: pd.Series, second: pd.Series) -> Any:
    if pd.api.types.is_float_dtype(first) and pd.api.types.is_float_dtype(second):
        bits = [np.ascontiguousarray(cells.to_numpy(np.float64)) for cells in (first, second)]
        nothing = np.isnan(bits[0]) & np.isnan(bits[1])
        return (bits[0].view(np.int64) != bits[1].view(np.int64)) & ~nothing
    both = first.isna() & second.isna()
    return ~((first == second).fillna(False).astype(bool) | both).to_numpy(bool)


def content_hash(made: Plan) -> str:
    """Return the SHA-256 of a plan's tables but for the times that its stages took."""
    digest = hashlib.sha256(b"holdfast-plan-1\n")
    for name in sorted(made.tables):
        frame = made.tables[name]
        digest.update(f"\n{name} {len(frame)}".encode())
        for column in frame.columns:
            if column in TIMES.get(name, ()):
                continue
            digest.update(f"\n{column}\n".encode())
            cells = pa.array(frame[column], from_pandas=True)
            digest.update("\x1f".join(map(repr, cells.to_pylist())).encode())
    return digest.hexdigest()


def refuse_without_provenance(made: Plan) -> None:
    """Refuse a plan that does not say how it was made.

    Raises
    ------
    InputError
        It names no stages.
    """
    if not made.provenance.options.get("stages"):
        raise InputError("the plan does not say which stages made it: it cannot be made again")
