"""Events in files: JSON lines, CSV and Parquet, plain or packed with gzip or Zstandard."""

from __future__ import annotations

import csv
import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from wxcube.errors import EventError
from wxcube.events.arrays import np
from wxcube.events.intake.lines import Lines, Stretch
from wxcube.events.intake.plain_csv import columns
from wxcube.events.intake.tables import NUMBERS, Column, Records
from wxcube.events.parquet_paths import reading

if TYPE_CHECKING:
    import duckdb

STANDARD_INPUT = "-"
BLOCK_BYTES = 2 << 20
"""Bytes of JSON lines that are checked and stored together, about 10,000 events."""
RECORDS_AT_ONCE = 20_480
"""Rows of Parquet that are checked and stored together."""
ROWS_AT_ONCE = 6 * RECORDS_AT_ONCE
"""Rows of Parquet that are read at once, as many as DuckDB writes into a group."""
LONGEST_LINE = 16 << 20
_PACKED_BYTES = 1 << 10
"""Packed bytes taken at once: Zstandard may make 128 KiB of every four of them."""
_COMMA, _LINE_END = b",\n"
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_WHOLE = {f"{u}{size}INT" for u in ("", "U") for size in ("TINY", "SMALL", "BIG")}
_PLAIN = _WHOLE | {"INTEGER", "UINTEGER", "FLOAT", "DOUBLE", "BOOLEAN"}
_TEXTS = {"VARCHAR", "JSON", "UUID"}
"""Types of DuckDB that hold numbers, or are taken for texts."""


class Form(StrEnum):
    """How events stand in a file."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True)
class Piece:
    """Some lines of a file: as JSON lines, or as rows with numbers of their own."""

    first_line: int
    last_line: int
    lines: bytes = field(default=b"", repr=False)
    records: Records | None = field(default=None, repr=False)


def pieces(name: str, form: Form | None = None) -> Iterator[Piece]:
    """A file's events, piece by piece; `-` is standard input.

    Raises:  EventError if the file cannot be read, or is damaged from some point on.
    """
    form = form or form_of(name)
    try:
        with _opened(name) as stream:
            if form is Form.PARQUET:
                yield from _parquet(stream)
            elif form is Form.CSV:
                yield from _csv(stream)
            else:
                yield from _json_lines(stream)
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise EventError(
            f"{name} cannot be read ({error.strerror})", hint="check its name, and who may read it"
        ) from error
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise EventError(
            f"{name} cannot be read to its end ({reason})",
            hint="mend the file and send it again: what is stored already does no harm",
        ) from error


def form_of(name: str) -> Form:
    """The form a file's name tells; JSON lines if it tells none."""
    bare = name.lower().removesuffix(".gz").removesuffix(".zst")
    endings = {".csv": Form.CSV, ".parquet": Form.PARQUET, ".pq": Form.PARQUET}
    return endings.get(Path(bare).suffix, Form.JSONL)


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """The file's content, unpacked."""
    if name == STANDARD_INPUT:
        yield _unpacked(cast("io.BufferedReader", sys.stdin.buffer))
        return
    with Path(name).open("rb") as file:
        yield _unpacked(file)


def _unpacked(file: io.BufferedReader) -> BinaryIO:
    beginning = file.peek(4)[:4]
    if beginning.startswith(_GZIP):
        return cast("BinaryIO", gzip.GzipFile(fileobj=file))
    if beginning == _ZSTD:
        return cast("BinaryIO", io.BufferedReader(_Zstd(file), BLOCK_BYTES))
    return file


