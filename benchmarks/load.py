"""What 200 clients at once see: ``python -m benchmarks load [--clients 200 --seconds 120]``.

A `holdfast serve` of its own (API and worker) holds a plan of the corner shop. Each client, in a
loop until the time is over: hands a run in, asks how it goes until it has ended, follows the
events of the run under way until it has ended, and reads a page of a table; between any two it
waits about `--pause` seconds. Most runs are checks (`validate_only`), so that the solver does not
take the processors from what is measured; one client hands in runs that plan, one after the
other, and those are followed. Before that, each kind of call is made alone for what it costs the
API in processor time and statements: figures that do not depend on what else the machine does.
Clients run in this process, on the same machine. Memory of the API and the worker is looked at
each second; its slope is fitted to the second half. Exit 1 at any
error: a refused or broken connection, or an answer that is not 2xx.

With HOLDFAST_TEST_DATABASE_URL on PostgreSQL, else on SQLite.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

import httpx
import numpy as np

from benchmarks.call_costs import cost_lines, processor_seconds
from benchmarks.databases import SERVER
from benchmarks.machine import describe_machine
from benchmarks.page import put
from benchmarks.service import Service, running

PACKAGES = ("fastapi", "uvicorn", "sqlalchemy", "httpx")
ENDED = ("succeeded", "failed", "cancelled")
TABLES = ("purchase_orders", "kpis", "explanations", "certificates")
WORK = 0.5
PAGE_BYTES = resource.getpagesize()
MIB = 2**20


class Clients:
    """All clients, what they share and what they saw.

    Parameters
    ----------
    service : that is called
    plan : id of the plan whose tables are read
    pause : seconds between two calls of a client, in the mean
    rng : of pauses and choices
    """

    def __init__(self, service: Service, plan: str, pause: float, rng: random.Random) -> None:
        self.plan, self.pause, self.rng = plan, pause, rng
        self.scenario = service.scenario
        self.followed = ""
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.errors: Counter[str] = Counter()
        self.over = False
        self.address, self.headers = service.http.base_url, service.http.headers

    def caller(self) -> httpx.AsyncClient:
        """Return what one client calls with; a pool that all shared is searched at each call."""
        return httpx.AsyncClient(
            base_url=self.address,
            headers=self.headers,
            timeout=30.0,
            limits=httpx.Limits(keepalive_expiry=30.0),
            verify=False,  # nothing is encrypted here
        )

    async def rest(self) -> None:
        """Wait as somebody who reads what was answered."""
        await asyncio.sleep(self.rng.expovariate(1.0 / self.pause))

    async def call(
        self, http: httpx.AsyncClient, kind: str, method: str, path: str, **more: object
    ) -> httpx.Response | None:
        """Make a call; note how long it took, or what went wrong."""
        began = time.perf_counter()
        try:
            answer = await http.request(method, path, **more)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            self.errors[f"{kind}: {type(error).__name__}"] += 1
            return None
        self.seconds[kind].append(time.perf_counter() - began)
        if not answer.is_success:
            self.errors[f"{kind}: {answer.status_code}"] += 1
            return None
        return answer

    async def submit(self, http: httpx.AsyncClient, **options: object) -> str:
        """Hand a run in; return its id, blank where it was not taken."""
        body = {"kind": "replenishment", "scenario": self.scenario, "options": options}
        answer = await self.call(http, "submit", "POST", "/v1/runs", json=body)
        return "" if answer is None else str(answer.json()["id"])

    async def poll(self, http: httpx.AsyncClient, run_id: str) -> None:
        """Ask how a run goes until it has ended, or time is over."""
        while run_id and not self.over:
            answer = await self.call(http, "poll", "GET", f"/v1/runs/{run_id}")
            if answer is None or answer.json()["state"] in ENDED:
                return
            await self.rest()

    async def follow(self, http: httpx.AsyncClient, run_id: str) -> None:
        """Follow a run; note the time to the first event and how late the later ones are."""
        began = time.perf_counter()
        first = True
        try:
            async with http.stream("GET", f"/v1/runs/{run_id}/events") as answer:
                if not answer.is_success:
                    self.errors[f"first event: {answer.status_code}"] += 1
                    return
                async for line in answer.aiter_lines():
                    if first:
                        self.seconds["first event"].append(time.perf_counter() - began)
                        opened, first = time.time(), False
                    if line.startswith("data: "):
                        at = _moment(json.loads(line[6:])["at"])
                        if at > opened:
                            self.seconds["event after it happened"].append(time.time() - at)
                    if self.over:
                        return
        except httpx.HTTPError as error:
            self.errors[f"first event: {type(error).__name__}"] += 1

    async def work(self) -> None:
        """Keep runs under way that others follow."""
        async with self.caller() as http:
            while not self.over:
                run_id = await self.submit(http, work=WORK)
                self.followed = run_id or self.followed
                await self.poll(http, run_id)

    async def client(self) -> None:
        """Do what one client does until time is over."""
        async with self.caller() as http:
            await self.rest()
            while not self.over:
                await self.poll(http, await self.submit(http, validate_only=True))
                await self.rest()
                if self.followed and not self.over:
                    await self.follow(http, self.followed)
                    await self.rest()
                table = self.rng.choice(TABLES)
                path = f"/v1/plans/{self.plan}/tables/{table}"
                await self.call(http, "table page", "GET", path, params={"page_size": 100})
                await self.rest()


def _moment(text: str) -> float:
    from datetime import UTC, datetime

    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _mib(pid: int) -> float:
    """Return the memory that a process has in use."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * PAGE_BYTES / MIB


