"""What the rules accept of disruptions is what the simulator can read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.validation import risk
from simulation.disruptions import KINDS, severity_problem
from simulation.distributions import parse_distribution
from simulation.targets import WORDS

CELLS = st.one_of(
    st.sampled_from(
        ["fixed(value=7)", "fixed(7)", "uniform(low=3, high=9)", "uniform(9,3)", "normal(5, sd=2)",
         "exponential(mean=120)", "exponential(0)", "empirical(3,5,8)", "empirical()", "gamma(1,2)",
         "lognormal(mean=10, sd=8)", "lognormal(sd=8)", "Normal( mean = 3 , sd = 1 )", "7", ""]
    ),
    st.from_regex(r"(fixed|uniform|normal|empirical)\(([a-z]{0,5}=?-?[0-9.]{0,3},?){0,3}\)",
                  fullmatch=True),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(CELLS)
def test_distributions_are_readable_to_both(cell: str) -> None:
    """A distribution passes validation if and only if the simulator can read it."""
    try:
        parse_distribution(cell)
    except ValueError:
        assert not risk.distribution_is_readable(cell)
    else:
        assert risk.distribution_is_readable(cell)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_targets_fit_what_the_simulator_strikes(kind: str) -> None:
    """Each kind of disruption may be aimed at what the simulator understands for it."""
    assert set(risk.DISRUPTION_FITS[kind]) == set(WORDS[KINDS[kind][0]])


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("severity", [0.0, 0.5, 1.0, 2.0, 101.0])
def test_severities_are_judged_alike(kind: str, severity: float) -> None:
    """A severity passes validation if and only if the simulator accepts it."""
    wrong = (
        (kind in risk.WHOLE and severity != 1.0)
        or (kind in risk.SHARES and not 0.0 < severity <= 1.0)
        or (kind in risk.FACTORS and not 1.0 < severity <= 100.0)
        or (kind in risk.PRICES and severity == 0.0)
    )
    assert wrong == bool(severity_problem(kind, severity))
