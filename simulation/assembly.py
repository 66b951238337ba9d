"""From a scenario and its plan to the world of the simulator."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from optimizer.audit.tonight import site_forecast
from optimizer.plan import Plan
from scenarios import InputError, Scenario
from scenarios.semantics.defaults import available_stock, inventory_policies
from simulation.arrays import Floats, Places, Units
from simulation.capacities import passing_order, rationing, site_dock, site_store
from simulation.checks import idle_policies, refuse_nonsense
from simulation.goods import channel_demand, settlements, site_channels, site_life, site_returns
from simulation.lanes import LaneBook, build_lanes
from simulation.lateness import coming, usual_lateness
from simulation.levels import Protection, roll_levels, service_target
from simulation.orders import order_book
from simulation.policies import Policy, TimedLevels
from simulation.sources import PAIR, Sources, choose_sources
from simulation.streams import item_keys
from simulation.world import Site, Supplier, World


@dataclass(frozen=True, slots=True)
class Facts:
    """What the assembly has worked out so far.

    Attributes
    ----------
    pairs : product-locations in order of site and product, with their source; position in the
        frame is the number that `mean`, `variance`, `through_mean`, `through_variance` use
    mean, variance : (B, n) own demand per bucket
    through_mean, through_variance : (B, n) with the demand of all product-locations fed from here
    """

    scenario: Scenario
    plan: Plan
    pairs: pd.DataFrame
    sources: Sources
    mean: Floats
    variance: Floats
    through_mean: Floats
    through_variance: Floats
    notes: tuple[str, ...]


def without_proposals(scenario: Scenario, plan: Plan) -> Plan:
    """Return the plan without what its rolling stage proposes for later buckets.

    Those orders are sized on the stock that is expected by then; in the simulator the policies
    order, on the stock that there is.
    """
    if "rolling_weeks" not in plan.tables:
        return plan
    settings = scenario.settings
    end = pd.Timestamp(settings.start_date) + pd.Timedelta(days=settings.bucket_days)
    tables = dict(plan.tables)
    for name, day in (("purchase_orders", "order_on"), ("transfers", "ship_on")):
        rows = plan.table(name)
        tables[name] = rows[rows[day] < end].reset_index(drop=True)
    return Plan(plan.provenance, tables, plan.notes)


@dataclass(frozen=True, slots=True)
class Extras:
    """What a world holds beyond what its plan uses, off unless it is asked for.

    Attributes
    ----------
    standby : sources and modes of transport that nobody uses stand by, for responses
    laterals : sites of one echelon that `lanes` connect help each other out
    late_orders : open purchases come as late as `receipts` say that their supplier usually is
    cash : what is sold is followed at its price, paid when the channels settle
    channels : channels are told apart even where none has a share of the stock
    orders : customers place the scenario's orders, served from the "nearest" or "cheapest" site
    """

    standby: bool = False
    laterals: bool = False
    late_orders: bool = False
    cash: bool = False
    channels: bool = False
    orders: str = ""


def build_world(scenario: Scenario, plan: Plan, extras: Extras | None = None) -> World:
    """Return the world in which a plan is tried.

    Parameters
    ----------
    extras : None: none

    Raises
    ------
    InputError
        There is no forecast to draw demand from, the sources form a circle, goods would arrive
        after the horizon, or a policy is on what does not exist; with table and row.
    """
    plan = without_proposals(scenario, plan)
    extras = extras if extras is not None else Extras()
    facts = _facts(scenario, plan, standby=extras.standby)
    book = build_lanes(
        scenario, plan, facts.sources, facts.through_mean, facts.notes,
        other_modes=extras.standby, laterals=extras.laterals,
    )  # fmt: skip
    products = scenario.table("products")
    product_ids = tuple(products["product_id"])
    place = pd.Index(product_ids)
    policies = _policy_table(facts)
    sites = []
    for site_id in book.site_ids:
        at = np.flatnonzero((facts.pairs["site_id"] == site_id).to_numpy())
        sites.append(_site(facts, book, policies.iloc[at].reset_index(drop=True), at, place))
    if extras.late_orders:
        late = usual_lateness(scenario)
        sites = [
            replace(site, coming=coming(scenario, site.site_id, _ids(site, product_ids), late))
            for site in sites
        ]
    demand = channel_demand(scenario)
    sites = [
        replace(
            site,
            channels=site_channels(
                scenario, demand, list(_ids(site, product_ids)), apart=extras.channels
            ),
        )
        for site in sites
    ]
    if extras.cash:
        price = products["unit_price"].fillna(0.0).to_numpy(np.float64)
        settlement = settlements(scenario)
        sites = [replace(site, price=price[site.product], settlement=settlement) for site in sites]
    settings = scenario.settings
    suppliers = scenario.table("suppliers").set_index("supplier_id")
    return World(
        sites=tuple(sites),
        suppliers=tuple(
            Supplier(
                name,
                _text(suppliers["region"].get(name)),
                float(suppliers["recovery_days"].get(name, np.nan)),
                book.quotas.get(name),
            )
            for name in book.supplier_ids
        ),
        lanes=book.lanes,
        n_ticks=settings.horizon_days,
        bucket_of_tick=np.arange(settings.horizon_days) // settings.bucket_days,
        lost=settings.shortage_rule == "lost",
        product_ids=product_ids,
        first_weekday=settings.start_date.isoweekday(),
        categories=tuple(products["category"].fillna("")),
        classes=tuple(products["abc_class"].fillna("")),
        notes=book.notes,
        orders=order_book(scenario, book.site_ids, product_ids, extras.orders)
        if extras.orders
        else None,
    )


def _ids(site: Site, product_ids: tuple[str, ...]) -> pd.Index:
    return pd.Index([product_ids[p] for p in site.product])


def _text(cell: object) -> str:
    return cell if isinstance(cell, str) else ""


def _number(cell: object) -> float:
    """Return the number in a cell; 0 where it is blank, so that nothing is counted."""
    return float(cell) if isinstance(cell, (int, float)) and not np.isnan(cell) else 0.0


def _facts(scenario: Scenario, plan: Plan, *, standby: bool) -> Facts:
    notes: list[str] = []
    sites = scenario.table("sites")
    open_sites = set(sites.loc[sites["status"] == "open", "site_id"])
    network = plan.table("network")
    if len(network):
        open_sites = set(network.loc[network["status"] == "open", "site_id"])
    known = set(scenario.table("products")["product_id"])
    stated = plan.table("forecast")
    forecast = site_forecast(scenario, stated if len(stated) else None)
    forecast = forecast[forecast["product_id"].isin(known)]
    at_open = forecast["site_id"].isin(open_sites)
    if not at_open.all():
        lost = forecast.loc[~at_open, "mean"].sum()
        notes.append(f"Left out: demand of {lost:,.0f} units at sites that are not open.")
    forecast = forecast[at_open]
    if not len(forecast):
        raise InputError(
            "there is no demand to simulate: the plan has no forecast and the scenario no"
            " forecasts; plan with the stage forecasting, or add the table forecasts"
        )
    wanted = [
        forecast[PAIR],
        plan.table("policies")[PAIR],
        plan.table("purchase_orders")[PAIR],
        plan.table("transfers").rename(columns={"destination_id": "site_id"})[PAIR],
        plan.table("transfers").rename(columns={"origin_id": "site_id"})[PAIR],
        scenario.table("open_orders")[PAIR],
        available_stock(scenario).query("qty > 0")[PAIR],
    ]
    pairs = pd.concat(wanted, ignore_index=True).drop_duplicates()
    pairs = pairs[pairs["site_id"].isin(open_sites) & pairs["product_id"].isin(known)]
    sources = choose_sources(scenario, pairs, standby=standby)
    refuse_nonsense(scenario, plan, sources)
    notes += idle_policies(scenario, sources)
    pairs = sources.pairs
    mean, variance, note = _buckets(scenario, forecast, pairs)
    through_mean, through_variance = _through(sources, mean, variance)
    helpless = (pairs["source_id"] == "") & (mean.sum(axis=0) > 0)
    if helpless.any():
        notes.append(
            f"{int(helpless.sum())} product-locations with demand have no source: nothing is"
            " reordered there."
        )
    return Facts(
        scenario, plan, pairs, sources, mean, variance, through_mean, through_variance,
        (*notes, *note),
    )  # fmt: skip


def _buckets(
    scenario: Scenario, forecast: pd.DataFrame, pairs: pd.DataFrame
) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Return (B, n) mean and variance per bucket; buckets after a pair's last repeat it."""
    settings = scenario.settings
    n_buckets = settings.horizon_buckets
    start = pd.Timestamp(settings.start_date)
    at = pd.MultiIndex.from_frame(pairs[PAIR])
    row = at.get_indexer(pd.MultiIndex.from_frame(forecast[PAIR]))
    bucket = ((forecast["bucket"] - start).dt.days // settings.bucket_days).to_numpy(np.int64)
    inside = (row >= 0) & (bucket >= 0) & (bucket < n_buckets)
    row, bucket = row[inside], bucket[inside]
    mean = np.zeros((n_buckets, len(pairs)))
    variance = np.zeros((n_buckets, len(pairs)))
    mean[bucket, row] = forecast["mean"].to_numpy(np.float64)[inside]
    variance[bucket, row] = forecast["sd"].to_numpy(np.float64)[inside] ** 2
    last = np.full(len(pairs), -1, np.int64)
    np.maximum.at(last, row, bucket)
    each = np.arange(len(pairs))
    beyond = (np.arange(n_buckets)[:, None] > last) & (last >= 0)
    mean = np.where(beyond, mean[np.maximum(last, 0), each], mean)
    variance = np.where(beyond, variance[np.maximum(last, 0), each], variance)
    short = int(((last >= 0) & (last < n_buckets - 1)).sum())
    note = f"The forecast of {short} product-locations ends early; its last bucket is repeated."
    return mean, variance, (note,) if short else ()


def _through(sources: Sources, mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Add the demand of fed product-locations to their feeders, from the last site upwards.

    A product-location with several sources counts in full at the one that is asked first.
    """
    pairs = sources.pairs
    through_mean, through_variance = mean.copy(), variance.copy()
    number = pd.Series(np.arange(len(pairs)), index=pd.MultiIndex.from_frame(pairs[PAIR]))
    feeder = pairs.assign(site_id=pairs["source_id"])[PAIR]
    parent = number.reindex(pd.MultiIndex.from_frame(feeder)).fillna(-1).to_numpy(np.int64)
    level = pairs["site_id"].map(sources.depth).to_numpy(np.int64)
    from_site = pairs["from_site"].to_numpy()
    for step in range(int(level.max(initial=0)) + 1):
        children = np.flatnonzero(from_site & (parent >= 0) & (level == step))
        for bucket in range(len(mean)):
            np.add.at(through_mean[bucket], parent[children], through_mean[bucket, children])
            spread = through_variance[bucket, children]
            np.add.at(through_variance[bucket], parent[children], spread)
    return through_mean, through_variance


def _policy_table(facts: Facts) -> pd.DataFrame:
    """Return one row per pair: level, point, Q, safety_stock, fixed, review_days, costs, target."""
    pairs = facts.pairs
    stated, _ = inventory_policies(facts.scenario, pairs[PAIR])
    table = pairs.merge(stated, on=PAIR, how="left")
    planned = facts.plan.table("policies").set_index(PAIR)
    planned = planned.reindex(pd.MultiIndex.from_frame(pairs[PAIR])).reset_index(drop=True)
    own = table[["S", "r"]].notna().any(axis=1)
    from_plan = planned["policy"].notna() & ~own
    for column in ("policy", "s", "S", "r", "Q", "review_days"):
        table[column] = table[column].where(~from_plan, planned[column])
    ordered_by_lot = (table["policy"] == "r_Q") & table["r"].notna()
    by_gap = table["policy"].isin(["s_S", "min_max"])
    table["level"] = table["S"].where(~ordered_by_lot)
    table["point"] = table["s"].where(by_gap).where(~ordered_by_lot, table["r"])
    table["lot"] = table["Q"].where(ordered_by_lot).fillna(0.0)
    table["safety_stock"] = planned["safety_stock"].where(from_plan)
    table["fixed"] = own
    target = service_target(facts.scenario, pairs, table)
    planned_target = planned["cycle_service"].to_numpy(np.float64)
    table["target"] = np.where(np.isfinite(planned_target) & from_plan, planned_target, target)
    return table


def _site(facts: Facts, book: LaneBook, table: pd.DataFrame, at: Places, place: pd.Index) -> Site:
    scenario = facts.scenario
    settings = scenario.settings
    site_id = str(facts.pairs["site_id"].iloc[at[0]])
    products = list(facts.pairs["product_id"].iloc[at])
    product = place.get_indexer(pd.Index(products)).astype(np.int64)
    terms = facts.pairs.iloc[at]
    sites = scenario.table("sites").set_index("site_id")
    review = np.maximum(np.rint(table["review_days"].to_numpy(np.float64)), 1.0)
    lead, lead_variance = book.lead[at], book.lead_variance[at]
    protection = Protection(
        facts.through_mean[:, at], facts.through_variance[:, at],
        settings.bucket_days, review + lead, lead_variance,
    )  # fmt: skip
    echelon = ~table["fixed"].to_numpy(np.bool_) & (facts.sources.depth[site_id] > 0)
    target = table["target"].to_numpy(np.float64)
    points, levels = roll_levels(protection, table, target, settings.horizon_days, echelon)
    planned = len(facts.plan.table("policies")) or len(facts.plan.table("purchase_orders"))
    every = review.astype(np.int64)
    multiple = np.maximum(terms["order_multiple"].fillna(1.0).to_numpy(np.float64), 1.0)
    policy = Policy(
        levels=TimedLevels(points, levels),
        fixed_quantity=np.rint(table["lot"].to_numpy(np.float64)).astype(np.int32),
        least=np.ceil(terms["moq"].fillna(0.0).to_numpy(np.float64)).astype(np.int32),
        multiple=np.rint(multiple).astype(np.int32),
        every=every,
        first=every.copy() if planned else np.zeros(len(at), np.int64),
        echelon=echelon,
    )
    days = settings.bucket_days
    unit_cost = scenario.table("products").set_index("product_id")["unit_cost"]
    handling, grams, grams_per_day = (
        _number(sites[name].get(site_id))
        for name in ("handling_cost_per_unit", "g_co2e_per_unit", "g_co2e_per_day")
    )
    opening = _whole(available_stock(scenario), terms)
    return Site(
        site_id=site_id,
        product=product,
        sku_keys=item_keys(products),
        opening=opening,
        demand_mean=facts.mean[:, at] / days,
        demand_variance=facts.variance[:, at] / days,
        policy=policy,
        value=unit_cost.reindex(products).fillna(0.0).to_numpy(np.float64),
        holding=table["holding_cost_per_unit_day"].fillna(0.0).to_numpy(np.float64),
        shortage=table["shortage_cost"].fillna(0.0).to_numpy(np.float64),
        depth=facts.sources.depth[site_id],
        coming=coming(scenario, site_id, pd.Index(products), {}),
        handling=handling,
        grams_co2=grams,
        grams_co2_per_tick=grams_per_day,
        region=_text(sites["region"].get(site_id)),
        dock=site_dock(scenario, site_id),
        first=passing_order(scenario, site_id, products),
        first_come=rationing(scenario, site_id) == "first_come",
        store=site_store(scenario, site_id, products),
        life=site_life(scenario, site_id, products, opening),
        returns=site_returns(scenario, products),
    )


def _whole(frame: pd.DataFrame, pairs: pd.DataFrame) -> Units:
    found = pairs[PAIR].merge(frame, on=PAIR, how="left")["qty"].fillna(0.0)
    units: Units = np.rint(found.to_numpy(np.float64)).astype(np.int32)
    return units
