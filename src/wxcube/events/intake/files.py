"""Events in files: JSON lines, CSV and Parquet, also compressed with gzip or Zstandard."""

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

import numpy as np

from wxcube.errors import EventError
from wxcube.events.intake.lines import LineBatch, Lines
from wxcube.events.intake.refusal import Refusal
from wxcube.events.intake.tables import NUMBERS, Column, Records
from wxcube.events.parquet_paths import read_parquet
from wxcube.i18n import Message, _, verbatim

if TYPE_CHECKING:
    import duckdb

STANDARD_INPUT = "-"
BLOCK_BYTES = 2 << 20
"""Bytes of JSON lines per batch, about 10,000 events."""
BATCH_ROWS = 20_480
"""Rows of Parquet per batch."""
READ_ROWS = 6 * BATCH_ROWS
"""Rows of Parquet per read, as many as DuckDB writes into a row group."""
LONGEST_LINE = 16 << 20
_COMPRESSED_BYTES = 1 << 10
"""Compressed bytes per read: Zstandard may expand every four bytes to 128 KiB."""
_COMMA, _LINE_END = b",\n"
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_INTEGERS = {f"{u}{size}INT" for u in ("", "U") for size in ("TINY", "SMALL", "BIG")}
_PLAIN = _INTEGERS | {"INTEGER", "UINTEGER", "FLOAT", "DOUBLE", "BOOLEAN"}
_STRINGS = {"VARCHAR", "JSON", "UUID"}
"""DuckDB's types for numbers, and those that are read as strings."""


class FileFormat(StrEnum):
    """The format of a file of events."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True)
class FileBatch:
    """Some lines of a file: as JSON lines, or as numbered rows of a table."""

    first_line: int
    last_line: int
    lines: bytes = field(default=b"", repr=False)
    records: Records | None = field(default=None, repr=False)
    refused: tuple[Refusal, ...] = ()
    """A line that is too long to be read; the batch has no other."""


class _UnreadableError(Exception):
    """The file cannot be read any further."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason)
        self.reason = reason


def read_batches(name: str, file_format: FileFormat | None = None) -> Iterator[FileBatch]:
    """A file's events in batches; `-` is standard input.

    Raises:  EventError if the file cannot be read, or is damaged from some position on.
    """
    file_format = file_format or format_of(name)
    try:
        with _opened(name) as stream:
            if file_format is FileFormat.PARQUET:
                yield from _parquet(stream)
            elif file_format is FileFormat.CSV:
                yield from _csv(stream)
            else:
                yield from _json_lines(stream)
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise EventError(
            _("{name} cannot be read ({reason})", name=name, reason=error.strerror),
            hint=_("check its name, and who may read it"),
        ) from error
    except (_UnreadableError, OSError, EOFError, zlib.error, csv.Error) as error:
        raise EventError(
            _("{name} cannot be read to its end ({reason})", name=name, reason=_reason(error)),
            hint=_("repair the file and send it again; duplicates of stored events do not count"),
        ) from error


def _reason(error: Exception) -> Message:
    if isinstance(error, _UnreadableError):
        return error.reason
    return verbatim(getattr(error, "strerror", None) or str(error) or type(error).__name__)


def format_of(name: str) -> FileFormat:
    """The format by the extension of a file's name; JSON lines for any other extension."""
    bare = name.lower().removesuffix(".gz").removesuffix(".zst")
    formats = {
        ".csv": FileFormat.CSV,
        ".parquet": FileFormat.PARQUET,
        ".pq": FileFormat.PARQUET,
    }
    return formats.get(Path(bare).suffix, FileFormat.JSONL)


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """The file's content, decompressed."""
    if name == STANDARD_INPUT:
        yield _decompressed(cast("io.BufferedReader", sys.stdin.buffer))
        return
    with Path(name).open("rb") as file:
        yield _decompressed(file)


def _decompressed(file: io.BufferedReader) -> BinaryIO:
    beginning = file.peek(4)[:4]
    if beginning.startswith(_GZIP):
        return cast("BinaryIO", gzip.GzipFile(fileobj=file))
    if beginning == _ZSTD:
        return cast("BinaryIO", io.BufferedReader(_ZstdStream(file), BLOCK_BYTES))
    return file


