"""Scenarios and plans as blobs: a small manifest that names one Parquet blob per table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from api.store.blobs import BlobStore, get_frame, put_frame
from optimizer.plan import Plan, Provenance
from scenarios import Scenario, Settings
from scenarios.tables import TABLES

MANIFEST_FORMAT = 1


def put_scenario(blobs: BlobStore, scenario: Scenario) -> str:
    """Keep a scenario; return the hash of its manifest."""
    return _put_manifest(
        blobs,
        {
            "kind": "scenario",
            "settings": scenario.settings.model_dump(mode="json"),
            "tables": {name: put_frame(blobs, frame) for name, frame in scenario.tables.items()},
        },
    )


def get_scenario(blobs: BlobStore, digest: str, only: tuple[str, ...] | None = None) -> Scenario:
    """Read a scenario back, or just some of its tables."""
    manifest = _get_manifest(blobs, digest)
    tables = {
        name: get_frame(blobs, table)
        for name, table in manifest["tables"].items()
        if only is None or name in only
    }
    return Scenario(Settings.model_validate(manifest["settings"]), tables)


def scenario_outline(blobs: BlobStore, digest: str) -> tuple[str, dict[str, int]]:
    """Return a scenario's name and how many rows each table has, without reading the tables."""
    manifest = _get_manifest(blobs, digest)
    rows = {
        str(name): int(pq.read_metadata(blobs.path(table)).num_rows)
        for name, table in manifest["tables"].items()
    }
    return str(manifest["settings"]["name"]), {name: rows[name] for name in TABLES if name in rows}


def table_file(blobs: BlobStore, digest: str, name: str) -> Path | None:
    """Return the Parquet file of a table of a scenario or plan; None where it has no rows."""
    table = _get_manifest(blobs, digest)["tables"].get(name)
    return None if table is None else blobs.path(table)


def get_settings(blobs: BlobStore, digest: str) -> Settings:
    """Read a scenario's settings alone."""
    return Settings.model_validate(_get_manifest(blobs, digest)["settings"])


def put_plan(blobs: BlobStore, plan: Plan, files: Mapping[str, bytes] | None = None) -> str:
    """Keep a plan, with files beside its tables; return the hash of its manifest."""
    from dataclasses import asdict

    return _put_manifest(
        blobs,
        {
            "kind": "plan",
            "provenance": asdict(plan.provenance),
            "notes": plan.notes,
            "tables": {name: put_frame(blobs, frame) for name, frame in plan.tables.items()},
            "rows": {name: len(frame) for name, frame in plan.tables.items()},
            "files": {name: blobs.put(data) for name, data in (files or {}).items()},
        },
    )


def get_plan(blobs: BlobStore, digest: str, only: tuple[str, ...] | None = None) -> Plan:
    """Read a plan back, or just some of its tables."""
    manifest = _get_manifest(blobs, digest)
    tables = {
        name: get_frame(blobs, table)
        for name, table in manifest["tables"].items()
        if only is None or name in only
    }
    notes = {stage: tuple(lines) for stage, lines in manifest["notes"].items()}
    return Plan(Provenance(**manifest["provenance"]), tables, notes)


def plan_rows(blobs: BlobStore, digest: str) -> dict[str, int]:
    """Return how many rows each table of a plan has."""
    return {str(k): int(v) for k, v in _get_manifest(blobs, digest)["rows"].items()}


def plan_files(blobs: BlobStore, digest: str) -> dict[str, str]:
    """Return the digests of the files beside a plan's tables, by name."""
    return {str(k): str(v) for k, v in _get_manifest(blobs, digest).get("files", {}).items()}


def _put_manifest(blobs: BlobStore, manifest: dict[str, Any]) -> str:
    document = {"format": MANIFEST_FORMAT, **manifest}
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, default=str)
    return blobs.put(text.encode())


def _get_manifest(blobs: BlobStore, digest: str) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(blobs.get(digest))
    return manifest
