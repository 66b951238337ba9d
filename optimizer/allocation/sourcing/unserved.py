"""Why a line does not ship, whether that is proven, and what would help most cheaply."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.allocation.sourcing.assign import LEFT
from optimizer.allocation.sourcing.blocks import quotes_for, whole_stock
from optimizer.allocation.sourcing.co2_caps import Use
from optimizer.allocation.sourcing.co2_left import why_capped
from optimizer.allocation.sourcing.kept import KeptStock
from optimizer.allocation.sourcing.ledger import UNITS, Ledger
from optimizer.allocation.sourcing.relaxation import Relaxation, missing_units
from optimizer.allocation.sourcing.tariff import Bools, Floats, Ints, Quotes

PROVEN, HEURISTIC = "proven", "heuristic"
OF_PIECES = ["order_id", "lines", "penalty", "ships_for"]
HOLDS = ("duplicate", "no_zone", "no_rate", "too_heavy", "too_late", "reserved", "no_stock")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a piece stays.

    Attributes
    ----------
    code, proof, detail, relaxation : cells of the unserved table
    cost : money of sending it so; NaN: not known
    """

    code: str
    proof: str
    detail: str
    relaxation: str
    cost: float = float("nan")


def unserved_rows(ledger: Ledger, uses: tuple[Use, ...] = ()) -> pd.DataFrame:
    """Return a row for every line that does not ship.

    Proven: no open site could ship the piece even if all other orders stood back.

    Parameters
    ----------
    uses : what the plan takes of limits on CO2e

    Returns
    -------
    rows : columns of `unserved`, and OF_PIECES: the order, how many lines leave together, money
        that they cost since they stay, and money of sending them by the change; NaN: not known
    """
    problem = ledger.problem
    left = np.flatnonzero(ledger.placement.site == LEFT)
    if not len(left):
        return pd.DataFrame()
    rows = []
    first, loss = problem.pieces.first_line, problem.pieces.loss
    for piece, reason in zip(left.tolist(), Reasons(ledger, left, uses).all(), strict=True):
        order = problem.orders.order_id[problem.pieces.order[piece]]
        for line in range(int(first[piece]), int(first[piece + 1])):
            name = f"{order}/{problem.lines.line_id[line]}"
            qty = float(problem.lines.qty[line])
            lines = int(first[piece + 1] - first[piece])
            rows.append((name, qty, reason, order, lines, float(loss[piece])))
    rows.sort(key=lambda row: row[0])
    found = pd.DataFrame(
        {
            "kind": "order_line",
            "id": [name for name, _, _, _, *_ in rows],
            "qty": [qty for _, qty, _, _, *_ in rows],
            "code": [reason.code for _, _, reason, _, *_ in rows],
            "proof": [reason.proof for _, _, reason, _, *_ in rows],
            "detail": [reason.detail for _, _, reason, _, *_ in rows],
            "cheapest_relaxation": [reason.relaxation for _, _, reason, _, *_ in rows],
            "order_id": [order for _, _, _, order, *_ in rows],
            "lines": [row[4] for row in rows],
            "penalty": [row[5] for row in rows],
            "ships_for": [reason.cost for _, _, reason, *_ in rows],
        }
    )
    if not found["id"].duplicated().any():
        return found
    lots = found.groupby("id", sort=False)["qty"]  # of a line that may be split
    qty, count = lots.sum().to_numpy(), lots.size().to_numpy()
    found = found.drop_duplicates("id", ignore_index=True)
    found.loc[count > 1, "ships_for"] = np.nan
    each = [f" (for each of {n} parts)" if n > 1 else "" for n in count.tolist()]
    return found.assign(qty=qty, cheapest_relaxation=found["cheapest_relaxation"] + each)


def held_orders(unserved: pd.DataFrame) -> pd.DataFrame:
    """Return the orders that cannot ship whatever others do, with their first reason."""
    if not len(unserved):
        return pd.DataFrame()
    hold = unserved[(unserved["proof"] == PROVEN) & unserved["code"].isin(HOLDS)]
    if not len(hold):
        return pd.DataFrame()
    frame = pd.DataFrame(
        {
            "order_id": hold["order_id"],
            "code": hold["code"],
            "detail": hold["detail"],
            "what_helps": hold["cheapest_relaxation"],
        }
    )
    return frame.drop_duplicates("order_id", ignore_index=True)


