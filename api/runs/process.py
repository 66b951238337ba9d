"""The worker that belongs to a `holdfast serve`: a process beside the one that answers."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from typing import Final

from api.operations.logs import tell
from api.settings import PREFIX, ServiceSettings

STOP_SECONDS: Final = 20.0
FIRST_RESTART_SECONDS, LAST_RESTART_SECONDS = 0.5, 30.0
GOOD_LIFE_SECONDS: Final = 60.0


class WorkerProcess:
    """Starts a worker, starts it again when it dies, and ends it with its own end.

    The worker holds the read end of a pipe: it stops when this process is gone, however that
    ended.

    Parameters
    ----------
    settings : handed on by environment
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="worker", daemon=True)

    def start(self) -> None:
        """Start the worker; it takes runs a moment later."""
        self._spawn()
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """Process id of the worker as it is now."""
        return None if self._process is None else self._process.pid

    def stop(self) -> None:
        """End the worker; its runs go back to the queue."""
        self._stopping.set()
        with self._lock:
            process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()
        self._thread.join(timeout=5.0)

    def _spawn(self) -> None:
        with self._lock:
            if self._stopping.is_set():
                return
            self._process = subprocess.Popen(
                [sys.executable, "-m", "api.runs.worker"],
                stdin=subprocess.PIPE,
                env={**os.environ, **_environment(self.settings)},
            )

    def _keep(self) -> None:
        wait = FIRST_RESTART_SECONDS
        while not self._stopping.is_set():
            started = time.monotonic()
            if self._process is not None:
                self._process.wait()
                if self._process.stdin is not None:
                    self._process.stdin.close()
            wait = FIRST_RESTART_SECONDS if time.monotonic() - started > GOOD_LIFE_SECONDS else wait
            if self._stopping.wait(wait):
                return
            wait = min(2.0 * wait, LAST_RESTART_SECONDS)
            try:
                self._spawn()
            except OSError as error:  # no memory, too many processes: later there may be room
                tell("worker not started", level=logging.ERROR, why=str(error))


def _environment(settings: ServiceSettings) -> dict[str, str]:
    """Return settings as the environment that gives them again."""
    given = settings.model_dump(mode="json", exclude_none=True)
    given["home"] = str(settings.home.resolve())
    named = {name: ",".join(v) if isinstance(v, list) else str(v) for name, v in given.items()}
    return {PREFIX + name.upper(): value for name, value in named.items()}
