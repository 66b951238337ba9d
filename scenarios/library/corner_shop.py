"""corner-shop: every table there is, each number small enough to check by hand.

A shop sells tea, coffee, mugs and a gift (one tea and one mug). The back room W1 buys from two
suppliers and feeds the store S1; a van, a bike and the post bring the orders.
docs/data/corner-shop.md does the arithmetic of what a plan must find.
"""

# ruff: noqa: E501 - the tables are written as wide as they are
from __future__ import annotations

import datetime as dt

import pandas as pd

from scenarios.library.written import written_table
from scenarios.scenario import Scenario
from scenarios.settings import Settings

FIRST_WEEK = dt.date(2026, 5, 25)
START = dt.date(2026, 10, 12)

SUPPLY = {
    "products": """
product_id | name         | category | gtin          | unit_cost | unit_price | weight_kg | volume_m3 | case_qty | pallet_qty | shelf_life_days | abc_class | introduced_on | discontinued_on | like_product_id | service_s_per_unit | unserved_penalty
TEA        | Black tea    | Drinks   | 5012345678900 | 2.00      | 5.00       | 0.5       | 0.002     | 6        | 120        | 300             | A         | 2024-01-01    |                 |                 | 0                  |
COFFEE     | Coffee beans | Drinks   | 5012345678917 | 4.00      | 9.00       | 1.0       | 0.003     | 5        | 100        | 180             | A         | 2024-01-01    |                 |                 | 0                  |
MUG        | Mug          | Kitchen  |               | 3.00      | 7.50       | 0.4       | 0.004     | 4        | 80         |                 | B         | 2025-03-01    |                 |                 | 0                  |
GIFT       | Tea and mug  | Gifts    |               | 5.00      | 11.50      | 0.9       | 0.006     |          |            |                 | C         | 2026-05-25    | 2027-01-31      | TEA             | 0                  | 12.00
""",
    "product_components": """
bundle_id | component_id | qty
GIFT      | TEA          | 1
GIFT      | MUG          | 1
""",
    "suppliers": """
supplier_id | name           | lat   | lon    | region  | currency | calendar_id | payment_days | credit_score | recovery_days
FARM        | Tea and Coffee | 50.90 | -1.40  | South   | USD      |             | 30           | 80           | 21
MARKET      | City Market    | 51.51 | -0.12  | London  | GBP      | SIX_DAYS    | 0            | 60           | 7
""",
    "supplier_products": """
supplier_id | product_id | site_id | valid_from | valid_to   | unit_cost | duty_pct | order_cost | lead_time_mean_days | lead_time_sd_days | moq | order_multiple | capacity_per_week | min_order_value | fill_rate | defect_rate | order_weekdays | priority | index_id | index_share_pct
FARM        | TEA        | W1      | 2026-01-01 | 2026-12-31 | 2.00      | 0        | 5.00       | 7                   | 0                 | 6   | 6              | 60                | 20              | 1         | 0           | 1,4            | 1        |          |
FARM        | COFFEE     | W1      |            |            | 4.00      | 10       | 5.00       | 7                   | 0                 | 10  | 5              | 25                | 20              | 1         | 0           | 1,4            | 1        | USD      | 60
MARKET      | TEA        |         |            |            | 2.30      | 0        | 2.00       | 3                   | 1                 | 0   | 1              |                   | 15              | 0.9       | 0           |                | 2        |          |
MARKET      | MUG        |         |            |            | 3.00      | 0        | 2.00       | 3                   | 1                 | 0   | 1              | 40                | 15              | 1         | 0           |                | 1        |          |
""",
    "price_breaks": """
supplier_id | product_id | min_qty | unit_cost | kind
FARM        | COFFEE     | 20      | 3.80      | all_units
MARKET      | MUG        | 30      | 2.95      | incremental
""",
    "indices": """
index_id | date       | value
USD      | 2026-08-03 | 0.78
USD      | 2026-09-07 | 0.79
USD      | 2026-10-05 | 0.80
""",
    "receipts": """
order_id | line | supplier_id | product_id | site_id | qty_ordered | qty_received | qty_rejected | ordered_on | promised_on | received_on
B1       | 1    | FARM        | TEA        | W1      | 30          | 30           | 0            | 2026-08-03 | 2026-08-10  | 2026-08-10
B1       | 2    | FARM        | COFFEE     | W1      | 15          | 15           | 1            | 2026-08-03 | 2026-08-10  | 2026-08-11
B2       | 1    | MARKET      | MUG        | W1      | 10          | 8            | 0            | 2026-08-17 | 2026-08-20  | 2026-08-22
B3       | 1    | FARM        | TEA        | W1      | 24          | 24           | 0            | 2026-09-07 | 2026-09-14  | 2026-09-14
B4       | 1    | MARKET      | TEA        | S1      | 10          | 9            | 1            | 2026-09-14 | 2026-09-17  | 2026-09-16
""",
}

