"""Distributions as planners write them: `exponential(mean=120)`, `lognormal(mean=10, sd=8)`.

A draw is a function of one number in (0, 1), one replication at a time, with `math` alone, so
that it comes out the same wherever and in whatever company it is made.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy import special

from simulation.arrays import Floats

KNOWN = {
    "fixed": ("value",),
    "uniform": ("low", "high"),
    "exponential": ("mean",),
    "lognormal": ("mean", "sd"),
    "normal": ("mean", "sd"),
    "empirical": (),
}
_CALL = re.compile(r"^\s*([a-z_]+)\s*\((.*)\)\s*$", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution of days.

    Attributes
    ----------
    kind : out of KNOWN
    values : its parameters in the order of KNOWN; the sorted values of an empirical one
    """

    kind: str
    values: tuple[float, ...]

    def draw(self, chance: float) -> float:
        """Return the quantile at `chance`, days, never negative."""
        if self.kind == "fixed":
            return self.values[0]
        if self.kind == "uniform":
            low, high = self.values
            return low + (high - low) * chance
        if self.kind == "exponential":
            return -self.values[0] * math.log1p(-chance)
        if self.kind == "lognormal":
            mean, sd = self.values
            variance = math.log1p((sd / mean) ** 2)
            spread = math.sqrt(variance) * NormalDist().inv_cdf(chance)
            return mean * math.exp(spread - variance / 2.0)
        if self.kind == "normal":
            mean, sd = self.values
            return max(0.0, mean + sd * NormalDist().inv_cdf(chance))
        return self.values[min(int(chance * len(self.values)), len(self.values) - 1)]

    def draw_many(self, chances: Floats) -> Floats:
        """Return the quantiles at many chances: those of `draw`, up to the last bits."""
        made: Floats
        if self.kind == "fixed":
            made = np.full(len(chances), self.values[0])
        elif self.kind == "uniform":
            low, high = self.values
            made = low + (high - low) * chances
        elif self.kind == "exponential":
            made = -self.values[0] * np.log1p(-chances)
        elif self.kind == "lognormal":
            mean, sd = self.values
            variance = math.log1p((sd / mean) ** 2)
            made = mean * np.exp(math.sqrt(variance) * special.ndtri(chances) - variance / 2.0)
        elif self.kind == "normal":
            mean, sd = self.values
            made = np.maximum(0.0, mean + sd * special.ndtri(chances))
        else:
            n = len(self.values)
            made = np.asarray(self.values)[np.minimum((chances * n).astype(np.int64), n - 1)]
        return made


def parse_distribution(text: str) -> Distribution:
    """Read a distribution; parameters by name or in order, an empirical one lists its values.

    Raises
    ------
    ValueError
        It is not written as one of KNOWN, or a parameter is impossible.
    """
    match = _CALL.match(text)
    kind = match.group(1).lower() if match else ""
    if match is None or kind not in KNOWN:
        raise ValueError(
            f"{text!r} is not a distribution: write fixed(value=7), uniform(low=3, high=9),"
            " exponential(mean=120), lognormal(mean=10, sd=8), normal(mean=10, sd=3)"
            " or empirical(3, 5, 8)"
        )
    named: dict[str, float] = {}
    plain: list[float] = []
    for part in filter(None, (piece.strip() for piece in match.group(2).split(","))):
        name, found, value = part.rpartition("=")
        if found:
            named[name.strip().lower()] = _number(value, text)
        else:
            plain.append(_number(value, text))
    if kind == "empirical":
        if named or not plain or min(plain) < 0:
            raise ValueError(f"{text!r}: empirical lists values of 0 or more, as in (3, 5, 8)")
        return Distribution(kind, tuple(sorted(plain)))
    names = KNOWN[kind]
    values = dict(zip(names, plain)) | named
    if set(values) != set(names) or len(plain) > len(names):
        raise ValueError(f"{text!r}: {kind} takes {', '.join(names)}")
    return _checked(Distribution(kind, tuple(values[name] for name in names)), text)


def _checked(made: Distribution, text: str) -> Distribution:
    lowest = min(made.values)
    if made.kind == "uniform" and made.values[0] > made.values[1]:
        raise ValueError(f"{text!r}: low must not exceed high")
    if made.kind in ("exponential", "lognormal") and made.values[0] <= 0:
        raise ValueError(f"{text!r}: mean must be above 0")
    if lowest < 0:
        raise ValueError(f"{text!r}: days must not be negative")
    return made


def _number(value: str, text: str) -> float:
    try:
        number = float(value)
    except ValueError:
        raise ValueError(f"{text!r}: {value.strip()!r} is not a number") from None
    if not math.isfinite(number):
        raise ValueError(f"{text!r}: {value.strip()!r} is not a finite number")
    return number
