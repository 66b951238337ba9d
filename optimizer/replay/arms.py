"""Who decides: the nightly plan, the same plan with perfect foresight, and fixed (s, S) rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.draft import Draft
from optimizer.outcome import Limits
from optimizer.pipeline import audit_stage, run_stage
from optimizer.plan import Provenance, conform
from optimizer.replay.books import Books
from optimizer.replay.state import foreseen, shifted
from optimizer.replay.truth import DAY
from optimizer.stage import StageResult
from scenarios import Scenario
from scenarios.semantics.calendars import order_weekdays

NIGHT_WORK, FORECAST_WORK = 1.0, 6.0
FORECAST = ("forecast", "forecast_origins")


@dataclass(frozen=True, slots=True)
class Decided:
    """Tonight's purchases and transfers, as the plan's tables have them."""

    orders: pd.DataFrame
    moves: pd.DataFrame


class Arm(Protocol):
    """One way to decide."""

    name: str

    def decide(self, facts: Scenario, books: Books, day: int) -> Decided:
        """Decide on a morning."""


@dataclass(slots=True)
class Nightly:
    """Plans each night: forecasts anew with every whole period, purchases and transfers each night.

    Attributes
    ----------
    name : of the arm
    foresight : it is told what will be asked for
    policies : rules of its first night, which fixed rules take over
    audited : nights whose plan the referee passed
    """

    name: str
    foresight: bool
    policies: pd.DataFrame | None = None
    audited: int = 0
    known: dict[str, pd.DataFrame] = field(default_factory=dict)
    made_on: int = -1

    def decide(self, facts: Scenario, books: Books, day: int) -> Decided:
        """Plan tonight; audited."""
        upstream = self._forecast(facts, books, day)
        limits = Limits(work=NIGHT_WORK, seed=facts.settings.seed)
        result = run_stage("replenishment", facts, upstream, limits, {"brief": "yes"})
        tables = _with(upstream, "replenishment", result)
        audit_stage("replenishment", facts, tables, result)
        self.audited += 1
        if self.policies is None:
            self.policies = tables["policies"]
        today = pd.Timestamp(facts.settings.start_date)
        orders = conform("purchase_orders", tables.get("purchase_orders", pd.DataFrame()))
        moves = conform("transfers", tables.get("transfers", pd.DataFrame()))
        return Decided(orders[orders["order_on"] == today], moves[moves["ship_on"] == today])

    def _forecast(self, facts: Scenario, books: Books, day: int) -> dict[str, pd.DataFrame]:
        """Return `forecast`, and `forecast_origins` where the past was forecast."""
        if self.foresight:
            return {"forecast": conform("forecast", foreseen(books, facts, day))}
        length = facts.settings.bucket_days
        if self.made_on < 0 or day - self.made_on >= length:
            limits = Limits(work=FORECAST_WORK, seed=facts.settings.seed)
            result = run_stage("forecasting", facts, {}, limits)
            self.known = {name: conform(name, result.tables[name]) for name in FORECAST}
            self.made_on = day
        age = day - self.made_on
        later = conform("forecast", shifted(self.known["forecast"], age, length))
        return self.known | {"forecast": later}


@dataclass(slots=True)
class FixedRules:
    """Orders up to S what has fallen to s; s and S are those of the first night, for good.

    From the primary supplier, in its multiples and minimums, on the days that it takes orders; a
    site that another one feeds is refilled from there. Budgets and room are not looked at.

    Attributes
    ----------
    every : (n_pairs,) days from one look at a pair to the next
    looked : (n_pairs,) day of the last look at which its supplier took orders
    """

    name: str
    policies: pd.DataFrame
    options: pd.DataFrame
    feeders: Mapping[tuple[str, str], str]
    transit: Mapping[tuple[str, str], int]
    every: NDArray[np.float64]
    looked: NDArray[np.float64] | None = None

    def decide(self, facts: Scenario, books: Books, day: int) -> Decided:
        """Look at every position and order what its rule says."""
        today = books.truth.start + day * DAY
        rules = self.policies.set_index(["site_id", "product_id"]).reindex(books.truth.pairs)
        top = rules["S"].fillna(rules["r"] + rules["Q"]).to_numpy(np.float64)
        point = rules["s"].fillna(rules["r"]).to_numpy(np.float64)
        point = np.where(np.isnan(point), top - 1.0, point)
        at = books.truth.pairs.get_indexer(
            pd.MultiIndex.from_frame(books.coming[["site_id", "product_id"]])
        )
        position = books.on_hand.copy()
        np.add.at(position, at[at >= 0], books.coming["usable"].to_numpy(np.float64)[at >= 0])
        turn = self._turn(books, day)
        low = turn & (position <= point + 1e-9)
        wish = np.where(low, np.maximum(top - position, 0.0), 0.0)
        pairs = books.truth.pairs.to_frame(index=False).assign(wish=np.nan_to_num(wish))
        pairs = pairs[pairs["wish"] > 0.0]
        return Decided(self._purchases(pairs, today), self._moves(pairs, books, today))

    def _turn(self, books: Books, day: int) -> NDArray[np.bool_]:
        """Return the pairs that are looked at today; those whose supplier is closed wait."""
        if self.looked is None:
            self.looked = np.full(len(self.every), -np.inf)
        today = books.truth.start + day * DAY
        closed = [
            today.isoweekday() not in order_weekdays(c) for c in self.options["order_weekdays"]
        ]
        keys = pd.MultiIndex.from_frame(self.options[["site_id", "product_id"]][np.array(closed)])
        turn: NDArray[np.bool_] = (day - self.looked >= self.every) & ~books.truth.pairs.isin(keys)
        self.looked = np.where(turn, float(day), self.looked)
        return turn

    def _purchases(self, pairs: pd.DataFrame, today: pd.Timestamp) -> pd.DataFrame:
        rows = pairs.merge(self.options, on=["site_id", "product_id"], how="inner")
        open_today = [today.isoweekday() in order_weekdays(c) for c in rows["order_weekdays"]]
        rows = rows[np.array(open_today, bool)]
        multiple = rows["order_multiple"]
        units = rows["wish"] / (rows["fill_rate"] * (1.0 - rows["defect_rate"]))
        qty = np.ceil(np.maximum(units, rows["moq"]) / multiple - 1e-9) * multiple
        rows = rows.assign(qty=qty)
        value = (rows["qty"] * rows["landed"]).groupby([rows["supplier_id"], rows["site_id"]])
        rows = rows[value.transform("sum") >= rows["min_order_value"]]
        names = "PO-" + today.strftime("%Y%m%d") + "-" + rows["supplier_id"] + "-" + rows["site_id"]
        due = today + pd.to_timedelta(rows["due_days"], unit="D")
        lines = rows.groupby(names, sort=False).cumcount() + 1
        return rows.assign(order_id=names, line=lines, order_on=today, due_on=due)

    def _moves(self, pairs: pd.DataFrame, books: Books, today: pd.Timestamp) -> pd.DataFrame:
        found = []
        for site, product, units in pairs[["site_id", "product_id", "wish"]].itertuples(
            index=False
        ):
            origin = self.feeders.get((site, product))
            if origin is None:
                continue
            days = self.transit.get((origin, site), 0)
            qty = float(np.floor(units + 1e-9))
            if qty < 1.0:
                continue
            found.append(
                {
                    "transfer_id": f"TR-{today:%Y%m%d}-{origin}-{site}-{product}",
                    "origin_id": origin, "destination_id": site, "product_id": product,
                    "qty": qty, "ship_on": today, "due_on": today + max(days, 1) * DAY,
                }
            )  # fmt: skip
        columns = ["transfer_id", "origin_id", "destination_id", "product_id", "qty", "ship_on",
                   "due_on"]  # fmt: skip
        return pd.DataFrame(found, columns=columns)


def _with(
    upstream: Mapping[str, pd.DataFrame], stage: str, result: StageResult
) -> dict[str, pd.DataFrame]:
    draft = Draft(Provenance("", "", {}, 0, {}), {}, tables=dict(upstream))
    draft.take(stage, result)
    return draft.tables
