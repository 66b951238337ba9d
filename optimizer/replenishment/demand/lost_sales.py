"""Demand as tonight's order will meet it, where demand that finds no stock is lost.

Until tonight's order arrives, demand can only take what is there. What it asks beyond that is
lost and does not wait, so that the stock that the order joins is higher than position less
demand. The stock's mean and variance are followed from bucket to bucket: receipts come in,
demand goes out, and what is below 0 is cut off, as if the stock were normal before the cut.

Source: moments of a normal cut off at 0 (Clark 1961, The greatest of a finite set of random
variables); on lost sales with a lead time: Zipkin (2008), Old and new methods for lost-sales
inventory systems.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from optimizer.replenishment.stock_cost import ROOT_TWO_PI

Floats = NDArray[np.float64]

SMALLEST_VARIANCE = 1e-12  # units^2; what is less is certain
FAR_OUT = 38.0  # standard deviations beyond which a normal's tail is 0 in double precision


@dataclass(frozen=True, slots=True)
class StockAtArrival:
    """The stock that tonight's order joins, before it; shapes as the stock that was given.

    Attributes
    ----------
    mean : units
    variance : units^2
    lost : expected units of demand lost before
    """

    mean: Floats
    variance: Floats
    lost: Floats


def cut_at_zero(mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Return mean and variance of max(Z, 0) for Z ~ Normal(mean, variance)."""
    certain = variance <= SMALLEST_VARIANCE
    sd = np.sqrt(np.where(certain, 1.0, variance))
    z = np.clip(mean / sd, -FAR_OUT, FAR_OUT)
    above = ndtr(z)
    density = np.exp(-0.5 * z * z) / ROOT_TWO_PI
    first = mean * above + sd * density
    second = (mean * mean + sd * sd) * above + mean * sd * density
    return (
        np.where(certain, np.maximum(mean, 0.0), first),
        np.where(certain, 0.0, np.maximum(second - first * first, 0.0)),
    )


def stock_at_arrival(
    stock: Floats, receipts: Floats, mean: Floats, variance: Floats
) -> StockAtArrival:
    """Follow the stock until the order arrives.

    Parameters
    ----------
    stock : (...) units now, at least 0
    receipts : (..., n_buckets) units that come at the start of each bucket
    mean, variance : (..., n_buckets) units and units^2 of demand before the order arrives; the
        last bucket's in proportion, buckets after the arrival 0
    """
    level = np.asarray(stock, np.float64)
    spread = np.zeros(np.broadcast_shapes(level.shape, mean.shape[:-1]))
    lost = np.zeros(spread.shape)
    for bucket in range(mean.shape[-1]):
        before = level + receipts[..., bucket] - mean[..., bucket]
        level, spread = cut_at_zero(before, spread + variance[..., bucket])
        lost = lost + (level - before)
    return StockAtArrival(level + np.zeros(spread.shape), spread, lost)
