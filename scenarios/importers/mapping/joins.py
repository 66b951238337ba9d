"""The columns of one source put beside the rows of another, as a mapping's joins say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from scenarios.findings import Findings, Severity
from scenarios.importers.mapping.sources import Source, Texts
from scenarios.importers.mapping.spec import Headings, JoinRule


def join_sources(
    rule: JoinRule, sources: Mapping[str, list[Source]], findings: Findings
) -> tuple[list[Source], dict[str, int]]:
    """Put the columns of the right source beside the rows of the left one."""
    rights = sources.get(rule.right, [])
    index: dict[tuple[str, ...], tuple[Source, int]] = {}
    doubled = 0
    for right in rights:
        keys = _keys(right, [pair.right for pair in rule.on], rule.right, findings)
        for at, key in enumerate(keys):
            doubled += key in index
            index.setdefault(key, (right, at))
    if doubled:
        hint = "of several rows with one key the first is joined"
        findings.add("joined_twice", Severity.WARNING, hint, table=rule.right, count=doubled)
    out: dict[str, int] = {}
    joined = []
    for left in sources.get(rule.left, []):
        keys = _keys(left, [pair.left for pair in rule.on], rule.left, findings)
        hits = [index.get(key) for key in keys]
        mask = np.array([hit is not None or rule.missing == "keep" for hit in hits], dtype=bool)
        lost = int((~mask).sum())
        if lost:
            out[rule.reason] = out.get(rule.reason, 0) + lost
            for row in left.rows[~mask][: findings.cap]:
                findings.add(
                    "not_joined", Severity.WARNING, f"{rule.reason}: the row is left out",
                    table=left.file, row=int(row),
                )  # fmt: skip
            findings.count_more(
                "not_joined", Severity.WARNING, max(0, lost - findings.cap), table=left.file
            )
        kept = [hit for hit, keep in zip(hits, mask, strict=True) if keep]
        joined.append(_beside(left.keep(mask), kept, rights))
    return joined, out


def _keys(
    source: Source, ways: Sequence[Headings], name: str, findings: Findings
) -> list[tuple[str, ...]]:
    columns: list[Texts] = []
    for headings in ways:
        found = source.find(headings)
        if found is None:
            hint = f"{source.file} has no column {' or '.join(headings)} to join by; export it"
            findings.add("missing_heading", Severity.ERROR, hint, table=name)
            return [()] * len(source.rows)
        columns.append(source.columns[found])
    return list(zip(*columns, strict=True))


def _beside(
    left: Source, hits: Sequence[tuple[Source, int] | None], rights: Sequence[Source]
) -> Source:
    """Return the left rows with those columns of the right ones that the left has not."""
    columns = dict(left.columns)
    for name in dict.fromkeys(name for right in rights for name in right.columns):
        if left.find((name,)) is None:
            texts = ["" if hit is None else _cell(hit, name) for hit in hits]
            columns[name] = np.array(texts, dtype=object)
    return Source(left.file, columns, left.rows)


def _cell(hit: tuple[Source, int], name: str) -> str:
    source, row = hit
    texts = source.columns.get(name)
    return "" if texts is None else str(texts[row])
