"""Ids that a service has told, put into generated calls in place of made-up ones."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from typing import Any

from schemathesis import Case

ID = re.compile(r"([a-z]+)_[0-9a-f]{20}|[0-9a-f]{64}")
MOST = 30  # the newest of each kind
HASH = "hash"
KINDS = {"scenario": "scn", "run": "run", "plan": "plan", "schedule": "sched", "webhook": "hook",
         "previous": "plan", "baseline": "plan", "content_hash": HASH, "revision": HASH,
         "base": HASH, "key": "key"}  # fmt: skip
NAMES = ("kpis", "purchase_orders", "products", "inventory", "corner-shop", "network.lp")
CHANGE = {"table": "settings", "op": "set", "column": "seed", "value": 7}
GOOD: dict[str, Any] = {"url": "https://hooks.test/", "events": ["run.failed"],
                        "cron": "0 2 * * *", "timezone": "UTC", "deltas": [CHANGE]}  # fmt: skip
SHARE = 0.8  # of the places where a known id could stand


class KnownIds:
    """What answers have named so far, by kind."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = defaultdict(list)

    def learn(self, document: Any) -> None:
        """Take all ids out of an answer."""
        if isinstance(document, dict | list):
            for part in document.values() if isinstance(document, dict) else document:
                self.learn(part)
        elif isinstance(document, str) and (match := ID.fullmatch(document)):
            ids = self.found[match.group(1) or HASH]
            if document not in ids:
                ids.append(document)
                del ids[:-MOST]

    def use(self, case: Case) -> None:
        """Put known ids into the path, the query and the body of a call."""
        rng = random.Random(f"{case.operation.label} {case.path_parameters} {case.query}")
        for values in (case.path_parameters, case.query, case.body):
            self._put(values, rng)
        if "what-if" in case.operation.label and isinstance(case.body, dict):
            case.body["wait_seconds"] = 0  # nothing works here that could be waited for

    def _put(self, values: Any, rng: random.Random) -> None:
        if not isinstance(values, dict | list):
            return
        for place, value in list(values.items() if isinstance(values, dict) else enumerate(values)):
            if isinstance(value, dict | list):
                self._put(value, rng)
            if not isinstance(place, str) or rng.random() > SHARE:
                continue
            known = self.found[KINDS.get(place.removesuffix("_id"), "")]
            if isinstance(value, str) and (known or place == "name"):
                values[place] = rng.choice(known or NAMES)
            elif place in GOOD:
                values[place] = GOOD[place]
