"""The ledger of a plan's decisions: one line of JSON each, which can be replayed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optimizer.explanations.explain import Explainer
from optimizer.explanations.facts import same

CLOSE = 1e-6  # money and units; the stages write their steps with six decimals


def written(explainer: Explainer, path: Path) -> int:
    """Write the ledger; return how many decisions it has. The same plan gives the same bytes."""
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for explanation in explainer.every():
            file.write(explanation.line() + "\n")
            count += 1
    return count


def replayed(explainer: Explainer, path: Path) -> tuple[int, list[str]]:
    """Replay a ledger: from its own factors each line gives its total, and the plan gives the line.

    Returns
    -------
    lines, differences : how many were read, and what does not come out again
    """
    faults = []
    left = set(explainer.decisions)
    count = 0
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        count += 1
        try:
            document = json.loads(text)
            decision = str(document["decision_id"])
            faults += [f"{decision}: {fault}" for fault in _own_sums(document)]
        except (ValueError, KeyError, TypeError) as error:
            faults.append(f"line {number} cannot be read: {error}")
            continue
        if decision not in explainer.decisions:
            faults.append(f"{decision}: the plan has no such decision")
            continue
        left.discard(decision)
        if explainer.one(decision).line() != text:
            faults.append(f"{decision}: scenario and plan give another line")
    faults += [f"{name}: the ledger does not have it" for name in sorted(left)]
    return count, faults


def _own_sums(document: Mapping[str, Any]) -> list[str]:
    """Return what does not add up in a line by itself."""
    faults = []
    for part in document["sums"]:
        added = 0.0
        for term in part["terms"]:
            value = 1.0
            for factor in term["factors"]:
                number = float(factor["value"])
                value = value / number if factor.get("divides") else value * number
            if term["factors"] and not same(value, term["value"], CLOSE):
                faults.append(f"{part['name']}: {term['name']} is {value}, not {term['value']}")
            added += term["value"]
        stated = part["stated"]
        if not same(added, part["total"], CLOSE):
            faults.append(f"{part['name']} adds up to {added}, not {part['total']}")
        if stated is not None and abs(added - stated["value"]) > 1e-5:
            faults.append(f"{part['name']} adds up to {added}; decided was {stated['value']}")
    return faults
