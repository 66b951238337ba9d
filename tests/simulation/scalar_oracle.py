"""The slow truth: one SimPy process per product-location, one event per shipment, plain integers.

Written apart from the arrays. It shares with them the facts (world, histories of disruptions, what
a target stands for) and the tables of variates, and computes the random numbers anew, bit by bit.
"""

from __future__ import annotations

import bisect
from collections import Counter
from hashlib import blake2b

import simpy

from simulation.disruptions import histories
from simulation.targets import resolve
from simulation.variates import demand_tables

M64 = 2**64 - 1


def scramble(z: int) -> int:
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & M64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & M64
    return z ^ (z >> 31)


def named(*names: object) -> int:
    data = "\x1f".join(map(str, names)).encode()
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


def number(stream: int, tick: int, replication: int, item: str) -> int:
    key = scramble((stream + (tick + 1) * 0x9E3779B97F4A7C15) & M64)
    row = scramble(key ^ ((replication + 1) * 0xD1342543DE82EF95 & M64))
    return scramble((row + named("item", item)) & M64)


def variate(tables, row: int, bits: int) -> int:
    """First value whose threshold the top 31 bits do not pass."""
    if row < 0:
        return 0
    begin = int(tables.offset[row])
    end = int(tables.offset[row + 1]) if row + 1 < len(tables.offset) else len(tables.thresholds)
    place = bisect.bisect_left(tables.thresholds[begin:end].tolist(), bits >> 33)
    return int(tables.base[row]) + int(tables.step[row]) * place


class Shelf:
    """One product at one site."""

    def __init__(self, opening: int) -> None:
        self.on_hand = opening
        self.backlog = self.on_order = self.owed = 0
        self.came = 0
        self.exposed = False


