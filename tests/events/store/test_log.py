"""The log's writer: whatever goes wrong, who waits is answered, and the next batch is tried."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, wait
from pathlib import Path

import pytest

from support.event_files import lines, message, opened, put, total
from support.full_disk import files_no_larger_than
from wxcube.errors import EventStoreError
from wxcube.events.store import EventStore
from wxcube.events.store.backlog import LOG
from wxcube.events.store.segment import BEGINNING


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    with opened(tmp_path / "events") as one:
        yield one


@pytest.mark.parametrize(
    "name", ["backup.seg", "copy of 1.seg", "00000007.seg", "00000001-00000000 (1).seg", ".seg"]
)
def test_a_stray_file_in_the_log_stops_nobody(store: EventStore, name: str) -> None:
    (store.folder / LOG / name).touch()
    put(store, [message(1)])
    assert any(path.name.startswith("00000001-") for path in (store.folder / LOG).iterdir())


def test_an_error_of_no_disk_is_told_to_everybody_and_passes(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("nobody thought of this")

    monkeypatch.setattr("wxcube.events.store.log.fdatasync", fail)
    futures = [store.append(store.admit(lines([message(n)]))) for n in range(5)]
    for future in futures:
        with pytest.raises(EventStoreError, match=r"wal.*cannot be written \(ValueError: nobody"):
            future.result(10)
    monkeypatch.undo()
    put(store, [message(9)])
    store.compact()
    assert total(store) == 1


def test_who_no_longer_waits_stops_nobody(store: EventStore) -> None:
    for number in range(0, 200, 2):
        left = store.append(store.admit(lines([message(number)])))
        is_left = left.cancel()
        stays: Future[None] = store.append(store.admit(lines([message(number + 1)])))
        assert stays.result(10) is None
        assert wait([left], 10).done
        # once it is being written it is too late to leave
        assert is_left == left.cancelled()
    store.compact()
    assert total(store) >= 100


@pytest.mark.parametrize("room", [0, 5, len(BEGINNING)])
def test_a_full_disk_leaves_no_drafts(store: EventStore, room: int) -> None:
    admitted = store.admit(lines([message(1)]))
    with files_no_larger_than(room):
        for _ in range(3):
            with pytest.raises(EventStoreError, match=r"wal.*free space"):
                store.append(admitted).result(10)
    assert not list((store.folder / LOG).glob("*.new"))
    store.close()
    store.compact()
    assert not list((store.folder / LOG).iterdir())
