"""The table of rules in the README says what the engines themselves say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import optimizer.routing
from optimizer.routing.ortools_engine import OrToolsEngine
from optimizer.routing.problem import BACKHAUL, PICKUP
from optimizer.routing.pyvrp_engine import PyVrpEngine
from optimizer.routing.ruin.engine import RuinEngine

README = Path(optimizer.routing.__file__).with_name("README.md")
ENGINES = {"ruin": RuinEngine, "PyVRP": PyVrpEngine, "OR-Tools": OrToolsEngine}
STOP = {"at": (1000, 0)}
# rule of the table: (stops, vans, money per hour of imbalance)
CASES = {
    "kg, m3": ([STOP | {"kg": 5.0}], [{"kg": 10.0, "m3": 1.0}], 0.0),
    "several windows": ([STOP | {"windows": [(0, 10), (20, 30)]}], [{}], 0.0),
    "service times, waiting, hours that cost": (
        [STOP | {"service_s": 60}],
        [{"per_hour": 9.0}],
        0.0,
    ),
    "shift, latest start": ([STOP], [{"shift": (100, 5000)}], 0.0),
    "max_km": ([STOP], [{"max_km": 9.0}], 0.0),
    "max_stops": ([STOP], [{"max_stops": 2}], 0.0),
    "max_stops over several trips": ([STOP], [{"max_stops": 2, "max_trips": 2}], 0.0),
    "max_trips, reload_min": ([STOP], [{"max_trips": 2, "reload_s": 60}], 0.0),
    "several depots, other end depot": ([STOP], [{"depot": 0, "end": 1}], 0.0),
    "open routes": ([STOP], [{"end": -1}], 0.0),
    "skills, carriers, depots of parcels": (
        [STOP | {"skill": "x"}, STOP],
        [{"skill": "x"}, {}],
        0.0,
    ),
    "pickups": ([STOP | {"kind": PICKUP}], [{}], 0.0),
    "pickups among deliveries": ([STOP | {"kind": PICKUP}, STOP], [{}], 0.0),
    "backhauls after deliveries": ([STOP | {"kind": BACKHAUL}, STOP], [{}], 0.0),
    "release times": ([STOP | {"release_s": 60}], [{}], 0.0),
    "prizes": ([STOP | {"optional": True}], [{}], 0.0),
    "CO2 of the load (`g_co2e_per_tkm`)": ([STOP], [{"co2_per_tkm": 1.0}], 0.0),
    "driver breaks": ([STOP], [{"break_after_s": 100, "break_s": 10}], 0.0),
    "soft windows": ([STOP | {"late_after_s": 9, "late_per_h": 1.0}], [{}], 0.0),
    "balance of work": ([STOP], [{}], 1.0),
}


def table() -> dict[str, dict[str, str]]:
    """Return cells by rule and engine."""
    lines = README.read_text(encoding="utf-8").split("## Which engine serves which rule")[1]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines.split("\n## ")[0].splitlines()
        if line.startswith("|")
    ]
    head, _, *body = rows
    return {row[0]: dict(zip(head, row, strict=True)) for row in body}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", CASES)
def test_table_says_what_the_engine_says(plane, rule, engine):
    """A cell begins with yes exactly where `supports` finds nothing that is missing."""
    stops, vans, balance = CASES[rule]
    depots = ((0, 0), (500, 0))
    problem = replace(plane(stops, vans, depots), balance_cost_per_h=balance)
    missing = ENGINES[engine].supports(problem)
    assert table()[rule][engine].startswith("yes") == (missing is None), missing


def test_rules_that_are_no_matter_of_a_problem_are_few():
    """Every other row of the table is about prices, or about what no stage reads yet."""
    others = {
        "stops that must be served", "tariffs of carriers", "priorities", "CO2 price", "CO2 cap",
        "vans under way (`vehicle_states`)",
    }  # fmt: skip
    assert set(table()) - set(CASES) == others
