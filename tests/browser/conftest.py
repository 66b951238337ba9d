"""A service on a port of its own, and a browser that notices everything."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from api.app import create_app
from api.settings import ServiceSettings

AXE = Path(__file__).parent / "vendor/axe-core/axe.min.js"
SCREENSHOTS = Path(__file__).parents[2] / "build/screenshots"
SECONDS = 400.0  # until a run must have ended


@dataclass
class Service:
    """A service that listens, and a key that is good for everything."""

    url: str
    key: str

    def call(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call the service and return what it answers."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def ended(self, run_id: str) -> dict[str, Any]:
        """Wait until a run has ended, and return it."""
        last = time.monotonic() + SECONDS
        while time.monotonic() < last:
            run: dict[str, Any] = self.call(f"/v1/runs/{run_id}")
            if run["state"] in ("succeeded", "failed", "cancelled"):
                return run
            time.sleep(0.3)
        raise AssertionError(f"run {run_id} has not ended after {SECONDS} s: {run}")


def listening(home: Path) -> Iterator[Service]:
    """Start a service on a free port; stop it afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home.mkdir(parents=True, exist_ok=True)
    app = create_app(ServiceSettings(home=home, port=port))
    key = app.state.house.keys.first()
    assert key is not None
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield Service(f"http://127.0.0.1:{port}", key.secret)
    server.should_exit = True
    thread.join(30)


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that holds nothing yet."""
    yield from listening(tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service for the pages of plans."""
    yield from listening(tmp_path_factory.mktemp("full"))


@pytest.fixture(scope="session")
def paths(service: Service) -> dict[str, str]:
    """Every page by name: of the corner shop with small vans, planned twice, and tried out."""
    taken = service.call("/v1/demo-scenarios/corner-shop", {})
    shop = taken["id"]
    small = {"max_stops": 1, "max_trips": 1}
    cheap = {"fixed_cost": 0, "cost_per_km": 0.1, "cost_per_hour": 0}
    vans = [
        {"vehicle_type": "van", "depot_id": "W1", "count": 2, **cheap, **small},
        {"vehicle_type": "bike", "depot_id": "S1", **small},
    ]
    change = {"table": "vehicles", "op": "upsert", "value": vans}
    service.call(f"/v1/scenarios/{shop}/revisions", {"base": taken["revision"], "deltas": [change]})
    asked = [
        {"kind": "pipeline", "scenario": shop, "options": {"work": 1.0}},
        {"kind": "stress", "scenario": shop, "options": {"work": 1.5, "replications": 4}},
    ]
    first, last = (
        service.ended(run) for run in [service.call("/v1/runs", body)["id"] for body in asked]
    )
    assert first["state"] == last["state"] == "succeeded", (first["reason"], last["reason"])
    plan = last["plan"]
    compared = {"baseline": first["plan"], "candidates": [plan], "waterfall": False}
    asked_for = service.call("/v1/comparisons", compared | {"replications": 2})["run"]
    wish = {"fill_rate": 0.9, "kinds": ["second_source"], "trials": 4}
    body = {"kind": "harden", "scenario": shop, "plan": plan, "hardening": wish}
    more = service.call("/v1/runs", body | {"options": {"replications": 3}})
    tea = {"product": "TEA", "start": "2026-10-26", "end": "2026-11-01",
           "uplifts_pct": [50, 100, 200], "more_capacity_pct": 0,
           "stocks": ["ordered for expected"]}  # fmt: skip
    tried = service.call(
        f"/v1/plans/{plan}/promotions:simulate", tea | {"replications": 2, "work": 1}
    )
    for asked in (asked_for, more, tried):
        run = service.ended(asked["id"])
        assert run["state"] == "succeeded", run["reason"]
    van = service.call(f"/v1/plans/{plan}/tables/routes?page_size=1")["rows"][0]
    sheet = urllib.parse.urlencode({"depot": van["depot_id"], "day": van["start"][:10]})
    parts = ("orders", "stock", "network", "sourcing", "routes", "promotions", "stress",
             "tables")  # fmt: skip
    return {
        "home": "/",
        "scenario": f"/scenarios/{shop}?table=products",
        "run": f"/runs/{last['id']}",
        "plan": f"/plans/{plan}",
        **{part: f"/plans/{plan}/{part}" for part in parts},
        "orders-sheet": f"/plans/{plan}/orders/print",
        "drivers-sheets": f"/plans/{plan}/routes/print?{sheet}",
        "compare": f"/compare?baseline={first['plan']}&candidate={plan}",
        "nightly": "/nightly",
        "settings": "/settings",
        "sign-in": "/sign-in",
    }


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium of this machine."""
    told = os.environ.get("HOLDFAST_TEST_CHROMIUM", "")
    found = told or shutil.which("chromium")
    if not found:
        pytest.skip("no Chromium here: `make browser-test` installs one")
    with sync_playwright() as driver:
        one = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield one
        one.close()


@dataclass
class Visit:
    """One browser window, and all that it complained of."""

    context: BrowserContext
    page: Page
    service: Service
    language: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Open a page and wait until it is at rest."""
        self.page.goto(self.service.url + path)
        self.page.wait_for_load_state("networkidle")

    def sign_in(self) -> None:
        """Sign in with the key, as a person does."""
        self.open("/sign-in")
        self.page.fill("#key", self.service.key)
        self.page.click("main button")
        self.page.wait_for_url(self.service.url + "/")

    def untranslated(self) -> list[str]:
        """Return what a page shows or was asked to show without its Chinese."""
        text: list[str] = self.page.evaluate(
            "[...(document.documentElement.outerHTML.match(/⟦[^⟧]*⟧/g) || []),"
            " ...((window.holdfast && window.holdfast.missing) || [])]"
        )
        return text

    def violations(self) -> list[str]:
        """Return what axe-core finds against WCAG 2.2 AA."""
        self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
        )
        return [
            f"{rule['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:300]}"
            for rule in found["violations"]
            for node in rule["nodes"][:3]
        ]


@pytest.fixture
def visiting(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Open windows; whatever one of them complains of fails the test at its end."""
    open_visits: list[Visit] = []

    def begin(service: Service, language: str, *, width: int = 1280, theme: str = "light") -> Visit:
        context = browser.new_context(viewport={"width": width, "height": 900})
        cookies = {"holdfast_language": language, "holdfast_theme": theme}
        context.add_cookies(
            [{"name": name, "value": value, "url": service.url} for name, value in cookies.items()]
        )
        visit = Visit(context, context.new_page(), service, language)
        context.set_default_timeout(60_000)
        listen(visit)
        open_visits.append(visit)
        return visit

    yield begin
    for visit in open_visits:
        visit.context.close()
    assert [complaint for visit in open_visits for complaint in visit.complaints] == []


def listen(visit: Visit) -> None:
    """Note each console message, broken script, failed answer and request to elsewhere."""
    page, notes = visit.page, visit.complaints
    page.on(
        "console",
        lambda told: (
            notes.append(f"console: {told.text}") if told.type in ("error", "warning") else None
        ),
    )
    page.on("pageerror", lambda error: notes.append(f"script: {error}"))
    page.on(
        "response",
        lambda answer: (
            notes.append(f"{answer.status}: {answer.url}") if answer.status >= 400 else None
        ),
    )
    page.on(
        "request",
        lambda asked: (
            notes.append(f"outside: {asked.url}")
            if not asked.url.startswith((visit.service.url, "data:"))
            else None
        ),
    )
