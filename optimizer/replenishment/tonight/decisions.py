"""What the planner has decided of tonight's purchases, as limits of the problem.

A decision on one option narrows its quantities, so that the bound knows it exactly; and every
decision that asks for units is a row besides, for an option may always be left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios import Scenario
from scenarios.semantics.decisions import in_decision, purchase_decisions

if TYPE_CHECKING:
    from optimizer.replenishment.tonight.limits import Draft

Floats = NDArray[np.float64]

KIND = "decision"


def decided_range(
    scenario: Scenario, options: pd.DataFrame, low: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return the least and the most units of each option that decisions leave it.

    Parameters
    ----------
    options : supplier_id, product_id, site_id, order_multiple
    low : (n_options,) units, least without decisions

    Returns
    -------
    least, most : (n_options,) units; `most` inf where nothing is decided, below `least` where the
        option cannot be ordered
    asked : (n_options,) units that decisions ask of it; 0 for none
    """
    multiple = options["order_multiple"].to_numpy(np.float64)
    least, most, asked = low.copy(), np.full(len(low), np.inf), np.zeros(len(low))
    for decision in purchase_decisions(scenario).to_dict("records"):
        at = np.flatnonzero(in_decision(options, decision).to_numpy(bool))
        units = float(decision["qty"])
        if decision["sense"] != ">=":  # none takes more than all of them together
            most[at] = np.minimum(most[at], np.floor(units / multiple[at] + 1e-9) * multiple[at])
        if decision["sense"] != "<=" and len(at) == 1 and units > 0.0:
            up = np.ceil(units / multiple[at] - 1e-9) * multiple[at]
            least[at] = np.maximum(least[at], up)
            asked[at] = np.maximum(asked[at], up)
    return least, most, asked


def add_decisions(draft: Draft, scenario: Scenario, options: pd.DataFrame) -> None:
    """Add a row for each decision on tonight's units."""
    for decision in purchase_decisions(scenario).to_dict("records"):
        inside = in_decision(options, decision).to_numpy(np.float64)
        units, name = float(decision["qty"]), str(decision["decision_id"])
        if decision["sense"] != ">=" and inside.sum() > 1.0:
            draft.add(KIND, name, units, None, inside)
        if decision["sense"] != "<=" and units > 0.0:
            draft.add(KIND, name, -units, None, -inside)


def start_quantities(options: pd.DataFrame, orders: Any) -> Floats | None:
    """Return the quantities that a plan has ordered tonight, (n_options,) units; None without one.

    Parameters
    ----------
    orders : `purchase_orders` of a plan of the same night
    """
    if orders is None or not len(orders):
        return None
    keys = ["supplier_id", "site_id", "product_id"]
    start = orders["order_on"].min()
    before = orders[orders["order_on"] == start].groupby(keys)["qty"].sum()
    at = pd.MultiIndex.from_frame(options[keys])
    qty: Floats = before.reindex(at).fillna(0.0).to_numpy(np.float64)
    return qty
