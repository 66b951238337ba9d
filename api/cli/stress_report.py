"""What `holdfast stress` prints: the verdict on a plan in tables that fit 100 columns."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from api.cli.console import out, print_line, print_table
from api.cli.words import as_is, named, told

if TYPE_CHECKING:
    from simulation.exposure import Scan
    from simulation.result import StressResult

SHOWN_CASES = 24
SHOWN_NODES = 20
LARGE_MONEY = 100_000.0  # from which money is printed in thousands


def print_scan(found: Scan, currency: str) -> None:
    """Print the most exposed nodes."""
    thousands, unit = _money_unit(float(found.table["impact"].abs().max()), currency)
    rows: list[list[object]] = []
    for row in found.table.head(SHOWN_NODES).itertuples(index=False):
        give = _give((row.high - row.low) / 2 / thousands, 0)
        rows.append(
            [row.node, f"{row.recovery_days:g}", _days(row.noticed_days, told("never")),
             _days(row.tts_days, ""), _days(row.service_recovery_days, told("not back")),
             f"{row.short_units:,.0f}", f"{row.impact / thousands:,.0f}{give}", f"{row.index:.2f}"]
        )  # fmt: skip
    headings = [
        "node lost", "for days", "noticed", "survives", "back", "units short", "impact", "index",
    ]  # fmt: skip
    title = f"{len(found.table)} nodes lost in turn, the worst first; days, impact in {unit}"
    print_table(title, headings, rows)
    for note in found.notes:
        print_line(note, label=told("note"))


def _days(days: float, blank: str) -> str:
    return blank if isnan(days) else f"{days:.0f}"


def print_stress(result: StressResult, currency: str) -> None:
    """Print the summary that a planner reads: undisturbed, worst cases first, gates, limits."""
    print_line(
        f"Stress test suite {as_is(result.suite)}: {len(result.titles)} cases x"
        f" {result.replications} replications, {result.product_locations:,} product-locations,"
        f" {result.horizon_days} days; every unit accounted for. Intervals: 95 %.",
    )
    rows: list[list[object]] = [
        [told("fill rate (units served on the day)"), _share(result, "baseline", "fill_rate")],
        [
            told("cycle service (cycles without stockout)"),
            _share(result, "baseline", "cycle_service"),
        ],
        [told("worst day's service"), _share(result, "baseline", "worst_day_service")],
        [told("units short"), _plain(result, "baseline", "short_units")],
        [told(f"average stock ({currency})"), _plain(result, "baseline", "stock_value")],
        [told(f"operating cost ({currency})"), _plain(result, "baseline", "cost_operating")],
    ]
    rows += [
        [f"  {told(term)}", _plain(result, "baseline", f"cost_{term}")]
        for term in ("holding", "shortage", "ordering", "transport", "handling")
    ]
    rows.append([told(f"purchases ({currency})"), _plain(result, "baseline", "cost_purchase")])
    print_table("Undisturbed", ["figure", "mean and interval"], rows)
    _print_cases(result, currency)
    _print_tails(result, currency)
    _print_drills(result)
    _print_gates(result)
    for note in result.notes:
        print_line(note, label=told("note"))


def _print_cases(result: StressResult, currency: str) -> None:
    """Print the cases, those that cost most service first."""
    from rich.markup import escape

    cases = [case for case in result.titles if case != "baseline"]
    cases.sort(key=lambda case: (result.value(case, "fill_rate_change")[0], case))
    if not cases:
        return
    most = max(abs(result.value(case, "cost_operating_change")[0]) for case in cases)
    thousands, unit = _money_unit(most, currency)
    rows: list[list[object]] = []
    lasting = {}
    for number, case in enumerate(cases[:SHOWN_CASES], start=1):
        open_share = result.value(case, "not_recovered")[0]
        if open_share > 0.0:
            lasting[case] = told(f"; {100 * open_share:.0f} % not back by the end")
        back = _plain(result, case, "recovery_days", digits=1)
        rows.append(
            [
                number,
                _plain(result, case, "fill_rate", 100.0, 2),
                _plain(result, case, "fill_rate_change", 100.0, 2, "+"),
                _plain(result, case, "short_units_change", sign="+"),
                _plain(result, case, "cost_operating_change", 1.0 / thousands, sign="+"),
                _plain(result, case, "worst_day_service", 100.0, 1),
                f"> {back}" if case in lasting else back,
            ]
        )
    headings = [
        "", "fill rate", "change", "units short", f"cost ({unit})", "worst day", "recovery",
    ]  # fmt: skip
    title = "Worst cases first; service in %, changes against undisturbed, recovery in days"
    print_table(title, headings, rows)
    console = out()
    for number, case in enumerate(cases[:SHOWN_CASES], start=1):
        said = f"{number:3}  [bold]{escape(told(case))}[/]  {escape(told(result.titles[case]))}"
        console.print(f"{said}[dim]{escape(lasting.get(case, ''))}[/]")
    if len(cases) > SHOWN_CASES:
        print_line(f"... and {len(cases) - SHOWN_CASES} milder cases")


def _print_tails(result: StressResult, currency: str) -> None:
    """Print how lost margin is spread, the worst tail first."""
    figures = ("p5", "p50", "p95", "cvar95")
    cases = sorted(
        result.titles, key=lambda case: (-result.value(case, "lost_margin_cvar95")[0], case)
    )
    most = result.value(cases[0], "lost_margin_cvar95")[0]
    thousands, unit = _money_unit(most, currency)
    rows: list[list[object]] = []
    for case in cases[:SHOWN_CASES]:
        miss, low, high = result.value(case, "service_miss")
        sure = "" if isnan(low) else f" ({100 * low:.0f}-{100 * high:.0f})"
        rows.append(
            [told(case),
             *(_plain(result, case, f"lost_margin_{each}", 1.0 / thousands) for each in figures),
             f"{100 * miss:.0f}{sure}"]
        )  # fmt: skip
    headings = ["case", "P5", "median", "P95 (VaR)", "CVaR 95", "misses, %"]
    title = f"Lost margin over replications, {unit}; replications that miss the service target"
    print_table(title, headings, rows)


def _print_drills(result: StressResult) -> None:
    """Print what playbooks saved."""
    drills = result.tables["drills"]
    rows: list[list[object]] = []
    labels: list[str] = []
    for row in drills.itertuples(index=False):
        without, helped, saved, low, high = row[3:8]
        scale = 100.0 if row.kpi == "fill_rate" else 1.0
        digits = 2 if row.kpi == "fill_rate" else 1 if row.kpi == "recovery_days" else 0
        shown = [f"{scale * each:,.{digits}f}" for each in (without, helped)]
        give = _give(scale * (high - low) / 2, digits)
        if row.kpi == "fill_rate" and row.scope == "all":  # the first figure of a drill
            labels = [
                told(row.case), f"+ {row.playbooks}", told(f"acted in {100 * row.acted:.0f} %")
            ]  # fmt: skip
        figure = named(row.kpi) if row.scope == "all" else f"{named(row.kpi)} {row.scope}"
        rows.append(
            [labels.pop(0) if labels else "", f"{figure}, %" if scale > 1.0 else figure,
             *shown, f"{scale * saved:+,.{digits}f}{give}"]
        )  # fmt: skip
    if rows:
        print_table(
            "Drills: what playbooks saved, + is better",
            ["case + playbook", "figure", "without", "with", "saved"], rows,
        )  # fmt: skip


def _print_gates(result: StressResult) -> None:
    """Print the verdict on every gate."""
    if not result.verdicts:
        return
    rows: list[list[object]] = []
    for verdict in result.verdicts:
        gate = verdict.gate
        figure = named(gate.kpi) if gate.scope == "all" else f"{named(gate.kpi)} {gate.scope}"
        rows.append(
            [told(verdict.case), figure, str(gate), _figure(verdict.value), _figure(verdict.shown),
             told("yes" if verdict.passed else "NO")]
        )  # fmt: skip
    print_table("Gates", ["case", "figure", "gate", "mean", "shown", "holds"], rows)
    print_line("All gates hold." if result.passed else "A gate failed.", bold=not result.passed)


def _figure(value: float) -> str:
    return f"{value / 1000:,.0f} k" if abs(value) >= LARGE_MONEY else f"{value:.4g}"


def _money_unit(most: float, currency: str) -> tuple[float, str]:
    """Return what money is divided by, and its unit."""
    return (1000.0, f"1,000 {currency}") if most >= LARGE_MONEY else (1.0, currency)


def _plain(
    result: StressResult, case: str, kpi: str, scale: float = 1.0, digits: int = 0, sign: str = ""
) -> str:
    """Return a mean with its half-width, without a unit."""
    mean, low, high = (scale * each for each in result.value(case, kpi))
    return format(mean, f"{sign},.{digits}f") + _give((high - low) / 2, digits)


def _share(result: StressResult, case: str, kpi: str) -> str:
    mean, low, high = result.value(case, kpi)
    return f"{100 * mean:.2f} %" + _give(50 * (high - low), 2)


def _give(half: float, digits: int) -> str:
    return "" if isnan(half) else f" ± {half:,.{digits}f}"
