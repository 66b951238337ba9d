"""`python -m benchmarks validation`: the simulator against closed forms, with joint intervals."""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import special

from benchmarks.closed_figures import SEED, ClosedForm, Figure
from benchmarks.closed_forms import CLOSED_FORMS
from benchmarks.closed_grids import lost_share, waiting
from benchmarks.closed_queues import DOOR_TICKS, LOSS_TICKS
from benchmarks.machine import describe_machine

JOINT = 0.99
TIGHTEST = 0.005  # half-width over value
SHORT_SCALE = 0.02


@dataclass(frozen=True, slots=True)
class Check:
    """A figure against its expected value; the interval is one of `n_joint` that hold together."""

    figure: Figure
    form: ClosedForm
    mean: float
    half_width: float
    cpu_seconds: float

    @property
    def met(self) -> bool:
        """Whether the expected value lies in the interval."""
        return abs(self.mean - self.figure.expected) <= self.half_width

    @property
    def relative(self) -> float:
        """Half-width over the expected value."""
        return self.half_width / abs(self.figure.expected)


def check(
    scale: float = 1.0,
    only: Sequence[int] = (),
    forms: Sequence[ClosedForm] = CLOSED_FORMS,
    processes: int = 1,
) -> list[Check]:
    """Run the cases and return a check of every figure, joint 99 % by Bonferroni.

    Parameters
    ----------
    scale : share of the full number of replications
    only : numbers of cases; () for all
    processes : that share the cases
    """
    chosen = [form for form in forms if not only or form.case in only]
    scales = [scale] * len(chosen)
    if processes == 1:
        runs = list(map(_run, chosen, scales))
    else:
        with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
            runs = list(pool.map(_run, chosen, scales))
    found = [
        (form, figure, used) for form, (figures, used) in zip(chosen, runs) for figure in figures
    ]
    return [_check(form, figure, used, len(found)) for form, figure, used in found]


def _run(form: ClosedForm, scale: float) -> tuple[list[Figure], float]:
    began = time.process_time()
    figures = form.run(scale)
    return figures, time.process_time() - began


def _check(form: ClosedForm, figure: Figure, used: float, n_joint: int) -> Check:
    n, spent = len(figure.values), 1 + figure.n_controls
    quantile = float(special.stdtrit(n - spent, 1.0 - (1.0 - JOINT) / (2.0 * n_joint)))
    half = quantile * float(figure.values.std(ddof=spent)) / float(np.sqrt(n))
    return Check(figure, form, float(figure.values.mean()), half, used)


