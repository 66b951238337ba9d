"""Pages do what they say: commands of their sessions are run, and all lines shown come out."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from api.cli.app import invoke

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMPT = "$ holdfast "
REFUSED = ("cannot be planned", "不能计划")  # in the output of a command that ends with 2
TIMED = ("converged", "收敛")  # in lines of the stages, which tell how long each took


def commands(session: str) -> list[tuple[str, list[str]]]:
    """Return the commands of a session, each with the lines that are shown of its output."""
    told: list[tuple[str, list[str]]] = []
    for line in re.sub(r"\s*\\\n\s*", " ", session).splitlines():
        if line.startswith(PROMPT):
            told.append((line.removeprefix(PROMPT), []))
        else:
            told[-1][1].append(line)
    return told


def unsaid(shown: list[str], out: list[str]) -> list[str]:
    """Return the lines that a page shows and a command did not print, in order."""
    left = [line for line in shown if line != "..." and not any(word in line for word in TIMED)]
    printed = iter(out)
    return [line for line in left if line not in printed]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "sessions"),
    [("tutorial.md", 6), ("tutorial.zh.md", 6), ("risks.md", 3), ("promotions.md", 1)],
)
def test_a_page_shows_what_commands_print(
    page: str,
    sessions: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Commands and programs of a page one after the other, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDFAST_LANG", "en")  # whatever the locale; a page may say `--lang zh`
    names: dict[str, object] = {}
    blocks = BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))
    assert sum(kind == "console" for kind, _ in blocks) == sessions
    for kind, text in blocks:
        if kind == "python":
            exec(compile(text, page, "exec"), names)
            continue
        for command, shown in commands(text):
            code = invoke(shlex.split(command))
            out = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
            refused = any(word in line for word in REFUSED for line in shown)
            assert code == (2 if refused else 0), command
            assert unsaid(shown, out) == [], command


def test_a_line_that_was_not_printed_is_found() -> None:
    """Lines are looked for in order; what stands for lines left out is passed over."""
    (only,) = commands("$ holdfast plan x \\\n--out y\na\n...\nc\n")
    assert only == ("plan x --out y", ["a", "...", "c"])
    assert unsaid(["a", "...", "c"], ["a", "b", "c"]) == []
    assert unsaid(["a", "d"], ["a", "b", "c"]) == ["d"]
