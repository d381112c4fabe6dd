import json
import os
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import structlog

from support.callbacks import AT, OPENID
from support.polling import eventually
from support.tapped_site import stored_events
from wxcube.errors import EventStoreError
from wxcube.events.columns import user_number
from wxcube.events.store.keys import load_keys
from wxcube.events.store.store import EventStore
from wxcube.i18n import _
from wxcube.tap.channels import Channels
from wxcube.tap.drain import Drain
from wxcube.tap.mapping import HashUser
from wxcube.tap.service import user_hasher
from wxcube.tap.spool import Spool, line_of, segments


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    EventStore.open(tmp_path / "events").close()
    return tmp_path


@pytest.fixture
def hash_user(folder: Path) -> Any:
    return user_hasher(folder / "events", "")


def opener(folder: Path) -> Any:
    return lambda: EventStore.open(folder / "events", create=False)


def message(number: int, user: str) -> dict[str, Any]:
    return {
        "event": "message",
        "id": str(number),
        "account": "wx1",
        "at": AT,
        "user": user,
        "msg_type": 1,
    }


def change(kind: str, user: str, at: int = AT, **rest: Any) -> dict[str, Any]:
    return {"event": kind, "id": f"{user}-{at}", "account": "wx1", "at": at, "user": user, **rest}


def spooled(folder: Path, *events: dict[str, Any]) -> None:
    spool = Spool(folder / "spool")
    for one in events:
        spool.add(line_of(one))
    spool.close()


def drained(folder: Path) -> int:
    drain = Drain(folder / "spool", opener(folder))
    try:
        return drain.run_once()
    finally:
        drain.close()


def stored(folder: Path, family: str) -> list[dict[str, Any]]:
    return stored_events(folder, family)


def test_events_reach_the_store_with_the_hash_that_the_store_uses(
    folder: Path, hash_user: HashUser
) -> None:
    spooled(folder, message(1, hash_user(OPENID)), message(2, hash_user(OPENID)))
    assert OPENID.encode() not in b"".join(p.read_bytes() for p in (folder / "spool").iterdir())
    assert drained(folder) == 2
    assert segments(folder / "spool") == []
    with opener(folder)() as store:
        store.append(store.admit(json.dumps(message(3, OPENID)).encode())).result()
    rows = stored(folder, "message")
    expected = user_number(OPENID, load_keys(folder / "events").users)
    assert [row["user"] for row in rows] == [expected] * 3


def test_an_interruption_at_any_step_stores_each_event_once(
    folder: Path, hash_user: HashUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = hash_user(OPENID)
    spooled(folder, *(message(n, user) for n in range(1_000)))
    steps = Counter[str]()
    for name in ("commit", "forget", "position"):
        original = getattr(Channels, name)

        def interrupted(
            self: Channels, *args: Any, _original: Any = original, _name: str = name
        ) -> Any:
            steps[_name] += 1
            if steps[_name] in {2, 5}:
                raise KeyboardInterrupt
            return _original(self, *args)

        monkeypatch.setattr(Channels, name, interrupted)
    for _turn in range(10):
        try:
            drained(folder)
        except KeyboardInterrupt:
            continue
        break
    assert len(stored(folder, "message")) == 1_000
    assert segments(folder / "spool") == []


def test_who_unfollows_counts_for_the_channel_through_which_they_came(
    folder: Path, hash_user: HashUser
) -> None:
    one, other = hash_user("o1"), hash_user("o2")
    spooled(folder, change("follow", one, source=30))
    drained(folder)
    spooled(
        folder,
        change("unfollow", one, AT + 10),
        change("unfollow", other, AT + 20),
        change("follow", one, AT + 30, source=0),
        change("unfollow", one, AT + 40),
    )
    drained(folder)
    rows = sorted(stored(folder, "follow"), key=lambda row: row["at"])
    assert [(row["change"], row["source"]) for row in rows] == [
        (1, 30), (-1, 30), (-1, 0), (1, 0), (-1, 0),
    ]  # fmt: skip


def test_a_damaged_line_costs_itself_and_is_told(folder: Path, hash_user: HashUser) -> None:
    spooled(folder, *(message(n, hash_user(OPENID)) for n in range(3)))
    (segment,) = segments(folder / "spool")
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)
    with structlog.testing.capture_logs() as logs:
        assert drained(folder) == 2
    assert [one["event"] for one in logs] == ["tap.damaged_spool"]


def test_a_torn_line_is_kept_aside_and_told(folder: Path, hash_user: HashUser) -> None:
    spooled(folder, message(1, hash_user(OPENID)))
    (segment,) = segments(folder / "spool")
    with segment.open("ab") as file:
        file.write(b"0123")
    with structlog.testing.capture_logs() as logs:
        assert drained(folder) == 1
    assert [one["event"] for one in logs] == ["tap.torn_spool"]
    assert segments(folder / "spool") == []
    assert segment.with_suffix(".torn").exists()


