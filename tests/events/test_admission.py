"""What the door does with a whole batch: one event a line, and no trace of a refused batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from support.event_files import lines, message, opened, total
from wxcube.sources.events import EventStore
from wxcube.sources.events.intake import OnError, take_in


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    with opened(tmp_path / "events") as one:
        yield one


JOINED = [
    (lines([message(1)]).strip() + lines([message(2)]).strip(), [1]),
    (lines([message(1)]).strip() + b" " + lines([message(2)]).strip(), [1]),
    (msgspec.json.format(lines([message(1)]).strip(), indent=2), list(range(1, 9))),
]


@pytest.mark.parametrize(("body", "bad"), JOINED)
@pytest.mark.parametrize("more", [b"", b"{}\n"])
def test_a_line_is_one_event_whatever_else_is_in_the_batch(
    store: EventStore, body: bytes, bad: list[int], more: bytes
) -> None:
    admitted = store.admit(body + b"\n" + lines([message(3)]) + more)
    last = [len(body.splitlines()) + 2] if more else []
    assert (admitted.events, [one.line for one in admitted.refused]) == (1, bad + last)


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b" \t\n", b"\n\n\n"])
def test_blank_lines_are_no_events(store: EventStore, blank: bytes) -> None:
    for body in (blank, blank + lines([message(1)]), lines([message(1)]) + blank + blank):
        admitted = store.admit(body)
        assert (admitted.events, admitted.refused) == (int(b"{" in body), ())


@pytest.mark.parametrize(
    "bad",
    [
        b"{}\n",
        lines([message(2, account="other", at=1_500_000_000)]),
        lines([message(2, account="other")]).replace(b'"user":"o2"', b'"user":""'),
        b'{"event":"like","id":"1","account":"other","at":1772326800,"user":"o","msgid":"x"}\n',
    ],
)
def test_a_rejected_batch_names_no_accounts(store: EventStore, bad: bytes) -> None:
    store._door.earliest = 1_600_000_000
    admitted = store.admit(lines([message(1, account="mine")]) + bad)
    receipt = take_in(store, admitted, OnError.REJECT, "test")
    assert receipt.is_rejected
    assert store.accounts() == ()
    receipt = take_in(store, admitted, OnError.SKIP, "test")
    assert receipt.written
    receipt.written.result(10)
    store.compact()
    assert (store.accounts(), total(store)) == (("mine",), 1)
