"""Playbooks at work: every night each replication looks at its indicators and acts on them.

A step is called for on a night when its indicator crosses the threshold, takes effect
`delay_days` mornings later than the next one, and ends when the indicator has been back on the
right side for 7 nights in a row. All decisions are made per replication from integers, so that
they do not depend on kernels, chunks or processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from simulation.arrays import Flags, Floats, Places, Units
from simulation.conditions import Conditions
from simulation.kernels import Kernels
from simulation.kernels import rows as at
from simulation.kernels.rows import ALL, UNCHANGED
from simulation.playbooks import Pause, Step
from simulation.state import State
from simulation.streams import name_key, row_keys
from simulation.targets import Reach, resolve
from simulation.world import Mode, World

WINDOW_DAYS = 7  # an indicator looks back so far
CALM_DAYS = 7  # nights on the right side before a step ends
NEVER = np.iinfo(np.int64).max


class Responses:
    """What the steps of some playbooks do in every replication of a chunk.

    Attributes
    ----------
    active : per step (R,) whether it is in effect
    spent : (R,) money so far
    times : per step (R,) int64, how often it took effect
    """

    def __init__(
        self,
        world: World,
        steps: Sequence[Step],
        replications: Places,
        seed: int,
        groups: Mapping[str, tuple[tuple[str, str], ...]],
    ) -> None:
        n = len(replications)
        self.world = world
        self.steps = tuple(steps)
        self.replications = replications
        self.active = [np.zeros(n, np.bool_) for _ in steps]
        self.due: list[Places] = [np.full(n, NEVER, np.int64) for _ in steps]
        self.calm: list[Places] = [np.zeros(n, np.int64) for _ in steps]
        self.times: list[Places] = [np.zeros(n, np.int64) for _ in steps]
        self.spent: Floats = np.zeros(n)
        self.stopped_for = np.zeros((len(world.lanes), n), np.int64)
        self.reach = [_reach(world, step, groups) for step in steps]
        self.goods = [_goods(world, step, self.reach[s]) for s, step in enumerate(steps)]
        self.pauses = [
            [(pause, _pause_goods(world, pause)) for pause in step.pauses] for step in steps
        ]
        self.streams = [name_key(seed, "pause", step.step_id) for step in steps]
        self.demand_streams = [name_key(seed, "demand", site.site_id) for site in world.sites]

    # ---- what is in effect ------------------------------------------------------------------

    def _on(self, action: str) -> list[int]:
        return [
            s for s, step in enumerate(self.steps) if step.action == action and self.active[s].any()
        ]

    def lead_factor(self, lane: int, factor: Units) -> Units:
        """Return (R,) the factor on lead times in 1/256, expedited or by a detour."""
        for action in ("expedite", "reroute"):
            for s in self._on(action):
                if lane in self.reach[s].lanes and not self._by_mode(self.steps[s], lane):
                    scale = round(UNCHANGED * self.steps[s].strength)
                    changed = np.maximum((factor.astype(np.int64) * scale) >> 8, 1)
                    factor = np.where(self.active[s], changed, factor).astype(np.int32)
        return factor

    def freight_factor(self, lane: int, factor: Floats) -> Floats:
        """Return (R,) the factor on freight: half the time costs twice as much."""
        for s in self._on("expedite"):
            if lane in self.reach[s].lanes and not self._by_mode(self.steps[s], lane):
                factor = np.where(self.active[s], factor / self.steps[s].strength, factor)
        for s in self._on("reroute"):
            if lane in self.reach[s].lanes:
                factor = np.where(self.active[s], factor * self.steps[s].strength, factor)
        return factor

    def _by_mode(self, step: Step, lane: int) -> bool:
        """Whether a step expedites a lane by its fastest other mode, the first of them."""
        if step.action != "expedite" or not np.isnan(step.value):
            return False
        facts = self.world.lanes[lane]
        return bool(facts.modes) and _days(facts.modes[0]) < _days(facts.own_mode)

    def longest_factor(self, lane: int) -> float:
        """Return the largest factor on a lane's lead times that any step can bring."""
        most = 1.0
        for s, step in enumerate(self.steps):
            if step.action == "reroute" and lane in self.reach[s].lanes:
                most *= step.strength
        return most

    def lane_closed(self, lane: int, closed: Flags) -> Flags:
        """Return (R,) whether nothing departs; a detour opens the lane again."""
        for s in self._on("reroute"):
            if lane in self.reach[s].lanes:
                closed = closed & ~self.active[s]
        return closed

    def supplier_share(self, supplier: int, share: Units) -> Units:
        """Return (R,) the share of its normal flow that a supplier can deliver, in 1/65,536."""
        for s in self._on("lift_capacity"):
            if supplier in self.reach[s].suppliers:
                scale = round(UNCHANGED * self.steps[s].strength)
                lifted = np.minimum((share.astype(np.int64) * scale) >> 8, ALL)
                share = np.where(self.active[s], lifted, share).astype(np.int32)
        return share

    def levels(self, site: int, point: Units, up_to: Units) -> tuple[Units, Units]:
        """Return reorder points and order-up-to levels, (R, K) where a buffer is raised."""
        for s in self._on("raise_buffer"):
            struck = self.goods[s].get(site)
            if struck is not None:
                scale = round(UNCHANGED * self.steps[s].strength)
                point = _raised(point, scale, self.active[s], struck)
                up_to = _raised(up_to, scale, self.active[s], struck)
        return point, up_to

    def held_back(self, lane: int, waiting: Units) -> Units | None:
        """Return (R, C) units that a feeding site may not ship tonight; None for nothing."""
        kept: Units | None = None
        facts = self.world.lanes[lane]
        for s in self._on("ration"):
            struck = self.goods[s].get(facts.destination)
            if struck is None:
                continue
            share = round(ALL * self.steps[s].strength)
            allowed = (waiting.astype(np.int64) * share + ALL - 1) >> 16
            at_work = self.active[s][:, None] & struck[facts.into][None, :]
            back = np.where(at_work, waiting - allowed, 0).astype(np.int32)
            kept = back if kept is None else np.maximum(kept, back)
        return kept

    def demand(self, site: int, tick: int, demand: Units, kernels: Kernels) -> Units:
        """Return (R, K) units asked for when promotions are paused."""
        own = False
        day = tick // self.world.ticks_per_day
        for s in self._on("pause_promotion"):
            for number, (pause, goods) in enumerate(self.pauses[s]):
                struck = goods.get(site)
                if struck is None or not pause.first <= day <= pause.last:
                    continue
                if not own:
                    demand, own = demand.copy(), True
                keep = np.where(self.active[s], round(ALL * (1.0 - pause.away)), ALL)
                stream = name_key(self.streams[s], number) ^ self.demand_streams[site]
                keys = row_keys(stream, tick, self.replications)
                sku_keys = self.world.sites[site].sku_keys
                kernels.thin_demand(keys, sku_keys, keep.astype(np.int32), struck, demand)
        return demand

    # ---- every night ------------------------------------------------------------------------

    def watch(self, tick: int, state: State, conditions: Conditions) -> None:
        """Look at the indicators after a tick, and settle what is in effect at the next one."""
        if any(step.kpi == "lead_time_days" for step in self.steps):
            self._count_stopped(conditions)
        per_day = self.world.ticks_per_day
        for s, step in enumerate(self.steps):
            value = self._indicator(step, tick, state, conditions)
            called = _compare(value, step.op, step.threshold)
            idle = ~self.active[s] & (self.due[s] == NEVER)
            self.due[s][called & idle] = tick + 1 + step.delay_days * per_day
            self.calm[s] = np.where(called, 0, self.calm[s] + 1)
            starts = ~self.active[s] & (self.due[s] <= tick + 1)
            ends = self.active[s] & (self.calm[s] >= CALM_DAYS * per_day)
            self.active[s] = (self.active[s] | starts) & ~ends
            self.due[s][starts] = NEVER
            self.calm[s][starts] = 0
            self.times[s] += starts
            self.spent += np.where(starts, step.cost, 0.0)
        self._set(conditions)

    def _set(self, conditions: Conditions) -> None:
        """Tell the sites whether to switch sources, and how far their docks are lifted."""
        n = len(self.replications)
        for s, step in enumerate(self.steps):
            if step.action == "switch_supplier":
                for i in self.reach[s].sites:
                    conditions.switching[i] = np.zeros(n, np.bool_)
            elif step.action == "lift_capacity":
                for i in self.reach[s].sites:
                    conditions.lift[i] = np.full(n, UNCHANGED, np.int32)
        self._keep_for_channels(conditions)
        for s, step in enumerate(self.steps):
            for j in self.reach[s].lanes if step.action == "expedite" else ():
                if self._by_mode(step, j):
                    conditions.mode[j] = np.where(self.active[s], 1, 0).astype(np.int8)
        for s in self._on("switch_supplier"):
            for i in self.reach[s].sites:
                conditions.switching[i] = conditions.switching[i] | self.active[s]
        for s in self._on("lift_capacity"):
            scale = round(UNCHANGED * self.steps[s].strength)
            for i in self.reach[s].sites:
                lifted = (conditions.lift[i].astype(np.int64) * scale) >> 8
                conditions.lift[i] = np.where(self.active[s], lifted, conditions.lift[i]).astype(
                    np.int32
                )

    def _keep_for_channels(self, conditions: Conditions) -> None:
        """Tell the sites which share of their stock to keep for which channel at least."""
        for kept in conditions.reserve.values():
            kept[...] = 0
        for s in self._on("ration_channels"):
            name = self.steps[s].target.partition(":")[2].strip()
            share = np.where(self.active[s], round(ALL * self.steps[s].strength), 0)
            for i, kept in conditions.reserve.items():
                channels = self.world.sites[i].channels
                if channels is not None and name in channels.names:
                    c = channels.names.index(name)
                    kept[c] = np.maximum(kept[c], share)

    def _count_stopped(self, conditions: Conditions) -> None:
        for j, lane in enumerate(self.world.lanes):
            stopped = conditions.lane_closed[j]
            if lane.supplier >= 0:
                stopped = stopped | (conditions.supplier_share[lane.supplier] == 0)
            else:
                stopped = stopped | conditions.stopped[lane.origin]
            self.stopped_for[j] = np.where(stopped, self.stopped_for[j] + 1, 0)

    def _indicator(self, step: Step, tick: int, state: State, conditions: Conditions) -> Floats:
        """(R,) the indicator of a step as it stands after a tick."""
        world = self.world
        if step.kpi == "lead_time_days":
            return self._lead_time(step.scope, conditions)
        word, _, name = step.scope.partition(":")
        sites = [i for i, site in enumerate(world.sites) if word == "all" or site.site_id == name]
        first = max(0, tick + 1 - WINDOW_DAYS * world.ticks_per_day)
        books = [state.sites[i].ledger for i in sites]
        n = len(self.replications)

        def over_window(row: int) -> Floats:
            parts = [book[first : tick + 1, row].sum(axis=0) for book in books]
            total: Floats = np.sum(parts, axis=0, dtype=np.float64)
            return total

        def tonight(row: int) -> Floats:
            total: Floats = np.sum([book[tick, row] for book in books], axis=0, dtype=np.float64)
            return total

        if step.kpi == "fill_rate":
            return _share(over_window(at.SERVED), over_window(at.DEMAND), 1.0)
        if step.kpi == "cycle_service":
            cycles = over_window(at.CYCLES)
            return _share(cycles - over_window(at.SHORT_CYCLES), cycles, 1.0)
        if step.kpi == "short_units":
            return over_window(at.SHORT)
        if step.kpi == "backlog":
            return tonight(at.BACKLOG)
        if step.kpi == "on_hand":
            return tonight(at.ON_HAND)
        bucket = world.bucket_of_tick[tick]
        if step.kpi == "days_of_cover":
            rate = sum(float(world.sites[i].demand_mean[bucket].sum()) for i in sites)
            daily = np.full(n, rate * world.ticks_per_day)
            return _share(tonight(at.ON_HAND), daily, np.inf)
        empty = np.zeros(n, np.int64)
        asked = 0
        for i in sites:
            wanted = world.sites[i].demand_mean[bucket] > 0.0
            asked += int(wanted.sum())
            empty += ((state.sites[i].on_hand == 0) & wanted).sum(axis=1)
        return _share(empty.astype(np.float64), np.full(n, float(asked)), 0.0)

    def _lead_time(self, scope: str, conditions: Conditions) -> Floats:
        word, _, name = scope.partition(":")
        longest: Floats = np.zeros(len(self.replications))
        for j, lane in enumerate(self.world.lanes):
            if word == "lane" and self.world.lane_id(lane) != name.replace(" ", ""):
                continue
            if word == "supplier" and (lane.supplier < 0 or lane.origin_id != name):
                continue
            ticks = float(lane.lead_table[lane.lead_rows].mean()) if lane.n_skus else 0.0
            ticks += float(lane.transit.mean())
            factor = self.lead_factor(j, conditions.lane_factor[j]) / UNCHANGED
            now = ticks * factor + conditions.lane_delay[j] + self.stopped_for[j]
            longest = np.maximum(longest, now / self.world.ticks_per_day)
        return longest


