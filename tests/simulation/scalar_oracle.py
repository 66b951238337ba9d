"""The slow truth: one replication of a whole network in plain integers, one event per shipment.

Written apart from the arrays. It shares with them the facts (world, histories of disruptions, what
a target stands for) and the tables of variates, and computes the random numbers anew, bit by bit.
"""

from __future__ import annotations

import bisect
from collections import Counter, defaultdict
from functools import lru_cache
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


@lru_cache(maxsize=4096)
def named(*names: object) -> int:
    data = "\x1f".join(map(str, names)).encode()
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


def number(stream: int, tick: int, replication: int, item: str) -> int:
    key = scramble((stream + (tick + 1) * 0x9E3779B97F4A7C15) & M64)
    row = scramble(key ^ ((replication + 1) * 0xD1342543DE82EF95 & M64))
    return scramble((row + named("item", item)) & M64)


class Variates:
    """Tables as lists, read by bisection."""

    def __init__(self, tables) -> None:
        self.tables, self.rows = tables, {}

    def draw(self, row: int, bits: int) -> int:
        """First value whose threshold the top 31 bits do not pass."""
        if row < 0:
            return 0
        if row not in self.rows:
            offset, thresholds = self.tables.offset, self.tables.thresholds
            end = int(offset[row + 1]) if row + 1 < len(offset) else len(thresholds)
            self.rows[row] = thresholds[int(offset[row]) : end].tolist()
        place = bisect.bisect_left(self.rows[row], bits >> 33)
        return int(self.tables.base[row]) + int(self.tables.step[row]) * place


