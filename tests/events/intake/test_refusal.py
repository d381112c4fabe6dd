"""Refused lines: their stored content never contains an openid, and a file is whole or absent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.event_files import NOW, PLANTED, lines, message, open_store
from support.full_disk import files_no_larger_than
from wxcube.errors import EventStoreError
from wxcube.events.columns import user_number
from wxcube.events.intake.refusal import (
    DeadLetters,
    Refusal,
    redacted_line,
    redacted_name,
    redacted_record,
)
from wxcube.i18n import _, verbatim

KEY = b"k" * 32
MEMBERS = ("event", "id", "account", "at", "user", "msgid", "title", "content_url", "fen", "ok")
WRITTEN = {
    "plain": PLANTED,
    "an id of a push": f"{PLANTED}1772326800",
    "after a word": f"m-{PLANTED}",
    "in a link": f"https://x/?openid={PLANTED}_9",
    "between letters": f"é{PLANTED}ß",
    "spread": " ".join(PLANTED),
    "with NULs": "\0".join(PLANTED),
    "UTF-16 of another order": PLANTED.encode("utf-16-le").decode("utf-16-be"),
    "two letters in one": PLANTED.encode().decode("utf-16-le"),
    "as numbers": PLANTED.encode().hex(),
    "with strange letters": f"\udcff{PLANTED}",
}


def written(content: Any) -> str:
    """The file's text, letters only: an openid is one word, however it is spaced."""
    text = msgspec.json.decode(msgspec.json.encode(content))
    return _letters(repr(text))


def _letters(text: str) -> str:
    return "".join(one for one in text if one.isalnum())


def assert_no_openid(content: Any) -> None:
    letters = written(content)
    for form in WRITTEN.values():
        assert _letters(_writable(form)) not in letters
    assert "PLANTEDopenid" not in letters


def _writable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize("name", [*MEMBERS, "FromUserName", "openid"])
def test_no_member_contains_an_openid(name: str, form: str) -> None:
    text = WRITTEN[form]
    for value in (text, [text], {"a": text}, {text: 1}):
        assert_no_openid(redacted_record({"event": "message", "user": PLANTED, name: value}, KEY))
        assert_no_openid(redacted_record({name: value, text: text}, KEY))
    line = msgspec.json.encode({name: _writable(text), "user": [PLANTED]})
    assert_no_openid(redacted_line(line, KEY))
    assert_no_openid(redacted_line(line[:-3], KEY))


@given(
    st.dictionaries(
        st.sampled_from([*MEMBERS, PLANTED, "x"]),
        st.one_of(
            st.text(max_size=9), st.integers(), st.floats(), st.booleans(), st.none(), st.binary()
        ).map(lambda value: f"{value}{PLANTED}" if isinstance(value, str) else value),
    )
)
def test_no_record_contains_an_openid_and_each_can_be_written(record: dict[str, Any]) -> None:
    assert_no_openid(redacted_record(record, KEY))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030"])
def test_a_line_in_another_encoding_contains_no_openid(encoding: str) -> None:
    line = f'{{"event":"message","id":"标题","user":"{PLANTED}"}}'.encode(encoding)
    content = redacted_line(line, KEY)
    assert b"PLANTED" not in msgspec.json.encode(content).replace(b"\\u0000", b"")


def test_what_is_needed_for_a_correction_is_stored() -> None:
    record = {"event": "read", "at": 5, "msgid": "2247483650_1", "source": "8", "finished": True}
    record |= {"account": "wx0123456789abcdef", "id": "1772326800123"}
    assert redacted_record(record, KEY) == record
    assert redacted_line(b'{"event":"mesage","account":"main","seconds":1.5}', KEY) == {
        "event": "mesage",
        "account": "main",
        "seconds": 1.5,
    }
    # from columns of a Parquet file
    column = {"at": datetime(2026, 3, 1, 9), "fen": Decimal("1.50"), "id": UUID(int=1)}
    assert redacted_record(column, KEY) == {"at": "2026-03-01T09:00:00", "fen": "1.50", "id": "***"}


def test_an_identifier_is_replaced_by_its_hash() -> None:
    actual = redacted_record({"user": "o1", "id": "m-o1", "account": "an account of mine"}, KEY)
    for name, text in (("user", "o1"), ("id", "m-o1"), ("account", "an account of mine")):
        assert actual[name] == f"#{user_number(text, KEY) & 2**64 - 1:016x}"


def test_of_an_unreadable_line_only_the_length_is_stored() -> None:
    for line in (b"{", b"[" * 50_000, b"7", f'"{PLANTED}"'.encode(), b"\xff\xfe\0"):
        assert redacted_line(line, KEY) == {"bytes": len(line)}
    assert redacted_line(b'{"a":' * 50_000, KEY) == {"bytes": 250_000}


DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    "line",
    [b'{"x":%s,"event":"message"}' % DEEP, b'{"event":%s' % DEEP, b'{"x":%s' % DEEP[:100_000]],
)
def test_a_deeply_nested_line_is_refused_and_all_others_are_accepted(
    tmp_path: Path, line: bytes
) -> None:
    with open_store(tmp_path / "events") as store:
        admitted = store.admit(line + b"\n" + lines([message(1)]))
    assert (admitted.events, [one.line for one in admitted.refused]) == (1, [1])
    assert admitted.refused[0].reason == "it nests too deeply"


NAMES = {
    "colour": "colour",
    "jump position": "jump position",
    PLANTED: "***",
    "\0".join(PLANTED): "***",
    "\udcff\udcfe": "***",
}


@pytest.mark.parametrize("name", NAMES)
def test_only_short_names_are_quoted(name: str) -> None:
    assert redacted_name(name) == NAMES[name]


# --- on the disk ----------------------------------------------------------------------------------


def test_batches_of_the_same_second_have_separate_files(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path / "dead")
    with ThreadPoolExecutor(16) as pool:
        paths = list(
            pool.map(lambda n: letters.write([Refusal(n, _("bad"))], "http", NOW), range(200))
        )
    assert len(set(paths)) == 200
    numbers = [msgspec.json.decode(path.read_bytes())["line"] for path in paths]
    assert numbers == list(range(200))


def test_lines_may_be_added_in_several_steps(tmp_path: Path) -> None:
    with DeadLetters(tmp_path).new_file("a.jsonl", NOW) as letter:
        for number in range(3):
            letter.add([Refusal(number, _("bad"), {"at": number})])
    assert letter.path.read_text().splitlines() == [
        f'{{"line":{n},"reason":"bad","from":"a.jsonl","content":{{"at":{n}}}}}' for n in range(3)
    ]


@pytest.mark.parametrize("number", [1, 100_000])
def test_a_full_disk_leaves_no_part_of_a_file(tmp_path: Path, number: int) -> None:
    letters = DeadLetters(tmp_path / "dead")
    full = pytest.raises(EventStoreError, match=r"dead.*cannot be written.*free space")
    with files_no_larger_than(10), full:
        letters.write([Refusal(1, _("bad"))] * number, "http", NOW)
    assert not list((tmp_path / "dead").iterdir())


def test_a_line_that_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(UnicodeError):
        DeadLetters(tmp_path).write([Refusal(1, verbatim("\udcff"))], "http", NOW)
    assert not list(tmp_path.iterdir())
