"""The machine and the versions that a measurement was made with, on one line."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version


def describe_machine(packages: Iterable[str]) -> str:
    """Return cores, load, Python and package versions; absent packages are said to be absent."""
    load = os.getloadavg()[0]
    found = [f"{name} {_version(name)}" for name in packages]
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), load {load:.1f},"
        f" Python {platform.python_version()}, {', '.join(found)}"
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
