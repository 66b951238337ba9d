"""Built-in scenarios: small enough to check by hand, or large enough to be worth planning."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import MappingProxyType
from typing import cast

from scenarios.errors import NotFound
from scenarios.scenario import Scenario

DESCRIPTIONS = MappingProxyType(
    {
        "corner-shop": "A shop with 4 products: every table, every number checked by hand.",
        "double-eleven": "A Chinese retailer before the festival: 7 warehouses, 300 SKUs.",
    }
)
_BUILDERS = {
    "corner-shop": ("scenarios.library.corner_shop", "corner_shop"),
    "double-eleven": ("scenarios.library.double_eleven", "double_eleven"),
}


def demo_scenario(name: str, seed: int | None = None) -> Scenario:
    """Return a built-in scenario; the same name and seed give the same content everywhere.

    Parameters
    ----------
    name : one of `DESCRIPTIONS`
    seed : of the generator; None takes the one that the documentation describes

    Raises
    ------
    NotFound
        There is no built-in scenario of that name.
    """
    if name not in _BUILDERS:
        raise NotFound(f"no built-in scenario {name!r}; there are {', '.join(DESCRIPTIONS)}")
    module, function = _BUILDERS[name]
    build = cast("Callable[[int | None], Scenario]", getattr(import_module(module), function))
    return build(seed)
