"""What was seen of faults, as a table that outlives whoever fills it."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from benchmarks.databases import SERVER
from benchmarks.machine import describe_machine
from benchmarks.page import put
from benchmarks.service import Service

PACKAGES = ("sqlalchemy", "dbos", "fastapi")
LOG_LINES = 60  # of the service, shown where a round ends badly
HEADINGS = (
    "| fault | rounds | runs | tried again | failed | lost | doubled | half there | reasons |"
)


@dataclass
class Row:
    """What was seen of one kind of fault."""

    fault: str
    rounds: int = 0
    runs: int = 0
    again: int = 0
    failed: int = 0
    lost: int = 0
    doubled: int = 0
    half: int = 0
    reasons: set[str] = field(default_factory=set)

    def add(self, other: Row) -> None:
        """Add what was seen in another round."""
        for part in fields(self):
            if part.type == "int":
                total = getattr(self, part.name) + getattr(other, part.name)
                setattr(self, part.name, total)
        self.reasons |= other.reasons

    @property
    def is_bad(self) -> bool:
        """Whether anything was lost, doubled or half there."""
        return self.lost + self.doubled + self.half > 0

    def line(self) -> str:
        """Return it as a line of a table."""
        told = "; ".join(sorted(self.reasons))
        return (
            f"| {self.fault} | {self.rounds} | {self.runs} | {self.again} | {self.failed} |"
            f" {self.lost} | {self.doubled} | {self.half} | {told} |"
        )


class Table:
    """The rows of all faults; it is told again after every round.

    Parameters
    ----------
    seed : of the random moments
    page : docs page whose part is replaced; None: it is only printed
    keep : file of what was seen, to go on from; None: it is begun anew
    """

    def __init__(self, seed: int, page: Path | None, keep: Path | None) -> None:
        self.seed, self.page, self.keep = seed, page, keep
        self.rows: dict[str, Row] = {}
        self.killed: set[int] = set()  # numbers of the rounds of kills
        self._began = time.monotonic()
        if keep is not None and keep.exists():
            kept = json.loads(keep.read_text(encoding="utf-8"))
            self.killed, self._began = set(kept["killed"]), self._began - kept["seconds"]
            for row in kept["rows"]:
                self.rows[row["fault"]] = Row(**{**row, "reasons": set(row["reasons"])})
        self._lock = threading.Lock()
        postgres = os.environ.get(SERVER)
        self.kind = "PostgreSQL" if postgres else "SQLite"

    def rounds(self, fault: str) -> int:
        """Return how many rounds there were of a fault."""
        return self.rows[fault].rounds if fault in self.rows else 0

    def add(self, seen: Row, service: Service | None = None, number: int | None = None) -> None:
        """Add a round; of a kill, with its number."""
        with self._lock:
            if number is not None and seen.rounds:
                self.killed.add(number)
            row = self.rows.setdefault(seen.fault, Row(seen.fault))
            row.add(seen)
            at = f"{self.seconds:.0f} s"
            print(f"{at} {seen.fault}: round {row.rounds} {seen.line()}", file=sys.stderr)
            if seen.is_bad and service is not None:
                log = service.log.read_text(errors="replace").splitlines()
                print(*log[-LOG_LINES:], sep="\n", file=sys.stderr)
            if self.page is not None:
                put(self.page, f"faults {self.kind}", self.text())
            if self.keep is not None:
                rows = [
                    {**asdict(row), "reasons": sorted(row.reasons)} for row in self.rows.values()
                ]
                kept = {"seconds": self.seconds, "killed": sorted(self.killed), "rows": rows}
                part = self.keep.with_suffix(".part")
                part.write_text(json.dumps(kept, indent=1), encoding="utf-8")
                part.replace(self.keep)

    @property
    def seconds(self) -> float:
        """Seconds since it was begun."""
        return time.monotonic() - self._began

    def text(self) -> str:
        """Return it as Markdown."""
        rounds = sum(row.rounds for row in self.rows.values())
        machine = describe_machine(PACKAGES)
        lines = [
            f"{self.kind}, {rounds} rounds in {self.seconds:.0f} s; {machine}; seed {self.seed}.",
            "",
            HEADINGS,
            "|---|---|---|---|---|---|---|---|---|",
            *(row.line() for row in self.rows.values()),
        ]
        return "\n".join(lines)
