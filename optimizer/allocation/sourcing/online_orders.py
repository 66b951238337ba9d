"""An order that asks at once, and what it is promised."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from optimizer.allocation.priority import USUAL_PRIORITY
from optimizer.allocation.sourcing.desk_co2 import CapState


@dataclass(frozen=True, slots=True)
class OnlineLine:
    """What a line asks for."""

    line_id: str
    product_id: str
    qty: float


@dataclass(frozen=True, slots=True)
class OnlineOrder:
    """An order that asks for a promise now.

    Attributes
    ----------
    placed_at, due_to : local time of the scenario; due_to is held to its date
    late_cost_per_h : money; None: the due date is hard
    """

    order_id: str
    zone_id: str
    placed_at: dt.datetime
    lines: tuple[OnlineLine, ...]
    due_to: dt.datetime | None = None
    late_cost_per_h: float | None = None
    channel_id: str = ""
    allow_split: bool = True
    priority: int = USUAL_PRIORITY

    def ready_on(self, start: dt.date) -> dt.date:
        """Return the day on which its parcels are ready; docks and carriers count it then."""
        return max(start, self.placed_at.date())


@dataclass(frozen=True, slots=True)
class OnlineParcel:
    """A parcel that is promised; money, kg of its lines, and grams (0: its rate states none)."""

    site_id: str
    carrier_id: str
    service: str
    ship_on: dt.date
    promised_on: dt.date
    weight_kg: float
    cost: float
    handling: float
    late: float
    co2: float
    risk: float
    stock_value: float
    priced: float
    lines: tuple[OnlineLine, ...]
    g_co2e: float = 0.0


@dataclass(frozen=True, slots=True)
class Unserved:
    """A line that is not promised, by the first test that it fails."""

    line_id: str
    qty: float
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What an order is promised, and why.

    Attributes
    ----------
    terms : money: parcel, handling, late, co2, risk, unserved; stock_value where it counts; they
        add up to `cost`
    priced : money that the prices of stock, docks and carriers add to the choice; never paid
    exact : no other way to split the order is better at these prices
    alternative : next-best way in words; "" where there is none
    extra_cost : what it would cost more in money, prices aside; below 0 where prices decided
    binding : rule, parameter and value that decided; empty where the cheapest way was taken
    caps : limits on CO2e that count its parcels, what is used with them included
    notes : what holds its parcels to less than it seems
    """

    order_id: str
    parcels: tuple[OnlineParcel, ...]
    unserved: tuple[Unserved, ...]
    terms: Mapping[str, float]
    priced: float
    exact: bool
    alternative: str = ""
    extra_cost: float | None = None
    binding: Mapping[str, str | float] = field(default_factory=dict)
    caps: tuple[CapState, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def cost(self) -> float:
        """Money, as the sourcing stage counts it."""
        return float(sum(self.terms.values()))

    @property
    def promised_on(self) -> dt.date | None:
        """The day by whose end all parcels have come; None without any."""
        return max((parcel.promised_on for parcel in self.parcels), default=None)


def order_of(row: Mapping[str, object], lines: pd.DataFrame) -> OnlineOrder:
    """Return a row of `orders` and its lines as an order that asks now."""

    def moment(name: str) -> dt.datetime | None:
        cell = row.get(name)
        return None if cell is None or pd.isna(cell) else pd.Timestamp(cell).to_pydatetime()

    known = [at for at in (moment("release_at"), moment("placed_at")) if at is not None]
    if not known:
        raise ValueError(f"order {row['order_id']} has neither placed_at nor release_at")
    pay = row.get("late_cost_per_h")
    channel = row.get("channel_id")
    return OnlineOrder(
        order_id=str(row["order_id"]),
        zone_id=str(row["zone_id"]),
        placed_at=max(known),
        lines=tuple(
            OnlineLine(str(line), str(product), float(qty))
            for line, product, qty in zip(
                lines["line_id"], lines["product_id"], lines["qty"], strict=True
            )
        ),
        due_to=moment("due_to"),
        late_cost_per_h=None if pay is None or pd.isna(pay) else float(str(pay)),
        channel_id=channel if isinstance(channel, str) else "",
        allow_split=bool(row.get("allow_split", True)),
        priority=USUAL_PRIORITY
        if pd.isna(row.get("priority"))
        else round(float(str(row["priority"]))),
    )
