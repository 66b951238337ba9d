"""What commands write on a terminal: bars of progress, tables that fit, completion of the shell."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

import api.cli.console
from api.cli.app import app, invoke
from api.cli.console import Exit, print_table
from api.cli.progress import StageBars
from optimizer.code import code_version
from scenarios.library import demo_scenario

WIDTH = 80
CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def terminal(*, is_one: bool = True) -> tuple[Console, io.StringIO]:
    """Return a console of 80 columns, and what is written to it."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=is_one, width=WIDTH, color_system=None)
    return console, written


def test_bars_show_stages_and_what_they_found() -> None:
    """Each stage has a line of at most 80 columns, with its share and its best plan so far."""
    console, written = terminal()
    with StageBars(quiet=False, console=console) as bars:
        bars.show("replenishment", 0.4, "plan 1,234.50")
        bars.show("routing", 0.25, "2026-10-12 W1: 987.00, " + "and much more " * 10)
    lines = CONTROL.sub("", written.getvalue()).replace("\r", "\n").split("\n")
    assert any(re.match(r"replenishment .* 40 % plan 1,234\.50", line) for line in lines)
    assert any(re.match(r"routing .* 25 % 2026-10-12 W1: 987\.00", line) for line in lines)
    assert max(len(line) for line in lines) <= WIDTH


@pytest.mark.parametrize(("quiet", "is_terminal"), [(True, True), (False, False)])
def test_bars_are_silent_elsewhere(quiet: bool, is_terminal: bool) -> None:
    """Beside --json, and into a pipe, nothing is written."""
    console, written = terminal(is_one=is_terminal)
    with StageBars(quiet=quiet, console=console) as bars:
        bars.show("routing", 0.5, "W1: 1.00")
    assert written.getvalue().strip() == ""


def test_wide_tables_fit_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight columns of long ids in 80: cells go on in the next line, and nothing is lost."""
    console, written = terminal()
    monkeypatch.setattr(api.cli.console, "out", lambda: console)
    ids = [f"PO-20261012-SUPPLIER-{at:04d}" for at in range(5)]
    print_table("Orders", ["order", "supplier", "site", "on", "by", "lines", "units", "cost"],
                [[name, "SUPPLIER", "WAREHOUSE", "2026-10-12", "2026-10-19", 3, 4500, 1234567.5]
                 for name in ids])  # fmt: skip
    lines = written.getvalue().splitlines()
    assert max(len(line) for line in lines) <= WIDTH
    first_column = "".join(line[1:].split("│")[0].strip() for line in lines if "│" in line)
    assert all(name in first_column for name in ids)


def test_shells_complete_commands() -> None:
    """What bash asks for after `holdfast str` is answered with the command that begins so."""
    asks = {"_HOLDFAST_COMPLETE": "complete_bash", "COMP_WORDS": "holdfast str", "COMP_CWORD": "1"}
    answer = CliRunner().invoke(app, [], prog_name="holdfast", env=asks)
    assert answer.stdout.split() == ["stress"]


def test_the_version_is_told_without_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`holdfast --version` prints one line and ends well."""
    assert invoke(["--version"]) == Exit.FINE
    assert capsys.readouterr().out.strip() == code_version()


def run_main(words: list[str], **more: Any) -> subprocess.Popen[bytes]:
    """Start the command line as a process of its own."""
    call = [sys.executable, "-c", "from api.cli import main; main()", *words]
    return subprocess.Popen(call, stderr=subprocess.PIPE, **more)


def test_a_reader_that_goes_away_is_no_error() -> None:
    """As `| head`: nothing is written to standard error, and the code is that of a closed pipe."""
    with run_main(["disruptions", "--json"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == Exit.CLOSED_PIPE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_is_told() -> None:
    """Output that cannot be written is an error in one line, with --json, too."""
    with Path("/dev/full").open("wb") as full:
        process = run_main(["demo-scenario", "--list", "--json"], stdout=full)
        _, told = process.communicate()
    assert process.returncode == Exit.BAD_INPUT
    assert b"No space left on device" in told
    assert b"Traceback" not in told


def test_signs_that_a_terminal_lacks_end_no_command() -> None:
    """Chinese on a terminal of ASCII: question marks in text, escapes in JSON."""
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "HOLDFAST_LANG": "zh"}
    text = run_main(["demo-scenario", "--list"], stdout=subprocess.PIPE, env=env)
    told, errors = text.communicate()
    assert (text.returncode, errors) == (Exit.FINE, b"")
    assert b"????" in told


def test_what_cannot_be_written_is_told_before_the_planning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file in the place of the plan's folder."""
    shop = demo_scenario("corner-shop").save(tmp_path / "shop", "csv")
    (tmp_path / "plan").write_text("mine", encoding="utf-8")
    assert invoke(["plan", str(shop), "--out", str(tmp_path / "plan")]) == Exit.BAD_INPUT
    assert "is a file: name a folder" in capsys.readouterr().err


def test_a_folder_that_is_no_plan_says_what_to_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a missing folder, in Chinese, without the words of the operating system."""
    assert invoke(["explain", str(tmp_path / "none"), "--all", "--lang", "zh"]) == Exit.BAD_INPUT
    told = capsys.readouterr().err.replace("\n", "")
    assert "不是计划的文件夹" in told
    assert "Errno" not in told
    invoke(["--lang", "en", "demo-scenario", "--list"])
