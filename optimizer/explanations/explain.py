"""Explain a plan: one explanation for every row that is a decision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from optimizer.explanations.driving import explain_handed_over, explain_routes, explain_stops
from optimizer.explanations.facts import Facts, Row, plain
from optimizer.explanations.moves import explain_flows, explain_network, explain_transfers
from optimizer.explanations.orders import explain_orders
from optimizer.explanations.parcels import explain_shipments, explain_unserved
from optimizer.explanations.positions import explain_cross_serving, explain_positions
from optimizer.explanations.record import Explanation
from optimizer.plan import Plan
from scenarios import NotFound, Scenario
from scenarios.gazetteer import fill_coordinates

Explain = Callable[[Facts, Iterable[Row]], list[Explanation]]

EXPLAINERS: Mapping[str, Explain] = MappingProxyType(
    {
        "purchase_orders": explain_orders,
        "transfers": explain_transfers,
        "positions": explain_positions,
        "cross_serving": explain_cross_serving,
        "network": explain_network,
        "flows": explain_flows,
        "shipments": explain_shipments,
        "unserved": explain_unserved,
        "routes": explain_routes,
        "stops": explain_stops,
        "handed_over": explain_handed_over,
    }
)
# tables of a plan that explanations read
READS = (*EXPLAINERS, "shipment_lines", "marginal_prices", "explanations")


class Explainer:
    """Explains the decisions of one plan.

    Parameters
    ----------
    scenario : whose plan it is
    plan : whole; tables that were left out explain nothing

    Raises
    ------
    InputError
        The plan was made from another scenario.
    """

    def __init__(self, scenario: Scenario, plan: Plan) -> None:
        placed, _ = fill_coordinates(scenario)
        self.facts = Facts(placed, plan)
        self._rows: dict[str, Row] | None = None

    @property
    def decisions(self) -> dict[str, Row]:
        """Rows of decisions by decision_id, in order of EXPLAINERS and of the tables."""
        if self._rows is None:
            self._rows = {
                decision_id(table, row): row
                for table in EXPLAINERS
                for row in self.facts.rows(table)
            }
        return self._rows

    def one(self, decision: str) -> Explanation:
        """Explain a decision.

        Raises
        ------
        NotFound
            The plan has no such decision.
        """
        row = self.decisions.get(decision)
        if row is None:
            raise NotFound(
                f"the plan has no decision {decision!r}; ids are as in purchase_orders:PO-1/1,"
                f" of the tables {', '.join(EXPLAINERS)}"
            )
        return EXPLAINERS[decision.split(":", 1)[0]](self.facts, [row])[0]

    def chosen(self, decision: str | None = None, table: str | None = None) -> list[str]:
        """Return the ids of decisions: all, those of a table, or one if the plan has it."""
        if decision is not None:
            names = [decision] if decision in self.decisions else []
        else:
            names = list(self.decisions)
        return [name for name in names if table is None or name.startswith(f"{table}:")]

    def every(self) -> Iterator[Explanation]:
        """Explain every decision."""
        for table, explain in EXPLAINERS.items():
            yield from explain(self.facts, self.facts.rows(table))


def decision_id(table: str, row: Row) -> str:
    """Return the id of a decision: table:key of its row."""
    parts = {
        "purchase_orders": lambda: f"{row['order_id']}/{int(row['line'])}",
        "transfers": lambda: str(row["transfer_id"]),
        "network": lambda: str(row["site_id"]),
        "flows": lambda: "/".join(
            str(part)
            for part in (
                f"{row['origin_id']}>{row['destination_id']}",
                *(plain(row[name]) for name in ("mode", "product_id", "demand_case")),
                str(plain(row["bucket"]))[:10],
            )
        ).rstrip("/"),
        "positions": lambda: f"{row['product_id']}@{row['site_id']}",
        "cross_serving": lambda: f"{row['product_id']}@{row['site_id']}>{row['region_site_id']}",
        "shipments": lambda: str(row["shipment_id"]),
        "handed_over": lambda: str(plain(row["shipment_id"]) or row["order_id"]),
        "unserved": lambda: f"{row['kind']}/{row['id']}",
        "routes": lambda: str(row["route_id"]),
        "stops": lambda: f"{row['route_id']}/{int(row['seq'])}",
    }
    return f"{table}:{parts[table]()}"
