"""The next-best way of a flow, priced by planning all flows anew without it."""

from __future__ import annotations

import pandas as pd
import pytest
from network_worlds import hand_made, random_network, seasonal_network

from optimizer.explanations.check import check_explanations, decision_ids
from optimizer.explanations.explain import Explainer
from optimizer.explanations.sentences import Teller
from optimizer.pipeline import plan
from optimizer.plan import Plan
from scenarios import Scenario


def designed(scenario: Scenario, **options: str) -> Plan:
    """Plan the network alone."""
    return plan(scenario, ["network"], work=10.0, options=options or None)


def told(made: Plan) -> pd.DataFrame:
    """Return what is said of flows, by decision."""
    rows = made.table("explanations")
    return rows[rows["table"] == "flows"].set_index("decision_id")


def test_the_other_site_is_next_best() -> None:
    """70 units from OLD to NORTH at 1 each; NEW would ask 4: 70 x 3 = 210 more."""
    row = told(designed(hand_made())).loc["flows:OLD>NORTH/road/TEA"]
    assert row["alternative"] == "come from NEW by road"
    assert row["extra_cost"] == pytest.approx(210.0)


def test_what_is_cheaper_unserved_is_left_out() -> None:
    """At a penalty of 2 a unit, NEW's 4 to NORTH is too dear: 70 x (2 - 1) = 70 more."""
    row = told(designed(hand_made(penalty=2.0))).loc["flows:OLD>NORTH/road/TEA"]
    assert row["alternative"] == "left out"
    assert row["extra_cost"] == pytest.approx(70.0)


@pytest.mark.parametrize("periods", ["", "bucket"])
def test_no_flow_is_cheaper_forbidden_and_ids_are_those_of_flows(periods: str) -> None:
    """Forbidding a way takes plans away; every id is that of a flow of the plan."""
    scenario = seasonal_network(3) if periods else random_network(3)
    made = designed(scenario, **({"periods": periods} if periods else {}))
    rows = told(made)
    assert len(rows) > 5
    assert (
        rows["extra_cost"] >= -1e-6 * abs(made.table("certificates")["objective"].iloc[0])
    ).all()
    assert set(rows.index) <= set(decision_ids("flows", made.table("flows")))
    count, faults = check_explanations(scenario, made)
    assert faults == []
    assert count > len(rows)


def test_the_explanation_tells_it_in_both_languages() -> None:
    """The way that would take over and its extra cost stand in the sentences."""
    scenario = hand_made()
    explained = Explainer(scenario, designed(scenario)).one("flows:OLD>NORTH/road/TEA")
    assert explained.alternative is not None
    assert explained.alternative.extra_cost == pytest.approx(210.0)
    for language, word in (("en", "from NEW by road"), ("zh", "NEW")):
        assert word in " ".join(Teller(language, "EUR").tell(explained))
