"""Calibrates the fractile of the order-up-to level by replaying history, lost sales included.

Theory asks for the fractile p / (p + h) of a normal demand. Real demand is neither normal nor
known, what is not served is lost, and next week's order corrects this week's. So the rule by
which tonight's order is chosen is replayed over the past, from forecasts as they would have been
made then, once for every shift of the fractile on a grid; each volume class takes the shift
that would have cost least.

Source: on replaying a policy instead of trusting its fractile: Bertsimas and Kallus (2020), From
predictive to prescriptive analytics; Ban and Rudin (2019), The big data newsvendor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from optimizer.replenishment.demand.lost_sales import stock_at_arrival
from optimizer.replenishment.demand.spans import SpanVariance

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CLASSES = ("slow", "medium", "fast")
CLASS_LIMITS = (3.0, 12.0)  # expected units in the protection interval up to which a class reaches
SHIFTS = np.linspace(-1.05, 0.75, 13)  # of the fractile, in standard deviations
FEWEST_STEPS = 6  # counted steps of a replay, below which it says nothing
PRIOR = 400.0  # product-location steps of all classes that weigh as much as a class's own
CERTAINTY = 1.0  # standard errors by which a shift must have paid


@dataclass(frozen=True, slots=True)
class Past:
    """Forecasts as they would have been made, and what came; n series, T steps of one length.

    Attributes
    ----------
    spans : (n_spans,) steps, ascending, the first is 1
    mean, variance : (n, T, n_spans) units, units^2: total of the next steps, seen from each
    came : (n, T) units demanded in each step; NaN where unknown
    """

    spans: Floats
    mean: Floats
    variance: Floats
    came: Floats


@dataclass(frozen=True, slots=True)
class Rule:
    """How each series is replenished; (n,) each.

    Attributes
    ----------
    lead_steps, review_steps : int64
    holding : money per unit left at the end of a step; shortage : money per unit lost
    holding_review : money per unit left over, as tonight's decision counts it
    multiple, moq : units
    volume : expected units in the protection interval, by which it is classed
    """

    lead_steps: Ints
    review_steps: Ints
    holding: Floats
    shortage: Floats
    holding_review: Floats
    multiple: Floats
    moq: Floats
    volume: Floats


@dataclass(frozen=True, slots=True)
class ClassShift:
    """What the replay said of one volume class.

    Attributes
    ----------
    name : of the class
    series, steps : how many were replayed and counted
    fractile_theory, fractile_replayed : mean over its series
    shift : standard deviations added to the level; 0 where the replay proved nothing
    cost_theory, cost_replayed : money in the replay, holding and shortage
    """

    name: str
    series: int
    steps: int
    fractile_theory: float
    fractile_replayed: float
    shift: float
    cost_theory: float
    cost_replayed: float


def volume_class(volume: Floats) -> Ints:
    """Return the place in CLASSES of expected units in the protection interval."""
    found: Ints = np.searchsorted(np.array(CLASS_LIMITS), volume, side="left")
    return found


def calibrate(past: Past, rule: Rule) -> tuple[ClassShift, ...]:
    """Return the shift of each volume class that has series to replay."""
    fractile = rule.shortage / (rule.shortage + rule.holding_review)
    asked = (fractile > 0.0) & (fractile < 1.0) & (rule.lead_steps + rule.review_steps > 0)
    n_steps = past.came.shape[1]
    long_enough = n_steps - _burn_in(rule) >= FEWEST_STEPS
    at = np.flatnonzero(asked & long_enough & np.isfinite(past.mean).all(axis=(1, 2)))
    if not len(at):
        return ()
    cost, steps = _replay_all(_with_half_the_drift(past, at), rule, at, ndtri(fractile))
    group = volume_class(rule.volume[at])
    theory = int(np.argmin(np.abs(SHIFTS)))
    everyone = cost.sum(axis=0)
    found = []
    for place, name in enumerate(CLASSES):
        own = group == place
        if not own.any() or everyone[theory] <= 0.0:
            continue
        shift = _best_shift(cost[own], everyone, float(steps[own].sum()), theory)
        tau = fractile[at][own]
        curve = cost[own].sum(axis=0)
        found.append(
            ClassShift(
                name,
                int(own.sum()),
                int(steps[own].sum()),
                float(tau.mean()),
                float(ndtr(ndtri(tau) + shift).mean()),
                shift,
                float(curve[theory]),
                float(np.interp(shift, SHIFTS, curve)),
            )
        )
    return tuple(found)


def _with_half_the_drift(past: Past, at: Ints) -> Past:
    """Scale what came half-way, on a log scale, to what was expected over all series and steps.

    A drift that all series shared says little on the fractile: the forecast has learned part of
    it, and the next one may go the other way. Part of it lasts.
    """
    known = ~np.isnan(past.came[at])
    came = float(past.came[at][known].sum())
    expected = float(past.mean[at][:, :, 0][known].sum())
    if came <= 0.0 or expected <= 0.0:
        return past
    return replace(past, came=past.came * np.sqrt(expected / came))


def _burn_in(rule: Rule) -> Ints:
    """Steps before the first order of a replay has arrived and been met by demand."""
    return rule.lead_steps + rule.review_steps


def _best_shift(cost: Floats, everyone: Floats, steps: float, theory: int) -> float:
    """Return the shift that cost least, drawn towards all classes; 0 unless it surely paid."""
    own = cost.sum(axis=0)
    if own[theory] <= 0.0:
        return 0.0
    relative = steps * own / own[theory] + PRIOR * everyone / everyone[theory]
    best = int(np.argmin(relative))
    saved = cost[:, theory] - cost[:, best]
    error = np.sqrt(((saved - saved.mean()) ** 2).sum())
    if best == theory or saved.sum() <= CERTAINTY * error:
        return 0.0
    return _parabola(relative, best)


def _parabola(curve: Floats, best: int) -> float:
    """Return the least point of the parabola through the best grid point and its neighbours."""
    if best in (0, len(curve) - 1):
        return float(SHIFTS[best])
    left, middle, right = curve[best - 1], curve[best], curve[best + 1]
    bend = left - 2.0 * middle + right
    step = SHIFTS[1] - SHIFTS[0]
    offset = 0.5 * (left - right) / bend if bend > 0.0 else 0.0
    return round(float(SHIFTS[best] + step * offset), 3)


def _replay_all(past: Past, rule: Rule, at: Ints, z: Floats) -> tuple[Floats, Ints]:
    """Replay every series under every shift; return money (n, n_shifts) and counted steps."""
    cost = np.zeros((len(at), len(SHIFTS)))
    steps = np.zeros(len(at), np.int64)
    lead, review = rule.lead_steps[at], rule.review_steps[at]
    for key in np.unique(np.column_stack([lead, review]), axis=0):
        same = np.flatnonzero((lead == key[0]) & (review == key[1]))
        cost[same], steps[same] = _replay(past, rule, at[same], z[at[same]], *key.tolist())
    return cost, steps


def _replay(
    past: Past, rule: Rule, at: Ints, z: Floats, lead: int, review: int
) -> tuple[Floats, Ints]:
    """Replay series of one lead time and review; return money (n, n_shifts), counted steps (n,)."""
    n_steps = past.came.shape[1]
    first = lead + review
    mean = _by_step(past, at, first)
    variance = _cumulative_variance(past, at, first)
    level = z[:, None] + SHIFTS[None, :]
    rate = mean[:, 0].mean(axis=1)
    sd = np.sqrt(variance[:, 0, -1])
    stock = np.maximum(rate * review + z * sd, 0.0)[:, None] + np.zeros_like(level)
    pipeline = [np.repeat(rate[:, None], len(SHIFTS), axis=1) for _ in range(lead - 1)]
    cost, counted = np.zeros_like(level), np.zeros(len(at), np.int64)
    multiple, moq = rule.multiple[at][:, None], rule.moq[at][:, None]
    holding, shortage = rule.holding[at], rule.shortage[at]
    nothing = np.zeros_like(level)
    for step in range(n_steps):
        order = nothing
        if step % review == 0:
            order = _order(
                stock, pipeline, mean[:, step], variance[:, step], level, lead, multiple, moq
            )
        if lead == 0:
            stock = stock + order
        came = past.came[at, step]
        known = ~np.isnan(came)
        demand = np.where(known, came, mean[:, step, 0])[:, None]
        lost = np.maximum(demand - stock, 0.0)
        stock = np.maximum(stock - demand, 0.0)
        if step >= first:
            paid = holding[:, None] * stock + shortage[:, None] * lost
            cost += np.where(known[:, None], paid, 0.0)
            counted += known
        if lead:
            pipeline.append(order)
            stock = stock + pipeline.pop(0)
    return cost, counted


def _order(
    stock: Floats,
    pipeline: list[Floats],
    mean: Floats,
    variance: Floats,
    level: Floats,
    lead: int,
    multiple: Floats,
    moq: Floats,
) -> Floats:
    """Return what is ordered, by the rule of tonight's decision; (n, n_shifts) units.

    Parameters
    ----------
    pipeline : what arrives at the start of each following step, the next one first
    mean : (n, n_steps) units by step; variance : (n, n_steps) units^2 of the first steps' total
    """
    coming = [np.zeros_like(stock), *pipeline[: max(lead - 1, 0)]]
    receipts = np.stack(coming[:lead], axis=-1) if lead else np.zeros((*stock.shape, 0))
    by_step = np.diff(variance, axis=1, prepend=0.0)
    before = stock_at_arrival(stock, receipts, mean[:, None, :lead], by_step[:, None, :lead])
    late = sum(pipeline[max(lead - 1, 0) :], np.zeros_like(stock))
    after_mean = mean[:, lead:].sum(axis=1)[:, None]
    after_variance = by_step[:, lead:].sum(axis=1)[:, None]
    sd = np.sqrt(before.variance + after_variance)
    wish = after_mean + level * sd - before.mean - late
    packs = np.ceil(wish / multiple - 0.5) * multiple
    low = np.maximum(moq, multiple)
    packs = np.where(packs < low, np.where(wish >= 0.5 * low, low, 0.0), packs)
    result: Floats = np.maximum(packs, 0.0)
    return result


def _by_step(past: Past, at: Ints, steps: int) -> Floats:
    """Return the mean of each of the next steps, seen from each step; (n, T, steps) units."""
    total = np.stack([_total(past, at, float(ahead)) for ahead in range(1, steps + 1)], axis=-1)
    result: Floats = np.maximum(np.diff(total, axis=-1, prepend=0.0), 0.0)
    return result


def _total(past: Past, at: Ints, steps: float) -> Floats:
    """Return the mean total of the next steps, straight lines between the spans; (n, T) units."""
    spans, mean = past.spans, past.mean[at]
    upper = int(np.clip(np.searchsorted(spans, steps), 0, len(spans) - 1))
    if spans[upper] == steps or upper == 0:
        result: Floats = mean[:, :, upper] * (steps / spans[upper])
        return result
    lower = upper - 1
    rate = (mean[:, :, upper] - mean[:, :, lower]) / (spans[upper] - spans[lower])
    between: Floats = mean[:, :, lower] + rate * (steps - spans[lower])
    return between


def _cumulative_variance(past: Past, at: Ints, steps: int) -> Floats:
    """Return the variance of the total of the next 1, 2, ... steps; (n, T, steps) units^2."""
    n_steps = past.came.shape[1]
    flat = np.maximum(past.variance[at], 1e-9).reshape(-1, len(past.spans))
    spread = SpanVariance(past.spans, flat)
    rows = np.arange(len(flat))
    found = np.stack(
        [spread.over(rows, np.full(len(rows), float(ahead))) for ahead in range(1, steps + 1)],
        axis=-1,
    )
    return np.maximum.accumulate(found.reshape(len(at), n_steps, steps), axis=-1)
