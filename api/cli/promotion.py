"""`holdfast promotion`: what if this promotion ran, ran otherwise, or did not run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.console import Exit, print_json, print_line, print_table
from api.cli.progress import StageBars
from api.cli.words import as_is, told
from api.services.promotion_words import CAUSES, ITEMS

if TYPE_CHECKING:
    from optimizer.plan import Plan
    from scenarios import Scenario

THOUSAND = 1000.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("promotion")(promotion)


def promotion(
    place: Annotated[
        Path, typer.Argument(help="Folder of a plan; or a scenario, which is planned first.")
    ],
    name: Annotated[
        str, typer.Argument(help="A promotion of the scenario; default: a new one.")
    ] = "",
    product: Annotated[str | None, typer.Option(help="For this product ...")] = None,
    category: Annotated[str | None, typer.Option(help="... or for this category.")] = None,
    location: Annotated[str | None, typer.Option(help="Site or zone; default: everywhere.")] = None,
    channel: Annotated[str | None, typer.Option(help="Channel; default: all.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="As discount, flash sale: it learns of such.")
    ] = None,
    start: Annotated[str | None, typer.Option(help="First day, as 2026-11-01.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day.")] = None,
    discount: Annotated[float | None, typer.Option(help="Price cut, percent.")] = None,
    uplift: Annotated[
        str,
        typer.Option(help="Extra demand, percent: one, or low,expected,high; default: as learned."),
    ] = "",
    limit: Annotated[float | None, typer.Option(help="Most units sold under it.")] = None,
    takes_from: Annotated[
        str | None, typer.Option("--takes-from", help="Category whose demand it takes.")
    ] = None,
    taken: Annotated[
        float | None, typer.Option(help="Percent of that demand; default: as learned.")
    ] = None,
    pulled_forward: Annotated[
        float | None, typer.Option(help="Percent of the extra demand that is missing afterwards.")
    ] = None,
    pulled_days: Annotated[int, typer.Option(help="For so many days.")] = 14,
    cancel: Annotated[bool, typer.Option("--cancel", help="What if it did not run?")] = False,
    more_capacity: Annotated[
        float, typer.Option(help="Percent more dock, picking and parcels, as the other choice.")
    ] = 25.0,
    capacity_cost: Annotated[
        float | None, typer.Option(help="What that costs, money a day and site.")
    ] = None,
    against: Annotated[
        str, typer.Option(help="without or as_is; default: as_is where days or terms change.")
    ] = "",
    stock: Annotated[
        str,
        typer.Option(
            help="Ways to stock up, joined by commas: as planned (always), none extra, ordered for"
            " expected, ordered for high; default: all."
        ),
    ] = "",
    weights: Annotated[
        str, typer.Option(help="Probability of each uplift, joined by commas.")
    ] = "",
    scenario: Annotated[
        Path | None, typer.Option(help="The plan's scenario, if it has been moved.")
    ] = None,
    replications: Annotated[int, typer.Option(help="Of each simulation.", min=2)] = 30,
    seed: Annotated[int | None, typer.Option(help="Of the simulation.", min=0)] = None,
    work: Annotated[
        float | None, typer.Option(help="Deterministic work of each plan that is made here.")
    ] = None,
    processes: Annotated[
        int, typer.Option(help="That share replications; the answer is the same.", min=0)
    ] = 0,
    every: Annotated[
        bool, typer.Option("--all", help="Items and causes of every cell, not of the best alone.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Say what a promotion would do: uplift x stock x capacity, simulated, itemised."""
    from api.services.promotion import planned_for
    from api.services.promotion import promotion as answer
    from optimizer.promotion import Ask
    from optimizer.promotion.ask import NEW

    cells: dict[str, Any] = {
        "kind": kind, "product_id": product, "category": category, "location_id": location,
        "channel_id": channel, "start": start, "end": end, "discount_pct": discount,
        "qty_limit": limit, "cannibalises": takes_from,
    }  # fmt: skip
    ask = Ask(
        name or NEW,
        {column: value for column, value in cells.items() if value is not None},
        _numbers(uplift, "--uplift"),
        cancelled=cancel,
        cannibalised_pct=taken,
        pulled_forward_pct=pulled_forward,
        pulled_days=pulled_days,
        more_capacity_pct=more_capacity,
        capacity_cost_per_day=capacity_cost,
        against=against,
        stocks=tuple(part.strip() for part in stock.split(",") if part.strip()),
    )
    facts, made = _opened(place, scenario)
    ask.deltas(facts)  # refused before anything is planned
    with StageBars(quiet=as_json) as bars:
        document = answer(
            facts,
            planned_for(facts, work, seed) if made is None else made,
            ask,
            replications=replications,
            weights=_numbers(weights, "--weights") or None,
            seed=seed,
            work=work,
            processes=processes,
            progress=bars.show,
        )
    if as_json:
        print_json(document)
    else:
        _show(document, every=every)
    return Exit.FINE


def _numbers(text: str, option: str) -> tuple[float, ...]:
    from scenarios import InputError

    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise InputError(f"{option} takes numbers joined by commas, not {text!r}") from None


def _opened(place: Path, named: Path | None) -> tuple[Scenario, Plan | None]:
    """Return the scenario, and its plan where the place is one."""
    from api.cli.explain import scenario_of
    from optimizer.plan import Plan
    from scenarios import Scenario

    if (place / "plan.json").exists():
        made = Plan.load(place)
        return scenario_of(made, place, named), made
    return Scenario.load(place), None


