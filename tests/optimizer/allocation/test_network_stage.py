"""The network stage against arithmetic by hand, enumeration, another solver and the referee."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from network_worlds import hand_made, random_network

from optimizer.allocation.network.certify import certify, proves_empty
from optimizer.allocation.network.effort import Effort
from optimizer.allocation.network.layout import read_network
from optimizer.allocation.network.model import build
from optimizer.audit.network import check
from optimizer.engines.linear import solve_linear
from optimizer.engines.linear_problem import Rows
from optimizer.outcome import Limits, Status
from optimizer.pipeline import plan
from optimizer.plan import Plan
from scenarios import InputError, Scenario, Unsupported

WEEK_OF_OPENING = 365.0 * 7 / (365 * 5)  # 1.4


def designed(scenario: Scenario, **options: str) -> Plan:
    """Plan the network alone."""
    return plan(scenario, ["network"], work=10.0, options=options or None)


def is_open(made: Plan) -> dict[str, bool]:
    """Return which sites are open."""
    table = made.table("network")
    return dict(zip(table["site_id"], table["status"] == "open", strict=True))


def objective(made: Plan) -> float:
    """Return the certificate's objective."""
    return float(made.table("certificates")["objective"].iloc[0])


def test_opening_pays_when_it_saves_more_than_it_costs() -> None:
    """Both open: 7 + 14 + 1.4 + 70 + 70 = 162.4; OLD alone: 7 + 70 + 210 = 287."""
    made = designed(hand_made())
    assert is_open(made) == {"OLD": True, "NEW": True}
    assert objective(made) == pytest.approx(7 + 14 + WEEK_OF_OPENING + 70 + 70)
    assert made.kpi("network cost", "today") == pytest.approx(287.0)
    assert made.kpi("network saving") == pytest.approx(287.0 - 162.4)


def test_small_demand_keeps_todays_network() -> None:
    """One unit each: OLD alone 7 + 1 + 3 = 11 beats both open 7 + 14 + 1.4 + 2."""
    made = designed(hand_made(demand=(1.0, 1.0)))
    assert is_open(made) == {"OLD": True, "NEW": False}
    assert objective(made) == pytest.approx(11.0)


def test_closing_costs_are_spread_over_the_years() -> None:
    """With OLD dear to run and no demand near it, closing it costs 730 x 7 / 1825 = 2.8."""
    dear = hand_made(demand=(0.0, 70.0))
    made = designed(dear)
    # NEW alone: 14 + 1.4 + 2.8 + 70 = 88.2; both: 7 + 14 + 1.4 + 70 = 92.4; OLD alone 7 + 210
    assert is_open(made) == {"OLD": False, "NEW": True}
    assert objective(made) == pytest.approx(88.2)
    assert made.kpi("closing", "network objective") == pytest.approx(2.8)


@pytest.mark.parametrize(
    ("scope", "sense", "value", "expected"),
    [
        ("all", "<=", 1.0, {"OLD": True, "NEW": False}),  # 287 beats NEW alone: 368.2
        ("site:OLD", "<=", 0.0, {"OLD": False, "NEW": True}),
        ("site:NEW", ">=", 1.0, {"OLD": True, "NEW": True}),
    ],
)
def test_limits_on_sites_hold(
    scope: str, sense: str, value: float, expected: dict[str, bool]
) -> None:
    """Counts over all sites, and single sites held open or closed."""
    limit = {"limit_id": "L", "kind": "site_count", "scope": scope, "sense": sense,
             "value": value, "hard": True}  # fmt: skip
    assert is_open(designed(hand_made(limits=[limit]))) == expected


def test_limits_that_leave_nothing_are_proven_and_named() -> None:
    """Three open sites out of two cannot be, and the note says by how much."""
    limit = {"limit_id": "L3", "kind": "site_count", "scope": "all", "sense": ">=",
             "value": 3.0, "hard": True}  # fmt: skip
    made = designed(hand_made(limits=[limit]))
    assert made.table("certificates")["status"].iloc[0] == "infeasible"
    assert "Limit L3 asks for 3 open sites; 2 may open: 1 too few." in made.notes["network"]


