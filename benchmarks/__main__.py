"""The door to the benchmarks: ``python -m benchmarks routing --instances DIR --out DIR``."""

from __future__ import annotations

import importlib
import sys

BENCHMARKS = {
    "browsing": "benchmarks.browsing",
    "brunel": "benchmarks.brunel",
    "controls": "benchmarks.controls",
    "exposure": "benchmarks.exposure",
    "faults": "benchmarks.faults",
    "load": "benchmarks.load",
    "lotsizing": "benchmarks.lotsizing",
    "forecasting": "benchmarks.forecasting",
    "network": "benchmarks.network",
    "online": "benchmarks.online",
    "nightly": "benchmarks.nightly",
    "pages": "benchmarks.pages",
    "positioning": "benchmarks.positioning",
    "replay": "benchmarks.replay",
    "replenishment": "benchmarks.replenishment",
    "routing": "benchmarks.routing",
    "scale-out": "benchmarks.scale_out",
    "simulation": "benchmarks.simulation",
    "sourcing": "benchmarks.sourcing",
    "validation": "benchmarks.validation",
    "waves": "benchmarks.waves",
    "what-if": "benchmarks.what_if",
    "rolling": "benchmarks.rolling",
}


def main(arguments: list[str]) -> int:
    """Run the benchmark that the first argument names; return the exit code."""
    if not arguments or arguments[0] not in BENCHMARKS:
        print(f"usage: python -m benchmarks {{{','.join(BENCHMARKS)}}} ...", file=sys.stderr)
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    module = importlib.import_module(BENCHMARKS[arguments[0]])
    return int(module.main(arguments[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