class Reasons:
    """Tests each piece that stays against one limit after the other, in the order of the codes.

    Parameters
    ----------
    ledger : what is left after all orders are placed
    left : (n,) int64, pieces that stay
    uses : what the plan takes of limits on CO2e
    """

    def __init__(self, ledger: Ledger, left: Ints, uses: tuple[Use, ...] = ()) -> None:
        problem = ledger.problem
        self.uses = uses
        self.ledger, self.problem, self.left = ledger, problem, left
        self.order = problem.pieces.order[left]
        self.kg, self.m3 = problem.pieces.kg[left], problem.pieces.m3[left]
        self.units = problem.pieces.units[left]
        self.quotes: Quotes = quotes_for(problem, self.order)
        self.day = problem.orders.day[self.order]
        limits = problem.resources
        self.stock = whole_stock(problem, limits.stock)
        self.kept = KeptStock(ledger)
        self.relaxation = Relaxation(ledger, left)
        self.money, self.missing_now = self.relaxation.money, self.relaxation.missing
        self.missing_ever = missing_units(problem, left, self.stock)

    def all(self) -> list[Reason]:
        """Return the reason of every piece."""
        return [self._reason(at) for at in range(len(self.left))]

    def _reason(self, at: int) -> Reason:
        problem = self.problem
        twin = problem.orders.repeats[self.order[at]]
        if twin:
            return Reason(
                "duplicate", PROVEN, f"repeats order {twin} to the letter",
                "a time of its own (placed_at), if it is meant",
            )  # fmt: skip
        if self.problem.orders.zone[self.order[at]] < 0:
            return Reason(
                "no_zone", PROVEN, "the order names no zone", "enter the zone_id of the order"
            )
        zone = problem.zone_ids[problem.orders.zone[self.order[at]]]
        decision = problem.decided.get(str(problem.orders.order_id[self.order[at]]))
        if decision is not None and decision.stays:
            names = ", ".join(decision.decisions)
            return Reason(
                "decided", PROVEN, f"decision {names} keeps it", "the decision taken back"
            )
        rows = self.quotes.rows[:, :, at]
        listed = rows >= 0
        every = np.arange(problem.n_sites)
        if not listed.any():
            return Reason(
                "no_rate", PROVEN, f"no open site has a rate to zone {zone}",
                self._with_rate(at, every, f"to zone {zone}"),
            )  # fmt: skip
        most = float(problem.tariff.upto_kg[rows[listed]].max())
        kg = float(self.kg[at])
        if kg > most + UNITS:
            return Reason(
                "too_heavy", PROVEN, f"{kg:g} kg; rates to zone {zone} hold at most {most:g} kg",
                self._with_rate(at, every, f"to zone {zone} for {kg:g} kg"),
            )  # fmt: skip
        least = self.money[:, :, at].min(axis=0)
        if not np.isfinite(least).any():
            return self._too_late(at)
        return self._short(at, least)

    def _too_late(self, at: int) -> Reason:
        """Rates hold the piece, but none arrives in time."""
        problem, order = self.problem, int(self.order[at])
        tariff = problem.tariff
        rows = self.quotes.rows[:, :, at]
        holds = (rows >= 0) & (tariff.upto_kg[rows] + UNITS >= self.kg[at])
        promise = problem.orders.promise.of(np.array([order]))
        days = np.where(holds, tariff.days[rows] + promise.waits(tariff.cutoff_h[rows]), np.inf)
        of_site = days.min(axis=0)
        due, fastest = float(problem.orders.promise.days[order]), float(of_site.min())
        site = self.relaxation.nearest(at, np.flatnonzero(np.isfinite(of_site)), of_site)
        later = f"due {_many(float(of_site[site]) - due, 'day')} later"
        return Reason(
            "too_late", PROVEN,
            f"the fastest rate takes {_many(fastest, 'day')} from {self._ship_day(at)},"
            f" {due:g} left",
            ", ".join([later, *self.relaxation.lacking(at, site, self._what(at))]),
        )  # fmt: skip

    def _ship_day(self, at: int) -> str:
        return str(self.problem.days[self.day[at]])

    def _short(self, at: int, least: Floats) -> Reason:
        """Some rate would do: stock, room or money stands in the way."""
        problem, day = self.problem, self.day[at]
        reach = np.isfinite(least)
        units, goods = float(self.units[at]), self._goods(at)
        ever = reach & (self.missing_ever[:, at] <= 0.0)
        if not ever.any():
            reserved = self._reserved(at, least, reach, PROVEN)
            if reserved is not None:
                return reserved
            site = self._closest(self.missing_ever[:, at], least, reach)
            short = float(self.missing_ever[site, at])
            total = float(self.stock[:, self._column(at)].sum())
            name = problem.site_ids[site]
            return Reason(
                "no_stock", PROVEN,
                f"needs {goods}; of the sites in time {name} lacks least, {short:g};"
                f" all sites hold {total:g}",
                self._helps(at),
                self.relaxation.asked(at),
            )  # fmt: skip
        roomy = ever & (problem.resources.room[:, day] >= units - UNITS)
        if not roomy.any():
            return self._no_room(at, ever, least, problem.resources.room, PROVEN)
        open_to = problem.resources.parcels[:, day] >= 1.0
        if not np.isfinite(self.money[open_to][:, roomy, at]).any():
            return self._no_carrier(at, PROVEN)
        return self._too_much(at, roomy, open_to) or self._short_now(at, least, reach)

    def _short_now(self, at: int, least: Floats, reach: Bools) -> Reason:
        """Alone it could ship: what others took, or money, stands in the way."""
        problem, ledger, day = self.problem, self.ledger, self.day[at]
        units, goods = float(self.units[at]), self._goods(at)
        if not self.relaxation.steps[at]:
            return Reason(
                "not_tried", HEURISTIC,
                f"could ship for {self.relaxation.here(at)[0]:.2f}, but the search ended before",
                "more time or work for the stage",
                self.relaxation.here(at)[0],
            )  # fmt: skip
        now = reach & (self.missing_now[:, at] <= 0.0)
        if not now.any():
            reserved = self._reserved(at, least, reach, HEURISTIC)
            if reserved is not None:
                return reserved
            site = self._closest(self.missing_now[:, at], least, reach)
            short = float(self.missing_now[site, at])
            return Reason(
                "no_stock", HEURISTIC,
                f"needs {goods}; other orders took it: {problem.site_ids[site]} lacks {short:g}",
                self._helps(at),
                self.relaxation.asked(at),
            )  # fmt: skip
        free = now & (ledger.room[:, day] >= units - UNITS)
        if not free.any():
            return self._no_room(at, now, least, ledger.room, HEURISTIC)
        open_to = ledger.parcels[:, day] >= 1.0
        money = self.money[open_to][:, free, at]
        if not np.isfinite(money).any():
            return self._no_carrier(at, HEURISTIC)
        cost, joins = self.relaxation.here(at)
        alone = "a parcel costs" if problem.goods is None else "a parcel and its goods cost"
        way = "with its order it costs" if joins else alone
        penalty = float(problem.pieces.loss[self.left[at]])
        return Reason(
            "not_worth_it", HEURISTIC,
            f"{way} {cost:.2f}, leaving it {penalty:.2f}",
            self._helps(at),
            self.relaxation.asked(at),
        )  # fmt: skip

    def _too_much(self, at: int, roomy: Bools, open_to: Bools) -> Reason | None:
        """Say that a limit on CO2e keeps a piece from shipping; None where it does not."""
        if not self.uses:
            return None
        capped = why_capped(
            self.problem,
            int(self.left[at]),
            self.uses,
            self._able_now(at),
            open_to[:, None] & roomy,
        )
        if capped is None:
            return None
        proof = PROVEN if capped.proven else HEURISTIC
        return Reason("co2", proof, capped.detail, capped.helps, capped.cost)

    def _able_now(self, at: int) -> Bools:
        """Say by which carrier limits and from which sites a piece could go now, (n, n_sites)."""
        ledger, day = self.ledger, self.day[at]
        here = (self.missing_now[:, at] <= 0.0) & (
            ledger.room[:, day] >= float(self.units[at]) - UNITS
        )
        result: Bools = (ledger.parcels[:, day] >= 1.0)[:, None] & here
        return result

    def _reserved(self, at: int, least: Floats, reach: Bools, proof: str) -> Reason | None:
        """Say that what is kept for other channels would do; None where it would not."""
        kept = self.kept.best(self._takes(at), np.flatnonzero(reach).tolist(), least)
        if kept is None:
            return None
        name, whose = self.problem.site_ids[kept.site], " and ".join(kept.channels)
        goods = ", ".join(f"{units:g} of {product}" for units, product in kept.goods)
        ships = f"(ships for {float(least[kept.site]):.2f})"
        taken = "" if proof == PROVEN else "; other orders took what is for all"
        owner = self.problem.resources.owner[kept.site]
        if owner:
            told = f"{name} serves channel {owner} alone"
            helps = f"{name} open to all channels, which has {goods} {ships}"
        elif np.isfinite(kept.days):
            days = _many(kept.days, "day")
            told = f"{name} keeps it for {whose} until {days} after the start"
            helps = f"released {days} earlier, {goods} of {whose} at {name} {ships}"
        else:
            told = f"{name} keeps it for {whose} and does not release it"
            helps = f"released by now (release_hours_before), {goods} of {whose} at {name} {ships}"
        detail = f"needs {self._goods(at)}; {told}{taken}"
        return Reason("reserved", proof, detail, helps, float(least[kept.site]))

    def _takes(self, at: int) -> list[tuple[int, float]]:
        """Return stock column and units of all that a piece takes."""
        piece, takes = self.left[at], []
        for parts in self.problem.pieces.parts:
            found = int(np.searchsorted(parts.piece, piece))
            if found < len(parts.piece) and parts.piece[found] == piece:
                takes.append((int(parts.column[found]), float(parts.qty[found])))
        return takes

    def _column(self, at: int) -> int:
        return int(self.problem.pieces.parts[0].column[self.left[at]])

    def _goods(self, at: int) -> str:
        """Name what a piece takes from stock, at most three products."""
        product = self.problem.resources.product_id
        names = [f"{qty:g} of {product[column]}" for column, qty in self._takes(at)]
        return ", ".join(names[:3]) + (" and more" if len(names) > 3 else "")

    @staticmethod
    def _closest(missing: Floats, least: Floats, reach: Bools) -> int:
        """Return the site that lacks least, the cheapest of those."""
        lack = np.where(reach, missing, np.inf)
        return int(np.lexsort((np.arange(len(lack)), least, lack))[0])

    def _what(self, at: int) -> str:
        """Name the product of a piece, or say that it takes several."""
        product = self.problem.resources.product_id[self._column(at)]
        return f"of {product}" if len(self._takes(at)) == 1 else "of its goods"

    def _helps(self, at: int) -> str:
        """Say which smallest change, out of what is left now, lets a piece ship."""
        return self.relaxation.told(at, self._what(at))

    def _with_rate(self, at: int, sites: Ints, rate: str) -> str:
        """Say which rate is missing, from the site that lacks least besides."""
        if not len(sites):
            return f"an open site, and a rate {rate}"
        site = self.relaxation.nearest(at, sites)
        steps = self.relaxation.lacking(at, site, self._what(at))
        return ", ".join([f"a rate from {self.problem.site_ids[site]} {rate}", *steps])

    def _no_room(self, at: int, sites: Bools, least: Floats, room: Floats, proof: str) -> Reason:
        day = self.day[at]
        site = int(np.where(sites, least, np.inf).argmin())
        name, left = self.problem.site_ids[site], float(room[site, day])
        return Reason(
            "no_capacity", proof,
            f"{float(self.units[at]):g} to ship; {name} has {left:g} left on {self._ship_day(at)}",
            self._helps(at),
            self.relaxation.asked(at),
        )  # fmt: skip

    def _no_carrier(self, at: int, proof: str) -> Reason:
        return Reason(
            "no_capacity", proof,
            f"no carrier that could send it takes another parcel on {self._ship_day(at)}",
            self._helps(at),
            self.relaxation.asked(at),
        )  # fmt: skip


def _many(count: float, what: str) -> str:
    """Return "1 day", "2 days"."""
    return f"{count:g} {what}{'' if count == 1 else 's'}"
