"""Writes what the benchmark of what-if found as a page."""

from __future__ import annotations

import pandas as pd

BAR_S = 5.0
FOUND = {
    "agree": "agree, both gaps at most 0.1 %",
    "wide": "ranges meet, a gap above 0.1 %",
    "impossible": "both: no plan",
    "apart": "apart",
    "missed": "only what-if: no plan",
    "found": "only anew: no plan",
}
HEAD = """# One decision forced: what-if against planning anew

    python -m benchmarks what-if --shops 40 --each 25 --demo corner-shop=28 --out lines.jsonl
    python -m benchmarks what-if --first 1100 --shops 60 --each 25 --out lines.jsonl
    python -m benchmarks what-if --first 2000 --shops 0 --stores 20 --each 9 --out lines.jsonl \\
        --page docs/benchmarks/what-if.md

Each decision is asked of `what_if`, from the plan at hand, and of a full re-solve: the decision in
its scenario, nothing of the plan, another seed, more work. `--out` gains one line a decision; the
page is written from all its lines, and a run that is ended early leaves those it had. Random shops
(`benchmarks/what_if_worlds.py`) have 2 or 3 sites, 2 suppliers, 2 to 4 products and 3 to 8 orders;
price breaks, minimums, multiples, two modes a lane, budgets, capacities, prizes and prices of CO2e
are switched on now and then. Random stores have 2 to 4 sites with stock in the wrong places, for
transfers. No decision is drawn twice in a shop.

Both ways give a cost and a bound, so the best plan with the decision lies in both ranges: they must
share a point. Where neither gap is above 0.1 % of the cost, the costs agree within the gap."""


def page_of(rows: pd.DataFrame, machine: str) -> str:
    """Return the page: how many agree by world and kind, and how long an answer takes."""
    compared = len(rows)
    agree = int((rows["found"] == "agree").sum())
    none = int((rows["found"] == "impossible").sum())
    wide = int((rows["found"] == "wide").sum())
    wrong = compared - agree - none - wide
    moved = int((rows["extra"].abs() > 1e-6).sum())
    largest = rows.loc[rows["found"] == "agree", "differ_pct"].abs().max()
    told = (
        f"**{compared:,} decisions: {agree:,} agree within gaps of at most 0.1 %** (largest"
        f" difference {largest:.5f} % of the cost); of {none:,} both ways say that there is no"
        f" plan; of {wide:,} the ranges share a point and a gap is above 0.1 %; {wrong:,} are"
        f" apart. {moved:,} of them change the cost of the plan."
    )
    parts = [
        HEAD,
        f"Measured on {machine}; other work shared the machine.",
        told,
        _counts(rows, "world"),
        _counts(rows, "kind"),
        f"Seconds that `what_if` takes for one decision (the bar is {BAR_S:g}):",
        _seconds(rows),
        *_wide(rows),
    ]
    return "\n\n".join(parts) + "\n"


def _counts(rows: pd.DataFrame, by: str) -> str:
    """Return how many of each outcome there are, by world or kind."""
    names = [name for name in FOUND if (rows["found"] == name).any()]
    lines = [f"| {by} | decisions | {' | '.join(FOUND[name] for name in names)} |"]
    lines.append("|---" * (len(names) + 2) + "|")
    for name, some in rows.groupby(by, sort=True):
        counts = (str(int((some["found"] == found).sum())) for found in names)
        lines.append(f"| {name} | {len(some)} | {' | '.join(counts)} |")
    return "\n".join(lines)


def _seconds(rows: pd.DataFrame) -> str:
    """Return CPU and wall seconds at the median and the 95th percentile."""
    lines = ["| world | stage | decisions | CPU p50 | CPU p95 | wall p50 | wall p95 |"]
    lines.append("|---|---|---|---|---|---|---|")
    stage = rows["kind"].str.split(r"[ :]").str[0]
    stage = stage.mask(rows["kind"] == "site closed tonight", "site tonight")
    for (world, name), some in rows.groupby(["world", stage], sort=True):
        cells = [
            f"{some[column].quantile(share):.2f}"
            for column in ("cpu_s", "wall_s")
            for share in (0.5, 0.95)
        ]
        lines.append(f"| {world} | {name} | {len(some)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _wide(rows: pd.DataFrame) -> list[str]:
    """Return what is known of the decisions with a wide gap."""
    wide = rows[rows["found"] == "wide"]
    if wide.empty:
        return []
    unknown = int((wide["gap_pct"].isna() | wide["anew_gap_pct"].isna()).sum())
    ours = int((wide["gap_pct"] > 0.1).sum())
    theirs = int((wide["anew_gap_pct"] > 0.1).sum())
    same = int((wide["differ_pct"].abs() <= 0.1).sum())
    told = (
        f"Of the {len(wide)} with a wide gap what-if's gap is above 0.1 % in {ours}, that of"
        f" planning anew in {theirs}; {unknown} have no bound (days of too many stops). The two"
        f" costs differ by at most 0.1 % in {same} of them, by at most"
        f" {wide['differ_pct'].abs().max():.2f} % in all."
    )
    return [told]
