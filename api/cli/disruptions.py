"""`holdfast disruptions`: what may go wrong, with usual figures and where they come from."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.console import Exit, out, print_json, print_line, print_table


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("disruptions")(disruptions)


def disruptions(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> int:
    """List the library: kinds, ready-made disruptions, targets by rank, playbook actions."""
    from simulation.distributions import KNOWN
    from simulation.library import library_rows
    from simulation.playbooks import ACTIONS, INDICATORS
    from simulation.ranks import RANKS

    rows = library_rows()
    if as_json:
        print_json(
            {
                "disruptions": rows,
                "ranks": {word: list(ranks) for word, ranks in RANKS.items()},
                "distributions": {name: list(parts) for name, parts in KNOWN.items()},
                "actions": {
                    name: {"what": about.meaning, "value": about.value, "targets": about.words}
                    for name, about in ACTIONS.items()
                },
                "indicators": {name: meaning for name, (meaning, _) in INDICATORS.items()},
            }
        )
        return Exit.FINE
    print_table(
        "Kinds: what `kind` may be in a suite or in the table disruptions",
        ["kind", "severity means", "usual", "days", "days between", "targets", "source"],
        [
            [row["name"], row["what"],
             f"{row['severity']:g}", row["duration"], row["frequency"],
             " ".join(row["targets"]), row["source"]]
            for row in rows if not row["ready_made"]
        ],
    )  # fmt: skip
    print_table(
        "Ready made: `use` in a suite, or `kind` of a row",
        ["name", "what happens", "target", "days", "source"],
        [
            [row["name"], row["what"], row["targets"][0], row["duration"], row["source"]]
            for row in rows if row["ready_made"]
        ],
    )  # fmt: skip
    print_table(
        "Playbook actions", ["action", "what it does", "value"],
        [[name, about.meaning, about.value] for name, about in ACTIONS.items()],
    )  # fmt: skip
    console = out()
    print_line("Targets by rank (2- before it for the second, as 2-largest-by-spend):")
    for word, ranks in RANKS.items():
        console.print("  " + ", ".join(f"{word}:{rank}" for rank in ranks))
    print_line("Days are a number or a distribution:")
    forms = ", ".join(f"{name}({', '.join(parts) or '3, 5, 8'})" for name, parts in KNOWN.items())
    print_line(f"  {forms}")
    return Exit.FINE
