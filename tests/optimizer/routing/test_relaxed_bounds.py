"""Prices of stops never add up to more than the best plan costs, and to more than shares do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.vrplib import best_known, read_instance
from optimizer.outcome import Limits
from optimizer.routing.bounds import lower_bound
from optimizer.routing.problem import BACKHAUL, PICKUP
from optimizer.routing.relaxation.relaxed import relaxed_bound
from optimizer.routing.relaxation.rooms import load_room, time_room
from optimizer.routing.solo import solo_tests

pytest.importorskip("numba")

WORK = 0.01
KINDS = (
    "plain", "prizes", "fleet", "depots", "open", "trips", "windows", "hours", "mixed",
    "backhauls", "skills", "asymmetric", "two windows", "releases", "windows and trips",
)  # fmt: skip


def bound_of(problem, target=1e3, work=WORK, limits=None):
    """Return the bound by prices."""
    return relaxed_bound(problem, solo_tests(problem), target, work, limits or Limits())


def drawn(build, kind, seed, n=4):
    """Return a random problem of a few stops with one rule beside the load."""
    random = np.random.Generator(np.random.Philox(seed))
    stops = [
        {
            "at": tuple(random.integers(-5000, 5000, 2).tolist()),
            "kg": float(random.integers(1, 6)),
            "loss": 1000.0,
        }
        for _ in range(n)
    ]
    vans = [{"kg": float(random.integers(6, 12)), "count": n, "fixed": float(random.integers(9))}]
    depots = [(0, 0)]
    for stop in stops:
        opens = int(random.integers(0, 2000))
        if kind == "prizes":
            stop |= {"optional": True, "loss": float(random.integers(2, 12))}
        if kind in {"windows", "windows and trips", "releases"}:
            stop |= {"windows": [(opens, opens + 900)], "service_s": 60}
        if kind == "two windows":
            stop |= {"windows": [(opens, opens + 200), (3000, 3300)], "service_s": 60}
        if kind == "releases":
            stop["release_s"] = int(random.integers(0, 1500))
        if kind == "hours":
            stop["service_s"] = 300
        if kind in {"mixed", "backhauls"}:
            stop["kind"] = int(random.choice([0, PICKUP if kind == "mixed" else BACKHAUL]))
        if kind == "skills" and random.random() < 0.5:
            stop["skill"] = "cold"
    if kind in {"fleet", "skills"}:
        vans.append({"kg": 15.0, "fixed": 9.0, "per_km": 1.5, "count": 1, "skill": "cold"})
    if kind == "depots":
        depots.append((3000, 3000))
        vans.append({**vans[0], "depot": 1, "end": 0})
    if kind == "hours":
        vans[0] |= {"per_hour": 18.0, "shift": (0, 2500)}
    if kind == "open":
        vans[0]["end"] = -1
    if "trips" in kind:
        vans[0] |= {"max_trips": 2, "reload_s": 60, "count": 1 if kind == "trips" else n}
    problem = build(stops, vans, depots)
    if kind == "asymmetric":
        longer = problem.metres + random.integers(0, 800, problem.metres.shape)
        np.fill_diagonal(longer, 0)
        problem = replace(problem, metres=longer)
    return problem


@pytest.mark.parametrize("kind", KINDS)
def test_no_plan_is_cheaper(plane, optimum, kind):
    """Bound <= brute force, over random problems of every rule."""
    proven = 0
    for seed in range(12):
        problem = drawn(plane, kind, seed)
        best = optimum(problem)
        bound = bound_of(problem, target=best)
        assert bound <= best * (1.0 + 1e-12), seed
        proven += bound > 0.5 * best
    assert proven > 6


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_plan_is_cheaper_either_among_many(plane, optimum, kind):
    """The same over more and larger problems, and targets below and above the optimum."""
    for seed in range(100, 160):
        problem = drawn(plane, kind, seed, n=5)
        best = optimum(problem)
        for target in (0.5 * best, best, 3.0 * best):
            assert bound_of(problem, target=target, work=0.05) <= best * (1.0 + 1e-12), seed


def test_one_more_van_changes_nothing(plane):
    """Vans are not counted: as many as one likes is a relaxation, and so is one more."""
    problem = drawn(plane, "fleet", 3, n=12)
    vans = problem.vans
    richer = replace(problem, vans=replace(vans, count=vans.count + 1))
    assert bound_of(richer) == bound_of(problem)


def test_two_types_alike_are_one(plane):
    """A copy of a type of van neither helps nor harms."""
    stops = [{"at": (1000 * k, 500 * k * k), "kg": 2.0} for k in range(1, 7)]
    one = plane(stops, [{"kg": 5.0, "count": 9}])
    two = plane(stops, [{"kg": 5.0, "count": 9}, {"kg": 5.0, "count": 1}])
    assert bound_of(one) == bound_of(two)


def test_turned_mirrored_and_moved_maps_have_one_bound(plane):
    """(x, y) to (5 - y, x + 7) and to (-x, y): all distances are the same."""
    rows = np.random.Generator(np.random.Philox(1)).integers(-3000, 3000, (15, 2))
    stops = [{"at": (int(x), int(y)), "kg": 1.0 + (k % 3)} for k, (x, y) in enumerate(rows)]
    found = []
    for turn in (lambda x, y: (x, y), lambda x, y: (5 - y, x + 7), lambda x, y: (-x, y)):
        turned = [{**stop, "at": turn(*stop["at"])} for stop in stops]
        problem = plane(turned, [{"kg": 7.0, "count": 15}], [turn(0, 0)])
        found.append(bound_of(problem, target=90.0))
    assert found[0] == found[1] == found[2]


def test_backwards_costs_the_same(plane):
    """All arcs turned round: every route becomes its reverse, and no bound may notice much."""
    problem = drawn(plane, "asymmetric", 5, n=14)
    turned = replace(problem, metres=problem.metres.T.copy())
    assert bound_of(turned, work=0.2) == pytest.approx(bound_of(problem, work=0.2), rel=0.02)


def test_full_vans_are_proven(plane):
    """Four stops of a van's load each, at 1, 2, 3 and 4 km: 4 x 10 + 2 x 10 = 60 and no less."""
    stops = [{"at": (1000 * k, 0), "kg": 5.0} for k in range(1, 5)]
    problem = plane(stops, [{"fixed": 10.0, "kg": 5.0, "count": 4}])
    assert bound_of(problem, target=60.0) == pytest.approx(60.0, rel=1e-5)


