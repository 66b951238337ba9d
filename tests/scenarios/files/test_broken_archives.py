"""Files that are no workbooks, or dangerous ones: refused with the reason, never a traceback."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable

import pytest

from scenarios import InputError, Scenario
from scenarios.files import examine_bytes, read_bytes, scenario_bytes
from scenarios.findings import Severity


@pytest.fixture(scope="module")
def workbook(corner_shop: Scenario) -> bytes:
    """A sound workbook that damage is done to."""
    names = ("products", "sites", "inventory", "orders")
    part = Scenario(corner_shop.settings, {name: corner_shop.tables[name] for name in names})
    return scenario_bytes(part, "xlsx")


def repacked(data: bytes, change: Callable[[str, bytes], bytes | None]) -> bytes:
    """Return a zip with each member changed; None leaves it out."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for info in old.infolist():
            content = change(info.filename, old.read(info))
            if content is not None:
                new.writestr(info.filename, content)
    return stream.getvalue()


def replaced(data: bytes, name: str, old: bytes, new: bytes) -> bytes:
    """Return a zip in one member of which some bytes were replaced."""
    hit: list[bool] = []

    def change(member: str, content: bytes) -> bytes:
        if member == name:
            hit.append(old in content)
            return content.replace(old, new, 1)
        return content

    result = repacked(data, change)
    assert hit == [True]
    return result


