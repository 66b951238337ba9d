"""`holdfast risks`: what may go wrong, how likely, what it costs, and what a playbook saves."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from api.cli.console import Exit, out, print_json, print_line, print_table
from api.cli.words import as_is
from api.cli.words import language as spoken_language

if TYPE_CHECKING:
    import pandas as pd

    from optimizer.plan import Plan

STATES = ("raised", "not_known", "quiet")
WORDS = {
    "en": {
        "leading": "Leading indicators", "stockouts": "Projected stockouts", "risk": "risk",
        "chance": "chance", "loss": "loss if so", "expected": "expected", "days": "days",
        "playbook": "playbook", "state": "state", "raised": "raised", "quiet": "quiet",
        "not_known": "not known", "more": "... and {n} more: --top", "none": "Nothing is raised.",
        "by": "gone by", "items": "What is lost, item by item", "item": "item", "units": "units",
        "price": "price", "money": "money", "value": "indicator", "evidence": "evidence",
        "counts": "{raised} raised, {not_known} not known, {quiet} quiet. Money in {currency}.",
    },
    "zh": {
        "leading": "先行指标", "stockouts": "预计缺货", "risk": "风险", "chance": "概率",
        "loss": "一旦发生的损失", "expected": "期望损失", "days": "天数", "playbook": "预案",
        "state": "状态", "raised": "报警", "quiet": "正常", "not_known": "未知",
        "more": "……另有 {n} 项：--top", "none": "没有报警。", "by": "售罄日期",
        "items": "损失明细", "item": "项目", "units": "数量", "price": "单价", "money": "金额",
        "value": "指标", "evidence": "依据",
        "counts": "报警 {raised} 项，未知 {not_known} 项，正常 {quiet} 项。金额单位 {currency}。",
    },
}  # fmt: skip


class ListFirst(TyperGroup):
    """Commands of which `list` may be left out."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `list` before what is no command."""
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["list", *args]
        return super().parse_args(ctx, args)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        cls=ListFirst,
        help="What may go wrong before it does; `holdfast risks PLAN` is `risks list PLAN`.",
        no_args_is_help=True,
    )
    group.command("list")(list_risks)
    group.command("simulate")(simulate)
    app.add_typer(group, name="risks")


