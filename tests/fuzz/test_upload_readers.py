"""No damage to an upload ends in anything but an error of ours, soon, and within its folder.

``pytest -m fuzz tests/fuzz`` reads HOLDFAST_FUZZ_INPUTS (100,000) inputs from number
HOLDFAST_FUZZ_FIRST (0) on of seed HOLDFAST_FUZZ_SEED (1).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_FAULTS = 20


def read(home: Path, seed: int, first: int, last: int) -> Iterator[str]:
    """Read the inputs in a process of their own; yield what goes wrong.

    A reader that takes too long, is killed or falls over is started again behind the input.
    """
    while first < last:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.readers", str(seed), str(first), str(last)],
            cwd=home,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        at, line = "before the first input", ""
        with process:
            for line in process.stdout:
                if line.startswith("bad "):
                    yield line.rstrip()
                elif line.startswith("at "):
                    at = line.rstrip()
                    first = int(at.split()[1]) + 1
            if line.rstrip() == "end":
                return
            told = process.stderr.read().strip().splitlines()[-1:]
        yield f"bad {at}: the process ended with {process.returncode} {told}"
        if not at.startswith("at "):
            return


def faults(home: Path, seed: int, first: int, last: int) -> list[str]:
    """Return the first things that go wrong, and whatever was left outside the folder."""
    work = home / "work"
    work.mkdir()
    found = []
    for fault in read(work, seed, first, last):
        found.append(fault)
        if len(found) == MOST_FAULTS:
            break
    outside = [path.name for path in home.iterdir() if path != work]
    return [*found, *(f"left outside: {name}" for name in outside)]


def test_a_few_damaged_uploads(tmp_path: Path) -> None:
    """Some of each kind, each time the same."""
    assert faults(tmp_path, 1, 0, 160) == []


@pytest.mark.fuzz
def test_very_many_damaged_uploads(tmp_path: Path) -> None:
    """100,000 of all kinds: no traceback, none that hangs, none that reaches out."""
    first = int(os.environ.get("HOLDFAST_FUZZ_FIRST", "0"))
    inputs = int(os.environ.get("HOLDFAST_FUZZ_INPUTS", "100000"))
    seed = int(os.environ.get("HOLDFAST_FUZZ_SEED", "1"))
    assert faults(tmp_path, seed, first, first + inputs) == []