def _show(document: dict[str, Any], *, every: bool) -> None:
    """Print what a planner reads."""
    currency = document["currency"]
    row = document["promotion"]
    goods = row["product_id"] or row["category"]
    lead = (
        f"{row['promotion_id']}: {goods}, {document['first_day']} to {document['last_day']}, held"
        f" against {document['against'].replace('_', ' ')}. Uplift"
        f" {_uplifts(document)} ({_source(document)}). {document['replications']} replications with"
        f" the same random numbers, 95 % intervals, money in {currency}."
    )
    print_line(lead)
    print_table(
        "What it does, against that",
        ["uplift", "stock", "capacity", "units sold in it", "+-", "and after", "fill % in it",
         "after", "gain", "+-", "CO2e, kg", "binds first"],
        [
            [
                cell["uplift"], cell["stock"], cell["capacity"],
                _short(cell["figures"]["promoted_units_promotion"]["mean"]),
                _short(_half(cell["figures"]["promoted_units_promotion"])),
                _short(cell["figures"]["promoted_units_afterwards"]["mean"]),
                100.0 * cell["levels"]["fill_rate_promotion"]["mean"],
                100.0 * cell["levels"]["fill_rate_afterwards"]["mean"],
                _short(cell["net"]["mean"]), _short(_half(cell["net"])),
                round(cell["figures"]["co2_kg"]["mean"], 2) + 0.0, _binding(cell),
            ]
            for cell in document["cells"]
        ],
    )  # fmt: skip
    robust = document["robust"]
    best = robust["best_expected"]
    for cell in document["cells"]:
        if every or (
            f"{cell['stock']} / {cell['capacity']}" == best and _is_middle(cell, document)
        ):
            _items(cell, currency)
    print_table(
        f"Which choice is robust: gain ({currency}), by weight of the uplifts",
        ["stock / capacity", *(f"{n} ({w:.0%})" for n, w in
                               zip(robust["scenarios"], robust["weights"], strict=True)),
         "expected", "worst", "regret"],
        [
            [way, *(-cost for cost in costs), -expected, -worst, regret]
            for way, costs, expected, worst, regret in zip(
                robust["plans"], robust["cost"], robust["expected"], robust["worst"],
                robust["regret"], strict=True,
            )
        ],
    )  # fmt: skip
    average, worst, regret = (robust[f"best_{by}"] for by in ("expected", "worst", "regret"))
    print_line(f"Best on average: {average}; at worst: {worst}; by regret: {regret}.")
    print_table(
        "Order by, so that the goods are there on the first day",
        ["supplier", "at the latest", "product-locations", "in time if ordered tonight"],
        [
            [one["supplier_id"] or "no supplier", one["order_by"] or "not known",
             one["product_locations"], one["in_time_tonight"]]
            for one in document["latest_orders"]
        ],
    )  # fmt: skip
    for stock in document["stocks"]:
        bound = ", ".join(stock["budgets_bound"])
        limited = f"; bound by the budget {bound}" if bound else ""
        print_line(
            f"{as_is(stock['name'])}: {stock['units_tonight']:,.0f} units tonight for"
            f" {stock['cost_tonight']:,.2f} {currency}{limited}."
        )
    for note in document["notes"]:
        print_line(note)


def _items(cell: dict[str, Any], currency: str) -> None:
    print_table(
        f"Gain at uplift {cell['uplift']}, stock {cell['stock']}, capacity {cell['capacity']}",
        ["item", currency],
        [
            *([told(ITEMS[item["item"]]), item["money"]] for item in cell["items"]),
            ["gain", cell["net"]["mean"]],
        ],
    )
    figures = cell["figures"]
    print_table(
        "Units and other figures, against that",
        ["figure", "mean", "from", "to"],
        [[name.replace("_", " "), *(one[part] for part in ("mean", "low", "high"))]
         for name, one in figures.items()],
    )  # fmt: skip
    for one in cell["bindings"]:
        day = "" if one["first_day"] is None else f", on day {one['first_day']:.1f} on average"
        print_line(
            f"{told(CAUSES[one['cause']])} at {one['site_id']}: first in {one['first_share']:.0%}"
            f" of the replications{day}; {one['units']:,.2f} units go short for it."
        )


def _is_middle(cell: dict[str, Any], document: dict[str, Any]) -> bool:
    names = [one["name"] for one in document["uplifts"]]
    return bool(cell["uplift"] == ("expected" if "expected" in names else names[0]))


def _binding(cell: dict[str, Any]) -> str:
    if not cell["bindings"]:
        return told(CAUSES[cell["binds_first"]])
    one = cell["bindings"][0]
    return f"{told(CAUSES[one['cause']])} at {one['site_id']} ({one['first_share']:.0%})"


def _short(value: float) -> float | int:
    """Return thousands without decimals, which a narrow column has no room for."""
    return round(value) if abs(value) >= THOUSAND else value


def _half(figure: dict[str, Any]) -> float:
    return float(figure["high"] - figure["low"]) / 2.0


def _uplifts(document: dict[str, Any]) -> str:
    return ", ".join(f"{one['name']} {one['uplift']:+.0%}" for one in document["uplifts"])


def _source(document: dict[str, Any]) -> str:
    words = {
        "stated": "stated",
        "planner": "as the scenario states",
        "history": f"learned from {document['past_promotions']} past promotions",
        "elasticity": "by the elasticity of its discount",
    }
    return words[document["uplift_source"]]
