"""An older state.json, put back as a backup is: what it does not know counts again, nothing goes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from support.event_files import FIRST, NOW, message, opened, put, some, stored, total
from support.events import moment
from wxcube.events.intake.families import STORED
from wxcube.events.store import EventStore
from wxcube.events.store.check import check
from wxcube.events.store.compaction import MOST_FILES
from wxcube.events.store.repair import forget
from wxcube.events.store.retention import retain


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    with opened(tmp_path / "events", segment_bytes=1) as one:
        yield one


def compacted(store: EventStore, number: int, seed: int) -> None:
    """So many events more, in files; nothing waits in the log any more."""
    put(store, some(number, seed))
    store.compact()
    store.close()
    store.compact()


def rows(store: EventStore) -> list[tuple[str, int, int, int]]:
    found = [(f, r["account"], r["id_high"], r["id_low"]) for f in STORED for r in stored(store, f)]
    assert len(found) == total(store)
    return sorted(found)


def in_order(store: EventStore) -> None:
    assert not check(store.folder, NOW, deep=True)


def test_newer_files_count_again(store: EventStore) -> None:
    compacted(store, 300, 1)
    older = (store.folder / "state.json").read_bytes()
    compacted(store, 150, 2)
    compacted(store, 50, 3)
    before, revisions = rows(store), store.revisions()
    assert len(before) == 500
    (store.folder / "state.json").write_bytes(older)
    found = check(store.folder, NOW)
    assert found
    assert all(one.is_serious and "older state.json was put back" in one.what for one in found)
    done = store.compact()
    assert len(done.troubles) == len(found)
    assert rows(store) == before
    in_order(store)
    assert all(store.revisions()[place] > revisions[place] for place in revisions)
    compacted(store, 500, 4)
    assert total(store) == 1_000


@pytest.mark.parametrize("content", [b"{}", b"{}\n"])
def test_without_any_backup_all_files_count_again(store: EventStore, content: bytes) -> None:
    for number in range(MOST_FILES + 3):
        compacted(store, 40, number)
    before = rows(store)
    (store.folder / "state.json").write_bytes(content)
    store.compact()
    assert rows(store) == before
    in_order(store)
    put(store, some(40, 3))
    assert store.compact().duplicates == 40


@pytest.mark.parametrize("is_read", [False, True])
@pytest.mark.parametrize("after", range(MOST_FILES + 2))
def test_files_merged_since_count_again(tmp_path: Path, after: int, is_read: bool) -> None:
    with opened(tmp_path, segment_bytes=1) as store:
        for number in range(MOST_FILES + 4):
            if number == after:
                older = (store.folder / "state.json").read_bytes()
            put(store, [message(number)])
            if is_read:
                with store.reading():
                    store.compact()
            else:
                store.compact()
        before = rows(store)
        (store.folder / "state.json").write_bytes(older)
        store.compact()
        assert rows(store) == before
        in_order(store)


def test_a_newer_file_whose_events_count_already_is_kept_aside(store: EventStore) -> None:
    compacted(store, 300, 1)
    place = store.all_days()[0]
    file = store.files("activity", *place)[0]
    shutil.copyfile(file, file.with_name("activity-000099.parquet"))
    file.with_name("message-000098.parquet").write_bytes(b"damaged")
    before = rows(store)
    assert len(store.compact().troubles) == 2
    assert rows(store) == before
    assert [one.what for one in check(store.folder, NOW) if not one.is_serious] == []
    aside = sorted((store.folder / "damaged").iterdir())
    assert [one.file for one in check(store.folder, NOW)] == [str(path) for path in aside]
    for path in aside:
        path.unlink()
    in_order(store)


def test_taking_a_file_out_loses_no_newer_ones(store: EventStore) -> None:
    compacted(store, 300, 1)
    older = (store.folder / "state.json").read_bytes()
    compacted(store, 150, 2)
    (store.folder / "state.json").write_bytes(older)
    events = forget(store.folder, store.files("activity", *store.all_days()[0])[0])
    store.compact()
    assert total(store) == 450 - events


def test_what_retention_removed_since_stays_removed(store: EventStore) -> None:
    for day in range(4):
        put(store, [message(day, at=moment(FIRST + timedelta(days=day)))])
    store.compact()
    retain(store.folder, NOW, event_days=2, fact_days=40)
    older = (store.folder / "state.json").read_bytes()
    put(store, [message(9, at=moment(FIRST + timedelta(days=3)))])
    store.compact()
    (store.folder / "state.json").write_bytes(older)
    retain(store.folder, NOW, event_days=1, fact_days=40)
    store.compact()
    assert total(store) == 2
    assert [day for day, _ in store.all_days()] == [FIRST + timedelta(days=3)]


def test_files_of_others_are_left_alone(store: EventStore) -> None:
    compacted(store, 100, 1)
    folder = store.files("activity", *store.all_days()[0])[0].parent
    (folder / "notes.txt").touch()
    (folder / "copy of activity-000001.parquet").touch()
    compacted(store, 100, 2)
    assert (folder / "notes.txt").exists()
    assert (folder / "copy of activity-000001.parquet").exists()
