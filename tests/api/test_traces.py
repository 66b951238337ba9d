"""A trace goes from the request over its run to the run's stages; without an address, nowhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.operations import traces
from api.runs.supervision import Supervisor
from api.settings import ServiceSettings
from api.store.rows import RunRow
from scenarios import InputError

from .conftest import Door, settings_for

ADDRESS = "http://127.0.0.1:9/v1/traces"


@pytest.fixture
def spans() -> Iterator[Any]:
    """Spans of this process, kept in memory."""
    memory = pytest.importorskip(
        "opentelemetry.sdk.trace.export.in_memory_span_exporter", reason="extra traces is missing"
    )
    exporter = memory.InMemorySpanExporter()
    traces.configure(ServiceSettings(), exporter)
    yield exporter
    traces.stop()


def test_without_an_address_nothing_is_traced() -> None:
    """No provider, no span, nothing to hand on."""
    traces.configure(ServiceSettings())
    with traces.span("request") as opened:
        assert opened is None
        assert traces.here() == ""


def test_an_address_without_the_extra_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service says what to install, instead of losing traces silently."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(InputError, match=r"holdfast\[traces\]"):
        traces.configure(ServiceSettings(traces_endpoint=ADDRESS))


def test_a_span_opened_within_another_is_below_it(spans: Any) -> None:
    """Same trace, and the outer one is the parent."""
    with traces.span("outer"), traces.span("inner"):
        pass
    inner, outer = spans.get_finished_spans()
    assert inner.parent.span_id == outer.context.span_id
    assert inner.context.trace_id == outer.context.trace_id


def test_a_trace_goes_on_elsewhere(spans: Any) -> None:
    """What `here` gives is the parent of what another process opens with it."""
    with traces.span("request"):
        handed_on = traces.here()
    with traces.span("run", handed_on):
        pass
    request, run = spans.get_finished_spans()
    assert handed_on.startswith("00-")
    assert run.parent.span_id == request.context.span_id


def test_request_run_and_stages_are_one_trace(
    spans: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run submitted over HTTP is carried as its worker does: four spans of one trace."""
    door = Door(settings_for(tmp_path), works=False)
    spans = type(spans)()  # the application has ended the other: its settings name no address
    traces.configure(door.house.settings, spans)
    scenario = door.http.post("/v1/demo-scenarios/corner-shop").json()["id"]
    spans.clear()
    told = door.http.post("/v1/runs", json={"kind": "pipeline", "scenario": scenario})
    house = door.house
    supervisor = Supervisor(house.database, house.settings, house.queue, "worker_a")

    def listen(_attempt: Any, _pipe: Any, _process: Any, stages: Any) -> Any:
        for stage in ("forecasting", "forecasting", "", "replenishment"):
            stages.told(stage)
        return "failed", {"detail": "out of luck"}

    class Nothing:
        """A process that does nothing."""

        def __init__(self, **_told: Any) -> None:
            self.start = self.kill = lambda: None
            self.join = lambda timeout: None

    monkeypatch.setattr(supervisor._context, "Process", Nothing, raising=False)
    monkeypatch.setattr(supervisor, "_listen", listen)
    run_id = told.json()["id"]
    supervisor.attempt(run_id, 1)
    found = {each.name: each for each in spans.get_finished_spans()}
    request, run = found["request POST"], found["run"]
    assert set(found) == {"request POST", "run", "stage forecasting", "stage replenishment"}
    assert len({each.context.trace_id for each in found.values()}) == 1
    assert run.parent.span_id == request.context.span_id
    assert found["stage replenishment"].parent.span_id == run.context.span_id
    assert request.attributes["http.route"] == "/v1/runs"
    assert run.attributes["run"] == run_id
    with house.database.session() as session:
        assert session.get(RunRow, run_id).state == "failed"
    assert door.secret not in str([each.to_json() for each in found.values()])
    door.close()
