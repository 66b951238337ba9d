"""What the parts of a promotion's answer are called, in English."""

from __future__ import annotations

from typing import Final

ITEMS: Final = {
    "promoted_margin": "margin of promoted goods at list price",
    "taken_margin": "margin of goods it takes from",
    "other_margin": "margin of other goods",
    "discount": "discount given",
    "refunds": "refunds of returned goods",
    "freight": "freight",
    "orders": "order costs",
    "handling": "handling",
    "holding": "holding stock",
    "destroyed": "goods destroyed",
    "recovered": "recovered from returns",
    "more_capacity": "more capacity",
}
CAUSES: Final = {
    "nothing": "nothing",
    "stock": "stock",
    "budget": "budget",
    "inbound_dock": "inbound dock",
    "carrier": "carrier",
    "feeding_dock": "dock of the feeding site",
    "outbound_dock": "outbound dock",
    "pick_hours": "pick-pack hours",
    "parcels": "parcels at the dock",
}
# differences from how things stand
FIGURES: Final = {
    "promoted_units_promotion": "units of promoted goods sold in it",
    "promoted_units_afterwards": "units of promoted goods sold after it",
    "taken_units": "units sold of goods it takes from",
    "other_units": "units sold of other goods",
    "co2_kg": "CO2e, kg",
    "cost_shortage": "cost of shortage (not in the gain)",
    "stock_left_value": "stock left at the end, at cost (not in the gain)",
}
# shares and units themselves
LEVELS: Final = {
    "fill_rate_promotion": "fill rate of promoted goods in it",
    "fill_rate_afterwards": "fill rate of promoted goods after it",
    "lost_units_promotion": "units of promoted goods short in it",
    "lost_units_afterwards": "units of promoted goods short after it",
}
WAYS: Final = {
    "as planned": "stock as planned",
    "none extra": "no stock extra",
    "ordered for expected": "ordered for expected",
    "ordered for high": "ordered for high",
    "as stated": "capacity as stated",
    "more": "more capacity",
}
