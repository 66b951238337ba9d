"""Which stages there are, what each needs and takes, and which of them run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scenarios import InputError, Scenario


@dataclass(frozen=True, slots=True)
class Room:
    """Where a stage lives and what it needs.

    Attributes
    ----------
    run, check : "module:function" of the stage and of its referee
    needs : tables of which all must have rows
    any_of : tables of which one must have rows
    upstream : result tables that stand in for `needs` when an earlier stage wrote them
    weight : its share of the limits, against the other stages that run
    asked : it runs only when it is named
    options : names of the options that it takes
    instead_of : stages that it cannot run beside
    """

    run: str
    check: str
    needs: tuple[str, ...]
    any_of: tuple[str, ...] = ()
    weight: float = 1.0
    asked: bool = False
    options: tuple[str, ...] = ()
    instead_of: tuple[str, ...] = ()


STAGES: Mapping[str, Room] = {
    "forecasting": Room(
        "optimizer.forecasting:run",
        "optimizer.audit.forecasting:check",
        ("products", "demand_history"),
        weight=1.0,
    ),
    "network": Room(
        "optimizer.allocation:run_network",
        "optimizer.audit.network:check",
        ("products", "sites", "lanes"),
        ("forecasts", "demand_history"),
        weight=2.0,
        asked=True,
        options=("measure", "single_source", "periods", "solver", "export"),
    ),
    "positioning": Room(
        "optimizer.allocation:run_positioning",
        "optimizer.audit.positioning:check",
        ("products", "sites", "lanes", "inventory"),
        ("forecasts", "demand_history"),
        weight=1.0,
        asked=True,
        options=("until",),
    ),
    "replenishment": Room(
        "optimizer.replenishment:run",
        "optimizer.audit.replenishment:check",
        ("products", "sites", "supplier_products", "inventory"),
        ("forecasts", "demand_history"),
        weight=2.0,
    ),
    "rolling": Room(
        "optimizer.replenishment.rolling:run",
        "optimizer.audit.rolling:check",
        ("products", "sites", "supplier_products", "inventory"),
        ("forecasts", "demand_history"),
        weight=1.0,
    ),
    "buyer": Room(
        "optimizer.replenishment:run_buyer",
        "optimizer.audit.buyer:check",
        ("products", "sites", "supplier_products", "inventory"),
        ("forecasts", "demand_history"),
        weight=2.0,
        asked=True,
        options=("scope",),
        instead_of=("replenishment", "rolling"),
    ),
    "sourcing": Room(
        "optimizer.allocation:run_sourcing",
        "optimizer.audit.sourcing:check",
        ("products", "sites", "orders", "order_lines", "inventory", "carrier_rates"),
        weight=2.0,
        options=("stock_value",),
    ),
    "waves": Room(
        "optimizer.allocation:run_waves",
        "optimizer.audit.waves:check",
        (
            *("products", "sites", "orders", "order_lines", "inventory", "carrier_rates"),
            "work_capacity",
        ),
        weight=0.5,
    ),
    "routing": Room(
        "optimizer.routing:run",
        "optimizer.audit.routing:check",
        ("sites", "orders", "vehicles"),
        weight=2.0,
        options=("carriers", "balance_cost_per_h"),
    ),
    "rerouting": Room(
        "optimizer.routing:run_rerouting",
        "optimizer.audit.rerouting:check",
        ("sites", "orders", "vehicles", "vehicle_states"),
        weight=2.0,
        asked=True,
        options=("previous", "move_price"),
        instead_of=("sourcing", "routing"),
    ),
}


GROUPS = {
    "allocation": ("positioning", "sourcing", "waves"),
    "rolling": ("replenishment", "rolling"),
}


def choose_stages(
    scenario: Scenario, stages: Sequence[str] | None
) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """Return the stages to run, in order, and why others are left out.

    Raises
    ------
    InputError
        A named stage does not exist, or its tables are missing.
    """
    if stages is None:
        chosen: list[str] = []
        notes: dict[str, tuple[str, ...]] = {}
        for name in (name for name, room in STAGES.items() if not room.asked):
            lacking = missing_tables(scenario, name)
            if lacking:
                notes[name] = (f"Not planned: the scenario has no {', '.join(lacking)}.",)
            else:
                chosen.append(name)
        if not chosen:
            raise InputError(
                "nothing can be planned: needed are products, sites, inventory and one of"
                " demand_history, forecasts, orders"
            )
        return chosen, notes
    wanted, left_out = _expand(scenario, stages)
    unknown = [name for name in wanted if name not in STAGES]
    if unknown:
        known = ", ".join(dict.fromkeys((*STAGES, *GROUPS)))
        raise InputError(f"no such stage: {', '.join(unknown)}; known are {known}")
    for name in wanted:
        beside = [other for other in STAGES[name].instead_of if other in wanted]
        if beside:
            raise InputError(
                f"{name} proposes orders of its own: run it without {', '.join(beside)}"
            )
    problems = [
        f"{name} needs {', '.join(missing_tables(scenario, name))}"
        for name in STAGES
        if name in wanted and missing_tables(scenario, name)
    ]
    if problems:
        raise InputError(f"tables are missing: {'; '.join(problems)}")
    return [name for name in STAGES if name in wanted], left_out


def _expand(
    scenario: Scenario, stages: Sequence[str]
) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """Return stages with groups taken apart; of a group, those that have what they need.

    A group of which nothing can run stays whole, so that its first stage says what it lacks.
    """
    wanted: list[str] = []
    notes: dict[str, tuple[str, ...]] = {}
    for name in stages:
        lacking = {part: missing_tables(scenario, part) for part in GROUPS.get(name, ())}
        if "positioning" in lacking and not (
            scenario.has("forecasts") or "forecasting" in stages or lacking["positioning"]
        ):
            lacking["positioning"] = ["forecasts (and forecasting was not asked for)"]
        able = [part for part, tables in lacking.items() if not tables]
        if name not in GROUPS or not able:
            wanted.extend(GROUPS.get(name, (name,)))
            continue
        wanted.extend(able)
        for part, tables in lacking.items():
            if tables and part not in stages:
                notes[part] = (f"Not planned: the scenario has no {', '.join(tables)}.",)
    return wanted, notes


def missing_tables(scenario: Scenario, stage: str) -> list[str]:
    """Return the tables that a stage lacks; alternatives joined by "or"."""
    room = STAGES[stage]
    lacking = [name for name in room.needs if not scenario.has(name)]
    if room.any_of and not any(scenario.has(name) for name in room.any_of):
        lacking.append(" or ".join(room.any_of))
    return lacking


def options_by_stage(
    chosen: Sequence[str], options: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Return the options of each stage.

    Raises
    ------
    InputError
        No stage that runs takes an option of that name.
    """
    wishes: dict[str, dict[str, str]] = {name: {} for name in chosen}
    for option, value in options.items():
        takers = [name for name in chosen if option in STAGES[name].options]
        if not takers:
            named = [name for name, room in STAGES.items() if option in room.options]
            hint = f"; it belongs to stage {', '.join(named)}" if named else ""
            raise InputError(f"no stage that runs takes the option {option!r}{hint}")
        for name in takers:
            wishes[name][option] = value
    return wishes
