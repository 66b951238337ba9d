"""What goes wrong and when: kinds of disruption, and a history of each per replication."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scenarios import InputError
from simulation.distributions import Distribution
from simulation.streams import name_key, uniform

# kind -> (nodes that it strikes, what severity means)
KINDS: dict[str, tuple[str, str]] = {
    "supplier_outage": ("supplier", "share of deliveries lost; 1: nothing leaves the supplier"),
    "supplier_capacity_loss": ("supplier", "share of the normal flow that is lost"),
    "lead_time_blowup": ("lane", "factor on lead times, above 1"),
    "lane_closure": ("lane", "1: nothing departs"),
    "lane_freeze": ("lane", "1: nothing departs, and what is under way stands still"),
    "lane_delay": ("lane", "days that every departure takes longer"),
    "port_closure": ("lane", "1: nothing departs on the lanes that start or end there"),
    "demand_surge": ("demand", "factor on demand, above 1"),
    "demand_collapse": ("demand", "share of demand that stays away, up to 1"),
    "warehouse_closure": ("site", "1: nothing comes in or leaves"),
    "warehouse_fire": ("site", "share of the stock destroyed; closed for the duration"),
    "order_processing_outage": ("site", "1: demand arrives, nothing leaves"),
    "quality_recall": ("supplier", "share of what is put into quarantine that is found bad"),
    "labour_shortage": ("site", "share of the docks' units a day that is lost, in and out"),
    "carrier_capacity_loss": ("carrier", "share of the weight a day that is not carried"),
    "price_shock": ("lane", "factor on purchase prices"),
    "freight_price_jump": ("lane", "factor on freight"),
    "regional_event": ("region", "1: suppliers and sites there stand still, lanes are closed"),
}
WHOLE = frozenset(
    {"lane_closure", "lane_freeze", "port_closure", "warehouse_closure", "order_processing_outage",
     "regional_event"}
)  # fmt: skip
FACTORS = frozenset({"lead_time_blowup", "demand_surge"})
SHARES = frozenset(
    {"supplier_outage", "supplier_capacity_loss", "demand_collapse", "warehouse_fire",
     "quality_recall", "labour_shortage", "carrier_capacity_loss"}
)  # fmt: skip
MOST_ONSETS = 200


@dataclass(frozen=True, slots=True)
class Disruption:
    """One thing that may go wrong.

    Attributes
    ----------
    target : `all`, or kind:id as in supplier:V01, lane:V01>W1, region:East, group:G1
    start : day from the start, or days between onsets as a distribution; None with `after`
    duration : days, fixed or drawn
    severity : see KINDS
    probability : chance that it happens at all
    group : disruptions of one group share their random numbers, so they strike together
    after : with a fixed start it strikes only where that one has struck by then; else it begins
        when that one ends, `start` days later
    """

    disruption_id: str
    kind: str
    target: str
    start: float | Distribution | None
    duration: Distribution
    severity: float = 1.0
    probability: float = 1.0
    group: str = ""
    after: str = ""

    def __post_init__(self) -> None:
        supported(self.kind, self.disruption_id)
        if self.start is None and not self.after:
            raise InputError(f"disruption {self.disruption_id}: it has neither start nor cause")
        wrong = severity_problem(self.kind, self.severity)
        if wrong:
            raise InputError(f"disruption {self.disruption_id}: {wrong}")


@dataclass(frozen=True, slots=True)
class Strike:
    """One onset in one replication: ticks [begin, end), end above begin."""

    begin: int
    end: int


def supported(kind: str, name: str) -> None:
    """Refuse a kind that the simulator does not know.

    Raises
    ------
    InputError
        No such kind.
    """
    if kind not in KINDS:
        raise InputError(
            f"disruption {name}: no such kind {kind!r}; known are {', '.join(sorted(KINDS))}"
        )


def severity_problem(kind: str, severity: float) -> str:
    """Say what is wrong with a severity; "" when nothing is."""
    meaning = KINDS[kind][1]
    if not math.isfinite(severity) or severity < 0.0:
        return f"severity must be a number of 0 or more, is {severity:g} ({meaning})"
    if kind in WHOLE and severity != 1.0:
        return f"severity of {kind} must be 1, is {severity:g} ({meaning})"
    if kind in FACTORS and not 1.0 < severity <= 100.0:
        return f"severity of {kind} must be a factor above 1, is {severity:g} ({meaning})"
    if kind in ("price_shock", "freight_price_jump") and severity == 0.0:
        return f"severity of {kind} must be above 0 ({meaning})"
    if kind in SHARES and not 0.0 < severity <= 1.0:
        return f"severity of {kind} must be a share above 0, up to 1, is {severity:g} ({meaning})"
    return ""


def histories(
    disruptions: Sequence[Disruption],
    replications: Sequence[int],
    *,
    seed: int,
    n_ticks: int,
    ticks_per_day: int = 1,
) -> dict[str, tuple[tuple[Strike, ...], ...]]:
    """Return when each disruption strikes, per replication, by disruption_id.

    A fixed start strikes once. A start distribution is a renewal process: days from the start, and
    then from the end of one strike, to the next onset. A duration lasts at least one tick. What
    begins anew on the tick of an earlier onset is one strike with it, as long as the longer.

    Raises
    ------
    InputError
        `after` names no disruption of the case, or goes round in a circle.
    """
    made: dict[str, tuple[tuple[Strike, ...], ...]] = {}
    for disruption in in_order(disruptions):
        stream = name_key(seed, "disruption", disruption.group or disruption.disruption_id)
        rows = []
        for place, replication in enumerate(replications):
            cause = made[disruption.after][place] if disruption.after else None
            rows.append(_strikes(disruption, stream, replication, cause, n_ticks, ticks_per_day))
        made[disruption.disruption_id] = tuple(rows)
    return made


def in_order(disruptions: Sequence[Disruption]) -> list[Disruption]:
    """Return causes before what follows from them."""
    known = {disruption.disruption_id for disruption in disruptions}
    left = list(disruptions)
    done: list[Disruption] = []
    while left:
        names = {disruption.disruption_id for disruption in done}
        ready = [d for d in left if not d.after or d.after in names]
        if not ready:
            stuck = left[0]
            why = "goes round in a circle" if stuck.after in known else "names no disruption here"
            raise InputError(f"disruption {stuck.disruption_id}: after = {stuck.after!r} {why}")
        done += ready
        left = [d for d in left if d not in ready]
    return done


def _strikes(
    disruption: Disruption,
    stream: int,
    replication: int,
    cause: tuple[Strike, ...] | None,
    n_ticks: int,
    ticks_per_day: int,
) -> tuple[Strike, ...]:
    if uniform(stream, 0, replication) >= disruption.probability or cause == ():
        return ()
    start = disruption.start
    ends: dict[int, int] = {}  # by first tick
    day = 0.0
    for onset in range(MOST_ONSETS):
        first, second = (uniform(stream, 2 * onset + draw, replication) for draw in (1, 2))
        wait = start.draw(first) if isinstance(start, Distribution) else (start or 0.0)
        if cause is not None and not isinstance(start, float):
            if onset >= len(cause):
                break
            day = cause[onset].end / ticks_per_day + wait
        else:
            day += wait
        begin = math.floor(day * ticks_per_day + 1e-9)
        if begin >= n_ticks:
            break
        length = disruption.duration.draw(second)
        end = begin + max(1, round(length * ticks_per_day))
        struck = cause is None or not isinstance(start, float) or begin >= cause[0].begin
        if end > 0 and struck:
            first_tick = max(begin, 0)
            ends[first_tick] = max(end, ends.get(first_tick, 0))
        if isinstance(start, float):
            break
        day = max(day + length, (begin + 1) / ticks_per_day)
    return tuple(Strike(first_tick, last) for first_tick, last in ends.items())
