"""Raw cells as a file holds them, column by column, and how they are read cell by cell."""

from __future__ import annotations

import datetime as dt
import decimal
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scenarios.normalise.verdict import Notes, Verdict, wrong

STRING = pa.large_string()
MOMENT = pa.timestamp("ms")
CLOCK = pa.time64("us")
LARGEST_INTEGER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Broken:
    """A cell of which the file says that it has no value, such as #N/A."""

    shown: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Cells:
    """One raw column: for every kind of cell an array over all rows, null elsewhere.

    Attributes
    ----------
    size : number of rows
    parts : arrays of text, integers, floats, flags, moments or times of day, each (size,)
    zoned : (size,) moments that name their offset, in UTC; None without any
    broken : position and trouble of each cell that is of no such kind
    """

    size: int
    parts: tuple[pa.Array, ...]
    zoned: pa.Array | None = None
    broken: tuple[tuple[int, Broken], ...] = field(default=())

    def is_blank(self) -> NDArray[np.bool_]:
        """Return (size,) True where the cell is blank or holds only white space."""
        blank = np.ones(self.size, dtype=np.bool_)
        arrays = self.parts if self.zoned is None else (*self.parts, self.zoned)
        for part in arrays:
            filled = pc.is_valid(part)
            if pa.types.is_large_string(part.type):
                seen = pc.not_equal(pc.utf8_trim_whitespace(part), "")
                filled = pc.and_(filled, pc.fill_null(seen, fill_value=False))
            blank &= ~filled.to_numpy(zero_copy_only=False)
        blank[[position for position, _ in self.broken]] = False
        return blank

    def keep(self, mask: NDArray[np.bool_]) -> Cells:
        """Return the cells at which `mask` is True."""
        chosen = pa.array(mask)
        moved = np.cumsum(mask) - 1
        return Cells(
            int(mask.sum()),
            tuple(part.filter(chosen) for part in self.parts),
            None if self.zoned is None else self.zoned.filter(chosen),
            tuple((int(moved[at]), trouble) for at, trouble in self.broken if mask[at]),
        )


class CellReader(Protocol):
    """Reads the cells of one column contract."""

    @property
    def target(self) -> pa.DataType:
        """Arrow type of what is read."""

    def quick(self, part: pa.Array) -> pa.Array | None:
        """Read a whole array that is as it should be; None if any cell is not."""

    def plain(self, words: pa.Array) -> tuple[NDArray[np.bool_], pa.Array] | None:
        """Say which distinct texts are as they should be, and read those; None: look at all."""

    def read(self, cell: Any) -> tuple[Any, Verdict | None]:
        """Read one cell that needs care: its value (None: blank) and what to tell."""


def read_cells(cells: Cells, reader: CellReader, notes: Notes) -> pa.Array:
    """Read a raw column.

    Returns
    -------
    values : (size,) of the reader's type, null where the cell is blank or cannot be read
    """
    if cells.broken:
        troubles = [trouble for _, trouble in cells.broken]
        which = np.full(cells.size, -1, dtype=np.int64)
        which[[position for position, _ in cells.broken]] = np.arange(len(troubles))
        notes.write([t.verdict for t in troubles], [t.shown for t in troubles], which)
    arrays = cells.parts if cells.zoned is None else (*cells.parts, cells.zoned)
    read = [_read_part(part, reader, notes) for part in arrays if part.null_count < len(part)]
    if not read:
        return pa.nulls(cells.size, reader.target)
    return read[0] if len(read) == 1 else pc.coalesce(*read)


def _read_part(part: pa.Array, reader: CellReader, notes: Notes) -> pa.Array:
    """Read the cells of one kind, all at once where they allow it, else distinct by distinct."""
    quick = reader.quick(part)
    if quick is not None:
        return quick
    encoded = pc.dictionary_encode(part)
    words = encoded.dictionary
    values: list[Any] = [None] * len(words)
    verdicts: list[Verdict | None] = [None] * len(words)
    careful = np.arange(len(words))
    plain = reader.plain(words) if pa.types.is_large_string(words.type) else None
    if plain is not None:
        mask, good = plain
        for position, value in zip(np.flatnonzero(mask), good.to_pylist(), strict=True):
            values[position] = value
        careful = np.flatnonzero(~mask)
    given = words.take(pa.array(careful)).to_pylist()
    for position, cell in zip(careful, given, strict=True):
        value, verdict = reader.read(cell)
        values[position] = value
        verdicts[position] = verdict
    which = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    shown: list[Any] = [None] * len(words)
    for position, cell in zip(careful, given, strict=True):
        shown[position] = cell
    notes.write(verdicts, shown, which)
    return pa.array(values, type=reader.target).take(encoded.indices)


def cells_of_text(texts: pa.Array | pa.ChunkedArray) -> Cells:
    """Return a column of text cells; empty texts are blanks already."""
    array = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    array = array if pa.types.is_large_string(array.type) else array.cast(STRING)
    return Cells(len(array), (array,))


