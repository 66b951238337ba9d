"""Every route does what the OpenAPI document says, whatever is sent to it, whatever came before.

Calls are generated from the document, right ones and wrong ones, with ids that earlier answers
told: each finds the service as all calls before it have left it.
"""

from __future__ import annotations

import contextlib
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.store.documents import put_plan
from api.store.rows import PlanRow, RunRow, new_id
from optimizer.plan import Plan
from scenarios import Scenario

from .conftest import Door, settings_for
from .known_ids import KnownIds

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ROUNDS = int(os.environ.get("HOLDFAST_TEST_ROUNDS", "20"))
Seen = Counter[tuple[str, int]]


class Caller:
    """Somebody who calls a service that has a scenario, a run and a plan, and checks answers."""

    def __init__(self, door: Door, scenario: Scenario, plan: Plan) -> None:
        self.door, self.known, self.seen = door, KnownIds(), Seen()
        self.key = {"Authorization": f"Bearer {door.secret}"}
        self.schema = schemathesis.openapi.from_asgi("/openapi.json", door.app)
        desk = door.desk
        kept = desk.scenarios.keep(scenario)
        with desk.database.begin() as session:
            run = RunRow(id=new_id("run"), kind="pipeline", state="succeeded", request={},
                         scenario_id=kept.id, revision=kept.head, labels={})  # fmt: skip
            session.add(run)
            session.flush()
            row = PlanRow(id=new_id("plan"), run_id=run.id, scenario_id=kept.id,
                          revision=kept.head, manifest=put_plan(desk.blobs, plan))  # fmt: skip
            session.add(row)
            run.plan_id = row.id
        self.known.learn([kept.id, kept.head, run.id, row.id])

    def check(self, case: schemathesis.Case, response: schemathesis.Response) -> None:
        """Check an answer, and learn from it."""
        self.seen[case.operation.label, response.status_code] += 1
        case.validate_response(response, checks=CHECKS, headers=self.key)
        if "json" in response.headers.get("content-type", [""])[0]:
            with contextlib.suppress(ValueError):
                self.known.learn(response.json())

    def call(self, case: schemathesis.Case) -> None:
        """Make a call with known ids."""
        self.known.use(case)
        self.check(case, case.call(headers=self.key))

    def round(self, number: int, examples: int) -> None:
        """Make so many calls of each operation, in an order of the round's own."""
        operations = [found.ok() for found in self.schema.get_all_operations()]
        random.Random(number).shuffle(operations)
        for operation in operations:
            told = settings(
                max_examples=examples, deadline=None, database=None, phases=(Phase.generate,),
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            seed(number)(told(given(operation.as_strategy())(self.call)))()


@pytest.fixture
def caller(tmp_path: Path, corner_shop: Scenario, corner_plan: Plan) -> Iterator[Caller]:
    """Who calls a service of its own."""
    door = Door(settings_for(tmp_path, max_queued=20, webhook_hosts=("hooks.test",)), works=False)
    yield Caller(door, corner_shop, corner_plan)
    door.close()


def test_no_server_error_and_no_schema_violation(caller: Caller) -> None:
    """A few calls of every operation are answered as documented and never with a 5xx."""
    caller.round(0, 3)
    assert len({operation for operation, _ in caller.seen}) == len(
        list(caller.schema.get_all_operations())
    )


@pytest.mark.slow
def test_rounds_of_calls(caller: Caller) -> None:
    """The same for long; in the end nearly every operation has done what it is for."""
    for number in range(1, 1 + ROUNDS):
        caller.round(number, 20)
    asked = {operation for operation, _ in caller.seen}
    well = {operation for operation, status in caller.seen if status < 300}
    assert len(well) >= 0.8 * len(asked), sorted(asked - well)


@pytest.mark.slow
def test_chains_of_calls(caller: Caller) -> None:
    """Chains along the links between answers and calls that the document implies."""

    class Chains(caller.schema.as_state_machine()):  # type: ignore[misc]
        def before_call(self, case: schemathesis.Case) -> None:
            caller.known.use(case)

        def get_call_kwargs(self, case: schemathesis.Case) -> dict[str, object]:
            return {"headers": caller.key}

        def validate_response(
            self, response: schemathesis.Response, case: schemathesis.Case, **_more: object
        ) -> None:
            caller.check(case, response)

    told = settings(
        max_examples=5 * ROUNDS, stateful_step_count=10, deadline=None, database=None,
        derandomize=True, phases=(Phase.generate,), suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    run_state_machine_as_test(Chains, settings=told)
