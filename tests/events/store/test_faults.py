"""Full disks, damaged files, wrong clocks: errors that name the file and affect nothing else."""

from __future__ import annotations

import threading
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random

import pytest

from support.event_files import (
    FIRST,
    NOW,
    WAIT_SECONDS,
    count_events,
    lines,
    message,
    open_store,
    sample_events,
    store_events,
)
from support.events import moment
from support.full_disk import files_no_larger_than
from wxcube.errors import EventStoreError
from wxcube.events.intake.batches import OnError, store_batch
from wxcube.events.store.backlog import segments
from wxcube.events.store.check import Finding, check
from wxcube.events.store.checksums import checksum
from wxcube.events.store.compaction import MAX_FILES
from wxcube.events.store.repair import forget, rotate_key
from wxcube.events.store.status import status
from wxcube.events.store.store import EventStore


def serious(store: EventStore) -> list[Finding]:
    return [one for one in check(store.folder, NOW, deep=True) if one.is_serious]


def test_a_full_disk_fails_the_batch_and_keeps_the_others(store: EventStore) -> None:
    store_events(store, sample_events(100))
    segment = segments(store.folder)[0]
    admitted = store.admit(lines(sample_events(1_000, seed=2)))
    with files_no_larger_than(segment.stat().st_size + 500):
        futures = [store.append(admitted) for _ in range(3)]
        for future in futures:
            with pytest.raises(EventStoreError, match=r"wal.*cannot be written.*free space"):
                future.result(WAIT_SECONDS)
    store_events(store, sample_events(50, seed=3))
    done = store.compact()
    assert (count_events(store), done.troubles) == (150, [])
    store.append(admitted).result(WAIT_SECONDS)
    store.compact()
    assert count_events(store) == 1_150
    assert not serious(store)


def test_a_disk_that_fills_up_during_compaction_loses_nothing(store: EventStore) -> None:
    store_events(store, sample_events(5_000))
    full = pytest.raises(EventStoreError, match=r"parquet cannot be written \(File too large\)")
    with files_no_larger_than(2_000), full:
        store.compact()
    assert count_events(store) == 0
    assert status(store).waiting == 5_000
    store.compact()
    assert count_events(store) == 5_000
    listed = {
        path
        for partition in store.partitions()
        for f in FAMILIES
        for path in store.files(f, *partition)
    }
    assert (
        set((store.folder / "days").rglob("*.*")) - set((store.folder / "days").iterdir()) == listed
    )


FAMILIES = ("open", "follow", "message", "reply", "publish", "activity")


def test_without_space_for_dead_letters_nothing_is_accepted(store: EventStore) -> None:
    store_events(store, [message(1)])
    admitted = store.admit(lines(sample_events(10)) + b"{}\n")
    with files_no_larger_than(10), pytest.raises(EventStoreError, match=r"dead.*cannot be written"):
        store_batch(store, admitted, OnError.SKIP, "test")
    store.compact()
    assert count_events(store) == 1


def days_of(store: EventStore, number: int) -> None:
    store_events(store, [message(n, at=moment(FIRST + timedelta(days=n))) for n in range(number)])
    store.compact()


def test_an_unreadable_file_delays_only_its_own_partition(store: EventStore) -> None:
    days_of(store, 3)
    partition = store.partitions()[1]
    file = store.files("message", *partition)[0]
    content = file.read_bytes()
    file.write_bytes(b"damaged")
    again = [message(n, at=moment(FIRST + timedelta(days=n))) for n in range(3)]
    new = [message(n + 10, at=moment(FIRST + timedelta(days=n))) for n in range(3)]
    store_events(store, again + new)
    done = store.compact()
    assert (done.events, done.held, done.duplicates) == (2, 2, 2)
    assert str(file) in done.troubles[0]
    assert count_events(store) == 5
    assert status(store).waiting == 2
    finding = serious(store)[0]
    assert (finding.file, "forget" in finding.mend) == (str(file), True)
    file.write_bytes(content)
    assert not serious(store)
    done = store.compact()
    assert (done.events, done.duplicates, count_events(store)) == (1, 1, 6)


def test_events_of_a_forgotten_file_can_be_sent_again(store: EventStore) -> None:
    days_of(store, 2)
    partition = store.partitions()[0]
    before = store.revisions()
    file = store.files("message", *partition)[0]
    file.write_bytes(b"damaged")
    assert forget(store.folder, file) == 1
    assert count_events(store) == 1
    assert [at for at, r in store.revisions().items() if r > before[at]] == [partition]
    days_of(store, 2)
    assert count_events(store) == 2
    assert not serious(store)
    assert len(list((store.folder / "damaged").iterdir())) == 1
    with pytest.raises(EventStoreError, match="not a file of events"):
        forget(store.folder, file.with_name("other.parquet"))


def test_a_missing_file_is_found(store: EventStore) -> None:
    days_of(store, 1)
    file = store.files("message", *store.partitions()[0])[0]
    file.unlink()
    assert [one.file for one in serious(store)] == [str(file)]


def test_a_file_in_the_place_of_another_is_found(store: EventStore) -> None:
    days_of(store, 2)
    (first, second) = (store.files("message", *partition)[0] for partition in store.partitions())
    store_events(store, [message(n, at=moment(FIRST)) for n in range(50, 60)])
    store.compact()
    store.files("message", *store.partitions()[0])[-1].rename(second)
    findings = {one.file: one.what for one in serious(store)}
    assert "it was changed" in findings[str(second)]
    assert str(first) not in findings


