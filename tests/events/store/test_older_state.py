"""An older state.json, restored from a backup: newer files are added again, no event is lost."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from support.event_files import (
    FIRST,
    NOW,
    count_events,
    message,
    open_store,
    sample_events,
    store_events,
    stored,
)
from support.events import moment
from wxcube.events.intake.families import STORED
from wxcube.events.store.check import check
from wxcube.events.store.compaction import MAX_FILES
from wxcube.events.store.repair import forget
from wxcube.events.store.retention import retain
from wxcube.events.store.store import EventStore

SEGMENT_BYTES = 1
"""So that every batch has a segment of its own."""


def compacted(store: EventStore, number: int, seed: int) -> None:
    """Add so many events to the daily files and leave the log empty."""
    store_events(store, sample_events(number, seed))
    store.compact()
    store.close()
    store.compact()


def rows(store: EventStore) -> list[tuple[str, int, int, int]]:
    identities = [
        (f, r["account"], r["id_high"], r["id_low"]) for f in STORED for r in stored(store, f)
    ]
    assert len(identities) == count_events(store)
    return sorted(identities)


def assert_intact(store: EventStore) -> None:
    assert not check(store.folder, NOW, deep=True)


def test_newer_files_are_added_again(store: EventStore) -> None:
    compacted(store, 300, 1)
    older = (store.folder / "state.json").read_bytes()
    compacted(store, 150, 2)
    compacted(store, 50, 3)
    before, revisions = rows(store), store.revisions()
    assert len(before) == 500
    (store.folder / "state.json").write_bytes(older)
    findings = check(store.folder, NOW)
    assert findings
    assert all(one.is_serious and "older state.json was restored" in one.what for one in findings)
    assert len(store.compact().troubles) == len(findings)
    assert rows(store) == before
    assert_intact(store)
    assert all(store.revisions()[partition] > revisions[partition] for partition in revisions)
    compacted(store, 500, 4)
    assert count_events(store) == 1_000


@pytest.mark.parametrize("content", [b"{}", b"{}\n"])
def test_without_any_backup_all_files_are_added_again(store: EventStore, content: bytes) -> None:
    for number in range(MAX_FILES + 3):
        compacted(store, 40, number)
    before = rows(store)
    (store.folder / "state.json").write_bytes(content)
    store.compact()
    assert rows(store) == before
    assert_intact(store)
    store_events(store, sample_events(40, 3))
    assert store.compact().duplicates == 40


@pytest.mark.parametrize("is_read", [False, True])
@pytest.mark.parametrize("after", range(MAX_FILES + 2))
def test_files_merged_since_are_added_again(tmp_path: Path, after: int, is_read: bool) -> None:
    with open_store(tmp_path, segment_bytes=1) as store:
        for number in range(MAX_FILES + 4):
            if number == after:
                older = (store.folder / "state.json").read_bytes()
            store_events(store, [message(number)])
            if is_read:
                with store.reading():
                    store.compact()
            else:
                store.compact()
        before = rows(store)
        (store.folder / "state.json").write_bytes(older)
        store.compact()
        assert rows(store) == before
        assert_intact(store)


def test_a_newer_file_with_events_that_are_stored_already_is_moved_to_damaged(
    store: EventStore,
) -> None:
    compacted(store, 300, 1)
    partition = store.partitions()[0]
    file = store.files("activity", *partition)[0]
    shutil.copyfile(file, file.with_name("activity-000099.parquet"))
    file.with_name("message-000098.parquet").write_bytes(b"damaged")
    before = rows(store)
    assert len(store.compact().troubles) == 2
    assert rows(store) == before
    assert [one.what for one in check(store.folder, NOW) if not one.is_serious] == []
    moved = sorted((store.folder / "damaged").iterdir())
    assert [one.file for one in check(store.folder, NOW)] == [str(path) for path in moved]
    for path in moved:
        path.unlink()
    assert_intact(store)


@pytest.mark.parametrize("where", [0.3, 0.5, 0.9])
def test_a_newer_file_that_was_changed_is_not_added_again(store: EventStore, where: float) -> None:
    """A damaged file never gets a new checksum."""
    compacted(store, 300, 1)
    older, before = (store.folder / "state.json").read_bytes(), set(rows(store))
    compacted(store, 300, 2)
    [*_, path] = sorted(store.folder.rglob("activity-*.parquet"), key=revision_of)
    content = bytearray(path.read_bytes())
    content[int(len(content) * where)] ^= 1
    path.write_bytes(content)
    (store.folder / "state.json").write_bytes(older)
    assert any(
        path.name in trouble and "moved to" in str(trouble) for trouble in store.compact().troubles
    )
    assert not path.exists()
    assert before < set(rows(store))
    [finding] = check(store.folder, NOW, deep=True)
    assert path.stem in finding.file


def revision_of(path: Path) -> str:
    return path.name.split("-")[1]


def test_forgetting_a_file_keeps_newer_ones(store: EventStore) -> None:
    compacted(store, 300, 1)
    older = (store.folder / "state.json").read_bytes()
    compacted(store, 150, 2)
    (store.folder / "state.json").write_bytes(older)
    events = forget(store.folder, store.files("activity", *store.partitions()[0])[0])
    store.compact()
    assert count_events(store) == 450 - events


def test_days_that_retention_removed_since_stay_removed(store: EventStore) -> None:
    for day in range(4):
        store_events(store, [message(day, at=moment(FIRST + timedelta(days=day)))])
    store.compact()
    retain(store.folder, NOW, event_days=2, fact_days=40)
    older = (store.folder / "state.json").read_bytes()
    store_events(store, [message(9, at=moment(FIRST + timedelta(days=3)))])
    store.compact()
    (store.folder / "state.json").write_bytes(older)
    retain(store.folder, NOW, event_days=1, fact_days=40)
    store.compact()
    assert count_events(store) == 2
    assert [day for day, _ in store.partitions()] == [FIRST + timedelta(days=3)]


def test_unknown_files_are_left_unchanged(store: EventStore) -> None:
    compacted(store, 100, 1)
    folder = store.files("activity", *store.partitions()[0])[0].parent
    (folder / "notes.txt").touch()
    (folder / "copy of activity-000001.parquet").touch()
    compacted(store, 100, 2)
    assert (folder / "notes.txt").exists()
    assert (folder / "copy of activity-000001.parquet").exists()
