"""The door to the benchmarks: ``python -m benchmarks routing --instances DIR --out DIR``."""

from __future__ import annotations

import importlib
import sys

BENCHMARKS = {
    "exposure": "benchmarks.exposure",
