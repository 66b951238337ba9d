"""What every request passes first and last: headers that keep browsers careful, count and log.

Plain ASGI: no task, queue or stream of its own stands between a request and its route.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from api.errors import problem
from api.operations import traces
from api.operations.logs import tell

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from api.operations.metrics import Metrics

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:{images};"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")
SAME_SITE: Final = ("same-origin", "none")
QUIET: Final = (
    "/healthz",
    "/readyz",
    "/metrics",
    "/static",
    "/words/{code}.js",
)  # routes that are not logged


class Guard:
    """Refuses what a page of another site asks a browser to send; adds the security headers.

    Parameters
    ----------
    app : what is guarded
    map_tiles : URL of tiles that the service was set to; blank: none
    """

    def __init__(self, app: ASGIApp, map_tiles: str) -> None:
        self.app = app
        headers = {**SECURITY_HEADERS, "Content-Security-Policy": content_policy(map_tiles)}
        self._headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in headers.items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                named = {name.lower() for name, _ in headers}
                headers += [(name, value) for name, value in self._headers if name not in named]
                message["headers"] = headers
            await send(message)

        app = self.app
        if scope["method"] not in SAFE_METHODS:
            site = Headers(scope=scope).get("sec-fetch-site", "none")
            if site not in SAME_SITE:
                detail = "a page of another site asked for this"
                app = problem(403, "cross_site", detail, scope["path"])
        await app(scope, receive, guarded)


class Observer:
    """Counts and logs requests by their route, never with a query or an id of a key in it.

    Parameters
    ----------
    app : what is observed
    metrics : where requests are counted
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; its time is that to the first byte of the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.monotonic()
        told = False

        async def observed(message: Message) -> None:
            nonlocal told
            if message["type"] == "http.response.start":
                told = True
                self._tell(scope, message["status"], time.monotonic() - began)
                if span is not None:
                    span.set_attribute("http.response.status_code", message["status"])
                    span.set_attribute("http.route", route_of(scope))
            await send(message)

        with traces.span(f"request {scope['method']}") as span:
            try:
                await self.app(scope, receive, observed)
            finally:
                if not told:  # it broke: who is around this answers
                    self._tell(scope, 500, time.monotonic() - began)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = route_of(scope)
        self.metrics.count(scope["method"], route, status, seconds)
        if route not in QUIET:
            tell(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                ms=round(1000.0 * seconds, 1),
            )


def route_of(scope: Scope) -> str:
    """Return the template of a request's route: a path without ids."""
    return str(getattr(scope.get("route"), "path", "(none)"))


def content_policy(map_tiles: str) -> str:
    """Return what a browser may load: nothing from elsewhere, but for images of map tiles.

    Parameters
    ----------
    map_tiles : URL of tiles that the service was set to; blank: none
    """
    tiles = urlsplit(map_tiles.replace("{s}", "*"))
    images = f" {tiles.scheme}://{tiles.netloc}" if tiles.netloc else ""
    return CONTENT_POLICY.format(images=images)
