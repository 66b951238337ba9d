"""The lanes of the world: who sends what to whom, how long it takes, what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from optimizer.plan import Plan
from scenarios import Scenario
from scenarios.distance import DETOUR, great_circle_m
from scenarios.semantics.calendars import WorkingDays, order_weekdays
from simulation.arrays import Flags, Floats, Units
from simulation.capacities import lane_load, lane_priority, quota_places, supplier_quotas
from simulation.days import working_days
from simulation.facts import Quota
from simulation.kernels.rows import ALL
from simulation.sources import PAIR, TERMS, WHOLE_SHARE, Sources, lane_split, transits
from simulation.streams import item_keys
from simulation.variates import lead_row
from simulation.ways import Kilometres, lateral_travels
from simulation.world import FLOW_ONE, Batch, Freight, Lane, Mode

KM_PER_DAY = 600.0  # where no lane says how long the way takes
UNKNOWN_WAY_DAYS = 2.0
EXTRA_DAYS = 730  # calendars are read this far beyond the horizon


@dataclass(frozen=True, slots=True)
class LaneBook:
    """All lanes, and the lead time of every product-location's first source.

    Attributes
    ----------
    quotas : by supplier_id, where some of what it sells is limited per week
    lead, lead_variance : (n_pairs,) days and days^2, transit included
    """

    lanes: tuple[Lane, ...]
    site_ids: tuple[str, ...]
    supplier_ids: tuple[str, ...]
    lead: Floats
    lead_variance: Floats
    quotas: dict[str, Quota]
    notes: tuple[str, ...]


def build_lanes(
    scenario: Scenario,
    plan: Plan,
    sources: Sources,
    through: Floats,
    notes: tuple[str, ...],
    *,
    other_modes: bool = False,
    laterals: bool = False,
) -> LaneBook:
    """Return a lane for every way that goods take, by policy or by the plan's dated orders.

    Parameters
    ----------
    sources : product-locations, where they buy and who feeds them
    through : (B, n_pairs) units per bucket that pass through each pair
    other_modes : lanes hold the other modes of their row in `lanes`, too
    laterals : lanes between sites of one echelon, for what one has to spare
    """
    pairs = sources.pairs
    travels = _travels(plan, pairs, sources)
    if laterals:
        travels = pd.concat(
            [travels, lateral_travels(scenario, sources)[travels.columns]], ignore_index=True
        )
    ways = transits(scenario)
    flow = through.mean(axis=0) / scenario.settings.bucket_days
    number = pd.Series(np.arange(len(pairs)), index=pd.MultiIndex.from_frame(pairs[PAIR]))
    travels["number"] = number.reindex(pd.MultiIndex.from_frame(travels[PAIR])).to_numpy(np.int64)
    travels["flow"] = flow[travels["number"]] * (travels["share"].fillna(WHOLE_SHARE) / WHOLE_SHARE)
    products = scenario.table("products").set_index("product_id")
    for column in ("weight_kg", "volume_m3"):
        travels[column] = products[column].reindex(travels["product_id"]).fillna(0.0).to_numpy()
    travels = _with_modes(plan, travels, ways)
    site_ids = tuple(dict.fromkeys(pairs["site_id"]))
    supplier_ids = tuple(sorted(set(travels.loc[~travels["from_site"], "source_id"])))
    column_of = {
        site: pd.Index(part["product_id"]) for site, part in pairs.groupby("site_id", sort=False)
    }
    working = _working(scenario, supplier_ids)
    quotas, rows_of = supplier_quotas(travels)
    lead = np.zeros(len(pairs))
    lead_variance = np.zeros(len(pairs))
    lanes = []
    guessed = []
    distances = Kilometres(scenario)
    suppliers = scenario.filled("suppliers").set_index("supplier_id")
    keys = ["lateral", "from_site", "source_id", "site_id", "mode"]
    for (_, from_site, source, site, mode), rows in travels.groupby(keys, sort=True):
        part = rows.sort_values("product_id", kind="stable")
        way = _way(ways, part, source, site, mode)
        if way is None and from_site:
            guessed.append(f"{source}>{site}")
        days, sd = _transit(scenario, way, source, site) if from_site or way is not None else (0, 0)
        own = part["lead_time_mean_days"].fillna(0.0).to_numpy(np.float64)
        own_sd = part["lead_time_sd_days"].fillna(0.0).to_numpy(np.float64)
        fed = part["fed"].to_numpy(np.bool_)
        first = fed & (part["rank"].fillna(0) == 0).to_numpy()
        at = part["number"].to_numpy()[first]
        lead[at] = own[first] + _closed_days(working.get(source), own[first]) + days
        lead_variance[at] = own_sd[first] ** 2 + sd**2
        lane = _lane(
            scenario, part, way, (days, sd), working.get(source),
            site_ids, supplier_ids, column_of, rows_of.get(source),
        )  # fmt: skip
        credit = suppliers["payment_days"].get(source, 0.0) if not from_site else 0.0
        usual = float(lane.lead_table.mean() + lane.transit.mean()) if lane.n_skus else 0.0
        lane = replace(lane, payment_ticks=round(usual + credit))
        if way is not None:
            lane = replace(lane, grams_co2=distances.grams_per_kg(way))
        if other_modes and way is not None:
            lane = replace(lane, modes=_other_modes(ways, part, way, lane, distances))
        lanes.append(lane)
    if guessed:
        others = " and others" if len(guessed) > 5 else ""
        ways_listed = ", ".join(guessed[:5]) + others
        note = f"No lane says how long the way takes from {ways_listed}: {KM_PER_DAY:g} km a day"
        notes = (*notes, f"{note} is assumed.")
    return LaneBook(tuple(lanes), site_ids, supplier_ids, lead, lead_variance, quotas, notes)


def _travels(plan: Plan, pairs: pd.DataFrame, sources: Sources) -> pd.DataFrame:
    """Return a row per source, site, mode and product, with its terms and dated orders."""
    start = ["site_id", "product_id", "source_id", "from_site"]
    options, several = sources.options, sources.several
    alone = pairs.merge(several[PAIR].drop_duplicates(), on=PAIR, how="left", indicator=True)
    alone = alone[(alone["_merge"] == "left_only") & (alone["source_id"] != "")]
    fed = pd.concat(
        [alone[[*start, *TERMS]], several[[*start, *TERMS, "share", "rank"]]], ignore_index=True
    ).assign(mode="", fed=True)  # fmt: skip
    orders = plan.table("purchase_orders").rename(columns={"supplier_id": "source_id"})
    orders = orders.merge(pairs[PAIR], on=PAIR)
    days = (orders["due_on"] - orders["order_on"]).dt.days.clip(lower=0).astype("float64")
    bought = orders.assign(from_site=False, mode="", fed=False, planned_days=days)
    bought = bought.merge(
        options.rename(columns={"supplier_id": "source_id"})[[*PAIR, "source_id", *TERMS]],
        on=[*PAIR, "source_id"], how="left", suffixes=("_planned", ""),
    )  # fmt: skip
    bought["lead_time_mean_days"] = bought["lead_time_mean_days"].fillna(bought["planned_days"])
    bought["landed"] = bought["landed"].fillna(bought["unit_cost"])
    moved = plan.table("transfers").rename(
        columns={"destination_id": "site_id", "origin_id": "source_id"}
    )
    moved = moved.merge(pairs[PAIR], on=PAIR)
    origins = pairs[PAIR].rename(columns={"site_id": "source_id"})
    moved = moved.merge(origins, on=["source_id", "product_id"])
    moved = moved.assign(from_site=True, fed=False)[[*start, "mode", "fed"]]
    kept = [*start, *TERMS, "mode", "fed"]
    both = pd.concat([fed, bought[kept], moved], ignore_index=True)
    both[["share", "rank"]] = both.reindex(columns=["share", "rank"]).astype("float64")
    both["mode"] = both["mode"].fillna("")
    both["lateral"] = False
    both = both.sort_values("fed", ascending=False, kind="stable")
    return both.drop_duplicates([*start, "mode"]).reset_index(drop=True)


def _with_modes(plan: Plan, travels: pd.DataFrame, ways: pd.DataFrame) -> pd.DataFrame:
    """Choose the mode where none is stated, join what then goes the same way, add dated orders."""
    modes = travels["mode"].to_numpy(dtype=object).copy()
    open_mode = travels[travels["mode"] == ""]
    for (source, site), part in open_mode.groupby(["source_id", "site_id"], sort=True):
        way = _way(ways, part, source, site, "")
        if way is not None:
            modes[part.index] = way["mode"]
    travels = travels.assign(mode=modes).drop_duplicates(
        ["lateral", "from_site", "source_id", *PAIR, "mode"], ignore_index=True
    )
    return travels.assign(orders=_dated(plan, travels))


def _dated(plan: Plan, travels: pd.DataFrame) -> pd.Series:
    """Return per row the plan's dated orders as a tuple of (date, units)."""
    bought = plan.table("purchase_orders")[["supplier_id", *PAIR, "order_on", "qty"]]
    bought = bought.set_axis(["source_id", *PAIR, "on", "qty"], axis=1)
    bought = bought.assign(from_site=False, mode="any")
    moved = plan.table("transfers")
    moved = moved[["origin_id", "destination_id", "product_id", "ship_on", "qty", "mode"]]
    moved = moved.set_axis(["source_id", *PAIR, "on", "qty", "mode"], axis=1).assign(from_site=True)
    dated = pd.concat([bought, moved], ignore_index=True)
    dated["mode"] = dated["mode"].fillna("")
    keys = ["from_site", "source_id", *PAIR, "mode"]
    listed: dict[tuple[object, ...], list[tuple[pd.Timestamp, float]]] = {}
    for row in dated[[*keys, "on", "qty"]].itertuples(index=False, name=None):
        listed.setdefault(tuple(row[:5]), []).append((row[5], float(row[6])))
    wanted = travels[keys].assign(mode=travels["mode"].where(travels["from_site"], "any"))
    cells = [
        () if lateral else tuple(listed.get(tuple(row), ()))
        for row, lateral in zip(
            wanted.itertuples(index=False, name=None), travels["lateral"], strict=True
        )
    ]
    return pd.Series(cells, index=travels.index, dtype=object)


