"""What scenarios, plans and results show of themselves in a notebook."""

from __future__ import annotations

import math
from html import escape

import pandas as pd
import pytest
from test_stress import facts, plan_for

from scenarios.deltas import Delta, apply
from scenarios.showing import BLANK, html_table, shown
from simulation.resilience import scan_plan
from simulation.stress import stress

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def scenario():
    """A scenario whose name tries to be a script."""
    return apply(facts(), [Delta(table="settings", op="set", column="name", value=EVIL)])


@pytest.fixture(scope="module")
def night(scenario):
    """Return its plan."""
    return plan_for(scenario)


def test_texts_are_escaped(scenario):
    """A scenario's name, which comes from a file, cannot become markup."""
    text = scenario._repr_html_()
    assert EVIL not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_cells_of_tables_are_escaped():
    """Nor can a heading, a title or a cell."""
    assert EVIL not in html_table(EVIL, [EVIL], [(EVIL,)])


def test_blanks_are_not_zero():
    """None, NaN, NaT-like and endless values are a dash; 0 is 0."""
    assert [shown(value) for value in (None, math.nan, math.inf, "")] == [BLANK] * 4
    assert shown(0) == "0"
    assert shown(1234.5) == "1,234.50"


def test_rows_that_are_left_out_are_counted():
    """Of 15 rows 12 are shown, and 3 are told of."""
    text = html_table("", ["n"], [(number,) for number in range(15)])
    assert text.count("<td") == 12
    assert "and 3 more" in text


def test_a_scenario_counts_its_rows(scenario):
    """Each table stands with its rows."""
    rows = len(scenario.tables["products"])
    assert f'<td>products</td><td style="text-align:right">{rows}</td>' in scenario._repr_html_()


def test_a_plan_shows_what_its_stages_proved(scenario):
    """Objective, bound and gap of a stage, and that the referee has not seen it."""
    proven = {"stage": "sourcing", "engine": "e", "status": "feasible", "termination": "converged"}
    figures = {"objective": 1200.5, "bound": 1100.0, "gap_pct": 8.37, "wall_seconds": 1.0}
    night = plan_for(scenario, certificates=pd.DataFrame([{**proven, **figures, "audited": False}]))
    text = night._repr_html_()
    for part in ("sourcing", "1,200.50", "1,100", "8.37", "feasible, not audited"):
        assert part in text
    assert repr(night) == f"Plan(sourcing; feasible; scenario {scenario.content_hash[:12]})"


def test_a_stress_test_shows_every_case(scenario, night):
    """Cases with what goes wrong, and whether the gates held."""
    result = stress(scenario, night, replications=2)
    text = result._repr_html_()
    assert "passed" in text
    assert all(title in text for title in result.titles.values() if "<" not in title)
    assert "2 replications" in repr(result)


def test_a_scan_shows_the_worst_node_first(scenario, night):
    """Nodes stand in the order of the table."""
    found = scan_plan(scenario, night)
    text = found._repr_html_()
    places = [text.index(escape(node)) for node in found.table["node"].head(3)]
    assert places == sorted(places)
