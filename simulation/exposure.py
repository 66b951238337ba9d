"""The resilience scan: every supplier, site and lane lost in turn, ranked by what that costs.

Source: Simchi-Levi, Schmidt, Wei, Zhang, Combs, Ge, Gusikhin, Sanders, Zhang, Identifying Risks
and Mitigating Disruptions in the Automotive Supply Chain, Interfaces 45(5), 2015: no probabilities
are needed, only how long each node takes to recover.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from optimizer.plan import conform
from scenarios import InputError, Scenario
from simulation.arrays import Floats
from simulation.disruptions import Disruption, Strike
from simulation.distributions import Distribution, parse_distribution
from simulation.experiment import Case, Groups, Setup, run_cases
from simulation.intervals import Estimate, estimate
from simulation.kpis import RECOVERY_DAYS, RECOVERY_LEVEL, measure
from simulation.library import USUAL
from simulation.removal import KINDS, Losses, Node, lose_nodes, nodes_of
from simulation.world import World

FIRST_DAY = 7  # day on which nodes are lost, or a quarter of a short horizon
WORST = 20  # nodes that get intervals
BISECTION_WORK = 4e8  # product-location-days that the search for the longest outage may take
GRID_DAYS = (7.0, 14.0, 28.0, 56.0)
GRID_NODES = 12
INTERVAL_WORK = 8e7
FEWEST, MOST = 5, 100  # replications of the worst nodes
Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Scan:
    """What the loss of every node would do.

    Attributes
    ----------
    table : `exposure`, the worst first
    grid : node, days, money: the worst nodes lost for shorter and longer, one replication
    replications : of the nodes with intervals
    notes : what was assumed
    """

    table: pd.DataFrame
    first_day: int
    replications: int
    notes: tuple[str, ...]
    grid: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __repr__(self) -> str:
        """Count the nodes."""
        return f"Scan({len(self.table)} nodes, from day {self.first_day})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from simulation.showing import scan_html

        return scan_html(self)


def scan(
    world: World,
    recovery: Mapping[str, float],
    *,
    words: Sequence[str] = tuple(KINDS),
    first_day: int | None = None,
    worst: int = WORST,
    seed: int = 0,
    threads: int = 0,
    groups: Groups | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Scan:
    """Return the exposure of every node.

    Parameters
    ----------
    recovery : days that a node is lost, by kind:id; the library's usual duration for the others
    words : kinds of nodes
    first_day : on which they are lost; None: day 7, or a quarter of the horizon
    worst : how many nodes get an interval
    threads : 0 for as many as there are cores

    Raises
    ------
    InputError
        The first day lies beyond the horizon.
    Cancelled
        `cancelled` said so.
    """
    days = world.n_ticks // world.ticks_per_day
    begin = min(FIRST_DAY, days // 4) if first_day is None else first_day
    if not 0 <= begin < days:
        raise InputError(f"the first day of the losses must lie in the horizon of {days} days")
    tell = progress or (lambda _share, _message: None)
    nodes = nodes_of(world, words)
    lost_days = np.array([recovery.get(node.node_id, usual_days(node.word)) for node in nodes])
    if not nodes:
        return Scan(conform("exposure", pd.DataFrame()), begin, 0, ("Nothing can be lost.",))
    workers = threads or min(os.cpu_count() or 1, 4)
    start = begin * world.ticks_per_day

    def lose(chosen: Sequence[int], length: Floats, share: float, most: float) -> Losses:
        strikes = [
            Strike(start, start + max(1, round(float(each) * world.ticks_per_day)))
            for each in length
        ]
        return lose_nodes(
            world, [nodes[c] for c in chosen], strikes, seed=seed, threads=workers,
            progress=lambda done: tell(share + (most - share) * done, "every node in turn"),
            cancelled=cancelled,
        )  # fmt: skip

    everyone = list(range(len(nodes)))
    losses = lose(everyone, lost_days, 0.0, 0.3)
    noticed = _first_low(losses, start, world.ticks_per_day)
    open_ = [n for n in everyone if not noticed[n] <= lost_days[n]]
    if open_:
        unending = lose(open_, np.full(len(open_), float(days)), 0.3, 0.5)
        noticed[open_] = _first_low(unending, start, world.ticks_per_day)
    order = sorted(everyone, key=lambda n: (-losses.money[n], nodes[n].node_id))
    searched = order
    work = world.n_skus * world.n_ticks * len(nodes) * np.log2(max(days, 2))
    if work > BISECTION_WORK:
        searched = order[:worst]
    survived = _longest_served(noticed, searched, lose, start, world.ticks_per_day)
    back = _back_after(losses, start, world.ticks_per_day)
    intervals, replications = _intervals(
        world, [nodes[n] for n in order[:worst]], lost_days[order[:worst]], begin, seed,
        groups or {}, lambda share: tell(0.7 + 0.3 * share, "intervals"), cancelled,
    )  # fmt: skip
    impact = losses.money.copy()
    impact[order[: len(intervals)]] = [own.mean for own in intervals]
    largest = float(impact.max())
    rows = []
    for n in sorted(everyone, key=lambda n: (-impact[n], nodes[n].node_id)):
        place = order.index(n)
        blank = Estimate(impact[n], np.nan, np.nan, 1)
        own = intervals[place] if place < len(intervals) else blank
        rows.append(
            {
                "node": nodes[n].node_id,
                "kind": nodes[n].word,
                "recovery_days": lost_days[n],
                "tts_days": survived[n],
                "impact": impact[n],
                "index": impact[n] / largest if largest > 0.0 else 0.0,
                "low": own.low,
                "high": own.high,
                "noticed_days": noticed[n],
                "service_recovery_days": back[n],
                "short_units": losses.short[:, n].sum(),
            }
        )
    grid = []
    for length in GRID_DAYS if worst else ():
        if begin + length < days:
            lengths = np.full(len(order[:GRID_NODES]), length)
            money = lose(order[:GRID_NODES], lengths, 0.7, 0.7).money
            grid += [
                {"node": nodes[n].node_id, "days": length, "money": each}
                for n, each in zip(order, money)
            ]
    tell(1.0, "done")
    assumed = sorted({node.word for node in nodes if node.node_id not in recovery})
    notes = [
        f"Without recovery_days a {word} is lost for {usual_days(word):g} days"
        f" ({USUAL[KINDS[word]].source})."
        for word in assumed
    ]
    table = conform("exposure", pd.DataFrame(rows))
    return Scan(table, begin, replications, tuple(notes), pd.DataFrame(grid))


def exposed_money(
    world: World, recovery: Mapping[str, float], words: Sequence[str], seed: int
) -> dict[str, float]:
    """Return what the loss of each node costs, by kind:id, from one replication."""
    nodes = nodes_of(world, words)
    start = min(FIRST_DAY, world.n_ticks // world.ticks_per_day // 4) * world.ticks_per_day
    strikes = [
        Strike(
            start,
            start + max(1, round(world.ticks_per_day * days)),
        )
        for days in (recovery.get(node.node_id, usual_days(node.word)) for node in nodes)
    ]
    money = lose_nodes(world, nodes, strikes, seed=seed).money
    return {node.node_id: float(each) for node, each in zip(nodes, money, strict=True)}


def usual_days(word: str) -> float:
    """Return how long a node without recovery_days is lost: the middle of the library's usual."""
    return parse_distribution(USUAL[KINDS[word]].duration).draw(0.5)


