"""Random numbers and the tables they are read from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from simulation.kernels import kernels
from simulation.streams import item_keys, mix, mix_all, name_key, row_keys, uniform
from simulation.variates import LEAD_STEPS, TOP, demand_tables, lead_row


def draws(mean, variance, n=200_000):
    """Return n variates of one distribution."""
    tables, rows = demand_tables(np.array([mean]), np.array([variance]))
    keys = row_keys(name_key(1, "test"), 0, np.arange(n))
    demand = np.zeros((n, 1), np.int32)
    kernels("numpy").draw_demand(
        keys, np.zeros(n, np.int64), item_keys(["A"]), rows[None, :], tables.base, tables.step,
        tables.offset, tables.thresholds, tables.guide, np.ones(n, np.bool_), demand,
    )  # fmt: skip
    return demand[:, 0]


def test_mixing_one_and_many_agree():
    """The scalar and the array form of the hash give the same bits."""
    values = np.array([0, 1, 2**63, 2**64 - 1, 123456789], np.uint64)
    assert [mix(int(value)) for value in values] == mix_all(values).tolist()


def test_splitmix_reference_value():
    """The first output of splitmix64 from seed 0 is the published one."""
    assert mix(0x9E3779B97F4A7C15) == 0xE220A8397B1DCDAF


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**63), st.lists(st.integers(0, 10**6), min_size=1, max_size=9))
def test_row_keys_depend_on_the_replication_alone(stream, replications):
    """A replication's key is the same in whatever company it is computed."""
    together = row_keys(stream, 5, np.array(replications))
    alone = [row_keys(stream, 5, np.array([r]))[0] for r in replications]
    assert together.tolist() == alone


def test_streams_are_uniform_and_unrelated():
    """Cells of neighbouring ticks, replications and items are uniform and uncorrelated."""
    keys = item_keys([f"P{i}" for i in range(50)])
    planes = [
        mix_all(row_keys(name_key(1, "x"), tick, np.arange(400))[:, None] + keys) for tick in (0, 1)
    ]
    first, second = ((plane >> np.uint64(33)) / 2.0**31 for plane in planes)
    assert stats.kstest(first.ravel(), "uniform").pvalue > 1e-3
    limit = 4.0 / np.sqrt(first.size)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < limit
    assert abs(np.corrcoef(first[:-1].ravel(), first[1:].ravel())[0, 1]) < limit
    assert abs(np.corrcoef(first[:, :-1].ravel(), first[:, 1:].ravel())[0, 1]) < limit


@pytest.mark.parametrize(
    ("mean", "variance"),
    [
        (0.01, 0.01),
        (0.3, 0.9),
        (4.0, 4.0),
        (4.0, 30.0),
        (80.0, 80.0),
        (80.0, 500.0),
        (300.0, 300.0),
    ],
)
def test_small_demand_is_exact(mean, variance):
    """Every threshold is the distribution function to the last of 31 bits."""
    tables, _ = demand_tables(np.array([mean]), np.array([variance]))
    values = np.arange(len(tables.thresholds))
    if variance <= mean:
        exact = stats.poisson.cdf(values, mean)
    else:
        exact = stats.nbinom.cdf(values, mean**2 / (variance - mean), mean / variance)
    inner = tables.thresholds < TOP
    off = (tables.thresholds[inner] + 1.0) / 2.0**31 - exact[inner]
    assert np.abs(off).max() < 1e-9
    assert exact[-1] > 1.0 - 1e-8


@pytest.mark.parametrize(("mean", "variance"), [(5_000.0, 5_000.0), (5_000.0, 4e6), (3e5, 1e10)])
def test_large_demand_keeps_mean_and_spread(mean, variance):
    """Demand on a lattice has the stated mean and standard deviation within half a percent."""
    drawn = draws(mean, variance).astype(np.float64)
    sd = np.sqrt(variance)
    assert abs(drawn.mean() - mean) < 4 * sd / np.sqrt(len(drawn)) + 0.001 * mean
    assert drawn.std() == pytest.approx(sd, rel=0.01)


@settings(deadline=None, max_examples=40)
@given(st.floats(0.001, 300.0), st.floats(0.2, 20.0))
def test_guide_and_scan_find_the_inverse(mean, ratio):
    """The value drawn is the smallest whose distribution function exceeds the number."""
    drawn = draws(mean, mean * ratio, n=500)
    tables, _ = demand_tables(np.array([mean]), np.array([mean * ratio]))
    bits = mix_all(row_keys(name_key(1, "test"), 0, np.arange(500)) + item_keys(["A"])[0])
    place = np.searchsorted(tables.thresholds, (bits >> np.uint64(33)).astype(np.int64), "left")
    np.testing.assert_array_equal(drawn, tables.base[0] + tables.step[0] * place)


def test_no_mean_is_no_demand():
    """A mean of 0 has no row, and equal distributions share one."""
    tables, rows = demand_tables(np.array([0.0, 2.0, 2.0, -1.0]), np.array([0.0, 2.0, 1.0, 0.0]))
    assert rows.tolist() == [-1, 0, 0, -1]
    assert len(tables.base) == 1


@pytest.mark.parametrize(("mean", "sd", "ticks"), [(5.0, 0.0, 5), (5.2, 0.0, 6), (0.0, 3.0, 0)])
def test_fixed_lead_times_are_rounded_up(mean, sd, ticks):
    """Without spread a lead time is its mean, rounded up as due dates are."""
    assert set(lead_row(mean, sd).tolist()) == {ticks}


def test_random_lead_times_are_gamma():
    """With spread a lead time keeps mean and standard deviation of its gamma."""
    row = lead_row(12.0, 5.0)
    assert len(row) == LEAD_STEPS
    assert row.mean() == pytest.approx(12.0, rel=0.01)
    assert row.std() == pytest.approx(5.0, rel=0.02)


def test_a_draw_per_replication_is_never_0_or_1():
    """Numbers for disruptions lie strictly between 0 and 1."""
    drawn = [uniform(name_key("u"), 0, r) for r in range(2000)]
    assert 0.0 < min(drawn) < 0.01
    assert 0.99 < max(drawn) < 1.0
