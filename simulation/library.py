"""The library of disruptions: usual figures of every kind with their sources, and ready-made ones.

A ready-made disruption is used by its name: as `use` in a suite, or as `kind` of a row in the table
`disruptions`. What the user states (target, start, duration, severity, probability) takes the
place of the library's figure in its first part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulation.disruptions import KINDS

OWN = "assumption of this library: set your own"
MCKINSEY = (
    "McKinsey Global Institute, Risk, resilience, and rebalancing in global value chains, 2020:"
    " a disruption of a month or longer every 3.7 years"
)
PORTS = "Rice, Trepte, MIT study of port closures, 2014: 6 to 20 days"
RANSOM = "Coveware, ransomware report of the fourth quarter 2019: 16.2 days of downtime on average"
PARCELS = "parcels of a Double 11 peak against a normal day: 1.5 to 1.9 times"
PROMOTED = "promoted goods at a shopping festival sell 3 to 20 times their normal day"
LATENESS = "public delivery history by mode: {} % of shipments late, by {} days on average"


@dataclass(frozen=True, slots=True)
class Usual:
    """What a kind of disruption usually looks like.

    Attributes
    ----------
    severity : see :data:`simulation.disruptions.KINDS`
    duration : days, as a suite writes them
    frequency : days between onsets as a distribution; "" where nobody states one
    source : of these figures
    """

    severity: float
    duration: str
    frequency: str
    source: str


@dataclass(frozen=True, slots=True)
class ReadyMade:
    """A disruption that can be used by name.

    Attributes
    ----------
    name : as in the table; the field's words with spaces name it, too
    title : what happens, one sentence
    parts : disruptions in the words of a suite; `after` and `id` by letters a, b ...
    source : of the figures
    """

    name: str
    title: str
    parts: tuple[Mapping[str, Any], ...]
    source: str


USUAL: Mapping[str, Usual] = {
    "supplier_outage": Usual(1.0, "fixed(value=31)", "exponential(mean=1350)", MCKINSEY),
    "supplier_capacity_loss": Usual(0.5, "fixed(value=31)", "", OWN),
    "lead_time_blowup": Usual(2.0, "fixed(value=28)", "", OWN),
    "lane_closure": Usual(1.0, "uniform(low=6, high=20)", "", OWN),
    "lane_freeze": Usual(1.0, "uniform(low=3, high=14)", "", OWN),
    "lane_delay": Usual(18.0, "fixed(value=30)", "", LATENESS.format(16.1, 18) + " (truck)"),
    "port_closure": Usual(1.0, "uniform(low=6, high=20)", "", PORTS),
    "demand_surge": Usual(1.7, "fixed(value=5)", "", PARCELS),
    "demand_collapse": Usual(0.4, "fixed(value=28)", "", OWN),
    "warehouse_closure": Usual(1.0, "fixed(value=7)", "", OWN),
    "warehouse_fire": Usual(1.0, "fixed(value=60)", "exponential(mean=36500)", OWN),
    "order_processing_outage": Usual(1.0, "fixed(value=16)", "", RANSOM),
    "price_shock": Usual(1.2, "fixed(value=90)", "", OWN),
    "quality_recall": Usual(1.0, "fixed(value=21)", "", OWN),
    "carrier_capacity_loss": Usual(0.5, "fixed(value=7)", "", OWN),
    "freight_price_jump": Usual(2.0, "fixed(value=60)", "", OWN),
    "labour_shortage": Usual(0.4, "fixed(value=14)", "", OWN),
    "regional_event": Usual(1.0, "fixed(value=10)", "", OWN),
}


def _one(kind: str, target: str, **more: Any) -> tuple[Mapping[str, Any], ...]:
    return ({"kind": kind, "target": target} | more,)


READY: Mapping[str, ReadyMade] = {made.name: made for made in (
    ReadyMade(
        "month_plus_supplier_loss",
        "the biggest supplier is lost for a month, on average every 3.7 years",
        _one("supplier_outage", "supplier:largest-by-spend", start="exponential(mean=1350)",
             duration=31), MCKINSEY,
    ),
    ReadyMade(
        "supplier_loss", "the biggest supplier delivers nothing for a month",
        _one("supplier_outage", "supplier:largest-by-spend", duration=31), MCKINSEY,
    ),
    ReadyMade(
        "most_exposed_supplier_loss",
        "the supplier whose loss costs most delivers nothing for a month",
        _one("supplier_outage", "supplier:largest-by-exposure", duration=31), MCKINSEY,
    ),
    ReadyMade(
        "port_closed", "nothing leaves on the way that carries the most money's worth",
        _one("port_closure", "lane:largest-by-value", duration="uniform(low=6, high=20)"), PORTS,
    ),
    ReadyMade(
        "ransomware", "orders come in, nothing is released anywhere",
        _one("order_processing_outage", "all", duration=16), RANSOM,
    ),
    ReadyMade(
        "double_11_surge", "all demand at 1.7 times for five days",
        _one("demand_surge", "all", severity=1.7, duration=5), PARCELS,
    ),
    ReadyMade(
        "festival_heroes_surge", "class A at 3 times for three days",
        _one("demand_surge", "class:A", severity=3.0, duration=3), PROMOTED,
    ),
    ReadyMade(
        "demand_slump", "40 % of demand stays away for four weeks",
        _one("demand_collapse", "all", severity=0.4, duration=28), OWN,
    ),
    ReadyMade(
        "warehouse_closed", "the biggest site is shut for a week",
        _one("warehouse_closure", "site:biggest", duration=7), OWN,
    ),
    ReadyMade(
        "warehouse_burnt", "the biggest site burns out and stays shut for two months",
        _one("warehouse_fire", "site:biggest", duration=60), OWN,
    ),
    ReadyMade(
        "late_by_air", "departures take 23 days longer for a month, in 9.6 % of replications",
        _one("lane_delay", "all", severity=23, duration=30, probability=0.096),
        LATENESS.format(9.6, 23),
    ),
    ReadyMade(
        "late_by_sea", "departures take 40 days longer for a month, in 17.5 % of replications",
        _one("lane_delay", "all", severity=40, duration=30, probability=0.175),
        LATENESS.format(17.5, 40),
    ),
    ReadyMade(
        "late_by_truck", "departures take 18 days longer for a month, in 16.1 % of replications",
        _one("lane_delay", "all", severity=18, duration=30, probability=0.161),
        LATENESS.format(16.1, 18),
    ),
    ReadyMade(
        "typhoon", "the biggest region stands still; deliveries are slow for ten days after",
        ({"id": "a", "kind": "regional_event", "target": "region:largest-by-demand",
          "duration": "uniform(low=2, high=5)"},
         {"id": "b", "kind": "lead_time_blowup", "target": "region:largest-by-demand",
          "after": "a", "severity": 2.0, "duration": 10}), OWN,
    ),
    ReadyMade(
        "currency_shock", "everything that is bought costs 10 % more for three months",
        _one("price_shock", "all", severity=1.1, duration=90), OWN,
    ),
    ReadyMade(
        "freight_doubled", "freight costs twice as much for two months",
        _one("freight_price_jump", "all", severity=2.0, duration=60), OWN,
    ),
    ReadyMade(
        "recall", "what the biggest supplier delivered is quarantined three weeks, then scrapped",
        _one("quality_recall", "supplier:largest-by-spend", duration=21), OWN,
    ),
)}  # fmt: skip


def find_ready_made(name: str) -> ReadyMade | None:
    """Return the ready-made disruption of a name, written with spaces, hyphens or neither."""
    return READY.get(name.strip().lower().replace(" ", "_").replace("-", "_"))


def library_rows() -> list[dict[str, Any]]:
    """Return every kind and every ready-made disruption as plain values, kinds first."""
    from simulation.targets import WORDS

    rows: list[dict[str, Any]] = []
    for kind, usual in USUAL.items():
        nodes, meaning = KINDS[kind]
        rows.append(
            {
                "name": kind,
                "what": meaning,
                "targets": ["all", *WORDS[nodes]],
                "severity": usual.severity,
                "duration": usual.duration,
                "frequency": usual.frequency,
                "source": usual.source,
                "ready_made": False,
            }
        )
    for made in READY.values():
        first = made.parts[0]
        rows.append(
            {
                "name": made.name,
                "what": made.title,
                "targets": [first["target"]],
                "severity": first.get("severity", 1.0),
                "duration": str(first["duration"]),
                "frequency": str(first.get("start", "")),
                "source": made.source,
                "ready_made": True,
            }
        )
    return rows
