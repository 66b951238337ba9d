"""Distances of an HTTP table service that speaks as OSRM does: in blocks, tried again, kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import numpy as np
from numpy.typing import NDArray

from scenarios.errors import EngineError, InputError

Floats = NDArray[np.float64]

BUSY = (429, 502, 503, 504)  # answers after which it is worth trying again
BYTES_PER_CELL = 64  # more than a number of an answer takes
SPARE_BYTES = 1_000_000


class OsrmTable:
    """A table service: `GET {url}/table/v1/{profile}/{lon,lat;...}`.

    Parameters
    ----------
    url : http or https address, as in http://localhost:5000; only it is called, redirects are not
        followed and proxies not used
    profile : as the service calls it
    block : places on either side of a request; services limit the sum of both
    timeout_s : seconds for one request
    tries : requests before giving up, with pauses of 1, 2, 4 ... x `pause_s`
    """

    def __init__(
        self,
        url: str,
        *,
        profile: str = "driving",
        block: int = 50,
        timeout_s: float = 30.0,
        tries: int = 4,
        pause_s: float = 0.5,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"the address of a table service begins with http(s)://, not {url!r}")
        if parts.query or parts.fragment or parts.username or parts.password:
            raise InputError("the address of a table service has no query and no password")
        if not profile.replace("-", "").replace("_", "").isalnum():
            raise InputError(f"profile must be a plain word, is {profile!r}")
        if block < 1 or tries < 1 or not timeout_s > 0:
            raise InputError("block and tries must be at least 1, and timeout_s above 0")
        self.url = url.rstrip("/")
        self.profile = profile
        self.block = block
        self.timeout_s = timeout_s
        self.tries = tries
        self.pause_s = pause_s
        self.requests = 0
        self._opener = build_opener(ProxyHandler({}), _NoRedirect())
        self._kept: dict[str, Any] = {}

    def measure(
        self, lonlat: Floats, progress: Callable[[float], None] = lambda _share: None
    ) -> tuple[Floats, Floats]:
        """Return metres and seconds from every place to every other, NaN where there is no road.

        Parameters
        ----------
        lonlat : (n, 2) float64, degrees, WGS84
        progress : told the share that is done

        Returns
        -------
        metres, seconds : (n, n) float64; not symmetric where roads are not

        Raises
        ------
        InputError
            The service refuses the request, or answers with something else than a table.
        EngineError
            It cannot be reached, or not in time, after all tries.
        """
        n = len(lonlat)
        metres, seconds = np.full((n, n), np.nan), np.full((n, n), np.nan)
        starts = [np.arange(k, min(k + self.block, n)) for k in range(0, n, self.block)]
        done = 0
        for rows in starts:
            for columns in starts:
                at = np.ix_(rows, columns)
                metres[at], seconds[at] = self._block(lonlat[rows], lonlat[columns])
                done += 1
                progress(done / len(starts) ** 2)
        np.fill_diagonal(metres, 0.0)
        np.fill_diagonal(seconds, 0.0)
        return metres, seconds

    def _block(self, origins: Floats, destinations: Floats) -> tuple[Floats, Floats]:
        n, m = len(origins), len(destinations)
        places = ";".join(f"{lon:.6f},{lat:.6f}" for lon, lat in (*origins, *destinations))
        sources = ";".join(str(k) for k in range(n))
        targets = ";".join(str(k) for k in range(n, n + m))
        path = f"{self.url}/table/v1/{self.profile}/{places}"
        asked = f"annotations=duration,distance&sources={sources}&destinations={targets}"
        answer = self._get(f"{path}?{asked}", SPARE_BYTES + 2 * BYTES_PER_CELL * n * m)
        return _cells(answer, "distances", n, m), _cells(answer, "durations", n, m)

    def _get(self, address: str, most_bytes: int) -> Any:
        """Return an answer, from memory where it was asked before."""
        if address in self._kept:
            return self._kept[address]
        why = ""
        for attempt in range(self.tries):
            if attempt:
                time.sleep(self.pause_s * 2.0 ** (attempt - 1))
            self.requests += 1
            request = Request(address, headers={"Accept": "application/json"})  # noqa: S310
            try:
                with self._opener.open(request, timeout=self.timeout_s) as response:
                    body = response.read(most_bytes + 1)
            except HTTPError as error:
                why = f"HTTP {error.code} {_said(error)}".strip()
                if error.code not in BUSY:
                    raise InputError(f"the table service refuses: {why}") from error
            except (URLError, TimeoutError, OSError) as error:
                why = str(getattr(error, "reason", error))
            else:
                if len(body) > most_bytes:
                    raise InputError("the table service answers with more than a table")
                self._kept[address] = _document(body)
                return self._kept[address]
        raise EngineError(f"the table service does not answer after {self.tries} tries: {why}")


class _NoRedirect(HTTPRedirectHandler):
    """Follows no redirect: only the address that was given is called."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Return no further request, so that the answer counts as an error."""


def _said(error: HTTPError) -> str:
    """Return what a refusal says, shortened."""
    try:
        document = json.loads(error.read(2_000))
        return str(document.get("message", document.get("code", "")))[:200]
    except (ValueError, AttributeError, OSError):
        return ""


def _document(body: bytes) -> Any:
    try:
        document = json.loads(body)
    except ValueError as error:
        raise InputError("the table service answers with something that is no JSON") from error
    if not isinstance(document, dict) or document.get("code") != "Ok":
        code = document.get("code", "") if isinstance(document, dict) else ""
        raise InputError(f"the table service answers with code {code!r}, not Ok")
    return document


def _cells(answer: dict[str, Any], name: str, n: int, m: int) -> Floats:
    """Return a table of an answer; null is NaN."""
    rows = answer.get(name)
    if not isinstance(rows, list) or len(rows) != n:
        raise InputError(f"the table service answers without {n} rows of {name}")
    cells = np.full((n, m), np.nan)
    for k, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != m:
            raise InputError(f"a row of {name} has not {m} cells")
        for j, cell in enumerate(row):
            if cell is None:
                continue
            number = isinstance(cell, (int, float)) and not isinstance(cell, bool)
            if not number or not 0.0 <= cell < float("inf"):
                raise InputError(f"{name} holds {cell!r} instead of a number of at least 0")
            cells[k, j] = float(cell)
    return cells