class _Zstd(io.RawIOBase):
    """The unpacked content of a Zstandard file; its end in the middle of a frame is an error."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._parts = _zstd_parts(file)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._parts, b""))
        part, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def _zstd_parts(file: BinaryIO) -> Iterator[bytes]:
    import zstandard

    unpacker, is_whole = zstandard.ZstdDecompressor(), True
    frame = unpacker.decompressobj()
    try:
        while packed := file.read(_PACKED_BYTES):
            while packed:
                part, packed = frame.decompress(packed), frame.unused_data
                is_whole = frame.eof
                if is_whole:
                    frame = unpacker.decompressobj()
                if part:
                    yield part
    except zstandard.ZstdError as error:
        raise EOFError(f"zstd: {error}") from error
    if not is_whole:
        raise EOFError("zstd: it ends in the middle")


def _json_lines(stream: BinaryIO) -> Iterator[Piece]:
    for part in _blocks(stream):
        yield Piece(part.first, part.last, part.content)


def _blocks(stream: BinaryIO) -> Iterator[Stretch]:
    """The content as whole lines, some megabytes at a time, without a mark of byte order."""
    line, mark = 0, b"\xef\xbb\xbf"
    while begun := stream.read(BLOCK_BYTES):
        content = begun + stream.readline(LONGEST_LINE + 1)
        if not content.endswith(b"\n"):
            if len(content) - content.rfind(b"\n") - 1 > LONGEST_LINE:
                raise EOFError(f"line {line + len(Lines(content))} is longer than 16 MiB")
            content += b"\n"
        last = line + len(Lines(content))
        yield Stretch(line + 1, last, content.removeprefix(mark))
        line, mark = last, b""


def _csv(stream: BinaryIO) -> Iterator[Piece]:
    header: list[str] | None = None
    line = 1
    for block in _blocks(stream):
        text, first = block.content.decode(errors="surrogateescape"), line
        if header is None:
            head = io.StringIO(text, newline="").readline()
            [header] = csv.reader([head], strict=True)
            text, line = text[len(head) :], line + 1
        last, records = _table(header, text, line)
        yield Piece(first, last, records=records)
        line = last + 1


def _table(header: list[str], text: str, first: int) -> tuple[int, Records]:
    """Lines of CSV as a table, empty ones passed over; and the number of the last one."""
    columns = _plain_columns(len(header), text.replace("\r\n", "\n"))
    if columns:
        last = first + len(columns[0]) - 1
        return last, Records(tuple(header), columns, range(first, last + 1))
    # a line may also end with a carriage return alone
    lines = io.StringIO(text, newline="").readlines()
    rows, complaints = _rows(lines)
    places = [place for place, row in enumerate(rows) if any(row) or place in complaints]
    cells = tuple(zip_longest(*(rows[place] for place in places), fillvalue=""))
    names = [*header, *(f"column {n}" for n in range(len(header) + 1, len(cells) + 1))]
    numbers = [first + place for place in places]
    wrong = {n: complaints[place] for n, place in enumerate(places) if place in complaints}
    return first + len(lines) - 1, Records(tuple(names[: len(cells)]), cells, numbers, wrong)


def _plain_columns(width: int, text: str) -> tuple[Column, ...] | None:
    """The columns of lines without quotes, all of this width and none empty; None of others.

    PERF: of 14 cells a row 0.1 us as places, 0.5 as texts; csv.reader and turning takes 2.5.
    """
    if '"' in text or "\r" in text or not text or not width:
        return None
    content = np.frombuffer(text.encode(errors="surrogateescape"), "u1")
    places = np.flatnonzero((content == _COMMA) | (content == _LINE_END))
    if len(places) % width or np.diff(places, prepend=-1).max() > csv.field_size_limit():
        return None
    is_end = (content[places] == _LINE_END).reshape(-1, width)
    no_cells = f"\n{',' * (width - 1)}\n"
    if not is_end[:, -1].all() or is_end[:, :-1].any() or no_cells in f"\n{text}":
        return None
    if text.isascii():
        return columns(text, content, places.reshape(-1, width))
    cells = text[:-1].replace("\n", ",").split(",")
    return tuple(cells[place::width] for place in range(width))


def _rows(lines: list[str]) -> tuple[list[list[str]], dict[int, str]]:
    """The cells of each line, and what is wrong with lines that are no row, by their place.

    A cell ends on its line: a quote that is not closed would take all that follows with it.
    """
    with suppress(csv.Error):
        rows = list(csv.reader(lines, strict=True))
        if len(rows) == len(lines):
            return rows, {}
    rows, complaints = [], {}
    for place, line in enumerate(lines):
        try:
            [row] = csv.reader([line], strict=True)
        except csv.Error as error:
            complaints[place] = _complaint(error)
            row = _loose_row(line)
        rows.append(row)
    return rows, complaints


def _complaint(error: csv.Error) -> str:
    if str(error) == "unexpected end of data":
        return "a quote is not closed on its line: a row is one line"
    return f"it is no row of CSV: {error}"


def _loose_row(line: str) -> list[str]:
    """The cells of a line as far as it has any."""
    with suppress(csv.Error):
        return next(csv.reader([line]), [])
    return []


def _parquet(stream: BinaryIO) -> Iterator[Piece]:
    try:
        import duckdb
    except ImportError:
        raise EventError(
            "reading Parquet needs DuckDB", hint='install it with: pip install "wxcube[cube]"'
        ) from None
    with _as_path(stream) as path, duckdb.connect(":memory:") as connection:
        try:
            yield from _parquet_pieces(connection, Path(path))
        except duckdb.Error as error:
            raise EOFError(str(error).partition("\n")[0]) from error


def _parquet_pieces(connection: duckdb.DuckDBPyConnection, path: Path) -> Iterator[Piece]:
    found = connection.execute(f"DESCRIBE FROM {reading([path])}").fetchall()
    types = {name: kind for name, kind, *_ in found}
    shown = ", ".join(_as_read(name, kind) for name, kind in types.items())
    [(count,)] = connection.execute(f"SELECT count(*) FROM {reading([path])}").fetchall()  # noqa: S608 - a path
    rows = reading([path], "file_row_number = true")
    for start in range(0, count, ROWS_AT_ONCE):
        held = f"file_row_number BETWEEN {start} AND {start + ROWS_AT_ONCE - 1}"
        columns = connection.execute(f"SELECT {shown} FROM {rows} WHERE {held}").fetchnumpy()  # noqa: S608 - names of the file
        end = min(start + ROWS_AT_ONCE, count)
        for first in range(start, end, RECORDS_AT_ONCE):
            last = min(first + RECORDS_AT_ONCE, end)
            part = tuple(column[first - start : last - start] for column in columns.values())
            records = Records(tuple(types), part, range(first + 1, last + 1))
            yield Piece(first + 1, last, records=records)


def _as_read(name: str, kind: str) -> str:
    """A column as it is selected: a column of numbers that is none comes as text."""
    quoted = '"' + name.replace('"', '""') + '"'
    if kind in _PLAIN:
        return quoted
    if kind in _TEXTS or kind.startswith("ENUM") or name in NUMBERS:
        return f"CAST({quoted} AS VARCHAR) AS {quoted}"
    return f"CASE WHEN {quoted} IS NOT NULL THEN ''::BLOB END AS {quoted}"


@contextmanager
def _as_path(stream: BinaryIO) -> Iterator[str]:
    """A path to the stream's content; what is no file of its own is held in memory."""
    name = getattr(getattr(stream, "raw", None), "name", None)
    if isinstance(name, str) and Path(name).is_file():
        yield name
        return
    if not hasattr(os, "memfd_create"):
        raise EventError("packed Parquet cannot be read here", hint="unpack it into a file first")
    with os.fdopen(os.memfd_create("wxcube-parquet"), "wb") as memory:
        while block := stream.read(BLOCK_BYTES):
            memory.write(block)
        memory.flush()
        yield f"/proc/self/fd/{memory.fileno()}"
