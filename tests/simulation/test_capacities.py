"""What a scenario states about sources and capacity, as the world holds it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_stress import START, facts, plan_for

from scenarios import InputError
from simulation.assembly import Extras, build_world
from simulation.experiment import Case, Setup, run_cases
from simulation.facts import UNLIMITED
from simulation.kernels import rows as at
from simulation.kpis import measure


def added(table: str, **columns) -> pd.DataFrame:
    """Return a table of the small network with columns changed or added."""
    return facts().table(table)[list(_stated(table))].assign(**columns)


def _stated(table: str) -> list[str]:
    frame = facts().table(table)
    return [column for column in frame.columns if frame[column].notna().any()]


def built(extras=None, **tables):
    """Return the world of the small network with some tables changed."""
    scenario = facts(**tables)
    return build_world(scenario, plan_for(scenario), extras)


def site_of(world, site_id):
    """Return a site by its id."""
    return next(site for site in world.sites if site.site_id == site_id)


def test_a_plain_scenario_states_no_feature():
    """Nothing is switched on that no column states."""
    world = built()
    assert all(site.dock is None and site.store is None for site in world.sites)
    assert all(lane.load is None and lane.split is None for lane in world.lanes)
    assert all(supplier.quota is None for supplier in world.suppliers)


def test_docks_and_room_are_read():
    """Units a day stand for each weekday; m3 become cm3, per unit and in all."""
    world = built(
        sites=added("sites", inbound_units_per_day=[40.0, np.nan, np.nan],
                    storage_m3=[np.nan, 2.5, np.nan])
    )  # fmt: skip
    depot, shop = site_of(world, "D"), site_of(world, "A")
    assert depot.dock.inbound.tolist() == [40] * 7
    assert depot.dock.outbound is None
    assert shop.store.room == 2_500_000
    assert shop.store.volume.tolist() == [10_000, 20_000]


def test_work_capacity_limits_what_leaves_by_weekday():
    """Picks of a weekday's hours add up; a weekday that is not listed has none."""
    work = pd.DataFrame(
        {"site_id": "A", "weekday": [1, 1, 3], "hour": [8, 9, 8], "pick_units": [5.0, 6.0, 70.0]}
    )
    world = built(
        work_capacity=work, sites=added("sites", outbound_units_per_day=[np.nan, 50.0, np.nan])
    )
    assert site_of(world, "A").dock.outbound.tolist() == [11, 0, 50, 0, 0, 0, 0]


def test_an_hour_without_a_figure_has_no_limit():
    """A blank hour lifts the limit of its weekday; a weekday that is not listed has no picks."""
    work = pd.DataFrame(
        {"site_id": "A", "weekday": [1, 1, 2], "hour": [8, 9, 8], "pick_units": [5.0, np.nan, 7.0]}
    )
    outbound = site_of(built(work_capacity=work), "A").dock.outbound
    assert outbound.tolist() == [UNLIMITED, 7, 0, 0, 0, 0, 0]


def orders(*units: float) -> dict[str, pd.DataFrame]:
    """Return orders of one line of P1 each, for a zone without a place."""
    names = [f"O{n}" for n in range(len(units))]
    return {
        "zones": pd.DataFrame({"zone_id": ["Z"], "name": ["zone"]}),
        "orders": pd.DataFrame({"order_id": names, "zone_id": "Z", "placed_at": START}),
        "order_lines": pd.DataFrame(
            {"order_id": names, "line_id": "a", "product_id": "P1", "qty": list(units)}
        ),
    }


def parcels(site: str, a_day: float) -> pd.DataFrame:
    """Return a site's work of every weekday: so many parcels at eight."""
    days = range(1, 8)
    return pd.DataFrame({"site_id": site, "weekday": days, "hour": 8, "dock_parcels": a_day})


def much() -> dict[str, pd.DataFrame]:
    """Return so much demand and stock that docks alone decide."""
    return {
        "inventory": added("inventory").assign(on_hand=9000.0),
        "forecasts": added("forecasts").assign(qty=lambda rows: 10.0 * rows["qty"]),
    }


def served(world) -> dict[str, int]:
    """Return the units that customers of each site get over the horizon."""
    record = run_cases(world, [Case("calm")], Setup(1, 3))["calm"]
    return {
        site.site_id: int(record.site_rows[i, at.SERVED, 0]) for i, site in enumerate(world.sites)
    }


