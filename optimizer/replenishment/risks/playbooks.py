"""Which playbook a risk calls for: one of the scenario's that fits, else a usual one.

A usual playbook needs no row: `usual:ACTION:KIND:ID` is one step that is started tonight
(simulation/playbooks.py).
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from optimizer.replenishment.risks.row import Risk

LATE = ("expedite", "switch_supplier", "reroute", "raise_buffer")
SHORT = ("switch_supplier", "raise_buffer", "expedite")
ACTIONS: Mapping[str, tuple[str, ...]] = {
    "supplier_lateness": LATE,
    "lead_time": LATE,
    "lane_delay": LATE,
    "fill_rate": SHORT,
    "defect_rate": SHORT,
    "single_source": ("raise_buffer", "switch_supplier"),
    "capacity": ("lift_capacity", "switch_supplier"),
    "stockout": ("raise_buffer", "ration"),
    "demand_drift": ("raise_buffer", "pause_promotion", "ration"),
}
WORDS: Mapping[str, tuple[str, ...]] = {  # targets that an action understands
    "expedite": ("lane", "supplier", "site"),
    "switch_supplier": ("supplier", "site", "product"),
    "raise_buffer": ("product", "site"),
    "lift_capacity": ("supplier", "site"),
}


def playbook_of(risk: Risk, playbooks: pd.DataFrame) -> str:
    """Return the id of a playbook, "" where none helps or nothing can be simulated.

    A playbook of the scenario fits with a step that does what the risk calls for to what it is
    about, or to all; the first action that fits decides.
    """
    if not risk.disruption:
        return ""
    if risk.kind == "demand_drift" and risk.disruption["kind"] == "demand_collapse":
        return ""
    for action in ACTIONS.get(risk.kind, ()):
        steps = playbooks[playbooks["action"] == action]
        fits = steps["target"].fillna("all").isin({"all", *risk.targets})
        if fits.any():
            return str(steps.loc[fits, "playbook_id"].iloc[0])
    for action in ACTIONS.get(risk.kind, ()):
        for target in risk.targets:
            if target.partition(":")[0] in WORDS.get(action, ()):
                return f"usual:{action}:{target}"
    return ""
