"""The loss of many nodes at once: every row of one run is another loss, against the same demand.

All rows meet the random numbers of one replication. Nodes that touch no common product-location
share a row; row 0 is undisturbed. What a node's loss does is read from its own cells alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from optimizer.executor import Cancelled
from simulation.arrays import Floats, Places, Units
from simulation.calendar import Calendar
from simulation.conditions import Blow, Conditions
from simulation.demand import Demand
from simulation.disruptions import Disruption, Strike
from simulation.distributions import Distribution
from simulation.kernels import Kernels, kernels
from simulation.kernels import rows as at
from simulation.reach import Cells, share_rows
from simulation.state import State, check_conservation, fresh_state, replication_bytes
from simulation.targets import Reach, resolve
from simulation.world import World

CHUNK_BYTES = 192 * 2**20
KINDS = {"supplier": "supplier_outage", "site": "warehouse_closure", "lane": "lane_closure"}


@dataclass(frozen=True, slots=True)
class Node:
    """A node that may be lost.

    Attributes
    ----------
    word, name : as in supplier:V01
    reach : what of the world it is
    """

    word: str
    name: str
    reach: Reach

    @property
    def node_id(self) -> str:
        """As in supplier:V01."""
        return f"{self.word}:{self.name}"


@dataclass(frozen=True, slots=True)
class Losses:
    """What the loss of each of N nodes does, over T ticks.

    Attributes
    ----------
    short : (T, N) units short beyond undisturbed, of the cells below the node
    demand : (T, N) units demanded there
    money : (N,) lost margin, goods destroyed, holding and handling beyond undisturbed
    """

    short: Floats
    demand: Floats
    money: Floats


class SharedDemand(Demand):
    """Demand drawn once for a replication and met by every row."""

    def __init__(self, world: World, rows: int, number: int, chosen: Kernels, seed: int) -> None:
        super().__init__(world, np.array([number], np.int64), chosen, seed, keep=False)
        self.rows = rows

    def base(self, site: int, tick: int) -> Units:
        """Return (rows, K) units asked for at a site."""
        return np.repeat(super().base(site, tick), self.rows, axis=0)


def nodes_of(world: World, words: Sequence[str] = tuple(KINDS)) -> list[Node]:
    """Return every supplier, site and lane that goods may pass, in this order."""
    names: dict[str, list[str]] = {
        "supplier": [supplier.supplier_id for supplier in world.suppliers],
        "site": [site.site_id for site in world.sites],
        "lane": list(dict.fromkeys(world.lane_id(lane) for lane in world.lanes)),
    }
    nodes = [
        Node(word, name, resolve(world, KINDS[word], f"{word}:{name}", {}))
        for word in KINDS
        if word in words
        for name in names[word]
    ]
    return [node for node in nodes if not node.reach.empty]


def lose_nodes(
    world: World,
    nodes: Sequence[Node],
    strikes: Sequence[Strike],
    *,
    replication: int = 0,
    seed: int = 0,
    threads: int = 1,
    kernels_name: str = "",
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Losses:
    """Return what the loss of each node does, each lost on its own for its strike.

    Rows are run in parallel; results are the same bits for any number of threads.
    """
    cells = Cells(world)
    below = [cells.below(node.reach) for node in nodes]
    touched = [np.unique(cells.component[flags]) for flags in below]
    n_components = int(cells.component.max(initial=-1)) + 1
    row_of, n_rows = share_rows(touched, n_components)
    chosen = kernels(kernels_name)
    _ = world.demand  # tables are made once, not by every thread
    longest = _longest(world)
    most = max(2, CHUNK_BYTES // max(replication_bytes_of(world, longest), 1))
    even = -(-n_rows // max(threads, 1))
    size = max(1, min(most - 1, even))
    parts = [list(range(begin, min(begin + size, n_rows))) for begin in range(0, n_rows, size)]
    done = [0]

    def on_tick(_tick: int) -> None:
        if cancelled is not None and cancelled():
            raise Cancelled("cancelled in the scan")
        done[0] += 1
        if progress is not None:
            progress(min(1.0, done[0] / (len(parts) * world.n_ticks)))

    def run(rows: list[int]) -> tuple[list[int], Losses]:
        mine = [node for node, row in enumerate(row_of) if row in set(rows)]
        place = {row: 1 + number for number, row in enumerate(rows)}
        own = _Run(
            cells, [nodes[m] for m in mine], [place[row_of[m]] for m in mine],
            [below[m] for m in mine], [touched[m] for m in mine], len(rows) + 1,
        )  # fmt: skip
        blows = own.blows([strikes[m] for m in mine])
        return mine, own.simulate(blows, replication, seed, chosen, longest, on_tick)

    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        results = list(pool.map(run, parts))
    n = len(nodes)
    total = Losses(np.zeros((world.n_ticks, n)), np.zeros((world.n_ticks, n)), np.zeros(n))
    for mine, part in results:
        total.short[:, mine] = part.short
        total.demand[:, mine] = part.demand
        total.money[mine] = part.money
    return total


def replication_bytes_of(world: World, longest: list[int]) -> int:
    """Estimate the memory of one row, without demand, which is not kept."""
    kept = 4 * world.n_skus * world.n_ticks
    return max(1, replication_bytes(world, longest) - kept)


def _longest(world: World) -> list[int]:
    calm = Conditions(world, (), 0)
    return [calm.longest(j) for j in range(len(world.lanes))]


class _Run:
    """Some rows of a scan: which nodes are lost in which, and which cells are theirs."""

    def __init__(
        self,
        cells: Cells,
        nodes: Sequence[Node],
        rows: Sequence[int],
        below: Sequence[np.ndarray],
        touched: Sequence[Places],
        n_rows: int,
    ) -> None:
        self.world = cells.world
        self.nodes, self.rows, self.n_rows = nodes, rows, n_rows
        self.below = self._places(cells, rows, below)
        whole = []
        for parts in touched:
            mine = np.zeros(int(cells.component.max(initial=-1)) + 1, np.bool_)
            mine[parts] = True
            whole.append(mine[cells.component])
        self.whole = self._places(cells, rows, whole)

    def _places(
        self, cells: Cells, rows: Sequence[int], flags: Sequence[np.ndarray]
    ) -> list[tuple[Places, Places, Places]]:
        """Per site: node, row and column of every cell that belongs to a node of a row."""
        found = []
        for i in range(len(self.world.sites)):
            begin, end = cells.begins[i], cells.begins[i + 1]
            columns = [np.flatnonzero(own[begin:end]) for own in flags]
            sizes = [len(each) for each in columns]
            node = np.repeat(np.arange(len(flags)), sizes)
            row = np.repeat(np.asarray(rows, np.int64), sizes)
            column = np.concatenate(columns) if columns else np.zeros(0, np.int64)
            found.append((node, row, column))
        return found

    def blows(self, strikes: Sequence[Strike]) -> list[Blow]:
        """Return the loss of each node in its own row."""
        made = []
        for node, row, strike in zip(self.nodes, self.rows, strikes, strict=True):
            disruption = Disruption(
                node.node_id, KINDS[node.word], node.node_id, float(strike.begin),
                Distribution("fixed", (float(strike.end - strike.begin),)),
            )  # fmt: skip
            history = tuple((strike,) if r == row else () for r in range(self.n_rows))
            made.append(Blow(disruption, node.reach, history, 0))
        return made

    def simulate(
        self,
        blows: list[Blow],
        replication: int,
        seed: int,
        chosen: Kernels,
        longest: list[int],
        on_tick: Callable[[int], None],
    ) -> Losses:
        """Run the rows and read off what each loss does."""
        world, n = self.world, len(self.nodes)
        numbers = np.full(self.n_rows, replication, np.int64)
        state = fresh_state(world, numbers, longest)
        conditions = Conditions(world, blows, self.n_rows)
        short = np.zeros((world.n_ticks + 1, n))
        demand = np.zeros((world.n_ticks + 1, n))
        holding = np.zeros(n)
        first = min((blow.flips[0] for blow in blows), default=world.n_ticks)

        def on_night(tick: int) -> None:
            for i, held in enumerate(state.sites):
                node, row, column = self.below[i]
                if not len(node):
                    continue
                asked, missed = held.totals[at.T_DEMAND], held.totals[at.T_SHORT]
                demand[tick + 1] += np.bincount(node, asked[0][column], n)
                if tick >= first:
                    extra = missed[row, column] - missed[0][column]
                    short[tick + 1] += np.bincount(node, extra, n)
            if tick >= first:
                holding[:] += self._holding(state, n)

        rows = SharedDemand(world, self.n_rows, replication, chosen, seed)
        Calendar(
            world, state, conditions, rows, chosen, seed, on_tick, on_night=on_night
        ).run()  # fmt: skip
        check_conservation(world, state)
        money = holding + self._money(state, n)
        return Losses(np.diff(short, axis=0), np.diff(demand, axis=0), money)

    def _holding(self, state: State, n: int) -> Floats:
        total = np.zeros(n)
        for i, held in enumerate(state.sites):
            node, row, column = self.whole[i]
            if len(node):
                extra = held.on_hand[row, column] - held.on_hand[0][column]
                total += np.bincount(node, extra * self.world.sites[i].holding[column], n)
        return total

    def _money(self, state: State, n: int) -> Floats:
        """(n,) lost margin, goods destroyed and handling beyond undisturbed."""
        total = np.zeros(n)
        for i, held in enumerate(state.sites):
            node, row, column = self.whole[i]
            if not len(node):
                continue
            site = self.world.sites[i]

            def extra(units: Units, row: Places = row, column: Places = column) -> Floats:
                own: Floats = (units[row, column] - units[0][column]).astype(np.float64)
                return own

            destroyed = extra(held.totals[at.T_DESTROYED])
            short = extra(held.totals[at.T_SHORT])
            owing = short if self.world.lost else extra(held.backlog)
            left = extra(held.totals[at.T_SHIPPED]) - owing
            money = short * site.shortage[column]
            money += destroyed * site.value[column] + left * site.handling
            total += np.bincount(node, money, n)
        return total
