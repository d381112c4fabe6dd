"""The log: after any error, every future is resolved and the next batch is tried."""

from __future__ import annotations

from concurrent.futures import Future, wait
from pathlib import Path

import pytest

from support.event_files import WAIT_SECONDS, count_events, lines, message, store_events
from support.full_disk import files_no_larger_than
from wxcube.errors import EventStoreError
from wxcube.events.store.layout import LOG
from wxcube.events.store.segment import head
from wxcube.events.store.store import EventStore


@pytest.mark.parametrize(
    "name", ["backup.seg", "copy of 1.seg", "00000007.seg", "00000001-00000000 (1).seg", ".seg"]
)
def test_an_unknown_file_in_the_log_is_ignored(store: EventStore, name: str) -> None:
    (store.folder / LOG / name).touch()
    store_events(store, [message(1)])
    assert any(path.name.startswith("00000001-") for path in (store.folder / LOG).iterdir())


def test_any_other_error_fails_all_waiting_batches_and_no_later_ones(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("not an OSError")

    monkeypatch.setattr("wxcube.events.store.log.fdatasync", fail)
    futures = [store.append(store.admit(lines([message(n)]))) for n in range(5)]
    for future in futures:
        with pytest.raises(EventStoreError, match=r"wal.*cannot be written \(ValueError: not an"):
            future.result(WAIT_SECONDS)
    monkeypatch.undo()
    store_events(store, [message(9)])
    store.compact()
    assert count_events(store) == 1


def test_a_cancelled_batch_does_not_affect_others(store: EventStore) -> None:
    for number in range(0, 200, 2):
        cancelled = store.append(store.admit(lines([message(number)])))
        is_cancelled = cancelled.cancel()
        other: Future[None] = store.append(store.admit(lines([message(number + 1)])))
        assert other.result(WAIT_SECONDS) is None
        assert wait([cancelled], WAIT_SECONDS).done
        # a batch that is being written cannot be cancelled
        assert is_cancelled == cancelled.cancelled()
    store.compact()
    assert count_events(store) >= 100


@pytest.mark.parametrize("free_bytes", [0, 5, len(head(Path("00000001-00000000.seg")))])
def test_a_full_disk_leaves_no_drafts(store: EventStore, free_bytes: int) -> None:
    admitted = store.admit(lines([message(1)]))
    with files_no_larger_than(free_bytes):
        for _ in range(3):
            with pytest.raises(EventStoreError, match=r"free space"):
                store.append(admitted).result(WAIT_SECONDS)
    assert not list((store.folder / LOG).glob("*.new"))
    store.close()
    store.compact()
    assert not list((store.folder / LOG).iterdir())
