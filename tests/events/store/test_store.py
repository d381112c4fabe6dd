"""The store: acknowledged events are durable, duplicates are skipped, reads are consistent."""

from __future__ import annotations

import os
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from support.event_files import (
    FIRST,
    GROUPS,
    NOW,
    count_events,
    lines,
    message,
    open_store,
    sample_events,
    store_events,
    stored,
)
from support.events import moment
from wxcube.beijing import BEIJING_SECONDS, DAY_SECONDS, ManualClock, day_number
from wxcube.errors import EventStoreError
from wxcube.events.action_bits import action_masks
from wxcube.events.columns import to_batch
from wxcube.events.intake.families import STORED
from wxcube.events.store import layout as layouts
from wxcube.events.store.backlog import segments
from wxcube.events.store.compaction import MAX_FILES
from wxcube.events.store.keys import load_keys
from wxcube.events.store.retention import retain
from wxcube.events.store.segment import Damage, End, Frame, frames, head
from wxcube.events.store.status import status
from wxcube.events.store.store import EventStore


def test_stored_rows_are_the_events_with_day_hour_and_action_bits(store: EventStore) -> None:
    happened = sample_events(4_000)
    store_events(store, happened)
    assert store.compact().events == 4_000
    batch = to_batch(happened, load_keys(store.folder).users)
    accounts = store.accounts()
    for family, columns in batch.families():
        rows = stored(store, family)
        names = [name for name in STORED[family] if name in columns]
        actual = sorted(
            (accounts[row["account"]], *(row[n] for n in names if n != "account")) for row in rows
        )
        lists = [columns[name].tolist() for name in names]
        expected = sorted((batch.accounts[a], *rest) for a, *rest in zip(*lists, strict=True))
        assert actual == expected
        for row in rows:
            assert row["d"] == (row["at"] + BEIJING_SECONDS) // DAY_SECONDS
            assert row["h"] == (row["at"] + BEIJING_SECONDS) % DAY_SECONDS // 3_600
    bits = sorted(int(mask) for mask in action_masks(batch.activity))
    assert sorted(row["mask"] for row in stored(store, "activity")) == bits


def test_files_are_in_folders_by_day_and_group(store: EventStore) -> None:
    store_events(store, sample_events(2_000))
    store.compact()
    for day, group in store.partitions():
        for family in STORED:
            for path in store.files(family, day, group):
                assert path.parent == store.folder / "days" / day.isoformat() / f"g{group:02d}"
    for family in STORED:
        for row in stored(store, family):
            assert (date(1970, 1, 1) + timedelta(days=row["d"]), row["account"] % GROUPS) in set(
                store.partitions()
            )


def test_an_event_sent_again_is_stored_once(store: EventStore) -> None:
    happened = sample_events(1_000)
    store_events(store, happened + happened[:300])
    assert (store.compact().duplicates, count_events(store)) == (300, 1_000)
    store_events(store, happened)
    again = store.compact()
    assert (again.events, again.duplicates, count_events(store)) == (0, 1_000, 1_000)
    assert store.manifest().duplicates == 1_300


def test_duplicates_are_skipped_after_a_restart_and_from_another_writer(tmp_path: Path) -> None:
    happened = sample_events(500)
    with open_store(tmp_path) as first, open_store(tmp_path) as second:
        store_events(first, happened)
        store_events(second, happened)
        store_events(second, sample_events(10, seed=2))
    with open_store(tmp_path) as later:
        store_events(later, happened)
        later.compact()
        assert count_events(later) == 510


def test_the_first_of_two_events_with_the_same_id_is_stored(store: EventStore) -> None:
    store_events(store, [message(1, user="o1", msg_type=1)])
    store_events(store, [message(1, user="o2", msg_type=2)])
    store.compact()
    assert [row["msg_type"] for row in stored(store, "message")] == [1]


def test_the_same_id_of_two_accounts_is_two_events(store: EventStore) -> None:
    store_events(store, [message(1), message(1, account="wxdemo-b")])
    store.compact()
    assert count_events(store) == 2


def test_the_revision_increases_only_for_days_that_changed(store: EventStore) -> None:
    second = FIRST + timedelta(days=1)
    store_events(store, [message(1), message(2, at=moment(second))])
    store.compact()
    before = store.revisions()
    assert [day for day, _ in before] == [FIRST, second]
    store_events(store, [message(2, at=moment(second)), message(3)])
    store.compact()
    grown = [day for (day, group), r in store.revisions().items() if r > before[day, group]]
    assert grown == [FIRST]


def test_many_small_files_are_merged(store: EventStore) -> None:
    for number in range(MAX_FILES + 3):
        store_events(store, [message(number)])
        store.compact()
    partition = store.partitions()[0]
    assert len(store.files("message", *partition)) <= MAX_FILES
    assert len(stored(store, "message")) == MAX_FILES + 3
    listed = {path.name for path in store.files("message", *partition)}
    assert {path.name for path in store.files("message", *partition)[0].parent.iterdir()} == listed


