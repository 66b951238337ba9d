"""Tiny random cases, where every plan can be tried: bound <= best plan <= what is found."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sourcing_worlds import Enumeration, draw_case


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
def test_the_best_plan_lies_between_bound_and_objective(source, seed):
    """No plan is cheaper than the bound, none found is cheaper than the best, and proofs hold."""
    rows = draw_case(seed)
    certificate = source(rows, work=1.0).certificate
    best = Enumeration(rows).best()
    assert certificate.bound <= best + 1e-6
    assert certificate.objective >= best - 1e-6
    if certificate.status == "optimal":
        assert certificate.objective == pytest.approx(best, rel=1e-6)


@pytest.mark.slow
def test_the_best_plan_is_found_on_most_tiny_cases(source):
    """Of 12 tiny cases at least 11 end at the best plan."""
    hits = 0
    for seed in range(12):
        rows = draw_case(seed)
        found = source(rows, work=1.0).certificate.objective
        hits += found <= Enumeration(rows).best() + 1e-6
    assert hits >= 11


@pytest.mark.parametrize("seed", [9, 12, 52])
def test_few_orders_that_want_the_same_stock_are_proven(source, seed):
    """Prices alone leave 1, 4 and 10 % open; all orders solved together prove the best plan.

    Case 12 sends nothing at first, and what could be sent costs more than a typical parcel.
    """
    rows = draw_case(seed)
    certificate = source(rows, work=1.0).certificate
    assert certificate.bound == pytest.approx(Enumeration(rows).best(), rel=1e-5)
