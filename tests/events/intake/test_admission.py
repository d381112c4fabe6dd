"""Admission: the fast path and the full check agree; refusals name lines, never openids."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.event_files import PLANTED, lines, message, sample_events
from support.events import events
from wxcube.events import kinds as ev
from wxcube.events.columns import FAMILIES, to_batch, user_number
from wxcube.events.intake import admission as admissions
from wxcube.events.intake.admission import Admission
from wxcube.events.intake.families import Chunk, concatenate, decode, encode
from wxcube.events.intake.tables import Records
from wxcube.events.store.accounts import AccountNumbers
from wxcube.events.store.keys import Keys

KEYS = Keys(users=b"u" * 32, ids=b"i" * 32)


@pytest.fixture
def admission(tmp_path: Path) -> Admission:
    return Admission(KEYS, AccountNumbers(tmp_path))


def rows(chunk: Any, family: str, accounts: tuple[str, ...]) -> list[tuple[Any, ...]]:
    columns = chunk.get(family)
    if columns is None or not len(columns["at"]):
        return []
    lists = [columns[name].tolist() for name in FAMILIES[family]]
    found = zip(*lists, strict=True)
    return sorted((accounts[account], *rest) for account, *rest in found)


def assert_equal_batch(chunk: Chunk, happened: list[Any], accounts: tuple[str, ...]) -> None:
    batch = to_batch(happened, KEYS.users)
    for family, columns in batch.families():
        expected = rows({family: columns}, family, batch.accounts)
        assert rows(chunk, family, accounts) == expected


def test_columns_are_those_of_the_batch(admission: Admission) -> None:
    happened = sample_events(3_000)
    admitted = admission.admit(lines(happened))
    assert (admitted.events, admitted.refused) == (3_000, ())
    assert_equal_batch(admitted.chunk, happened, admission._accounts.names)


def test_the_full_check_gives_the_same_columns(admission: Admission) -> None:
    happened = sample_events(500)
    admitted = admission.admit(lines(happened) + b"{}\n")
    assert (admitted.events, [r.line for r in admitted.refused]) == (500, [501])
    assert_equal_batch(admitted.chunk, happened, admission._accounts.names)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(events(date(2026, 3, 1)), max_size=12, unique_by=lambda e: (e.account, e.id)),
    st.integers(1, 13),
)
def test_any_events_become_the_batch_for_every_decoding_batch_size(
    tmp_path_factory: pytest.TempPathFactory, happened: Any, size: int
) -> None:
    admission = Admission(KEYS, AccountNumbers(tmp_path_factory.mktemp("admission")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(admissions, "_DECODE_LINES", size)
        admitted = admission.admit(lines(happened))
    assert admitted.events == len(happened)
    assert_equal_batch(admitted.chunk, happened, admission._accounts.names)


@pytest.mark.parametrize(
    ("between", "refused"),
    [(b"", []), (b"\n  \n", []), (b"{}\n", [5]), (lines([message(1)]).strip() * 2 + b"\n", [5])],
    ids=["nothing", "empty lines", "a bad line", "two events on a line"],
)
def test_lines_keep_their_numbers_for_every_decoding_batch_size(
    admission: Admission, monkeypatch: pytest.MonkeyPatch, between: bytes, refused: list[int]
) -> None:
    monkeypatch.setattr(admissions, "_DECODE_LINES", 3)
    happened = sample_events(9)
    admitted = admission.admit(lines(happened[:4]) + between + lines(happened[4:]))
    assert (admitted.events, [r.line for r in admitted.refused]) == (9, refused)
    assert_equal_batch(admitted.chunk, happened, admission._accounts.names)


def test_accounts_get_numbers_when_their_batch_is_stored(
    admission: Admission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admissions, "_DECODE_LINES", 2)
    names = ["b", "a", "b", "c", "a", "d"]
    new = lines(message(n, account=name) for n, name in enumerate(names))
    beside_a_bad_line = admission.admit(new + b"{}\n")
    assert admission._accounts.names == ()
    admission.admit(lines([message(9, account="c")]))
    numbers = beside_a_bad_line.chunk["message"]["account"].tolist()
    assert [admission._accounts.names[number] for number in numbers] == names
    assert sorted(admission._accounts.names) == ["a", "b", "c", "d"]


def test_decoding_restores_an_encoded_chunk(admission: Admission) -> None:
    chunk = admission.admit(lines(sample_events(200))).chunk
    again = decode(encode(chunk))
    for family, columns in concatenate([chunk]).items():
        for name, array in columns.items():
            assert array.tolist() == again[family][name].tolist()
            assert array.dtype == again[family][name].dtype


GOOD: dict[str, Any] = {"event": "read", "id": "1", "account": "a", "at": 1_772_300_000}
BAD = [
    ({"user": "o1"}, "msgid"),
    ({"user": "o1", "msgid": "1"}, "regex"),
    ({"user": "o1", "msgid": "0_1"}, "regex"),
    ({"user": "", "msgid": "1_1"}, "length"),
    ({"user": "o" * 129, "msgid": "1_1"}, "length"),
    ({"user": "o1", "msgid": "1_1", "id": ""}, "length"),
    ({"user": "o1", "msgid": "1_1", "id": "x" * 129}, "length"),
    ({"user": "o1", "msgid": "1_1", "account": ""}, "length"),
    ({"user": "o1", "msgid": "1_1", "account": "a" * 129}, "length"),
    ({"user": "o1", "msgid": "1_1", "at": 1}, ">="),
    ({"user": "o1", "msgid": "1_1", "at": "1772300000"}, "int"),
    ({"user": "o1", "msgid": "1_1", "source": 8}, "<="),
    ({"user": "o1", "msgid": "1_1", "seconds": 90_000}, "<="),
    ({"user": "o1", "msgid": "1_1", "colour": "red"}, "unknown field"),
    ({"user": "o1", "msgid": "1_1", "event": "dance"}, "Invalid value"),
    ({"user": "o1", "msgid": None}, "str"),
]


@pytest.mark.parametrize(("members", "reason"), BAD)
def test_a_bad_event_is_refused_with_its_line_and_reason(
    admission: Admission, members: dict[str, Any], reason: str
) -> None:
    bad = msgspec.json.encode(GOOD | members)
    admitted = admission.admit(lines([message(1)]) + b"\n" + bad + b"\n" + lines([message(2)]))
    assert admitted.events == 2
    assert [r.line for r in admitted.refused] == [3]
    assert reason in admitted.refused[0].reason
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(bad, type=ev.AnyEvent)


BROKEN = [b"{", b'{"event"', b"[]", b"7", b"\xff\xfe", b'{"event":"reply"}}', b"null", b'""']


def test_a_line_with_undecodable_text_has_a_reason_of_its_own(admission: Admission) -> None:
    good = lines([message(1)])
    gbk, half = good.replace(b"o1", "文".encode("gbk")), good.replace(b"o1", rb"\ud83d")
    refused = admission.admit(gbk + half + good[:-9] + b"\n").refused
    assert [("UTF-8" in one.reason, "surrogate" in one.reason) for one in refused] == [
        (True, False),
        (False, True),
        (False, False),
    ]


@pytest.mark.parametrize("line", BROKEN)
def test_an_invalid_line_is_refused_and_all_others_are_accepted(
    admission: Admission, line: bytes
) -> None:
    admitted = admission.admit(lines([message(1)]) + line + b"\n" + lines([message(2)]))
    assert admitted.events == 2
    assert [r.line for r in admitted.refused] == [2]
    assert admitted.refused[0].reason


def test_every_bad_line_of_a_batch_is_reported(admission: Admission) -> None:
    admitted = admission.admit(b"".join(lines([message(n)]) + b"{}\n" for n in range(1_000)))
    assert admitted.events == 1_000
    assert [r.line for r in admitted.refused] == list(range(2, 2_001, 2))


PLANTS = [
    b'{"event":"message","user":"%s"}',
    b'{"event":"message","user":"%s","msg_type":"%s"}',
    b'{"event":"message","id":"%s-1","account":"a","at":1,"user":"%s","msg_type":1}',
    b'{"event":"%s"}',
    b'{"%s":1}',
    b'{"openid":{"x":["%s"]}}',
    b'{"user":"%s',
    b"%s",
    b'"%s"',
    b'["%s"]',
]


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("openid", [PLANTED, "oShort_1", "planted-without-form"])
def test_a_refusal_never_contains_an_openid(
    admission: Admission, plant: bytes, openid: str
) -> None:
    line = plant.replace(b"%s", openid.encode())
    admitted = admission.admit(line)
    assert len(admitted.refused) == 1
    if openid == PLANTED or b'"user"' in plant:
        [refusal] = admitted.refused
        shown = [str(refusal.reason), refusal.content]
        assert openid not in msgspec.json.encode(shown).decode()
        assert openid not in refusal.reason.in_language("zh")


def test_a_refused_user_is_shown_as_their_number(admission: Admission) -> None:
    refused = admission.admit(b'{"event":"message","user":"o1"}').refused[0]
    number = user_number("o1", KEYS.users) & 2**64 - 1
    assert refused.content["user"] == f"#{number:016x}"


def test_events_of_deleted_days_are_refused(admission: Admission) -> None:
    admission.earliest = message(10).at
    admitted = admission.admit(lines([message(9), message(10), message(11)]))
    assert (admitted.events, [r.line for r in admitted.refused]) == (2, [1])
    assert "retention" in admitted.refused[0].reason


def table(rows: list[dict[str, Any]], numbers: list[int]) -> Records:
    """Rows as cells of CSV."""
    names = tuple(dict.fromkeys(name for row in rows for name in row))
    cells = tuple([str(row.get(name, "")) for row in rows] for name in names)
    return Records(names, cells, numbers)


def test_records_of_a_table_may_have_numbers_as_text(admission: Admission) -> None:
    record = GOOD | {"user": "o1", "msgid": "1_1", "at": "1772300000", "finished": "true"}
    admitted = admission.admit_records(table([record, record | {"source": "x"}], [2, 5]))
    assert admitted.events == 1
    assert admitted.chunk["activity"]["finished"].tolist() == [True]
    assert [r.line for r in admitted.refused] == [5]
    assert "source" in admitted.refused[0].reason


def test_same_id_same_hash_other_id_other_hash(admission: Admission) -> None:
    admitted = admission.admit(lines([message(1), message(1), message(2)]))
    pairs = list(
        zip(*(admitted.chunk["message"][n].tolist() for n in ("id_high", "id_low")), strict=True)
    )
    assert pairs[0] == pairs[1] != pairs[2]