def test_two_and_two_are_proven_where_shares_are_far_off(plane):
    """Pairs 4 km east and west, 2 kg of 4 each: 2 routes of 4 + 1 + 4.12 km, 10 for a van: 38.2.

    Shares think that half a van would do: it costs a stop as little as half of a full van.
    """
    stops = [{"at": (x, y), "kg": 2.0} for x in (4000, -4000) for y in (0, 1000)]
    problem = plane(stops, [{"fixed": 10.0, "kg": 4.0, "count": 4}])
    best = 2 * 10.0 + 2 * (4.0 + 1.0 + 4.123)
    assert lower_bound(problem, solo_tests(problem)) < 0.97 * best
    assert bound_of(problem, target=best) == pytest.approx(best, rel=1e-3)


def test_prize_caps_what_a_stop_pays(plane):
    """A stop 100 km away is left for its prize of 7; the other costs 2 km: 9."""
    stops = [
        {"at": (100_000, 0), "optional": True, "loss": 7.0},
        {"at": (1000, 0)},
    ]
    problem = plane(stops, [{"kg": 5.0}])
    assert bound_of(problem, target=9.0) == pytest.approx(9.0, rel=1e-6)


def test_room_rounds_for_the_van(plane):
    """1 / 3 kg of 1 kg, three times: three stops fit, so they must fit in whole layers."""
    stops = [{"at": (k, 0), "kg": 1.0 / 3.0} for k in range(1, 4)]
    problem = plane(stops, [{"kg": 1.0}])
    room = load_room(problem, 0, np.ones(3, dtype=bool))
    assert room is not None
    assert int(room.weight.sum()) <= room.room


