"""How long a page of a large plan table takes: plain, filtered, sorted, both."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from fastapi.testclient import TestClient

from api.app import create_app
from api.routes.context import House
from api.settings import ServiceSettings
from api.store.documents import put_plan
from api.store.rows import PlanRow, RunRow, new_id
from benchmarks.machine import describe_machine
from optimizer.plan import Plan, Provenance, conform
from scenarios.library import demo_scenario

PATTERNS = ("plain", "filter walked", "new filter each page", "sort walked", "filter and sort")
SORTS = ("cost", "-qty", "due_on,-cost", "supplier_id", "-order_id", "product_id,qty")


def main(arguments: list[str]) -> int:
    """Run it and print one line per way of reading."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks pages", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pages", type=int, default=100, help="of each way of reading")
    parser.add_argument("--page-size", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="JSON to write")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="holdfast-pages-") as home:
        results = _measured(asked, Path(home))
    print(describe_machine(["pyarrow", "pandas", "numpy", "fastapi"]))
    print(f"{asked.rows:,} rows, pages of {asked.page_size}, seed {asked.seed}; milliseconds")
    print(f"{'reading':24}{'pages':>6}{'p50':>8}{'p95':>8}{'max':>8}{'first':>8}{'CPU p95':>9}")
    for row in results:
        print(
            f"{row['reading']:24}{row['pages']:6d}{row['p50_ms']:8.1f}{row['p95_ms']:8.1f}"
            f"{row['max_ms']:8.1f}{row['first_ms']:8.1f}"
            f"{row['cpu_p95_ms']:9.1f}"
        )
    if asked.out:
        asked.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 0


def _measured(asked: argparse.Namespace, home: Path) -> list[dict[str, Any]]:
    settings = ServiceSettings(home=home)
    app = create_app(settings, works=False)
    house: House = app.state.house
    key = house.keys.first()
    assert key is not None
    plan_id = keep_plan(house, key.secret, orders(asked.rows, asked.seed))
    random = np.random.default_rng(asked.seed)
    path = f"/v1/plans/{plan_id}/tables/purchase_orders"
    results = []
    http = TestClient(app, headers={"Authorization": f"Bearer {key.secret}"})
    http.get("/v1/runs")  # the first request opens what all need
    for pattern in PATTERNS:
        taken: list[float] = []
        worked: list[float] = []  # CPU of the whole process, which other programs do not stretch
        token, sort = None, SORTS[0]
        for number in range(asked.pages):
            if number % (asked.pages // len(SORTS) + 1) == 0:
                token, sort = None, SORTS[number * len(SORTS) // asked.pages]
            params = {"page_size": asked.page_size, **_question(pattern, sort, random)}
            if token and "new" not in pattern:
                params["page_token"] = token
            began, worked_before = time.perf_counter(), time.process_time()
            answer = http.get(path, params=params)
            taken.append(1000.0 * (time.perf_counter() - began))
            worked.append(1000.0 * (time.process_time() - worked_before))
            answer.raise_for_status()
            token = answer.json()["next_page_token"]
        p50, p95 = np.percentile(taken, [50, 95])
        results.append(
            {
                "reading": pattern,
                "pages": len(taken),
                "p50_ms": p50,
                "p95_ms": p95,
                "max_ms": max(taken),
                "first_ms": taken[0],
                "cpu_p95_ms": float(np.percentile(worked, 95)),
            }
        )
    house.queue.close()
    house.database.close()
    return results


def _question(pattern: str, sort: str, random: np.random.Generator) -> dict[str, str]:
    """Return filter and sort of one page."""
    asked = {}
    if pattern.startswith("new"):
        asked["filter"] = (
            f"supplier_id = S{random.integers(300):03d} and qty >= {random.integers(400)}"
        )
    elif "filter" in pattern:
        asked["filter"] = "due_on >= 2026-02-01 and product_id starts with P01"
    if "sort" in pattern:
        asked["sort"] = sort
    return asked


def orders(rows: int, seed: int) -> pd.DataFrame:
    """Return purchase orders: 300 suppliers, 20,000 products, seven lines to an order."""
    random = np.random.default_rng(seed)
    day = np.datetime64("2026-01-01", "ms")
    qty = random.integers(1, 500, rows).astype(float)
    cost = np.round(random.lognormal(2.0, 1.0, rows), 2)
    frame = pd.DataFrame(
        {
            "order_id": np.char.add("PO-", np.char.zfill((np.arange(rows) // 7).astype(str), 7)),
            "line": np.arange(rows) % 7 + 1.0,
            "supplier_id": np.array([f"S{at:03d}" for at in range(300)])[
                random.integers(300, size=rows)
            ],
            "product_id": np.array([f"P{at:05d}" for at in range(20_000)])[
                random.integers(20_000, size=rows)
            ],
            "site_id": np.array([f"DC{at}" for at in range(9)])[random.integers(9, size=rows)],
            "order_on": day,
            "due_on": day + random.integers(1, 90, rows).astype("timedelta64[D]"),
            "qty": qty,
            "unit_cost": cost,
            "cost": qty * cost,
            "status": "proposed",
        }
    )
    return conform("purchase_orders", frame)


def keep_plan(house: House, secret: str, frame: pd.DataFrame) -> str:
    """Store a plan with one large table as if a run had made it; return its id."""
    who = house.keys.known(secret)
    assert who is not None
    here = house.as_seen_by(who)
    scenario = here.scenarios.keep(demo_scenario("corner-shop"))
    made = Plan(Provenance(scenario.head, "1", {}, 1, {}), {"purchase_orders": frame}, {})
    manifest = put_plan(house.blobs, made)
    common = {"scenario_id": scenario.id, "revision": scenario.head}
    with here.database.begin() as session:
        run = RunRow(
            id=new_id("run"), kind="pipeline", state="succeeded", request={}, labels={}, **common
        )
        session.add(run)
        session.flush()
        plan = PlanRow(id=new_id("plan"), run_id=run.id, manifest=manifest, **common)
        session.add(plan)
    return str(plan.id)
