"""double-eleven: a Chinese retailer four weeks before the festival.

Two regional warehouses buy from twelve suppliers and feed five city warehouses; 300 products
in eight categories and gift boxes go to thirty cities by own vans, a parcel service and crowd
riders. Companies, prices and quantities are made up; cities and their coordinates are real.
docs/data/double-eleven.md says by which rules.
"""

from __future__ import annotations

from scenarios.library.double_eleven import demand as demands
from scenarios.library.double_eleven import network, purchasing, risk
from scenarios.library.double_eleven.catalogue import build_catalogue
from scenarios.library.double_eleven.festivals import HORIZON_WEEKS, START
from scenarios.library.double_eleven.orders import build_orders, deliveries
from scenarios.library.double_eleven.preparation import prepare
from scenarios.library.double_eleven.stock import build_stock, inventory_policies, return_rates
from scenarios.scenario import Scenario
from scenarios.settings import Settings

DEFAULT_SEED = 1111
WEEKLY_UNITS = 14_000.0


def double_eleven(seed: int | None = None) -> Scenario:
    """Return the retailer drawn from a seed; None takes the documented one."""
    seed = DEFAULT_SEED if seed is None else seed
    settings = Settings(
        name="double-eleven",
        currency="CNY",
        timezone="Asia/Shanghai",
        start_date=START,
        bucket="week",
        horizon_buckets=HORIZON_WEEKS,
        holding_rate_pct_per_year=25.0,
        shortage_rule="lost",
        seed=seed,
        service_targets={"A": 0.98, "B": 0.95, "C": 0.90},
    )
    catalogue = build_catalogue(seed, WEEKLY_UNITS)
    sold = demands.build_demand(seed, catalogue)
    offers = purchasing.supplier_products(seed, catalogue, sold)
    stock = build_stock(seed, catalogue, sold, offers)
    given = prepare(catalogue, sold, offers, stock.position)
    orders, lines, windows = build_orders(seed, catalogue, sold)
    tables = {
        "products": catalogue.products,
        "product_components": catalogue.components,
        "suppliers": purchasing.suppliers(),
        "supplier_products": offers,
        "price_breaks": purchasing.price_breaks(seed, offers),
        "indices": purchasing.indices(),
        "receipts": purchasing.receipts(seed, offers),
        "sites": network.sites(given.storage),
        "zones": network.zones(),
        "zone_sites": network.zone_sites(),
        "item_sources": network.item_sources(),
        "lanes": network.lanes(),
        "calendars": purchasing.calendars(),
        "packagings": network.packagings(),
        "channels": demands.channels(),
        "demand_history": sold.history,
        "demand_cases": demands.demand_cases(),
        "promotions": demands.promotions(seed, catalogue),
        "events": demands.events(),
        "inventory": stock.inventory,
        "open_orders": stock.open_orders,
        "inventory_policies": inventory_policies(catalogue, sold),
        "return_rates": return_rates(seed, catalogue),
        "orders": orders,
        "order_lines": lines,
        "order_windows": windows,
        "carriers": network.carriers(),
        "carrier_rates": network.carrier_rates(),
        "vehicles": network.vehicles(),
        "work_capacity": network.work_capacity(),
        "deliveries": deliveries(seed),
        "limits": risk.limits(given.money),
        "disruptions": risk.disruptions(),
        "playbooks": risk.playbooks(),
        "groups": risk.groups(catalogue),
    }
    return Scenario(settings, tables)
