"""Parts of a facility problem: which sites they hold open or closed, and what that proves."""

from __future__ import annotations

from dataclasses import dataclass, replace

from optimizer.allocation.network.duals import Dual
from optimizer.allocation.network.problem import (
    FacilityProblem,
    Flags,
    Floats,
    Ints,
)


@dataclass(frozen=True, slots=True)
class Node:
    """Part of the problem; `bound` is proven for it.

    Attributes
    ----------
    opened, closed : (m,) sites held so
    decisions : (site, customer, whether it serves) taken on the way
    branched : site, whether it was opened, by how much it moved, and the relaxation's cost before
    tries : searches for whole customers that did not close it
    """

    bound: float
    opened: Flags
    closed: Flags
    decisions: tuple[tuple[int, int, bool], ...] = ()
    branched: tuple[int, int, float, float] | None = None
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Learned:
    """How far the relaxation rose when a site was closed, or opened; both (m, 2).

    Attributes
    ----------
    rise : money per unit of y, added up
    seen : how often
    """

    rise: Floats
    seen: Ints

    def copy(self) -> Learned:
        """Return one that can grow by itself."""
        return Learned(self.rise.copy(), self.seen.copy())


def fix_sites(node: Node, proven: Dual, cutoff: float) -> Node:
    """Hold a site open or closed where the opposite would lift the bound to the cutoff."""
    free = ~node.opened & ~node.closed
    shut = free & (proven.site_reduced > 0.0) & (proven.bound + proven.site_reduced >= cutoff)
    held = free & (proven.site_reduced < 0.0) & (proven.bound - proven.site_reduced >= cutoff)
    return replace(
        node,
        bound=max(node.bound, proven.bound),
        opened=node.opened | held,
        closed=node.closed | shut,
    )


def impossible(problem: FacilityProblem, node: Node) -> bool:
    """Whether the sites that may open hold too little, or are too few or too many."""
    room = float(problem.capacity[~node.closed].sum())
    return (
        room < problem.total_demand * (1.0 - 1e-9)
        or int((~node.closed).sum()) < problem.fewest_sites()
        or int(node.opened.sum()) > problem.most_sites
    )
