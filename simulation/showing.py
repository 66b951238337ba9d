"""HTML by which stress tests, scans and hardenings show themselves in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenarios.showing import html_block, html_notes, html_table

if TYPE_CHECKING:
    from simulation.exposure import Scan
    from simulation.harden import Hardening
    from simulation.result import StressResult

MOST_NOTES = 5
CASE_FIGURES = ("fill_rate", "short_units", "cost_operating")


def stress_html(result: StressResult) -> str:
    """Return the cases, the worst service first, and every gate with its verdict."""
    cases = sorted(result.titles, key=lambda case: (result.value(case, "fill_rate")[0], case))
    rows = []
    for case in cases:
        fill, short, cost = (result.value(case, name)[0] for name in CASE_FIGURES)
        rows.append((case, result.titles[case], f"{100 * fill:.2f} %", short, cost))
    gates = [
        (
            verdict.case,
            f"{verdict.gate.kpi} of {verdict.gate.scope} {verdict.gate}",
            verdict.shown,
            "holds" if verdict.passed else "fails",
        )
        for verdict in result.verdicts
    ]
    line = (
        f"{result.replications} replications, {result.horizon_days} days,"
        f" {result.product_locations:,} product-locations, seed {result.seed};"
        f" {'passed' if result.passed else 'failed'}"
    )
    return html_block(
        f"Stress test {result.suite}",
        line,
        html_table(
            "", ["case", "what goes wrong", "fill rate", "units short", "operating cost"], rows
        ),
        html_table("", ["case", "gate", "shown", "verdict"], gates) if gates else "",
        html_notes(result.notes[:MOST_NOTES]),
    )


def scan_html(found: Scan) -> str:
    """Return the nodes whose loss costs most."""
    columns = ["node", "recovery_days", "impact", "low", "high"]
    rows = found.table[columns].itertuples(index=False, name=None)
    return html_block(
        "Exposure",
        f"{len(found.table):,} nodes lost in turn from day {found.first_day}",
        html_table("", columns, list(rows)),
        html_notes(found.notes[:MOST_NOTES]),
    )


def hardening_html(found: Hardening) -> str:
    """Return what the best choice changes, and the frontier of cost and margin."""
    trials = [
        (trial.cost.mean, trial.margin, "passes" if trial.passed else "fails",
         "; ".join(titles) or "no change")
        for trial, titles in found.frontier
    ]  # fmt: skip
    return html_block(
        f"Hardening: {found.status}",
        f"{found.trials} choices tried",
        html_table("Best choice", ["change"], [(title,) for title in found.titles]),
        html_table("Frontier", ["cost", "margin", "suite", "changes"], trials),
        html_notes(found.notes[:MOST_NOTES]),
    )
