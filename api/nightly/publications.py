"""The record of what nights have published: append-only, each entry hashed over the one before.

HOME/publications.jsonl has a line for every time that a plan became the one that holds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from api.nightly.shelf import write_whole
from scenarios import Conflict

FIRST: Final = "0" * 64
NAME: Final = "publications.jsonl"
NEEDED: Final = {"night", "start_date", "plan_hash", "number", "hash_before", "hash"}
NOT_HASHED: Final = ("hash", "plan")  # where the plan lies may change, what it is may not


def plan_hash(folder: Path) -> str:
    """Return the SHA-256 of a plan's files and their names."""
    told = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        told.update(f"{path.name}\n{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return told.hexdigest()


def publications(home: Path) -> list[dict[str, Any]]:
    """Return what was published, oldest first.

    Raises
    ------
    Conflict
        A line is not an entry.
    """
    path = home / NAME
    if not path.exists():
        return []
    entries = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict) or not entry.keys() >= NEEDED:
            raise Conflict(f"line {number} of {path} is no entry of what was published")
        entries.append(entry)
    return entries


def append(home: Path, told: Mapping[str, Any]) -> dict[str, Any]:
    """Write down a publication behind the others; return it with its number and hashes."""
    before = publications(home)
    entry: dict[str, Any] = {
        **told,
        "number": len(before) + 1,
        "hash_before": before[-1]["hash"] if before else FIRST,
    }
    entry["hash"] = _hash(entry)
    lines = [json.dumps(each, ensure_ascii=False) + "\n" for each in (*before, entry)]
    write_whole(home / NAME, "".join(lines))
    return entry


def place_of(home: Path, night: str) -> Path:
    """Return the folder of the plan that a night published last: aside where it was run again."""
    aside = home / "nights" / night / "published"
    return aside if aside.exists() else home / "nights" / night / "plan"


def breaks(home: Path) -> Iterator[str]:
    """Yield what is wrong with the record of publications and with the plans that it names.

    A changed, removed or moved entry breaks the chain at it or behind it, and the newest is held
    against `published.json`. Of each night the plan that it published last is read; a night whose
    folder was deleted is none.
    """
    try:
        entries = publications(home)
    except Conflict as error:
        yield str(error)
        return
    before = FIRST
    for number, entry in enumerate(entries, start=1):
        if entry["number"] != number or entry["hash_before"] != before:
            yield f"entry {number} does not follow the entry before it"
        if entry["hash"] != _hash(entry):
            yield f"entry {number} was changed"
        before = entry["hash"]
    yield from _holding(home, entries)
    newest = {str(entry["night"]): entry for entry in entries}
    for night, entry in newest.items():
        if not (home / "nights" / night).exists():
            continue
        place = place_of(home, night)
        if not place.exists():
            yield f"entry {entry['number']}: the plan of night {night} is gone"
        elif plan_hash(place) != entry["plan_hash"]:
            yield f"entry {entry['number']}: the plan of night {night} was changed"


def _holding(home: Path, entries: list[dict[str, Any]]) -> Iterator[str]:
    path = home / "published.json"
    newest = _without_place(entries[-1]) if entries else None
    try:
        holds = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    except ValueError as error:
        yield f"published.json cannot be read: {error}"
        return
    if holds is not None and newest is None:
        yield f"published.json: {NAME} does not have it"
    elif (None if holds is None else _without_place(holds)) != newest:
        yield "published.json is not the newest entry"


def _without_place(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "plan"}


def _hash(entry: Mapping[str, Any]) -> str:
    told = {name: value for name, value in entry.items() if name not in NOT_HASHED}
    text = json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