def as_table(checks: Sequence[Check]) -> str:
    """Return a Markdown table of all figures."""
    lines = [
        "| # | case | figure | expected | simulated | interval | half | met | runs | source |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for each in checks:
        figure = each.figure
        low, high = each.mean - each.half_width, each.mean + each.half_width
        lines.append(
            f"| {figure.case} | {each.form.title} | {figure.name} | {figure.expected:.6g}"
            f" | {each.mean:.6g} | {low:.6g} to {high:.6g} | {100 * each.relative:.2f} %"
            f" | {'yes' if each.met else '**no**'} | {len(figure.values):,} | {each.form.source} |"
        )
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Check, print or write the page; 1 where a closed form is not met."""
    parser = argparse.ArgumentParser(prog="benchmarks validation", description=__doc__)
    parser.add_argument("--page", type=Path, help="write docs/validation.md there")
    parser.add_argument("--short", action="store_true", help="a sample, with wide intervals")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--only", type=int, nargs="*", default=[])
    chosen = parser.parse_args(arguments)
    checks = check(SHORT_SCALE if chosen.short else 1.0, chosen.only, processes=chosen.processes)
    table = as_table(checks)
    print(table)
    used: dict[int, float] = {each.form.case: each.cpu_seconds for each in checks}
    print(", ".join(f"case {case}: {seconds:.1f} s" for case, seconds in used.items()))
    print(f"{sum(used.values()):.0f} CPU seconds")
    if chosen.page is not None:
        chosen.page.write_text(_page(table, checks), encoding="utf-8")
    return 0 if all(each.met for each in checks) else 1


def _page(table: str, checks: Sequence[Check]) -> str:
    cases = {each.form.case for each in checks}
    met = sum(all(c.met for c in checks if c.form.case == case) for case in cases)
    wide = {each.form.case for each in checks if each.relative > TIGHTEST}
    tight = len(cases - wide)
    return f"""# The simulator against closed forms

Written by `python -m benchmarks validation --page docs/validation.md`, seed {SEED}, in
{sum({c.form.case: c.cpu_seconds for c in checks}.values()):.0f} CPU seconds
({describe_machine(["numpy", "numba", "simpy"])}).

{met} of {len(cases)} cases lie inside joint {100 * JOINT:.0f} % Student-t intervals (Bonferroni
over {len(checks)} figures); {tight} have half-widths of at most {100 * TIGHTEST:g} % of the value.
Every case is a world of its own, run by the simulator's calendar and kernels with conservation
proven; `benchmarks/closed_forms.py` states each in a few lines.

{table}

{_grids()}"""


def _grids() -> str:
    lost = " and ".join(
        _percent(lost_share(6.0, servers, LOSS_TICKS) / exact - 1.0)
        for servers, exact in ((8, 0.121876), (10, 0.043142))
    )
    moved = " and ".join(_percent(each * 9.0 / 4.0 - 1.0) for each in waiting(2.0, 3, DOOR_TICKS))
    square = 2.0 * (260.0 / 14.0) ** 2  # of an outage in case 14, ticks
    brief = (1.0 - 0.923077) * (0.5 / 20.0) / 20.0  # case 15: 20 ticks an outage
    return f"""How cases are put into whole ticks and units:

- 1, 9 and 12 draw normal demand rounded to hundredths of a unit (12: to 1/10,000 of its mean).
- 5 and 6 have four ticks a time unit and lead times without spread. With Poisson demand what is
  outstanding is then Poisson on any grid, so that ticks add no bias; the fill of case 6 is the
  share of time in stock, which is what customers see who come by a Poisson process.
- 8 has four ticks a time unit, too. Of orders of one tick each unit is as likely to be filled as
  any other, so that the last orders, which wait, are of each base with its share of the demand on
  any grid, as in continuous time: ticks add no bias.
- 10 has {LOSS_TICKS:,} ticks a lead time, so that customers hardly ever share a tick. On the same
  grid with geometric lead times, solved as a Markov chain (`benchmarks/closed_grids.py`), ticks
  move what is lost by {lost} of its value.
- 11 is a dock of three doors, each of which is done with its load in one tick of {DOOR_TICKS}. Who
  comes within a tick and has to wait has waited half a tick at its end: that is added. Ticks then
  move the values by {moved}, by the same chain.
- 12 lets orders be negative, as its source does.
- 14 has 260 ticks a year, outages rounded to the nearest; within a tick stock falls evenly. Goods
  that waited for the supplier come half a tick late on average: half a tick's sales per such wait
  are taken out of what is lost. How often and how long the supplier is down are controls.
- 14 and 15 round times to ticks. In 14 this adds a sixth of a tick² to the mean square of an
  outage, {square:,.0f} tick²: {_percent(1.0 / 6.0 / square)} of what is lost. In 15 outages of
  less than half a tick last a whole one: {_percent(-brief)} of the availability.
- 8, 10, 11 and 14 use control variates whose means are known: demand, and what `closed_queues.py`
  and `closed_forms.py` say; slopes are estimated, and cost the intervals a degree of freedom each.
- All other cases are exact on their grid, or in units so small that rounding does not show: a
  rounded unit adds 1 / 12 to the variance, 1 / 7,680,000 of it in case 1.
"""


def _percent(share: float) -> str:
    return f"{100.0 * share:+.2f} %"
