"""Scenarios: taken in whole or refused whole, known by the hash of their content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import select

from api.security.trail import record
from api.store.blobs import BlobStore
from api.store.database import TenantDatabase
from api.store.documents import get_scenario, get_settings, put_scenario
from api.store.rows import RevisionRow, ScenarioRow, new_id
from scenarios import Conflict, Findings, InputError, NotFound, Scenario, Settings, Severity
from scenarios.validation import validate
from scenarios.validation.examine import examine


class ScenarioService:
    """Keeps scenarios and their revisions."""

    def __init__(self, database: TenantDatabase, blobs: BlobStore) -> None:
        self.database = database
        self.blobs = blobs

    def take(self, path: Path) -> ScenarioRow:
        """Read an uploaded file, check it, keep it as a new scenario.

        Raises
        ------
        InputError
            It cannot be read, or has errors; nothing is kept, every finding is told.
        """
        try:
            scenario = Scenario.load(path)
        except InputError as error:
            # what the rules find in what can be read belongs to the same answer
            worst_first = list(reversed(Severity)).index
            found = sorted(examine(path).findings, key=lambda one: worst_first(one.severity))
            raise InputError(str(error), found) from error
        return self.keep(scenario)

    def keep(self, scenario: Scenario) -> ScenarioRow:
        """Keep a scenario whose tables are sound."""
        findings = checked(scenario)
        manifest = put_scenario(self.blobs, scenario)
        with self.database.begin() as session:
            row = ScenarioRow(
                id=new_id("scn"), name=scenario.settings.name, head=scenario.content_hash
            )
            session.add(row)
            session.flush()
            session.add(
                RevisionRow(
                    scenario_id=row.id,
                    content_hash=scenario.content_hash,
                    manifest=manifest,
                    parent=None,
                    deltas=[],
                    findings=findings,
                )
            )
            told = {"name": row.name, "revision": row.head}
            record(session, "scenario.taken", row.id, told)
        return row

    def revise(self, scenario_id: str, base: str, deltas: list[dict[str, Any]]) -> RevisionRow:
        """Change a revision by deltas; the result becomes the newest.

        Raises
        ------
        Conflict
            `base` is not the newest revision any more.
        InputError
            A delta cannot be applied, or the result has errors.
        """
        from scenarios.deltas import apply, read_deltas

        row = self.row(scenario_id)
        revision = self.revision(scenario_id, base)
        if row.head != base:
            raise Conflict(f"revision {base} is not the newest; the newest is {row.head}")
        changes = read_deltas(deltas)
        changed = apply(get_scenario(self.blobs, revision.manifest), changes)
        findings = checked(changed)
        manifest = put_scenario(self.blobs, changed)
        with self.database.begin() as session:
            head = session.get(ScenarioRow, scenario_id, with_for_update=True)
            if head is None or head.head != base:
                raise Conflict(f"revision {base} is not the newest any more")
            found = session.get(RevisionRow, (scenario_id, changed.content_hash))
            made: RevisionRow | None = found
            if made is None:
                made = RevisionRow(
                    scenario_id=scenario_id,
                    content_hash=changed.content_hash,
                    manifest=manifest,
                    parent=base,
                    deltas=deltas,
                    findings=findings,
                )
                session.add(made)
            head.head = changed.content_hash
            record(session, "scenario.revised", scenario_id, {"base": base, "revision": head.head})
        return made

    def row(self, scenario_id: str) -> ScenarioRow:
        """Return a scenario's row; NotFound if there is none."""
        with self.database.session() as session:
            row = session.get(ScenarioRow, scenario_id)
        if row is None:
            raise NotFound(f"no scenario {scenario_id!r}")
        return row

    def revision(self, scenario_id: str, content_hash: str | None = None) -> RevisionRow:
        """Return a revision, by default the newest; NotFound if there is none."""
        if not content_hash:
            return self._newest_revision(scenario_id)
        with self.database.session() as session:
            row = session.get(RevisionRow, (scenario_id, content_hash))
        if row is None:
            raise NotFound(f"no revision {content_hash!r} of scenario {scenario_id!r}")
        return row

    def _newest_revision(self, scenario_id: str) -> RevisionRow:
        newest = (RevisionRow.scenario_id == ScenarioRow.id) & (
            RevisionRow.content_hash == ScenarioRow.head
        )
        query = select(RevisionRow).join(ScenarioRow, newest).where(ScenarioRow.id == scenario_id)
        with self.database.session() as session:
            row = session.scalar(query)
        if row is None:
            raise NotFound(f"no scenario {scenario_id!r}")
        return row

    def load(self, revision: RevisionRow, *only: str) -> Scenario:
        """Read the content of a revision, or just some of its tables."""
        return get_scenario(self.blobs, revision.manifest, only or None)

    def settings(self, revision: RevisionRow) -> Settings:
        """Read the settings of a revision, without its tables."""
        return get_settings(self.blobs, revision.manifest)

    def newest(self, most: int, before: str | None = None) -> list[ScenarioRow]:
        """Return scenarios, newest first, that come after `before` in that order."""
        query = select(ScenarioRow).order_by(ScenarioRow.created_at.desc(), ScenarioRow.id.desc())
        with self.database.session() as session:
            rows = list(session.scalars(query))
        if before is not None:
            places = [place for place, row in enumerate(rows) if row.id == before]
            rows = rows[places[0] + 1 :] if places else []
        return rows[:most]


def checked(scenario: Scenario) -> list[dict[str, Any]]:
    """Return the findings about a scenario; InputError if one is an error."""
    findings = Findings()
    findings.extend(scenario.findings)
    findings.extend(validate(scenario))
    errors = findings.total(Severity.ERROR)
    if errors:
        raise InputError(f"the scenario has {errors} errors; nothing of it was kept", [*findings])
    return [finding.document() for finding in findings]