def test_a_cap_on_co2_changes_the_design() -> None:
    """Road: 105 g per tkm x 100 km = 10.5 g a kg; a cap of 1,050 g lets 100 of 140 units go."""
    limit = {"limit_id": "C", "kind": "co2", "scope": "all", "sense": "<=", "value": 1050.0,
             "hard": True}  # fmt: skip
    made = designed(hand_made(limits=[limit]))
    assert made.table("unserved")["qty"].sum() == pytest.approx(40.0)
    assert "420 more g CO2e" in made.notes["network"][-1]


def test_too_little_room_is_proven_with_the_least_relaxation() -> None:
    """Two sites of 7 a day ship 98 of 140 in a week: 42 are left, 6 a day are missing."""
    made = designed(hand_made(outbound=7.0))
    unserved = made.table("unserved")
    assert unserved["qty"].sum() == pytest.approx(42.0)
    assert set(unserved["code"]) == {"capacity"}
    assert "at least 42 units" in unserved["detail"].iloc[0]
    assert "6 more units a day" in unserved["cheapest_relaxation"].iloc[0]


def test_a_promise_that_no_lane_keeps_is_said() -> None:
    """Lanes of 3 days do not reach zones that want goods in 2."""
    made = designed(hand_made(transit=3.0))
    unserved = made.table("unserved")
    assert set(unserved["code"]) == {"too_late"}
    assert set(unserved["proof"]) == {"proven"}


def test_a_limit_on_distance_bars_lanes_and_says_so() -> None:
    """All lanes are 100 km: a limit of 50 into NORTH leaves its 70 units, proven too far."""
    limit = {"limit_id": "NEAR", "kind": "service_km", "scope": "zone:NORTH", "sense": "<=",
             "value": 50.0, "hard": True}  # fmt: skip
    made = designed(hand_made(limits=[limit]))
    unserved = made.table("unserved")
    assert unserved["id"].tolist() == ["TEA@NORTH"]
    assert unserved["qty"].sum() == pytest.approx(70.0)
    assert (unserved["code"].item(), unserved["proof"].item()) == ("too_far", "proven")
    assert set(made.table("flows")["destination_id"]) == {"SOUTH"}


def test_a_site_of_one_channel_is_said_to_count_for_all() -> None:
    """Channels' demand adds up here, so the design says that it does not tell them apart."""
    plain = hand_made()
    tables = dict(plain.tables)
    tables["sites"] = plain.table("sites").assign(channel_id=["WEB", None])
    tables["channels"] = pd.DataFrame({"channel_id": ["WEB"], "name": ["Web"]})
    (note,) = (n for n in read_network(Scenario(plain.settings, tables)).notes if "channel" in n)
    assert note.endswith("whose demand adds up: OLD.")


def test_the_referee_finds_a_lane_that_is_too_long() -> None:
    """A plan made without the limit breaks it."""
    limit = {"limit_id": "NEAR", "kind": "service_km", "scope": "all", "sense": "<=",
             "value": 99.0, "hard": True}  # fmt: skip
    report = check(hand_made(limits=[limit]), designed(hand_made()).tables)
    assert "too_far" in {violation.code for violation in report.violations}


def test_cheap_demand_is_left_where_serving_costs_more() -> None:
    """A penalty of 0.5 a unit is less than any way of serving it."""
    made = designed(hand_made(penalty=0.5))
    assert set(made.table("unserved")["code"]) == {"not_worth_it"}
    assert made.notes["network"][-1].startswith("140 units are left because serving them costs")


FUTURES = {"north": (140.0, 0.0), "south": (0.0, 140.0)}


def test_expected_cost_weighs_futures() -> None:
    """Both open: 22.4 + 140 in each; OLD alone 7 + (140 + 420) / 2 = 287."""
    made = designed(hand_made(cases=FUTURES))
    assert objective(made) == pytest.approx(22.4 + 140.0)
    assert set(made.table("flows")["demand_case"]) == {"north", "south"}


