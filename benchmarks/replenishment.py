"""Measures all of forecasting and replenishment and writes the page about it.

    python -m benchmarks replenishment [--short] [--page docs/benchmarks/replenishment.md]

Runs the parts one after the other, each in a process of its own, and keeps what they print:
tonight's decision at 100,000 and 1,000,000 product-locations and with several suppliers, the
same given to solvers directly at a size that they can take, the rolling plan, the buyer's plan,
forecasting, and the replay of weekly ordering. `--short` takes a hundredth of the sizes.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import describe_machine

PARTS = (
    (
        "Tonight's decision",
        "One supplier a product; a budget, storage and least order values bind.",
        "nightly --items 100000,1000000 --seeds 2",
        "nightly --items 1000,10000 --seeds 1",
    ),
    (
        "Several suppliers",
        "Half of the products have two or three suppliers; the bound is our own.",
        "nightly --items 20000,200000 --seeds 2 --multi-source",
        "nightly --items 2000 --seeds 1 --multi-source",
    ),
    (
        "Solvers given the model directly",
        "The same nights as one mixed-integer program, at sizes that solvers can take, one thread.",
        "nightly --items 300 --seeds 1 --sites 5 --peers highs,scip,cbc --seconds 20",
        "nightly --items 200 --seeds 1 --sites 3 --peers highs,cbc --seconds 5",
    ),
    (
        "The rolling plan",
        "Every night of 26 weeks; each bound is that of its night.",
        "rolling --items 100000 --sites 20 --weeks 26 --seed 1",
        "rolling --items 1000 --sites 5 --weeks 8 --seed 1",
    ),
    (
        "The buyer's plan",
        "Made-up problems of 12 periods and 3 suppliers; solvers get the same arrays directly.",
        "lotsizing --buyer 50 --seeds 3 --seconds 30",
        "lotsizing --buyer 10 --seeds 0 --seconds 5",
    ),
    (
        "The buyer's plan, 500 items",
        "",
        "lotsizing --buyer 500 --seeds 3 --seconds 60 --peers highs",
        "lotsizing --buyer 50 --seeds 0 --seconds 5 --peers highs",
    ),
    (
        "Forecasting",
        "Speed over a million series, accuracy against statsforecast in an environment of its own.",
        "forecasting --series 1000000 --threads 2 --peer",
        "forecasting --series 10000",
    ),
    (
        "Weekly ordering, replayed",
        "Holding 0.2 a week, shortage 1, two weeks of lead time; against four weeks of cover.",
        "replay --series 599 --weeks 8 --seed 11",
        "replay --series 100 --weeks 4 --seed 11",
    ),
)  # fmt: skip


PREFACE = """\
Written by `python -m benchmarks replenishment --page docs/benchmarks/replenishment.md`.
Every block is what that command printed on the machine above. Gaps are
100 x (objective - bound) / |objective|.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the parts; return 0 when every one of them did."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks replenishment", description=__doc__)
    parser.add_argument("--short", action="store_true", help="small sizes, a few minutes")
    parser.add_argument("--only", default="", help="numbers of parts from 1, joined by commas")
    parser.add_argument("--page", type=Path, help="file to write, in Markdown")
    options = parser.parse_args(arguments)
    chosen = {int(text) for text in options.only.split(",") if text}
    machine = describe_machine(
        ("numpy", "scipy", "pandas", "ortools", "highspy", "pulp", "lightgbm")
    )
    print(machine)
    sections, failed = [], 0
    for number, (title, text, usual, short) in enumerate(PARTS, start=1):
        if chosen and number not in chosen:
            continue
        call = short if options.short else usual
        began = time.perf_counter()
        print(f"\n{number}. {title}: python -m benchmarks {call}", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks", *shlex.split(call)],
            capture_output=True,
            text=True,
            check=False,
        )
        output = done.stdout.strip() or done.stderr.strip()[-2000:]
        failed += done.returncode != 0
        print(output, flush=True)
        lines = (
            f"## {title}",
            "",
            text,
            "",
            "```",
            f"$ python -m benchmarks {call}",
            output,
            "```",
        )
        seconds = time.perf_counter() - began
        sections.append("\n".join((*lines, "", f"{seconds:.0f} s in all.", "")))
    if options.page is not None:
        options.page.parent.mkdir(parents=True, exist_ok=True)
        head = f"# Forecasting and replenishment, measured\n\n{machine}.\n\n{PREFACE}\n"
        options.page.write_text("\n".join((head, *sections)), encoding="utf-8")
    return 1 if failed else 0
