"""A missing, old or changed file of the store: an error that names it, never wrong numbers."""

from __future__ import annotations

from pathlib import Path
from random import Random

import msgspec
import pytest

from support.event_files import (
    NOW,
    count_events,
    lines,
    message,
    open_store,
    sample_events,
    store_events,
)
from support.private_files import write_private
from wxcube.errors import EventStoreError
from wxcube.events.store import layout as layouts
from wxcube.events.store import segment_list
from wxcube.events.store.backlog import segments
from wxcube.events.store.check import check
from wxcube.events.store.layout import LOG
from wxcube.events.store.repair import rotate_key
from wxcube.events.store.store import EventStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with compacted events and some in the log."""
    with open_store(tmp_path / "events") as store:
        store_events(store, sample_events(100))
        store.compact()
        store_events(store, sample_events(10, seed=2))
    return tmp_path / "events"


def serious_problems(folder: Path) -> list[str]:
    """The serious problems that doctor finds, with their repairs."""
    return [f"{one.what}; {one.mend}" for one in check(folder, NOW) if one.is_serious]


def assert_intact(folder: Path) -> None:
    """Assert that the store opens, has each event once, and has no problems."""
    assert not check(folder, NOW)
    with open_store(folder) as store:
        store_events(store, sample_events(100))
        store.compact()
        assert (count_events(store), store.manifest().duplicates) == (110, 100)


ERRORS = {
    "accounts.jsonl": r"accounts\.jsonl is missing.*backup",
    "state.json": r"state\.json is missing.*backup",
    "key": r"key is missing.*backup.*lost for good.*rotate-key",
    "key-ids": r"key-ids is missing.*backup.*lost for good",
    "FORMAT": r"FORMAT is missing.*backup",
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_missing_file_is_an_error_that_names_it_and_nothing_is_created(
    folder: Path, name: str
) -> None:
    content = (folder / name).read_bytes()
    (folder / name).unlink()
    before = {path for path in folder.rglob("*") if path.is_file()}
    for create in (True, False):
        with pytest.raises(EventStoreError, match=ERRORS[name]):
            open_store(folder, create=create)
        assert {path for path in folder.rglob("*") if path.is_file()} == before
    assert any(name in text and "backup" in text for text in serious_problems(folder))
    write_private(folder / name, content)
    assert_intact(folder)


@pytest.mark.parametrize("bytes_lost", [1, 3, 40])
def test_truncated_account_numbers_are_an_error(folder: Path, bytes_lost: int) -> None:
    path = folder / "accounts.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[:-bytes_lost])
    with pytest.raises(EventStoreError, match=r"accounts\.jsonl is missing or truncated.*backup"):
        open_store(folder)
    assert any(
        "accounts.jsonl is missing or truncated" in text for text in serious_problems(folder)
    )
    path.write_bytes(content)
    assert_intact(folder)


def test_account_numbers_that_are_deleted_while_a_store_runs_are_an_error(folder: Path) -> None:
    content = (folder / "accounts.jsonl").read_bytes()
    with open_store(folder) as store:
        (folder / "accounts.jsonl").unlink()
        with pytest.raises(EventStoreError, match=r"accounts\.jsonl"):
            store.admit(lines([message(1, account="another")]))
        (folder / "accounts.jsonl").write_bytes(content)
        store_events(store, [message(1, account="another")])
        assert store.accounts()[-1] == "another"


def test_account_numbers_that_could_not_be_recorded_are_not_used(folder: Path) -> None:
    with open_store(folder) as store:
        before = (folder / "FORMAT").read_bytes()
        (folder / "FORMAT").write_bytes(b"damaged")
        for _ in range(2):
            with pytest.raises(EventStoreError, match="FORMAT is damaged"):
                store.admit(lines([message(1, account="another")]))
        (folder / "FORMAT").write_bytes(before)
        store_events(store, [message(1, account="another")])
    path = folder / "accounts.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(EventStoreError, match=r"accounts\.jsonl is missing or truncated"):
        open_store(folder)


def test_accounts_of_several_writers_are_all_recorded(folder: Path) -> None:
    with open_store(folder) as one, open_store(folder) as other:
        store_events(one, [message(1, account="a")])
        store_events(other, [message(1, account="b"), message(1, account="a")])
        store_events(one, [message(1, account="b")])
    path = folder / "accounts.jsonl"
    assert layouts.read(folder).accounts.bytes == path.stat().st_size


def damaged_lists(content: bytes) -> list[bytes | None]:
    """The list of segments without some of its end, with a flipped bit, and removed (None)."""
    dice = Random(3)
    damaged: list[bytes | None] = [content[:length] for length in range(len(content) - 1)]
    for place in range(len(content) - 1):
        flipped = bytearray(content)
        flipped[place] ^= 1 << dice.randrange(8)
        damaged.append(bytes(flipped))
    return [*damaged, (b"[]\n"), None]


def put(path: Path, content: bytes | None) -> None:
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)


def test_any_damage_of_the_list_of_segments_is_reported(folder: Path) -> None:
    path = folder / segment_list.FILE
    content = path.read_bytes()
    for damaged in damaged_lists(content):
        put(path, damaged)
        [problem] = serious_problems(folder)
        assert segment_list.FILE in problem
        assert "events compact" in problem
    path.write_bytes(content)
    assert_intact(folder)


@pytest.mark.parametrize("content", [None, b"", b'["00000001-aaaaaaaa.seg"]\n12345678\n'])
@pytest.mark.parametrize("writes", [True, False])
def test_a_new_list_of_segments_is_made_and_the_damaged_one_stays(
    folder: Path, content: bytes | None, *, writes: bool
) -> None:
    put(folder / segment_list.FILE, content)
    [before] = segments(folder)
    with open_store(folder) as store:
        if writes:
            store_events(store, sample_events(10, seed=3))
            assert {path.name for path in segments(folder)} == segment_list.listed(folder)
        troubles = store.compact().troubles
        assert [segment_list.FILE in one for one in troubles] == ([] if writes else [True])
        assert store.compact().troubles == []
        assert count_events(store) == 120 if writes else 110
    [finding] = check(folder, NOW)
    assert finding.is_serious
    assert "the list of the log's segments" in finding.what
    assert Path(finding.file).read_bytes() == (content or b"")
    Path(finding.file).unlink()
    assert check(folder, NOW) == []
    assert before.name not in segment_list.listed(folder)


def test_a_segment_that_disappears_after_a_new_list_was_made_is_reported(folder: Path) -> None:
    (folder / segment_list.FILE).unlink()
    [segment] = segments(folder)
    segment_list.change(folder)
    segment.unlink()
    assert str(segment) in {one.file for one in check(folder, NOW)}


def test_a_segment_that_was_put_back_is_not_reported_any_more(folder: Path, tmp_path: Path) -> None:
    (segment,) = segments(folder)
    away = segment.rename(tmp_path / segment.name)
    with open_store(folder) as store:
        store.compact()
        assert any("disappeared" in text for text in serious_problems(folder))
        away.rename(segment)
        store.compact()
    assert_intact(folder)


def test_a_segment_that_was_overwritten_by_another_is_reported(folder: Path) -> None:
    with open_store(folder) as store:
        store_events(store, sample_events(10, seed=3))
    one, other = segments(folder)
    contents = one.read_bytes(), other.read_bytes()
    one.write_bytes(contents[1])
    assert str(one) in {finding.file for finding in check(folder, NOW)}
    other.write_bytes(contents[0])
    assert check(folder, NOW) == []


@pytest.mark.parametrize("name", ["state.json", segment_list.FILE])
def test_a_file_without_its_checksum_is_an_error(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content.partition(b"\n")[0])
    assert any(f"{name} is damaged (missing checksum)" in one for one in serious_problems(folder))
    (folder / name).write_bytes(content)
    assert_intact(folder)


def test_a_missing_log_folder_is_reported_and_created_again(folder: Path) -> None:
    [segment] = segments(folder)
    segment.unlink()
    (folder / LOG).rmdir()
    assert {one.file for one in check(folder, NOW)} == {str(folder / LOG), str(segment)}
    with open_store(folder) as store:
        store_events(store, sample_events(10, seed=2))
        assert [str(segment) in one for one in store.compact().troubles] == [True]
        assert store.compact().troubles == []
    [finding] = check(folder, NOW)
    assert "disappeared" in finding.what
    Path(finding.file).unlink()
    assert_intact(folder)


def test_a_running_store_creates_its_deleted_log_folder_again(folder: Path) -> None:
    with open_store(folder) as store:
        store.compact()
        (folder / LOG).rmdir()
        store_events(store, sample_events(5, seed=3))
        store.compact()
        assert count_events(store) == 115


@pytest.mark.parametrize("name", ["state.json", "accounts.jsonl", "FORMAT", "key", "key-ids"])
def test_any_changed_bit_is_an_error_that_names_the_file(folder: Path, name: str) -> None:
    path = folder / name
    content, dice = path.read_bytes(), Random(1)
    for place in sorted(dice.sample(range(len(content)), 20)):
        changed = bytearray(content)
        changed[place] ^= 1 << dice.randrange(8)
        path.write_bytes(changed)
        if bytes(changed).strip() == content.strip():
            continue
        expected = f"{name}|another key" if name == "key" else name
        with pytest.raises(EventStoreError, match=expected):
            open_store(folder)
    path.write_bytes(content)
    assert_intact(folder)


NO_UTF8 = b'{"layout":1,"groups":2,"key":"\xff","consumed":{"\xff":1},"number":0,"account":"\xff"}'


@pytest.mark.parametrize("name", ["state.json", "FORMAT", "accounts.jsonl"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe{\n", NO_UTF8, b"[" * 5])
def test_invalid_content_is_an_error_that_names_the_file(
    folder: Path, name: str, content: bytes
) -> None:
    path = folder / name
    path.write_bytes(content + b"\n")
    with pytest.raises(EventStoreError, match=name.replace(".", r"\.")):
        open_store(folder)
    assert any(name in text for text in serious_problems(folder))


@pytest.mark.parametrize("groups", [0, 1, 3])
def test_a_changed_group_count_is_an_error(folder: Path, groups: int) -> None:
    path = folder / "FORMAT"
    path.write_text(path.read_text().replace('"groups":2', f'"groups":{groups}'))
    with pytest.raises(EventStoreError, match="FORMAT is damaged"):
        open_store(folder)
    assert any("FORMAT is damaged" in text for text in serious_problems(folder))


def test_a_key_of_another_store_is_an_error(folder: Path, tmp_path: Path) -> None:
    open_store(tmp_path / "other").close()
    for name, expected in (
        ("key", "another key"),
        ("key-ids", "key-ids is the key of another store"),
    ):
        before = (folder / name).read_bytes()
        (folder / name).write_bytes((tmp_path / "other" / name).read_bytes())
        with pytest.raises(EventStoreError, match=expected):
            open_store(folder)
        assert any(expected in text for text in serious_problems(folder))
        (folder / name).write_bytes(before)


def test_a_lost_key_can_be_replaced(folder: Path) -> None:
    (folder / "key").unlink()
    rotate_key(folder, NOW)
    assert_intact(folder)


def downgrade(folder: Path) -> None:
    """Rewrite the store as an earlier version wrote it."""
    known = {"layout", "groups", "key", "key_since"}
    for name in ("FORMAT", "state.json"):
        value = msgspec.json.decode((folder / name).read_bytes().partition(b"\n")[0])
        if name == "FORMAT":
            value = {member: value[member] for member in known}
        (folder / name).write_bytes(msgspec.json.encode(value))
    (folder / segment_list.FILE).unlink()


def test_a_store_of_an_earlier_version_opens_and_is_upgraded(folder: Path) -> None:
    downgrade(folder)
    before = (folder / "FORMAT").read_bytes()
    open_store(folder).close()
    assert (folder / "FORMAT").read_bytes() == before
    assert_intact(folder)
    assert b'"ids"' in (folder / "FORMAT").read_bytes()
    (folder / segment_list.FILE).unlink()
    assert [segment_list.FILE in one for one in serious_problems(folder)] == [True]
    segment_list.create(folder)
    (folder / "key-ids").write_bytes(b"0" * 64)
    with pytest.raises(EventStoreError, match="key-ids is the key of another store"):
        open_store(folder)


def test_a_store_of_an_earlier_version_that_was_never_compacted_opens_too(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store_events(store, sample_events(20))
    downgrade(tmp_path)
    (tmp_path / "state.json").unlink()
    with open_store(tmp_path) as store:
        assert (store.compact().events, count_events(store)) == (20, 20)
    downgrade(tmp_path)
    (tmp_path / "state.json").unlink()
    with pytest.raises(EventStoreError, match=r"state\.json is missing"):
        open_store(tmp_path)


def test_every_store_has_its_own_keys(tmp_path: Path) -> None:
    with open_store(tmp_path / "one") as one, open_store(tmp_path / "two") as two:
        assert isinstance(one, EventStore)
        assert one.layout.ids != two.layout.ids