def cells_of_objects(values: Sequence[Any]) -> Cells:
    """Return a column of cells of any Python type; None and "" are blanks."""
    places: dict[type, list[int]] = {}
    for position, value in enumerate(values):
        if value is None or value == "":
            continue
        places.setdefault(type(value), []).append(position)
    sorted_out = _Sorter(len(values))
    for kind, positions in places.items():
        sorted_out.add(kind, positions, [values[position] for position in positions])
    return sorted_out.cells()


class _Sorter:
    """Sorts Python cells by kind into the arrays of :class:`Cells`."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.lists: dict[pa.DataType, list[Any]] = {}
        self.zoned: list[Any] | None = None
        self.broken: list[tuple[int, Broken]] = []

    def put(self, kind: pa.DataType, positions: list[int], values: Sequence[Any]) -> None:
        held = self.lists.setdefault(kind, [None] * self.size)
        for position, value in zip(positions, values, strict=True):
            held[position] = value

    def add(self, kind: type, positions: list[int], values: list[Any]) -> None:
        """Sort the cells of one Python type."""
        if issubclass(kind, str):
            self._add_text(positions, values)
        elif issubclass(kind, (bool, np.bool_)):
            self.put(pa.bool_(), positions, [bool(value) for value in values])
        elif issubclass(kind, (int, np.integer)):
            if max(abs(value) for value in values) <= LARGEST_INTEGER:
                self.put(pa.int64(), positions, values)
            else:  # digits beyond what any number holds: kept as text
                self.put(STRING, positions, [str(value) for value in values])
        elif issubclass(kind, (float, np.floating, decimal.Decimal)):
            pairs = [(p, float(v)) for p, v in zip(positions, values, strict=True)]
            pairs = [(p, v) for p, v in pairs if not math.isnan(v)]  # a blank in a frame
            self.put(pa.float64(), [p for p, _ in pairs], [v for _, v in pairs])
        elif issubclass(kind, dt.datetime):
            for position, value in zip(positions, values, strict=True):
                self._add_moment(position, value)
        elif issubclass(kind, dt.date):
            midnight = [dt.datetime(v.year, v.month, v.day) for v in values]  # noqa: DTZ001
            self.put(MOMENT, positions, midnight)
        elif issubclass(kind, dt.time):
            self.put(CLOCK, positions, [value.replace(tzinfo=None) for value in values])
        elif issubclass(kind, dt.timedelta):
            self._add_durations(positions, values)
        elif issubclass(kind, Broken):
            self.broken += zip(positions, values, strict=True)
        elif kind.__name__ not in {"NaTType", "NAType"}:
            hint = "a cell holds one text, number, date or flag; lists and objects have no place"
            for position, value in zip(positions, values, strict=True):
                shown = str(value)[:200].encode("utf-8", "replace").decode()
                self.broken.append((position, Broken(shown, wrong("not_a_cell", hint))))

    def _add_text(self, positions: list[int], values: list[str]) -> None:
        try:
            "".join(values).encode()
        except UnicodeEncodeError:
            pass
        else:
            self.put(STRING, positions, values)
            return
        for position, value in zip(positions, values, strict=True):
            try:
                value.encode()
            except UnicodeEncodeError:
                shown = value.encode("utf-8", "replace").decode()
                hint = "the text is not valid Unicode (half of a pair); write it again"
                self.broken.append((position, Broken(shown, wrong("unreadable_text", hint))))
            else:
                self.put(STRING, [position], [value])

    def _add_moment(self, position: int, value: dt.datetime) -> None:
        if value != value:  # pandas NaT is a datetime  # noqa: PLR0124
            return
        if value.tzinfo is None:
            self.put(MOMENT, [position], [value.replace(microsecond=_thousands(value))])
            return
        if self.zoned is None:
            self.zoned = [None] * self.size
        self.zoned[position] = value.astimezone(dt.UTC)

    def _add_durations(self, positions: list[int], values: list[dt.timedelta]) -> None:
        midnight = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - any day will do
        for position, value in zip(positions, values, strict=True):
            if dt.timedelta(0) <= value < dt.timedelta(days=1):
                self.put(CLOCK, [position], [(midnight + value).time()])
            else:
                hint = "the cell holds a duration; write a number in the unit of the column"
                self.broken.append((position, Broken(str(value), wrong("duration", hint))))

    def cells(self) -> Cells:
        """Return what was sorted."""
        return Cells(
            self.size,
            tuple(pa.array(values, type=kind) for kind, values in self.lists.items()),
            None
            if self.zoned is None
            else pa.array(self.zoned, type=pa.timestamp("us", tz="UTC")).cast(
                pa.timestamp("ms", tz="UTC"), safe=False
            ),
            tuple(sorted(self.broken, key=lambda pair: pair[0])),
        )


def _thousands(value: dt.datetime) -> int:
    """Return the microseconds of a moment, cut to whole milliseconds."""
    return value.microsecond // 1000 * 1000
