"""Moves of indices: chance and loss against a simulated walk."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from optimizer.replenishment.risks.prices import daily_volatility, is_currency, move_chance


@pytest.mark.parametrize(("volatility", "move"), [(0.03, 0.02), (0.1, 0.02), (0.2, 0.05)])
def test_chance_and_loss_are_those_of_a_simulated_walk(volatility: float, move: float) -> None:
    """400,000 lognormal moves of mean 1: P(X > 1 + move) and E[(X - 1) 1{X > 1 + move}]."""
    z = np.random.default_rng(0).standard_normal(400_000)
    moved = np.exp(volatility * z - 0.5 * volatility**2)
    over = moved > 1.0 + move
    probability, mean = move_chance(volatility, move)
    assert probability == pytest.approx(over.mean(), abs=0.003)
    assert mean == pytest.approx(((moved - 1.0) * over).mean(), abs=0.003 * volatility + 1e-4)


def test_an_index_that_does_not_move_is_no_risk() -> None:
    """Without volatility nothing rises."""
    assert move_chance(0.0, 0.02) == (0.0, 0.0)


def test_volatility_counts_days() -> None:
    """Steps of 1 % and 2 % of the logarithm over 10 and 40 days: sqrt(0.0005 / 50)."""
    dates = pd.Series(pd.to_datetime(["2026-01-01", "2026-01-11", "2026-02-20"]))
    values = pd.Series(np.exp([0.0, 0.01, 0.03]))
    assert daily_volatility(dates, values) == pytest.approx((0.0005 / 50.0) ** 0.5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("USD", True), ("USD/CNY", True), ("USDCNY", True), ("COPPER", False), ("TIN", False),
     ("XAF", False), ("铜价", False)],
)  # fmt: skip
def test_an_exchange_rate_is_told_from_a_raw_material(name: str, expected: bool) -> None:
    """By the codes of its name, not by how many letters it has; the scenario's own count too."""
    assert is_currency(name) is expected
    assert is_currency("XAF/EUR", {"XAF"})