class Oracle:
    """One replication of one product."""

    def __init__(self, world, case, seed, groups, replication, product, extra) -> None:
        self.world, self.case, self.seed = world, case, seed
        self.replication, self.product = replication, product
        self.item = world.product_ids[product]
        self.env = simpy.Environment()
        self.active: Counter = Counter()
        self.reach = {
            d.disruption_id: resolve(world, d.kind, d.target, groups) for d in case.disruptions
        }
        self.extra = extra
        self.column = {}
        for i, site in enumerate(world.sites):
            for k, p in enumerate(site.product):
                if p == product:
                    self.column[i] = k
        self.shelf = {i: Shelf(int(world.sites[i].opening[k])) for i, k in self.column.items()}
        self.lane_column = {}
        for j, lane in enumerate(world.lanes):
            for c, k in enumerate(lane.into):
                if world.sites[lane.destination].product[k] == product:
                    self.lane_column[j] = c
        self.waiting = dict.fromkeys(self.lane_column, 0)
        self.book: Counter = Counter()  # (site, tick, what) -> units
        self.total: Counter = Counter()

    # ---- conditions ----

    def on(self, kinds, node, where):
        """Return the disruptions of some kinds that are on at a node."""
        return [
            d for d in self.case.disruptions
            if d.kind in kinds and node in getattr(self.reach[d.disruption_id], where)
            and self.active[d.disruption_id]
        ]  # fmt: skip

    def shut(self, i):
        """Say whether nothing comes in at a site."""
        return bool(self.on({"warehouse_closure", "warehouse_fire", "regional_event"}, i, "sites"))

    def stopped(self, i):
        """Say whether nothing leaves a site."""
        return self.shut(i) or bool(self.on({"order_processing_outage"}, i, "sites"))

    def closed(self, j):
        """Say whether nothing departs on a lane."""
        return bool(self.on({"lane_closure", "port_closure", "regional_event"}, j, "lanes"))

    def share(self, v):
        """Return what is left of a supplier, in 1/65,536."""
        left = 65536
        kinds = {"supplier_outage", "supplier_capacity_loss", "regional_event"}
        for d in self.on(kinds, v, "suppliers"):
            left = left * round(65536 * (1.0 - d.severity)) >> 16
        return left

    def factor(self, j):
        """Return the factor on a lane's lead times, in 1/256."""
        scale = 256
        for d in self.on({"lead_time_blowup"}, j, "lanes"):
            scale = scale * round(256 * d.severity) >> 8
        return scale

    def delay(self, j):
        """Return the ticks that a lane takes longer."""
        return sum(round(d.severity) for d in self.on({"lane_delay"}, j, "lanes"))

    # ---- processes ----

    def run(self):
        """Simulate, and return the finished run."""
        for i, k in self.column.items():
            for batch in self.world.sites[i].coming:
                for k2, units in zip(batch.columns, batch.units, strict=True):
                    if k2 == k:
                        self.shelf[i].on_order += int(units)
                        self.env.process(self.delivery(i, int(units), batch.tick))
        for j, c in self.lane_column.items():
            for batch in self.world.lanes[j].orders:
                for c2, units in zip(batch.columns, batch.units, strict=True):
                    if c2 == c:
                        self.shelf[self.world.lanes[j].destination].on_order += int(units)
                        self.env.process(self.dated(j, int(units), batch.tick))
        made = histories(
            self.case.disruptions, [self.replication], seed=self.seed, n_ticks=self.world.n_ticks
        )
        for d in self.case.disruptions:
            for strike in made[d.disruption_id][0]:
                self.env.process(self.strike(d, strike))
        for i in self.column:
            self.env.process(self.day(i))
            self.env.process(self.ship(i))
        for j in self.lane_column:
            if self.world.lanes[j].supplier >= 0:
                self.env.process(self.supply(j))
        self.env.run(until=self.world.n_ticks)
        return self

    def at(self, moment):
        """Return an event at a moment."""
        return self.env.timeout(moment - self.env.now)

    def strike(self, d, strike):
        """Turn a disruption on and off again."""
        yield self.at(strike.begin)
        self.active[d.disruption_id] += 1
        if d.kind == "warehouse_fire":
            for i in self.reach[d.disruption_id].sites:
                if i in self.shelf:
                    shelf = self.shelf[i]
                    burnt = (shelf.on_hand * round(65536 * d.severity) + 32768) >> 16
                    shelf.on_hand -= burnt
                    self.note(i, strike.begin, "destroyed", burnt)
        yield self.at(strike.end)
        self.active[d.disruption_id] -= 1

    def delivery(self, i, units, tick):
        """Bring units to a site, waiting at a shut gate."""
        if tick >= self.world.n_ticks:
            return
        yield self.at(tick + 1 / 16)
        while self.shut(i):
            yield self.env.timeout(1)
        shelf = self.shelf[i]
        shelf.on_hand += units
        shelf.on_order -= units
        shelf.came += units
        self.note(i, int(self.env.now), "received", units)

    def dated(self, j, units, tick):
        """Place one of the plan's own orders."""
        if tick >= self.world.n_ticks:
            return
        yield self.at(tick + 1 / 4)
        self.waiting[j] += units
        origin = self.world.lanes[j].origin
        if origin >= 0:
            self.shelf[origin].owed += units

    def note(self, i, tick, what, units):
        """Write units into the book."""
        self.book[i, tick, what] += units
        self.total[i, what] += units

    def demand(self, i, tick):
        """Return the units asked for."""
        world = self.world
        stream = named(self.seed, "demand", world.sites[i].site_id)
        tables, rows = world.demand
        bits = number(stream, tick, self.replication, self.item)
        k, bucket = self.column[i], int(world.bucket_of_tick[tick])
        units = variate(tables, int(rows[i][bucket, k]), bits)
        for wanted in ("demand_surge", "demand_collapse"):
            for d in self.case.disruptions:
                flags = self.reach[d.disruption_id].demand.get(i)
                if d.kind != wanted or flags is None or not self.active[d.disruption_id]:
                    continue
                if not flags[k]:
                    continue
                own = named(self.seed, "blow", d.disruption_id) ^ stream
                bits = number(own, tick, self.replication, self.item)
                if wanted == "demand_surge":
                    mean = world.sites[i].demand_mean[bucket, k]
                    variance = world.sites[i].demand_variance[bucket, k]
                    if mean > 0:
                        extra = d.severity - 1.0
                        units += variate(*self.extra(extra * mean, extra * variance), bits)
                    continue
                kept = round(65536 * (1.0 - d.severity))
                if units > 256:
                    units = (units * kept + (bits & 0xFFFF)) >> 16
                else:
                    drawn = [scramble((bits + n) & M64) >> 48 for n in range(1, units + 1)]
                    units = sum(one < kept for one in drawn)
        return units

    def day(self, i):
        """Serve a site's demand, day after day."""
        shelf, site = self.shelf[i], self.world.sites[i]
        for tick in range(self.world.n_ticks):
            yield self.at(tick + 1 / 8)
            if shelf.came:
                self.note(i, tick, "cycles", 1)
                self.note(i, tick, "short_cycles", int(shelf.exposed))
                shelf.exposed = False
                shelf.came = 0
            stopped = self.stopped(i)
            if not stopped:
                paid = min(shelf.on_hand, shelf.backlog)
                shelf.on_hand -= paid
                shelf.backlog -= paid
                self.note(i, tick, "issued", paid)
            asked = self.demand(i, tick)
            served = 0 if stopped else min(asked, shelf.on_hand)
            shelf.on_hand -= served
            self.note(i, tick, "demand", asked)
            self.note(i, tick, "served", served)
            self.note(i, tick, "issued", served)
            self.note(i, tick, "short", asked - served)
            if asked > served:
                shelf.exposed = True
                if not self.world.lost:
                    shelf.backlog += asked - served
            yield self.at(tick + 5 / 16 + site.depth / 64)
            self.order(i, tick)
            yield self.at(tick + 15 / 16)
            self.note(i, tick, "on_hand", shelf.on_hand)
            self.note(i, tick, "backlog", shelf.backlog)

    def position(self, i, echelon):
        """Return the inventory position."""
        shelf = self.shelf[i]
        total = shelf.on_hand + shelf.on_order - shelf.backlog - shelf.owed
        if echelon:
            for j, c in self.lane_column.items():
                lane = self.world.lanes[j]
                if lane.origin == i and lane.fed[c]:
                    total += self.position(lane.destination, True)
        return total

    def order(self, i, tick):
        """Reorder, when it is due."""
        policy, k = self.world.sites[i].policy, self.column[i]
        since = tick - int(policy.first[k])
        if since < 0 or since % int(policy.every[k]):
            return
        lanes = [
            j for j, c in self.lane_column.items()
            if self.world.lanes[j].destination == i and self.world.lanes[j].fed[c]
        ]  # fmt: skip
        if not lanes:
            return
        row = min(tick, len(policy.levels.order_up_to) - 1)
        point = int(policy.levels.reorder_point[row, k])
        position = self.position(i, bool(policy.echelon[k]))
        if position > point:
            return
        lot = int(policy.fixed_quantity[k])
        if lot:
            wanted = lot
            while position + wanted <= point:
                wanted += lot
        else:
            wanted = int(policy.levels.order_up_to[row, k]) - position
        if wanted <= 0:
            return
        wanted = max(wanted, int(policy.least[k]))
        while wanted % int(policy.multiple[k]):
            wanted += 1
        (j,) = lanes
        self.shelf[i].on_order += wanted
        self.waiting[j] += wanted
        if self.world.lanes[j].origin >= 0:
            self.shelf[self.world.lanes[j].origin].owed += wanted
        self.note(i, tick, "ordered", wanted)

    def supply(self, j):
        """Let the supplier hand over what it can, day after day."""
        lane, c = self.world.lanes[j], self.lane_column[j]
        for tick in range(self.world.n_ticks):
            yield self.at(tick + 1 / 2)
            weekday = (self.world.first_weekday - 1 + tick) % 7
            works = lane.working is None or tick >= len(lane.working) or lane.working[tick]
            takes = lane.takes is None or lane.takes[weekday, c]
            share = self.share(lane.supplier)
            if not works or not takes or share == 0 or self.closed(j):
                continue
            units = self.waiting[j]
            if share < 65536:
                rate = int(lane.flow[c]) * share
                units = min(units, (rate * (tick + 1) >> 24) - (rate * tick >> 24))
            self.waiting[j] -= units
            if units:
                self.env.process(self.depart(j, units, tick))

    def ship(self, i):
        """Share a site's stock among its lanes, day after day."""
        for tick in range(self.world.n_ticks):
            yield self.at(tick + 1 / 2)
            lanes = [
                j for j in sorted(self.lane_column)
                if self.world.lanes[j].origin == i and not self.closed(j)
            ]  # fmt: skip
            if self.stopped(i) or not lanes:
                continue
            stock = self.shelf[i].on_hand
            claims = {j: self.waiting[j] for j in lanes}
            all_claims = sum(claims.values())
            before = 0
            for j in lanes:
                units = claims[j]
                if all_claims > stock:
                    units = (
                        stock * (before + claims[j]) // all_claims - stock * before // all_claims
                    )
                before += claims[j]
                self.waiting[j] -= units
                self.shelf[i].owed -= units
                self.shelf[i].on_hand -= units
                self.note(i, tick, "shipped", units)
                if units:
                    self.env.process(self.depart(j, units, tick))

    def depart(self, j, units, tick):
        """Send one shipment on its way."""
        lane, c = self.world.lanes[j], self.lane_column[j]
        yield self.at(tick + 3 / 4)
        name = f"{lane.origin_id}>{self.world.sites[lane.destination].site_id}"
        bits = number(named(self.seed, "lane", name, lane.mode), tick, self.replication, self.item)
        lead = int(lane.lead_table[lane.lead_rows[c], bits >> 54]) * self.factor(j) >> 8
        if lane.working is not None:  # count off working days one by one
            day = tick
            for _ in range(lead):
                day += 1
                while day < len(lane.working) and not lane.working[day]:
                    day += 1
            lead = day - tick
        lead += int(lane.transit[bits >> 44 & 1023]) * self.factor(j) >> 8
        lead = max(1, lead + self.delay(j))
        arriving = (units * int(lane.accepted[c]) + (bits & 0xFFFF)) >> 16
        self.shelf[lane.destination].on_order -= units - arriving
        if arriving:
            yield from self.delivery(lane.destination, arriving, tick + lead)


def run_oracle(world, case, seed, groups, n_replications):
    """Return the finished scalar runs by (replication, product)."""
    made = {}

    def extra(mean, variance):
        if (mean, variance) not in made:
            tables, rows = demand_tables([mean], [variance])
            made[mean, variance] = (tables, int(rows[0]))
        return made[mean, variance]

    return {
        (r, p): Oracle(world, case, seed, groups, r, p, extra).run()
        for r in range(n_replications)
        for p in range(len(world.product_ids))
    }
