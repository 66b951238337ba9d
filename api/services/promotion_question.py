"""What is asked of a promotion, read: what would run, what it is held against, on which days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from optimizer.plan import Plan
from scenarios import InputError, Scenario

if TYPE_CHECKING:
    from optimizer.promotion import Ask, Levels


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, read.

    Attributes
    ----------
    wanted : the scenario with what is asked for
    held : the promotion as the scenario has it; None: it is new
    before : what everything is held against; None: no promotion
    after : what would run; None: none, it is cancelled
    window : first and last tick of both
    goods, losers : of both; losers only where it is known how much they lose
    """

    scenario: Scenario
    wanted: Scenario
    ask: Ask
    held: Levels | None
    before: Levels | None
    after: Levels | None
    n_ticks: int
    window: tuple[int, int]
    goods: pd.DataFrame
    losers: pd.DataFrame

    @property
    def levels(self) -> Levels:
        """What would run, or would not."""
        levels = self.after or self.held
        assert levels is not None, "a promotion is new, or the scenario has it"
        return levels

    @property
    def marks(self) -> list[int]:
        """Ticks on whose mornings sums are taken."""
        spans = [span_of(one, self.n_ticks) for one in (self.before, self.after) if one is not None]
        ends = {tick for first, last in (*spans, self.window) for tick in (first, last + 1)}
        return sorted({0, *ends} - {self.n_ticks})


def read_question(scenario: Scenario, plan: Plan, ask: Ask) -> Question:
    """Read what is asked of a plan.

    Raises
    ------
    InputError
        The plan has no forecast or no policies, or the promotion makes no sense.
    """
    from optimizer.promotion import read_levels
    from optimizer.promotion.ask import with_promotion

    forecast = plan.table("forecast")
    if not len(forecast) or not len(plan.table("policies")):
        raise InputError("the plan needs a forecast and orders: stages forecasting, replenishment")
    wanted = with_promotion(scenario, ask)
    held = None
    if not ask.is_new(scenario):
        held = read_levels(scenario, ask.promotion_id, forecast)
    before = held if ask.stands_against(scenario) == "as_is" else None
    after = None if ask.cancelled else read_levels(wanted, ask.promotion_id, forecast, ask)
    sides = [one for one in (before, after) if one is not None]
    n_ticks = scenario.settings.horizon_days
    spans = [span_of(one, n_ticks) for one in sides]
    pair = ["product_id", "location_id"]
    return Question(
        scenario, wanted, ask, held, before, after, n_ticks,
        (min(first for first, _ in spans), max(last for _, last in spans)),
        pd.concat([one.goods[pair] for one in sides]).drop_duplicates(),
        pd.concat(
            [one.losers[pair].iloc[: None if one.taken is not None else 0] for one in sides]
        ).drop_duplicates(),
    )  # fmt: skip


def read_ask(told: Mapping[str, Any]) -> Ask:
    """Return what is asked for of the fields that go over the wire.

    Raises
    ------
    InputError
        A number lies where it cannot.
    """
    from optimizer.promotion import Ask

    cells = {
        "kind": "kind", "product_id": "product", "category": "category",
        "location_id": "location", "channel_id": "channel", "start": "start", "end": "end",
        "discount_pct": "discount_pct", "qty_limit": "qty_limit", "cannibalises": "takes_from",
    }  # fmt: skip
    return Ask(
        str(told["promotion"]),
        {column: told[name] for column, name in cells.items() if told[name] is not None},
        tuple(told["uplifts_pct"]),
        cancelled=bool(told["cancel"]),
        cannibalised_pct=told["taken_pct"],
        pulled_forward_pct=told["pulled_forward_pct"],
        pulled_days=int(told["pulled_days"]),
        more_capacity_pct=float(told["more_capacity_pct"]),
        capacity_cost_per_day=told["capacity_cost_per_day"],
        against=told["compared_with"] or "",
        stocks=tuple(told.get("stocks", ())),  # not in runs of before there was a choice
    )


def span_of(levels: Levels, n_ticks: int) -> tuple[int, int]:
    """Return the first and the last tick of the horizon on which a promotion runs."""
    return max(levels.first, 0), min(levels.last, n_ticks - 1)


def day_of(scenario: Scenario, tick: int) -> str:
    """Return the date of a tick."""
    day = pd.Timestamp(scenario.settings.start_date) + pd.Timedelta(days=tick)
    return str(day.date().isoformat())