class _ZstdStream(io.RawIOBase):
    """The decompressed content of a Zstandard file; an incomplete frame is an error."""

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

    decompressor, is_complete = zstandard.ZstdDecompressor(), True
    frame = decompressor.decompressobj()
    try:
        while compressed := file.read(_COMPRESSED_BYTES):
            while compressed:
                part, compressed = frame.decompress(compressed), frame.unused_data
                is_complete = frame.eof
                if is_complete:
                    frame = decompressor.decompressobj()
                if part:
                    yield part
    except zstandard.ZstdError as error:
        raise EOFError(f"zstd: {error}") from error
    if not is_complete:
        raise _UnreadableError(_("zstd: the last frame is incomplete"))


def _json_lines(stream: BinaryIO) -> Iterator[FileBatch]:
    for block in _blocks(stream):
        if isinstance(block, Refusal):
            yield FileBatch(block.line, block.line, refused=(block,))
        else:
            yield FileBatch(block.first, block.last, block.content)


def _blocks(stream: BinaryIO) -> Iterator[LineBatch | Refusal]:
    """The content as whole lines, some megabytes per block, without a byte order mark.

    A line that is too long is a block by itself.
    """
    line, mark = 0, b"\xef\xbb\xbf"
    while block := stream.read(BLOCK_BYTES):
        content, too_long = block + stream.readline(LONGEST_LINE + 1), b""
        if not content.endswith(b"\n"):
            begin = content.rfind(b"\n") + 1
            if len(content) - begin > LONGEST_LINE:
                content, too_long = content[:begin], content[begin:]
            else:
                content += b"\n"
        if content:
            last = line + len(Lines(content))
            yield LineBatch(line + 1, last, content.removeprefix(mark))
            line, mark = last, b""
        if too_long:
            line += 1
            size = len(too_long) + _skip_line(stream)
            yield Refusal(line, _("it is longer than 16 MiB"), {"bytes": size})


def _skip_line(stream: BinaryIO) -> int:
    """Read to the end of a line; the number of its bytes."""
    size = 0
    while part := stream.readline(LONGEST_LINE):
        size += len(part)
        if part.endswith(b"\n"):
            break
    return size


def _csv(stream: BinaryIO) -> Iterator[FileBatch]:
    header: list[str] | None = None
    line = 1
    for block in _blocks(stream):
        if isinstance(block, Refusal):
            yield FileBatch(block.line, block.line, refused=(block,))
            line = block.line + 1
            continue
        text, first = block.content.decode(errors="surrogateescape"), line
        if header is None:
            head = io.StringIO(text, newline="").readline()
            [header] = csv.reader([head], strict=True)
            text, line = text[len(head) :], line + 1
        last, records = _table(header, text, line)
        yield FileBatch(first, last, records=records)
        line = last + 1


def _table(header: list[str], text: str, first: int) -> tuple[int, Records]:
    """The number of the last line, and lines of CSV as a table without empty rows."""
    columns = _plain_columns(len(header), text.replace("\r\n", "\n"))
    if columns:
        last = first + len(columns[0]) - 1
        return last, Records(tuple(header), columns, range(first, last + 1))
    # a line may also end with a carriage return alone
    lines = io.StringIO(text, newline="").readlines()
    rows, problems = _rows(lines)
    indices = [index for index, row in enumerate(rows) if any(row) or index in problems]
    cells = tuple(zip_longest(*(rows[index] for index in indices), fillvalue=""))
    names = [*header, *(f"column {n}" for n in range(len(header) + 1, len(cells) + 1))]
    numbers = [first + index for index in indices]
    of_rows = {n: problems[index] for n, index in enumerate(indices) if index in problems}
    return first + len(lines) - 1, Records(tuple(names[: len(cells)]), cells, numbers, of_rows)


def _plain_columns(width: int, text: str) -> tuple[Column, ...] | None:
    """The columns of lines without quotes, all of this width and none empty; None for others.

    PERF: 14 cells a row take 0.5 us; 2.5 with csv.reader and zip.
    """
    if '"' in text or "\r" in text or not text or not width:
        return None
    content = np.frombuffer(text.encode(errors="surrogateescape"), "u1")
    separators = np.flatnonzero((content == _COMMA) | (content == _LINE_END))
    if len(separators) % width or np.diff(separators, prepend=-1).max() > csv.field_size_limit():
        return None
    is_end = (content[separators] == _LINE_END).reshape(-1, width)
    empty_row = f"\n{',' * (width - 1)}\n"
    if not is_end[:, -1].all() or is_end[:, :-1].any() or empty_row in f"\n{text}":
        return None
    cells = text[:-1].replace("\n", ",").split(",")
    return tuple(cells[place::width] for place in range(width))