def _way(
    ways: pd.DataFrame, part: pd.DataFrame, source: str, site: str, mode: str
) -> pd.Series | None:
    """Return the row of `lanes`: the stated mode, else the cheapest for a week's normal flow."""
    rows = ways[(ways["origin_id"] == source) & (ways["destination_id"] == site)]
    if mode and (rows["mode"] == mode).any():
        rows = rows[rows["mode"] == mode]
    if not len(rows):
        return None
    units = 7.0 * part["flow"].to_numpy()
    kg = float((units * part["weight_kg"]).sum())
    m3 = float((units * part["volume_m3"]).sum())
    loads = np.maximum(kg / rows["shipment_kg"], m3 / rows["shipment_m3"])
    shipments = np.maximum(1.0, np.ceil(loads))
    cost = shipments * rows["cost_per_shipment"] + kg * rows["cost_per_kg"]
    cost = cost + m3 * rows["cost_per_m3"] + float(units.sum()) * rows["cost_per_unit"]
    order = rows.assign(price=cost).sort_values(["price", "transit_mean_days", "mode"])
    return order.iloc[0]


def _closed_days(working: Flags | None, lead: Floats) -> Floats:
    """Return the days that closed days of a supplier add to lead times that begin at the start."""
    if working is None or not len(lead):
        return np.zeros(len(lead))
    whole = np.ceil(lead).astype(np.int64)
    until = working_days(working, 0, int(whole.max()) + 1)
    closed: Floats = (until[whole] - whole).astype(np.float64)
    return closed


