"""Facility location from prices to proof: ascent, shipping, a kernel, branch and bound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.allocation.network.ascent import Ascent, ascend, first_prices
from optimizer.allocation.network.assign import assign
from optimizer.allocation.network.duals import Dual, Prices, dual
from optimizer.allocation.network.effort import Effort
from optimizer.allocation.network.improve import improve
from optimizer.allocation.network.kernel import near, solve_part
from optimizer.allocation.network.neighbourhoods import reassign
from optimizer.allocation.network.nodes import Learned, Node, fix_sites, impossible
from optimizer.allocation.network.problem import (
    FacilityProblem,
    FacilitySolution,
    Flags,
    Floats,
    broken_rule,
    cost_of,
)
from optimizer.allocation.network.relaxation import Relaxation
from optimizer.allocation.network.transport import Shipped, Transport
from optimizer.allocation.network.tree import Tree
from optimizer.outcome import Limits, Outcome, Status, Termination, proven_status

ENGINE = "facility-location"
ASCENTS = 4
STEPS = 60  # of each ascent
SETS = 40  # most that are shipped after each ascent
LEAST_SETS, SHIPPED_CUSTOMERS = 20, 30_000  # fewer where there are many customers
SETS_LAST, SETS_PER_SITE = 200, 2  # most that are shipped from the best of them
# for the problem with split demand, before the one without: more for each of the largest
# customers that a mean site holds, as the two problems come closer to each other
SPLIT_SHARE, SPLIT_SHARE_FINE, SPLIT_SHARE_MOST = 0.2, 0.02, 0.7
WHOLE_SETS = 6  # best sets of sites of split demand that are tried with whole customers
KERNEL_ARCS = 6  # per customer
KERNEL_SHARE = 0.2  # of what is left of the limits
SMALL, FIRST_SHARE_SMALL = 10_000, 0.9  # arcs of problems that branching closes at once
FIRST_SHARE, SECOND_SHARE = 0.3, 0.1  # of what is left, for branching between other searches
NEIGHBOUR_SHARE = 0.5  # of what is left
FIRST_ARCS = 3  # per customer in the relaxation, besides those that prices ask for


def solve(problem: FacilityProblem, limits: Limits) -> Outcome[FacilitySolution]:
    """Open sites and serve all customers at least cost, with a bound that is our own.

    Returns
    -------
    outcome : `infeasible` only where too little room, or too few or too many sites, prove it
    """
    effort = Effort(limits)
    root = Node(-np.inf, problem.must_open.copy(), problem.must_close.copy())
    reachable = np.isfinite(problem.serve_cost[~problem.must_close]).any(axis=0).all()
    if impossible(problem, root) or (problem.must_open & problem.must_close).any() or not reachable:
        return Outcome(
            Status.INFEASIBLE, Termination.CONVERGED, ENGINE, wall_seconds=limits.elapsed
        )
    run = _Run(problem, effort)
    if problem.single_source:
        root = run.split_first(root)
    return run.finish(root)


class _Run:
    """One solve under way.

    Attributes
    ----------
    best : cheapest solution so far
    shipped : the cheapest shipments, by their sites
    root_prices : of the linear relaxation
    """

    def __init__(self, problem: FacilityProblem, effort: Effort) -> None:
        self._problem, self._effort = problem, effort
        self._transport = Transport(problem, effort.limits.seed)
        m, n = problem.shape
        affordable = max(LEAST_SETS, SHIPPED_CUSTOMERS // max(n, 1))
        self._sets = min(SETS, m, affordable)
        self._sets_last = min(SETS_LAST, SETS_PER_SITE * m, 2 * affordable)
        self._tried: set[bytes] = set()
        self.best: FacilitySolution | None = None
        self._cost = np.inf
        self._split_cost: float | None = None
        self._ascent: Ascent | None = None
        self._proven: Dual | None = None
        self._arcs: Flags | None = None
        self._learned: Learned | None = None
        self._reassigned: FacilitySolution | None = None
        self._settled = 0  # sizes of neighbourhoods that do not improve it
        self.shipped: dict[bytes, Shipped] = {}
        self.root_prices: Prices | None = None

    def finish(self, root: Node) -> Outcome[FacilitySolution]:
        """Search and prove from the root on, and say what came out."""
        problem, effort = self._problem, self._effort
        limits = effort.limits
        if self.best is None:
            root = self.rounds(root)
        bound, finished = self.prove(root)
        why = Termination.CONVERGED if finished else (effort.why() or Termination.ERROR)
        if self.best is None:
            known = bound if np.isfinite(bound) else None
            status = Status.NO_SOLUTION_FOUND
            return Outcome(status, why, ENGINE, None, None, known, limits.elapsed, effort.spent)
        cost = cost_of(problem, self.best)
        bound = min(bound, cost)
        status = proven_status(cost, bound)
        if status == Status.OPTIMAL:
            why = Termination.CONVERGED
        return Outcome(status, why, ENGINE, self.best, cost, bound, limits.elapsed, effort.spent)

    def split_first(self, root: Node) -> Node:
        """Solve the problem with demand that may split: its bound holds, its sites are likely."""
        problem, effort = self._problem, self._effort
        fine = float(problem.capacity.mean()) / max(float(problem.demand.max()), 1e-9)
        part = effort.part(min(SPLIT_SHARE + SPLIT_SHARE_FINE * fine, SPLIT_SHARE_MOST))
        run = _Run(replace(problem, single_source=False), Effort(part))
        outcome = run.finish(root)
        effort.add(outcome.work)
        self._ascent, self._proven, self._arcs = run._ascent, run._proven, run._arcs
        self._learned = run._learned
        self._split_cost = outcome.objective
        for _, shipped in sorted(run.shipped.items(), key=lambda item: item[1].cost)[:WHOLE_SETS]:
            self._consider(shipped)
        if outcome.bound is not None:
            root = replace(root, bound=max(root.bound, outcome.bound))
        if run.root_prices is not None:
            proven = dual(problem, run.root_prices, root.opened, root.closed)
            root = fix_sites(root, proven, self._cutoff())
            self._proven = proven
        return root

    def rounds(self, node: Node) -> Node:
        """Alternate ascents and shipping; return the root with its bound and fixed sites."""
        problem, effort = self._problem, self._effort
        prices = first_prices(problem)
        shipped_cost = self._split_cost
        best: Shipped | None = None
        if not self._tried:
            rate = problem.fixed_cost / np.maximum(problem.capacity, 1e-9)
            rank = np.argsort(np.argsort(rate, kind="stable")).astype(np.float64)
            cheap_first: Floats = 0.5 / (1.0 + rank)
            best = self._ship(_likely(problem, cheap_first, node))
            shipped_cost = None if best is None else best.cost
        for turn in range(ASCENTS):
            target = self._cost if problem.single_source else shipped_cost
            if target is None or not np.isfinite(target):
                target = shipped_cost
            ascent = ascend(problem, prices, target, STEPS, ~node.closed, effort)
            prices = ascent.prices.customer
            proven = dual(problem, ascent.prices, node.opened, node.closed)
            self._ascent, self._proven = ascent, proven
            shipped = self._ship(_likely(problem, ascent.opened, node))
            if shipped is not None:
                shipped = self._improve(shipped, node.closed, self._sets)
                best = shipped if best is None or shipped.cost < best.cost else best
                shipped_cost = min(best.cost, np.inf if shipped_cost is None else shipped_cost)
            if best is not None and turn == ASCENTS - 1:
                self._improve(best, node.closed, self._sets_last)
            node = fix_sites(node, proven, self._cutoff())
            effort.limits.progress("network", 0.1 * (turn + 1), "prices and sites")
            done = node.bound >= self._cutoff() or not (~node.opened & ~node.closed).any()
            if done or effort.over():
                break
        return node

    def prove(self, root: Node) -> tuple[float, bool]:
        """Bound the root by the relaxation, look for solutions near it, then branch."""
        problem, effort = self._problem, self._effort
        if root.bound >= self._cutoff():
            return root.bound, True
        if effort.over():
            return root.bound, False
        relaxation = self._relaxation(root)
        tree = Tree(problem, relaxation, self._transport, self.best, effort)
        found = tree.bound(root)
        if found is None:
            return root.bound, False
        root, split = found
        tree.add(root)
        self.root_prices, self._arcs = tree.root_prices, relaxation.has
        if self._learned is not None:
            tree.learned = self._learned.copy()
        self._learned = tree.learned
        finished = split is None
        if split is not None:
            self._proven = tree.root_proven
            shipped = self._ship(_likely(problem, split.opened, root))
            if shipped is not None and not problem.single_source:
                self._improve(shipped, root.closed, self._sets_last)
            tree.keep(self.best)
        by_tables = problem.single_source and tree.fills
        if not finished:
            small = problem.serve_cost.size <= SMALL
            share = FIRST_SHARE_SMALL if small else SECOND_SHARE if by_tables else FIRST_SHARE
            finished = tree.search(effort.spell(share))
        if not finished and not by_tables:
            self._kernel(tree, root)
            finished = tree.search(effort.spell(SECOND_SHARE))
        for _ in range(2 * problem.single_source):
            if not finished:
                self._reassign(tree, root)
                finished = tree.search(effort.spell(SECOND_SHARE))
        if not finished:
            finished = tree.search()
        if tree.best is not None:
            self.best, self._cost = tree.best, tree.cost
        return tree.proven, finished

    def _kernel(self, tree: Tree, root: Node) -> None:
        """Solve over the sites and arcs that the root's prices like."""
        problem, effort = self._problem, self._effort
        proven = tree.root_proven
        if proven is None or effort.over():
            return
        slack = tree.cost - root.bound
        likely = ~root.closed & (root.opened | (proven.site_reduced < 0.5 * slack))
        arcs = near(proven.arc_reduced, likely, KERNEL_ARCS)
        solution, work = solve_part(
            problem, root.opened, ~likely, arcs, tree.best, effort.part(KERNEL_SHARE)
        )
        effort.add(work)
        tree.keep(solution)
        if solution is not None and not problem.single_source:
            shipped = self._transport.ship(solution.is_open, effort.limits)
            tree.keep(None if shipped is None else shipped.solution)

    def _reassign(self, tree: Tree, root: Node) -> None:
        """Solve neighbourhoods of sites again, where each customer has one site."""
        problem, effort, proven = self._problem, self._effort, tree.root_proven
        if tree.best is None or proven is None or effort.over():
            return
        first = self._settled if tree.best is self._reassigned else 0
        part = effort.part(NEIGHBOUR_SHARE)
        found, self._settled = reassign(
            problem,
            tree.best,
            proven,
            tree.root_price,
            root.closed,
            effort,
            part,
            first,
            by_tables=tree.fills,
        )
        tree.keep(found)
        self._reassigned = tree.best

    def _relaxation(self, root: Node) -> Relaxation:
        problem = self._problem
        finite = np.where(np.isfinite(problem.serve_cost), problem.serve_cost, 0.0)
        dear = 10.0 * float(np.abs(problem.fixed_cost).max() + np.abs(finite).max()) + 1.0
        relaxation = Relaxation(problem, dear, self._effort.limits.seed)
        usable = ~root.closed
        arcs = near(problem.serve_cost, usable, FIRST_ARCS)
        if self._ascent is not None and self._proven is not None:
            wanted = (self._proven.arc_reduced < 0.0) & (self._ascent.opened > 0.01)[:, None]
            arcs |= (wanted | (self._ascent.share > 0.001)) & usable[:, None]
        if self._arcs is not None:
            arcs |= self._arcs & usable[:, None]
        if self.best is not None:
            arcs |= self.best.share > 0.0
        arcs &= np.isfinite(problem.serve_cost)
        relaxation.add_arcs(*np.nonzero(arcs))
        return relaxation

    def _improve(self, shipped: Shipped, closed: Flags, most: int) -> Shipped:
        if self._proven is None:
            return shipped
        return improve(
            self._problem,
            self._transport,
            shipped,
            self._proven.site_reduced,
            closed,
            self._tried,
            most,
            self._effort,
            self._consider,
        )

    def _ship(self, is_open: Flags) -> Shipped | None:
        shipped = self._transport.ship(is_open, self._effort.limits)
        self._tried.add(is_open.tobytes())
        if shipped is not None:
            self._consider(shipped)
        return shipped

    def _consider(self, shipped: Shipped) -> None:
        """Keep a shipment, made whole where customers must not be split, if it is the best."""
        problem = self._problem
        self.shipped[shipped.solution.is_open.tobytes()] = shipped
        if len(self.shipped) > WHOLE_SETS:
            del self.shipped[max(self.shipped, key=lambda key: self.shipped[key].cost)]
        if shipped.cost >= self._cost:
            return
        solution: FacilitySolution | None = shipped.solution
        if problem.single_source:
            split = shipped.solution
            solution = assign(problem, split.is_open, split.share, self._effort.over)
        if solution is None or broken_rule(problem, solution) is not None:
            return
        cost = cost_of(problem, solution)
        if cost < self._cost:
            self.best, self._cost = solution, cost

    def _cutoff(self) -> float:
        return self._cost - 0.5e-6 * abs(self._cost) if np.isfinite(self._cost) else np.inf


def _likely(problem: FacilityProblem, opened: Floats, node: Node) -> Flags:
    """Return the sites that are mostly open, and more where these hold too little."""
    is_open = ((opened > 0.5) | node.opened) & ~node.closed
    order = np.argsort(-opened, kind="stable")
    for site in order[~node.closed[order]]:
        enough = float(problem.capacity[is_open].sum()) >= problem.total_demand
        if enough and int(is_open.sum()) >= problem.fewest_sites():
            break
        is_open[site] = True
    return is_open
