"""Traces for OpenTelemetry: a request, the run that it started, the run's stages.

Off unless an address is set (HOLDFAST_TRACES_ENDPOINT); then the extra `traces` must be installed.
What a run belongs to is kept in its row as a `traceparent` (W3C Trace Context), so that a worker on
another machine goes on with the trace of the request. No name, key or content goes into a span.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

from api.settings import ServiceSettings
from scenarios import InputError

SERVICE: Final = "holdfast"
FIELD: Final = "traceparent"
_providers: list[Any] = []  # of this process: one, or none


def configure(settings: ServiceSettings, exporter: Any = None) -> None:
    """Send spans to where the settings say; nowhere if they say nothing.

    Parameters
    ----------
    exporter : takes the spans at once, instead of what the settings say

    Raises
    ------
    InputError
        An address is set and the extra `traces` is not installed.
    """
    stop()
    if exporter is None and not settings.traces_endpoint:
        return
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

        provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}))
        if exporter is not None:
            provider.add_span_processor(SimpleSpanProcessor(exporter))
        else:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            sender = OTLPSpanExporter(endpoint=settings.traces_endpoint)
            provider.add_span_processor(BatchSpanProcessor(sender))
    except ImportError as error:
        raise InputError(
            "HOLDFAST_TRACES_ENDPOINT is set: install the extra `traces` (pip install"
            f" holdfast[traces]), or leave it blank; {error}"
        ) from error
    _providers[:] = [provider]


def stop() -> None:
    """Send what is left, and no more from now on."""
    for provider in _providers:
        provider.shutdown()
    _providers.clear()


@contextlib.contextmanager
def span(name: str, parent: str = "", **told: str | float) -> Iterator[Any]:
    """Open a span around what is done within; what is opened inside of it is below it.

    Parameters
    ----------
    parent : a `traceparent`; blank: the span that is open here, if there is one
    told : attributes

    Yields
    ------
    span : None where traces are off
    """
    if not _providers:
        yield None
        return
    tracer = _providers[0].get_tracer(SERVICE)
    context = _context(parent)
    with tracer.start_as_current_span(name, context=context, attributes=dict(told)) as opened:
        yield opened


def here() -> str:
    """Return the open span as a `traceparent`; blank where there is none."""
    if not _providers:
        return ""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(FIELD, "")


class StageSpans:
    """Spans of a run's stages, one after another, as their progress is told."""

    def __init__(self) -> None:
        self._stage = ""
        self._span: Any = None

    def told(self, stage: str) -> None:
        """Take note that a stage is at work."""
        if not (_providers and stage) or stage == self._stage:
            return
        self.end()
        self._stage = stage
        self._span = _providers[0].get_tracer(SERVICE).start_span(f"stage {stage}")

    def end(self) -> None:
        """End the last stage."""
        if self._span is not None:
            self._span.end()
        self._stage, self._span = "", None


def _context(parent: str) -> Any:
    if not parent:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({FIELD: parent})
