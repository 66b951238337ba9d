"""The question: a promotion to run, to change or to cancel, as typed changes of the scenario."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from optimizer.forecasting.uplifts import FEWEST_PAST, Expected, expected_uplift
from scenarios import InputError, NotFound, Scenario
from scenarios.deltas import Delta, apply
from scenarios.semantics.zones import zone_shares

NEW: Final = "WHAT_IF"
LEVELS: Final = ("low", "expected", "high")
AGAINST: Final = ("without", "as_is")
STOCKS: Final = ("as planned", "none extra", "ordered for expected", "ordered for high")
CELLS: Final = (
    "kind", "product_id", "category", "location_id", "channel_id", "start", "end", "discount_pct",
    "uplift_pct", "qty_limit", "cannibalises",
)  # fmt: skip
GOODS: Final = ["product_id", "location_id"]


@dataclass(frozen=True, slots=True)
class Ask:
    """A promotion that would run, run otherwise, or not run.

    Attributes
    ----------
    promotion_id : a new one, or one that the scenario has, which is changed
    cells : columns of `promotions` that are stated
    uplifts_pct : one, or low, expected and high; empty: read from the scenario and its history
    cancelled : it does not run
    cannibalised_pct : of the demand of the category that it takes from; None: as history tells
    pulled_forward_pct : of its extra demand that is missing afterwards; None: not stated
    pulled_days : for how long
    more_capacity_pct : by which docks, picking and parcels of a day are raised where it sells
    capacity_cost_per_day : money a day and site for that; None: not stated
    against : "without" the promotion, "as_is" (the promotion as the scenario has it), or "" for
        without, unless its place, days, goods or terms change or it is cancelled
    stocks : ways to stock up that are tried, of `STOCKS`, the plan's own always; empty: all
    """

    promotion_id: str = NEW
    cells: Mapping[str, Any] = field(default_factory=dict)
    uplifts_pct: tuple[float, ...] = ()
    cancelled: bool = False
    cannibalised_pct: float | None = None
    pulled_forward_pct: float | None = None
    pulled_days: int = 14
    more_capacity_pct: float = 25.0
    capacity_cost_per_day: float | None = None
    against: str = ""
    stocks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = set(self.cells) - set(CELLS)
        if unknown:
            raise InputError(f"a promotion has no {min(unknown)!r}; it has {', '.join(CELLS)}")
        if self.cancelled and (self.cells or self.uplifts_pct):
            raise InputError("a promotion is changed or cancelled, not both")
        if len(self.uplifts_pct) not in (0, 1, 3):
            raise InputError("state one uplift, or three: low, expected, high")
        if any(not -100.0 <= u <= 10_000.0 for u in self.uplifts_pct) or list(
            self.uplifts_pct
        ) != sorted(self.uplifts_pct):
            raise InputError("uplifts are percent, from -100 to 10000, the lowest first")
        if self.against not in ("", *AGAINST):
            raise InputError(f"against is {' or '.join(AGAINST)}, not {self.against!r}")
        wrong = [name for name in self.stocks if name not in STOCKS]
        if wrong:
            raise InputError(f"a way to stock up is one of {', '.join(STOCKS)}, not {wrong[0]!r}")
        if self.cancelled and self.against == AGAINST[0]:
            raise InputError("a cancelled promotion is held against the promotion as it is")
        for name in ("cannibalised_pct", "pulled_forward_pct"):
            share = getattr(self, name)
            if share is not None and not 0.0 <= share <= 100.0:
                raise InputError(f"{name} lies between 0 and 100, not {share:g}")
        if self.pulled_days < 1:
            raise InputError("pulled_days is at least 1")
        if not 0.0 <= self.more_capacity_pct <= 1000.0:
            raise InputError("more_capacity_pct lies between 0 and 1000")

    def is_new(self, scenario: Scenario) -> bool:
        """Whether the scenario has no promotion of that name."""
        return self.promotion_id not in set(scenario.table("promotions")["promotion_id"])

    def stands_against(self, scenario: Scenario) -> str:
        """Return what it is held against: without, or as_is."""
        if self.is_new(scenario):
            return AGAINST[0]
        return self.against or AGAINST[int(bool(self.cells) or self.cancelled)]

    def deltas(self, scenario: Scenario) -> tuple[Delta, ...]:
        """Return the changes of the scenario that it stands for.

        Raises
        ------
        InputError
            A new promotion lacks what it needs, or one to be cancelled is not there.
        """
        new = self.is_new(scenario)
        if new and (self.cancelled or (self.promotion_id != NEW and not self.cells)):
            known = ", ".join(scenario.table("promotions")["promotion_id"]) or "none"
            raise InputError(f"the scenario has no promotion {self.promotion_id!r}; it has {known}")
        if self.cancelled:
            row: dict[str, Any] = {"promotion_id": self.promotion_id}
            return (Delta(table="promotions", op="delete", value=row),)
        cells = {name: value for name, value in self.cells.items() if value is not None}
        if new:
            missing = [name for name in ("start", "end") if name not in cells]
            if missing or not {"product_id", "category"} & set(cells):
                raise InputError(
                    "a new promotion needs a product or a category, a start and an end"
                )
        if self.uplifts_pct:
            cells["uplift_pct"] = self.uplifts_pct[len(self.uplifts_pct) // 2]
        if not cells:
            return ()
        row = {"promotion_id": self.promotion_id, **cells}
        return (Delta(table="promotions", op="upsert", value=row),)


@dataclass(frozen=True, slots=True)
class Levels:
    """How much demand a promotion moves, where and when.

    Attributes
    ----------
    row : of `promotions`
    first, last : days from the start of the horizon; the first may lie before it
    goods : product_id, location_id, uplift; 1 = twice as much, at the expected level
    uplift : mean of the goods by demand, of each level's name, low to high
    stated : the planner stated the uplifts; else `rule` says where they come from
    past : past promotions whose spread gives low and high
    losers : product_id, location_id of what it takes demand from; taken: share, None: not known
    notes : what is assumed, and what is not known
    """

    row: Mapping[str, Any]
    first: int
    last: int
    goods: pd.DataFrame
    uplift: Mapping[str, float]
    stated: bool
    rule: str
    past: int
    losers: pd.DataFrame
    taken: float | None
    notes: tuple[str, ...]

    def factor(self, level: str) -> pd.Series:
        """Return the factor on demand of each of the goods at a level."""
        if self.stated:
            return pd.Series(1.0 + self.uplift[level], index=self.goods.index)
        grown = (1.0 + self.uplift[level]) / (1.0 + self.uplift["expected"])
        return (1.0 + self.goods["uplift"]) * grown


def read_levels(
    scenario: Scenario, promotion_id: str, forecast: pd.DataFrame, ask: Ask | None = None
) -> Levels:
    """Return what a promotion of the scenario moves: stated, else learned from past promotions.

    Parameters
    ----------
    forecast : of a plan, whose products and locations it can touch
    ask : what the planner states; None: what the scenario says

    Raises
    ------
    InputError
        It does not run in the horizon, touches nothing that is forecast, or nothing says what it
        brings.
    """
    ask = Ask(promotion_id) if ask is None else ask
    rows = scenario.table("promotions")
    row = rows[rows["promotion_id"] == promotion_id].iloc[0]
    start, days = pd.Timestamp(scenario.settings.start_date), scenario.settings.horizon_days
    first, last = ((row[name].normalize() - start).days for name in ("start", "end"))
    if last < first or last < 0 or first >= days:
        end = (start + pd.Timedelta(days=days - 1)).date()
        raise InputError(
            f"promotion {promotion_id} runs from {row['start'].date()} to {row['end'].date()}, and"
            f" the horizon from {start.date()} to {end}"
        )
    pairs = forecast[GOODS].drop_duplicates().sort_values(GOODS).reset_index(drop=True)
    goods = _touched(scenario, row, pairs)
    if not len(goods):
        raise InputError(f"promotion {promotion_id} touches nothing that the plan forecasts")
    notes: list[str] = []
    if first < 0:
        notes.append("The promotion has begun before the horizon: the days in it count alone.")
    told = _told(scenario, promotion_id)
    losers = _losers(scenario, row, pairs, goods)
    taken = _taken(row, losers, told, ask, notes)
    cells = {name: None if pd.isna(cell) else cell for name, cell in row.items()}
    if ask.uplifts_pct:
        names = LEVELS if len(ask.uplifts_pct) == len(LEVELS) else ("expected",)
        uplift = {n: u / 100.0 for n, u in zip(names, ask.uplifts_pct, strict=True)}
        goods = goods.assign(uplift=uplift["expected"])
        return Levels(
            cells, first, last, goods, uplift, True, "planner", 0, losers, taken, tuple(notes)
        )
    if told is None:
        raise InputError(
            f"nothing says what promotion {promotion_id} brings: its goods have no demand history;"
            " state the uplift"
        )
    known = goods.merge(told.goods, on=GOODS, how="left")
    missing = int(known["uplift"].isna().sum())
    if missing:
        notes.append(
            f"{missing} of {len(known)} product-locations have no demand history: the mean uplift"
            " of the others is taken."
        )
    goods = known.assign(uplift=known["uplift"].fillna(told.uplift))
    uplift = {"expected": told.uplift}
    if told.low is not None and told.high is not None:
        uplift = {"low": told.low, "expected": told.uplift, "high": told.high}
        sort = "of its kind and channel" if told.same_sort else "of any kind"
        notes.append(
            f"Low and high enclose the next promotion with probability 0.8, as {len(told.past)}"
            f" past promotions {sort} spread."
        )
    else:
        notes.append(
            f"Low and high are not known: {len(told.past)} past promotions tell of them, fewer than"
            f" {FEWEST_PAST}; state three uplifts to try them."
        )
    if told.rule == "default":
        raise InputError(
            f"nothing says what promotion {promotion_id} brings: no uplift, no discount and no past"
            " promotion; state the uplift"
        )
    return Levels(
        cells, first, last, goods, uplift, False, told.rule, len(told.past), losers, taken,
        tuple(notes),
    )  # fmt: skip


def with_promotion(scenario: Scenario, ask: Ask) -> Scenario:
    """Return the scenario with what is asked for."""
    return apply(scenario, ask.deltas(scenario))


def _told(scenario: Scenario, promotion_id: str) -> Expected | None:
    try:
        return expected_uplift(scenario, promotion_id)
    except NotFound:
        return None


def _here(scenario: Scenario, row: pd.Series, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs where the promotion runs; a zone's are those of its sites."""
    if pd.isna(row["location_id"]):
        return pairs
    zones = zone_shares(scenario)
    sites = set(zones.loc[zones["zone_id"] == row["location_id"], "site_id"])
    return pairs[pairs["location_id"].isin(sites or {row["location_id"]})]