def zip_of(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def bomb(name: str) -> bytes:
    """Return 200 MB of zeros in 200 kB."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(name, "w") as member,
    ):
        block = bytes(1 << 20)
        for _ in range(200):
            member.write(block)
    return stream.getvalue()


def with_bomb(data: bytes) -> bytes:
    """Return a workbook one sheet of which is the bomb."""
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        members = {info.filename: old.read(info) for info in old.infolist()}
    members["xl/worksheets/sheet2.xml"] = bytes(200 << 20)
    return zip_of(members)


def link_zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo("products.csv")
        info.create_system = 3
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return stream.getvalue()


def encrypted(data: bytes) -> bytes:
    """Return a zip whose directory says that every member needs a password."""
    content = bytearray(data)
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(mark)
        while at >= 0:
            flags = struct.unpack_from("<H", content, at + place)[0]
            struct.pack_into("<H", content, at + place, flags | 1)
            at = content.find(mark, at + 4)
    return bytes(content)


def lying(data: bytes) -> bytes:
    """Return a zip whose first member says it unpacks to ten bytes."""
    content = bytearray(data)
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", content, content.find(mark) + place, 10)
    return bytes(content)


def many_texts(data: bytes) -> bytes:
    """Return a workbook with one long shared text in very many cells."""
    long = "x" * 30_000
    texts = f'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>{long}</t></si></sst>'
    row = "<row>" + '<c t="s"><v>0</v></c>' * 20 + "</row>"
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        + row * 3000
        + "</sheetData></worksheet>"
    )

    def change(name: str, content: bytes) -> bytes:
        if name == "xl/worksheets/sheet2.xml":
            return sheet.encode()
        if name == "[Content_Types].xml":
            kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
            part = b'<Override PartName="/xl/sharedStrings.xml" ContentType="' + kind + b'"/>'
            return content.replace(b"</Types>", part + b"</Types>")
        if name == "xl/_rels/workbook.xml.rels":
            kind = (
                b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
            )
            link = b'<Relationship Id="rT" Type="' + kind + b'" Target="sharedStrings.xml"/>'
            return content.replace(b"</Relationships>", link + b"</Relationships>")
        return content

    with zipfile.ZipFile(io.BytesIO(repacked(data, change))) as old:
        members = {info.filename: old.read(info) for info in old.infolist()}
    return zip_of(members | {"xl/sharedStrings.xml": texts.encode()})


FILES: dict[str, tuple[str, Callable[[bytes], bytes], set[str]]] = {
    "empty file": ("s.xlsx", lambda data: b"", {"empty_file"}),
    "cut off": ("s.xlsx", lambda data: data[: len(data) // 2], {"unreadable_archive"}),
    "cut off at the start": ("s.xlsx", lambda data: data[100:], {"unreadable_archive"}),
    "not a zip": ("s.xlsx", lambda data: b"hello " * 100, {"unreadable_archive"}),
    "one table only": ("s.csv", lambda data: b"product_id\nA\n", {"not_a_scenario"}),
    "an old workbook": (
        "s.xls",
        lambda data: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        {"old_workbook"},
    ),
    "zip bomb": ("s.zip", lambda data: bomb("products.csv"), {"suspicious_ratio"}),
    "bomb in a workbook": ("s.xlsx", with_bomb, {"suspicious_ratio"}),
    "member that lies": ("s.xlsx", lying, {"false_size", "damaged_member", "unreadable_archive"}),
    "password": ("s.xlsx", encrypted, {"encrypted"}),
    "way out": (
        "s.zip",
        lambda data: zip_of({"../products.csv": b"product_id\n"}),
        {"unsafe_path"},
    ),
    "absolute path": ("s.zip", lambda data: zip_of({"/etc/products.csv": b"x\n"}), {"unsafe_path"}),
    "link": ("s.zip", lambda data: link_zip(), {"symbolic_link"}),
    "archive in an archive": ("s.zip", lambda data: zip_of({"s.xlsx": data}), {"nested_archive"}),
    "too many files": (
        "s.zip",
        lambda data: zip_of({f"{k}.csv": b"" for k in range(2001)}),
        {"too_many_members"},
    ),
    "empty zip": ("s.zip", lambda data: zip_of({}), {"missing_settings"}),
    "zip without a scenario": ("s.zip", lambda data: zip_of({"a.txt": b"x"}), {"missing_settings"}),
    "zip of broken TOML": (
        "s.zip",
        lambda data: zip_of({"settings.toml": b"name = "}),
        {"broken_toml"},
    ),
    "zip of broken Parquet": (
        "s.zip",
        lambda data: zip_of({"products.parquet": b"PAR1 no PAR1"}),
        {"unreadable_file"},
    ),
    "zip of broken CSV": (
        "s.zip",
        lambda data: zip_of({"products.csv": b'product_id,name\nA,"tea\n'}),
        {"broken_csv"},
    ),
    "zip of binary CSV": (
        "s.zip",
        lambda data: zip_of({"products.csv": b"product_id\n\x80\x80\xff\xff"}),
        {"unknown_encoding"},
    ),
    "zip of both forms": (
        "s.zip",
        lambda data: zip_of({"products.csv": b"product_id\nA\n", "products.parquet": b"x"}),
        {"two_files"},
    ),
    "broken JSON": ("s.json", lambda data: b'{"settings": ', {"broken_json"}),
    "deep JSON": ("s.json", lambda data: b"[" * 200_000, {"broken_json"}),
    "JSON of something else": ("s.json", lambda data: b"[1, 2]", {"wrong_shape"}),
    "JSON with NaN": (
        "s.json",
        lambda data: b'{"tables": {"inventory": [{"on_hand": NaN}]}}',
        {"not_finite"},
    ),
    "JSON with a key twice": (
        "s.json",
        lambda data: b'{"settings": {}, "settings": {}}',
        {"duplicate_key_in_json"},
    ),
    "sheet cut off": (
        "s.xlsx",
        lambda data: repacked(
            data, lambda n, c: c[: len(c) // 2] if n.endswith("sheet2.xml") else c
        ),
        {"damaged_workbook"},
    ),
    "workbook part missing": (
        "s.xlsx",
        lambda data: repacked(data, lambda n, c: None if n == "xl/workbook.xml" else c),
        {"missing_settings", "not_a_workbook"},
    ),
    "sheets missing": (
        "s.xlsx",
        lambda data: repacked(data, lambda n, c: None if "worksheets" in n else c),
        {"damaged_workbook", "missing_settings"},
    ),
    "broken styles": (
        "s.xlsx",
        lambda data: repacked(data, lambda n, c: b"<styles" if n == "xl/styles.xml" else c),
        {"damaged_member"},
    ),
    "entities": (
        "s.xlsx",
        lambda data: replaced(
            data, "xl/workbook.xml", b"<workbook", b'<!DOCTYPE a [<!ENTITY b "c">]><workbook'
        ),
        {"document_type"},
    ),
    "one text a million times": ("s.xlsx", many_texts, {"too_much_text"}),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.slow
def test_a_broken_file_is_refused_clearly(workbook: bytes, name: str) -> None:
    """What is no scenario, or a dangerous one, is refused with the reason."""
    upload, change, expected = FILES[name]
    data = change(workbook)
    reading = examine_bytes(upload, data)
    codes = {finding.code for finding in reading.findings if finding.severity == Severity.ERROR}
    assert codes & expected, codes
    with pytest.raises(InputError) as caught:
        read_bytes(upload, data)
    assert str(caught.value)


@pytest.mark.parametrize("step", range(60))
def test_damage_anywhere_raises_nothing_unexpected(workbook: bytes, step: int) -> None:
    """A workbook with bytes overwritten somewhere gives a scenario or findings."""
    content = bytearray(workbook)
    at = len(content) * step // 60
    content[at : at + 40] = bytes((step * 7 + k * 13) % 256 for k in range(40))
    reading = examine_bytes("damaged.xlsx", bytes(content))
    assert reading.scenario is not None or reading.findings.total(Severity.ERROR)


@pytest.mark.parametrize("step", range(24))
def test_damage_inside_a_sheet_raises_nothing_unexpected(workbook: bytes, step: int) -> None:
    """A sheet whose XML is damaged somewhere gives a scenario or findings."""

    def change(name: str, content: bytes) -> bytes:
        if name != "xl/worksheets/sheet3.xml":
            return content
        at = len(content) * step // 24
        return content[:at] + (b"<", b'"', b"&", b"\x00", b"]]>", b"")[step % 6] + content[at + 3 :]

    reading = examine_bytes("damaged.xlsx", repacked(workbook, change))
    assert reading.scenario is not None or reading.findings.total(Severity.ERROR)
