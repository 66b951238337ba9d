"""The contract with a table service, held against a small server of our own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from scenarios import EngineError, InputError
from scenarios.roads import OsrmTable

PLACES = np.array([[121.0 + k / 100.0, 31.0] for k in range(5)])


class Service:
    """A table service of one-way roads: 100 m and 10 s a step east, 300 m and 40 s a step west."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: list[tuple[int, Any]] = []  # that come before the true one
        self.no_road: set[tuple[int, int]] = set()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.asked.append(self.path)
                code, answer = (
                    service.answers.pop(0) if service.answers else service.table(self.path)
                )
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(code)
                if code == 302:
                    self.send_header("Location", f"{service.url}/table/v1/driving/1,1?sources=0")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def table(self, path: str) -> tuple[int, dict[str, Any]]:
        """Answer as OSRM does."""
        parts = urlsplit(path)
        _, table, v1, profile, places = parts.path.split("/")
        assert (table, v1, profile) == ("table", "v1", "driving")
        query = parse_qs(parts.query)
        assert query["annotations"] == ["duration,distance"]
        steps = [round((float(p.split(",")[0]) - 121.0) * 100) for p in places.split(";")]
        rows = [steps[int(k)] for k in query["sources"][0].split(";")]
        columns = [steps[int(k)] for k in query["destinations"][0].split(";")]

        def cells(east: float, west: float) -> list[list[float | None]]:
            return [
                [None if (a, b) in self.no_road else (b - a) * east if b >= a else (a - b) * west
                 for b in columns]
                for a in rows
            ]  # fmt: skip

        return 200, {"code": "Ok", "distances": cells(100.0, 300.0), "durations": cells(10.0, 40.0)}


@pytest.fixture
def service() -> Iterator[Service]:
    held = Service()
    thread = threading.Thread(target=held.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield held
    held.server.shutdown()
    held.server.server_close()
    thread.join()


def client(service: Service, **options: Any) -> OsrmTable:
    return OsrmTable(service.url, **({"pause_s": 0.001} | options))


@pytest.mark.parametrize("block", [2, 3, 100])
def test_blocks_give_the_whole_table(service: Service, block: int):
    """East and west differ, whatever the size of a request."""
    metres, seconds = client(service, block=block).measure(PLACES)
    step = np.arange(5)[None, :] - np.arange(5)[:, None]
    assert np.array_equal(metres, np.where(step >= 0, 100.0 * step, -300.0 * step))
    assert np.array_equal(seconds, np.where(step >= 0, 10.0 * step, -40.0 * step))
    assert len(service.asked) == (-(-5 // block)) ** 2


def test_null_is_no_road(service: Service):
    """A pair without a road is NaN in both tables, its way back is not."""
    service.no_road = {(0, 3)}
    metres, seconds = client(service).measure(PLACES)
    assert np.isnan([metres[0, 3], seconds[0, 3]]).all()
    assert (metres[3, 0], np.isnan(metres).sum()) == (900.0, 1)


def test_same_question_is_asked_once(service: Service):
    """The second table comes out of memory."""
    table = client(service)
    first, second = table.measure(PLACES), table.measure(PLACES)
    assert np.array_equal(first, second)
    assert len(service.asked) == table.requests == 1


def test_busy_service_is_asked_again(service: Service):
    """429 and 503 pass; the third answer counts."""
    service.answers = [(429, {"code": "TooMany"}), (503, b"")]
    metres, _ = client(service).measure(PLACES)
    assert metres[0, 1] == 100.0
    assert len(service.asked) == 3


def test_service_that_stays_busy_is_given_up(service: Service):
    """After all tries the message says what came last."""
    service.answers = [(503, b"")] * 9
    with pytest.raises(EngineError, match=r"3 tries: HTTP 503"):
        client(service, tries=3).measure(PLACES)
    assert len(service.asked) == 3


def test_service_out_of_reach(service: Service):
    """Nobody listens at the address any more."""
    service.server.socket.close()
    with pytest.raises(EngineError, match="does not answer after 2 tries"):
        OsrmTable("http://127.0.0.1:9", tries=2, pause_s=0.001).measure(PLACES)


def test_refusal_is_told_at_once(service: Service):
    """A wrong question is not asked again."""
    service.answers = [(400, {"code": "TooBig", "message": "Too many table coordinates"})]
    with pytest.raises(InputError, match="Too many table coordinates"):
        client(service).measure(PLACES)
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (b"<html>", "no JSON"),
        ({"code": "NoTable"}, "NoTable"),
        ({"code": "Ok", "durations": []}, "rows of distances"),
        ({"code": "Ok", "distances": [[0.0]] * 5}, "5 cells"),
        ({"code": "Ok", "distances": [[-1.0] * 5] * 5}, "-1.0"),
        ({"code": "Ok", "distances": [["far"] * 5] * 5}, "far"),
        (b" " * 2_000_000, "more than a table"),
    ],
)
def test_answers_that_are_no_table_are_refused(service: Service, answer: Any, word: str):
    """Whatever comes back is looked at cell by cell."""
    service.answers = [(200, answer)]
    with pytest.raises(InputError, match=word):
        client(service).measure(PLACES)


def test_redirects_are_not_followed(service: Service):
    """Only the address that was given is called."""
    service.answers = [(302, b"")]
    with pytest.raises(InputError, match="HTTP 302"):
        client(service).measure(PLACES)
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://host", "localhost:5000", "http://a/?b", "http://u:p@a"]
)
def test_addresses_that_are_none_are_refused(url: str):
    """Only http and https, without query and password."""
    with pytest.raises(InputError, match="address"):
        OsrmTable(url)


def test_profile_is_a_plain_word():
    """A profile cannot lead to another path."""
    with pytest.raises(InputError, match="profile"):
        OsrmTable("http://localhost", profile="../admin")