@pytest.mark.slow
def test_parcels_that_a_dock_loads_limit_what_customers_get():
    """2 parcels of 1.5 units are 3 units a day: 84 in four weeks; without orders one unit each."""
    tables = {"work_capacity": parcels("A", 2.0)} | much()
    world = built(**tables, **orders(1.0, 2.0))
    assert site_of(world, "A").dock.parcels.tolist() == [2] * 7
    assert site_of(world, "A").dock.parcel_units == 98304
    assert served(world)["A"] == 84
    assert served(built(**tables))["A"] == 56
    assert served(built(**much()))["A"] > 1000


@pytest.mark.slow
def test_a_dock_counts_the_parcels_of_orders():
    """Orders of one and of five units are a parcel each: three sites load 2, 0 and 1 a day."""
    work = pd.concat([parcels("A", 2.0), parcels("B", 0.0), parcels("D", 1.0)])
    world = built(
        Extras(orders="nearest"),
        work_capacity=work,
        **orders(1.0, 5.0),
        **much(),
    )
    record = run_cases(world, [Case("calm")], Setup(1, 3))["calm"]
    placed, in_full, _, shipped, _, loaded = record.orders[:, 0].tolist()
    assert placed > in_full == shipped == loaded == 3 * 28


@pytest.mark.slow
def test_parcels_do_not_limit_what_goes_to_other_sites():
    """A depot that loads no parcel feeds its shops all the same."""
    calm = run_cases(built(), [Case("calm")], Setup(1, 3))["calm"]
    none = run_cases(built(work_capacity=parcels("D", 0.0)), [Case("calm")], Setup(1, 3))["calm"]
    assert none.departures.tolist() == calm.departures.tolist()
    assert calm.departures.sum() > 0