def test_a_reader_keeps_replaced_files(store: EventStore) -> None:
    for number in range(MAX_FILES):
        store_events(store, [message(number)])
        store.compact()
    files = store.files("message", *store.partitions()[0])
    with store.reading():
        store_events(store, [message(MAX_FILES)])
        store.compact()
        assert all(path.exists() for path in files)
    store.compact()
    assert not any(path.exists() for path in files)


def test_the_round_size_does_not_change_the_result(tmp_path: Path) -> None:
    happened = sample_events(1_200)
    results = []
    for round_bytes in (1, 1 << 30):
        with open_store(tmp_path / str(round_bytes)) as store:
            for start in range(0, 1_200, 400):
                store_events(store, happened[start : start + 400])
            store_events(store, happened[:700])
            store.compact(round_bytes=round_bytes)
            results.append((count_events(store), store.manifest().duplicates))
    assert results == [(1_200, 700)] * 2


def test_batches_of_an_open_segment_are_compacted_without_deleting_the_segment(
    store: EventStore,
) -> None:
    store_events(store, [message(1)])
    segment = segments(store.folder)[0]
    store.compact()
    assert (count_events(store), segment.exists()) == (1, True)
    store_events(store, [message(2)])
    store.compact()
    assert count_events(store) == 2
    store.close()
    store.compact()
    assert (count_events(store), segment.exists()) == (2, False)


def test_a_new_segment_begins_when_one_is_large_enough(tmp_path: Path) -> None:
    with open_store(tmp_path, segment_bytes=1_000) as store:
        for number in range(10):
            store_events(store, sample_events(50, seed=number))
        assert len(segments(tmp_path)) == 10
        store.compact()
        assert (count_events(store), len(segments(tmp_path))) == (500, 1)


def test_accounts_keep_their_numbers(tmp_path: Path) -> None:
    with open_store(tmp_path) as store, open_store(tmp_path) as other:
        store_events(store, [message(1, account="wx-1"), message(2, account="wx-2")])
        store_events(other, [message(3, account="wx-3"), message(4, account="wx-1")])
        store_events(store, [message(5, account="wx-4")])
        assert store.accounts() == ("wx-1", "wx-2", "wx-3", "wx-4")
    with open_store(tmp_path) as again:
        assert again.accounts() == ("wx-1", "wx-2", "wx-3", "wx-4")


