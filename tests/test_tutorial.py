"""The tutorial does what it says: every command is run, and every line it shows comes out."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from api.cli.app import invoke

PAGE = Path(__file__).parents[1] / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REFUSED = "cannot be planned"  # in the output of a command that ends with 2
TIMED = "converged"  # in lines of the stages, which tell how long each took


@pytest.mark.slow
def test_the_tutorial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Commands and programs of the page one after the other, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert sum(kind == "console" for kind, _ in blocks) == 7
    for kind, text in blocks:
        if kind == "python":
            exec(compile(text, str(PAGE), "exec"), names)
            continue
        command, *told = text.splitlines()
        code = invoke(shlex.split(command.removeprefix("$ holdfast ")))
        out = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
        assert code == (2 if REFUSED in text else 0), command
        for line in told:
            assert line == "..." or TIMED in line or line in out, (command, line)