def test_worst_cost_is_that_of_the_worst_future() -> None:
    """Futures of 14 units and of 140 units in the south: the second decides, 22.4 + 140."""
    made = designed(hand_made(cases={"quiet": (14.0, 0.0), "south": (0.0, 140.0)}), measure="worst")
    # NEW alone in the south future: 14 + 1.4 + 2.8 + 140 = 158.2, quiet: 18.2 + 56
    assert objective(made) == pytest.approx(158.2)
    assert is_open(made) == {"OLD": False, "NEW": True}


def test_regret_is_against_the_best_of_each_future() -> None:
    """North alone is best by OLD: 147; south alone by NEW: 158.2; both open regrets 15.4."""
    made = designed(hand_made(cases=FUTURES), measure="regret")
    assert objective(made) == pytest.approx(162.4 - 147.0)
    assert made.kpi("best_of_case", "network objective") == pytest.approx(-147.0)


def test_stock_grows_with_the_square_root_of_its_points() -> None:
    """1,000 units x 2 at 25 % a year held a week at one point cost 9.589, at two x sqrt 2."""
    stock = pd.DataFrame({"site_id": ["OLD"], "product_id": ["TEA"], "on_hand": [1000.0]})
    made = designed(hand_made(more={"inventory": stock}))
    once = 1000 * 2 * 0.25 * 7 / 365
    assert made.kpi("network holding", "today") == pytest.approx(once)
    assert made.kpi("holding", "network objective") == pytest.approx(once * np.sqrt(2))


def test_what_a_plant_makes_goes_through_warehouses() -> None:
    """MILL feeds OLD at 0.5 and NEW at 2 a unit: both open 22.4 + 140 + 35 + 140, OLD alone 357."""
    plain = hand_made()
    mill = (
        plain.table("sites")
        .iloc[:1]
        .assign(site_id="MILL", kind="plant", fixed_cost_per_day=0.0, closing_cost=0.0)
    )
    feeds = (
        plain.table("lanes")
        .iloc[:2]
        .assign(origin_id="MILL", destination_id=["OLD", "NEW"], cost_per_unit=[0.5, 2.0])
    )
    tables = {
        **plain.tables,
        "sites": pd.concat([plain.table("sites"), mill], ignore_index=True),
        "lanes": pd.concat([plain.table("lanes"), feeds], ignore_index=True),
    }
    made = designed(Scenario(plain.settings, tables))
    assert objective(made) == pytest.approx(7 + 14 + WEEK_OF_OPENING + 140 + 35 + 140)
    flows = made.table("flows")
    out = flows[flows["origin_id"] == "MILL"].set_index("destination_id")["qty"]
    assert out.to_dict() == pytest.approx({"OLD": 70.0, "NEW": 70.0})


def test_one_source_per_zone_when_asked() -> None:
    """With 12 a day each, NORTH (70) and SOUTH (70) fit one to one, and no zone is split."""
    made = designed(hand_made(outbound=12.0), single_source="yes")
    sources = made.table("flows").groupby("destination_id")["origin_id"].nunique()
    assert (sources == 1).all()


@pytest.mark.parametrize("seed", range(3))
def test_the_design_is_the_best_of_all_sets_of_sites(seed: int) -> None:
    """The certificate's objective and bound are those of the best set, by linear programmes."""
    scenario = random_network(seed)
    made = designed(scenario)
    model = build(read_network(scenario))
    best = np.inf
    for bits in product((0.0, 1.0), repeat=4):
        lower, upper = model.problem.lower.copy(), model.problem.upper.copy()
        lower[:4] = upper[:4] = bits
        lower[model.z] = upper[model.z] = np.arange(len(model.z)) == sum(bits)
        fixed = replace(model.problem.relaxed(), lower=lower, upper=upper)
        best = min(best, solve_linear(fixed, Limits()).objective or np.inf)
    row = made.table("certificates").iloc[0]
    assert row["objective"] == pytest.approx(best, rel=1e-6)
    assert row["bound"] <= best * (1 + 1e-9)
    assert row["status"] == "optimal"