def _touched(scenario: Scenario, row: pd.Series, pairs: pd.DataFrame) -> pd.DataFrame:
    here = _here(scenario, row, pairs)
    if pd.notna(row["product_id"]):
        here = here[here["product_id"] == row["product_id"]]
    elif pd.notna(row["category"]):
        here = here[_category(scenario, here) == row["category"]]
    return here.reset_index(drop=True)


def _losers(
    scenario: Scenario, row: pd.Series, pairs: pd.DataFrame, goods: pd.DataFrame
) -> pd.DataFrame:
    if pd.isna(row["cannibalises"]):
        return pairs.iloc[:0]
    here = _here(scenario, row, pairs)
    here = here[_category(scenario, here) == row["cannibalises"]]
    own = pd.MultiIndex.from_frame(goods[GOODS])
    return here[~pd.MultiIndex.from_frame(here[GOODS]).isin(own)].reset_index(drop=True)


def _category(scenario: Scenario, pairs: pd.DataFrame) -> pd.Series:
    names = scenario.table("products").set_index("product_id")["category"]
    return pairs["product_id"].map(names)


def _taken(
    row: pd.Series, losers: pd.DataFrame, told: Expected | None, ask: Ask, notes: list[str]
) -> float | None:
    """Return the share of the losers' demand that it takes; None where nothing tells."""
    if ask.cannibalised_pct is not None:
        if not len(losers):
            raise InputError("cannibalised_pct needs a category that the promotion takes from")
        return ask.cannibalised_pct / 100.0
    if pd.isna(row["cannibalises"]) or not len(losers):
        return None
    taken = None if told is None else told.taken
    if taken is None:
        notes.append(
            f"It takes demand from {row['cannibalises']}, and no past promotion tells how much: not"
            " known, and none is taken here; state it to try it."
        )
    else:
        notes.append(
            f"Past promotions took {100.0 * taken:.1f} % of the demand of the goods that they take"
            " from."
        )
    return None if taken is None or not np.isfinite(taken) else taken