async def _watch(processes: dict[str, int], clients: Clients, seen: dict[str, list[float]]) -> None:
    """Note the memory of processes each second, in MiB."""
    while not clients.over:
        for name, pid in processes.items():
            seen[name].append(_mib(pid))
        await asyncio.sleep(1.0)


async def _run(
    service: Service, clients: Clients, number: int, seconds: float
) -> dict[str, list[float]]:
    """Let the clients work; return the memory of each process by second."""
    assert service.process is not None
    worker = service.worker()
    processes = {"API": service.process.pid} | ({} if worker is None else {"worker": worker})
    memory: dict[str, list[float]] = defaultdict(list)
    tasks = [asyncio.create_task(clients.client()) for _ in range(number - 1)]
    tasks.append(asyncio.create_task(clients.work()))
    tasks.append(asyncio.create_task(_watch(processes, clients, memory)))
    await asyncio.sleep(seconds)
    clients.over = True
    await asyncio.gather(*tasks)
    return memory


def _lines(clients: Clients, memory: dict[str, list[float]], seconds: float) -> list[str]:
    """Return the tables."""
    lines = ["| call | number | per second | p50 ms | p95 ms | p99 ms | longest ms |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    for kind, took in sorted(clients.seconds.items()):
        p50, p95, p99, longest = (1000.0 * np.quantile(took, [0.5, 0.95, 0.99, 1.0])).tolist()
        lines.append(
            f"| {kind} | {len(took)} | {len(took) / seconds:.1f} | {p50:.0f} | {p95:.0f} |"
            f" {p99:.0f} | {longest:.0f} |"
        )
    told = ", ".join(f"{times} x {what}" for what, times in clients.errors.items())
    lines += ["", f"Errors: {clients.errors.total()}{' (' + told + ')' if told else ''}.", "",
              "| process | MiB at first | in the middle | at the end | slope of the second half |",
              "|---|---|---|---|---|"]  # fmt: skip
    for name, mib in memory.items():
        half = np.array(mib[len(mib) // 2 :])
        slope = np.polyfit(np.arange(len(half)), half, 1)[0] * 60.0 if len(half) > 2 else 0.0
        lines.append(
            f"| {name} | {mib[0]:.0f} | {half[0]:.0f} | {mib[-1]:.0f} | {slope:+.1f} MiB a minute |"
        )
    return lines


def _plan(service: Service) -> tuple[str, str]:
    """Have a plan made; return its id and that of its run."""
    name = service.submit()
    assert name is not None, "the service takes no run"
    row = service.ended([name]).get(name)
    assert row is not None, "the first run does not end"
    assert row.plan_id is not None, row.reason
    return str(row.plan_id), name


def main(arguments: list[str]) -> int:
    """Run the clients and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks load", description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--pause", type=float, default=2.0, help="between two calls of a client")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page", type=Path, help="docs page whose part is replaced")
    options = parser.parse_args(arguments)
    kind = "PostgreSQL" if os.environ.get(SERVER) else "SQLite"
    with (
        tempfile.TemporaryDirectory() as place,
        running(Path(place) / "home", max_queued=100_000) as service,
    ):
        assert service.process is not None
        plan, run_id = _plan(service)
        costs = cost_lines(service, plan, run_id)
        clients = Clients(service, plan, options.pause, random.Random(options.seed))
        before, began = time.process_time(), processor_seconds(service.process.pid)
        memory = asyncio.run(_run(service, clients, options.clients, options.seconds))
        share = (time.process_time() - before) / options.seconds
        spent = processor_seconds(service.process.pid) - began
    answered = sum(map(len, clients.seconds.values()))
    head = (
        f"{options.clients} clients, {options.seconds:.0f} s, pause {options.pause:g} s, {kind};"
        f" the clients took {share:.2f} of a processor, the API {spent / options.seconds:.2f},"
        f" {1000.0 * spent / max(answered, 1):.1f} ms for each answer and event."
        f" {describe_machine(PACKAGES)};"
        f" seed {options.seed}."
    )
    text = "\n".join([head, "", *costs, "", *_lines(clients, memory, options.seconds)])
    print(text)
    if options.page is not None:
        put(options.page, f"load {kind}", text)
    return int(clients.errors.total() > 0)
