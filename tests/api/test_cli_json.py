"""Every command that tells something tells it as JSON, too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from api.cli.app import app, invoke

SERVES = {"serve", "api", "worker"}  # run until they are stopped


def commands(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Return every command that does something, by name."""
    below = getattr(command, "commands", {})
    if not below:
        yield name.strip(), command
    for each in below.values():
        yield from commands(each, f"{name} {each.name}")


def test_every_command_has_json() -> None:
    """All but those that serve take --json."""
    without = {
        name
        for name, command in commands(typer.main.get_command(app))
        if not any("--json" in parameter.opts for parameter in command.params)
    }
    assert without == SERVES


def test_keeping_house_is_told_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tenant is made, limited, tidied and deleted, and its key is taken back."""
    monkeypatch.setenv("HOLDFAST_HOME", str(tmp_path))
    monkeypatch.delenv("HOLDFAST_DATABASE_URL", raising=False)

    def told(*words: str) -> Any:
        assert invoke([*words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    key = told("keys", "make", "first", "--tenant", "shop", "--new-tenant")
    assert told("keys", "revoke", key["id"], "--tenant", "shop")["revoked"] == key["id"]
    limited = told("tenants", "limit", "shop", "--queued", "3")
    assert limited == {"tenant": "shop", "queued": 3, "running": None}
    assert told("tenants", "tidy", "shop", "--days", "30")["runs"] == 0
    assert told("tenants", "delete", "shop", "--confirm", "shop")["tenant"] == "shop"
