"""Wire models of explanations."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from api.schemas.wire import TablePage, Wire


class FactorModel(Wire):
    """A number of a term, and the cell that it stands in."""

    name: str
    value: float | None
    table: str | None = Field(None, description="none: a constant, or worked out by its rule")
    row: dict[str, str | float] | None = None
    column: str | None = None
    divides: bool = False


class TermModel(Wire):
    """One line of a sum: the product of its factors."""

    name: str
    value: float | None
    factors: list[FactorModel]


class SumModel(Wire):
    """Terms that add up to a total; `stated` is the plan's cell that holds it."""

    name: str
    unit: str = Field(description="money or units")
    terms: list[TermModel]
    total: float | None
    stated: FactorModel | None


class PriceModel(Wire):
    """What one more unit of a limit would save, and how much of it the decision uses."""

    stage: str
    kind: str
    entity: str
    product_id: str | None
    price: float | None = Field(description="money per unit of the limit")
    used: float | None


class AlternativeModel(Wire):
    """The next-best choice."""

    code: str
    facts: dict[str, str | float | None]
    extra_cost: float | None = Field(description="money; below 0: cheaper, but a limit forbids it")
    standing: str = Field(description="exact, bound, heuristic or none")
    terms: list[TermModel] = Field(
        description="what adds up to extra_cost; empty where it was found as one figure"
    )


class ExplanationModel(Wire):
    """Why a decision is as it is."""

    decision_id: str
    table: str
    subject: dict[str, str | float | None]
    sums: list[SumModel]
    binding: dict[str, Any] | None = Field(description="rule, parameter, value; none: only cost")
    prices: list[PriceModel]
    alternative: AlternativeModel | None
    sentences: dict[str, list[str]] = Field(description="by language: en, zh")


class ExplanationPage(TablePage):
    """Explanations of decisions; `rows` are what stages put on record about the same ones."""

    currency: str
    explanations: list[ExplanationModel]