def recovery_days(scenario: Scenario) -> dict[str, float]:
    """Return the recovery_days that the scenario states, by kind:id; the longest of a lane's."""
    lanes = scenario.table("lanes")
    names = {
        "supplier": (scenario.table("suppliers"), scenario.table("suppliers")["supplier_id"]),
        "site": (scenario.table("sites"), scenario.table("sites")["site_id"]),
        "lane": (lanes, lanes["origin_id"] + ">" + lanes["destination_id"]),
    }
    found: dict[str, float] = {}
    for word, (frame, ids) in names.items():
        for name, days in zip(ids, frame["recovery_days"], strict=True):
            if pd.notna(days) and days > 0:
                node = f"{word}:{name}"
                found[node] = max(float(days), found.get(node, 0.0))
    return found


def _low(losses: Losses) -> np.ndarray:
    """(T, N) days on which over 5 % of the demand below a node goes short beyond undisturbed."""
    return losses.short > (1.0 - RECOVERY_LEVEL) * losses.demand


def _first_low(losses: Losses, start: int, ticks_per_day: int) -> Floats:
    """(N,) whole days from the loss to the first low day; NaN where there is none."""
    low = _low(losses)[start:]
    first = np.argmax(low, axis=0) // ticks_per_day
    result: Floats = np.where(low.any(axis=0), first.astype(np.float64), np.nan)
    return result


