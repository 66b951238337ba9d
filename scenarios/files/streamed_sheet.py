"""One table as an Excel workbook that is written while it is sent, in constant memory."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from scenarios.files.workbook_writer import (
    DATE_FORMAT,
    FINE_FORMAT,
    MOMENT_FORMAT,
    MOST_ROWS,
    PACKED_AT,
    TEXT_FORMAT,
    escaped,
    rows_xml,
)
from scenarios.tables import Column

FORMATS = (TEXT_FORMAT, DATE_FORMAT, MOMENT_FORMAT, FINE_FORMAT)
PIECE_BYTES = 256 * 1024
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


class Pieces(io.RawIOBase):
    """A file that can only be written: what was written is taken out piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self._written: list[bytes] = []
        self._held = 0

    def writable(self) -> bool:
        """Say that it can be written."""
        return True

    def write(self, data: object) -> int:
        """Take bytes up."""
        piece = bytes(data)  # type: ignore[call-overload]
        self._written.append(piece)
        self._held += len(piece)
        return len(piece)

    def take(self, least_bytes: int = 1) -> Iterator[bytes]:
        """Yield what was written since, if it is enough to be worth it."""
        if self._held >= least_bytes:
            piece = b"".join(self._written)
            self._written.clear()
            self._held = 0
            yield piece


def sheet_pieces(
    name: str, columns: Sequence[Column], frames: Iterable[pd.DataFrame]
) -> Iterator[bytes]:
    """Yield a workbook of one sheet, piece by piece.

    Parameters
    ----------
    name : of the sheet, up to 31 characters of it
    columns : in order; frames have them all
    frames : rows in order, all together at most MOST_ROWS
    """
    pieces = Pieces()
    styles = {form: number for number, form in enumerate(FORMATS, start=1)}
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, text in _outline(name).items():
            archive.writestr(zipfile.ZipInfo(member, PACKED_AT), HEAD + text)
        info = zipfile.ZipInfo("xl/worksheets/sheet1.xml", PACKED_AT)
        info.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(info, "w", force_zip64=True) as sheet:
            sheet.write((HEAD + _opening(columns)).encode())
            row = 2
            for frame in frames:
                for piece in rows_xml(frame, list(columns), styles, row):
                    sheet.write(piece)
                    yield from pieces.take(PIECE_BYTES)
                row += len(frame)
            assert row - 2 <= MOST_ROWS
            sheet.write(b"</sheetData></worksheet>")
    yield from pieces.take()


def _opening(columns: Sequence[Column]) -> str:
    """Return the sheet up to its first row below the headings."""
    from openpyxl.utils import get_column_letter

    widths = "".join(
        f'<col min="{at}" max="{at}" width="{max(12, min(40, len(c.name) + 4))}" customWidth="1"/>'
        for at, c in enumerate(columns, start=1)
    )
    cells = "".join(
        f'<c r="{get_column_letter(at)}1" s="{len(FORMATS) + 1}" t="inlineStr">'
        f"<is><t>{_xml(c.name)}</t></is></c>"
        for at, c in enumerate(columns, start=1)
    )
    return (
        f'<worksheet xmlns="{MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
        f"</sheetView></sheetViews><cols>{widths}</cols>"
        f'<sheetData><row r="1">{cells}</row>'
    )


def _outline(name: str) -> dict[str, str]:
    """Return the parts of a workbook around its one sheet."""
    formats = "".join(
        f'<numFmt numFmtId="{164 + at}" formatCode="{_xml(form)}"/>'
        for at, form in enumerate(FORMATS)
    )
    uses = "".join(
        f'<xf numFmtId="{164 + at}" fontId="0" fillId="0" borderId="0" xfId="0"'
        ' applyNumberFormat="1"/>'
        for at in range(len(FORMATS))
    )
    plain = '<xf numFmtId="0" fontId="{}" fillId="0" borderId="0" xfId="0"/>'
    return {
        "[Content_Types].xml": (
            f'<Types xmlns="{PACKAGE}/content-types">'
            '<Default Extension="rels"'
            ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{KIND}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{KIND}.styles+xml"/>'
            '<Override PartName="/xl/worksheets/sheet1.xml"'
            f' ContentType="{KIND}.worksheet+xml"/></Types>'
        ),
        "_rels/.rels": (
            f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1"'
            f' Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
        ),
        "xl/workbook.xml": (
            f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
            f'<sheet name="{_xml(name[:31])}" sheetId="1" r:id="rId1"/></sheets></workbook>'
        ),
        "xl/_rels/workbook.xml.rels": (
            f'<Relationships xmlns="{PACKAGE}/relationships">'
            f'<Relationship Id="rId1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
            f'<Relationship Id="rId2" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>'
        ),
        "xl/styles.xml": (
            f'<styleSheet xmlns="{MAIN}"><numFmts count="{len(FORMATS)}">{formats}</numFmts>'
            '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
            '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
            '<fills count="2"><fill><patternFill patternType="none"/></fill>'
            '<fill><patternFill patternType="gray125"/></fill></fills>'
            '<borders count="1"><border/></borders>'
            '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/>'
            f'</cellStyleXfs><cellXfs count="{len(FORMATS) + 2}">{plain.format(0)}{uses}'
            f"{plain.format(1)}</cellXfs></styleSheet>"
        ),
    }


def _xml(text: str) -> str:
    from xml.sax.saxutils import escape

    return escape(escaped(text), {'"': "&quot;"})