def share_out(wants, budget, *, start=0, order=None, in_proportion=True, overhang=False):
    """Grant (units, weight) wants from a budget; one after another, or up to its share of it."""
    total = sum(units * weight for units, weight in wants)
    if total <= budget:
        return [units for units, _ in wants]
    order = list(range(len(wants))) if order is None else list(order)
    shift = max(0, total.bit_length() - 31)
    asked = used = 0
    granted = [0] * len(wants)
    for place in order[start:] + order[:start]:
        units, weight = wants[place]
        if not weight or not units:
            granted[place] = units
            continue
        asked += units * weight
        limit = max(budget, 0)
        if in_proportion:
            limit = (limit >> shift) * (asked >> shift) // (total >> shift) << shift
        while granted[place] < units:  # unit by unit
            ends = used + weight
            if not (used < limit if overhang else ends <= limit):
                break
            granted[place] += 1
            used = ends
            left = limit - used  # many units at once where that cannot matter
            if left > weight:
                more = min(units - granted[place], left // weight)
                granted[place] += more
                used += more * weight
    return granted


class Shipment:
    """Units of one SKU under way."""

    def __init__(self, units: int, due: int, lane: int | None) -> None:
        self.units, self.due, self.lane = units, due, lane


class Shelf:
    """One product at one site."""

    def __init__(self, opening: int) -> None:
        self.on_hand = opening
        self.backlog = self.on_order = self.owed = self.gate = 0
        self.exposed = False
        self.under_way: list[Shipment] = []
        self.lots: Counter = Counter()  # tick on whose morning they end -> units
        self.short_today = 0


class Oracle:
    """One replication."""

    def __init__(self, world, case, seed, groups, replication, extra, script) -> None:
        self.world, self.case, self.seed = world, case, seed
        self.replication, self.script = replication, script
        self.env = simpy.Environment()
        self.active: Counter = Counter()
        self.reach = {
            d.disruption_id: resolve(world, d.kind, d.target, groups) for d in case.disruptions
        }
        self.extra = extra
        self.base = Variates(world.demand[0])
        self.shelf = {
            (i, k): Shelf(int(units))
            for i, site in enumerate(world.sites)
            for k, units in enumerate(site.opening)
        }
        self.waiting = {(j, c): 0 for j, lane in enumerate(world.lanes) for c in range(lane.n_skus)}
        self.queue = {cell: [] for cell in self.waiting}  # [tick, units] ordered, oldest first
        self.ties: Counter = Counter()  # how orders of one tick were told apart
        self.book: Counter = Counter()  # (site, tick, what) -> units
        self.total: Counter = Counter()  # (site, SKU, what) -> units
        self.aside: Counter = Counter()  # (site, SKU) -> units in quarantine
        self.balance: dict = defaultdict(int)  # lane -> grams left
        self.reserve: Counter = Counter()  # (site, SKU, channel) -> units kept
        self.shares: Counter = Counter()  # (site, SKU, channel) -> share of the shelf kept
        self.came: Counter = Counter()  # (site, SKU) -> units received today
        self.asked: Counter = Counter()  # tick -> units that customers ask for
        self.tallies: Counter = Counter()  # (tick, what) -> orders
        self.sold: Counter = Counter()  # (site, SKU) -> units that left with today's orders
        self.pending = dict.fromkeys(self.waiting, 0)  # orders below the supplier's minimum
        self.back: dict = defaultdict(Counter)  # (site, return, tick) -> SKU -> units
        self.freezable = {
            j for d in case.disruptions if d.kind == "lane_freeze"
            for j in self.reach[d.disruption_id].lanes
        }  # fmt: skip
        for i, site in enumerate(world.sites):
            if site.life is not None:
                self.stock_lots(i, site)
        self.left: dict = {}  # (supplier, row) -> units left this week
        self.used_out: Counter = Counter()  # (site, tick) -> units that passed the outbound dock
        self.debts_paid: Counter = Counter()  # (site, tick) -> units that left before the orders
        self.loaded: Counter = Counter()  # (site, tick) -> parcels with orders

    # ---- shelves ----

    def stock_lots(self, i, site):
        """Lay the opening stock out by the day on which it ends."""
        for k, units in enumerate(site.opening):
            if site.life.ticks[k]:
                self.shelf[i, k].lots[int(site.life.ticks[k])] += int(units)
        for ends, skus, amounts in site.life.lots:
            for k, units in zip(skus, amounts, strict=True):
                if site.life.ticks[k]:
                    lots = self.shelf[i, int(k)].lots
                    lots[int(site.life.ticks[k])] -= int(units)
                    lots[ends] += int(units)

    def put(self, i, k, units, tick, *, fresh):
        """Put units on the shelf."""
        shelf, life = self.shelf[i, k], self.world.sites[i].life
        shelf.on_hand += units
        if life is not None and life.ticks[k]:
            ticks = int(life.ticks[k])
            shelf.lots[tick + (ticks if fresh else -(-ticks // 2))] += units

    def take(self, i, k, units):
        """Take units off the shelf, those first that end first."""
        shelf, life = self.shelf[i, k], self.world.sites[i].life
        shelf.on_hand -= units
        if life is None or not life.ticks[k]:
            return
        for ends in sorted(shelf.lots):
            part = min(units, shelf.lots[ends])
            shelf.lots[ends] -= part
            units -= part
        assert units == 0

    # ---- conditions ----

    def item(self, i, k):
        """Return the id of a SKU."""
        return self.world.product_ids[int(self.world.sites[i].product[k])]

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
        kinds = {"lane_closure", "lane_freeze", "port_closure", "regional_event"}
        return bool(self.on(kinds, j, "lanes"))

    def left_of(self, kinds, node, where):
        """Return what disruptions leave of a node, in 1/65,536."""
        left = 65536
        for d in self.on(kinds, node, where):
            left = left * round(65536 * (1.0 - d.severity)) >> 16
        return left

    def share(self, v):
        """Return what is left of a supplier."""
        if self.on({"quality_recall"}, v, "suppliers"):
            return 0
        kinds = {"supplier_outage", "supplier_capacity_loss", "regional_event"}
        return self.left_of(kinds, v, "suppliers")

    def factor(self, j):
        """Return the factor on a lane's lead times, in 1/256."""
        scale = 256
        for d in self.on({"lead_time_blowup"}, j, "lanes"):
            scale = scale * round(256 * d.severity) >> 8
        return scale

    def delay(self, j):
        """Return the ticks that a lane takes longer."""
        return sum(round(d.severity) for d in self.on({"lane_delay"}, j, "lanes"))

    def response(self, what, node, tick, default=0):
        """Return what a response sets."""
        if self.script is None:
            return default
        return self.script(what, node, tick, self.replication)

    def dock(self, i, tick, way):
        """Return the units that pass a dock in a tick, None without limit."""
        site = self.world.sites[i]
        stated = getattr(site.dock, way) if site.dock else None
        share = self.left_of({"labour_shortage"}, i, "sites")
        if stated is not None:
            limit = int(stated[(self.world.first_weekday - 1 + tick) % 7]) * share + 32768 >> 16
        elif share < 65536:
            limit = self.world.normal_flow[i][way == "outbound"] * share + 32768 >> 16
        else:
            return None
        if way == "outbound":
            limit = limit * self.response("lift", i, tick, 256) + 128 >> 8
        return limit

    def parcels(self, i, tick):
        """Return the parcels that customers get in a tick at most, None without limit."""
        dock = self.world.sites[i].dock
        if dock is None or dock.parcels is None:
            return None
        manned = int(dock.parcels[(self.world.first_weekday - 1 + tick) % 7])
        manned = manned * self.left_of({"labour_shortage"}, i, "sites") + 32768 >> 16
        return manned * self.response("lift", i, tick, 256) + 128 >> 8

    # ---- processes ----

    def run(self):
        """Simulate, and return the finished run."""
        world = self.world
        for i, site in enumerate(world.sites):
            for batch in site.coming:
                for k, units in zip(batch.columns, batch.units, strict=True):
                    self.shelf[i, int(k)].on_order += int(units)
                    due = batch.tick
                    if batch.late is not None:
                        stream = named(self.seed, "open orders", site.site_id, batch.source)
                        bits = number(stream, due, self.replication, self.item(i, int(k)))
                        due = max(0, due + int(batch.late[bits >> 54]))
                    self.env.process(self.delivery(i, int(k), int(units), due, seen=False))
        for j, lane in enumerate(world.lanes):
            for batch in lane.orders:
                for c, units in zip(batch.columns, batch.units, strict=True):
                    self.shelf[lane.destination, int(lane.into[c])].on_order += int(units)
                    self.env.process(self.dated(j, int(c), int(units), batch.tick))
        made = histories(
            self.case.disruptions, [self.replication], seed=self.seed, n_ticks=world.n_ticks
        )
        for place, d in enumerate(self.case.disruptions):
            for strike in made[d.disruption_id][0]:
                self.env.process(self.strike(d, strike, (place + 1) / 4096))
        self.env.process(self.morning())
        for i in range(len(world.sites)):
            self.env.process(self.day(i))
            self.env.process(self.ship(i))
        for v in range(len(world.suppliers)):
            self.env.process(self.supply(v))
        self.env.run(until=world.n_ticks)
        return self

    def at(self, moment):
        """Return an event at a moment."""
        return self.env.timeout(moment - self.env.now)

    def strike(self, d, strike, turn):
        """Turn a disruption on and off again."""
        yield self.at(strike.begin)
        self.active[d.disruption_id] += 1
        yield self.at(strike.begin + 1 / 256 + turn)
        if d.kind == "warehouse_fire":
            for i in self.reach[d.disruption_id].sites:
                for k in range(self.world.sites[i].n_skus):
                    shelf = self.shelf[i, k]
                    burnt = (shelf.on_hand * round(65536 * d.severity) + 32768) >> 16
                    self.take(i, k, burnt)
                    self.note(i, k, strike.begin, "destroyed", burnt)
        pots = {}
        if d.kind == "quality_recall":
            pots = self.recall(self.reach[d.disruption_id].suppliers, strike.begin)
        yield self.at(strike.end)
        self.active[d.disruption_id] -= 1
        yield self.at(strike.end + turn / 64)
        for (i, k), pot in pots.items():
            bad = (pot * round(65536 * d.severity) + 32768) >> 16
            self.put(i, k, pot - bad, strike.end, fresh=False)
            self.aside[i, k] -= pot
            self.note(i, k, strike.end, "aside", -pot)
            self.note(i, k, strike.end, "destroyed", bad)

    def supplied(self, suppliers, i, k):
        """Return the share of suppliers in the supply of a SKU, in 1/65,536."""
        share = 0
        for lane in self.world.lanes:
            for c in range(lane.n_skus):
                if lane.destination == i and lane.into[c] == k and lane.fed[c]:
                    part = 65536 if lane.supplier in suppliers else 0
                    if lane.origin >= 0:
                        part = self.supplied(suppliers, lane.origin, int(lane.out_of[c]))
                    share += part * int(lane.split.share[c]) >> 16 if lane.split else part
        return share

    def recall(self, suppliers, tick):
        """Put aside what came from suppliers, on the shelf and under way; return the pots."""
        pots = {}
        for (i, k), shelf in self.shelf.items():
            share = self.supplied(suppliers, i, k)
            pot = (shelf.on_hand * share + 32768) >> 16
            self.take(i, k, pot)
            self.note(i, k, tick, "aside", pot)
            coming = defaultdict(list)  # what comes on the same day is judged together
            for shipment in shelf.under_way:
                apart = shipment.lane if shipment.lane in self.freezable else None
                coming[max(shipment.due, tick), apart].append(shipment)
            gate = (tick, None)
            for day in {gate, *coming}:
                parcels = coming.get(day, [])
                queue = shelf.gate if day == gate else 0
                caught = (queue + sum(s.units for s in parcels)) * share + 32768 >> 16
                shelf.on_order -= caught
                pot += caught
                if day == gate:
                    taken = min(caught, shelf.gate)
                    shelf.gate -= taken
                    caught -= taken
                for shipment in parcels:
                    taken = min(caught, shipment.units)
                    shipment.units -= taken
                    caught -= taken
            pots[i, k] = pot
            self.aside[i, k] += pot
        return pots

    def morning(self):
        """Give lanes and suppliers their allowances."""
        world = self.world
        for tick in range(world.n_ticks):
            yield self.at(tick + 1 / 64)
            for j in range(len(world.lanes)):
                load = self.load(j)
                if load is not None:
                    share = self.left_of({"carrier_capacity_loss"}, j, "lanes")
                    grams = load * share >> 16
                    self.balance[j] = min(self.balance[j] + grams, grams)
            for shelf in self.shelf.values():
                for shipment in shelf.under_way:
                    if shipment.lane is not None and self.on(
                        {"lane_freeze"}, shipment.lane, "lanes"
                    ):
                        shipment.due += 1
            if tick == 0 or (world.first_weekday - 1 + tick) % 7 == 0:
                for v, supplier in enumerate(world.suppliers):
                    if supplier.quota is not None:
                        for q, units in enumerate(supplier.quota.units):
                            self.left[v, q] = int(units)

    def weights(self, j):
        """Return the grams of each SKU of a lane."""
        lane = self.world.lanes[j]
        if lane.load is not None:
            return [int(grams) for grams in lane.load.weight]
        return [round(float(kg) * 1000) for kg in lane.kg]

    def load(self, j):
        """Return the grams that a lane carries a day, None without limit."""
        lane = self.world.lanes[j]
        if lane.load is not None:
            return lane.load.grams
        if not self.on({"carrier_capacity_loss"}, j, "lanes"):
            self.balance[j] = 10**15
            return None
        flow = sum(int(f) * g for f, g in zip(lane.flow, self.weights(j), strict=True))
        return max(1, flow // 256)

    def delivery(self, i, k, units, tick, lane=None, *, seen=True):
        """Bring units to the gate of a site; a recall catches only what it sees coming."""
        shipment = Shipment(units, tick, lane)
        shelf = self.shelf[i, k]
        if seen:
            shelf.under_way.append(shipment)
        while True:
            due = shipment.due
            if due >= self.world.n_ticks:
                return
            yield self.at(due + 1 / 16)
            if shipment.due == due:
                break
        if seen:
            shelf.under_way.remove(shipment)
        shelf.gate += shipment.units

    def dated(self, j, c, units, tick):
        """Place one of the plan's own orders."""
        if tick >= self.world.n_ticks:
            return
        yield self.at(tick + 1 / 4)
        self.ask(j, c, units)

    def ask(self, j, c, units):
        """Put an order down at the start of a lane."""
        self.waiting[j, c] += units
        self.queue[j, c].append([round(self.env.now), units])
        lane = self.world.lanes[j]
        if lane.origin >= 0:
            self.shelf[lane.origin, int(lane.out_of[c])].owed += units

    def note(self, i, k, tick, what, units):
        """Write units into the book."""
        self.book[i, tick, what] += units
        self.total[i, k, what] += units

    def demand(self, i, k, tick):
        """Return the units asked for."""
        world, item = self.world, self.item(i, k)
        stream = named(self.seed, "demand", world.sites[i].site_id)
        bits = number(stream, tick, self.replication, item)
        bucket = int(world.bucket_of_tick[tick])
        units = self.base.draw(int(world.demand[1][i][bucket, k]), bits)
        for wanted in ("demand_surge", "demand_collapse"):
            for d in self.case.disruptions:
                flags = self.reach[d.disruption_id].demand.get(i)
                if d.kind != wanted or flags is None or not self.active[d.disruption_id]:
                    continue
                if not flags[k]:
                    continue
                own = named(self.seed, "blow", d.disruption_id) ^ stream
                bits = number(own, tick, self.replication, item)
                if wanted == "demand_surge":
                    mean = world.sites[i].demand_mean[bucket, k]
                    variance = world.sites[i].demand_variance[bucket, k]
                    if mean > 0:
                        extra = d.severity - 1.0
                        tables, row = self.extra(extra * mean, extra * variance)
                        units += tables.draw(row, bits)
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
        site = self.world.sites[i]
        skus = range(site.n_skus)
        for tick in range(self.world.n_ticks):
            yield self.at(tick + 1 / 8)
            for k in skus:
                self.sold[i, k] = 0
            self.outdate(i, tick)
            anew = self.take_back(i, tick)
            self.receive(i, tick)
            self.sell(i, tick, anew)
            if self.world.orders is not None and i == 0:
                yield self.at(tick + 3 / 16)
                self.serve_orders(tick)
            yield self.at(tick + 5 / 16 + site.depth / 64)
            for k in skus:
                if self.sold[i, k]:
                    self.send_back(i, k, tick, self.sold[i, k])
                self.order(i, k, tick)
            for j, lane in enumerate(self.world.lanes):
                if lane.destination == i and lane.minimum:
                    self.place_enough(j)
            if any(lane.lateral for lane in self.world.lanes):
                yield self.at(tick + 7 / 16)
                self.help_out(i, tick)
            yield self.at(tick + 15 / 16)
            for k in skus:
                self.note(i, k, tick, "on_hand", self.shelf[i, k].on_hand)
                self.note(i, k, tick, "backlog", self.shelf[i, k].backlog)

    def outdate(self, i, tick):
        """Destroy what ends this morning."""
        for k in range(self.world.sites[i].n_skus):
            units = self.shelf[i, k].lots[tick]
            if units:
                self.take(i, k, units)
                self.note(i, k, tick, "destroyed", units)
                self.note(i, k, tick, "outdated", units)

    def take_back(self, i, tick):
        """Take in what customers send back; return what they ask for anew."""
        anew = Counter()
        for n, facts in enumerate(self.world.sites[i].returns):
            parcels = self.back.pop((i, n, tick), Counter())
            if self.shut(i):
                self.back[i, n, tick + 1] += parcels
                continue
            for k, units in parcels.items():
                self.note(i, k, tick, f"returned_{facts.disposition}", units)
                if facts.disposition == "shelf":
                    self.put(i, k, units, tick, fresh=False)
                    self.note(i, k, tick, "received", units)
                elif facts.disposition == "exchange":
                    anew[k] += units
        return anew

    def send_back(self, i, k, tick, issued):
        """Let customers send back their share of what they got."""
        site = self.world.sites[i]
        if not site.returns:
            return
        stream = named(self.seed, "returns", site.site_id)
        low = number(stream, tick, self.replication, self.item(i, k)) & 0xFFFF
        so_far = before = 0
        for n, facts in enumerate(site.returns):
            so_far += int(facts.share[k])
            up_to = (issued * so_far + low) >> 16
            if up_to > before:
                self.back[i, n, tick + int(facts.delay[k])][k] += up_to - before
            before = up_to

    def passing(self, i, tick):
        """Return how the docks of a site choose between SKUs."""
        first = self.world.sites[i].first
        if first is None:
            return {"start": tick % self.world.sites[i].n_skus}
        return {"order": first.tolist(), "in_proportion": False}

    def receive(self, i, tick):
        """Let in what waits at the gate."""
        site = self.world.sites[i]
        shelves = [self.shelf[i, k] for k in range(site.n_skus)]
        entering = [0 if self.shut(i) else shelf.gate for shelf in shelves]
        limit = self.dock(i, tick, "inbound")
        if site.dock is not None and site.dock.doors is not None:
            done = self.through_doors(i, tick, sum(entering))
            limit = done if limit is None else min(limit, done)
        if limit is not None:
            entering = share_out([(n, 1) for n in entering], limit, **self.passing(i, tick))
        if site.store is not None:
            volume = [int(each) for each in site.store.volume]
            room = site.store.room - sum(
                shelf.on_hand * each for shelf, each in zip(shelves, volume, strict=True)
            )
            offered = entering
            wants = list(zip(offered, volume, strict=True))
            entering = share_out(wants, room, **self.passing(i, tick))
            if site.store.refuses:
                for k, shelf in enumerate(shelves):
                    back = offered[k] - entering[k]
                    shelf.gate -= back
                    shelf.on_order -= back
                    self.note(i, k, tick, "refused", back)
        for k, shelf in enumerate(shelves):
            units = entering[k]
            shelf.gate -= units
            self.put(i, k, units, tick, fresh=True)
            self.came[i, k] = units
            shelf.on_order -= units
            self.note(i, k, tick, "received", units)
            if units:
                self.note(i, k, tick, "cycles", 1)
                self.note(i, k, tick, "short_cycles", int(shelf.exposed))
                shelf.exposed = False

    def through_doors(self, i, tick, units):
        """Return the units with which the doors of a site are done, a load at each door."""
        doors = self.world.sites[i].dock.doors
        stream = named(self.seed, "doors", self.world.sites[i].site_id)
        chance = doors.done * self.left_of({"labour_shortage"}, i, "sites") + 32768 >> 16
        done = 0
        for door in range(doors.count):
            if units <= 0:
                break
            units -= doors.units
            if number(stream, tick, self.replication, f"door {door}") >> 48 < chance:
                done += doors.units
        return done

    def sell(self, i, tick, anew):
        """Pay old debts and meet the day's demand, as far as the dock lets goods out."""
        site = self.world.sites[i]
        stopped = self.stopped(i)
        asked = [self.demand(i, k, tick) + anew[k] for k in range(site.n_skus)]
        if self.world.orders is not None:
            self.asked[tick] += sum(asked)
            asked = [0] * site.n_skus
        shelves = [self.shelf[i, k] for k in range(site.n_skus)]
        leaving = [
            0 if stopped else min(shelf.on_hand, shelf.backlog + asked[k])
            for k, shelf in enumerate(shelves)
        ]
        if site.channels is not None:
            allowed = [self.channels(i, k, tick, asked[k]) for k in range(site.n_skus)]
            leaving = [min(n, most) for n, most in zip(leaving, allowed, strict=True)]
        limits = [self.dock(i, tick, "outbound")]
        if self.parcels(i, tick) is not None:
            limits.append(self.parcels(i, tick) * site.dock.parcel_units >> 16)
        limits = [limit for limit in limits if limit is not None]
        if limits:
            leaving = share_out([(n, 1) for n in leaving], min(limits), **self.passing(i, tick))
        for k, shelf in enumerate(shelves):
            paid = min(leaving[k], shelf.backlog)
            self.debts_paid[i, tick] += leaving[k]
            served = leaving[k] - paid
            self.take(i, k, leaving[k])
            self.send_back(i, k, tick, leaving[k])
            shelf.short_today = asked[k] - served
            shelf.backlog -= paid
            self.used_out[i, tick] += leaving[k]
            self.note(i, k, tick, "demand", asked[k])
            self.note(i, k, tick, "served", served)
            self.note(i, k, tick, "issued", leaving[k])
            self.note(i, k, tick, "short", asked[k] - served)
            if asked[k] > served:
                shelf.exposed = True
                if not self.world.lost:
                    shelf.backlog += asked[k] - served

    def serve_orders(self, tick):
        """Serve customers' orders one after another."""
        world, book = self.world, self.world.orders
        mean = (sum(map(int, book.units)) << 16) // len(book.place)
        stream = named(self.seed, "orders")
        key = scramble((stream + (tick + 1) * 0x9E3779B97F4A7C15) & M64)
        row = scramble(key ^ ((self.replication + 1) * 0xD1342543DE82EF95 & M64))
        phase = (scramble(row) & 0x7FFFFFFF) % mean
        column = {
            (i, int(p)): k for i, site in enumerate(world.sites) for k, p in enumerate(site.product)
        }
        for n in range(((self.asked[tick] << 16) + phase) // mean):
            bits = number(stream, tick, self.replication, f"order {n}") & 0x7FFFFFFF
            order = bits * len(book.place) >> 31
            lines = range(int(book.begin[order]), int(book.begin[order + 1]))
            wants = {int(book.product[line]): int(book.units[line]) for line in lines}
            place = int(book.place[order])
            sites = [int(s) for s in book.ranks[place]]

            used, missing = set(), False

            def able(s, part, column=column, used=used):
                limit = self.dock(s, tick, "outbound")
                if s not in used and not self.parcels_left(s, tick):
                    return False
                fits = limit is None or sum(part.values()) <= limit - self.used_out[s, tick]
                return fits and not self.stopped(s) and all(
                    (s, p) in column and self.shelf[s, column[s, p]].on_hand >= units
                    for p, units in part.items()
                )  # fmt: skip

            from_one = next((s for s in sites if able(s, wants)), None)
            for p, units in wants.items():
                s = from_one
                if s is None and book.splits[order]:
                    s = next((each for each in sites if able(each, {p: units})), None)
                if s is None:
                    missing = True
                    home = next((each for each in sites if (each, p) in column), None)
                    if home is not None:
                        self.book_line(home, column[home, p], tick, units, 0)
                    continue
                if s not in used:
                    self.loaded[s, tick] += 1
                used.add(s)
                self.book_line(s, column[s, p], tick, units, units)
            done = {
                0: 1, 1: not missing,
                2: not missing and all(bool(book.punctual[place, s]) for s in used),
                3: len(used) > 0, 4: len(used) > 1, 5: len(used),
            }  # fmt: skip
            for what, count in done.items():
                self.tallies[tick, what] += int(count)

    def parcels_left(self, i, tick):
        """Say whether customers' orders may still fill a parcel at a site today."""
        limit = self.parcels(i, tick)
        if limit is None:
            return True
        units = self.debts_paid[i, tick] * 65536
        size = self.world.sites[i].dock.parcel_units
        gone = 0  # parcels that went to old debts
        while gone * size < units:
            gone += 1
        return gone + self.loaded[i, tick] < limit

    def book_line(self, i, k, tick, asked, served):
        """Book a line of an order at a site."""
        shelf = self.shelf[i, k]
        self.take(i, k, served)
        self.used_out[i, tick] += served
        self.sold[i, k] += served
        self.note(i, k, tick, "demand", asked)
        self.note(i, k, tick, "served", served)
        self.note(i, k, tick, "issued", served)
        self.note(i, k, tick, "short", asked - served)
        if asked > served:
            shelf.exposed = True
            shelf.short_today += asked - served
            if not self.world.lost:
                shelf.backlog += asked - served

    def channels(self, i, k, tick, asked):
        """Return the units that the channels of a site may take, and settle their reserves."""
        facts, shelf = self.world.sites[i].channels, self.shelf[i, k]
        bucket = self.world.bucket_of_tick
        first = tick == 0 or bucket[tick] != bucket[tick - 1]
        left = sum(bucket[later] == bucket[tick] for later in range(tick, len(bucket)))
        stream = named(self.seed, "channels", self.world.sites[i].site_id)
        low = number(stream, tick, self.replication, self.item(i, k)) & 0xFFFF
        open_stock, before, wants, taken = shelf.on_hand, 0, [], []
        for c, name in enumerate(facts.names):
            ordered = self.response("reserve", (i, c), tick)
            share, before_today = max(int(facts.reserve[c]), ordered), self.shares[i, k, c]
            self.shares[i, k, c] = share
            kept = self.reserve[i, k, c] + (self.came[i, k] * share >> 16)
            of_shelf = shelf.on_hand * share >> 16
            if first or share > before_today:
                kept = of_shelf
            elif share < before_today:
                kept = min(kept, of_shelf)
            if left <= facts.release[c] and not ordered:
                kept = 0
            kept = min(kept, open_stock)
            open_stock -= kept
            up_to = (asked * int(facts.demand[c, k]) + low) >> 16
            units = 0 if self.stopped(i) else up_to - before
            before = up_to
            own = min(units, kept)
            self.reserve[i, k, c] = kept - own
            self.note(i, k, tick, f"asked:{name}", units)
            wants.append((units - own, 1))
            taken.append(own)
        debts = min(open_stock, shelf.backlog)
        shared = share_out(wants, open_stock - debts)
        for name, own, more in zip(facts.names, taken, shared, strict=True):
            self.note(i, k, tick, f"granted:{name}", own + more)
        return debts + sum(taken) + sum(shared)

    def position(self, i, k, echelon):
        """Return the inventory position."""
        shelf = self.shelf[i, k]
        total = shelf.on_hand + shelf.on_order - shelf.backlog - shelf.owed
        if echelon:
            for lane in self.world.lanes:
                for c in range(lane.n_skus):
                    if lane.origin == i and lane.out_of[c] == k and lane.first[c]:
                        total += self.position(lane.destination, int(lane.into[c]), True)
        return total

    def order(self, i, k, tick):
        """Reorder, when it is due."""
        policy = self.world.sites[i].policy
        since = tick - int(policy.first[k])
        if since < 0 or since % int(policy.every[k]):
            return
        sources = [
            (int(lane.split.rank[c]) if lane.split else 0, j, c)
            for j, lane in enumerate(self.world.lanes)
            for c in range(lane.n_skus)
            if lane.destination == i and lane.into[c] == k and lane.fed[c]
        ]
        if not sources:
            return
        row = min(tick, len(policy.levels.order_up_to) - 1)
        point = int(policy.levels.reorder_point[row, k])
        position = self.position(i, k, bool(policy.echelon[k]))
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
        for j, c, units in self.parts(i, tick, wanted, sorted(sources)):
            self.shelf[i, k].on_order += units
            if self.world.lanes[j].minimum:
                self.pending[j, c] += units
            else:
                self.ask(j, c, units)
            self.note(i, k, tick, "ordered", units)

    def place_enough(self, j):
        """Place what was ordered once it reaches the supplier's minimum."""
        lane = self.world.lanes[j]
        money = [round(float(price) * 1e6) for price in lane.price]
        worth = sum(self.pending[j, c] * money[c] for c in range(lane.n_skus))
        if worth >= round(lane.minimum * 1e6):
            for c in range(lane.n_skus):
                self.ask(j, c, self.pending[j, c])
                self.pending[j, c] = 0

    def parts(self, i, tick, wanted, sources):
        """Split an order over its sources by largest remainder."""
        if self.world.lanes[sources[0][1]].split is None:
            ((_, j, c),) = sources
            return [(j, c, wanted)]
        shares = [int(self.world.lanes[j].split.share[c]) for _, j, c in sources]
        if self.response("switching", i, tick):
            out = [self.out(j) for _, j, _ in sources]
            if not all(out):
                lost = sum(share for share, down in zip(shares, out, strict=True) if down)
                shares = [0 if down else share for share, down in zip(shares, out, strict=True)]
                shares[out.index(False)] += lost
        units = [wanted * share // 65536 for share in shares]
        ranked = sorted(range(len(shares)), key=lambda s: (-(wanted * shares[s] % 65536), s))
        for s in ranked[: wanted - sum(units)]:
            units[s] += 1
        made = []
        for (_, j, c), part in zip(sources, units, strict=True):
            split = self.world.lanes[j].split
            if part:
                raised = max(part, int(split.least[c]))
                while raised % int(split.multiple[c]):
                    raised += 1
                made.append((j, c, raised))
        return made

    def out(self, j):
        """Say whether a source delivers nothing now."""
        lane = self.world.lanes[j]
        down = self.share(lane.supplier) == 0 if lane.supplier >= 0 else self.stopped(lane.origin)
        return down or self.closed(j)

    def supply(self, v):
        """Let a supplier hand over what it can, day after day."""
        world = self.world
        lanes = [j for j, lane in enumerate(world.lanes) if lane.supplier == v]
        for tick in range(world.n_ticks):
            yield self.at(tick + 1 / 2)
            share = self.share(v)
            loads = {}
            for j in lanes:
                lane = world.lanes[j]
                works = lane.working is None or tick >= len(lane.working) or lane.working[tick]
                if works and share and not self.closed(j):
                    ready = [self.ready(j, c, share, tick) for c in range(lane.n_skus)]
                    loads[j] = self.carried(j, ready, tick)
            self.weekly(v, loads)
            for j, units in loads.items():
                self.leave(j, units, tick)

    def ready(self, j, c, share, tick):
        """Return the units of a SKU that a supplier can hand over to a lane."""
        lane = self.world.lanes[j]
        weekday = (self.world.first_weekday - 1 + tick) % 7
        if lane.takes is not None and not lane.takes[weekday, c]:
            return 0
        units = self.waiting[j, c]
        if share < 65536:
            rate = int(lane.flow[c]) * share
            units = min(units, (rate * (tick + 1) >> 24) - (rate * tick >> 24))
        return units

    def carried(self, j, units, tick):
        """Return the units of each SKU that a lane can carry."""
        unlimited = not self.on({"carrier_capacity_loss"}, j, "lanes")
        if self.world.lanes[j].load is None and unlimited:
            return units
        wants = list(zip(units, self.weights(j), strict=True))
        return share_out(wants, self.balance[j], start=tick % len(units), overhang=True)

    def weekly(self, v, loads):
        """Cut the loads of a supplier to what is left of its week."""
        quota = self.world.suppliers[v].quota
        if quota is None:
            return
        for q in range(len(quota.units)):
            cells = [
                (j, c) for j in loads for c in range(len(loads[j]))
                if self.world.lanes[j].quota_of is not None
                and self.world.lanes[j].quota_of[c] == q
            ]  # fmt: skip
            granted = share_out([(loads[j][c], 1) for j, c in cells], self.left[v, q])
            for (j, c), units in zip(cells, granted, strict=True):
                loads[j][c] = units
            self.left[v, q] -= sum(granted)

    def spare(self, i, k, tick):
        """Return the units beyond a site's debts and its own level."""
        shelf, levels = self.shelf[i, k], self.world.sites[i].policy.levels.order_up_to
        level = int(levels[min(tick, len(levels) - 1), k])
        return max(0, shelf.on_hand - shelf.backlog - shelf.owed - level)

    def leave(self, j, units, tick):
        """Let a lane depart with its load."""
        lane = self.world.lanes[j]
        if j in self.balance:
            self.balance[j] -= sum(n * g for n, g in zip(units, self.weights(j), strict=True))
        for c, loaded in enumerate(units):
            if not lane.lateral:
                self.waiting[j, c] -= loaded
                self.unqueue(self.queue[j, c], loaded)
            if lane.origin >= 0:
                k = int(lane.out_of[c])
                if not lane.lateral:
                    self.shelf[lane.origin, k].owed -= loaded
                self.take(lane.origin, k, loaded)
                self.used_out[lane.origin, tick] += loaded
                self.note(lane.origin, k, tick, "shipped", loaded)
            if loaded:
                self.env.process(self.depart(j, c, loaded, tick))

    def help_out(self, i, tick):
        """At the first site's turn, let all sites of one echelon help each other out."""
        world = self.world
        if i != 0:
            return
        for j, lane in enumerate(world.lanes):
            if not lane.lateral or self.closed(j) or self.stopped(lane.origin):
                continue
            ends = [(int(lane.out_of[c]), int(lane.into[c])) for c in range(lane.n_skus)]
            units = [
                min(self.shelf[lane.destination, to].short_today, self.spare(lane.origin, of, tick))
                for of, to in ends
            ]
            units = self.carried(j, units, tick)
            loads = {j: units}
            limit = self.dock(lane.origin, tick, "outbound")
            if limit is not None:
                self.fit_dock([j], loads, limit - self.used_out[lane.origin, tick], tick)
            for (_, to), moved in zip(ends, loads[j], strict=True):
                self.shelf[lane.destination, to].short_today -= moved
                self.shelf[lane.destination, to].on_order += moved
                self.note(lane.destination, to, tick, "transshipped", moved)
            self.leave(j, loads[j], tick)

    def ship(self, i):
        """Share a site's stock among its lanes, day after day, the most important first."""
        world = self.world
        for tick in range(world.n_ticks):
            yield self.at(tick + 1 / 2)
            lanes = [
                j for j, lane in enumerate(world.lanes)
                if lane.origin == i and not lane.lateral and not self.closed(j)
            ]  # fmt: skip
            if not self.stopped(i):
                for priority in sorted({world.lanes[j].priority for j in lanes}):
                    equal = [j for j in lanes if world.lanes[j].priority == priority]
                    self.ship_to(i, tick, equal)

    def ship_to(self, i, tick, lanes):
        """Share a site's stock among lanes of one priority."""
        world = self.world
        loads = {j: [0] * world.lanes[j].n_skus for j in lanes}
        for k in range(world.sites[i].n_skus):
            cells = [
                (j, c) for j in lanes for c in range(world.lanes[j].n_skus)
                if world.lanes[j].out_of[c] == k
            ]  # fmt: skip
            if world.sites[i].first_come:
                granted = self.oldest_first(i, k, tick, cells)
            else:
                granted = share_out(
                    [(self.waiting[j, c], 1) for j, c in cells], self.shelf[i, k].on_hand
                )
            for (j, c), units in zip(cells, granted, strict=True):
                loads[j][c] = units
        for j in lanes:
            loads[j] = self.carried(j, loads[j], tick)
        limit = self.dock(i, tick, "outbound")
        if limit is not None:
            self.fit_dock(lanes, loads, limit - self.used_out[i, tick], tick)
        for j in lanes:
            self.leave(j, loads[j], tick)

    def unqueue(self, queue, units):
        """Take units from the front of a queue."""
        while units:
            part = min(units, queue[0][1])
            queue[0][1] -= part
            units -= part
            if not queue[0][1]:
                queue.pop(0)

    def oldest_first(self, i, k, tick, cells):
        """Grant the orders of a SKU tick by tick, as long as the stock lasts."""
        stock = self.shelf[i, k].on_hand
        granted = [0] * len(cells)
        for day in sorted({ordered for cell in cells for ordered, _ in self.queue[cell]}):
            mine = [
                sum(units for ordered, units in self.queue[cell] if ordered == day)
                for cell in cells
            ]
            total = sum(mine)
            left = max(0, total - stock)
            if 0 < left < total and total > 256:
                self.ties["in proportion"] += 1
                before = 0
                for place, units in enumerate(mine):
                    part = left * (before + units) // total - left * before // total
                    before += units
                    granted[place] += units - part
            elif 0 < left < total:
                self.ties["drawn"] += 1
                stream = named(self.seed, "first come", self.world.sites[i].site_id)
                bits = number(stream, tick, self.replication, self.item(i, k))
                labels = [place for place, units in enumerate(mine) for _ in range(units)]
                for n in range(1, left + 1):
                    labels.pop((scramble((bits + n) & M64) >> 33) * len(labels) >> 31)
                for place in labels:
                    granted[place] += 1
            elif not left:
                granted = [g + units for g, units in zip(granted, mine, strict=True)]
            stock = max(0, stock - total)
        return granted

    def fit_dock(self, lanes, loads, limit, tick):
        """Cut the loads of a site to what its dock has left."""
        cells = []
        for j in lanes:
            n = len(loads[j])
            cells += [(j, (tick + c) % n) for c in range(n)]
        granted = share_out([(loads[j][c], 1) for j, c in cells], limit)
        for (j, c), units in zip(cells, granted, strict=True):
            loads[j][c] = units

    def depart(self, j, c, units, tick):
        """Send one shipment on its way."""
        lane, k = self.world.lanes[j], int(self.world.lanes[j].into[c])
        yield self.at(tick + 3 / 4)
        name = f"{lane.origin_id}>{self.world.sites[lane.destination].site_id}"
        stream = named(self.seed, "lane", name, lane.mode)
        bits = number(stream, tick, self.replication, self.item(lane.destination, k))
        mode = (lane.own_mode, *lane.modes)[self.response("mode", j, tick)]
        lead = int(mode.lead_table[mode.lead_rows[c], bits >> 54]) * self.factor(j) >> 8
        if lane.working is not None:  # count off working days one by one
            day = tick
            for _ in range(lead):
                day += 1
                while day < len(lane.working) and not lane.working[day]:
                    day += 1
            lead = day - tick
        lead += int(mode.transit[bits >> 44 & 1023]) * self.factor(j) >> 8
        lead = max(1, lead + self.delay(j))
        arriving = (units * int(lane.accepted[c]) + (bits & 0xFFFF)) >> 16
        self.shelf[lane.destination, k].on_order -= units - arriving
        if arriving:
            yield from self.delivery(lane.destination, k, arriving, tick + lead, j)


def run_oracle(world, case, seed, groups, n_replications, script=None):
    """Return the finished scalar runs, one per replication.

    Parameters
    ----------
    script : (what, node, tick, replication) -> what a response sets then; None for no responses
    """
    made = {}

    def extra(mean, variance):
        if (mean, variance) not in made:
            tables, rows = demand_tables([mean], [variance])
            made[mean, variance] = (Variates(tables), int(rows[0]))
        return made[mean, variance]

    return [
        Oracle(world, case, seed, groups, r, extra, script).run() for r in range(n_replications)
    ]