def test_stops_without_load_take_room_of_their_own(plane):
    """Two stops of 2 kg of 4, one without: the van takes all, in one layer more."""
    stops = [{"at": (1, 0), "kg": 2.0}, {"at": (2, 0), "kg": 0.0}, {"at": (3, 0), "kg": 2.0}]
    problem = plane(stops, [{"kg": 4.0, "shift": (0, 2**39)}])
    room = load_room(problem, 0, np.ones(3, dtype=bool))
    assert room is not None
    assert int(room.weight.sum()) <= room.room
    assert (room.weight >= 1).all()


def test_time_proves_what_load_cannot(plane):
    """Four stops 1 km east, an hour apart, and a shift in which only one fits: four vans.

    The van may take all by load. 4 x (10 + 2) = 48.
    """
    stops = [
        {"at": (1000, k), "service_s": 600, "kg": 1.0, "windows": [(90, 120)]} for k in range(4)
    ]
    problem = plane(stops, [{"fixed": 10.0, "kg": 9.0, "count": 4, "shift": (0, 2000)}])
    assert bound_of(problem, target=48.0, work=0.1) == pytest.approx(48.0, rel=1e-3)


def test_steps_of_time_are_rounded_down(plane):
    """1,000 m take 100 s and service 60: from stop to stop at most 160 s, from the depot 100."""
    stops = [{"at": (x, 0), "service_s": 60, "windows": [(150, 9000)]} for x in (1000, 2000)]
    problem = plane(stops, [{"shift": (0, 9100)}])
    found = time_room(problem, 0, np.ones(2, dtype=bool))
    assert found is not None
    room, steps = found
    length = 9100 / (len(room.may) - 1)
    assert 0.0 <= 160.0 - steps[0, 1] * length < 1.1 * length
    assert 0.0 <= 100.0 - room.begins[0] * length < 1.1 * length
    assert room.may[int(9000 / length) - 2].all()
    assert not room.may[int(150 / length) - 2].any()


def test_no_steps_where_two_stops_are_at_one_place(plane):
    """Without service time nothing passes between them, and paths by time would not end."""
    stops = [{"at": (1000, 0), "windows": [(0, 5000)]} for _ in range(2)]
    problem = plane(stops, [{"shift": (0, 90_000)}])
    assert time_room(problem, 0, np.ones(2, dtype=bool)) is None


def test_cancelled_proves_nothing(plane):
    """Nothing is claimed that was not shown."""
    problem = drawn(plane, "plain", 1)
    assert bound_of(problem, limits=Limits(cancelled=lambda: True)) == -np.inf


def test_without_time_to_lay_out_the_arcs_nothing_is_begun(plane):
    """A deadline that has passed is kept, and nothing is claimed."""
    problem = drawn(plane, "plain", 1)
    assert bound_of(problem, limits=Limits(seconds=0.0)) == -np.inf


def test_same_work_same_bits(plane):
    """The bound is part of the answer, so it is the same on every run."""
    problem = drawn(plane, "fleet", 2, n=20)
    assert bound_of(problem) == bound_of(problem)


@pytest.mark.parametrize("name", ["X-n101-k25", "X-n228-k23", "X-n548-k50"])
def test_most_of_the_cost_is_proven_on_known_instances(outside_data, name):
    """With half a second the bound lies within 5 % of the best known, and below it."""
    path = outside_data("benchmarks/routing") / "CVRP" / f"{name}.vrp"
    known = best_known(path, "CVRP")
    assert known is not None
    share = bound_of(read_instance(path).problem, target=1.01 * known, work=0.5) / known
    assert 0.95 < share <= 1.0