def _rows(lines: list[str]) -> tuple[list[list[str]], dict[int, Message]]:
    """The cells of each line, and the problems of lines that are not a row, by index.

    A cell ends on its line: otherwise an unclosed quote would take all following lines with it.
    """
    with suppress(csv.Error):
        rows = list(csv.reader(lines, strict=True))
        if len(rows) == len(lines):
            return rows, {}
    rows, problems = [], {}
    for index, line in enumerate(lines):
        try:
            [row] = csv.reader([line], strict=True)
        except csv.Error as error:
            problems[index] = _problem(line, error)
            row = _lenient_row(line)
        rows.append(row)
    return rows, problems


def _problem(line: str, error: csv.Error) -> Message:
    if _has_open_quote(line):
        return _("a quote is not closed on its line: a row is one line")
    return _("it is no row of CSV: {error}", error=error)


def _has_open_quote(line: str) -> bool:
    """Whether a quote is all that the line lacks to be a row."""
    with suppress(csv.Error):
        return len(list(csv.reader([line, '"'], strict=True))) == 1
    return False


def _lenient_row(line: str) -> list[str]:
    """The cells of a line, as far as it can be split."""
    with suppress(csv.Error):
        return next(csv.reader([line]), [])
    return []


def _parquet(stream: BinaryIO) -> Iterator[FileBatch]:
    import duckdb

    with _as_path(stream) as path, duckdb.connect(":memory:") as connection:
        try:
            yield from _parquet_batches(connection, Path(path))
        except duckdb.Error as error:
            raise EOFError(str(error).partition("\n")[0]) from error


def _parquet_batches(connection: duckdb.DuckDBPyConnection, path: Path) -> Iterator[FileBatch]:
    described = connection.execute(f"DESCRIBE FROM {read_parquet([path])}").fetchall()
    types = {name: kind for name, kind, *_ in described}
    selected = ", ".join(_expression(name, kind) for name, kind in types.items())
    [(count,)] = connection.execute(f"SELECT count(*) FROM {read_parquet([path])}").fetchall()  # noqa: S608 - a path
    rows = read_parquet([path], "file_row_number = true")
    for start in range(0, count, READ_ROWS):
        condition = f"file_row_number BETWEEN {start} AND {start + READ_ROWS - 1}"
        query = f"SELECT {selected} FROM {rows} WHERE {condition}"  # noqa: S608 - names of the file
        columns = connection.execute(query).fetchnumpy()
        end = min(start + READ_ROWS, count)
        for first in range(start, end, BATCH_ROWS):
            last = min(first + BATCH_ROWS, end)
            part = tuple(column[first - start : last - start] for column in columns.values())
            records = Records(tuple(types), part, range(first + 1, last + 1))
            yield FileBatch(first + 1, last, records=records)


def _expression(name: str, kind: str) -> str:
    """The SQL that selects a column; a numeric member of another type is read as a string."""
    quoted = '"' + name.replace('"', '""') + '"'
    if kind in _PLAIN:
        return quoted
    if kind in _STRINGS or kind.startswith("ENUM") or name in NUMBERS:
        return f"CAST({quoted} AS VARCHAR) AS {quoted}"
    return f"CASE WHEN {quoted} IS NOT NULL THEN ''::BLOB END AS {quoted}"


@contextmanager
def _as_path(stream: BinaryIO) -> Iterator[str]:
    """A path to the stream's content; a stream that is not a plain file is read into memory."""
    name = getattr(getattr(stream, "raw", None), "name", None)
    if isinstance(name, str) and Path(name).is_file():
        yield name
        return
    if not hasattr(os, "memfd_create"):
        raise EventError(
            _("this system cannot read compressed Parquet"), hint=_("decompress the file first")
        )
    with os.fdopen(os.memfd_create("wxcube-parquet"), "wb") as memory:
        while block := stream.read(BLOCK_BYTES):
            memory.write(block)
        memory.flush()
        yield f"/proc/self/fd/{memory.fileno()}"