NETWORK = {
    "sites": """
site_id | kind      | name      | lat    | lon     | city   | region | status | channel_id | storage_m3 | inbound_units_per_day | outbound_units_per_day | fixed_cost_per_day | opening_cost | closing_cost | handling_cost_per_unit | calendar_id | recovery_days
W1      | warehouse | Back room | 51.530 | -0.100  | London | London | open   |            | 1          | 100                   | 50                     | 10                 | 0            | 100          | 0.20                   |             | 14
S1      | store     | The shop  | 51.515 | -0.090  | London | London | open   |            | 0.4        | 40                    | 30                     | 20                 | 0            | 300          | 0.30                   | SIX_DAYS    | 7
""",
    "zones": """
zone_id | name      | lat     | lon     | city   | region | population | promise_days
ZN      | Near      | 51.517  | -0.080  | London | London | 8000       | 1
ZF      | Far       | 51.752  | -1.258  | Oxford | South  | 160000     | 3
""",
    "zone_sites": """
zone_id | site_id | channel_id | share_pct
ZN      | S1      |            | 100
ZF      | W1      |            |
""",
    "item_sources": """
site_id | product_id | source_id | priority | share_pct
S1      |            | W1        | 1        |
W1      | TEA        | FARM      | 1        |
W1      | TEA        | MARKET    | 2        |
""",
    "lanes": """
origin_id | destination_id | mode   | transit_mean_days | transit_sd_days | distance_km | cost_per_shipment | cost_per_kg | cost_per_m3 | cost_per_unit | shipment_kg | shipment_m3 | min_fill_pct | capacity_kg_per_day | g_co2e_per_tkm | recovery_days
W1        | S1             | road   | 1                 | 0               | 4           | 3.00              | 0.10        |             |               | 200         | 2           |              | 400                 | 105            | 2
W1        | ZF             | parcel | 2                 | 0.5             | 95          | 4.00              | 2.00        |             |               |             |             |              |                     |                | 3
S1        | ZN             | parcel | 0                 | 0               | 1.5         | 2.00              |             |             |               |             |             |              |                     | 20             | 1
""",
    "distances": """
origin_id | destination_id | distance_m | duration_s
W1        | O1             | 4000       | 480
O1        | W1             | 4000       | 480
W1        | O5             | 5000       | 600
O5        | W1             | 5000       | 600
O1        | O5             | 1000       | 120
O5        | O1             | 1000       | 120
S1        | ZN             | 1500       | 300
ZN        | S1             | 1500       | 300
""",
    "calendars": """
calendar_id | date       | is_working | open_time | close_time
SIX_DAYS    | 2026-10-11 | no         |           |
SIX_DAYS    | 2026-10-18 | no         |           |
SIX_DAYS    | 2026-10-25 | no         |           |
SIX_DAYS    | 2026-11-01 | no         |           |
SIX_DAYS    | 2026-11-07 | yes        | 08:00     | 12:00
SIX_DAYS    | 2026-11-08 | no         |           |
""",
    "packagings": """
packaging_id | volume_m3 | max_kg | tare_kg | cost | g_co2e
BAG          | 0.010     | 2      | 0.02    | 0.10 | 15
BOX          | 0.050     | 10     | 0.30    | 0.60 | 250
""",
}

