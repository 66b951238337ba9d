"""The answer to a promotion as a page shows it: gains by way and uplift, one of them in full."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from api.services.promotion_words import CAUSES, FIGURES, ITEMS, LEVELS, WAYS
from api.words.language import Language

RANKED: Final = ("expected", "worst", "regret")
WHOLE_FROM: Final = 1000.0  # money from which cents are left out
SURE_GAIN, UNSURE, SURE_LOSS = 0, 1, 3  # shades of the heat map


def answer_shown(
    language: Language, found: Mapping[str, Any], chosen: int | None
) -> dict[str, Any]:
    """Return what a page shows of an answer.

    Parameters
    ----------
    chosen : number of the cell that is shown in full; None: of the way that is best on average, at
        the expected uplift
    """
    levels = [one["name"] for one in found["uplifts"]]
    robust = found["robust"]
    place = {
        (cell["stock"], cell["capacity"], cell["uplift"]): number
        for number, cell in enumerate(found["cells"])
    }
    ways = []
    for number, name in enumerate(robust["plans"]):
        stock, capacity = name.split(" / ")
        ways.append(
            {
                "name": f"{_way(language, stock)}, {_way(language, capacity)}",
                "stock": stock,
                "more": capacity == "more",
                "cells": [
                    _gain(language, place[stock, capacity, level], found) for level in levels
                ],
                "expected": -robust["expected"][number],
                "worst": -robust["worst"][number],
                "regret": robust["regret"][number],
                "best": [by for by in RANKED if robust[f"best_{by}"] == name],
            }
        )
    if chosen is None or chosen >= len(found["cells"]):
        stock, capacity = robust["best_expected"].split(" / ")
        middle = "expected" if "expected" in levels else levels[0]
        chosen = place[stock, capacity, middle]
    most = max(abs(cell["net"]["mean"]) for cell in found["cells"])
    goods = found["promotion"]["product_id"] or found["promotion"]["category"]
    return {
        **{
            name: found[name]
            for name in ("asks", "against", "first_day", "last_day", "uplift_source", "currency",
                         "past_promotions", "replications", "notes", "latest_orders",
                         "product_locations")
        },
        "name": found["promotion"]["promotion_id"],
        "goods": goods,
        "levels": [
            {**one, "weight": weight}
            for one, weight in zip(found["uplifts"], robust["weights"], strict=True)
        ],
        "ways": ways,
        "digits": 0 if most >= WHOLE_FROM else 2,
        "robust_notes": robust.get("notes", []),
        "chosen": chosen,
        "cell": _whole(language, found["cells"][chosen]),
        "stocks": [
            {**stock, "name": _way(language, stock["name"])} for stock in found["stocks"]
        ],
    }  # fmt: skip


def _way(language: Language, name: str) -> str:
    return language.t(WAYS[name])


def _gain(language: Language, number: int, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the gain of a cell, and what most often binds first."""
    cell = found["cells"][number]
    net = cell["net"]
    shade = SURE_GAIN if net["low"] > 0 else SURE_LOSS if net["high"] < 0 else UNSURE
    first = cell["bindings"][0] if cell["bindings"] else None
    return {
        "number": number,
        **{part: net[part] for part in ("mean", "low", "high")},
        "half": (net["high"] - net["low"]) / 2.0,
        "shade": shade,
        "binds": language.t(CAUSES[first["cause"] if first else cell["binds_first"]]),
        "site": first["site_id"] if first else "",
        "share": first["first_share"] if first else None,
    }


def _whole(language: Language, cell: Mapping[str, Any]) -> dict[str, Any]:
    """Return a cell item by item, with its figures and everything that binds."""
    shown = (*((name, cell["figures"], "") for name in FIGURES),
             *((name, cell["levels"], f"{name}_before") for name in LEVELS))  # fmt: skip
    return {
        "uplift": cell["uplift"],
        "way": f"{_way(language, cell['stock'])}, {_way(language, cell['capacity'])}",
        "items": [
            {"item": language.t(ITEMS[one["item"]]), "money": one["money"]} for one in cell["items"]
        ],
        "net": cell["net"],
        "figures": [
            {
                "figure": language.t({**FIGURES, **LEVELS}[name]),
                "share": name.startswith("fill_rate"),
                "before": values[before]["mean"] if before else None,
                **{part: values[name][part] for part in ("mean", "low", "high")},
            }
            for name, values, before in shown
            if name in values
        ],
        "bindings": [
            {**one, "cause": language.t(CAUSES[one["cause"]])} for one in cell["bindings"]
        ],
    }
