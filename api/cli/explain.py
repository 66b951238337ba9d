"""`holdfast explain`: why a decision of a plan is as it is, and whether all of it adds up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.console import Exit, out, print_json, print_line
from api.cli.words import as_is
from api.cli.words import language as spoken_language

if TYPE_CHECKING:
    from optimizer.plan import Plan
    from scenarios import Scenario

MOST_FAULTS = 40


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    plan: Annotated[Path, typer.Argument(help="Folder of a plan.")],
    decision: Annotated[
        str, typer.Argument(help="Its id, as in purchase_orders:PO-1/1; without one: --all.")
    ] = "",
    scenario: Annotated[
        Path | None, typer.Option(help="The plan's scenario, if it has been moved.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every decision.")] = False,
    table: Annotated[str, typer.Option(help="With --all: only decisions of this table.")] = "",
    check: Annotated[
        bool, typer.Option("--check", help="Recompute every term, re-add every sum, audit again.")
    ] = False,
    language: Annotated[
        str | None, typer.Option(help="en or zh; default: --lang, and en beside --json.")
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option(help="Write one JSON line per decision to this file.")
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(help="Replay a ledger: every line must come out again.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Explain decisions: sums that add up, the binding rule, prices, the next-best choice."""
    from optimizer.explanations.check import check_explanations
    from optimizer.explanations.explain import Explainer
    from optimizer.explanations.ledger import replayed, written
    from optimizer.explanations.sentences import LANGUAGES, Teller
    from optimizer.gates import audited_again
    from optimizer.plan import Plan
    from scenarios import InputError

    spoken = spoken_language(language, as_json=as_json)
    if spoken not in LANGUAGES:
        raise InputError(f"--language is en or zh, not {language!r}")
    made = Plan.load(plan)
    facts = scenario_of(made, plan, scenario)
    explainer = Explainer(facts, made)
    if replay is not None:
        return _report(replayed(explainer, replay), "lines replayed", as_json)
    if ledger is not None:
        count = written(explainer, ledger)
        print_line(f"{count:,} decisions are in {as_is(ledger)}.")
        return Exit.FINE
    if check:
        if not every:
            raise InputError("--check goes with --all: only the whole can be complete")
        count, faults = check_explanations(facts, made)
        faults += [f"the referee: {fault}" for fault in audited_again(facts, made)]
        return _report((count, faults), "decisions explained", as_json)
    if not every and not decision:
        raise InputError("name a decision, or --all")
    chosen = explainer.chosen(table=table or None) if every else [decision]
    teller = Teller(spoken, facts.settings.currency)
    if as_json:
        told = []
        for name in chosen:
            one = explainer.one(name)
            told.append(one.document() | {"sentences": teller.tell(one)})
        print_json({"plan": str(plan), "explanations": told} if every else told[0])
        return Exit.FINE
    if every and table and not chosen:
        raise InputError(f"the plan has no decisions of table {table!r}")
    for name in chosen:
        sentences = teller.tell(explainer.one(name))
        out().print(name, style="" if every else "bold", markup=False, soft_wrap=True)
        for sentence in sentences:
            out().print(f"  {sentence}", markup=False, highlight=False, soft_wrap=True)
    return Exit.FINE


def _report(found: tuple[int, list[str]], what: str, as_json: bool) -> int:
    """Print what a check found; 1 where something differs."""
    count, faults = found
    if as_json:
        print_json({"checked": count, "differences": faults})
    else:
        print_line(f"{count:,} {what}; differences: {len(faults):,}")
        for fault in faults[:MOST_FAULTS]:
            out().print(f"  {fault}", markup=False, highlight=False, soft_wrap=True)
    return Exit.GATE_FAILED if faults else Exit.FINE


def place_of_scenario(made: Plan, folder: Path, named: Path | None) -> Path:
    """Return where a plan's scenario is; InputError if it is not there."""
    from scenarios import InputError

    place = named
    if place is None:
        if not made.provenance.scenario_path:
            raise InputError("the plan does not say where its scenario is: name --scenario")
        place = folder / made.provenance.scenario_path
    if not place.exists():
        raise InputError(f"the plan's scenario is not at {place}: name --scenario")
    return place


def scenario_of(made: Plan, folder: Path, named: Path | None) -> Scenario:
    """Return the scenario that a plan was made from.

    Raises
    ------
    InputError
        It is not where the plan says, or has other content.
    """
    from scenarios import InputError, Scenario

    facts = Scenario.load(place_of_scenario(made, folder, named))
    if facts.content_hash != made.provenance.scenario_hash:
        raise InputError(
            f"the plan was made from another scenario: {made.provenance.scenario_hash[:12]},"
            f" not {facts.content_hash[:12]}"
        )
    return facts