def first_night(**sites) -> dict[str, list[int]]:
    """Return what each lane has taken from a depot of 6 units of P1 after the first night."""
    stock = added("inventory").assign(on_hand=[6.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    world = built(sites=added("sites", **sites), inventory=stock)
    world = replace(world, n_ticks=1, bucket_of_tick=world.bucket_of_tick[:1])
    record = run_cases(world, [Case("calm")], Setup(1, 3))["calm"]
    names = [world.lane_id(lane) for lane in world.lanes]
    return dict(zip(names, record.departures[:, 0].tolist(), strict=True))


@pytest.mark.slow
def test_a_depot_rations_as_its_row_says():
    """Both shops want far more than 6 units: half each, or all to the one that comes first."""
    in_proportion = first_night()
    assert in_proportion["D>A"] + in_proportion["D>B"] == 6
    assert min(in_proportion["D>A"], in_proportion["D>B"]) >= 2
    by_rank = {"rationing": ["priority", np.nan, np.nan]}
    assert first_night(**by_rank, priority=[np.nan, 2.0, 1.0])["D>B"] == 6
    assert first_night(**by_rank, priority=[np.nan, 2.0, np.nan])["D>A"] == 6
    assert first_night(priority=[np.nan, 2.0, 1.0]) == in_proportion


@pytest.mark.slow
def test_goods_pass_a_narrow_dock_by_priority():
    """P2 of rank 1 passes before P1; without ranks class A passes before class B."""
    ration = added("sites", rationing=[np.nan, "priority", np.nan])
    assert site_of(built(sites=ration), "A").first.tolist() == [0, 1]
    ranked = built(sites=ration, products=added("products", priority=[np.nan, 1.0]))
    assert site_of(ranked, "A").first.tolist() == [1, 0]
    assert site_of(ranked, "B").first is None
    by_class = built(sites=ration, products=added("products", abc_class=["C", "B"]))
    assert site_of(by_class, "A").first.tolist() == [1, 0]


def test_sites_emit_what_their_rows_state():
    """3 g for each unit that leaves A and 500 g a day at the depot, beside what lanes emit."""
    bare = added("lanes").assign(g_co2e_per_tkm=0.0)
    quiet = built(lanes=bare)
    loud = built(
        lanes=bare,
        sites=added("sites", g_co2e_per_unit=[np.nan, 3.0, np.nan],
                    g_co2e_per_day=[500.0, np.nan, np.nan]),
    )  # fmt: skip
    kg = {}
    for name, world in (("quiet", quiet), ("loud", loud)):
        record = run_cases(world, [Case("calm")], Setup(1, 3))["calm"]
        kg[name] = measure(world, record, record, ())["co2_kg", "all"][0]
    assert kg["quiet"] == 0.0
    assert kg["loud"] == pytest.approx((3 * served(loud)["A"] + 500 * 28) / 1000)


def test_weekly_capacity_counts_per_row_of_terms():
    """Each row of supplier_products with a capacity is a quota of its own."""
    world = built(supplier_products=added("supplier_products", capacity_per_week=[70.0, np.nan]))
    (supplier,) = world.suppliers
    lane = world.lanes[world.supplier_lanes[0][0]]
    assert supplier.quota.units.tolist() == [70]
    assert lane.quota_of.tolist() == [0, -1]


def test_weight_of_lanes_is_in_grams():
    """Capacity in kg a day and weights in kg become grams."""
    world = built(lanes=added("lanes", capacity_kg_per_day=[12.5, np.nan]))
    loads = {world.lane_id(lane): lane.load for lane in world.lanes}
    assert loads["D>A"].grams == 12_500
    assert loads["D>A"].weight.tolist() == [1000, 2000]
    assert loads["D>B"] is None


@pytest.fixture
def two_suppliers():
    """Tables in which W sells to the depot, too."""
    offers = added("supplier_products")
    other = offers.assign(supplier_id="W", unit_cost=30.0, moq=3.0, order_multiple=1.0)
    suppliers = pd.DataFrame({"supplier_id": ["V", "W"], "name": ["maker", "other"]})
    sources = pd.DataFrame(
        {"site_id": ["D", "D", "A", "B"], "source_id": ["W", "V", "D", "D"],
         "priority": [1, 2, 1, 1], "share_pct": [25.0, 75.0, np.nan, np.nan]}
    )  # fmt: skip
    return {
        "supplier_products": pd.concat([offers, other], ignore_index=True),
        "suppliers": suppliers,
        "item_sources": sources,
    }


def test_shares_split_orders_between_suppliers(two_suppliers):
    """Shares are kept in 1/65,536, ranked by priority, each with its own MOQ."""
    world = built(**two_suppliers)
    splits = {lane.origin_id: lane.split for lane in world.lanes if lane.supplier >= 0}
    assert splits["W"].share.tolist() == [16384, 16384]
    assert splits["V"].share.tolist() == [49152, 49152]
    assert splits["W"].rank.tolist() == [0, 0]
    assert splits["V"].least.tolist() == [10, 5]
    depot = site_of(world, "D")
    assert depot.policy.least.tolist() == [0, 0]
    assert depot.policy.multiple.tolist() == [1, 1]


def test_unused_suppliers_stand_by_when_asked(two_suppliers):
    """With `standby` a second supplier is a source with a share of 0; else it is no lane."""
    tables = two_suppliers | {
        "item_sources": pd.DataFrame({"site_id": ["A", "B"], "source_id": ["D", "D"]})
    }
    assert len(built(**tables).suppliers) == 1
    world = built(Extras(standby=True), **tables)
    shares = {lane.origin_id: lane.split.share.tolist() for lane in world.lanes if lane.split}
    assert shares == {"V": [65536, 65536], "W": [0, 0]}


def test_shelf_life_and_lots_are_read():
    """A lot ends on its date, one that came in earlier is so much older, stock without is fresh."""
    stock = pd.DataFrame(
        {"site_id": "A", "product_id": ["P1", "P1", "P2"], "lot_id": ["x", "y", "z"],
         "on_hand": [5.0, 7.0, 4.0],
         "expires_on": [START + pd.Timedelta(days=3), pd.NaT, pd.NaT],
         "received_on": [pd.NaT, START - pd.Timedelta(days=4), pd.NaT]}
    )  # fmt: skip
    world = built(
        products=added("products", shelf_life_days=[10.0, 20.0]),
        inventory=pd.concat([added("inventory")[lambda rows: rows["site_id"] != "A"], stock]),
    )
    life = site_of(world, "A").life
    assert life.ticks.tolist() == [10, 20]
    lots = [(tick, at.tolist(), units.tolist()) for tick, at, units in life.lots]
    assert lots == [(3, [0], [5]), (6, [0], [7])]


def test_returns_are_read_by_reason():
    """A rate becomes a share of 65,536; repaired goods are sold again."""
    rates = pd.DataFrame(
        {"product_id": ["P1", "P2"], "reason": ["size", "size"], "rate": [0.25, 0.5],
         "delay_days": [6.0, 9.0], "disposition": "repair", "recovery_value": [np.nan, 3.0]}
    )  # fmt: skip
    (back,) = site_of(built(return_rates=rates), "A").returns
    assert (back.reason, back.disposition) == ("size", "shelf")
    assert back.share.tolist() == [16384, 32768]
    assert back.delay.tolist() == [6, 9]
    assert back.value.tolist() == [0.0, 3.0]


def test_other_modes_stand_by_with_their_emissions():
    """A second row of `lanes` is a mode of its own: 800 g a tkm over 300 km are 240 g a kg."""
    road = added("lanes")
    air = road.iloc[[0]].assign(mode="air", transit_mean_days=0.5, cost_per_kg=9.0)
    lanes = pd.concat([road, air], ignore_index=True).assign(distance_km=300.0)
    lanes["g_co2e_per_tkm"] = [100.0, 100.0, 800.0]
    assert not any(lane.modes for lane in built(lanes=lanes).lanes)
    world = built(Extras(standby=True), lanes=lanes)
    lane = next(lane for lane in world.lanes if world.lane_id(lane) == "D>A")
    assert [mode.name for mode in lane.modes] == ["air"]
    assert lane.grams_co2 == pytest.approx(30.0)
    assert lane.modes[0].grams_co2 == pytest.approx(240.0)
    assert lane.modes[0].freight.per_kg == 9.0


def test_lateral_lanes_are_there_when_asked_for():
    """A lane between two shops helps out only where that is asked for."""
    road = added("lanes")
    across = road.iloc[[0]].assign(origin_id="B", destination_id="A")
    lanes = pd.concat([road, across], ignore_index=True)
    assert not any(lane.lateral for lane in built(lanes=lanes).lanes)
    world = built(Extras(laterals=True), lanes=lanes)
    assert [world.lane_id(lane) for lane in world.lanes if lane.lateral] == ["B>A"]


def test_the_minimum_of_an_order_is_read():
    """The least value of an order from a supplier is that of its lane."""
    world = built(supplier_products=added("supplier_products", min_order_value=[250.0, 90.0]))
    assert [lane.minimum for lane in world.lanes if lane.supplier >= 0] == [250.0]


def test_sales_are_settled_by_the_channels_demand():
    """Three quarters of the demand pays after 30 days, the rest at once; prices only when asked."""
    rows = added("forecasts")
    web, shop = rows.assign(channel_id="web"), rows.assign(channel_id="shop")
    web["qty"] *= 0.75
    shop["qty"] *= 0.25
    tables = {
        "channels": pd.DataFrame(
            {"channel_id": ["web", "shop"], "name": ["web", "shop"], "settlement_days": [30, 0]}
        ),
        "forecasts": pd.concat([web, shop], ignore_index=True),
    }
    assert site_of(built(**tables), "A").price is None
    shop_a = site_of(built(Extras(cash=True), **tables), "A")
    assert shop_a.price.tolist() == [10.0, 50.0]
    assert [ticks for ticks, _ in shop_a.settlement] == [0, 30]
    assert [part for _, part in shop_a.settlement] == pytest.approx([0.25, 0.75])


def test_goods_are_paid_after_lead_time_and_credit():
    """Lead times of 4 and 6 days on average and 20 days of credit make 25."""
    world = built(suppliers=added("suppliers", payment_days=20.0))
    (lane,) = (lane for lane in world.lanes if lane.supplier >= 0)
    assert lane.payment_ticks == 25


@pytest.mark.slow
def test_channels_keep_their_share_of_stock():
    """A share of 20 % is kept for the web shop, which has three quarters of the demand."""
    rows = added("forecasts")
    web, shop = rows.assign(channel_id="web"), rows.assign(channel_id="shop")
    web["qty"] *= 0.75
    shop["qty"] *= 0.25
    channels = pd.DataFrame(
        {"channel_id": ["web", "shop"], "name": ["web", "shop"],
         "stock_share_pct": [20.0, np.nan], "release_hours_before": [36.0, np.nan]}
    )  # fmt: skip
    both = pd.concat([web, shop], ignore_index=True)
    kept = site_of(built(channels=channels, forecasts=both), "A").channels
    assert kept.names == ("web", "shop")
    assert kept.demand.tolist() == [[49152, 49152], [65536, 65536]]
    assert kept.reserve.tolist() == [13107, 0]
    assert kept.release.tolist() == [2, 0]
    assert site_of(built(channels=channels), "A").channels is None


def test_channels_are_told_apart_when_asked_for_but_not_in_orders():
    """Without a stated share nothing is kept; where customers place orders no channel is known."""
    rows = added("forecasts").assign(channel_id="web")
    channels = pd.DataFrame({"channel_id": ["web"], "name": ["web"]})
    tables = {"channels": channels, "forecasts": rows}
    assert built(**tables).channel_names == ()
    world = built(Extras(channels=True), **tables)
    assert world.channel_names == ("web",)
    assert site_of(world, "A").channels.reserve.tolist() == [0]
    with_orders = built(Extras(channels=True, orders="nearest"), **tables, **orders(1.0))
    assert with_orders.channel_names == ()


def test_the_order_book_ranks_sites_by_distance_or_cost():
    """A is nearer to the zone and B cheaper; from A it takes longer than was promised."""
    sites = added("sites", lon=[10.0, 11.0, 14.0], lat=[50.0, 50.0, 50.0])
    zones = pd.DataFrame(
        {"zone_id": ["Z"], "name": ["zone"], "lon": [11.5], "lat": [50.0], "promise_days": [2.0]}
    )
    to_zone = pd.DataFrame(
        {"origin_id": ["A", "B"], "destination_id": "Z", "mode": "parcel",
         "transit_mean_days": [3.0, 1.0], "cost_per_kg": [2.0, 0.1]}
    )  # fmt: skip
    tables = {
        "sites": sites, "zones": zones,
        "lanes": pd.concat([added("lanes"), to_zone], ignore_index=True),
        "orders": pd.DataFrame(
            {"order_id": ["1", "2"], "zone_id": "Z", "placed_at": START,
             "allow_split": [False, True]}
        ),
        "order_lines": pd.DataFrame(
            {"order_id": ["1", "1", "2"], "line_id": ["a", "b", "a"],
             "product_id": ["P1", "P1", "P2"], "qty": [1.0, 2.0, 4.0]}
        ),
    }  # fmt: skip
    near, cheap = (built(Extras(orders=rule), **tables) for rule in ("nearest", "cheapest"))
    names = [site.site_id for site in near.sites]
    assert [names[s] for s in near.orders.ranks[0]] == ["A", "D", "B"]
    assert [names[s] for s in cheap.orders.ranks[0]] == ["B", "A", "D"]
    assert near.orders.punctual[0].tolist() == [name != "A" for name in names]
    assert near.orders.begin.tolist() == [0, 1, 2]
    assert near.orders.units.tolist() == [3, 4]
    assert near.orders.splits.tolist() == [False, True]
    with pytest.raises(InputError, match="no orders"):
        built(Extras(orders="nearest"))


def test_open_orders_are_as_late_as_receipts_say():
    """Of five receipts two were 3 days late, one a day early: so are the open orders."""
    due = START + pd.Timedelta(days=6)
    open_orders = pd.DataFrame(
        {"order_id": ["o"], "line": [1], "kind": "purchase", "source_id": "V", "site_id": "D",
         "product_id": "P1", "qty": [9.0], "ordered_on": START, "due_on": due}
    )  # fmt: skip
    promised = START - pd.Timedelta(days=30)
    receipts = pd.DataFrame(
        {"order_id": list("abcde"), "line": 1, "supplier_id": "V", "product_id": "P1",
         "site_id": "D", "qty_ordered": 5.0, "qty_received": 5.0,
         "ordered_on": promised - pd.Timedelta(days=9), "promised_on": promised,
         "received_on": [promised + pd.Timedelta(days=d) for d in (0, 3, -1, 0, 3)]}
    )  # fmt: skip
    tables = {"open_orders": open_orders, "receipts": receipts}
    (certain,) = site_of(built(**tables), "D").coming
    assert certain.late is None
    (batch,) = site_of(built(Extras(late_orders=True), **tables), "D").coming
    assert (batch.tick, batch.units.tolist()) == (6, [9])
    days, counts = np.unique(batch.late, return_counts=True)
    assert days.tolist() == [-1, 0, 3]
    assert np.abs(counts - np.array([1, 2, 2]) * 1024 / 5).max() <= 1
