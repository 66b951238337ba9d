"""Figures on which the assumed tables are calibrated, each with its source.

SCMS: USAID Supply Chain Management System, delivery history 2006-2015, 10,324 deliveries by 73
vendors (public domain): lead times from order to delivery, lateness against the promised day, and
freight fitted as cost = a x kg^b.
Brunel: "Supply Chain Logistics Problem Dataset", Kalganova and Dzalbs, Brunel University London,
2019: 1,540 freight rates and 19 warehouses of a maker of microchips.
Both speak of dearer goods than giftware, so that shapes (variation, economies of scale, spread
between sites) are taken as they are, and levels from the cheap end.
"""

from __future__ import annotations

from dataclasses import dataclass

# ---- money ----------------------------------------------------------------------------------
GBP_PER_USD = 0.6236  # average of 2011: 1.6036 dollars a pound (Bank of England)

# ---- SCMS -----------------------------------------------------------------------------------
OCEAN_LEAD_TIME_CV = 0.35  # door to door, 366 sea deliveries
VENDOR_CV_P25 = 0.448  # quartiles of the lead-time cv of 25 vendors
VENDOR_CV_P50 = 0.551
OCEAN_LATE_SHARE = 0.1752
TRUCK_LATE_SHARE = 0.1608
VENDOR_LATE_SHARE_P50 = 0.0152  # median vendor; stands for suppliers in the same country


@dataclass(frozen=True, slots=True)
class Freight:
    """Freight of one mode, fitted as a x kg^b and read at its cheap end.

    Attributes
    ----------
    exponent : b of the fit, economies of scale
    usd_per_kg : 10th percentile of paid dollars per kg
    reference_kg : weight of a usual shipment, at which the curve is made a straight line
    """

    exponent: float
    usd_per_kg: float
    reference_kg: float

    @property
    def per_kg(self) -> float:
        """Pounds per kg: slope of the tangent at the reference weight."""
        return round(GBP_PER_USD * self.usd_per_kg * self.exponent, 4)

    @property
    def per_shipment(self) -> float:
        """Pounds per shipment: where the tangent meets 0 kg."""
        at_reference = GBP_PER_USD * self.usd_per_kg * self.reference_kg
        return round(at_reference * (1.0 - self.exponent), 2)


OCEAN = Freight(exponent=0.386, usd_per_kg=0.82, reference_kg=2000.0)
TRUCK = Freight(exponent=0.49, usd_per_kg=0.66, reference_kg=500.0)

# ---- Brunel ---------------------------------------------------------------------------------
AIR_MINIMUM_USD_P50, AIR_MINIMUM_USD_P90 = 7.33, 23.31  # least charge of a consignment
GROUND_MINIMUM_USD_P50 = 27.20
RATE_USD_PER_KG_P10 = 0.0892
RATE_USD_PER_KG_P25, RATE_USD_PER_KG_P50 = 0.4704, 1.6612
RATE_USD_PER_KG_P75, RATE_USD_PER_KG_P90 = 3.9319, 6.2384
SITE_COST_P25, SITE_COST_P50, SITE_COST_P75 = 0.4736, 0.5229, 0.6370  # dollars per unit handled


def pounds(usd: float) -> float:
    """Return dollars of the sources as pounds, to the penny."""
    return round(usd * GBP_PER_USD, 2)


# ---- the house's own assumptions ------------------------------------------------------------
COST_SHARE_LOW, COST_SHARE_HIGH = 0.42, 0.58  # unit cost over the price paid
HANDLING_PER_UNIT = 0.06  # pounds, at a site whose Brunel figure is the median
PENALTY_OVER_PRICE = 2.0  # a unit not shipped costs its price and the customer's next order
LONDON_SHARE = 0.16  # of the United Kingdom's customers; of its people in 2011 13 % (ONS)
REVIEW_DAYS = 7.0
BUDGET_SHARE = 1.2  # of what lifts every product to its level; least lines cost more than that
STORAGE_HEADROOM = 1.25  # storage over stock, stock under way and tonight's need
HOLDING_RATE_PCT = 25.0
HORIZON_WEEKS = 13
