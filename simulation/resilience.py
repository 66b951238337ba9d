"""The resilience scan of a plan: a sample of products, every node lost in turn, kept in files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from optimizer.outcome import Progress
from optimizer.plan import Plan, records
from scenarios import InputError, Scenario
from scenarios.gazetteer import fill_coordinates
from simulation.assembly import build_world
from simulation.exposure import WORST, Scan, recovery_days, scan
from simulation.representatives import (
    MOST_PRODUCTS,
    choose_products,
    only_planned,
    only_products,
    weigh_world,
)
from simulation.result import refuse_foreign


def scan_plan(
    scenario: Scenario,
    plan: Plan,
    *,
    products: int = MOST_PRODUCTS,
    first_day: int | None = None,
    worst: int = WORST,
    seed: int | None = None,
    threads: int = 0,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Scan:
    """Return what the loss of every supplier, site and lane of a plan would do.

    Parameters
    ----------
    products : at most so many are simulated; more are stood for by a sample
    first_day, worst, threads : see :func:`simulation.exposure.scan`
    seed : None: the scenario's
    progress : called with ("scan", share done, message)

    Raises
    ------
    InputError
        The plan was made from another scenario, or there is no demand to simulate.
    """
    if plan.provenance.scenario_hash != scenario.content_hash:
        raise InputError("the plan was made from another scenario: plan this one first")
    if products < 1:
        raise InputError(f"products must be 1 or more, is {products}")
    scenario, _ = fill_coordinates(scenario)
    sample = choose_products(scenario, plan, products)
    notes = [sample.note]
    if any(weight != 1.0 for weight in sample.weights.values()):
        scenario, plan = only_products(scenario, sample), only_planned(plan, sample)
    world = weigh_world(build_world(scenario, plan), sample)

    def tell(share: float, message: str) -> None:
        if progress is not None:
            progress("scan", share, message)

    found = scan(
        world,
        recovery_days(scenario),
        first_day=first_day,
        worst=worst,
        seed=scenario.settings.seed if seed is None else seed,
        threads=threads,
        progress=tell,
        cancelled=cancelled,
    )
    when = f"Every node is lost from day {found.first_day}."
    return replace(found, notes=(*notes, when, *found.notes))


def save_scan(found: Scan, scenario_hash: str, folder: str | Path) -> Path:
    """Write exposure.parquet and exposure.json into the folder of a stress test.

    Raises
    ------
    InputError
        The folder holds something else.
    """
    folder = refuse_foreign(folder)
    folder.mkdir(parents=True, exist_ok=True)
    found.table.to_parquet(folder / "exposure.parquet", index=False, compression="zstd")
    document = scan_document(found) | {"scenario_hash": scenario_hash}
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "exposure.json").write_text(text + "\n", encoding="utf-8")
    return folder


def scan_document(found: Scan) -> dict[str, object]:
    """Return a scan as plain values that JSON can hold."""
    return {
        "first_day": found.first_day,
        "replications": found.replications,
        "exposure": records(found.table),
        "notes": list(found.notes),
    }
