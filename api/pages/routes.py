"""All pages: one router of each module."""

from __future__ import annotations

from fastapi import APIRouter

from api.pages import (
    compare,
    grids,
    hardening,
    home,
    network,
    nightly,
    orders,
    overview,
    preferences,
    promotions,
    risks,
    run,
    scenario,
    settings,
    sheets,
    sign_in,
    sourcing,
    stock,
    stress,
    vans,
    word_list,
)

router = APIRouter(tags=["pages"])
for part in (
    sign_in, preferences, word_list, home, scenario, run, overview, orders, sheets, stock, network,
    sourcing, vans, promotions, stress, hardening, risks, compare, nightly, settings, grids,
):  # fmt: skip
    router.include_router(part.router)
