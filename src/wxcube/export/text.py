"""Rows as text files: CSV, JSON, JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, BinaryIO, TextIO
from unicodedata import normalize

import msgspec

from wxcube.export.table import Header, Table
from wxcube.i18n import _
from wxcube.i18n import message as i18n
from wxcube.i18n.language import Language

BOM = "\ufeff"
"""Excel reads a CSV file as UTF-8 only if it begins with this."""
FORMULA_STARTS = frozenset("=+-@|\t\r\n")
"""What makes a spreadsheet evaluate a text, or cut it off; full-width forms do so too."""


def write_csv(file: BinaryIO, table: Table, *, header: Header = "wire", bom: bool = False) -> int:
    """Write a table as CSV in UTF-8, and return the number of its rows.

    A text that a spreadsheet would evaluate gets an apostrophe; numbers remain numbers.
    """
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        text.write(BOM if bom else "")
        # TRICKY: cells with a CR or LF are quoted only if both are in the line terminator
        writer = csv.writer(_UnixLines(text), lineterminator="\r\n")
        words = {} if header == "wire" else _in_words(header)
        writer.writerow(map(_safe, table.header(header)))
        count = 0
        for count, values in enumerate(table.rows, start=1):  # noqa: B007 - counts the rows
            writer.writerow(_safe(_word(value, words)) for value in values)
        return count
    finally:
        # flushes, and leaves the file open for its owner
        text.detach()


def write_json(file: BinaryIO, rows: Iterable[Any]) -> int:
    """Write the rows like an answer of WeChat, and return their number."""
    count = 0
    file.write(b'{"list":[')
    for count, row in enumerate(rows, start=1):
        file.write((b"," if count > 1 else b"") + _encoded(row))
    file.write(b"]}\n")
    return count


def write_jsonl(file: BinaryIO, rows: Iterable[Any]) -> int:
    """Write the rows one per line, and return their number."""
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007 - counts the rows
        file.write(_encoded(row) + b"\n")
    return count


def records(table: Table, titles: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The rows of a table as JSON objects, whose members have these titles."""
    members = tuple(titles)
    for values in table.rows:
        yield dict(zip(members, values, strict=True))


def may_be_evaluated(text: str) -> bool:
    """Whether a spreadsheet takes a text for a formula.

    >>> may_be_evaluated("=1+1"), may_be_evaluated("1+1")
    (True, False)
    """
    return normalize("NFKC", text[:1])[:1] in FORMULA_STARTS


def well_formed(text: str) -> str:
    r"""The text with lone surrogates, which no encoding has, as U+FFFD.

    >>> well_formed("half of a pair: \ud83d")
    'half of a pair: �'
    """
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _encoded(row: Any) -> bytes:
    try:
        return msgspec.json.encode(row)
    except UnicodeEncodeError:
        members = msgspec.to_builtins(row)
        return well_formed(json.dumps(members, ensure_ascii=False)).encode()


def _in_words(header: i18n.Code) -> dict[bool, str]:
    language = Language(header)
    return {True: language(_("yes")), False: language(_("no"))}


def _word(value: object, words: Mapping[bool, str]) -> object:
    """A truth value in the words of the header, if it has some."""
    return words.get(value, value) if isinstance(value, bool) else value


class _UnixLines:
    """A file that ends lines with LF instead of CR LF."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, line: str) -> int:
        """Write a line that ends with CR LF."""
        return self._file.write(f"{line[:-2]}\n")


def _safe(value: object) -> object:
    """The value as text, changed where a spreadsheet would evaluate it: titles are not our own."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        text = well_formed(value)
        return f"'{text}" if may_be_evaluated(text) else text
    return value
