"""Stops that no van drives, given to carriers that offered, within what these take a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from optimizer.outcome import Limits, Outcome
from optimizer.routing.from_scenario import Reading, Refused
from optimizer.routing.insertion import insert_all
from optimizer.routing.offers import Key, Offer
from optimizer.routing.problem import RoutingProblem, left_out
from optimizer.routing.solve import Driven, in_order
from scenarios import Scenario


@dataclass(slots=True)
class _Room:
    """Parcels that carriers take a day, and those that they have been given, by day."""

    most: dict[str, float]
    used: dict[tuple[str, np.datetime64], float]

    def take(self, offer: Offer) -> bool:
        """Use up room for one parcel, if there is any."""
        at = (offer.carrier_id, offer.ready_on)
        if self.used.get(at, 0.0) + 1.0 > self.most.get(offer.carrier_id, np.inf):
            return False
        self.used[at] = self.used.get(at, 0.0) + 1.0
        return True


def hand_over(
    scenario: Scenario,
    upstream: Mapping[str, pd.DataFrame],
    reading: Reading,
    outcomes: Sequence[Outcome[Driven]],
    limits: Limits,
) -> tuple[Reading, list[Outcome[Driven]], dict[Key, Offer]]:
    """Give stops without a van to carriers, those first for which the next choice is much dearer.

    A stop with a prize is given away only where that costs no more than the prize. Where carriers
    have no room left, what they cannot take is put into routes at any cost, or stays unserved.

    Returns
    -------
    reading : without the refused calls that a carrier takes
    outcomes : with what is given away and what is put back; objectives at true losses
    taken : by whom, for refused calls
    """
    if not reading.offers:
        return reading, list(outcomes), {}
    room = _room(scenario, upstream)
    solved = [outcome.solution for outcome in outcomes]
    waiting: list[tuple[float, Key, int, int]] = []
    for number, driven in enumerate(solved):
        for stop in driven.unserved if driven is not None else ():
            key = key_of(driven.problem, stop) if driven is not None else ("", "")
            waiting.append((_regret(reading, key), key, number, stop))
    for number, refused in enumerate(reading.refused):
        key = (refused.order_id, refused.shipment_id)
        waiting.append((_regret(reading, key), key, -1, number))
    given: dict[int, dict[int, Offer]] = {}
    taken: dict[Key, Offer] = {}
    gone: set[int] = set()
    for _, key, number, position in sorted(waiting, key=lambda row: (-row[0], row[1])):
        offer = _first_with_room(reading, key, room)
        if offer is None:
            continue
        if number < 0:
            taken[key] = offer
            gone.add(position)
        else:
            given.setdefault(number, {})[position] = offer
    final = []
    for number, (outcome, driven) in enumerate(zip(outcomes, solved, strict=True)):
        if driven is None:
            final.append(outcome)
            continue
        settled = _settle(reading, driven, given.get(number, {}), limits)
        objective = settled.objective
        bound = min(outcome.bound or 0.0, objective)
        final.append(replace(outcome, solution=settled, objective=objective, bound=bound))
    kept = tuple(item for k, item in enumerate(reading.refused) if k not in gone)
    return replace(reading, refused=kept), final, taken


def key_of(problem: RoutingProblem, stop: int) -> Key:
    """Return order_id and shipment_id of a stop."""
    return problem.stops.order_id[stop], problem.stops.shipment_id[stop]


def losses_if_refused(refused: Sequence[Refused], taken: Mapping[Key, Offer]) -> float:
    """Return money for calls that no van can come for: lost, or taken by carriers."""
    lost = sum(item.loss for item in refused)
    return float(lost + sum(offer.cost for offer in taken.values()))


# ---- inside ---------------------------------------------------------------------------------


def _room(scenario: Scenario, upstream: Mapping[str, pd.DataFrame]) -> _Room:
    """Return what carriers take a day, less the parcels that they have already."""
    carriers = scenario.table("carriers").set_index("carrier_id")["capacity_per_day"].dropna()
    room = _Room({str(carrier): float(most) for carrier, most in carriers.items()}, {})
    shipments = upstream.get("shipments")
    if shipments is not None and len(shipments):
        start = pd.Timestamp(scenario.settings.start_date)
        release = scenario.table("orders").set_index("order_id")["release_at"].dt.normalize()
        ready = release.reindex(shipments["order_id"]).fillna(start).clip(lower=start)
        count = shipments.assign(ready=ready.to_numpy()).groupby(["carrier_id", "ready"]).size()
        for (carrier, day), used in count.items():
            room.used[str(carrier), np.datetime64(day, "D")] = float(used)
    return room


def _regret(reading: Reading, key: Key) -> float:
    """Return what the next choice costs more than the cheapest offer."""
    offers = reading.offers.get(key, ())
    if not offers:
        return 0.0
    other = next((o.cost for o in offers if o.carrier_id != offers[0].carrier_id), np.inf)
    return min(other, max(reading.losses[key][0], offers[0].cost)) - offers[0].cost


def _first_with_room(reading: Reading, key: Key, room: _Room) -> Offer | None:
    """Take the cheapest offer whose carrier has room; None where the prize is less."""
    for offer in reading.offers.get(key, ()):
        loss, optional = reading.losses[key]
        if optional and offer.cost > loss:
            return None
        if room.take(offer):
            return offer
    return None


def _settle(reading: Reading, driven: Driven, given: dict[int, Offer], limits: Limits) -> Driven:
    """Return a plan with stops given away; the others that are left count at their true loss."""
    problem, stops = driven.problem, driven.problem.stops
    loss, optional = stops.loss.copy(), stops.optional.copy()
    turned_away = []
    for stop in driven.unserved:
        key = key_of(problem, stop)
        if stop not in given and key in reading.losses:
            loss[stop], optional[stop] = reading.losses[key]
            turned_away.append(stop)
    problem = replace(problem, stops=replace(stops, loss=loss, optional=optional))
    timed = list(driven.timed)
    hopeful = [stop for stop in turned_away if not driven.tests.hopeless[stop]]
    if hopeful and not driven.co2_limits:
        timed = insert_all(problem, timed, hopeful, limits.cancelled)
    unserved = left_out(problem, tuple(t.route for t in timed))
    rest = tuple(stop for stop in unserved if stop not in given)
    offers = {
        stop: reading.offers[key][0]
        for stop in range(len(stops))
        if (key := key_of(problem, stop)) in reading.offers
    }
    return replace(
        driven, problem=problem, timed=in_order(timed), unserved=rest, given=given, offers=offers
    )
