"""Figures for Prometheus: requests of this process; runs and workers as the database has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import event, func, select

from api.store.database import Database
from api.store.rows import RunRow, WorkerRow, utc_now

STATES: Final = ("queued", "running", "cancelling", "succeeded", "failed", "cancelled")
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counts requests and, when asked, looks at the queue; totals over all tenants, no names.

    Parameters
    ----------
    database : the whole
    """

    def __init__(self, database: Database) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Queue(database))
        self._requests = Counter(
            "holdfast_http_requests_total",
            "Requests by method, route and status",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "holdfast_http_request_seconds",
            "Seconds to the first byte of an answer",
            ("route",),
            buckets=BUCKETS,
            registry=self._registry,
        )
        statements = Counter(
            "holdfast_database_statements_total",
            "Statements sent to the database, without those that begin and end transactions",
            registry=self._registry,
        )

        def count_statement(_to: object, _cursor: object, statement: str, *_more: object) -> None:
            if not statement.startswith("BEGIN"):
                statements.inc()

        for engine in (database.engine, database.writer):
            event.listen(engine, "before_cursor_execute", count_statement)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is its template, never a path with ids.

        Methods that no route has are one: whoever makes names up does not make this grow.
        """
        method = method if method in METHODS else "(other)"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Return all figures in the text format of Prometheus."""
        return generate_latest(self._registry)


class _Queue(Collector):
    def __init__(self, database: Database) -> None:
        self.database = database

    def describe(self) -> Iterator[Metric]:
        """Name nothing in advance: the database is asked only when figures are."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield the runs by state, how long the oldest waits, and the workers."""
        with self.database.session() as session:
            grouped = select(RunRow.state, func.count()).group_by(RunRow.state)
            counts = {str(state): int(count) for state, count in session.execute(grouped).all()}
            waiting = select(func.min(RunRow.created_at)).where(RunRow.state == "queued")
            oldest = session.scalar(waiting)
            workers = session.scalar(select(func.count()).select_from(WorkerRow))
        runs = GaugeMetricFamily("holdfast_runs", "Runs by state", labels=["state"])
        for state in STATES:
            runs.add_metric([state], counts.get(state, 0))
        yield runs
        now = utc_now()
        age = 0.0 if oldest is None else (now - oldest.replace(tzinfo=now.tzinfo)).total_seconds()
        yield GaugeMetricFamily(
            "holdfast_oldest_queued_seconds", "How long the oldest run waits", value=max(age, 0.0)
        )
        yield GaugeMetricFamily("holdfast_workers", "Workers that beat", value=workers or 0)