DEMAND = {
    "channels": """
channel_id | name         | stock_share_pct | release_hours_before | settlement_days
SHOP       | Over counter | 10              | 24                   | 0
WEB        | Web shop     |                 |                      | 3
""",
    "demand_cases": """
demand_case | probability
normal      | 0.7
cold_autumn | 0.3
""",
    "promotions": """
promotion_id | kind       | product_id | category | location_id | channel_id | start      | end        | discount_pct | uplift_pct | qty_limit | cannibalises
SUMMER_TEA   | discount   | TEA        |          |             |            | 2026-07-06 | 2026-07-12 | 20           | 100        |           |
COFFEE_WEEK  | flash sale | COFFEE     |          | ZF          | WEB        | 2026-10-26 | 2026-11-01 | 10           | 50         | 15        | Drinks
KITCHEN_SALE | money off  |            | Kitchen  | ZN          | SHOP       | 2026-08-17 | 2026-08-23 | 15           |            |           |
""",
    "events": """
event_id     | start      | end        | region
BANK_HOLIDAY | 2026-08-31 | 2026-08-31 |
FIREWORKS    | 2026-11-05 | 2026-11-07 | London
""",
}

STOCK = {
    "inventory": """
site_id | product_id | lot_id | channel_id | on_hand | reserved | quarantined | received_on | expires_on
W1      | TEA        | T1     |            | 12      | 2        | 0           | 2026-08-10  | 2027-06-06
W1      | TEA        | T2     |            | 9       |          | 1           | 2026-09-14  | 2027-07-11
W1      | COFFEE     | C1     |            | 5       |          |             | 2026-08-11  | 2027-02-07
W1      | MUG        |        |            | 2       |          |             | 2026-08-22  |
S1      | TEA        | T1     |            | 4       |          |             | 2026-09-16  | 2027-06-06
S1      | TEA        | T0     |            | 3       |          |             | 2025-12-01  | 2026-10-01
S1      | COFFEE     | C1     |            | 6       |          |             | 2026-08-20  | 2027-02-07
S1      | COFFEE     | C1     | SHOP       | 2       |          |             | 2026-08-20  | 2027-02-07
S1      | MUG        |        |            | 3       |          |             | 2026-08-25  |
""",
    "open_orders": """
order_id | line | kind     | source_id | site_id | product_id | qty | ordered_on | due_on     | frozen
B5       | 1    | purchase | MARKET    | W1      | TEA        | 4   | 2026-10-10 | 2026-10-13 | yes
X1       | 1    | transfer | W1        | S1      | COFFEE     | 1   | 2026-10-11 | 2026-10-12 | no
""",
    "inventory_policies": """
site_id | product_id | policy     | s | S  | r | Q | review_days | target_fill_rate | target_cycle_service | min_cover_days | max_cover_days | shortage_cost | holding_cost_per_unit_day
W1      | TEA        | base_stock |   |    |   |   | 7           | 0.95             | 0.95                 | 7              | 60             | 1.33          | 0.01
W1      | COFFEE     | base_stock |   |    |   |   | 7           |                  |                      |                |                |               |
W1      | MUG        | base_stock |   |    |   |   | 7           |                  |                      |                |                |               |
S1      | TEA        | base_stock |   |    |   |   | 7           |                  |                      |                |                | 1.33          | 0.01
S1      | COFFEE     | r_Q        |   |    | 4 | 5 | 1           |                  |                      |                |                |               |
S1      | MUG        | s_S        | 3 | 8  |   |   | 7           |                  |                      |                |                |               |
""",
    "return_rates": """
product_id | reason  | rate | delay_days | disposition | recovery_value
MUG        | broken  | 0.05 | 5          | scrap       | 0
MUG        | colour  | 0.05 | 10         | resell      | 3.00
TEA        | damaged | 0.01 | 5          | exchange    | 0
GIFT       | unloved | 0.10 | 14         | resell      | 5.00
""",
}

