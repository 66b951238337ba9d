"""The stage: scenario and forecast in, transfers and positions out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import pandas as pd

from optimizer.allocation.positioning.costs import objective
from optimizer.allocation.positioning.decided import Decided, Refused, decide
from optimizer.allocation.positioning.from_scenario import Read, read_problem
from optimizer.allocation.positioning.multipliers import here_cost
from optimizer.allocation.positioning.search import ENGINE, Answer, search
from optimizer.allocation.positioning.tables import (
    cross_explanations,
    cross_serving_table,
    explanations_table,
    figures,
    positions_table,
    prices_table,
    transfers_table,
)
from optimizer.outcome import Limits, Outcome, Status, Termination, proven_status
from optimizer.stage import Certificate, StageResult
from scenarios import InputError, Scenario
from scenarios.semantics.decisions import transfer_decisions

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
    decisions = transfer_decisions(scenario)
    outcome = search_decided(read, decisions, limits) if len(decisions) else search(
        read.problem, limits
    )  # fmt: skip
    limits.progress(STAGE, 0.9, f"{outcome.status}: writing the tables")
    if outcome.solution is None:
        certificate = Certificate.of(STAGE, cast("Outcome[object]", outcome))
        return StageResult({}, certificate, (), (*read.notes, outcome.detail), outcome.work)
    certificate = Certificate.of(STAGE, cast("Outcome[object]", outcome))
    return StageResult(
        _tables(scenario, read, outcome.solution),
        certificate,
        tuple(figures(read, outcome.solution.moves)),
        (*read.notes, *_sentences(read, outcome)),
        outcome.work,
    )


def search_decided(read: Read, decisions: pd.DataFrame, limits: Limits) -> Outcome[Answer]:
    """Position stock with transfers that are decided; the detail says why none was found.

    Parameters
    ----------
    decisions : as of `transfer_decisions`
    """
    decided = decide(read, decisions)
    if isinstance(decided, Refused):
        status = Status.INFEASIBLE if decided.proven else Status.NO_SOLUTION_FOUND
        return Outcome(status, Termination.CONVERGED, ENGINE, detail=decided.reason)
    found = search(decided.problem, limits)
    assert found.solution is not None
    if not decided.filled(found.solution.moves):
        detail = "No shipments were found that are filled as they must be with what is decided."
        return replace(found, status=Status.NO_SOLUTION_FOUND, solution=None, objective=None,
                       bound=None, detail=detail)  # fmt: skip
    return _whole(read, decided, found)


def _whole(read: Read, decided: Decided, found: Outcome[Answer]) -> Outcome[Answer]:
    """Return an answer with what was decided in it."""
    rest = found.solution
    assert rest is not None
    answer = Answer(decided.together(rest.moves), rest.prices, rest.bound)
    cost = objective(read.problem, answer.moves)
    bound = None
    if decided.bounded and found.bound is not None:
        bound = min(found.bound + decided.paid, cost)
    return replace(
        found, status=proven_status(cost, bound), solution=answer, objective=cost, bound=bound
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
        "explanations": pd.concat(
            [
                explanations_table(read, answer.moves, transfers, here, answer.prices),
                cross_explanations(read, answer.moves),
            ],
            ignore_index=True,
        ),
    }


def _sentences(read: Read, outcome: Outcome[Answer]) -> list[str]:
    pairs = len(read.problem.together.first)
    said = [f"{outcome.detail}; stock is counted until the supplier can deliver, site by site."]
    if pairs:
        said.append(f"{pairs} pairs of products bought together are kept together where it pays.")
    return said
