"""VRPLIB instances in, .sol files out."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.__main__ import main
from benchmarks.vrplib import UnreadableInstanceError, best_known, read_instance

CVRP = """NAME : T-n4
TYPE : CVRP
DIMENSION : 4
EDGE_WEIGHT_TYPE : EUC_2D
CAPACITY : 2
NODE_COORD_SECTION
1 0 0
2 3 4
3 3 5
4 -6 -8
DEMAND_SECTION
1 0
2 1
3 1
4 2
DEPOT_SECTION
1
-1
EOF
"""


def test_arcs_are_rounded_to_the_nearest_unit(tmp_path):
    """(0,0)-(3,5) is 5.83 long and counts 6."""
    path = tmp_path / "T-n4.vrp"
    path.write_text(CVRP)
    problem = read_instance(path).problem
    assert problem.metres[0].tolist() == [0, 5, 6, 10]
    assert problem.stops.load[:, 0].tolist() == [1.0, 1.0, 2.0]


def test_solution_is_written_with_its_cost(tmp_path, capsys):
    """Two stops on one van (5 + 1 + 6) and one alone (20): 32."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "sub" / "T-n4.vrp").write_text(CVRP)
    out = tmp_path / "out"
    code = main(
        ["routing", "--instances", str(tmp_path / "in"), "--work", "0.1", "--out", str(out)]
    )
    assert code == 0
    lines = (out / "sub" / "T-n4.sol").read_text().splitlines()
    assert lines[-1] == "Cost 32"
    assert sorted(line.split(": ")[1] for line in lines[:-1]) in (["1 2", "3"], ["2 1", "3"])
    assert "T-n4" in capsys.readouterr().out


def test_unknown_type_is_refused(tmp_path):
    """A TYPE that no convention describes is not guessed."""
    path = tmp_path / "X.vrp"
    path.write_text(CVRP.replace("CVRP", "ACVRP"))
    with pytest.raises(UnreadableInstanceError, match="ACVRP"):
        read_instance(path)


def test_unknown_benchmark_is_refused(capsys):
    """An unknown name prints the usage and exits with 2."""
    assert main(["nothing"]) == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["CVRP/X-n101-k25", "VRPTW/C1_10_2", "MDVRPTW/PR11A", "HFVRP/X186-FSMD"]
)
def test_referee_accepts_what_is_written(tmp_path, outside_data, name):
    """The outside checker recounts the cost and finds every rule kept."""
    folder = outside_data("benchmarks/routing")
    checker = outside_data("checkers/check_routes.py")
    place = tmp_path / "in" / name.split("/")[0]
    place.mkdir(parents=True)
    for ending in ("vrp", "sol"):
        source = folder / f"{name}.{ending}"
        (place / source.name).write_bytes(source.read_bytes())
    arguments = [
        "--instances",
        str(tmp_path / "in"),
        "--seconds",
        "3",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(["routing", *arguments]) == 0
    judged = subprocess.run(
        [sys.executable, str(checker), "--all", str(tmp_path / "in"), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout
    assert "claims" not in judged.stdout


@pytest.mark.parametrize(
    ("stated", "kind", "cost"),
    [
        ("646.50", "HFVRP", 64_650_000.0),
        ("64650123", "HFVRP", 64_650_123.0),
        ("27.5", "CVRP", 27.5),
    ],
)
def test_best_known_costs_are_in_the_unit_of_the_instance(tmp_path, stated, kind, cost):
    """Mixed fleets with decimals are in hundredths, without the factor 1,000 of their arcs."""
    (tmp_path / "x.sol").write_text(f"Route #1: 1\nCost: {stated}\n")
    assert best_known(tmp_path / "x.vrp", kind) == pytest.approx(cost)