def test_the_file_after_a_torn_one_is_read_from_its_beginning(
    folder: Path, hash_user: HashUser
) -> None:
    spooled(folder, *(message(number, hash_user(OPENID)) for number in range(3)))
    (segment,) = segments(folder / "spool")
    with segment.open("ab") as file:
        file.write(b"0123")
    with structlog.testing.capture_logs():
        assert drained(folder) == 3
    spooled(folder, *(message(number, hash_user(OPENID)) for number in range(3, 8)))
    assert drained(folder) == 5


def test_the_file_after_a_removed_one_is_read_from_its_beginning(
    folder: Path, hash_user: HashUser
) -> None:
    spooled(folder, message(1, hash_user(OPENID)))
    (segment,) = segments(folder / "spool")
    size = segment.stat().st_size
    assert drained(folder) == 1
    # as if the end came before it was recorded that the file is no more
    channels = Channels(folder / "spool")
    channels.commit(segment, size)
    channels.close()
    spooled(folder, message(2, hash_user(OPENID)))
    assert drained(folder) == 1


def test_while_the_store_is_down_events_wait(folder: Path, hash_user: HashUser) -> None:
    user, is_down = hash_user(OPENID), True

    def open_store() -> Any:
        if is_down:
            raise EventStoreError(_("the disk is gone"))
        return opener(folder)()

    spool, over = Spool(folder / "spool"), threading.Event()
    drain = Drain(folder / "spool", open_store)
    thread = threading.Thread(target=drain.run, args=[over.wait])
    with structlog.testing.capture_logs() as logs:
        thread.start()
        for number in range(10):
            spool.add(line_of(message(number, user)))
        spool.flush()
        eventually(lambda: any(one["event"] == "tap.store_down" for one in logs))
        assert sum(path.stat().st_size for path in segments(folder / "spool")) > 0
        is_down = False
        eventually(lambda: any(one["event"] == "tap.store_back" for one in logs))
        over.set()
        thread.join()
    spool.close()
    assert len(stored(folder, "message")) == 10
    assert [one["event"] for one in logs] == ["tap.store_down", "tap.store_back"]


def test_two_taps_cannot_share_a_spool(folder: Path) -> None:
    spool = Spool(folder / "spool")
    with pytest.raises(EventStoreError):
        Spool(folder / "spool")
    spool.close()
    Spool(folder / "spool").close()


def test_a_full_disk_keeps_events_in_memory(
    folder: Path, hash_user: HashUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool, write = Spool(folder / "spool"), os.write
    is_full = True

    def limited(descriptor: int, content: bytes) -> Any:
        if is_full:
            if len(content) > 40:
                return write(descriptor, content[:40])
            raise OSError(28, "No space left on device")
        return write(descriptor, content)

    monkeypatch.setattr("wxcube.tap.spool.os.write", limited)
    with structlog.testing.capture_logs():
        for number in range(5):
            spool.add(line_of(message(number, hash_user(OPENID))))
            spool.flush()
        is_full = False
        spool.close()
    monkeypatch.undo()
    assert drained(folder) == 5


def test_a_full_disk_costs_little_time_however_much_waits(
    folder: Path, hash_user: HashUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool, sizes = Spool(folder / "spool"), list[int]()

    def full(_descriptor: int, content: bytes) -> int:
        sizes.append(len(content))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("wxcube.tap.spool.os.write", full)
    line = line_of(message(1, hash_user(OPENID)))
    for _number in range(20_000):
        spool.add(line)
    with structlog.testing.capture_logs():
        spool.flush()
    assert len(sizes) == 1
    assert sizes[0] < 1 << 20
    monkeypatch.undo()
    spool.close()
    (segment,) = segments(folder / "spool")
    assert segment.read_bytes() == line * 20_000


def test_what_could_not_be_written_before_the_end_is_told(
    folder: Path, hash_user: HashUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(folder / "spool")

    def full(_descriptor: int, _content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("wxcube.tap.spool.os.write", full)
    spool.add(line_of(message(1, hash_user(OPENID))))
    with structlog.testing.capture_logs() as logs:
        spool.close()
    assert [(one["event"], one.get("events")) for one in logs] == [
        ("tap.spool_fails", None),
        ("tap.events_lost", 1),
    ]


def test_full_files_are_followed_by_others(folder: Path, hash_user: HashUser) -> None:
    spool = Spool(folder / "spool", segment_bytes=300)
    for number in range(20):
        spool.add(line_of(message(number, hash_user(OPENID))))
        spool.flush()
    assert len(segments(folder / "spool")) > 3
    spool.close()
    assert drained(folder) == 20
    assert len(stored(folder, "message")) == 20
