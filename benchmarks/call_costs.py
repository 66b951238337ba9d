"""What one call costs the API: processor time and database statements, one caller at a time.

Processor time is that of the API's process, user and system, so it does not depend on what else
runs on the machine; statements are those that the service counts in `/metrics`.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx

if TYPE_CHECKING:
    from benchmarks.service import Service

CALLS: Final = 200
FOLLOWERS: Final = 50
WORK: Final = 0.5  # of the run that is followed
TICKS: Final = os.sysconf("SC_CLK_TCK")
STATEMENTS: Final = re.compile(r"^holdfast_database_statements_total ([0-9.e+]+)$", re.MULTILINE)


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has taken, all threads, to a clock tick."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def cost_lines(service: Service, plan: str, ended_run: str) -> list[str]:
    """Measure each kind of call and return the table.

    Parameters
    ----------
    service : that is called; nobody else calls it
    plan : id of a plan whose tables are read
    ended_run : id of a run that has ended
    """
    http = service.http
    check = {
        "kind": "replenishment",
        "scenario": service.scenario,
        "options": {"validate_only": True},
    }
    calls: dict[str, Callable[[], object]] = {
        "poll": lambda: http.get(f"/v1/runs/{ended_run}").raise_for_status(),
        "submit (check)": lambda: http.post("/v1/runs", json=check).raise_for_status(),
        "table page": lambda: http.get(
            f"/v1/plans/{plan}/tables/purchase_orders", params={"page_size": 100}
        ).raise_for_status(),
        "stream of an ended run": lambda: http.get(
            f"/v1/runs/{ended_run}/events"
        ).raise_for_status(),
    }
    lines = ["| call | number | processor ms each | statements each |", "|---|---|---|---|"]
    for name, call in calls.items():
        for _ in range(CALLS // 10):  # what is loaded once
            call()
        spent, asked = _measure(service, lambda call=call: [call() for _ in range(CALLS)])  # type: ignore[misc]
        lines.append(f"| {name} | {CALLS} | {1000 * spent / CALLS:.2f} | {asked / CALLS:.1f} |")
    seen = [0]
    spent, asked = _measure(service, lambda: seen.append(asyncio.run(_followed(service))))
    lines.append(
        f"| event to each of {FOLLOWERS} who follow | {seen[-1]} | {1000 * spent / seen[-1]:.2f} |"
        f" {asked / seen[-1]:.1f} |"
    )
    return lines


def _measure(service: Service, work: Callable[[], object]) -> tuple[float, float]:
    """Return processor seconds and statements of the API while something is done."""
    assert service.process is not None
    own = _statements(service)
    own = _statements(service) - own  # what asking costs
    asked = _statements(service)
    began = processor_seconds(service.process.pid)
    work()
    spent = processor_seconds(service.process.pid) - began
    return spent, _statements(service) - asked - own


def _statements(service: Service) -> float:
    found = STATEMENTS.search(service.http.get("/metrics").text)
    assert found is not None, "the service counts its statements"
    return float(found.group(1))


async def _followed(service: Service) -> int:
    """Have a run made that many follow from its start; return the events that came to all."""
    body = {
        "kind": "replenishment",
        "scenario": service.scenario,
        "options": {"work": WORK},
    }
    async with httpx.AsyncClient(
        base_url=service.http.base_url, headers=service.http.headers, timeout=60.0
    ) as http:
        run_id = (await http.post("/v1/runs", json=body)).json()["id"]

        async def follow() -> int:
            events = 0
            async with http.stream("GET", f"/v1/runs/{run_id}/events") as answer:
                async for line in answer.aiter_lines():
                    events += line.startswith("data: ")
            return events

        return sum(await asyncio.gather(*(follow() for _ in range(FOLLOWERS))))
