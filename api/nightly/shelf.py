"""Where a night keeps what its steps have made, so that one that was cut short goes on."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from optimizer.plan import Plan


@dataclass(frozen=True, slots=True)
class Kept:
    """What a step has made.

    Attributes
    ----------
    key : hash of all that the step's result depends on; with another key it is done again
    document : plain values that JSON can hold
    plan : the plan as it was after the step; None: the step makes none
    """

    key: str
    document: Mapping[str, Any] = field(default_factory=dict)
    plan: Plan | None = None


class Shelf(Protocol):
    """Keeps what steps have made; a step is there whole or not at all."""

    def load(self, step: str) -> Kept | None:
        """Return what a step has made; None: it has not ended."""

    def keep(self, step: str, made: Kept) -> None:
        """Keep what a step has made, in place of what it made before."""


class FolderShelf:
    """Steps in a folder: a JSON file each, and a plan folder beside those that make one.

    Parameters
    ----------
    folder : made when missing
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def load(self, step: str) -> Kept | None:
        """Read a step; None where its file is not there."""
        path = self._path(step)
        if not path.exists():
            return None
        document = json.loads(path.read_text(encoding="utf-8"))
        place = document["plan"]
        plan = None if place is None else Plan.load(self.folder / place)
        return Kept(document["key"], document["document"], plan)

    def keep(self, step: str, made: Kept) -> None:
        """Write the plan first and the file that names it last."""
        place = None
        before = self._path(step)
        old = json.loads(before.read_text(encoding="utf-8"))["plan"] if before.exists() else None
        if made.plan is not None:
            place = Path(tempfile.mkdtemp(dir=self.folder, prefix="plan-")).name
            made.plan.save(self.folder / place)
        document = {"key": made.key, "document": dict(made.document), "plan": place}
        write_whole(before, json.dumps(document, ensure_ascii=False, default=str))
        if old is not None:
            shutil.rmtree(self.folder / old, ignore_errors=True)

    def _path(self, step: str) -> Path:
        safe = "".join(c if c.isalnum() or c in "-." else "_" for c in step)
        return self.folder / f"{safe}.json"


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there as a whole or as it was before."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
