"""How soon a page of a large plan table can be used in a browser, and how many bytes it takes."""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import uvicorn

from api.app import create_app
from api.routes.context import House
from api.settings import ServiceSettings
from benchmarks.machine import describe_machine
from benchmarks.pages import keep_plan, orders
from scenarios.library import demo_scenario

PAGES = {"orders": "/plans/{plan}/orders", "tables": "/plans/{plan}/tables?table=purchase_orders"}
# when the first row of a grid stood, and every task of the page's thread that took over 50 ms
WATCH = """
window.seen = { rows: null, tasks: [] };
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) seen.tasks.push([task.startTime, task.duration]);
}).observe({ type: "longtask", buffered: true });
new MutationObserver(() => {
  if (seen.rows === null && document.querySelector(".tabulator-row")) seen.rows = performance.now();
}).observe(document, { childList: true, subtree: true });
"""
READ = """() => ({
  rows: seen.rows, tasks: seen.tasks,
  paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null,
})"""
REST_MS = 700  # without a long task, after which a page counts as at rest


def main(arguments: list[str]) -> int:
    """Measure pages of plans with so many rows; print one line for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks browsing", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[5_000, 1_000_000])
    parser.add_argument("--visits", type=int, default=5, help="of each page, after the first one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--chromium", default=shutil.which("chromium") or "")
    parser.add_argument("--out", type=Path, help="JSON to write")
    asked = parser.parse_args(arguments)
    results = []
    for rows in asked.rows:
        with tempfile.TemporaryDirectory(prefix="holdfast-browsing-") as home:
            results += _measured(asked, rows, Path(home))
    print(describe_machine(["fastapi", "playwright"]))
    print("milliseconds from navigation, median of later visits; kB on the wire, headers with them")
    head = ("rows", "page", "paint", "first rows", "at ease", "server CPU", "kB first", "kB later")
    print("".join(f"{name:>12}" for name in head))
    for row in results:
        print(
            f"{row['rows']:12,}{row['page']:>12}{row['paint_ms']:12.0f}{row['rows_ms']:12.0f}"
            f"{row['ease_ms']:12.0f}{row['cpu_ms']:12.0f}{row['kb_first']:12.0f}"
            f"{row['kb_later']:12.0f}"
        )
    if asked.out:
        asked.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 0


def _measured(asked: argparse.Namespace, rows: int, home: Path) -> list[dict[str, Any]]:
    from playwright.sync_api import sync_playwright

    with _service(home) as (url, house, secret), sync_playwright() as driver:
        plan = keep_plan(house, secret, _of_many_nights(orders(rows, asked.seed)))
        browser = driver.chromium.launch(
            executable_path=asked.chromium or None, args=["--no-sandbox"]
        )
        found = []
        for name, path in PAGES.items():
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            page = context.new_page()
            page.add_init_script(WATCH)
            page.goto(f"{url}/sign-in")
            page.fill("#key", secret)
            page.click("main button")
            page.wait_for_url(f"{url}/")
            wire = context.new_cdp_session(page)
            taken: list[float] = []
            wire.on("Network.loadingFinished", partial(_note, taken))
            wire.send("Network.enable")
            wire.send("Network.clearBrowserCache")
            visits = [
                _visit(page, url + path.format(plan=plan), taken) for _ in range(1 + asked.visits)
            ]
            later = {key: float(np.median([v[key] for v in visits[1:]])) for key in visits[0]}
            found.append(
                {"rows": rows, "page": name, **later}
                | {"kb_first": visits[0]["kb"], "kb_later": later["kb"]}
            )
            context.close()
        browser.close()
    return found


def _note(taken: list[float], told: dict[str, Any]) -> None:
    taken.append(float(told["encodedDataLength"]))


def _of_many_nights(lines: pd.DataFrame) -> pd.DataFrame:
    """Return lines that are to be ordered on 28 days from the plan's first one, as many on each."""
    start = pd.Timestamp(demo_scenario("corner-shop").settings.start_date)
    days = pd.to_timedelta(np.arange(len(lines)) % 28, unit="D")
    return lines.assign(order_on=(start + days).astype(lines["order_on"].dtype))


def _visit(page: Any, address: str, taken: list[float]) -> dict[str, float]:
    """Open a page and wait until it is at rest; return milliseconds and kB."""
    taken.clear()
    worked = time.process_time()
    page.goto(address)
    page.wait_for_selector(".tabulator-row", timeout=60_000)
    while True:
        read = page.evaluate(READ)
        last = max((began + long for began, long in read["tasks"]), default=0.0)
        if page.evaluate("performance.now()") - max(last, read["rows"]) >= REST_MS:
            break
        page.wait_for_timeout(50)
    return {
        "paint_ms": read["paint"] or float("nan"),
        "rows_ms": read["rows"],
        "ease_ms": max(last, read["rows"]),
        "cpu_ms": 1000.0 * (time.process_time() - worked),
        "kb": sum(taken) / 1000.0,
    }


@contextmanager
def _service(home: Path) -> Iterator[tuple[str, House, str]]:
    """Serve on a free port; yield address, house and a key that is good for everything."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = create_app(ServiceSettings(home=home, port=port), works=False)
    house: House = app.state.house
    key = house.keys.first()
    assert key is not None
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{port}", house, key.secret
    finally:
        server.should_exit = True
        thread.join(30)
        house.queue.close()
        house.database.close()