def test_an_account_line_truncated_by_a_kill_is_overwritten(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store_events(store, [message(1, account="wx-1")])
    with (tmp_path / "accounts.jsonl").open("ab") as file:
        file.write(b'{"number":1,"acc')
    with open_store(tmp_path) as store:
        store_events(store, [message(2, account="wx-2")])
    with open_store(tmp_path) as store:
        assert store.accounts() == ("wx-1", "wx-2")


@pytest.mark.parametrize("line", [b"nonsense\n", b'{"number":5,"account":"x"}\n'])
def test_damaged_account_numbers_are_an_error_that_names_the_file(
    tmp_path: Path, line: bytes
) -> None:
    open_store(tmp_path).close()
    (tmp_path / "accounts.jsonl").write_bytes(line)
    with pytest.raises(EventStoreError, match=r"accounts\.jsonl is damaged at line 1"):
        open_store(tmp_path)


def test_keys_are_readable_only_by_their_owner_and_never_shown(store: EventStore) -> None:
    for name in ("key", "key-ids"):
        assert (store.folder / name).stat().st_mode & 0o077 == 0
    keys = load_keys(store.folder)
    assert keys.users != keys.ids
    assert "b'" not in repr(keys)
    assert keys.users.hex() not in (store.folder / "FORMAT").read_text()


def test_another_key_is_an_error(tmp_path: Path) -> None:
    open_store(tmp_path, user_key="first key").close()
    open_store(tmp_path, user_key="first key").close()
    for other in ("second key", ""):
        with pytest.raises(EventStoreError, match="another key"):
            open_store(tmp_path, user_key=other)


def test_a_store_of_another_layout_is_an_error(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    layouts.write(tmp_path, msgspec.structs.replace(layouts.read(tmp_path), layout=2))
    with pytest.raises(EventStoreError, match="layout 2"):
        open_store(tmp_path)


def test_without_create_a_missing_store_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EventStoreError, match="no event store"):
        open_store(tmp_path / "none", create=False)


def test_retention_removes_old_days_and_refuses_their_late_events(store: EventStore) -> None:
    days = [FIRST + timedelta(days=n) for n in range(5)]
    store_events(store, [message(n, at=moment(day)) for n, day in enumerate(days)])
    store.compact()
    facts = store.folder / "facts" / "touched" / "g00"
    facts.mkdir(parents=True)
    for begin, end in ((days[0], days[0]), (days[0], days[1]), (days[1], days[3]), (days[4],) * 2):
        (facts / f"{begin:%Y%m%d}-{end:%Y%m%d}-0.parquet").touch()
    store_events(store, [message(8, at=moment(FIRST, 5))])
    removed = retain(store.folder, NOW, event_days=2, fact_days=3)
    assert (removed.event_days, removed.events, removed.fact_days) == (3, 3, 2)
    assert removed.kept_from == days[3]
    assert len(list(facts.iterdir())) == 2
    done = store.compact()
    assert (done.too_old, count_events(store)) == (1, 2)
    refused = store.admit(lines([message(9)])).refused
    assert "retention" in refused[0].reason
    assert sorted(path.name for path in (store.folder / "days").iterdir()) == [
        day.isoformat() for day in days[3:]
    ]


def test_late_events_of_days_removed_by_another_process_are_refused(store: EventStore) -> None:
    store_events(store, [message(n, at=moment(FIRST + timedelta(days=n))) for n in range(3)])
    store.compact()
    retain(store.folder, NOW, event_days=1, fact_days=None)
    admitted = store.admit(lines([message(5), message(6, at=moment(FIRST + timedelta(days=2)))]))
    assert admitted.events == 1
    assert "retention" in admitted.refused[0].reason


def test_a_running_store_accepts_events_while_its_state_is_damaged(store: EventStore) -> None:
    store_events(store, [message(1)])
    store.compact()
    path = store.folder / "state.json"
    content = path.read_bytes()
    path.write_bytes(b"damaged")
    store_events(store, [message(2)])
    with pytest.raises(EventStoreError, match=r"state\.json is damaged"):
        store.compact()
    path.write_bytes(content)
    assert store.compact().events == 1


@pytest.mark.parametrize("now", [NOW + timedelta(days=5_000), NOW - timedelta(days=5_000)])
def test_a_wrong_clock_deletes_no_retained_events(store: EventStore, now: datetime) -> None:
    store_events(store, [message(n, at=moment(FIRST + timedelta(days=n))) for n in range(3)])
    store.compact()
    retain(store.folder, now, event_days=10, fact_days=10)
    assert count_events(store) == 3


def test_without_retention_nothing_is_deleted(store: EventStore) -> None:
    store_events(store, [message(1)])
    store.compact()
    assert retain(store.folder, NOW, event_days=None, fact_days=None).event_days == 0


def test_status_counts_events_in_the_log_and_their_duplicates(store: EventStore) -> None:
    store_events(store, sample_events(100))
    store.compact()
    store_events(store, sample_events(100) + sample_events(50, seed=2))
    store_events(store, sample_events(20, seed=2))
    figures = status(store)
    assert (figures.events, figures.waiting, figures.waiting_duplicates) == (100, 170, None)
    assert status(store, exact=True).waiting_duplicates == 120
    store.compact()
    figures = status(store, exact=True)
    assert (figures.events, figures.waiting, figures.waiting_duplicates) == (150, 0, 0)
    assert figures.duplicates == 120
    assert (figures.first_day, figures.last_day) == (FIRST, FIRST + timedelta(days=3))


def test_frames_after_damage_are_found(store: EventStore) -> None:
    for number in range(3):
        store_events(store, [message(number)])
    store.close()
    path = segments(store.folder)[0]
    parts = [part for part in frames(path) if isinstance(part, Frame)]
    content = bytearray(path.read_bytes())
    content[parts[1].start + 30] ^= 1
    path.write_bytes(content)
    again = list(frames(path))
    damage = Damage(parts[1].start, parts[1].end, at_end=False)
    assert again == [parts[0], damage, parts[2], End(parts[2].end, len(content))]


def test_complete_batches_of_a_segment_truncated_anywhere_are_read(store: EventStore) -> None:
    for number in range(3):
        store_events(store, [message(number)])
    store.close()
    path = segments(store.folder)[0]
    content = path.read_bytes()
    ends = [part.end for part in frames(path) if isinstance(part, Frame)]
    for size in range(len(content)):
        path.write_bytes(content[:size])
        parts = list(frames(path))
        complete = [part for part in parts if isinstance(part, Frame)]
        assert [part.end for part in complete] == [end for end in ends if end <= size]
        last = complete[-1].end if complete else len(head(path))
        begin = last if size >= len(head(path)) else 0
        assert [part for part in parts if isinstance(part, Damage)] == [
            Damage(begin, size, at_end=True)
        ]


def test_an_event_belongs_to_its_beijing_day(store: EventStore) -> None:
    store_events(
        store, [message(1, at=moment(FIRST, 86_399)), message(2, at=moment(FIRST, 86_400))]
    )
    store.compact()
    rows = sorted((row["d"], row["h"]) for row in stored(store, "message"))
    assert rows == [(day_number(FIRST), 23), (day_number(FIRST) + 1, 0)]


def test_a_clock_that_was_set_back_changes_nothing(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    with open_store(tmp_path, clock=clock) as store:
        store_events(store, sample_events(100))
        store.compact()
        clock.set(NOW - timedelta(days=400))
        store_events(store, sample_events(100, seed=2))
        store_events(store, sample_events(100))
        store.compact()
        assert count_events(store) == 200


def test_only_its_owner_can_read_the_folder(store: EventStore) -> None:
    store_events(store, [message(1)])
    store.compact()
    for path in (store.folder, *store.folder.rglob("*")):
        others = path.stat().st_mode & 0o007
        assert not others or path.suffix == ".parquet" or os.name == "nt", path
