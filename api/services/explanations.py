"""Explanations over HTTP: the explainers of the plans that were asked about last stay in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, Final

from api.schemas.explanations import ExplanationPage
from api.services.paging import make_token, read_row_token
from api.services.scenarios import ScenarioService
from api.store.blobs import BlobStore
from api.store.documents import get_plan
from api.store.rows import PlanRow
from optimizer.explanations.explain import READS, Explainer
from optimizer.explanations.record import Explanation
from optimizer.explanations.sentences import LANGUAGES, Teller
from optimizer.plan import records

KEPT: Final = 2  # explainers; one holds the rows of its plan


class Explainers:
    """Explainers by manifest of their plan, shared by all requests of a process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.open: OrderedDict[str, Explainer] = OrderedDict()

    def of(self, row: PlanRow, scenarios: ScenarioService, blobs: BlobStore) -> Explainer:
        """Return the explainer of a plan; reading it again waits for nobody else."""
        with self.lock:
            found = self.open.pop(row.manifest, None)
            if found is not None:
                self.open[row.manifest] = found
                return found
        scenario = scenarios.load(scenarios.revision(row.scenario_id, row.revision))
        made = Explainer(scenario, get_plan(blobs, row.manifest, READS))
        with self.lock:
            self.open[row.manifest] = made
            while len(self.open) > KEPT:
                self.open.popitem(last=False)
        return made


def explanation_page(
    explainer: Explainer, decision_id: str | None, table: str | None, size: int, token: str | None
) -> ExplanationPage:
    """Return explanations of some decisions, in the order of the plan's tables."""
    first = read_row_token(token)
    chosen = explainer.chosen(decision_id, table)
    asked = chosen[first : first + size]
    currency = explainer.facts.scenario.settings.currency
    tellers = [Teller(language, currency) for language in LANGUAGES]
    more = first + size < len(chosen)
    stored = explainer.facts.frame("explanations")
    rows = stored[stored["decision_id"].isin(asked)]
    return ExplanationPage(
        table="explanations",
        columns=[str(column) for column in stored.columns],
        rows=records(rows),
        explanations=[_told(explainer.one(name), tellers) for name in asked],
        currency=currency,
        total_rows=len(explainer.decisions),
        matching_rows=len(chosen),
        next_page_token=make_token(str(first + size)) if more else None,
    )


def _told(explanation: Explanation, tellers: list[Teller]) -> Any:
    sentences = {teller.language: teller.tell(explanation) for teller in tellers}
    return explanation.document() | {"sentences": sentences}
