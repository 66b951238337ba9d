"""Risk register: leading indicators and projected stockouts, each with chance, money, remedy."""

from optimizer.replenishment.risks.register import linked, risks, warnings

__all__ = ["linked", "risks", "warnings"]
