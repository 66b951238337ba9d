"""What is loaded when: help loads no tables, the service loads no solver."""

from __future__ import annotations

import subprocess
import sys

import pytest

SOLVERS = ("ortools", "highspy", "pyvrp", "pulp", "lightgbm", "numba", "simpy")


def loaded(code: str) -> set[str]:
    """Return the top-level packages that a fresh process has loaded after some code."""
    tell = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    command = [sys.executable, "-c", f"{code}\n{tell}"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("module", ["scenarios", "scenarios.scenario", "api.app", "optimizer.plan"])
def test_no_solver_is_loaded_before_it_is_called(module: str) -> None:
    """Facts, plans and the service can be used by processes that never solve."""
    assert loaded(f"import {module}").isdisjoint(SOLVERS)


@pytest.mark.parametrize("module", ["holdfast", "scenarios.errors", "api.cli.app"])
def test_the_doors_load_neither_tables_nor_numbers(module: str) -> None:
    """The command line and the public door open at once."""
    assert loaded(f"import {module}").isdisjoint({"pandas", "numpy", "fastapi", *SOLVERS})


def test_the_public_door_leads_everywhere() -> None:
    """Every name that the door announces can be imported through it."""
    code = "import holdfast\nfor name in holdfast.__all__: getattr(holdfast, name)"
    assert "pandas" in loaded(code)