def _days(mode: Mode) -> float:
    """Return the mean ticks that goods travel by a mode."""
    lead = mode.lead_table[mode.lead_rows]
    return (float(lead.mean()) if lead.size else 0.0) + float(mode.transit.mean())


def _compare(value: Floats, op: str, threshold: float) -> Flags:
    if op == "<":
        return np.asarray(value < threshold)
    if op == "<=":
        return np.asarray(value <= threshold)
    if op == ">":
        return np.asarray(value > threshold)
    return np.asarray(value >= threshold)


def _share(part: Floats, whole: Floats, empty: float) -> Floats:
    result: Floats = np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), empty)
    return result


def _raised(levels: Units, scale: int, active: Flags, struck: Flags) -> Units:
    """(R, K) levels, raised where they are above 0 and the step is in effect."""
    wide = levels.astype(np.int64)
    raised = np.where(wide > 0, (wide * scale + UNCHANGED - 1) >> 8, wide)
    chosen = np.where(active[:, None] & struck[None, :], raised, wide)
    return np.ascontiguousarray(chosen.astype(np.int32))


def _reach(world: World, step: Step, groups: Mapping[str, tuple[tuple[str, str], ...]]) -> Reach:
    if step.action == "switch_supplier":
        return _buyers(world, step.target, groups)
    kind = {
        "expedite": "lead_time_blowup", "reroute": "lead_time_blowup",
        "lift_capacity": "regional_event", "raise_buffer": "demand_surge",
        "ration": "demand_surge",
    }.get(step.action)  # fmt: skip
    return Reach() if kind is None else resolve(world, kind, step.target, groups)


def _buyers(world: World, target: str, groups: Mapping[str, tuple[tuple[str, str], ...]]) -> Reach:
    """Return the sites that a target names, or that buy from the supplier or stock the goods."""
    if target.partition(":")[0] == "supplier":
        struck = resolve(world, "supplier_outage", target, groups).suppliers
        sites = {lane.destination for lane in world.lanes if lane.supplier in struck}
    else:
        sites = set(resolve(world, "demand_surge", target, groups).demand)
        sites |= {
            lane.origin for lane in world.lanes if lane.origin >= 0 and lane.destination in sites
        }
    return Reach(sites=tuple(sorted(sites)))


def _goods(world: World, step: Step, reach: Reach) -> dict[int, Flags]:
    """Per site (K,) the SKUs that a step is about; a site's own, whatever its demand."""
    return dict(reach.demand) if step.action in ("raise_buffer", "ration") else {}


def _pause_goods(world: World, pause: Pause) -> dict[int, Flags]:
    target = "all" if pause.word == "all" else f"{pause.word}:{pause.name}"
    found = resolve(world, "demand_surge", target, {}).demand
    return {
        i: flags
        for i, flags in found.items()
        if not pause.site or world.sites[i].site_id == pause.site
    }