DELIVERY = {
    "orders": """
order_id | kind     | status   | zone_id | lat    | lon    | placed_at        | release_at       | due_from         | due_to           | priority | channel_id | allow_split | allow_line_split | service_s | skills | prize | late_cost_per_h
O1       | delivery | accepted | ZN      | 51.512 | -0.060 | 2026-10-11 18:00 |                  |                  |                  | 2        | WEB        | no          | no               | 120       | cool   |       |
O2       | delivery | accepted | ZF      |        |        | 2026-10-11 19:30 |                  |                  | 2026-10-14 00:00 |          | WEB        | yes         | no               |           |        |       |
O3       | delivery | accepted | ZN      |        |        | 2026-10-11 20:00 | 2026-10-12 08:00 | 2026-10-12 10:00 | 2026-10-12 12:00 | 1        | WEB        | yes         | no               | 120       |        |       |
O4       | delivery | accepted | ZF      |        |        | 2026-10-11 21:15 |                  |                  | 2026-10-15 00:00 |          | WEB        | yes         | no               |           |        |       | 0.50
O5       | pickup   | accepted | ZN      | 51.508 | -0.055 | 2026-10-11 09:00 |                  | 2026-10-12 09:00 | 2026-10-12 17:00 | 3        | SHOP       | yes         | no               | 60        |        | 4.00  |
O6       | delivery | held     | ZF      |        |        | 2026-10-11 22:00 |                  |                  |                  |          | WEB        | yes         | yes              |           |        |       |
""",
    "order_lines": """
order_id | line_id | product_id | qty
O1       | 1       | TEA        | 2
O1       | 2       | COFFEE     | 1
O2       | 1       | GIFT       | 1
O2       | 2       | COFFEE     | 1
O3       | 1       | MUG        | 3
O3       | 2       | TEA        | 1
O4       | 1       | COFFEE     | 12
O4       | 2       | TEA        | 1
O5       | 1       | MUG        | 1
O6       | 1       | TEA        | 2
""",
    "order_windows": """
order_id | from             | to
O1       | 2026-10-12 09:00 | 2026-10-12 11:00
O1       | 2026-10-12 14:00 | 2026-10-12 16:00
""",
    "carriers": """
carrier_id | kind        | capacity_per_day | acceptance_probability | on_time_rate | damage_rate
OWN        | own         | 20               |                        | 0.98         | 0.01
POST       | third_party | 100              |                        | 0.90         | 0.02
""",
    "carrier_rates": """
carrier_id | service | origin | destination | max_weight_kg | base | included_kg | step_kg | per_kg | volumetric_kg_per_m3 | cutoff_time | promise_days | g_co2e_per_parcel
OWN        | van     | W1     | ZN          | 50            | 3.00 | 50          |         | 0      |                      | 09:00       | 0            | 300
OWN        | bike    | S1     | ZN          | 1.8           | 2.00 | 1.8         |         | 0      |                      | 09:00       | 0            | 20
POST       | parcel  | W1     | ZN          | 20            | 3.50 | 1           | 0.5     | 2.00   | 167                  | 16:00       | 1            | 400
POST       | parcel  | W1     | ZF          | 20            | 4.00 | 1           | 0.5     | 2.00   | 167                  | 16:00       | 2            | 600
POST       | parcel  | S1     | ZN          | 20            | 3.50 | 1           | 0.5     | 2.00   | 167                  | 16:00       | 1            | 400
POST       | parcel  | S1     | ZF          | 20            | 4.50 | 1           | 0.5     | 2.00   | 167                  | 16:00       | 2            | 600
""",
    "vehicles": """
vehicle_type | depot_id | count | carrier_id | end_depot_id | open_route | max_trips | reload_min | capacity_kg | capacity_m3 | max_stops | shift_start | shift_end | max_km | fixed_cost | cost_per_km | cost_per_hour | speed_km_h | g_co2e_per_km | skills | break_after_h | break_min
van          | W1       | 1     | OWN        | W1           | no         | 2         | 20         | 300         | 3           | 20        | 08:00       | 17:00     | 100    | 10.00      | 0.50        | 12.00         | 30         | 200           | cool   | 4             | 30
bike         | S1       | 1     | OWN        |              | no         | 3         | 5          | 10          | 0.1         | 5         | 09:00       | 15:00     | 20     | 2.00       | 0           | 10.00         | 15         | 0             |        |               |
""",
    "vehicle_states": """
vehicle_id | route_id | at               | lat    | lon    | load_kg | frozen_seq
van-1      | R1       | 2026-10-12 08:00 | 51.530 | -0.100 | 2.0     | 0
""",
    "work_capacity": """
site_id | weekday | hour | pick_units | dock_parcels
W1      | 1       | 8    | 20         | 10
W1      | 1       | 9    | 20         | 10
W1      | 2       | 8    | 20         | 10
W1      | 2       | 9    | 20         | 10
W1      | 3       | 8    | 20         | 10
W1      | 3       | 9    | 20         | 10
W1      | 4       | 8    | 20         | 10
W1      | 4       | 9    | 20         | 10
W1      | 5       | 8    | 20         | 10
W1      | 5       | 9    | 20         | 10
W1      | 6       | 8    | 20         | 10
W1      | 6       | 9    | 20         | 10
W1      | 7       | 8    | 20         | 10
W1      | 7       | 9    | 20         | 10
S1      | 1       | 9    | 10         | 5
S1      | 2       | 9    | 10         | 5
S1      | 3       | 9    | 10         | 5
S1      | 4       | 9    | 10         | 5
S1      | 5       | 9    | 10         | 5
S1      | 6       | 9    | 10         | 5
""",
    "deliveries": """
shipment_id | order_id | carrier_id | placed_at        | handed_over_at   | promised_at      | delivered_at     | exception     | damaged
D1          | H1       | POST       | 2026-09-28 10:00 | 2026-09-28 16:00 | 2026-09-30 18:00 | 2026-09-30 11:00 |               | no
D2          | H2       | POST       | 2026-09-29 10:00 | 2026-09-29 16:00 | 2026-10-01 18:00 | 2026-10-02 15:00 | wrong address | no
D3          | H3       | OWN        | 2026-10-01 09:00 | 2026-10-01 10:00 | 2026-10-01 12:00 | 2026-10-01 11:30 |               | no
D4          | H4       | POST       | 2026-10-02 09:00 | 2026-10-02 16:00 | 2026-10-05 18:00 | 2026-10-05 12:00 |               | yes
""",
}

