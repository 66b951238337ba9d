"""One decision to force or forbid, in words or as fields, and the deltas that it stands for."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from scenarios import InputError, Scenario
from scenarios.deltas import Delta

NAME = "WHAT-IF"  # id of the row that the decision becomes
PURCHASE, SHIPMENT, SITE, STOP = "purchase", "shipment", "site", "stop"
TRANSFER = "transfer"
KINDS = (PURCHASE, TRANSFER, SHIPMENT, SITE, STOP)
ANY = "*"
FORMS = (
    "purchase PRODUCT SUPPLIER SITE [DATE] = UNITS (or <=, >=; * for any)",
    "supplier ID out",
    "transfer PRODUCT ORIGIN SITE = UNITS (or >=; = 0 forbids, then * for any)",
    "ship ORDER [from SITE]",
    "ship ORDER not from SITE",
    "leave ORDER",
    "site ID closed (or open)",
    "stop ORDER serve (or leave, onto ROUTE, off ROUTE)",
)


@dataclass(frozen=True, slots=True)
class Decision:
    """What is forced or forbidden.

    Attributes
    ----------
    kind : purchase, transfer, shipment, site, stop
    product_id, supplier_id, site_id, order_id, route_id : what it is about; "" for any; the site of
        a transfer is where it goes
    origin_id : of a transfer, from where; "" for any
    sense, qty : of purchase, transfer and shipment; <=, >= or =, and units (a shipment: 1 or 0)
    action : of a site: closed or open; of a stop: serve, leave, onto, off
    order_on : of a purchase, the day that was named, ISO; "" for tonight
    """

    kind: str
    product_id: str = ""
    supplier_id: str = ""
    site_id: str = ""
    order_id: str = ""
    route_id: str = ""
    sense: str = "="
    qty: float = 0.0
    action: str = ""
    order_on: str = ""
    origin_id: str = ""

    def check(self, scenario: Scenario) -> None:
        """Refuse a decision about what the scenario does not have.

        Raises
        ------
        InputError
        """
        if self.kind not in KINDS or self.sense not in ("=", "<=", ">=") or not self.qty >= 0.0:
            raise InputError(f"no such decision: {self}; known forms are {'; '.join(FORMS)}")
        start = scenario.settings.start_date.isoformat()
        if self.order_on and self.order_on != start:
            raise InputError(
                f"only tonight's purchases can be decided, those of {start}, not {self.order_on}"
            )
        known = {
            "product_id": ("products.product_id",),
            "supplier_id": ("suppliers.supplier_id",),
            "site_id": ("sites.site_id", "suppliers.supplier_id"),
            "order_id": ("orders.order_id",),
            "origin_id": ("sites.site_id",),
        }
        for name, places in known.items():
            cell = getattr(self, name)
            tables = [place.split(".") for place in places]
            if cell and not any((scenario.table(t)[c] == cell).any() for t, c in tables):
                raise InputError(f"the scenario has no {name} {cell!r}")
        if self.kind == SITE and (not self.site_id or self.action not in ("closed", "open")):
            raise InputError("a decision on a site names it and says closed or open")
        if self.kind == TRANSFER and self.qty and self.sense == "<=":
            raise InputError("a decision on a transfer says = or >=, or = 0 to forbid it")
        if (
            self.kind == TRANSFER
            and self.qty
            and not (self.product_id and self.origin_id and self.site_id)
        ):
            raise InputError("a transfer is forced of one product, from one site to another")
        if self.kind in (SHIPMENT, STOP) and not self.order_id:
            raise InputError(f"a decision on a {self.kind} names its order")

    def deltas(self, *, network: bool = False) -> tuple[Delta, ...]:
        """Return the changes to the scenario that it stands for.

        Parameters
        ----------
        network : stage network decides which sites are open
        """
        if self.kind == SITE and network:
            sense, value = (">=", 1.0) if self.action == "open" else ("<=", 0.0)
            row: dict[str, Any] = {
                "limit_id": NAME, "kind": "site_count", "scope": f"site:{self.site_id}",
                "sense": sense, "value": value, "hard": True,
            }  # fmt: skip
            return (Delta.model_validate({"table": "limits", "op": "upsert", "value": row}),)
        if self.kind == SITE:
            where = {"column": "site_id", "comparison": "eq", "value": self.site_id}
            change = {"table": "sites", "op": "set", "column": "status", "value": self.action}
            return (Delta.model_validate({**change, "where": where}),)
        row = {"decision_id": NAME, "kind": self.kind, "sense": self.sense, "qty": self.qty}
        names = ("supplier_id", "product_id", "site_id", "order_id", "origin_id")
        row |= {name: getattr(self, name) for name in names if getattr(self, name)}
        return (Delta.model_validate({"table": "decisions", "op": "upsert", "value": row}),)

    def __str__(self) -> str:
        """Say it as it can be read again."""
        if self.kind in (PURCHASE, TRANSFER):
            place = self.supplier_id if self.kind == PURCHASE else self.origin_id
            names = (self.product_id, place, self.site_id)
            told = " ".join(shlex.quote(name) if name else ANY for name in names)
            return f"{self.kind} {told} {self.sense} {self.qty:g}"
        if self.kind == SITE:
            return f"site {shlex.quote(self.site_id)} {self.action}"
        if self.kind == STOP:
            route = f" {shlex.quote(self.route_id)}" if self.route_id else ""
            return f"stop {shlex.quote(self.order_id)} {self.action}{route}"
        order, site = shlex.quote(self.order_id), shlex.quote(self.site_id)
        if not self.qty:
            return f"ship {order} not from {site}" if self.site_id else f"leave {order}"
        return f"ship {order} from {site}" if self.site_id else f"ship {order}"


def read_decision(told: str | Mapping[str, Any]) -> Decision:
    """Read a decision from words or from a mapping of the fields of `Decision`.

    Raises
    ------
    InputError
        It is none of the known forms.
    """
    if not isinstance(told, str):
        unknown = set(told) - {field.name for field in fields(Decision)}
        if unknown or "kind" not in told:
            raise InputError(f"a decision has kind and no {', '.join(sorted(unknown)) or 'others'}")
        return Decision(**told)
    try:
        words = shlex.split(re.sub(r"(?<=[\s])(<=|>=|=)(?=[\s\d])", r" \1 ", told))
    except ValueError as wrong:
        raise InputError(f"cannot read {told!r}: {wrong}") from None
    found = _from_words(words)
    if found is None:
        raise InputError(f"cannot read {told!r}; known forms are {'; '.join(FORMS)}")
    return found


def _from_words(words: list[str]) -> Decision | None:
    match words:
        case ["purchase", product, supplier, site, *day, ("=" | "<=" | ">=") as sense, units]:
            if len(day) > 1 or not _is_number(units) or not all(map(_is_day, day)):
                return None
            product, supplier, site = (
                name if name != ANY else "" for name in (product, supplier, site)
            )
            return Decision(
                PURCHASE,
                product_id=product,
                supplier_id=supplier,
                site_id=site,
                sense=sense,
                qty=float(units),
                order_on="".join(day),
            )
        case ["transfer", product, origin, site, ("=" | "<=" | ">=") as sense, units]:
            if not _is_number(units):
                return None
            product, origin, site = (
                name if name != ANY else "" for name in (product, origin, site)
            )
            return Decision(TRANSFER, product_id=product, origin_id=origin, site_id=site,
                            sense=sense, qty=float(units))  # fmt: skip
        case ["supplier", supplier, "out"]:
            return Decision(PURCHASE, supplier_id=supplier)
        case ["site", site, ("closed" | "open") as action]:
            return Decision(SITE, site_id=site, action=action)
        case ["stop", order, ("serve" | "leave") as action]:
            return Decision(STOP, order_id=order, action=action)
        case ["stop", order, ("onto" | "off") as action, route]:
            return Decision(STOP, order_id=order, route_id=route, action=action)
    return _of_shipment(words)


def _of_shipment(words: list[str]) -> Decision | None:
    match words:
        case ["ship", order]:
            return Decision(SHIPMENT, order_id=order, qty=1.0)
        case ["ship", order, "from", site]:
            return Decision(SHIPMENT, order_id=order, site_id=site, qty=1.0)
        case ["ship", order, "not", "from", site]:
            return Decision(SHIPMENT, order_id=order, site_id=site)
        case ["leave", order]:
            return Decision(SHIPMENT, order_id=order)
    return None


def _is_number(word: str) -> bool:
    try:
        return 0.0 <= float(word) < float("inf")
    except ValueError:
        return False


def _is_day(word: str) -> bool:
    return re.fullmatch(r"\d{4}-\d{2}-\d{2}", word) is not None
