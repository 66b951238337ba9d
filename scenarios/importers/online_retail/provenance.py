"""Where every column of the scenario comes from: the file, a calculation on it, or a rule."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from scenarios.importers.origin import Source
from scenarios.importers.origin import assumed as _assumed
from scenarios.importers.origin import derived as _derived
from scenarios.importers.origin import real as _real

_LEVEL = (
    "a seeded lognormal share (median 0.93) of the level at which buying more stops paying"
    " (margin against holding over the review and the lead time), less what is under way;"
    " 3 % of shelves are empty; products that no longer sell have up to 23 units left"
)
_ORDERED = (
    "every 2 to 4 weeks, by origin, a supplier is sent what was sold since (real sales, at the"
    " national warehouse with London's), in whole least lines"
)
_BAND = "by road distance (great circle x 1.3) from the site: Brunel's"

PROVENANCE: Mapping[str, Mapping[str, Source]] = MappingProxyType(
    {
        "settings": {
            "name": _real("name of the data set"),
            "currency": _real("the file is in pounds"),
            "timezone": _real("the firm is in the United Kingdom"),
            "start_date": _derived("Monday of the week that holds the last sale"),
            "bucket": _assumed("week"),
            "horizon_buckets": _assumed("13 weeks"),
            "holding_rate_pct_per_year": _assumed("25 %"),
            "shortage_rule": _assumed("lost sales"),
            "seed": _assumed("as given to the import"),
        },
        "products": {
            "product_id": _real("StockCode in upper case"),
            "name": _real("commonest Description among priced sales"),
            "category": _derived("the first of 12 groups of which a word stands in the name"),
            "unit_cost": _assumed("a seeded share of 42 to 58 % of the price"),
            "unit_price": _real("median UnitPrice of the sales kept, to the penny"),
            "weight_kg": _assumed(
                "median of the category at 2 pounds x (price / 2)^0.6 x a seeded lognormal (0.35)"
            ),
            "volume_m3": _assumed("weight over the category's density x a seeded lognormal (0.25)"),
            "case_qty": _derived("commonest quantity of 2 to 96 that is bought, else 1"),
            "abc_class": _derived("A to 80 %, B to 95 % of revenue, best sellers first"),
            "introduced_on": _derived("first sale, if later than 4 weeks after the file begins"),
            "discontinued_on": _derived("day after the last sale, if none in the last 26 weeks"),
            "like_product_id": _derived(
                "products of the last 13 weeks: the best-selling older one of the same five digits"
            ),
            "unserved_penalty": _assumed("twice the price"),
        },
        "demand_history": {
            "date": _real("InvoiceDate; Monday of its week, or the day with `--history day`"),
            "product_id": _real("StockCode in upper case"),
            "location_id": _real(
                "Country; within the United Kingdom a seeded 16 % of customers (of invoices, where"
                " the customer is missing) are London's"
            ),
            "qty": _real("Quantity, less what was cancelled within a day of the order"),
            "price": _derived("value over units"),
        },
        "orders": {
            "order_id": _real("InvoiceNo"),
            "zone_id": _real("Country; London as in demand_history"),
            "lat": _assumed(
                "United Kingdom only: seeded by customer; in London normal around Charing Cross"
                " (9 km), elsewhere near the middle of one of 30 towns drawn by their people"
            ),
            "lon": _assumed("as lat"),
            "placed_at": _real("InvoiceDate"),
            "release_at": _assumed("6 in the morning of the next open day"),
            "due_to": _assumed("the day of release + the zone's promise_days"),
            "service_s": _assumed("420 s at stops in London"),
        },
        "order_lines": {
            "order_id": _real("InvoiceNo"),
            "line_id": _derived("position of the line in the invoice, of the lines kept"),
            "product_id": _real("StockCode in upper case"),
            "qty": _real("Quantity, less what was cancelled within a day of the order"),
        },
        "order_windows": {
            "order_id": _real("InvoiceNo"),
            "from": _assumed("40 % of London's customers receive in 4 hours from 8, 10 or 13"),
            "to": _assumed("4 hours later"),
        },
        "return_rates": {
            "product_id": _real("StockCode in upper case"),
            "reason": _real("the file tells of cancellations only"),
            "rate": _derived("units cancelled more than a day after the sale, over units sold"),
            "delay_days": _derived("median days between sale and cancellation; not known: 12"),
            "disposition": _assumed("resell"),
            "recovery_value": _assumed("80 % of the unit cost"),
        },
        "zones": {
            "zone_id": _real("ISO 3166 code of Country; GB-LON is London"),
            "name": _real("Country"),
            "lat": _real("the capital's; the United Kingdom's is the middle of its people"),
            "lon": _real("as lat"),
            "city": _real("the capital"),
            "region": _assumed("British Isles, Europe or Overseas"),
            "promise_days": _assumed("3, 6, 8 or 12 by road distance from its site"),
        },
        "zone_sites": {
            "zone_id": _real("as zones"),
            "site_id": _assumed("Europe from Venlo, London from its depot, all else from Daventry"),
            "share_pct": _assumed("100"),
        },
        "calendars": {
            "calendar_id": _assumed("CAL-UK: the firm; CAL-CN: suppliers in China"),
            "date": _derived(
                "CAL-UK: days without a sale; after the file the weekdays on which nothing is ever"
                " sold, and Christmas as the year before. CAL-CN: Spring Festival"
            ),
            "is_working": _derived("no"),
        },
        "sites": {
            "site_id": _assumed("a national warehouse, London's depot, a European warehouse"),
            "kind": _assumed("warehouse"),
            "name": _assumed("made up"),
            "lat": _real("of the town"),
            "lon": _real("of the town"),
            "city": _assumed("Daventry, London, Venlo"),
            "region": _assumed("British Isles or Europe"),
            "status": _assumed("open"),
            "storage_m3": _assumed("1.25 x the room of stock, stock under way and tonight's need"),
            "inbound_units_per_day": _assumed("twice outbound"),
            "outbound_units_per_day": _assumed("1.5 x the 98th percentile of daily sales"),
            "fixed_cost_per_day": _assumed("2,200, 600 and 700 pounds"),
            "handling_cost_per_unit": _assumed(
                "0.06 pounds x Brunel's cost per unit at the quartiles over the median"
            ),
            "calendar_id": _derived("CAL-UK"),
            "recovery_days": _assumed("28, 10 and 21"),
        },
        "item_sources": {
            "site_id": _assumed("London's depot"),
            "source_id": _assumed("the national warehouse"),
            "priority": _assumed("1"),
        },
        "suppliers": {
            "supplier_id": _assumed("20 suppliers: 6 East Asia, 3 South Asia, 5 Europe, 6 UK"),
            "name": _assumed("made up"),
            "lat": _real("of the town"),
            "lon": _real("of the town"),
            "region": _assumed("by town"),
            "currency": _assumed("by country; prices are converted"),
            "calendar_id": _assumed("CAL-CN for suppliers in China"),
            "payment_days": _assumed("30 or 45 by origin"),
            "credit_score": _assumed("seeded, 60 to 95"),
            "recovery_days": _assumed("21 to 60 by origin"),
        },
        "supplier_products": {
            "supplier_id": _assumed(
                "origin drawn by the category's shares; there 65 % the category's main supplier,"
                " 35 % the next; a quarter of imports also from one of three British importers"
            ),
            "product_id": _real("StockCode in upper case"),
            "unit_cost": _assumed("unit_cost of the product; second sources 18 % more"),
            "duty_pct": _assumed("4 % from Asia, else 0"),
            "order_cost": _assumed("20 to 60 pounds by origin"),
            "lead_time_mean_days": _assumed(
                "28 East Asia, 26 South Asia, 11 Europe, 6 United Kingdom, each x 0.85 to 1.15"
                " seeded by supplier; the lane's transit is added"
            ),
            "lead_time_sd_days": _assumed(
                "lead-time cv of SCMS: ocean 0.35 for Asia (lane included), median vendor 0.551"
                " for Europe, its lower quartile 0.448 for the United Kingdom"
            ),
            "moq": _assumed(
                "whole cases worth 40, 20 or 10 pounds by origin, no more than 13, 8 or 6 weeks of"
                " sales, at least one"
            ),
            "order_multiple": _derived("case_qty"),
            "min_order_value": _assumed("750 Asia, 300 Europe, 120 United Kingdom"),
            "fill_rate": _assumed("seeded by supplier, 0.95 to 1"),
            "defect_rate": _assumed("seeded by supplier, 0.001 to 0.025"),
            "order_weekdays": _assumed("Europe: Monday, Wednesday, Friday"),
            "priority": _assumed("1 the first source, 2 the second"),
        },
        "receipts": {
            "order_id": _assumed("supplier, site, day"),
            "line": _assumed("position in the order"),
            "supplier_id": _assumed("the first source"),
            "product_id": _real("StockCode in upper case"),
            "site_id": _assumed("the national or the European warehouse"),
            "qty_ordered": _assumed(_ORDERED),
            "qty_received": _assumed("half of the lines fall short, by the fill rate on the whole"),
            "qty_rejected": _assumed("seeded, by the defect rate on the whole"),
            "ordered_on": _assumed("Mondays, every 2 to 4 weeks by origin"),
            "promised_on": _assumed(
                "quantile of the lead time that SCMS's share of late deliveries exceeds: ocean"
                " 17.5 %, truck 16.1 %, the median vendor 1.5 % for the United Kingdom"
            ),
            "received_on": _assumed("ordered_on + a gamma draw of the lead time per order"),
        },
        "open_orders": {
            "order_id": _assumed("supplier, site, day"),
            "line": _assumed("position in the order"),
            "kind": _assumed("purchase; transfer for London"),
            "source_id": _assumed("the first source; the national warehouse for London"),
            "site_id": _assumed("where it goes"),
            "product_id": _real("StockCode in upper case"),
            "qty": _assumed("orders as in receipts that have not come by the start"),
            "ordered_on": _assumed("as in receipts"),
            "due_on": _assumed("the promised day; once that is past, the day it will come"),
            "frozen": _assumed("transfers"),
        },
        "inventory": {
            "site_id": _derived("the site that serves the product's buyers"),
            "product_id": _real("StockCode in upper case"),
            "on_hand": _assumed(_LEVEL),
        },
        "inventory_policies": {
            "site_id": _derived("as inventory, where the product sold in the last 26 weeks"),
            "product_id": _real("StockCode in upper case"),
            "policy": _assumed("base stock"),
            "review_days": _assumed("7"),
        },
        "limits": {
            "limit_id": _assumed("one weekly budget"),
            "kind": _assumed("budget"),
            "scope": _assumed("all"),
            "sense": _assumed("at most"),
            "value": _assumed(
                "1.2 x what lifts every product to its level, in whole thousands: less than least"
                " lines and a forecaster's caution would spend"
            ),
            "hard": _assumed("yes"),
        },
        "lanes": {
            "origin_id": _assumed("suppliers abroad; sites among each other"),
            "destination_id": _assumed("the national and the European warehouse; sites"),
            "mode": _assumed("sea from Asia, road in Europe"),
            "transit_mean_days": _assumed("34 East Asia, 26 South Asia, 3 Europe, 1 to London"),
            "transit_sd_days": _assumed("a tenth of the variance of the whole lead time"),
            "cost_per_shipment": _assumed(
                "SCMS freight a x kg^b (ocean b 0.386, truck b 0.49) at its 10th percentile per kg"
                " (0.82 and 0.66 dollars): tangent at 2,000 kg by sea, 500 kg by road"
            ),
            "cost_per_kg": _assumed("slope of that tangent"),
            "shipment_kg": _assumed("a 20-foot container, a lorry"),
            "shipment_m3": _assumed("a 20-foot container, a lorry"),
            "recovery_days": _assumed("14 by sea, 3 by road"),
        },
        "carriers": {
            "carrier_id": _assumed("own vans in London, a parcel carrier, a pallet network"),
            "kind": _assumed("own, third_party, shared"),
            "capacity_per_day": _assumed("vans 45 parcels; parcels twice a busy day's orders"),
            "on_time_rate": _assumed("0.985, 0.96, 0.94"),
            "damage_rate": _assumed("0.002, 0.006, 0.004"),
        },
        "carrier_rates": {
            "carrier_id": _assumed("as carriers"),
            "service": _assumed("van, parcel, pallet"),
            "origin": _assumed("Daventry everywhere, Venlo to Europe, London within the country"),
            "destination": _real("as zones"),
            "max_weight_kg": _assumed("van 900, parcel 30, pallet 2,500"),
            "base": _assumed(f"{_BAND} least charge, air (parcel) and ground (pallet)"),
            "included_kg": _assumed("parcel 5 to 0.5, pallet 30, van 20"),
            "step_kg": _assumed("parcels by the whole kg"),
            "per_kg": _assumed(f"{_BAND} rate per kg at its percentiles 10 to 90"),
            "volumetric_kg_per_m3": _assumed("parcels 200"),
            "cutoff_time": _assumed("16:00; vans 07:00"),
            "promise_days": _assumed("1 to 8 by distance and service; vans the same day"),
            "g_co2e_per_parcel": _assumed("by distance and service; vans: in the route"),
        },
        "vehicles": {
            "vehicle_type": _assumed("a van of 3.5 t and a lorry of 7.5 t"),
            "depot_id": _assumed("London's depot"),
            "count": _assumed("4 and 1"),
            "carrier_id": _assumed("own vans"),
            "max_trips": _assumed("1"),
            "capacity_kg": _assumed("1,100 and 2,600"),
            "capacity_m3": _assumed("10 and 32"),
            "max_stops": _assumed("30"),
            "shift_start": _assumed("07:30 and 07:00"),
            "shift_end": _assumed("17:30 and 17:00"),
            "fixed_cost": _assumed("55 and 110 pounds"),
            "cost_per_km": _assumed("0.28 and 0.52 pounds"),
            "cost_per_hour": _assumed("13 and 15 pounds"),
            "speed_km_h": _assumed("24 and 21 in London's streets"),
            "g_co2e_per_km": _assumed("240 and 520"),
        },
        "promotions": {
            "promotion_id": _assumed("those of a usual year that fall into the horizon"),
            "kind": _assumed("discount"),
            "category": _derived("as products"),
            "start": _assumed("by the calendar"),
            "end": _assumed("by the calendar"),
            "discount_pct": _assumed("10 or 30 %"),
            "uplift_pct": _assumed("20 to 60 %"),
        },
        "events": {
            "event_id": _real("Christmas, Easter, Spring Festival"),
            "start": _real("by the calendar"),
            "end": _real("by the calendar"),
            "region": _real("Spring Festival: East Asia"),
        },
        "disruptions": {
            "disruption_id": _assumed("one of each kind that such a firm should be ready for"),
            "kind": _assumed("six kinds"),
            "target": _derived("the supplier of most spend, the category of most revenue, ..."),
            "start": _assumed("3 to 42 days after the start"),
            "duration": _assumed("4 to 30 days"),
            "severity": _assumed("share lost, factor, or days of delay"),
            "probability": _assumed("0.02 to 0.18; sea delays as often as SCMS's ocean lateness"),
        },
        "groups": {
            "group_id": _assumed("ASIA, SEA-LANES"),
            "kind": _assumed("suppliers, lanes"),
            "member_id": _assumed("suppliers in Asia; lanes from them"),
        },
    }
)
