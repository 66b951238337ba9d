"""Every route does what the OpenAPI document says, whatever is sent to it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from .conftest import Door, settings_for

HOME = tempfile.TemporaryDirectory(prefix="holdfast-openapi-")
DOOR = Door(settings_for(Path(HOME.name), max_queued=5), works=False)
SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", DOOR.app)
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)


@SCHEMA.parametrize()
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_server_error_and_no_schema_violation(case: schemathesis.Case) -> None:
    """Generated calls, right and wrong, are answered as documented and never with a 5xx."""
    key = {"Authorization": f"Bearer {DOOR.secret}"}
    case.call_and_validate(checks=list(CHECKS), headers=key)
