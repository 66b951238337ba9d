"""The stage: scenario and forecast in, transfers and positions out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import cast

import pandas as pd

from optimizer.allocation.positioning.from_scenario import Read, read_problem
from optimizer.allocation.positioning.multipliers import here_cost
from optimizer.allocation.positioning.search import Answer, search
from optimizer.allocation.positioning.tables import (
    cross_serving_table,
    explanations_table,
    figures,
    positions_table,
    prices_table,
    transfers_table,
)
from optimizer.outcome import Limits, Outcome
from optimizer.stage import Certificate, StageResult
from scenarios import InputError, Scenario

STAGE = "positioning"


def run(
    scenario: Scenario, upstream: Mapping[str, pd.DataFrame], limits: Limits, **options: str
) -> StageResult:
    """Position stock; see the README of this folder.

    Raises
    ------
    InputError
        `until` is no date, or lies before the start.
    """
    read = read_problem(scenario, upstream, read_until(scenario, options))
    products, sites = read.problem.shape
    limits.progress(STAGE, 0.1, f"{products:,} products, {sites} sites")
    outcome = search(read.problem, limits)
    limits.progress(STAGE, 0.9, f"{outcome.status}: writing the tables")
    assert outcome.solution is not None
    certificate = Certificate.of(STAGE, cast("Outcome[object]", outcome))
    return StageResult(
        _tables(scenario, read, outcome.solution),
        certificate,
        tuple(figures(read, outcome.solution.moves)),
        (*read.notes, *_sentences(read, outcome)),
        outcome.work,
    )


def read_until(scenario: Scenario, options: Mapping[str, str]) -> dt.date | None:
    """Return the day through which stock must last, as the option `until` says.

    Raises
    ------
    InputError
        It is no date, or lies before the start.
    """
    text = options.get("until", "")
    if not text:
        return None
    try:
        until = dt.date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"until must be a date such as 2026-11-11, is {text!r}") from error
    if until < scenario.settings.start_date:
        raise InputError(f"until must not be before {scenario.settings.start_date}, is {text}")
    return until


def _tables(scenario: Scenario, read: Read, answer: Answer) -> dict[str, pd.DataFrame]:
    problem = read.problem
    least, _ = problem.across()
    transfers = transfers_table(scenario, read, answer.moves)
    here = here_cost(problem, answer.prices, least)
    return {
        "transfers": transfers,
        "positions": positions_table(read, answer.moves, answer.bound),
        "cross_serving": cross_serving_table(read, answer.moves),
        "marginal_prices": prices_table(read, answer.prices),
        "explanations": explanations_table(read, answer.moves, transfers, here, answer.prices),
    }


def _sentences(read: Read, outcome: Outcome[Answer]) -> list[str]:
    pairs = len(read.problem.together.first)
    said = [f"{outcome.detail}; stock is counted until the supplier can deliver, site by site."]
    if pairs:
        said.append(f"{pairs} pairs of products bought together are kept together where it pays.")
    return said