def list_risks(
    place: Annotated[
        Path, typer.Argument(help="Folder of a plan; or a scenario, which is planned first.")
    ],
    risk: Annotated[str, typer.Argument(help="Only this risk, with every item of its loss.")] = "",
    kind: Annotated[str, typer.Option(help="Only this kind, as supplier_lateness.")] = "",
    state: Annotated[
        list[str] | None, typer.Option(help="raised, not_known, quiet; default: raised.")
    ] = None,
    top: Annotated[int, typer.Option(help="Rows of each table.", min=1)] = 12,
    scenario: Annotated[
        Path | None, typer.Option(help="The plan's scenario, if it has been moved.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="en or zh; default: --lang.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """List risks: probability, money at risk, evidence and playbook, by expected loss."""
    from optimizer.plan import Plan, records
    from scenarios import InputError

    language = spoken_language(language)
    if language not in WORDS:
        raise InputError(f"--language is en or zh, not {language!r}")
    wanted = tuple(state or STATES[:1])
    if set(wanted) - set(STATES):
        raise InputError(f"--state is one of {', '.join(STATES)}, not {', '.join(wanted)}")
    planned = (place / "plan.json").exists()
    made = Plan.load(place) if planned else _planned(place)
    table = made.table("risks")
    if risk:
        from simulation.risk_drill import risk_row

        row = dict(risk_row(made, risk))
        if as_json:
            print_json(row)
        else:
            _print_one(row, language)
        return Exit.FINE
    if kind and kind not in set(table["kind"]):
        known = ", ".join(sorted(set(table["kind"])))
        raise InputError(f"the plan has no risks of kind {kind!r}; it has {known}")
    counts = {each: int((table["state"] == each).sum()) for each in STATES}
    table = table[table["state"].isin(wanted)]
    if kind:
        table = table[table["kind"] == kind]
    if as_json:
        print_json({"counts": counts, "risks": records(table)})
        return Exit.FINE
    words = WORDS[language]
    stockouts = table["kind"] == "stockout"
    _print_table(words["leading"], table[~stockouts], top, wanted, language)
    _print_table(words["stockouts"], table[stockouts], top, wanted, language)
    if not len(table):
        out().print(words["none"])
    currency = _currency(made, place, scenario) if planned else _currency_of(place)
    out().print(words["counts"].format(**counts, currency=currency), markup=False)
    return Exit.FINE


def simulate(
    plan: Annotated[Path, typer.Argument(help="Folder of the plan.")],
    risk: Annotated[str, typer.Argument(help="Its id, as in supplier_lateness:supplier:S1.")],
    scenario: Annotated[
        Path | None, typer.Option(help="The plan's scenario, if it has been moved.")
    ] = None,
    replications: Annotated[
        int | None, typer.Option(help="How often each case is simulated.", min=2)
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed; default: the scenario's.", min=0)] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="Folder for the results; default: PLAN/stress.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> int:
    """Let a risk happen in the simulator, without and with its playbook, to the same customers."""
    from api.cli.explain import scenario_of
    from api.cli.progress import StageBars
    from api.cli.stress import stress_document
    from api.cli.stress_report import print_stress
    from optimizer.plan import Plan
    from simulation.result import refuse_foreign
    from simulation.risk_drill import risk_suite
    from simulation.stress import stress

    made = Plan.load(plan)
    facts = scenario_of(made, plan, scenario)
    suite = risk_suite(facts, made, risk)
    folder = refuse_foreign(plan / "stress" if out_dir is None else out_dir)
    with StageBars(quiet=as_json) as bars:
        bars.show("stress", 0.0, "building the world")
        result = stress(
            facts, made, suite, replications=replications, seed=seed, progress=bars.show
        )
    result.save(folder)
    if as_json:
        print_json(stress_document(result, folder))
        return Exit.FINE
    print_stress(result, facts.settings.currency)
    out().print()
    print_line(f"The results are in {as_is(folder)}.")
    return Exit.FINE


def _planned(place: Path) -> Plan:
    """Plan a scenario as far as the register needs it."""
    from optimizer.pipeline import plan
    from optimizer.stages import choose_stages
    from scenarios import InputError, Scenario

    facts = Scenario.load(place)
    stages = [name for name in choose_stages(facts, None)[0] if name in NEEDED]
    if "replenishment" not in stages:
        raise InputError(
            "risks need what replenishment needs: products, sites, supplier_products, inventory,"
            " and forecasts or demand_history"
        )
    return plan(facts, stages)


NEEDED = ("forecasting", "replenishment")


def _currency(made: Plan, place: Path, named: Path | None) -> str:
    from api.cli.explain import place_of_scenario

    return _currency_of(place_of_scenario(made, place, named))


def _currency_of(place: Path) -> str:
    from scenarios import Scenario

    return Scenario.load(place).settings.currency


def _print_table(
    title: str, table: pd.DataFrame, top: int, states: tuple[str, ...], language: str
) -> None:
    """Print the rows of one table that a planner reads first."""
    if not len(table):
        return
    words = WORDS[language]
    gone = bool((table["kind"] == "stockout").all())
    headings = ["risk", "chance", "loss", "expected", "days", *(["by"] if gone else ["playbook"])]
    rows = []
    for row in table.head(top).itertuples(index=False):
        last = _day(row.expected_on) if gone else _text(row.playbook_id)
        cells: list[object] = [
            row.risk_id, _percent(row.probability), _money(row.loss), _money(row.expected_loss),
            f"{row.horizon_days:.0f}", last,
        ]  # fmt: skip
        if len(states) > 1:
            cells.append(words[row.state])
        rows.append(cells)
    named = [words[each] for each in headings] + ([words["state"]] if len(states) > 1 else [])
    print_table(title, named, rows)
    if len(table) > top:
        out().print(words["more"].format(n=f"{len(table) - top:,}"), markup=False)


def _print_one(row: dict[str, Any], language: str) -> None:
    """Print one risk with every item of its loss."""
    import json

    words = WORDS[language]
    console = out()
    print_line(f"{row['risk_id']} ({words[row['state']]})")
    message = row["message_zh"] if language == "zh" else row["message"]
    console.print(f"  {message}", markup=False, soft_wrap=True)
    if row["value"] is not None:
        limit = "" if row["threshold"] is None else f" (>= {row['threshold']:.4g})"
        told = f"  {words['value']}: {row['indicator']} {row['value']:.4g}{limit}"
        console.print(told, markup=False, soft_wrap=True)
    console.print(f"  {words['evidence']}: {row['evidence']}", markup=False, soft_wrap=True)
    if row["playbook_id"] is not None:
        console.print(f"  {words['playbook']}: {row['playbook_id']}", markup=False, soft_wrap=True)
    if row["terms"] and (items := json.loads(row["terms"])):
        headings = [words[each] for each in ("item", "units", "price", "money")]
        cells = [[i["entity"], i["units"], i["price"], i["money"]] for i in items]
        total = ["=", "", "", sum(item["money"] for item in items)]
        print_table(words["items"], headings, [*cells, total])


def _percent(share: float) -> str:
    return "" if math.isnan(share) else f"{100.0 * share:.0f} %"


def _money(value: float) -> str:
    return "" if math.isnan(value) else f"{value:,.0f}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _day(value: Any) -> str:
    import pandas as pd

    return "" if pd.isna(value) else f"{value:%Y-%m-%d}"
