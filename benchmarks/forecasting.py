"""Speed and accuracy of forecasting over many weekly series.

    python -m benchmarks forecasting [--series N] [--weeks 157] [--threads 2]
                                     [--peer [--peer-python PATH]] [--peer-series 200]

Speed: every NumPy method and the choice with its quantiles, over N made-up series (they repeat
after 50,000), 26 buckets ahead, after learning on a sample of 20,000. Accuracy: the last 8 weeks
of `--accuracy-series` series are held back; WAPE, bias and MASE of what the stage says from
before them, pinball over the levels, with and without LightGBM. `--peer` lets statsforecast
forecast some of the same series (those with a year of history) in an environment of its own,
made under build/ unless `--peer-python` names one.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe_machine
from benchmarks.retail_series import RetailSeries, make_retail_series
from optimizer.forecasting.outlook import look_ahead, names
from optimizer.forecasting.quantiles import LEVELS, pinball
from optimizer.forecasting.segments import segments
from optimizer.forecasting.solve import (
    Learned,
    Problem,
    chunk_of,
    chunks_of,
    forecast_rows,
    lay_out_rows,
    learn,
)
from optimizer.outcome import Limits

Floats = NDArray[np.float64]

REPEATED = 50_000
HORIZON = 26
HELD_BACK = 8
SEASON = 52
PEER = Path(__file__).with_name("peer_statsforecast.py")


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks forecasting", description=__doc__)
    parser.add_argument("--series", type=int, default=100_000, help="series to time")
    parser.add_argument("--weeks", type=int, default=157)
    parser.add_argument("--threads", type=int, default=1, help="chunks walked through at once")
    parser.add_argument("--accuracy-series", type=int, default=599)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peer", action="store_true", help="compare with statsforecast")
    parser.add_argument("--peer-python", type=Path, help="a Python that has statsforecast")
    parser.add_argument("--peer-series", type=int, default=200)
    options = parser.parse_args(arguments)
    print(describe_machine(("numpy", "scipy", "lightgbm")), f"seed {options.seed}")
    _time(options)
    _judge(options)
    return 0


def problem_of(series: RetailSeries, weeks: int, horizon: int) -> Problem:
    """Return the first `weeks` of made-up series as a problem."""
    sales = series.sales[:, :weeks]
    return Problem(
        sales=sales,
        censored=series.censored[:, :weeks],
        effects=None,
        effects_before=None,
        kin={
            "product": series.product,
            "location": series.location,
            "category": series.category,
        },
        segment=segments(sales, np.ones(len(sales))),
        season=SEASON,
        horizon=horizon,
        weekly=True,
    )


def _time(options: argparse.Namespace) -> None:
    count = min(options.series, REPEATED)
    series = make_retail_series(count, options.weeks, options.seed)
    problem = problem_of(series, options.weeks, HORIZON)
    count = len(problem.sales)
    began, cpu = time.perf_counter(), time.process_time()
    learned = learn(replace(problem, boosted=False), Limits())
    learning = time.perf_counter() - began
    knowledge = learned.after.knowledge
    every = names(knowledge, problem.n_buckets)

    def walk(rows: slice) -> int:
        panel = lay_out_rows(problem, rows, None)
        chunk = chunk_of(problem, learned.after, panel, rows, None, HORIZON)
        look_ahead(chunk, knowledge, [problem.n_buckets], HORIZON, every, _whole)
        return int(forecast_rows(problem, learned, rows).mean.shape[1])

    began = time.perf_counter()
    repeats = -(-options.series // count)
    jobs = [rows for _ in range(repeats) for rows in chunks_of(count)]
    with ThreadPoolExecutor(options.threads) as pool:
        done = sum(pool.map(walk, jobs))
    walking = (time.perf_counter() - began) * options.series / done
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    print(
        f"{options.series:,} series x {options.weeks} weeks, {len(every)} methods, quantiles of"
        f" {HORIZON} buckets and their totals, {options.threads} thread(s):\n"
        f"  learning on {len(learned.sample):,} series {learning:.1f} s, all series {walking:.1f} s"
        f" ({options.series / walking:,.0f} series/s), CPU {time.process_time() - cpu:.1f} s,"
        f" peak {peak:,.0f} MB with {count:,} series held"
    )


def _whole(path: Floats, gains: Floats | None) -> Floats:
    path = path if gains is None else path * gains
    return np.broadcast_to(path, (1, HORIZON, path.shape[2]))[0]


def _judge(options: argparse.Namespace) -> None:
    series = make_retail_series(options.accuracy_series, options.weeks, options.seed + 1)
    weeks = options.weeks - HELD_BACK
    problem = problem_of(series, weeks, HELD_BACK)
    truth = series.demand[:, weeks:]
    scale = _naive_error(problem.sales)
    use = np.isfinite(scale) & (scale > 0.0)
    print(f"held back: {HELD_BACK} weeks of {int(use.sum())} series; MASE against the naive step")
    print(f"{'method':<28}{'WAPE':>8}{'bias':>8}{'MASE':>8}{'pinball':>9}{'series/s':>10}")
    for label, boosted in (("holdfast, NumPy only", False), ("holdfast", True)):
        began = time.perf_counter()
        learned = learn(replace(problem, boosted=boosted), Limits())
        said, levels = _all_rows(problem, learned)
        speed = len(said) / (time.perf_counter() - began)
        loss = pinball(levels[:, use], truth[use], LEVELS).mean()
        _row(label, said, truth, scale, use, f"{loss:9.4f}", speed)
    if options.peer or options.peer_python:
        _ask_peer(options, problem.sales, truth, scale, use)


def _all_rows(problem: Problem, learned: Learned) -> tuple[Floats, Floats]:
    parts = [forecast_rows(problem, learned, rows) for rows in chunks_of(len(problem.sales))]
    mean = np.concatenate([part.mean for part in parts], axis=1).T
    levels = np.concatenate([part.levels for part in parts], axis=2)
    return mean, np.swapaxes(levels, 1, 2)


def _naive_error(sales: Floats) -> Floats:
    step = np.abs(np.diff(sales, axis=1))
    count = (~np.isnan(step)).sum(axis=1)
    found: Floats = np.nansum(step, axis=1) / np.where(count > 0, count, np.nan)
    return found


def _row(
    label: str, said: Floats, truth: Floats, scale: Floats, use: NDArray[np.bool_], loss: str,
    speed: float,
) -> None:  # fmt: skip
    error = (said - truth)[use]
    whole = truth[use].sum()
    mase = (np.abs(error).mean(axis=1) / scale[use]).mean()
    print(
        f"{label:<28}{np.abs(error).sum() / whole:8.4f}{error.sum() / whole:+8.4f}{mase:8.4f}"
        f"{loss:>9}{speed:10,.0f}",
        flush=True,
    )


def _ask_peer(
    options: argparse.Namespace, sales: Floats, truth: Floats, scale: Floats,
    use: NDArray[np.bool_],
) -> None:  # fmt: skip
    """Let statsforecast forecast the first series, in a Python of its own."""
    python = options.peer_python or _peer_environment()
    long_enough = (~np.isnan(sales)).sum(axis=1) >= SEASON
    rows = np.flatnonzero(use & long_enough)[: options.peer_series]
    some = np.zeros(len(use), bool)
    some[rows] = True
    with tempfile.TemporaryDirectory() as folder:
        given, told = Path(folder) / "sales.npy", Path(folder) / "said.npz"
        np.save(given, sales[rows])
        subprocess.run([python, PEER, given, told, str(HELD_BACK), str(SEASON)], check=True)
        with np.load(told) as found:
            print(f"statsforecast {found['version']} on {len(rows)} of these series:")
            for name in found.files:
                if name == "version" or name.endswith(" seconds"):
                    continue
                said = np.zeros_like(truth)
                said[rows] = found[name]
                speed = len(rows) / float(found[f"{name} seconds"])
                _row(name, said, truth, scale, some, "-", speed)
    began = time.perf_counter()
    print("holdfast on the same series (learned over all of them):")
    problem = problem_of(
        make_retail_series(options.accuracy_series, options.weeks, options.seed + 1),
        options.weeks - HELD_BACK, HELD_BACK,
    )  # fmt: skip
    said, levels = _all_rows(problem, learn(problem, Limits()))
    loss = pinball(levels[:, some], truth[some], LEVELS).mean()
    speed = len(said) / (time.perf_counter() - began)
    _row("holdfast", said, truth, scale, some, f"{loss:9.4f}", speed)


def _peer_environment() -> Path:
    """Make build/peer-statsforecast if it is not there, and return its Python."""
    folder = Path("build") / "peer-statsforecast"
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        install = [python, "-m", "pip", "install", "--quiet", "statsforecast"]
        subprocess.run(install, check=True)
    return python.absolute()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
