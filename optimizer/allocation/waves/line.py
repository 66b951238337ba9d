"""The floor of a site: picking and loading slot by slot, what is due first comes first."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from optimizer.allocation.waves.problem import WORK, Floats, Ints, SiteWork


@dataclass(frozen=True, slots=True)
class Schedule:
    """When parcels are picked and loaded; -1 for what does not happen.

    Attributes
    ----------
    pick_from, pick_to : (n_parcels,) int64, first and last slot of its picking
    load_from, load_to : (n_parcels,) int64, first and last slot of its loading
    picked, loaded : (n_slots,) float64, units picked and parcels loaded in each slot
    """

    pick_from: Ints
    pick_to: Ints
    load_from: Ints
    load_to: Ints
    picked: Floats
    loaded: Floats


class _Batch:
    """Parcels released and due together for one carrier, large and small ones mixed evenly."""

    def __init__(self, members: Ints, units: Floats) -> None:
        self.members = members
        self.upto = np.cumsum(units)
        self.total = float(self.upto[-1])
        self.units_done = 0.0
        self.ready = 0
        self.parcels_done = 0.0
        self.picks: list[tuple[int, float]] = []
        self.loads: list[tuple[int, float]] = []

    def pick(self, slot: int, room: float) -> float:
        """Pick as much as there is room for; return the units picked."""
        work = min(room, self.total - self.units_done)
        self.units_done += work
        self.picks.append((slot, self.units_done))
        self.ready = int(np.searchsorted(self.upto, self.units_done + WORK, side="right"))
        return work

    def load(self, slot: int, room: float) -> float:
        """Load as many picked parcels as there is room for; return how many."""
        work = min(room, self.ready - self.parcels_done)
        self.parcels_done += work
        self.loads.append((slot, self.parcels_done))
        return work


def run_line(work: SiteWork, chance: Ints, fill: float = 1.0) -> Schedule:
    """Pick and load parcels, earliest due first (Jackson 1955); later departures come last.

    A parcel is picked when its last unit is, over several slots where one has no room for all of
    it, and loaded from the slot in which it is picked on. Work that is due earlier and released
    later interrupts. Parcels due together go by carrier, large and small ones mixed evenly, so that
    picking and loading keep pace.

    Parameters
    ----------
    chance : (n_parcels,) int64, the departure that each is to make; those that make none
        stay where they are
    fill : share of the capacity for picking that may be used
    """
    slots, n = work.slots, work.n_parcels
    due = work.due_slot(chance)
    goes = np.flatnonzero((due >= 0) & (work.release < len(slots)))
    batches = _batches(work, due, goes)
    arriving = sorted(range(len(batches)), key=lambda at: (batches[at][0], at))
    to_pick: list[tuple[int, int]] = []
    to_load: list[tuple[int, int]] = []
    waiting = set[int]()
    picked, loaded = np.zeros(len(slots)), np.zeros(len(slots))
    dock_room = slots.dock.tolist()
    come = 0
    for slot, full in enumerate((fill * slots.pick).tolist()):
        while come < len(arriving) and batches[arriving[come]][0] <= slot:
            heapq.heappush(to_pick, (batches[arriving[come]][1], arriving[come]))
            come += 1
        if not to_pick and not to_load and come == len(arriving):
            break
        room = full
        while to_pick and room > WORK:
            key, at = to_pick[0]
            batch = batches[at][2]
            done = batch.pick(slot, room)
            room, picked[slot] = room - done, picked[slot] + done
            if batch.ready > batch.parcels_done and at not in waiting:
                heapq.heappush(to_load, (key, at))
                waiting.add(at)
            if batch.total - batch.units_done <= WORK:
                heapq.heappop(to_pick)
        room = dock_room[slot]
        while to_load and room > WORK:
            at = to_load[0][1]
            batch = batches[at][2]
            done = batch.load(slot, room)
            room, loaded[slot] = room - done, loaded[slot] + done
            if batch.ready - batch.parcels_done <= WORK:
                heapq.heappop(to_load)
                waiting.discard(at)
    pick_from, pick_to, load_from, load_to = (np.full(n, -1, np.int64) for _ in range(4))
    for _, _, batch in batches:
        size = np.arange(1.0, len(batch.members) + 1.0)
        _place(batch.members, batch.upto, batch.picks, pick_from, pick_to)
        _place(batch.members, size, batch.loads, load_from, load_to)
    return Schedule(pick_from, pick_to, load_from, load_to, picked, loaded)


def _batches(work: SiteWork, due: Ints, goes: Ints) -> list[tuple[int, int, _Batch]]:
    """Return (release slot, rank by due slot, batch) of what is released and due together."""
    if not len(goes):
        return []
    _, carrier = np.unique(work.carrier_id.astype(str), return_inverse=True)
    keys = (due, carrier, work.group, work.release)
    batch, order = _runs([*keys, work.units], goes)
    _, size = np.unique(batch, return_index=True)
    rank = np.arange(len(order)) - size[batch]
    mixed = np.empty(work.n_parcels)
    mixed[order] = (rank + 0.5) / np.bincount(batch)[batch]
    order = goes[np.lexsort([mixed[goes], *(key[goes] for key in reversed(keys))])]
    batch, order = _runs(list(keys), order)
    return [
        (int(work.release[part[0]]), number, _Batch(part, work.units[part]))
        for number, part in enumerate(np.split(order, np.flatnonzero(np.diff(batch)) + 1))
    ]


def _runs(keys: list[Ints | Floats], members: Ints) -> tuple[Ints, Ints]:
    """Sort members by keys; return the number of each one's run of equal keys, and their order."""
    order = members[np.lexsort([key[members] for key in reversed(keys)])]
    new = np.zeros(len(order), bool)
    for key in keys:
        new[1:] |= key[order[1:]] != key[order[:-1]]
    return np.cumsum(new), order


def _place(
    members: Ints, upto: Floats, records: list[tuple[int, float]], first: Ints, last: Ints
) -> None:
    """Write the slots in which work on each member begins and ends."""
    if not records:
        return
    slot = np.array([at for at, _ in records], np.int64)
    done = np.array([amount for _, amount in records])
    before = np.concatenate([[0.0], upto[:-1]])
    begins = np.searchsorted(done, before + WORK, side="right")
    ends = np.searchsorted(done, upto - WORK, side="left")
    ended = ends < len(slot)
    last[members[ended]] = slot[ends[ended]]
    begun = begins < len(slot)
    first[members[begun]] = slot[begins[begun]]
