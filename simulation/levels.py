"""Levels of the policies over time: the plan's own, rolled forward with its forecast."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special

from scenarios import Scenario
from simulation.arrays import Flags, Floats, Units

DEFAULT_TARGET = 0.95
STEADIEST, WILDEST = -2.0, 5.0  # range of safety factors that a plan's safety stock may imply


class Protection:
    """Mean and standard deviation of demand over each SKU's protection interval, day by day.

    Parameters
    ----------
    mean, variance : (B, K) per bucket of `bucket_days` days; the last bucket repeats
    days : (K,) protection interval
    lead_variance : (K,) variance of the lead time, days^2
    """

    def __init__(
        self, mean: Floats, variance: Floats, bucket_days: int, days: Floats, lead_variance: Floats
    ) -> None:
        self.bucket_days = bucket_days
        self.days = days
        self.lead_variance = lead_variance
        zero = np.zeros((1, mean.shape[1]))
        self.mean_so_far = np.concatenate([zero, np.cumsum(mean, axis=0)])
        self.variance_so_far = np.concatenate([zero, np.cumsum(variance, axis=0)])
        self.last = (mean[-1], variance[-1])

    def _until(self, sums: Floats, last: Floats, day: Floats) -> Floats:
        bucket = day / self.bucket_days
        n = len(sums) - 1
        whole = np.minimum(bucket, n).astype(np.int64)
        at = np.arange(len(day))
        part = np.clip(bucket - whole, 0.0, 1.0)
        inside = np.minimum(whole + 1, n)
        within = sums[whole, at] + part * (sums[inside, at] - sums[whole, at])
        result: Floats = within + np.maximum(bucket - n, 0.0) * last
        return result

    def at(self, start: float) -> tuple[Floats, Floats]:
        """Return (K,) mean and sd of the demand from day `start` over the interval, units.

        variance = sum of the buckets' variances + (mean / days)^2 x variance of the lead time.
        """
        begin = np.full(len(self.days), start)
        end = begin + self.days
        last_mean, last_variance = self.last
        mean = self._until(self.mean_so_far, last_mean, end)
        mean = mean - self._until(self.mean_so_far, last_mean, begin)
        variance = self._until(self.variance_so_far, last_variance, end)
        variance = variance - self._until(self.variance_so_far, last_variance, begin)
        rate = mean / np.maximum(self.days, 1e-9)
        sd: Floats = np.sqrt(np.maximum(variance, 0.0) + rate**2 * self.lead_variance)
        return mean, sd


def roll_levels(
    protection: Protection,
    table: pd.DataFrame,
    target: Floats,
    n_days: int,
    echelon: Flags,
) -> tuple[Units, Units]:
    """Return reorder points and order-up-to levels for the evening of every day.

    A level given by the plan holds for the demand from day 0 on; later it moves with the forecast:
    level(t) = level + m(t) - m(0) + z (sd(t) - sd(0)), z = safety stock / sd(0). Without a
    level it is m(t) + z sd(t), z from the target service. A level that the planner fixed stays. A
    SKU whose site feeds others is levelled by its echelon: m(0) + safety stock takes the place of
    the level, from which the plan has taken what stands in the levels of the fed sites.

    Parameters
    ----------
    table : one row per SKU: level, point (order-up-to and reorder level, NaN for none),
        safety_stock, fixed (flag)
    target : (K,) probability of no stockout in a protection interval
    echelon : (K,) whether the position counts the stock of the sites fed from here

    Returns
    -------
    reorder_point, order_up_to : (n_days, K) int32, units; rounded up
    """
    level = table["level"].to_numpy(np.float64)
    point = table["point"].to_numpy(np.float64)
    safety = table["safety_stock"].to_numpy(np.float64)
    fixed = table["fixed"].to_numpy(np.bool_)
    mean_0, sd_0 = protection.at(0.0)
    derived = special.ndtri(np.clip(target, 0.5, 0.9999))
    implied = np.clip(safety / np.where(sd_0 > 0, sd_0, np.nan), STEADIEST, WILDEST)
    factor = np.where(np.isfinite(implied), implied, derived)
    stated = np.isfinite(level) | np.isfinite(point)
    gap = np.where(np.isfinite(level) & np.isfinite(point), level - point, np.nan)
    top = np.where(np.isfinite(level), level, point)
    whole = mean_0 + safety + np.where(np.isfinite(gap), gap, 0.0)
    top = np.where(echelon & ~fixed & np.isfinite(safety), whole, top)
    ups = np.empty((n_days, len(level)))
    for day in range(n_days):
        mean, sd = protection.at(day + 1.0)
        moved = top + mean - mean_0 + factor * (sd - sd_0)
        fresh = mean + derived * sd
        rolled = np.where(stated, moved, fresh)
        ups[day] = np.where(fixed & stated, top, rolled)
    up_to = np.ceil(np.maximum(ups, 0.0) - 1e-9).astype(np.int32)
    below = np.where(np.isfinite(gap), np.ceil(np.maximum(gap, 0.0)), 1.0)
    only_point = np.isfinite(point) & ~np.isfinite(level)
    below = np.where(only_point, 0.0, below)
    return (up_to - below).astype(np.int32), up_to


def service_target(scenario: Scenario, pairs: pd.DataFrame, policies: pd.DataFrame) -> Floats:
    """Return (K,) target service: the pair's own, else by class, else 0.95."""
    own = policies["target_cycle_service"].to_numpy(np.float64)
    classes = scenario.table("products").set_index("product_id")["abc_class"]
    by_class = classes.reindex(pairs["product_id"]).map(scenario.settings.service_targets)
    fallback = by_class.astype("float64").fillna(DEFAULT_TARGET).to_numpy(np.float64)
    target: Floats = np.where(np.isfinite(own), own, fallback)
    return target
