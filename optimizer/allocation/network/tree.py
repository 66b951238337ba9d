"""Branch and bound over sites, and over arcs where each customer has one site.

The relaxation proposes prices; every bound is our own arithmetic (:func:`duals.dual`).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from optimizer.allocation.network.assign import assign
from optimizer.allocation.network.covers import violated_covers
from optimizer.allocation.network.duals import Dual, Prices, dual
from optimizer.allocation.network.effort import (
    ITERATIONS_PER_WORK,
    NODES_PER_WORK,
    Effort,
)
from optimizer.allocation.network.improve import improve
from optimizer.allocation.network.knapsack import fits_tables
from optimizer.allocation.network.nodes import Learned, Node, fix_sites, impossible
from optimizer.allocation.network.problem import (
    FacilityProblem,
    FacilitySolution,
    Flags,
    Floats,
    Ints,
    broken_rule,
    cost_of,
    restrict,
    widen,
)
from optimizer.allocation.network.relaxation import Relaxation, Split
from optimizer.allocation.network.transport import Transport
from optimizer.allocation.network.whole import HARD_STEPS, LATER_STEPS, Part, WholeSearch
from optimizer.outcome import OPTIMAL_GAP

PROBES, PROBE_STEPS = 8, 100  # sites probed at a node, simplex iterations on each side
PART = 1e-6  # shares closer than this to 0 or 1 are whole
ROUNDS = 200  # most rounds of new arcs at a node
ARCS_PER_ROUND = 8  # per customer
ROUND_SETS = 10  # of sites shipped around a rounded solution
ROUND_EVERY = 10  # nodes between two attempts to make a split solution whole
COVER_ROUNDS = 12  # most rounds of covers at the root; one at other nodes
FIRST_PARTS = (
    30  # of the first search of a node for whole customers; each later one has 4 times more
)
LEAST_LIFT = 0.05  # of the gap that whole fillings must close at the root to be tried at all nodes
LEAST_EXCESS = 0.02  # by which a split solution must break a cover


class Tree:
    """A search under way.

    Attributes
    ----------
    best : cheapest solution so far, and its `cost`; None and infinity without one
    nodes : looked at
    root_proven : what the prices of the first node proved, and these `root_prices`
    learned : what branching on sites did so far
    root_price : (n,) of customers, the best known for whole ones
    fills : whether filling sites with whole customers lifts bounds by much
    """

    def __init__(
        self,
        problem: FacilityProblem,
        relaxation: Relaxation,
        transport: Transport,
        best: FacilitySolution | None,
        effort: Effort,
    ) -> None:
        self.problem, self.relaxation, self.transport = problem, relaxation, transport
        self._effort = effort
        self._whole: WholeSearch | None = None
        if problem.single_source and fits_tables(problem):
            self._whole = WholeSearch(problem, effort)
        self.fills, self._bare = self._whole is not None, False
        self.best = best
        self.cost = cost_of(problem, best) if best is not None else np.inf
        self.nodes = 0
        self.barred = ~np.isfinite(problem.serve_cost)
        self._closed_bound = np.inf
        self._waiting: list[tuple[float, int, Node]] = []
        self._order = 0
        self._step = cost_step(problem)
        self.root_proven: Dual | None = None
        self.root_prices: Prices | None = None
        self.root_price = np.zeros(problem.shape[1])
        self._has_bars = bool(self.barred.any())
        sides = (problem.shape[0], 2)
        self._tried: set[bytes] = set()
        self.learned = Learned(np.zeros(sides), np.zeros(sides, np.int64))

    @property
    def cutoff(self) -> float:
        """What a bound must reach so that no better solution lies below."""
        if not np.isfinite(self.cost):
            return np.inf
        margin = 0.5 * OPTIMAL_GAP * abs(self.cost)
        return self.cost - max(margin, self._step * (1.0 - 1e-6) - 1e-9 * abs(self.cost))

    def keep(self, solution: FacilitySolution | None) -> None:
        """Keep a solution if it is the cheapest so far."""
        if solution is None or broken_rule(self.problem, solution) is not None:
            return
        cost = cost_of(self.problem, solution)
        if cost < self.cost:
            self.best, self.cost = solution, cost
            self._bar_arcs()

    def search(self, over: Callable[[], bool] | None = None) -> bool:
        """Search until all is closed, or a limit of the search or of the whole ends it.

        Returns
        -------
        finished : whether all is closed; otherwise the search can be taken up again
        """
        over = self._effort.over if over is None else over
        current: Node | None = None
        while True:
            if current is None:
                if not self._waiting:
                    return True
                _, _, current = heapq.heappop(self._waiting)
            if current.bound >= self.cutoff:
                self._closed_bound = min(self._closed_bound, current.bound)
                current = None
                continue
            children = None
            if not over():
                children = self._visit(current)
            if children is None:
                self.add(current)
                return False
            current = children[0] if children else None
            for child in children[1:]:
                self.add(child)

    def add(self, node: Node) -> None:
        """Put a part of the problem on the list of those to search."""
        self._order += 1
        heapq.heappush(self._waiting, (node.bound, self._order, node))

    @property
    def proven(self) -> float:
        """The bound of the whole: no solution is cheaper.

        A bound within one step of the cost of the best solution is that cost: costs come in steps.
        """
        bound = min([self._closed_bound, *(node.bound for _, _, node in self._waiting[:1])])
        if self._step and bound >= self.cutoff:
            return self.cost
        return min(bound, self.cost)

    def _visit(self, node: Node) -> list[Node] | None:
        """Bound a node and split it; no children where it is closed, None where a limit struck."""
        found = self.bound(node)
        if found is None:
            return None
        node, split = found
        if split is None:
            self._closed_bound = min(self._closed_bound, node.bound)
            return []
        share = self.relaxation.spread(split)
        free = np.flatnonzero(~node.opened & ~node.closed)
        parts = free[(split.opened[free] > PART) & (split.opened[free] < 1.0 - PART)]
        whole = not len(parts) and not self.problem.single_source
        if whole or self.nodes % ROUND_EVERY == 1:
            self._round(node, split, share)
        if node.bound >= self.cutoff:
            self._closed_bound = min(self._closed_bound, node.bound)
            return []
        if len(parts):
            return self._split_site(node, split, parts)
        if self._whole is not None:
            self._search_whole(node, split)
            return []
        if self.problem.single_source:
            pair = _split_arc(self.problem, share)
            if pair is not None:
                return self._split_customer(node, *pair)
            self._round(node, split, share)
        if len(free):
            return self._split_site(node, split, free)
        self._closed_bound = min(self._closed_bound, node.bound)
        return []

    def _search_whole(self, node: Node, split: Split) -> None:
        """Search a node with whole sites for whole customers; back on the list if that is long."""
        start = self._part(node, split, self._bars(node))
        sites = np.flatnonzero(~node.closed & (node.opened | ~start.barred.all(axis=1)))
        part = replace(
            start, barred=start.barred[sites], opened=node.opened[sites], closed=node.closed[sites]
        )
        problem = restrict(self.problem, sites)

        def keep(solution: FacilitySolution | None) -> None:
            if solution is not None:
                self.keep(widen(self.problem, sites, solution))

        search = WholeSearch(problem, self._effort)
        most = FIRST_PARTS * 4**node.tries
        bound, closed = search.run(part, self._site_prices(split), lambda: self.cutoff, keep, most)
        if closed:
            self._closed_bound = min(self._closed_bound, bound)
        else:
            self.add(replace(node, bound=max(node.bound, bound), tries=node.tries + 1))

    def _split_site(self, node: Node, split: Split, sites: Ints) -> list[Node]:
        site = self._choose(split, sites)
        part = float(split.opened[site])
        flags = np.zeros(len(node.opened), bool)
        flags[site] = True
        opened, closed = (site, 1, 1.0 - part, split.objective), (site, 0, part, split.objective)
        children = [
            replace(node, opened=node.opened | flags, branched=opened),
            replace(node, closed=node.closed | flags, branched=closed),
        ]
        if part < 0.5:
            children.reverse()
        return [child for child in children if not impossible(self.problem, child)]

    def _choose(self, split: Split, sites: Ints) -> int:
        """Return the site whose two sides raise the relaxation most, by what was seen so far.

        Sites never branched on are probed first (reliability branching: Achterberg, Koch and
        Martin 2005).
        """
        part = split.opened[sites]
        if len(sites) == 1 or not ((part > PART) & (part < 1.0 - PART)).any():
            return int(sites[int(np.argmin(np.abs(part - 0.5)))])
        moves = np.column_stack([part, 1.0 - part])
        unknown = np.flatnonzero((self.learned.seen[sites] < 1).any(axis=1))
        unknown = unknown[np.argsort(np.abs(part[unknown] - 0.5), kind="stable")][:PROBES]
        if len(unknown):
            before = self.relaxation.iterations
            rise = self.relaxation.probe(sites[unknown], PROBE_STEPS, self._effort.limits)
            self._effort.add((self.relaxation.iterations - before) / ITERATIONS_PER_WORK)
            most = max(self.cutoff - split.objective, 0.0)
            rise = np.minimum(rise, most if np.isfinite(most) else 1e9)
            self.learned.rise[sites[unknown]] += rise / np.maximum(moves[unknown], PART)
            self.learned.seen[sites[unknown]] += 1
        seen = self.learned.seen[sites]
        mean = self.learned.rise.sum() / max(self.learned.seen.sum(), 1)
        rate = np.where(seen > 0, self.learned.rise[sites] / np.maximum(seen, 1), mean)
        score = np.maximum(rate * moves, 1e-6 * max(mean, 1e-9)).prod(axis=1)
        return int(sites[int(np.argmax(score))])

    def _learn(self, node: Node, split: Split) -> None:
        """Remember by how much branching on a site raised the relaxation."""
        if node.branched is not None:
            site, side, moved, before = node.branched
            self.learned.rise[site, side] += max(split.objective - before, 0.0) / max(moved, PART)
            self.learned.seen[site, side] += 1

    def _split_customer(self, node: Node, site: int, customer: int) -> list[Node]:
        flags = np.zeros(len(node.opened), bool)
        flags[site] = True
        there = replace(
            node,
            opened=node.opened | flags,
            decisions=(*node.decisions, (site, customer, True)),
            branched=None,
        )
        last = (*node.decisions, (site, customer, False))
        elsewhere = replace(node, decisions=last, branched=None)
        return [child for child in (there, elsewhere) if not impossible(self.problem, child)]

    def _bars(self, node: Node) -> Flags | None:
        """Return the arcs that are barred at a node; None where there are none."""
        if not (self._has_bars or node.decisions):
            return None
        barred = self.barred.copy()
        for site, customer, serves in node.decisions:
            if serves:
                barred[:, customer] = True
                barred[site, customer] = self.barred[site, customer]
            else:
                barred[site, customer] = True
        return barred

    def bound(self, node: Node) -> tuple[Node, Split | None] | None:
        """Bound a node; arcs and covers come in, sites and arcs are fixed on the way."""
        problem, relaxation = self.problem, self.relaxation
        self.nodes += 1
        self._effort.add(1.0 / NODES_PER_WORK)
        covers_left = COVER_ROUNDS if self.nodes == 1 else int(not self.fills)
        split: Split | None = None
        learned = False
        for _ in range(ROUNDS):
            barred = self._bars(node)
            relaxation.fix_sites(node.opened.astype(np.float64), (~node.closed).astype(np.float64))
            if barred is not None:
                relaxation.bar(barred)
            before = relaxation.iterations
            split = relaxation.solve(self._effort.limits)
            self._effort.add((relaxation.iterations - before) / ITERATIONS_PER_WORK)
            if split is None:
                return None
            proven = dual(
                problem, split.prices, node.opened, node.closed, barred, relaxation.covers
            )
            node = fix_sites(node, proven, self.cutoff)
            if node.bound >= self.cutoff or impossible(problem, node):
                return replace(node, bound=max(node.bound, self.cutoff)), None
            if self._grow(proven, node, barred, split.objective):
                continue
            if not learned:
                self._learn(node, split)
                learned = True
            if self.nodes == 1:
                self.root_proven, self.root_prices = proven, split.prices
                self.root_price = split.prices.customer
                self._bar_arcs()
            if not problem.single_source:
                break
            least = LEAST_EXCESS if self.nodes == 1 else 5.0 * LEAST_EXCESS
            covers = []
            if covers_left:
                covers = violated_covers(problem, split.opened, relaxation.spread(split), least)
            if not covers:
                node = self._fill(node, split, barred)
                break
            covers_left -= 1
            relaxation.add_covers(covers)
        if node.bound >= self.cutoff or impossible(problem, node):
            return replace(node, bound=max(node.bound, self.cutoff)), None
        return node, split

    def _fill(self, node: Node, split: Split, barred: Flags | None) -> Node:
        """Lift a bound: each site filled with whole customers, where that says more."""
        if self._whole is None or not self.fills:
            return node
        start = self._part(node, split, barred)
        first = self.nodes == 1
        steps = HARD_STEPS if first else LATER_STEPS
        prices = self._site_prices(split)
        ascended = self._whole.ascend(start, prices, self.cutoff, steps, self.keep)
        if first:
            bare = replace(prices, total=0.0, count=0.0)
            other = self._whole.ascend(start, bare, self.cutoff, steps, self.keep)
            self._bare = other.part.bound > ascended.part.bound
            ascended = other if self._bare else ascended
        part = ascended.part
        if first:
            self.root_price = part.price
            self.fills = part.bound - node.bound > LEAST_LIFT * (self.cutoff - node.bound)
            self.barred |= part.barred & ~node.closed[:, None]
            self._has_bars = bool(self.barred.any())
        lifted = Dual(ascended.proven, ascended.worth, ascended.adding, node.opened)
        return fix_sites(replace(node, bound=max(node.bound, part.bound)), lifted, self.cutoff)

    def _site_prices(self, split: Split) -> Prices:
        """Return the prices of a relaxation; those of room and count only if they help."""
        return replace(split.prices, total=0.0, count=0.0) if self._bare else split.prices

    def _part(self, node: Node, split: Split, barred: Flags | None) -> Part:
        """Return a node as the start of a search for whole customers."""
        bars = self.barred.copy() if barred is None else barred.copy()
        bars[node.closed] = True
        return Part(node.bound, split.prices.customer, bars, node.opened, node.closed)

    def _bar_arcs(self) -> None:
        """Bar for good the arcs whose use would lift the bound of the whole to the cutoff."""
        proven = self.root_proven
        if proven is None or not self.problem.single_source or not np.isfinite(self.cutoff):
            return
        # what opening adds is in the bound already where the site is held open
        opening = np.where(proven.opened, 0.0, np.maximum(proven.site_reduced, 0.0))[:, None]
        with np.errstate(invalid="ignore"):
            lifted = proven.bound + opening + np.maximum(proven.arc_reduced, 0.0)
        useless = lifted >= self.cutoff
        self.barred |= useless
        self._has_bars = bool(self.barred.any())

    def _grow(self, proven: Dual, node: Node, barred: Flags | None, objective: float) -> bool:
        """Add the arcs that prices ask for; return whether there were any that matter."""
        problem, relaxation = self.problem, self.relaxation
        n = problem.shape[1]
        if objective - proven.bound <= 1e-7 * abs(objective):
            return False
        asked = ((proven.site_reduced < 0.0) | node.opened) & ~node.closed
        least = -1e-8 * max(abs(objective), 1.0) / n
        missing = (proven.arc_reduced < least) & ~relaxation.has & asked[:, None]
        if not missing.any():
            return False
        value = np.where(missing, proven.arc_reduced, 0.0)
        most = min(ARCS_PER_ROUND, len(value))
        site = np.argpartition(value, most - 1, axis=0)[:most].ravel()
        customer = np.tile(np.arange(n), most)
        wanted = missing[site, customer]
        order = np.lexsort((customer[wanted], site[wanted]))
        relaxation.add_arcs(site[wanted][order], customer[wanted][order])
        return True

    def _round(self, node: Node, split: Split, share: Floats) -> None:
        """Make a solution out of a split one, and keep it if it is the best."""
        is_open = (node.opened | (split.opened > 0.5)) & ~node.closed
        if self.problem.single_source:
            self.keep(assign(self.problem, is_open, share, self._effort.over))
            return
        proven = self.root_proven
        if proven is None or is_open.tobytes() in self._tried:
            return
        self._tried.add(is_open.tobytes())
        shipped = self.transport.ship(is_open, self._effort.limits)
        if shipped is None:
            return
        self.keep(shipped.solution)
        improve(
            self.problem,
            self.transport,
            shipped,
            proven.site_reduced,
            node.closed,
            self._tried,
            ROUND_SETS,
            self._effort,
            lambda better: self.keep(better.solution),
        )


def cost_step(problem: FacilityProblem) -> float:
    """Return the step in which costs of single-source solutions come: 1 or 0.01, else 0."""
    if not problem.single_source:
        return 0.0
    finite = problem.serve_cost[np.isfinite(problem.serve_cost)]
    values = np.concatenate([problem.fixed_cost, finite])
    for step in (1.0, 0.01):
        scaled = values / step
        if (np.abs(scaled - np.rint(scaled)) <= 1e-9 * np.maximum(1.0, np.abs(scaled))).all():
            return step
    return 0.0


def _split_arc(problem: FacilityProblem, share: Floats) -> tuple[int, int] | None:
    """Return the arc to branch on: the largest part of the split customer that wants most."""
    largest = share.max(axis=0)
    split = np.flatnonzero(largest < 1.0 - PART)
    if not len(split):
        return None
    weight = problem.demand[split] * (1.0 - largest[split])
    customer = int(split[int(np.argmax(weight))])
    return int(share[:, customer].argmax()), customer
