"""A client of the service for notebooks and scripts: tables come back as DataFrames."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import pandas as pd

from scenarios.errors import Conflict, EngineError, HoldfastError, InputError, NotFound
from scenarios.findings import Finding, Severity

ENDED = ("succeeded", "failed", "cancelled")


class Client:
    """Speaks to one service.

    Parameters
    ----------
    url : where it listens, as in http://127.0.0.1:8000
    key : an API key, hf_...; blank: of the environment variable HOLDFAST_KEY
    timeout_seconds : for one request
    transport : an httpx transport, for tests
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        key: str = "",
        timeout_seconds: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        key = key or os.environ.get("HOLDFAST_KEY", "")
        self._http = httpx.Client(
            base_url=url,
            timeout=timeout_seconds,
            transport=transport,
            headers={"Authorization": f"Bearer {key}"} if key else {},
        )

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all connections."""
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def create_scenario(self, source: str | Path | Mapping[str, Any]) -> dict[str, Any]:
        """Hand in a scenario: a folder, zip, workbook or JSON file, or a document as a mapping.

        Returns
        -------
        scenario : id, revision, rows by table, findings

        Raises
        ------
        InputError
            It was refused; the error carries every finding.
        """
        if isinstance(source, Mapping):
            return self._call("POST", "/v1/scenarios", json=dict(source))
        path = Path(source)
        if path.is_dir():
            name, content = f"{path.name}.zip", _zipped(path)
        else:
            name, content = path.name, path.read_bytes()
        return self._call("POST", "/v1/scenarios", files={"file": (name, content)})

    def demo_scenario(self, name: str) -> dict[str, Any]:
        """Take a built-in scenario in."""
        return self._call("POST", f"/v1/demo-scenarios/{name}")

    def start(
        self, kind: str, scenario: str, *, idempotency_key: str | None = None, **more: Any
    ) -> dict[str, Any]:
        """Queue a run; `more` are the further fields of a run request, as in options={...}."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        body = {"kind": kind, "scenario": scenario, **more}
        return self._call("POST", "/v1/runs", json=body, headers=headers)

    def run(self, run_id: str) -> dict[str, Any]:
        """Return how a run goes."""
        return self._call("GET", f"/v1/runs/{run_id}")

    def cancel(self, run_id: str) -> dict[str, Any]:
        """Ask for a run to end."""
        return self._call("POST", f"/v1/runs/{run_id}:cancel")

    def wait(
        self, run_id: str, *, timeout_seconds: float = 3600.0, show_progress: bool = False
    ) -> dict[str, Any]:
        """Wait until a run has ended and return it.

        Raises
        ------
        EngineError
            The run failed; the error says why.
        TimeoutError
        """
        from rich.progress import Progress

        deadline = time.monotonic() + timeout_seconds
        with Progress(disable=not show_progress, transient=True) as bar:
            task = bar.add_task("queued", total=1.0)
            while True:
                run = self.run(run_id)
                text = f"{run['state']} {run['stage']}".strip()
                bar.update(task, completed=run["share"], description=text)
                if run["state"] == "failed":
                    raise EngineError(f"run {run_id} failed: {run['reason']}")
                if run["state"] in ENDED:
                    return run
                if time.monotonic() > deadline:
                    raise TimeoutError(f"run {run_id} is {text} after {timeout_seconds:g} s")
                time.sleep(0.2)

    def plan(self, plan_id: str) -> dict[str, Any]:
        """Return where a plan came from and what it proved."""
        return self._call("GET", f"/v1/plans/{plan_id}")

    def table(self, plan_id: str, name: str, *, where: str = "", sort: str = "") -> pd.DataFrame:
        """Return a result table of a plan: whole, or the rows that a filter takes.

        Parameters
        ----------
        where : as in `site_id = DC1 and qty >= 10`
        sort : columns, as in `-cost,due_on`
        """
        return self._frame(f"/v1/plans/{plan_id}/tables/{name}", where, sort)

    def file(self, plan_id: str, name: str) -> bytes:
        """Return a file beside the tables of a plan, as network.lp of an exported problem."""
        answer = self._http.get(f"/v1/plans/{plan_id}/files/{name}")
        _raise_for(answer)
        return answer.content

    def scenario_table(
        self, scenario_id: str, name: str, *, where: str = "", sort: str = ""
    ) -> pd.DataFrame:
        """Return a table of a scenario's newest revision, whole or filtered as in `table`."""
        return self._frame(f"/v1/scenarios/{scenario_id}/tables/{name}", where, sort)

    def kpis(self, plan_id: str) -> pd.DataFrame:
        """Return the key figures of a plan."""
        return pd.DataFrame(self._call("GET", f"/v1/plans/{plan_id}/kpis")["kpis"])

    def runs(self, **filters: str) -> Iterator[dict[str, Any]]:
        """Iterate over runs, newest first."""
        token: str | None = None
        while True:
            params = {**filters, **({"page_token": token} if token else {})}
            page = self._call("GET", "/v1/runs", params=params)
            yield from page["runs"]
            token = page["next_page_token"]
            if token is None:
                return

    def decide(self, order: Mapping[str, Any], **where: str) -> dict[str, Any]:
        """Promise an order now: by the prices and out of the stock that a plan left.

        Parameters
        ----------
        order : order_id, zone_id, lines [{product_id, qty}], placed_at?, due_to? ...
        where : plan="..." or scenario="..." (its newest plan with parcels)

        Returns
        -------
        decision : promised_on, parcels, unserved, terms, reason; the same order gives the first
            decision again

        Raises
        ------
        Conflict
            The plan is not the newest any more, or its horizon is over.
        """
        return self._call("POST", "/v1/sourcing:decide", json={"order": dict(order), **where})

    def what_if(
        self, plan_id: str, decision: str | Mapping[str, Any], **more: Any
    ) -> dict[str, Any]:
        """Force or forbid one decision of a plan, as in "purchase P1 S2 W1 = 500"; wait for it.

        Parameters
        ----------
        more : seconds=... of solving, wait_seconds=... within the request, before its run is asked

        Returns
        -------
        answer : possible, reasons, extra_cost, stages, service, co2, moves ...
        """
        told = decision if isinstance(decision, str) else dict(decision)
        asked = {"decision": told, **more}
        document = self._call("POST", f"/v1/plans/{plan_id}:what-if", json=asked)
        if isinstance(document["run"], str):
            return document
        run = self.wait(document["run"]["id"])
        answer: dict[str, Any] = json.loads(self.file(run["plan"], "what_if.json"))
        return {"run": run["id"], "plan": plan_id, **answer}

    def simulate_risk(self, plan_id: str, risk: str, **more: Any) -> dict[str, Any]:
        """Let a risk of a plan's register happen, without and with its playbook; wait for it.

        Parameters
        ----------
        more : replications, seed

        Returns
        -------
        run : its plan holds `stress_results` and `drills`
        """
        body = {"risk": risk, **more}
        run = self._call("POST", f"/v1/plans/{plan_id}/risks:simulate", json=body)
        return self.wait(str(run["id"]))

    def harden(self, plan_id: str, **how: Any) -> dict[str, Any]:
        """Search the cheapest changes that let a plan withstand a suite, and wait for them.

        Parameters
        ----------
        how : fill_rate=0.9 for the default suite, or suite={...} as in a TOML file; kinds, budget,
            trials; options={...} of the run, as time_limit

        Returns
        -------
        hardening : status, frontier, best, contributions, shortfalls, variant ...; the variant's
            deltas make the best choice of the scenario
        """
        plan = self.plan(plan_id)
        options = how.pop("options", {})
        run = self.start(
            "harden",
            plan["scenario"],
            revision=plan["revision"],
            plan=plan_id,
            hardening=how,
            options=options,
        )
        run = self.wait(str(run["id"]))
        found: dict[str, Any] = json.loads(self.file(str(run["plan"]), "harden.json"))
        return found

    def compare(self, baseline: str, candidates: Sequence[str], **more: Any) -> dict[str, Any]:
        """Compare plans with a baseline, and wait for it.

        Parameters
        ----------
        more : shapley, waterfall, weights, replications, seed

        Returns
        -------
        comparison : inputs, kpis, waterfalls, robust ...
        """
        body = {"baseline": baseline, "candidates": list(candidates), **more}
        document = self._call("POST", "/v1/comparisons", json=body)
        if isinstance(document["run"], str):
            return document
        run = self.wait(document["run"]["id"])
        return self._call("GET", f"/v1/comparisons/{run['id']}")

    def promotion(self, plan: str, **terms: Any) -> dict[str, Any]:
        """Ask what a promotion would do on a plan, and wait for it.

        Parameters
        ----------
        terms : promotion, product, start, end, uplifts_pct, cancel ... of the wire model

        Returns
        -------
        promotion : cells, robust, latest_orders ...
        """
        run = self._call("POST", f"/v1/plans/{plan}/promotions:simulate", json=terms)
        self.wait(run["id"])
        return self._call("GET", f"/v1/promotions/{run['id']}")

    def _frame(self, path: str, where: str, sort: str) -> pd.DataFrame:
        asked = {"format": "parquet", "filter": where, "sort": sort}
        answer = self._http.get(path, params={name: text for name, text in asked.items() if text})
        _raise_for(answer)
        return pd.read_parquet(io.BytesIO(answer.content))

    def _call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = self._http.request(method, path, **more)
        _raise_for(answer)
        document: dict[str, Any] = answer.json()
        return document


def _raise_for(answer: httpx.Response) -> None:
    """Raise the error that a problem document tells of."""
    if answer.is_success:
        return
    try:
        document = answer.json()
        detail = str(document["detail"])
        listed = document.get("errors", [])
    except (ValueError, KeyError, TypeError):
        raise HoldfastError(f"{answer.status_code}: {answer.text[:200]}") from None
    if answer.status_code == 401:
        raise HoldfastError(f"{detail} (Client(url, key=...) or the variable HOLDFAST_KEY)")
    if answer.status_code == 404:
        raise NotFound(detail)
    if answer.status_code == 409:
        raise Conflict(detail)
    if answer.status_code in (400, 413, 415, 422):
        findings = [
            Finding(**{**found, "severity": Severity(found["severity"])}) for found in listed
        ]
        raise InputError(detail, findings)
    raise HoldfastError(f"{answer.status_code}: {detail}")


def _zipped(folder: Path) -> bytes:
    """Return the files of a scenario folder as a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            if path.is_file():
                archive.write(path, path.name)
    return buffer.getvalue()