def test_complete_batches_of_a_truncated_segment_are_stored_and_the_rest_is_reported(
    store: EventStore,
) -> None:
    for number in range(3):
        store_events(store, [message(number)])
    store.close()
    path = segments(store.folder)[0]
    # the end mark, and a part of the last batch
    path.write_bytes(path.read_bytes()[:-21])
    finding = next(one for one in check(store.folder, NOW) if one.file == str(path))
    assert "not a complete batch" in finding.what
    done = store.compact()
    assert (done.events, count_events(store)) == (2, 2)
    assert str(path) in done.troubles[0]
    assert [Path(one.file).parent.name for one in check(store.folder, NOW)] == ["damaged"]
    store_events(store, [message(number) for number in range(3)])
    store.compact()
    assert count_events(store) == 3


def test_damage_inside_a_segment_loses_only_its_batch(store: EventStore) -> None:
    for number in range(3):
        store_events(store, [message(number)])
    store.close()
    path = segments(store.folder)[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    assert [one.file for one in serious(store)] == [str(path)]
    assert store.compact().events == 2
    assert not segments(store.folder)


def test_a_clock_that_was_set_back_is_reported_and_affects_nothing(store: EventStore) -> None:
    store_events(store, [message(1)])
    store.compact()
    findings = check(store.folder, NOW - timedelta(hours=3))
    assert "clock was set back" in findings[0].what
    assert not findings[0].is_serious
    assert not check(store.folder, NOW)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("state.json", "is damaged"),
        ("accounts.jsonl", "is damaged at line 1"),
        ("FORMAT", "is damaged"),
        ("key", "not a key"),
    ],
)
def test_a_damaged_file_of_the_store_is_named_in_the_report(
    store: EventStore, name: str, expected: str
) -> None:
    days_of(store, 1)
    (store.folder / name).write_bytes(b'{"nonsense\n')
    findings = [one for one in check(store.folder, NOW) if name in one.what]
    assert expected in findings[0].what
    assert findings[0].mend
    with pytest.raises(EventStoreError, match=name):
        open_store(store.folder)


def test_a_missing_key_is_reported_and_none_is_created(store: EventStore) -> None:
    (store.folder / "key").unlink()
    assert "key is missing" in serious(store)[0].what
    assert not (store.folder / "key").exists()


def test_a_folder_without_a_store_has_no_problems(tmp_path: Path) -> None:
    assert check(tmp_path / "none", NOW) == []


def test_an_intact_store_has_no_problems(store: EventStore) -> None:
    store_events(store, sample_events(200))
    store.compact()
    assert check(store.folder, NOW, deep=True) == []
    store_batch(store, store.admit(b"{}"), OnError.SKIP, "test")
    findings = check(store.folder, NOW)
    assert [Path(one.file).name for one in findings] == ["dead"]


def test_after_a_rotation_users_are_new_and_duplicates_still_recognised(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store_events(store, [message(1)])
    rotate_key(tmp_path, NOW + timedelta(days=1))
    with open_store(tmp_path) as store:
        assert store.layout.key_since == (NOW + timedelta(days=1)).date()
        store_events(store, [message(1), message(51)])
        done = store.compact()
        assert (done.events, done.duplicates) == (2, 1)


def test_rotation_to_a_key_from_the_settings(tmp_path: Path) -> None:
    open_store(tmp_path, user_key="the first key").close()
    with pytest.raises(EventStoreError, match="already"):
        rotate_key(tmp_path, NOW, "the first key")
    rotate_key(tmp_path, NOW, "the second key")
    open_store(tmp_path, user_key="the second key").close()
    with pytest.raises(EventStoreError, match="another key"):
        open_store(tmp_path, user_key="the first key")


def test_any_changed_bit_of_a_parquet_file_is_found(store: EventStore) -> None:
    store_events(store, sample_events(300))
    store.compact()
    partition = store.partitions()[0]
    file = store.files("activity", *partition)[0]
    content, dice = file.read_bytes(), Random(1)
    for position in dice.sample(range(len(content)), 12):
        changed = bytearray(content)
        changed[position] ^= 1 << dice.randrange(8)
        file.write_bytes(changed)
        assert [one.file for one in serious(store)] == [str(file)]
    file.write_bytes(content[:-1])
    assert [one.file for one in check(store.folder, NOW)] == [str(file)]
    file.write_bytes(content)
    assert not serious(store)


def test_a_merged_file_has_its_checksum(store: EventStore) -> None:
    for number in range(MAX_FILES + 1):
        store_events(store, [message(number)])
        store.compact()
    file = store.files("message", *store.partitions()[0])[0]
    assert "-all-" in file.name
    [listed] = store.manifest().partition(*store.partitions()[0]).files["message"]
    assert (listed.bytes, listed.crc32) == checksum(file)


def test_no_problems_are_found_while_a_compaction_runs(store: EventStore) -> None:
    stopped, batches = threading.Event(), count(1)

    def compact_repeatedly() -> None:
        while not stopped.is_set():
            with open_store(store.folder) as writer:
                store_events(writer, [message(next(batches))])
            store.compact()

    store_events(store, [message(0)])
    store.compact()
    compacting, checks = threading.Thread(target=compact_repeatedly), 0
    compacting.start()
    findings: list[Finding] = []
    try:
        # until files were merged at least once
        while checks < 10 or store.manifest().revision <= MAX_FILES + 1:
            findings += check(store.folder, NOW, deep=bool(checks % 2))
            checks += 1
    finally:
        stopped.set()
        compacting.join()
    assert findings == []
    assert count_events(store) == next(batches)
