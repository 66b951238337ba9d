"""The JSON Schema of scenarios says what the contracts say."""

from __future__ import annotations

import json

import pytest
from jsonschema_rs import Draft202012Validator, meta

from optimizer.plan_tables import PLAN_TABLES
from scenarios.library import demo_scenario
from scenarios.schema import scenario_schema, table_schema
from scenarios.tables import TABLES


def test_it_is_a_valid_schema() -> None:
    """The schema is itself valid JSON Schema, and plain JSON."""
    schema = json.loads(json.dumps(scenario_schema()))
    meta.validate(schema)
    assert list(schema["properties"]["tables"]["properties"]) == list(TABLES)


def test_a_built_in_scenario_fits() -> None:
    """The document of a built-in scenario is valid under the schema."""
    from scenarios.files import scenario_document

    document = json.loads(json.dumps(scenario_document(demo_scenario("corner-shop"))))
    errors = [
        error.message for error in Draft202012Validator(scenario_schema()).iter_errors(document)
    ]
    assert errors == []


@pytest.mark.parametrize(
    ("table", "row", "message"),
    [
        ("sites", {"site_id": "W", "kind": "castle", "name": "x", "status": "open"}, "castle"),
        ("demand_cases", {"demand_case": "low", "probability": 1.5}, "maximum"),
        ("demand_cases", {"demand_case": "low"}, "probability"),
        ("demand_cases", {"demand_case": "low", "probability": 1, "more": 1}, "more"),
        (
            "order_lines",
            {"order_id": "1", "line_id": "1", "product_id": "A", "qty": 0},
            "minimum",
        ),
        ("demand_cases", {"demand_case": 7, "probability": 1}, "string"),
    ],
)  # fmt: skip
def test_what_a_contract_forbids_is_invalid(
    table: str, row: dict[str, object], message: str
) -> None:
    """Choices, ranges, required and unknown columns, and types are in the schema."""
    errors = list(Draft202012Validator(table_schema(TABLES[table])).iter_errors([row]))
    assert len(errors) == 1
    assert message in errors[0].message


@pytest.mark.parametrize("name", sorted(PLAN_TABLES))
def test_result_tables_have_schemas_too(name: str) -> None:
    """A contract of a result table gives a valid schema."""
    meta.validate(table_schema(PLAN_TABLES[name]))