def test_another_solver_by_name_finds_the_same() -> None:
    """CBC through PuLP ends at the same cost, and the bound is still our own."""
    scenario = random_network(1)
    ours, other = designed(scenario), designed(scenario, solver="cbc")
    assert objective(other) == pytest.approx(objective(ours), rel=1e-6)
    assert other.table("certificates")["engine"].iloc[0].endswith("with cbc")


def test_a_solver_that_is_not_there_is_said() -> None:
    """An unknown name lists the known ones."""
    with pytest.raises(Unsupported, match="known are cbc"):
        designed(hand_made(), solver="abacus")


@pytest.mark.parametrize("ending", ["lp", "mps"])
def test_the_problem_is_exported(tmp_path: Path, ending: str) -> None:
    """The file is written, and a wrong ending is refused."""
    place = tmp_path / f"network.{ending}"
    designed(hand_made(), export=str(place))
    assert place.stat().st_size > 100
    with pytest.raises(InputError, match=r"\.lp or \.mps"):
        designed(hand_made(), export=str(tmp_path / "network.txt"))


def test_products_and_zones_in_another_order_change_nothing() -> None:
    """Rows of every table reversed: the same cost."""
    scenario = random_network(2)
    turned = {
        name: table.iloc[::-1].reset_index(drop=True) for name, table in scenario.tables.items()
    }
    assert objective(designed(Scenario(scenario.settings, turned))) == pytest.approx(
        objective(designed(scenario)), rel=1e-6
    )


def plant(table: str, column: str, change: float) -> dict[str, pd.DataFrame]:
    """Return the tables of a plan with one number changed."""
    made = designed(random_network(0))
    tables = {name: frame.copy() for name, frame in made.tables.items()}
    frame = tables[table]
    at = frame[column].abs().idxmax()
    frame.loc[at, column] = frame.loc[at, column] * change
    return tables


@pytest.mark.parametrize(
    ("table", "column", "code"),
    [
        ("flows", "qty", "does_not_balance"),
        ("flows", "cost", "cost_differs"),
        ("network", "fixed_cost", "fixed_differs"),
    ],
)
def test_the_referee_finds_planted_errors(table: str, column: str, code: str) -> None:
    """A quantity, a cost and a fixed cost that are wrong by half are named."""
    report = check(random_network(0), plant(table, column, 1.5))
    assert code in {violation.code for violation in report.violations}


def test_a_ray_that_proves_nothing_is_not_believed() -> None:
    """Up to 2 there are points at or above 1 and none above 3; only the latter is proven."""
    for least, empty in ((1.0, False), (3.0, True)):
        rows = Rows()
        rows.add(
            np.zeros(1, int), np.zeros(1, int), np.ones(1), np.array([least]), np.array([np.inf])
        )
        problem = rows.problem(np.ones(1), np.zeros(1), np.array([2.0]), np.zeros(1, bool))
        assert proves_empty(problem, np.ones(1)) is empty


def test_an_empty_problem_is_proven_empty_by_search() -> None:
    """No whole number lies in 0.4..0.6: both branches are empty, the bound is infinite."""
    rows = Rows()
    rows.add(np.zeros(1, int), np.zeros(1, int), np.ones(1), np.array([0.4]), np.array([0.6]))
    problem = rows.problem(np.ones(1), np.zeros(1), np.ones(1), np.ones(1, bool))
    x, bound, finished = certify(problem, None, Effort(Limits(work=1.0)))
    assert x is None
    assert finished
    assert bound == np.inf


def test_status_vocabulary_of_a_proven_design() -> None:
    """A design that is proven says so, and was audited."""
    row = designed(hand_made()).table("certificates").iloc[0]
    assert row["status"] == str(Status.OPTIMAL)
    assert bool(row["audited"])