def _back_after(losses: Losses, start: int, ticks_per_day: int) -> Floats:
    """(N,) days from the loss until service is back for 3 days; 0 never low, NaN not back."""
    low = _low(losses)[start:]
    days = np.zeros(low.shape[1])
    span = RECOVERY_DAYS * ticks_per_day
    for n in range(low.shape[1]):
        hit = np.flatnonzero(low[:, n])
        if not len(hit):
            continue
        tick = int(hit[0])
        while tick < len(low) and low[tick : tick + span, n].any():
            tick += 1
        days[n] = tick / ticks_per_day if tick < len(low) else np.nan
    return days


def _longest_served(
    noticed: Floats,
    searched: Sequence[int],
    lose: Callable[[Sequence[int], Floats, float, float], Losses],
    start: int,
    ticks_per_day: int,
) -> Floats:
    """(N,) the longest outage, in whole days, after which no day is low; by bisection.

    An outage that is longer than the days until it is noticed cannot be served, so that these are
    the upper end. NaN where even an unending loss goes unnoticed, and for nodes not searched.
    """
    low = np.zeros(len(noticed))
    high = noticed.copy()  # served at low; high + 1 is not
    survived = np.full(len(noticed), np.nan)
    todo = [n for n in searched if np.isfinite(noticed[n])]
    open_ = [n for n in todo if high[n] > low[n]]
    while open_:
        middle = np.ceil((low[open_] + high[open_]) / 2.0)
        hurt = np.isfinite(_first_low(lose(open_, middle, 0.5, 0.7), start, ticks_per_day))
        low[open_] = np.where(hurt, low[open_], middle)
        high[open_] = np.where(hurt, middle - 1.0, high[open_])
        open_ = [n for n in todo if high[n] > low[n]]
    survived[todo] = low[todo]
    return survived


def _intervals(
    world: World,
    nodes: Sequence[Node],
    lost_days: Floats,
    begin: int,
    seed: int,
    groups: Groups,
    tell: Callable[[float], None],
    cancelled: Callable[[], bool] | None,
) -> tuple[list[Estimate], int]:
    """Return paired intervals of the whole cost of each loss, and the replications."""
    if not nodes:
        return [], 0
    each = world.n_skus * world.n_ticks * (len(nodes) + 1)
    count = int(np.clip(INTERVAL_WORK // max(each, 1), FEWEST, MOST))
    cases = [Case("baseline")]
    for node, days in zip(nodes, lost_days, strict=True):
        blow = Disruption(
            node.node_id, KINDS[node.word], node.node_id, float(begin),
            Distribution("fixed", (float(days),)),
        )  # fmt: skip
        cases.append(Case(node.node_id, (blow,)))
    setup = Setup(count, seed, groups)
    records = run_cases(
        world, cases, setup, progress=lambda share, _case: tell(share), cancelled=cancelled
    )
    calm = records["baseline"]

    def cost(name: str) -> Floats:
        return measure(world, records[name], calm, ())["cost_operating", "all"]

    usual = cost("baseline")
    return [estimate(cost(node.node_id) - usual) for node in nodes], count
