"""Which code makes plans: its version, the hash of its sources, and what it runs on."""

from __future__ import annotations

import hashlib
import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("scenarios", "optimizer")  # whose sources decide a plan
LIBRARIES = ("numpy", "pandas")  # that every stage computes with


def code_version() -> str:
    """Return the version of the installed distribution."""
    try:
        return version("holdfast")
    except PackageNotFoundError:
        return "0+unknown"


@cache
def code_digest() -> str:
    """Return the SHA-256 of all sources that decide a plan, path by path."""
    home = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((home / package).rglob("*.py")):
            digest.update(f"{path.relative_to(home).as_posix()}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def machine() -> dict[str, str]:
    """Return what a plan is computed on: Python, libraries, kind of processor."""
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        **{name: version(name) for name in LIBRARIES},
        "processor": f"{platform.system()} {platform.machine()}",
    }