RISK = {
    "limits": """
limit_id     | kind               | scope           | bucket     | sense | value | hard | penalty
CASH         | budget             | all             |            | <=    | 200   | yes  |
CASH_FARM    | supplier_spend     | supplier:FARM   |            | <=    | 150   | yes  |
FARM_SHARE   | supplier_share_pct | supplier:FARM   |            | <=    | 90    | no   | 1
FARM_UNITS   | supplier_units     | supplier:FARM   | 2026-10-12 | <=    | 80    | yes  |
SHELVES      | storage            | site:S1         |            | <=    | 0.3   | yes  |
CARBON       | co2                | all             |            | <=    | 50000 | no   | 0.001
""",
    "disruptions": """
disruption_id | kind              | target          | start      | start_distribution    | duration | duration_distribution      | severity | probability | group  | after
FARM_STRIKE   | supplier_outage   | supplier:FARM   | 2026-10-19 |                       | 14       |                            | 1        |             |        |
COLD_SNAP     | demand_surge      | category:Drinks | 2026-10-26 |                       | 7        |                            | 2        | 0.3         | COLD   |
ICY_ROAD      | lane_delay        | lane:W1>S1      | 2026-10-26 |                       | 3        |                            | 2        | 0.3         | COLD   |
BURST_PIPE    | warehouse_closure | site:W1         |            | exponential(mean=120) |          | lognormal(mean=3, sd=1)    | 1        |             |        |
BAD_BATCH     | quality_recall    | supplier:MARKET | 2026-11-02 |                       | 7        |                            | 0.5      | 0.1         |        |
LATE_FARM     | lead_time_blowup  | supplier:FARM   | 2026-11-02 |                       | 7        |                            | 2        | 0.5         |        | FARM_STRIKE
""",
    "playbooks": """
playbook_id | step | kpi       | op | threshold | action           | target          | value | delay_days | cost
NO_FARM     | 1    | fill_rate | <  | 0.9       | switch_supplier  | supplier:MARKET |       | 1          | 5
NO_FARM     | 2    | fill_rate | <  | 0.8       | pause_promotion  | COFFEE_WEEK     |       | 0          | 0
""",
    "groups": """
group_id | kind    | member_id
HOT      | product | TEA
HOT      | product | COFFEE
LOCAL    | site    | W1
LOCAL    | site    | S1
""",
}

