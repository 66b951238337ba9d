"""Limits on what is read, so that no file can fill memory or reach outside its folder."""

from __future__ import annotations

import copy
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NoReturn

from scenarios.errors import InputError
from scenarios.findings import Findings, Severity

MEGABYTE = 1 << 20
CHUNK_BYTES = 4 * MEGABYTE
NESTED = frozenset(
    {".zip", ".xlsx", ".xlsm", ".xls", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst"}
)
DAMAGE = (  # what opening or unpacking a damaged archive may raise
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError,
    RuntimeError, ValueError, OSError,
)  # fmt: skip
ENCRYPTED_FLAG = 0x1
UTF8_FLAG = 0x800


@dataclass(frozen=True, slots=True)
class Guards:
    """How much a scenario may hold; beyond it reading is refused with a finding.

    Attributes
    ----------
    max_bytes : size of one file or upload
    max_members : files in an archive or folder
    max_total_bytes : all members of an archive, unpacked
    max_ratio : unpacked over packed bytes of a member of at least `ratio_from_bytes`
    max_rows, max_cells : of one table
    max_sheet_cells : rows x columns of one sheet, blanks within included
    max_text_bytes : all texts of a table together
    max_json_bytes : size of a JSON document
    """

    max_bytes: int = 512 * MEGABYTE
    max_members: int = 2_000
    max_total_bytes: int = 1_024 * MEGABYTE
    max_ratio: float = 200.0
    ratio_from_bytes: int = MEGABYTE
    max_rows: int = 20_000_000
    max_cells: int = 200_000_000
    max_sheet_cells: int = 30_000_000
    max_text_bytes: int = 1_024 * MEGABYTE
    max_json_bytes: int = 256 * MEGABYTE


DEFAULT_GUARDS = Guards()


def refuse(findings: Findings, code: str, hint: str, **place: object) -> NoReturn:
    """Stop reading with one more error on the list.

    Raises
    ------
    InputError
        Always; it carries all findings so far.
    """
    findings.add(code, Severity.ERROR, hint, **place)  # type: ignore[arg-type]
    raise InputError(hint, list(findings))


def check_size(size: int, name: str, guards: Guards, findings: Findings) -> None:
    """Refuse a file that is empty or too large.

    Raises
    ------
    InputError
        `empty_file` or `too_large`.
    """
    if size == 0:
        refuse(findings, "empty_file", f"{name} is empty")
    if size > guards.max_bytes:
        limit = guards.max_bytes // MEGABYTE
        refuse(
            findings,
            "too_large",
            f"{name} has {size / MEGABYTE:,.0f} MB; at most {limit:,} MB are read",
            value=size,
        )


def open_archive(source: object, name: str, findings: Findings) -> zipfile.ZipFile:
    """Open a zip or a workbook, which is a zip too.

    Raises
    ------
    InputError
        `unreadable_archive`: it is not a zip, or was cut off.
    """
    try:
        return zipfile.ZipFile(source)  # type: ignore[call-overload,no-any-return]
    except DAMAGE:
        hint = f"{name} cannot be opened: it is damaged or was cut off; save or send it again"
        refuse(findings, "unreadable_archive", hint)


def check_archive(
    archive: zipfile.ZipFile, guards: Guards, findings: Findings, *, nested: bool
) -> None:
    """Refuse an archive that is too large, hides its size, or reaches outside its folder.

    Parameters
    ----------
    nested : whether members may be archives themselves

    Raises
    ------
    InputError
        Any of `too_many_members`, `too_large_unpacked`, `suspicious_ratio`, `unsafe_path`,
        `symbolic_link`, `encrypted`, `nested_archive`, `duplicate_member`; all are listed.
    """
    before = findings.total(Severity.ERROR)
    members = archive.infolist()
    if len(members) > guards.max_members:
        refuse(
            findings,
            "too_many_members",
            f"the archive holds {len(members):,} files; at most {guards.max_members:,} are read",
        )
    total = sum(member.file_size for member in members)
    if total > guards.max_total_bytes:
        findings.add(
            "too_large_unpacked",
            Severity.ERROR,
            f"the archive unpacks to {total / MEGABYTE:,.0f} MB;"
            f" at most {guards.max_total_bytes // MEGABYTE:,} MB are read",
            value=total,
        )
    seen: set[str] = set()
    for member in members:
        for code, hint in _troubles(member, guards, nested=nested):
            findings.add(code, Severity.ERROR, hint, value=member.filename)
        if member.filename in seen:
            hint = "the archive holds two files of this name; keep one"
            findings.add("duplicate_member", Severity.ERROR, hint, value=member.filename)
        seen.add(member.filename)
    if findings.total(Severity.ERROR) > before:
        raise InputError("the archive is refused", list(findings))


def _troubles(
    member: zipfile.ZipInfo, guards: Guards, *, nested: bool
) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with one member."""
    name = member.filename
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not name:
        yield "unsafe_path", "a file of the archive has no name; pack the folder again"
        return
    if ".." in parts or name.startswith(("/", "\\")) or ":" in name.split("/")[0] or "\0" in name:
        yield "unsafe_path", "the file's name leads outside the archive; pack the folder again"
    if stat.S_ISLNK(member.external_attr >> 16):
        yield "symbolic_link", "the archive holds a link; pack the file itself"
    if member.flag_bits & ENCRYPTED_FLAG:
        yield "encrypted", "the archive is protected by a password; pack it without one"
    suffix = PurePosixPath(name).suffix.lower()
    if not nested and suffix in NESTED and not is_clutter(name):
        yield "nested_archive", "an archive inside an archive is not read; send it on its own"
    large = member.file_size >= guards.ratio_from_bytes
    if large and member.file_size > guards.max_ratio * max(member.compress_size, 1):
        times = member.file_size / max(member.compress_size, 1)
        hint = f"the file unpacks to {times:,.0f} times its size; at most {guards.max_ratio:,.0f}"
        yield "suspicious_ratio", f"{hint} times is read"


def is_clutter(name: str) -> bool:
    """Say whether a file is what systems leave behind, such as .DS_Store."""
    parts = PurePosixPath(name).parts
    clutter = {"__MACOSX", "Thumbs.db", "desktop.ini"}
    return any(part.startswith((".", "~$")) or part in clutter for part in parts)


def member_name(member: zipfile.ZipInfo) -> str:
    """Return a member's name; names that Windows stored in GBK are read as such."""
    if member.flag_bits & UTF8_FLAG:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("gb18030")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return member.filename


def chunks(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, findings: Findings
) -> Iterator[bytes]:
    """Yield the unpacked bytes of a member, never more than it declares.

    Raises
    ------
    InputError
        `damaged_member`, or `false_size` when it unpacks to more than it says.
    """
    wider = copy.copy(member)
    wider.file_size = member.file_size + 1  # one more, so that a lie comes to light
    seen = 0
    try:
        with archive.open(wider) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                seen += len(chunk)
                if seen > member.file_size:
                    refuse(
                        findings,
                        "false_size",
                        "the archive states a false size; pack it again",
                        value=member.filename,
                    )
                yield chunk
    except DAMAGE:
        hint = "a file of the archive is damaged; pack it again"
        refuse(findings, "damaged_member", hint, value=member.filename)


def member_bytes(archive: zipfile.ZipFile, member: zipfile.ZipInfo, findings: Findings) -> bytes:
    """Return the unpacked bytes of a member that passed :func:`check_archive`."""
    return b"".join(chunks(archive, member, findings))
