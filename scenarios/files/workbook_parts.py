"""A workbook as the zip it is: checked, scanned, and copied to where its reader may have it."""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO
from xml.etree import ElementTree as ET

from scenarios.files.guards import (
    CHUNK_BYTES,
    MEGABYTE,
    Guards,
    check_archive,
    chunks,
    member_bytes,
    open_archive,
    refuse,
)
from scenarios.files.sheet_scan import SheetFacts, scan_sheet, text_bytes, text_sizes
from scenarios.findings import Findings

WORKBOOK = "xl/workbook.xml"
STYLES = "xl/styles.xml"
TEXTS = "xl/sharedStrings.xml"
PARTS = (".xml", ".rels")
SKIPPED = ("xl/media/", "xl/embeddings/", "xl/drawings/", "xl/charts/", "customXml/")
SPOOL_BYTES = 64 * MEGABYTE
PERCENT_FORMATS = {9, 10}
_QUOTED = re.compile(r'"[^"]*"|\\.')
_ZEROS = re.compile(r"^0{2,30}$")


@dataclass(frozen=True, slots=True)
class Parts:
    """A workbook that is safe to read.

    Attributes
    ----------
    file : its parts, unpacked to their true size and packed again
    sheets : what was seen, by the name of the sheet
    since_1904 : dates count from 1904
    """

    file: IO[bytes]
    sheets: Mapping[str, SheetFacts]
    since_1904: bool


def open_workbook(source: IO[bytes], name: str, guards: Guards, findings: Findings) -> Parts:
    """Check and scan a workbook.

    Raises
    ------
    InputError
        It is no workbook, or not a safe one.
    """
    archive = open_archive(source, name, findings)
    with archive:
        check_archive(archive, guards, findings, nested=True)
        infos = {info.filename: info for info in archive.infolist()}
        if WORKBOOK not in infos:
            hint = f"{name} is not an Excel workbook (.xlsx); save it as one"
            refuse(findings, "not_a_workbook", hint)
        root = _tree(member_bytes(archive, infos[WORKBOOK], findings), findings)
        relations = "xl/_rels/workbook.xml.rels"
        links = (
            _links(_tree(member_bytes(archive, infos[relations], findings), findings))
            if relations in infos
            else {}
        )
        sheet_parts = {links.get(key, ""): title for title, key in _sheets(root)}
        formats: dict[int, str] = {}
        if STYLES in infos:
            formats = _formats(_tree(member_bytes(archive, infos[STYLES], findings), findings))
        file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - handed on
        try:
            facts = _copied(archive, file, sheet_parts, formats, guards, findings)
        except BaseException:
            file.close()
            raise
    file.seek(0)
    properties = root.find("{*}workbookPr")
    since_1904 = properties is not None and properties.get("date1904") in {"1", "true"}
    return Parts(file, facts, since_1904)


def _copied(
    archive: zipfile.ZipFile,
    file: IO[bytes],
    sheet_parts: Mapping[str, str],
    formats: Mapping[int, str],
    guards: Guards,
    findings: Findings,
) -> dict[str, SheetFacts]:
    """Copy what a reader of values needs, and scan the sheets on the way."""
    facts: dict[str, SheetFacts] = {}
    sizes = text_sizes((), len)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as safe:
        for info in archive.infolist():
            name = info.filename
            if info.is_dir() or not name.endswith(PARTS) or name.startswith(SKIPPED):
                continue
            stream = chunks(archive, info, findings)
            with safe.open(name, "w", force_zip64=True) as target:
                if name in sheet_parts:
                    facts[sheet_parts[name]] = scan_sheet(stream, formats, target.write)
                elif name == TEXTS:
                    sizes = text_sizes(stream, target.write)
                else:
                    for chunk in stream:
                        target.write(chunk)
    longest = int(sizes.max())
    if any(seen.text_references * longest > guards.max_text_bytes for seen in facts.values()):
        file.seek(0)
        _check_texts(file, sheet_parts, sizes, guards, findings)
    return facts


def _check_texts(
    file: IO[bytes],
    sheet_parts: Mapping[str, str],
    sizes: object,
    guards: Guards,
    findings: Findings,
) -> None:
    """Refuse shared texts that are short in the file and endless in the cells."""
    with zipfile.ZipFile(file) as safe:
        for name, title in sheet_parts.items():
            if name not in safe.namelist():
                continue
            with safe.open(name) as stream:
                total = text_bytes(_pieces(stream), sizes)  # type: ignore[arg-type]
            if total > guards.max_text_bytes:
                hint = f"the texts of sheet {title} come to {total / MEGABYTE:,.0f} MB"
                refuse(findings, "too_much_text", hint, value=total)


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk


def _tree(data: bytes, findings: Findings) -> ET.Element:
    """Parse a small part of a workbook."""
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        refuse(findings, "document_type", "the workbook declares XML entities; save it again")
    try:
        return ET.fromstring(data)  # noqa: S314 - no document types  # nosec B314
    except ET.ParseError:
        refuse(findings, "damaged_member", "a part of the workbook is damaged; save it again")


def _links(root: ET.Element) -> dict[str, str]:
    """Return the part that each relation of the workbook points to."""
    links = {}
    for relation in root.findall("{*}Relationship"):
        target = relation.get("Target", "")
        path = target[1:] if target.startswith("/") else f"xl/{target}"
        links[relation.get("Id", "")] = path
    return links


def _sheets(root: ET.Element) -> Iterator[tuple[str, str]]:
    """Yield the name and the relation of each sheet."""
    for sheet in root.findall("{*}sheets/{*}sheet"):
        key = next((value for name, value in sheet.items() if name.endswith("}id")), "")
        yield sheet.get("name", ""), key


def _formats(root: ET.Element) -> dict[int, str]:
    """Return the styles under which a cell shows other digits than it holds.

    Returns
    -------
    formats : "%" or a run of zeros such as "00000", by style
    """
    codes: dict[int, str] = dict.fromkeys(PERCENT_FORMATS, "%")
    for each in root.findall("{*}numFmts/{*}numFmt"):
        code = _QUOTED.sub("", each.get("formatCode", ""))
        number = each.get("numFmtId", "")
        if number.isdigit() and ("%" in code or _ZEROS.match(code)):
            codes[int(number)] = "%" if "%" in code else code
    found = {}
    for style, each in enumerate(root.findall("{*}cellXfs/{*}xf")):
        number = each.get("numFmtId", "")
        if number.isdigit() and int(number) in codes:
            found[style] = codes[int(number)]
    return found
