"""The order-up-to level of least cost, and the units that a level leaves short in a cycle."""

from __future__ import annotations

import numpy as np

from optimizer.replenishment.policies.laws import DemandLaw, Floats

LEAST_TAIL = 1e-9  # stands for "never short" where holding is free


def cost_level(law: DemandLaw, holding: Floats, shortage: Floats) -> Floats:
    """Return the level that minimises holding E[(y - D)+] + shortage E[(D - y)+], (n,) units.

    The smallest whole y with P(D <= y) >= shortage / (shortage + holding).

    Source: Zipkin (2000), section 6.5.
    """
    total = holding + shortage
    share = np.divide(shortage, total, out=np.zeros(len(law)), where=total > 0.0)
    return np.where(share > 0.0, law.quantile(np.clip(share, LEAST_TAIL, 1.0 - LEAST_TAIL)), 0.0)


def cycle_shortage(law: DemandLaw, lead: DemandLaw, level: Floats) -> Floats:
    """Return the units short in one order cycle at a level, (n,) or (n, k).

    Of the units short at the end of an interval those count that were not short when the cycle
    began, just after the order before came in: E[(D - y)+] - E[(D_lead - y)+] (backorders).

    Parameters
    ----------
    law, lead : demand over the protection interval, and over the lead time alone

    Source: Hadley & Whitin (1963), section 5-3.
    """
    short: Floats = np.maximum(law.short(level) - lead.short(level), 0.0)
    return short
