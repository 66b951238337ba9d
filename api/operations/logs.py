"""Log lines: one JSON document each, or text for a terminal; never a secret in them."""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
from typing import Final, Literal

LOGGER: Final = logging.getLogger("holdfast")


class JsonLines(logging.Formatter):
    """A record as one line of JSON: at, level, event, and what else was said with it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        at = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "event": record.getMessage()}
        line |= getattr(record, "told", {})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class Text(logging.Formatter):
    """A record as a line for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        at = dt.datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        told = " ".join(f"{name}={value}" for name, value in getattr(record, "told", {}).items())
        line = f"{at} {record.levelname.lower():<7} {record.getMessage()} {told}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure(form: Literal["json", "text"]) -> None:
    """Send log lines to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else Text())
    LOGGER.handlers = [handler]
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False


def tell(event: str, *, level: int = logging.INFO, error: bool = False, **told: object) -> None:
    """Log an event with what belongs to it, as in tell("run ended", run=..., state=...)."""
    LOGGER.log(level, event, extra={"told": told}, exc_info=error)