def _transit(
    scenario: Scenario, way: pd.Series | None, source: str, site: str
) -> tuple[float, float]:
    if way is not None:
        return float(way["transit_mean_days"]), float(way["transit_sd_days"])
    places = scenario.table("sites").set_index("site_id")[["lon", "lat"]]
    ends = places.reindex([source, site]).to_numpy(np.float64)
    if np.isnan(ends).any():
        return UNKNOWN_WAY_DAYS, 0.0
    metres = float(great_circle_m(ends[0], ends[1])) * DETOUR
    return 1.0 + metres / 1000.0 / KM_PER_DAY, 0.0


def _lane(
    scenario: Scenario,
    part: pd.DataFrame,
    way: pd.Series | None,
    transit: tuple[float, float],
    working: Flags | None,
    site_ids: tuple[str, ...],
    supplier_ids: tuple[str, ...],
    column_of: dict[str, pd.Index],
    quota_rows: Mapping[int, int] | None,
) -> Lane:
    source, site = str(part["source_id"].iloc[0]), str(part["site_id"].iloc[0])
    from_site = bool(part["from_site"].iloc[0])
    product_ids = pd.Index(part["product_id"])
    terms = part[["lead_time_mean_days", "lead_time_sd_days"]].fillna(0.0)
    distinct = terms.drop_duplicates().reset_index(drop=True)
    row = pd.MultiIndex.from_frame(distinct).get_indexer(pd.MultiIndex.from_frame(terms))
    means, sds = distinct.to_numpy(np.float64).T
    own, rest = split_times(means, sds, transit, apart=working is not None)
    arrives = part["fill_rate"].fillna(1.0) * (1.0 - part["defect_rate"].fillna(0.0))
    normal = (part["flow"] / arrives.clip(lower=1e-6)).to_numpy(np.float64)
    freight = way_freight(way, part)
    return Lane(
        origin_id=source,
        supplier=-1 if from_site else supplier_ids.index(source),
        origin=site_ids.index(source) if from_site else -1,
        destination=site_ids.index(site),
        into=column_of[site].get_indexer(product_ids).astype(np.int64),
        out_of=(
            column_of[source].get_indexer(product_ids).astype(np.int64)
            if from_site
            else np.zeros(0, np.int64)
        ),
        fed=part["fed"].to_numpy(np.bool_),
        lead_rows=row.astype(np.int32),
        lead_table=own,
        sku_keys=item_keys(list(product_ids)),
        transit=rest,
        working=working,
        takes=_weekdays(part),
        accepted=np.rint(arrives.to_numpy(np.float64) * ALL).astype(np.int32),
        flow=np.rint(normal * FLOW_ONE).astype(np.int64),
        price=part["landed"].fillna(0.0).to_numpy(np.float64),
        kg=part["weight_kg"].to_numpy(np.float64),
        m3=part["volume_m3"].to_numpy(np.float64),
        mode=str(way["mode"]) if way is not None else str(part["mode"].iloc[0]),
        freight=freight,
        orders=_orders(scenario, part),
        split=lane_split(part),
        load=lane_load(way, part),
        quota_of=quota_places(part, quota_rows),
        minimum=float(part["min_order_value"].fillna(0.0).max()),
        priority=lane_priority(scenario, source, site) if from_site else 0,
        lateral=bool(part["lateral"].iloc[0]),
    )


