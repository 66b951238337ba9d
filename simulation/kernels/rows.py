"""Places in the daily ledger: what the kernels add up per site and per lane."""

from __future__ import annotations

# one row per site, tick and replication
DEMAND = 0  # units asked for
SERVED = 1  # of them, units served from stock at once
SHORT = 2  # of them, units lost, or newly owed to customers
BACKLOG = 3  # units owed to customers at the end
ON_HAND = 4  # units on the shelf at the end
RECEIVED = 5  # units that came in
ISSUED = 6  # units that left to customers, old debts included
SHIPPED = 7  # units that left to other sites
DESTROYED = 8  # units lost on the shelf
ORDERED = 9  # units ordered by policy
CYCLES = 10  # replenishment cycles that ended
SHORT_CYCLES = 11  # of them, cycles in which demand went short
VALUE = 12  # stock at cost at the end, money in fixed point
HOLDING = 13  # cost of holding it, money in fixed point
SHORTAGE = 14  # cost of the units short, money in fixed point
ASIDE = 15  # units put into quarantine from the shelf, less those that came out of it
SITE_ROWS = 16

# weights per SKU of a site, money in fixed point per unit
BY_VALUE = 0
BY_HOLDING = 1
BY_SHORTAGE = 2

# totals per site, replication and SKU
T_DEMAND = 0
T_SHORT = 1
T_RECEIVED = 2
T_SHIPPED = 3
T_DESTROYED = 4
SKU_TOTALS = 5

ALL = 65536  # a share of 1 in sixteen bits
UNCHANGED = 256  # a factor of 1 in eight bits
