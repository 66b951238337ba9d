"""What an explanation is made of: sums of terms, terms of factors, factors that stand in cells."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Cell = str | float
Key = tuple[tuple[str, Cell], ...]
Facts = Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Factor:
    """A number of a term, and where it stands.

    Attributes
    ----------
    table, key, column : the cell of the scenario or the plan; `settings` for one of its settings;
        no table: a constant, or worked out from tables by the rule of that name
        (docs/explanations.md)
    divides : the term is divided by it
    """

    name: str
    value: float
    table: str = ""
    key: Key = ()
    column: str = ""
    divides: bool = False


@dataclass(frozen=True, slots=True)
class Term:
    """One line of a sum: the product of its factors; without any, worked out by its name's rule."""

    name: str
    value: float
    factors: tuple[Factor, ...] = ()


@dataclass(frozen=True, slots=True)
class Sum:
    """Terms that add up to a total.

    Attributes
    ----------
    name : cost, quantity, objective, expected_cost or position
    unit : money or units
    stated : the cell of the plan that holds the total; None: it is in no cell of its own
    """

    name: str
    unit: str
    terms: tuple[Term, ...]
    total: float
    stated: Factor | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """What one more unit of a limit that the decision uses would save, and what it uses of it.

    Attributes
    ----------
    price : money per unit of the limit
    used : units of the limit that this decision takes; NaN where it is not counted
    """

    stage: str
    kind: str
    entity: str
    product_id: str
    price: float
    used: float


@dataclass(frozen=True, slots=True)
class Alternative:
    """The next-best choice.

    Attributes
    ----------
    code, facts : what it is, as the sentences have it
    extra_cost : money more than the plan; negative: cheaper, but a limit forbids it; NaN: unknown
    standing : exact, bound (it costs at least so much more), heuristic (the best that was found),
        or none (there is no other way, or none was worked out: the code says which)
    terms : what adds up to the extra cost; empty where it was found as one figure
    """

    code: str
    facts: Facts
    extra_cost: float
    standing: str
    terms: tuple[Term, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a decision is as it is.

    Attributes
    ----------
    decision_id : table:key of the row
    subject : what was decided, as the sentences have it
    sums : each adds up to its total
    binding : rule, parameter and value that decided; empty: nothing but cost
    """

    decision_id: str
    table: str
    subject: Facts
    sums: tuple[Sum, ...]
    binding: Facts = field(default_factory=dict)
    prices: tuple[Price, ...] = ()
    alternative: Alternative | None = None

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it; numbers that are not known are null."""
        return {
            "decision_id": self.decision_id,
            "table": self.table,
            "subject": _facts(self.subject),
            "sums": [
                {
                    "name": part.name,
                    "unit": part.unit,
                    "terms": _terms(part.terms),
                    "total": _number(part.total),
                    "stated": None if part.stated is None else _factor(part.stated),
                }
                for part in self.sums
            ],
            "binding": _facts(self.binding) if self.binding else None,
            "prices": [
                {
                    "stage": price.stage,
                    "kind": price.kind,
                    "entity": price.entity,
                    "product_id": price.product_id or None,
                    "price": _number(price.price),
                    "used": _number(price.used),
                }
                for price in self.prices
            ],
            "alternative": None
            if self.alternative is None
            else {
                "code": self.alternative.code,
                "facts": _facts(self.alternative.facts),
                "extra_cost": _number(self.alternative.extra_cost),
                "standing": self.alternative.standing,
                "terms": _terms(self.alternative.terms),
            },
        }

    def line(self) -> str:
        """Return it as a line of the ledger: JSON with sorted keys."""
        return json.dumps(
            self.document(), ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )


def product(factors: tuple[Factor, ...]) -> float:
    """Return the product of factors, from left to right."""
    value = 1.0
    for factor in factors:
        value = value / factor.value if factor.divides else value * factor.value
    return value


def term(name: str, *factors: Factor) -> Term:
    """Return a term that is the product of its factors."""
    return Term(name, product(factors), factors)


def total(name: str, unit: str, terms: list[Term], stated: Factor | None = None) -> Sum:
    """Return a sum; terms that are 0 because nothing of it was used are left out."""
    kept = tuple(part for part in terms if part.value != 0.0) or tuple(terms[:1])
    return Sum(name, unit, kept, float(sum(part.value for part in kept)), stated)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _terms(terms: tuple[Term, ...]) -> list[dict[str, Any]]:
    return [
        {
            "name": term.name,
            "value": _number(term.value),
            "factors": [_factor(factor) for factor in term.factors],
        }
        for term in terms
    ]


def _facts(facts: Facts) -> dict[str, Any]:
    return {
        name: _number(value) if isinstance(value, float) else value for name, value in facts.items()
    }


def _factor(factor: Factor) -> dict[str, Any]:
    told: dict[str, Any] = {"name": factor.name, "value": _number(factor.value)}
    if factor.table:
        told |= {"table": factor.table, "row": dict(factor.key), "column": factor.column}
    if factor.divides:
        told["divides"] = True
    return told
