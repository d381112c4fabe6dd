"""Full disks, damaged files, wrong clocks: an error with the file, and the rest goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from support.event_files import FIRST, NOW, lines, message, opened, put, some, total
from support.events import moment
from support.full_disk import files_no_larger_than
from wxcube.errors import EventStoreError
from wxcube.events.intake.batches import OnError, take_in
from wxcube.events.store import EventStore
from wxcube.events.store.backlog import segments
from wxcube.events.store.check import Finding, check
from wxcube.events.store.compaction import MOST_FILES
from wxcube.events.store.manifest import checksum
from wxcube.events.store.repair import forget, rotate_key
from wxcube.events.store.status import status


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    with opened(tmp_path / "events") as one:
        yield one


def serious(store: EventStore) -> list[Finding]:
    return [one for one in check(store.folder, NOW, deep=True) if one.is_serious]


def test_a_full_disk_refuses_the_batch_and_keeps_the_others(store: EventStore) -> None:
    put(store, some(100))
    segment = segments(store.folder)[0]
    admitted = store.admit(lines(some(1_000, seed=2)))
    with files_no_larger_than(segment.stat().st_size + 500):
        futures = [store.append(admitted) for _ in range(3)]
        for future in futures:
            with pytest.raises(EventStoreError, match=r"wal.*cannot be written.*free space"):
                future.result(10)
    put(store, some(50, seed=3))
    done = store.compact()
    assert (total(store), done.troubles) == (150, [])
    store.append(admitted).result(10)
    store.compact()
    assert total(store) == 1_150
    assert not serious(store)


def test_a_disk_that_fills_during_compaction_loses_nothing(store: EventStore) -> None:
    put(store, some(5_000))
    full = pytest.raises(EventStoreError, match=r"parquet cannot be written \(File too large\)")
    with files_no_larger_than(2_000), full:
        store.compact()
    assert total(store) == 0
    assert status(store).waiting == 5_000
    store.compact()
    assert total(store) == 5_000
    listed = {
        path for place in store.all_days() for f in FAMILIES for path in store.files(f, *place)
    }
    assert (
        set((store.folder / "days").rglob("*.*")) - set((store.folder / "days").iterdir()) == listed
    )


FAMILIES = ("open", "follow", "message", "reply", "publish", "activity")


def test_without_room_for_dead_letters_nothing_is_accepted(store: EventStore) -> None:
    put(store, [message(1)])
    admitted = store.admit(lines(some(10)) + b"{}\n")
    with files_no_larger_than(10), pytest.raises(EventStoreError, match=r"dead.*cannot be written"):
        take_in(store, admitted, OnError.SKIP, "test")
    store.compact()
    assert total(store) == 1


def days_of(store: EventStore, number: int) -> None:
    put(store, [message(n, at=moment(FIRST + timedelta(days=n))) for n in range(number)])
    store.compact()


def test_an_unreadable_file_holds_its_day_and_only_that(store: EventStore) -> None:
    days_of(store, 3)
    place = store.all_days()[1]
    file = store.files("message", *place)[0]
    content = file.read_bytes()
    file.write_bytes(b"damaged")
    again = [message(n, at=moment(FIRST + timedelta(days=n))) for n in range(3)]
    new = [message(n + 10, at=moment(FIRST + timedelta(days=n))) for n in range(3)]
    put(store, again + new)
    done = store.compact()
    assert (done.events, done.held, done.duplicates) == (2, 2, 2)
    assert str(file) in done.troubles[0]
    assert total(store) == 5
    assert status(store).waiting == 2
    finding = serious(store)[0]
    assert (finding.file, "forget" in finding.mend) == (str(file), True)
    file.write_bytes(content)
    assert not serious(store)
    done = store.compact()
    assert (done.events, done.duplicates, total(store)) == (1, 1, 6)


def test_a_file_taken_out_can_be_sent_again(store: EventStore) -> None:
    days_of(store, 2)
    place = store.all_days()[0]
    before = store.revisions()
    file = store.files("message", *place)[0]
    file.write_bytes(b"damaged")
    assert forget(store.folder, file) == 1
    assert total(store) == 1
    assert [at for at, r in store.revisions().items() if r > before[at]] == [place]
    days_of(store, 2)
    assert total(store) == 2
    assert not serious(store)
    assert len(list((store.folder / "damaged").iterdir())) == 1
    with pytest.raises(EventStoreError, match="no file of events"):
        forget(store.folder, file.with_name("other.parquet"))


def test_a_missing_file_is_found(store: EventStore) -> None:
    days_of(store, 1)
    file = store.files("message", *store.all_days()[0])[0]
    file.unlink()
    assert [one.file for one in serious(store)] == [str(file)]


def test_a_file_with_other_events_than_noted_is_found(store: EventStore) -> None:
    days_of(store, 2)
    (first, second) = (store.files("message", *place)[0] for place in store.all_days())
    put(store, [message(n, at=moment(FIRST)) for n in range(50, 60)])
    store.compact()
    store.files("message", *store.all_days()[0])[-1].rename(second)
    found = {one.file: one.what for one in serious(store)}
    assert "10 events instead of 1" in found[str(second)]
    assert str(first) not in found


def test_a_cut_segment_gives_its_whole_batches_and_is_told(store: EventStore) -> None:
    for number in range(3):
        put(store, [message(number)])
    store.close()
    path = segments(store.folder)[0]
    path.write_bytes(path.read_bytes()[:-5])
    finding = next(one for one in check(store.folder, NOW) if one.file == str(path))
    assert "no whole batch" in finding.what
    done = store.compact()
    assert (done.events, total(store)) == (2, 2)
    assert str(path) in done.troubles[0]
    assert [Path(one.file).parent.name for one in check(store.folder, NOW)] == ["damaged"]
    put(store, [message(number) for number in range(3)])
    store.compact()
    assert total(store) == 3


def test_damage_inside_a_segment_costs_only_its_batch(store: EventStore) -> None:
    for number in range(3):
        put(store, [message(number)])
    store.close()
    path = segments(store.folder)[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    assert [one.file for one in serious(store)] == [str(path)]
    assert store.compact().events == 2
    assert not segments(store.folder)


def test_a_clock_set_back_is_told_and_stops_nothing(store: EventStore) -> None:
    put(store, [message(1)])
    store.compact()
    found = check(store.folder, NOW - timedelta(hours=3))
    assert "clock was set back" in found[0].what
    assert not found[0].is_serious
    assert not check(store.folder, NOW)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("state.json", "is damaged"),
        ("accounts.jsonl", "is damaged at line 1"),
        ("FORMAT", "is damaged"),
        ("key", "not a key"),
    ],
)
def test_a_damaged_file_of_the_store_is_told_by_name(
    store: EventStore, name: str, said: str
) -> None:
    days_of(store, 1)
    (store.folder / name).write_bytes(b'{"nonsense\n')
    found = [one for one in check(store.folder, NOW) if name in one.what]
    assert said in found[0].what
    assert found[0].mend
    with pytest.raises(EventStoreError, match=name):
        opened(store.folder)


def test_a_missing_key_is_told_and_none_is_made(store: EventStore) -> None:
    (store.folder / "key").unlink()
    assert "key is gone" in serious(store)[0].what
    assert not (store.folder / "key").exists()


def test_there_is_nothing_wrong_where_there_is_no_store(tmp_path: Path) -> None:
    assert check(tmp_path / "none", NOW) == []


def test_a_store_in_order_has_no_findings(store: EventStore) -> None:
    put(store, some(200))
    store.compact()
    assert check(store.folder, NOW, deep=True) == []
    take_in(store, store.admit(b"{}"), OnError.SKIP, "test")
    found = check(store.folder, NOW)
    assert [Path(one.file).name for one in found] == ["dead"]


def test_after_a_rotation_people_are_new_and_repeats_still_known(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        put(store, [message(1)])
    rotate_key(tmp_path, NOW + timedelta(days=1))
    with opened(tmp_path) as store:
        assert store.layout.key_since == (NOW + timedelta(days=1)).date()
        put(store, [message(1), message(51)])
        done = store.compact()
        assert (done.events, done.duplicates) == (2, 1)


def test_rotation_to_a_key_of_the_settings(tmp_path: Path) -> None:
    opened(tmp_path, user_key="the first key").close()
    with pytest.raises(EventStoreError, match="already"):
        rotate_key(tmp_path, NOW, "the first key")
    rotate_key(tmp_path, NOW, "the second key")
    opened(tmp_path, user_key="the second key").close()
    with pytest.raises(EventStoreError, match="another key"):
        opened(tmp_path, user_key="the first key")


def test_any_bit_of_a_parquet_file_that_changes_is_found(store: EventStore) -> None:
    put(store, some(300))
    store.compact()
    place = store.all_days()[0]
    file = store.files("activity", *place)[0]
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
    for number in range(MOST_FILES + 1):
        put(store, [message(number)])
        store.compact()
    file = store.files("message", *store.all_days()[0])[0]
    assert file.stem.endswith("-all")
    [listed] = store.manifest().cell(*store.all_days()[0]).files["message"]
    assert (listed.bytes, listed.crc32) == checksum(file)


def test_doctor_finds_nothing_wrong_while_a_compaction_runs(store: EventStore) -> None:
    def fill() -> None:
        for number in range(30):
            with opened(store.folder) as writer:
                put(writer, [message(number)])
            store.compact()

    put(store, [message(99)])
    store.compact()
    filling, looks = threading.Thread(target=fill), 0
    filling.start()
    found: list[Finding] = []
    while filling.is_alive():
        found += check(store.folder, NOW, deep=bool(looks % 2))
        looks += 1
    filling.join()
    assert looks > 3
    assert found == []
    assert total(store) == 31
