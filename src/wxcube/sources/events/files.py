"""Events in files: JSON lines, CSV and Parquet, plain or packed with gzip or Zstandard."""

from __future__ import annotations

import csv
import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, cast

from wxcube.errors import EventError
from wxcube.sources.parquet_paths import reading

STANDARD_INPUT = "-"
BLOCK_BYTES = 2 << 20
"""Bytes of JSON lines that are checked and stored together, about 10,000 events."""
RECORDS_AT_ONCE = 10_000
LONGEST_LINE = 16 << 20
_PACKED_BYTES = 1 << 10
"""Packed bytes taken at once: Zstandard may make 128 KiB of every four of them."""
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"

Record = tuple[int, Mapping[str, Any]]


class Form(StrEnum):
    """How events stand in a file."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True)
class Piece:
    """Some lines of a file: as JSON lines, or as records with line numbers of their own."""

    first_line: int
    last_line: int
    lines: bytes = field(default=b"", repr=False)
    records: list[Record] | None = field(default=None, repr=False)


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
    rest, line = b"", 1
    while block := stream.read(BLOCK_BYTES):
        content = rest + block
        end = content.rfind(b"\n") + 1
        rest = content[end:]
        if len(rest) > LONGEST_LINE:
            raise EOFError(f"line {line + content.count(10)} is longer than 16 MiB")
        if end:
            piece = _lines_piece(content[:end], line)
            yield piece
            line = piece.last_line + 1
    if rest.strip():
        yield _lines_piece(rest + b"\n", line)


def _lines_piece(lines: bytes, first: int) -> Piece:
    if first == 1:
        lines = lines.removeprefix(b"\xef\xbb\xbf")
    return Piece(first, first + lines.count(b"\n") - 1, lines)


def _csv(stream: BinaryIO) -> Iterator[Piece]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        reader = csv.reader(text)
        header = next(reader, [])
        yield from _gathered((reader.line_num, _record(header, row)) for row in reader if row)
    finally:
        text.detach()


def _record(header: list[str], row: list[str]) -> dict[str, Any]:
    """A row by column; an empty cell says nothing, one beyond the header is a column too many."""
    names = [*header, *(f"column {n}" for n in range(len(header) + 1, len(row) + 1))]
    return {name: cell for name, cell in zip(names, row, strict=False) if cell}


def _parquet(stream: BinaryIO) -> Iterator[Piece]:
    with _as_path(stream) as path:
        yield from _gathered(enumerate(_parquet_rows(path), 1))


def _parquet_rows(path: str) -> Iterator[dict[str, Any]]:
    try:
        import duckdb
    except ImportError:
        raise EventError(
            "reading Parquet needs DuckDB", hint='install it with: pip install "wxcube[cube]"'
        ) from None
    with duckdb.connect(":memory:") as connection:
        try:
            found = connection.execute(f"SELECT * FROM {reading([Path(path)])}")  # noqa: S608 - a path
            names = [column[0] for column in found.description or ()]
            while rows := found.fetchmany(RECORDS_AT_ONCE):
                for row in rows:
                    yield {n: v for n, v in zip(names, row, strict=True) if v is not None}
        except duckdb.Error as error:
            raise EOFError(str(error).partition("\n")[0]) from error


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


def _gathered(records: Iterator[Record]) -> Iterator[Piece]:
    """Records by the ten thousand."""
    held: list[Record] = []
    for record in records:
        held.append(record)
        if len(held) == RECORDS_AT_ONCE:
            yield Piece(held[0][0], held[-1][0], records=held)
            held = []
    if held:
        yield Piece(held[0][0], held[-1][0], records=held)