def way_freight(way: pd.Series | None, part: pd.DataFrame) -> Freight:
    """Return what a row of `lanes` charges, and the supplier's fixed cost of an order."""
    order_cost = float(part["order_cost"].fillna(0.0).max())
    if way is None:
        return Freight(order_cost=order_cost)
    return Freight(
        float(way["cost_per_shipment"]), float(way["cost_per_kg"]), float(way["cost_per_m3"]),
        float(way["cost_per_unit"]), float(way["shipment_kg"]), float(way["shipment_m3"]),
        order_cost,
    )  # fmt: skip


def _other_modes(
    ways: pd.DataFrame, part: pd.DataFrame, way: pd.Series, lane: Lane, distances: Kilometres
) -> tuple[Mode, ...]:
    """Return the other rows of `lanes` between the ends of a lane, the fastest first."""
    ends = (ways["origin_id"] == way["origin_id"]) & (
        ways["destination_id"] == way["destination_id"]
    )
    rows = ways[ends & (ways["mode"] != way["mode"])]
    terms = part[["lead_time_mean_days", "lead_time_sd_days"]].fillna(0.0)
    means, sds = terms.drop_duplicates().to_numpy(np.float64).T
    modes = []
    for _, other in rows.sort_values(["transit_mean_days", "mode"]).iterrows():
        transit = (float(other["transit_mean_days"]), float(other["transit_sd_days"]))
        own, rest = split_times(means, sds, transit, apart=lane.working is not None)
        modes.append(
            Mode(
                str(other["mode"]), lane.lead_rows, own, rest, way_freight(other, part),
                distances.grams_per_kg(other),
            )
        )  # fmt: skip
    return tuple(modes)


def split_times(
    means: Floats, sds: Floats, transit: tuple[float, float], *, apart: bool
) -> tuple[Units, Units]:
    """Return the table of lead times and that of the transit.

    Without a calendar both are one gamma by the sum of means and variances; with one, the
    supplier's working days are drawn apart from the days on the road.
    """
    days, sd = transit
    if apart:
        table = [lead_row(mean, own) for mean, own in zip(means, sds, strict=True)]
        return np.stack(table), lead_row(days, sd)
    spread = np.sqrt(sds**2 + sd**2)
    table = [lead_row(mean + days, each) for mean, each in zip(means, spread, strict=True)]
    return np.stack(table), lead_row(0.0, 0.0)


def _weekdays(part: pd.DataFrame) -> Flags:
    takes = np.zeros((7, len(part)), np.bool_)
    for column, cell in enumerate(part["order_weekdays"]):
        for day in order_weekdays(cell):
            takes[day - 1, column] = True
    return takes


def _orders(scenario: Scenario, part: pd.DataFrame) -> tuple[Batch, ...]:
    start = pd.Timestamp(scenario.settings.start_date)
    by_tick: dict[int, dict[int, float]] = {}
    for column, dated in enumerate(part["orders"]):
        for on, units in dated:
            tick = max(0, (on - start).days)
            held = by_tick.setdefault(tick, {})
            held[column] = held.get(column, 0.0) + units
    return tuple(
        Batch(
            tick,
            np.array(sorted(held), np.int64),
            np.rint([held[column] for column in sorted(held)]).astype(np.int32),
        )
        for tick, held in sorted(by_tick.items())
    )


def _working(scenario: Scenario, supplier_ids: tuple[str, ...]) -> dict[str, Flags]:
    """Return per supplier with a calendar whether it works, by day from the start."""
    calendars = scenario.table("suppliers").set_index("supplier_id")["calendar_id"]
    days = WorkingDays(scenario)
    start = np.datetime64(scenario.settings.start_date, "D")
    horizon = np.arange(scenario.settings.horizon_days + EXTRA_DAYS)
    result = {}
    for supplier in supplier_ids:
        calendar = calendars.get(supplier)
        if not isinstance(calendar, str):
            continue
        working = np.array([days.is_working(calendar, start + day) for day in horizon], np.bool_)
        if not working.all():
            result[supplier] = working
    return result