# units sold in each of the 20 weeks before the start; `*` marks a week in which stock ran out
SOLD = {
    ("TEA", "ZF"): "12 10 14 12 13 11 24 12 10 14 11 13 12 9 15 12 14 10 12 12",
    ("TEA", "ZN"): "4 5 3 4 4 3 9 5 4 4 3 5 4 4 3 5 4 4 5 4",
    ("COFFEE", "ZF"): "7 6 8 7 7 6 7 8 6 7 0* 8 7 7 6 8 7 6 8 7",
    ("COFFEE", "ZN"): "3 3 2 4 3 3 2 3 4 3 3 2 3 3 4 3 2 3 3 3",
    ("MUG", "ZF"): "0 0 3 0 1 0 0 2 0 4 0 0 1 0 3 0 0 2 0 4",
    ("MUG", "ZN"): "1 0 0 2 0 1 0 0 0 1 0 0 3 0 0 1 0 0 1 0",
    ("GIFT", "ZF"): "2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2",
    ("GIFT", "ZN"): "0 1 0 0 1 0 0 0 1 0 0 1 0 0 0 1 0 0 1 0",
}

# mean and 0.9 quantile of each week of the horizon: mean + 1.28155 x standard deviation
FORECAST = {
    ("TEA", "ZF"): (12.0, 14.5631),  # sd 2
    ("TEA", "ZN"): (4.0, 5.2816),  # sd 1
    ("COFFEE", "ZF"): (7.0, 8.2816),  # sd 1
    ("COFFEE", "ZN"): (3.0, 4.2816),  # sd 1
    ("MUG", "ZF"): (1.0, 2.2816),  # sd 1
    ("MUG", "ZN"): (0.5, 1.7816),  # sd 1
    ("GIFT", "ZF"): (2.0, 2.0),  # sd 0
}

CHANNEL_OF = {"ZN": "SHOP", "ZF": "WEB"}
PRICE = {"TEA": 5.0, "COFFEE": 9.0, "MUG": 7.5, "GIFT": 11.5}


def corner_shop(seed: int | None = None) -> Scenario:
    """Return the corner shop; nothing in it is drawn, a seed only enters the settings."""
    settings = Settings(
        name="corner-shop",
        currency="GBP",
        timezone="Europe/London",
        start_date=START,
        bucket="week",
        horizon_buckets=4,
        holding_rate_pct_per_year=25.0,
        shortage_rule="lost",
        co2_price_per_tonne=0.0,
        seed=0 if seed is None else seed,
    )
    blocks = SUPPLY | NETWORK | DEMAND | STOCK | DELIVERY | RISK
    tables = {name: written_table(name, text) for name, text in blocks.items()}
    tables["demand_history"] = _history()
    tables["forecasts"] = _forecasts()
    return Scenario(settings, tables)


def _history() -> pd.DataFrame:
    rows = []
    for (product, zone), weeks in SOLD.items():
        for week, cell in enumerate(weeks.split()):
            date = FIRST_WEEK + dt.timedelta(weeks=week)
            row = (product, zone, CHANNEL_OF[zone], float(cell.strip("*")), PRICE[product])
            rows.append((pd.Timestamp(date), *row, cell.endswith("*")))
    columns = ["date", "product_id", "location_id", "channel_id", "qty", "price", "stockout"]
    return pd.DataFrame(rows, columns=columns)


def _forecasts() -> pd.DataFrame:
    rows: list[tuple[object, ...]] = []
    for (product, zone), (mean, high) in FORECAST.items():
        for week in range(4):
            date = pd.Timestamp(START + dt.timedelta(weeks=week))
            rows.append((product, zone, date, None, mean))
            rows.append((product, zone, date, 0.9, high))
    columns = ["product_id", "location_id", "bucket", "quantile", "qty"]
    return pd.DataFrame(rows, columns=columns)
