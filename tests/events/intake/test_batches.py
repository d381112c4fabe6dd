"""Batches: one event a line, and no trace of a rejected batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from support.event_files import PLANTED, count_events, lines, message, open_store
from wxcube.events import kinds as ev
from wxcube.events.intake.batches import OnError, ingest, store_batch
from wxcube.events.intake.files import read_batches
from wxcube.events.store.store import EventStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    with open_store(tmp_path / "events") as one:
        yield one


JOINED = [
    (lines([message(1)]).strip() + lines([message(2)]).strip(), [1]),
    (lines([message(1)]).strip() + b" " + lines([message(2)]).strip(), [1]),
    (msgspec.json.format(lines([message(1)]).strip(), indent=2), list(range(1, 9))),
]


@pytest.mark.parametrize(("body", "bad"), JOINED)
@pytest.mark.parametrize("more", [b"", b"{}\n"])
def test_a_line_is_one_event_whatever_the_batch_contains(
    store: EventStore, body: bytes, bad: list[int], more: bytes
) -> None:
    admitted = store.admit(body + b"\n" + lines([message(3)]) + more)
    last = [len(body.splitlines()) + 2] if more else []
    assert (admitted.events, [one.line for one in admitted.refused]) == (1, bad + last)


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b" \t\n", b"\n\n\n"])
def test_blank_lines_are_not_events(store: EventStore, blank: bytes) -> None:
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
def test_a_rejected_batch_registers_no_accounts(store: EventStore, bad: bytes) -> None:
    store._admission.earliest = 1_600_000_000
    admitted = store.admit(lines([message(1, account="mine")]) + bad)
    receipt = store_batch(store, admitted, OnError.REJECT, "test")
    assert receipt.is_rejected
    assert store.accounts() == ()
    receipt = store_batch(store, admitted, OnError.SKIP, "test")
    assert receipt.written
    receipt.written.result(10)
    store.compact()
    assert (store.accounts(), count_events(store)) == (("mine",), 1)


LINKS = [
    (f"https://example.com/a?openid={PLANTED}", True),
    ("https://example.com/a?x=1&OpenID=o1", True),
    ("https://example.com/a#wx_openid=o1", True),
    ("https://example.com/a?x=1%26open_id%3Do1", True),
    (f"https://example.com/u/{PLANTED}/a", True),
    (f"https://example.com/?u={PLANTED}", True),
    ("https://example.com/a?openid=&x=1", False),
    ("https://example.com/openid?x=1", False),
    ("http://mp.weixin.qq.com/s?__biz=MzA5NDE0MzQ4MQ==&mid=2247483650&idx=1&sn=0a1b", False),
    ("https://mp.weixin.qq.com/s/oXo6bmjrPTlm62sgVt7hMZ", False),
    ("", False),
]


@pytest.mark.parametrize(("link", "is_refused"), LINKS)
@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_link_with_an_openid_is_refused(
    tmp_path: Path, store: EventStore, link: str, form: str, *, is_refused: bool
) -> None:
    event = ev.Publish(id="p", account="a", at=message(1).at, msgid="9_1", content_url=link)
    file = tmp_path / f"a.{form}"
    table = f"event,id,account,at,msgid,content_url\npublish,p,a,{event.at},9_1,{link}\n"
    file.write_bytes(lines([event]) if form == "jsonl" else table.encode())
    done = ingest(store, read_batches(str(file)), OnError.SKIP, file.name)
    assert (done.events, done.refused_count) == (int(not is_refused), int(is_refused))
    assert PLANTED not in str(done.refused)
    assert all("content_url" in one.reason for one in done.refused)
