"""The books of one arm: stock, what is on its way, and what each day cost."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.audit.inbound import transport_cost
from optimizer.audit.replenishment import OPTION, landed_cost
from optimizer.replay.truth import DAY, Truth
from scenarios import Scenario

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prices:
    """What each pair costs: money per unit and day held, per unit short, per unit bought."""

    holding: Floats
    shortage: Floats
    value: Floats


@dataclass(slots=True)
class Books:
    """What an arm has and has spent.

    Attributes
    ----------
    on_hand : (n_pairs,) units
    coming : order_id, line, kind, source_id, site_id, product_id, qty, ordered_on, due_on,
        comes_on, usable
    receipts : rows of the table `receipts`
    sold, short : (n_pairs, n_days) units
    days : a row per day: demand, sold, stock_value, and money by term
    """

    truth: Truth
    prices: Prices
    on_hand: Floats
    coming: pd.DataFrame
    sold: Floats
    short: Floats
    receipts: list[pd.DataFrame] = field(default_factory=list)
    days: list[dict[str, float]] = field(default_factory=list)
    placed: dict[str, float] = field(default_factory=dict)

    def receive(self, today: pd.Timestamp) -> None:
        """Put on the shelf what comes today."""
        here = self.coming["comes_on"] <= today
        rows, self.coming = self.coming[here], self.coming[~here].reset_index(drop=True)
        if not len(rows):
            return
        at = self.truth.pairs.get_indexer(pd.MultiIndex.from_frame(rows[["site_id", "product_id"]]))
        np.add.at(self.on_hand, at[at >= 0], rows["usable"].to_numpy(np.float64)[at >= 0])
        bought = rows[rows["kind"] == "purchase"]
        self.receipts.append(
            pd.DataFrame(
                {
                    "order_id": bought["order_id"],
                    "line": bought["line"],
                    "supplier_id": bought["source_id"],
                    "product_id": bought["product_id"],
                    "site_id": bought["site_id"],
                    "qty_ordered": bought["qty"],
                    "qty_received": bought["usable"],
                    "ordered_on": bought["ordered_on"],
                    "promised_on": bought["due_on"],
                    "received_on": today,
                }
            )
        )

    def order(self, scenario: Scenario, options: pd.DataFrame, orders: pd.DataFrame) -> None:
        """Place tonight's purchases.

        Parameters
        ----------
        options : as the referee reads them
        orders : order_id, line, supplier_id, site_id, product_id, qty, order_on, due_on
        """
        if not len(orders):
            return
        terms = [*OPTION, "unit_cost", "moved", "duty_pct", "least", "order_cost", "fill_rate",
                 "defect_rate", "lead_variance"]  # fmt: skip
        names = ["order_id", "line", *OPTION, "qty", "order_on", "due_on"]
        lines = orders[names].merge(options[terms], on=OPTION, how="inner")
        landed = landed_cost(scenario, lines)
        qty = lines["qty"].to_numpy(np.float64)
        per_order = lines.drop_duplicates(["supplier_id", "site_id"])
        self._spend("order", float(per_order["order_cost"].sum()))
        self._spend("transport", transport_cost(scenario, lines))
        self._spend("premium", float((qty * (landed - lines["least"].to_numpy(np.float64))).sum()))
        spread = lines.groupby(["supplier_id", "site_id"])["lead_variance"].transform("max")
        late = [
            self.truth.lateness(supplier, site, day, float(np.sqrt(variance)))
            for supplier, site, day, variance in zip(
                lines["supplier_id"], lines["site_id"], lines["order_on"], spread, strict=True
            )
        ]
        comes = np.maximum(
            lines["due_on"].to_numpy() + np.array(late) * DAY.to_timedelta64(),
            (lines["order_on"] + DAY).to_numpy(),
        )
        usable = qty * (lines["fill_rate"] * (1.0 - lines["defect_rate"])).to_numpy(np.float64)
        self._add(
            pd.DataFrame(
                {
                    "order_id": lines["order_id"].astype(str),
                    "line": lines["line"].astype(str),
                    "kind": "purchase",
                    "source_id": lines["supplier_id"],
                    "site_id": lines["site_id"],
                    "product_id": lines["product_id"],
                    "qty": qty,
                    "ordered_on": lines["order_on"],
                    "due_on": lines["due_on"],
                    "comes_on": comes,
                    "usable": usable,
                }
            )
        )

    def move(self, scenario: Scenario, moves: pd.DataFrame) -> None:
        """Send tonight's transfers, as far as the origin has stock; by the cheapest mode.

        Parameters
        ----------
        moves : transfer_id, origin_id, destination_id, product_id, qty, ship_on, due_on
        """
        rows = []
        for row in moves.itertuples():
            at = self._place(row.origin_id, row.product_id)
            sent = min(float(row.qty), self.on_hand[at]) if at >= 0 else 0.0
            if sent <= 0.0:
                continue
            self.on_hand[at] -= sent
            rows.append(
                {
                    "order_id": str(row.transfer_id), "line": "1", "kind": "transfer",
                    "source_id": row.origin_id, "site_id": row.destination_id,
                    "product_id": row.product_id, "qty": sent, "ordered_on": row.ship_on,
                    "due_on": row.due_on, "comes_on": row.due_on, "usable": sent,
                }
            )  # fmt: skip
        if rows:
            sent_now = pd.DataFrame(rows)
            loads = sent_now.rename(columns={"source_id": "supplier_id"})
            self._spend("transport", transport_cost(scenario, loads))
            self._add(sent_now)

    def live(self, day: int) -> None:
        """Serve the day's demand from stock; what is short is lost."""
        asked = self.truth.demand[:, day]
        sold = np.minimum(asked, np.floor(self.on_hand + 1e-9))
        self.on_hand -= sold
        self.sold[:, day], self.short[:, day] = sold, asked - sold
        self._spend("holding", float((self.on_hand * self.prices.holding).sum()))
        self._spend("shortage", float(((asked - sold) * self.prices.shortage).sum()))
        self.days.append(
            {
                "demand": float(asked.sum()),
                "sold": float(sold.sum()),
                "stock_value": float((self.on_hand * self.prices.value).sum()),
                **self.placed,
            }
        )
        self.placed = {}

    def _place(self, site: str, product: str) -> int:
        found = self.truth.pairs.get_indexer(pd.MultiIndex.from_tuples([(site, product)]))
        return int(found[0])

    def _spend(self, term: str, money: float) -> None:
        self.placed[term] = self.placed.get(term, 0.0) + money

    def _add(self, rows: pd.DataFrame) -> None:
        parts = [part for part in (self.coming, rows) if len(part)]
        self.coming = pd.concat(parts, ignore_index=True)
