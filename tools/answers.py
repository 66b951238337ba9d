"""Write docs/answers.md: what users of other tools ask for, and what these commands really print.

python -m tools.answers            writes the page anew
python -m tools.answers --check    exit 1 where the page is not what the commands print now

Everything is run on the built-in corner shop, in a folder of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from api.cli.app import invoke
from optimizer.plan import Plan
from scenarios import Scenario
from scenarios.library import demo_scenario

PAGE = Path(__file__).resolve().parent.parent / "docs" / "answers.md"
SCALE = PAGE.parent / "benchmarks" / "replenishment.md"
WORK = "4"  # units of work of the plan that the page explains
BEGIN = """# What planners ask of their tools, and what ours answers

Twelve things that users of other tools ask for again and again, in their issue trackers. To each the command, and what it
prints: this page is written by `python -m tools.answers`, and a test holds it against what the commands print. All of it
is about the built-in corner shop, small enough to check by hand:

```
holdfast demo-scenario corner-shop --out shop
holdfast plan shop --out plan --work 4
```

How to read an explanation: [explanations.md](explanations.md).
"""


@dataclass(frozen=True)
class Answer:
    """A question and its answer.

    Attributes
    ----------
    said : before the commands
    steps : commands without `holdfast`, or what makes a piece of the page itself
    """

    question: str
    said: str
    steps: tuple[list[str] | Callable[[], str], ...]


def change(name: str, *deltas: dict[str, object]) -> Callable[[], str]:
    """Return a step that writes a file of changes, and shows them."""

    def write() -> str:
        document = {"parent_hash": Scenario.load("shop").content_hash, "deltas": list(deltas)}
        Path(name).write_text(json.dumps(document), encoding="utf-8")
        shown = "\n".join(json.dumps(delta) for delta in deltas)
        return f"`{name}` changes the scenario by\n\n```\n{shown}\n```"

    return write


def where(column: str, value: str) -> dict[str, str]:
    """Return rows with a value."""
    return {"column": column, "comparison": "eq", "value": value}


def set_cell(table: str, key: str, row: str, column: str, value: object) -> dict[str, object]:
    """Return the delta that sets a cell."""
    return {
        "table": table, "op": "set", "where": where(key, row), "column": column, "value": value,
    }  # fmt: skip


def place_orders() -> str:
    """Put tonight's orders on order, as a planner's system would."""
    facts, made = Scenario.load("shop"), Plan.load("plan")
    orders = made.table("purchase_orders")
    tonight = orders[orders["order_on"] == str(facts.settings.start_date)]
    rows = [
        {
            "order_id": str(row.order_id), "line": f"{row.line:g}", "kind": "purchase",
            "source_id": str(row.supplier_id), "site_id": str(row.site_id),
            "product_id": str(row.product_id), "qty": float(row.qty),
            "ordered_on": f"{row.order_on:%Y-%m-%d}", "due_on": f"{row.due_on:%Y-%m-%d}",
        }
        for row in tonight.itertuples()
    ]  # fmt: skip
    document = {
        "parent_hash": facts.content_hash,
        "deltas": [{"table": "open_orders", "op": "upsert", "value": rows}],
    }
    Path("placed.json").write_text(json.dumps(document), encoding="utf-8")
    return f"`placed.json` adds tonight's {len(rows)} lines to `open_orders`."


def scale() -> str:
    """Return the measured rows of the benchmark page; they are not run here."""
    text = SCALE.read_text(encoding="utf-8")
    start = text.index("```")
    return text[start : text.index("```", start + 3) + 3]


def submit_twice() -> str:
    """Send one run twice, and another body under its key."""
    from fastapi.testclient import TestClient

    from api.app import create_app
    from api.settings import ServiceSettings

    app = create_app(ServiceSettings(home=Path("service")), works=False)
    house = app.state.house
    first = house.keys.first()
    assert first is not None
    headers = {"Authorization": f"Bearer {first.secret}", "Idempotency-Key": "tonight"}
    lines, runs = [], []
    with contextlib.closing(TestClient(app, headers=headers)) as http:
        scenario = http.post("/v1/demo-scenarios/corner-shop").json()["id"]
        for body in ({"kind": "pipeline"}, {"kind": "pipeline"}, {"kind": "stress"}):
            answer = http.post("/v1/runs", json=body | {"scenario": scenario})
            what = answer.json()
            runs.append(what.get("id"))
            lines.append(f"POST /v1/runs {body['kind']}: {answer.status_code}"
                         f" {what.get('code', what.get('state'))}")  # fmt: skip
        listed = http.get("/v1/runs").json()["runs"]
    house.queue.close()
    house.database.close()
    lines.append(f"the same run: {runs[0] == runs[1]}; runs in all: {len(listed)}")
    return "```\n" + "\n".join(lines) + "\n```"


ANSWERS = (
    Answer(
        "Why is this stop or order not served?",
        "Every line, stop and demand that is left has the test that fails, its numbers, and the smallest change that"
        " would serve it.",
        (["explain", "plan", "unserved:order_line/O4/1"],),
    ),
    Answer(
        "It could be served, yet it was dropped: is that proven?",
        "`proof` is `proven` only where nothing could ship it even if all others stood back; what a search gave up, or"
        " found too dear, says so.",
        (
            change("cheap.json", set_cell("products", "product_id", "TEA", "unserved_penalty", 0.5)),
            ["apply", "shop", "cheap.json", "--out", "cheap"],
            ["plan", "cheap", "--out", "cheap-plan", "--stages", "sourcing"],
            ["explain", "cheap-plan", "unserved:order_line/O4/2"],
        ),
    ),
    Answer(
        "Name the rule, the parameter and the value",
        "The same facts as JSON have the table, row and column of every number; sentences come in English and Chinese.",
        (
            ["explain", "plan", "purchase_orders:PO-20261012-FARM-W1/1"],
            ["explain", "plan", "purchase_orders:PO-20261012-FARM-W1/1", "--language", "zh"],
        ),
    ),
    Answer(
        'What is the arithmetic behind "order 18"?',
        "Demand over the interval that the order protects, safety stock, less what is there and on order, then rounding, minimums"
        " and breaks: the steps add up to the units, and `--all --check` works every one of them out again, from the tables and by"
        " other code.",
        (
            ["explain", "plan", "purchase_orders:PO-20261012-FARM-W1/2"],
            ["explain", "plan", "--all", "--check"],
        ),
    ),
    Answer(
        "The same proposal comes every night",
        "Stock on order counts. Tonight's orders are placed, and the night is planned again: nothing is ordered twice.",
        (
            place_orders,
            ["apply", "shop", "placed.json", "--out", "placed"],
            ["plan", "placed", "--out", "placed-plan", "--stages", "forecasting,replenishment"],
            ["explain", "placed-plan", "--all", "--table", "purchase_orders", "--json"],
        ),
    ),
    Answer(
        "Orders come months early, lead times are not in the dates",
        "The day expected has the supplier's working days and the lane in it; the latest safe day is the last on which the"
        " order is still in time.",
        (["explain", "plan", "purchase_orders:PO-20261012-MARKET-W1/1"],),
    ),
    Answer(
        "37,000 reorder rules hang",
        "Measured on two cores by `python -m benchmarks nightly`, and not run here; columns are explained in"
        " [benchmarks/replenishment.md](benchmarks/replenishment.md).",
        (scale,),
    ),
    Answer(
        "The dearer supplier is chosen; a minimum picks the wrong one",
        "All lines of a night are decided together: prices, breaks, order costs, minimums and what a shortage costs. What"
        " another choice would cost can be asked, and is audited and bounded too.",
        (["what-if", "shop", "plan", "purchase TEA MARKET W1 >= 15"],),
    ),
    Answer(
        "Routes with shifts, soft windows and what they cost",
        "A stop that may be late at a price says by how much and for what; a route names the limit it is closest to. Breaks, balance"
        " between vans and stops that are frozen are inputs: `vehicles`, `--stages rerouting`.",
        (
            change(
                "late.json",
                set_cell("orders", "order_id", "O5", "due_from", "2026-10-12T07:00:00"),
                set_cell("orders", "order_id", "O5", "due_to", "2026-10-12T08:00:00"),
                set_cell("orders", "order_id", "O5", "late_cost_per_h", 3.0),
                set_cell("orders", "order_id", "O5", "prize", None),
            ),
            ["apply", "shop", "late.json", "--out", "late"],
            ["plan", "late", "--out", "late-plan", "--stages", "sourcing,routing", "--work", WORK],
            ["explain", "late-plan", "--all", "--table", "routes"],
            ["explain", "late-plan", "--all", "--table", "stops"],
        ),
    ),
    Answer(
        "Duplicate submissions",
        "The same `Idempotency-Key` with the same body is the same run; with another body it is refused.",
        (submit_twice,),
    ),
    Answer(
        "Bad data silently ruins the model",
        "What would be left out without a word is a finding, with its cell and what to do; what nobody supplies stands in the plan as"
        " proven.",
        (
            change(
                "broken.json",
                {"table": "supplier_products", "op": "delete", "where": where("product_id", "MUG")},
                {"table": "carrier_rates", "op": "delete", "where": where("destination", "ZF")},
            ),
            ["apply", "shop", "broken.json", "--out", "broken"],
            ["validate", "broken", "--most", "6"],
            ["explain", "plan", "unserved:demand/GIFT@S1"],
        ),
    ),
    Answer(
        "Disruption semantics, and units that simulators lose",
        "What each kind of disruption does is said in one place ([stress-testing.md](stress-testing.md)); no figure is shown"
        " unless every unit is accounted for, in every replication.",
        (
            ["stress", "shop", "--plan", "plan", "--replications", "20",
             "--case", "closure of the biggest warehouse"],
        ),
    ),
    Answer(
        "And: does the plan come out again?",
        "From its provenance, bit for bit, or the command says which of data, code, solver, machine, options or time differs.",
        (["rerun", "cheap-plan"],),
    ),
)  # fmt: skip


def page(made: Plan | None = None) -> str:
    """Return the page as the commands print it now.

    Parameters
    ----------
    made : the corner shop's plan with WORK, where it has been made already
    """
    parts = [BEGIN]
    with tempfile.TemporaryDirectory(prefix="holdfast-answers-") as folder, _inside(folder):
        demo_scenario("corner-shop").save("shop")
        if made is None:
            _run(["plan", "shop", "--out", "plan", "--work", WORK])
        else:
            made.from_place("../shop").save("plan")
        for number, answer in enumerate(ANSWERS, 1):
            parts.append(f"\n## {number}. {answer.question}\n\n{answer.said}\n")
            for step in answer.steps:
                if callable(step):
                    parts.append(f"\n{step()}\n")
                    continue
                shown = " ".join(f'"{word}"' if " " in word else word for word in step)
                printed = _run(step)
                told = "" if step[0] in ("plan", "apply") else printed
                parts.append(f"\n```\n$ holdfast {shown}\n{told}```\n")
    return "".join(parts)


def _run(arguments: list[str]) -> str:
    """Return what a command prints, without spaces at the end of lines."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        code = invoke(arguments)
    if code not in (0, 1, 2):
        raise RuntimeError(f"holdfast {' '.join(arguments)} ended with {code}")
    return "".join(f"{line.rstrip()}\n" for line in printed.getvalue().splitlines())


@contextlib.contextmanager
def _inside(folder: str) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def main() -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    text = page()
    if parser.parse_args().check:
        return int(PAGE.read_text(encoding="utf-8") != text)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
