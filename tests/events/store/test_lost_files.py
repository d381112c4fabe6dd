"""A file of the store that is lost, old or changed: an error that names it, never other figures."""

from __future__ import annotations

from pathlib import Path
from random import Random

import msgspec
import pytest

from support.event_files import NOW, lines, message, opened, put, some, total
from wxcube.errors import EventStoreError
from wxcube.events.store import EventStore
from wxcube.events.store import layout as layouts
from wxcube.events.store.backlog import LOG
from wxcube.events.store.check import check
from wxcube.events.store.repair import rotate_key


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with compacted events and some that wait."""
    with opened(tmp_path / "events") as store:
        put(store, some(100))
        store.compact()
        put(store, some(10, seed=2))
    return tmp_path / "events"


def told(folder: Path) -> list[str]:
    """What doctor says that is serious, with the ways to mend it."""
    return [f"{one.what}; {one.mend}" for one in check(folder, NOW) if one.is_serious]


def in_order(folder: Path) -> None:
    """The store opens, has its events once, and doctor finds nothing."""
    assert not check(folder, NOW)
    with opened(folder) as store:
        put(store, some(100))
        store.compact()
        assert (total(store), store.manifest().duplicates) == (110, 100)


LOST = {
    "accounts.jsonl": r"accounts\.jsonl is gone.*backup",
    "state.json": r"state\.json is gone.*backup",
    "key": r"key is gone.*backup.*lost for good.*rotate-key",
    "key-ids": r"key-ids is gone.*backup.*lost for good",
    "FORMAT": r"FORMAT is gone.*backup",
}


@pytest.mark.parametrize("name", LOST)
def test_a_lost_file_is_refused_by_name_and_nothing_is_made(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).unlink()
    before = {path for path in folder.rglob("*") if path.is_file()}
    for create in (True, False):
        with pytest.raises(EventStoreError, match=LOST[name]):
            opened(folder, create=create)
        assert {path for path in folder.rglob("*") if path.is_file()} == before
    assert any(name in text and "backup" in text for text in told(folder))
    (folder / name).write_bytes(content)
    in_order(folder)


@pytest.mark.parametrize("bytes_lost", [1, 3, 40])
def test_cut_accounts_are_refused(folder: Path, bytes_lost: int) -> None:
    path = folder / "accounts.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[:-bytes_lost])
    with pytest.raises(EventStoreError, match=r"accounts\.jsonl is gone or was cut.*backup"):
        opened(folder)
    assert any("accounts.jsonl is gone or was cut" in text for text in told(folder))
    path.write_bytes(content)
    in_order(folder)


def test_accounts_that_go_while_a_store_runs_are_refused(folder: Path) -> None:
    content = (folder / "accounts.jsonl").read_bytes()
    with opened(folder) as store:
        (folder / "accounts.jsonl").unlink()
        with pytest.raises(EventStoreError, match=r"accounts\.jsonl"):
            store.admit(lines([message(1, account="another")]))
        (folder / "accounts.jsonl").write_bytes(content)
        put(store, [message(1, account="another")])
        assert store.accounts()[-1] == "another"


def test_accounts_that_could_not_be_noted_are_not_used(folder: Path) -> None:
    with opened(folder) as store:
        before = (folder / "FORMAT").read_bytes()
        (folder / "FORMAT").write_bytes(b"damaged")
        for _ in range(2):
            with pytest.raises(EventStoreError, match="FORMAT is damaged"):
                store.admit(lines([message(1, account="another")]))
        (folder / "FORMAT").write_bytes(before)
        put(store, [message(1, account="another")])
    path = folder / "accounts.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(EventStoreError, match=r"accounts\.jsonl is gone or was cut"):
        opened(folder)


def test_accounts_of_several_writers_are_all_noted(folder: Path) -> None:
    with opened(folder) as one, opened(folder) as other:
        put(one, [message(1, account="a")])
        put(other, [message(1, account="b"), message(1, account="a")])
        put(one, [message(1, account="b")])
    path = folder / "accounts.jsonl"
    assert layouts.read(folder).accounts.bytes == path.stat().st_size


def test_a_lost_log_folder_is_told_and_made_again(folder: Path) -> None:
    for path in (folder / LOG).iterdir():
        path.unlink()
    (folder / LOG).rmdir()
    [finding] = check(folder, NOW)
    assert finding.file == str(folder / LOG)
    with opened(folder) as store:
        put(store, some(10, seed=2))
    in_order(folder)


def test_a_store_that_runs_while_its_log_folder_goes_makes_it_again(folder: Path) -> None:
    with opened(folder) as store:
        store.compact()
        (folder / LOG).rmdir()
        put(store, some(5, seed=3))
        store.compact()
        assert total(store) == 115


@pytest.mark.parametrize("name", ["state.json", "accounts.jsonl", "FORMAT", "key", "key-ids"])
def test_any_bit_that_changes_is_an_error_with_the_file(folder: Path, name: str) -> None:
    path = folder / name
    content, dice = path.read_bytes(), Random(1)
    for place in sorted(dice.sample(range(len(content)), 20)):
        changed = bytearray(content)
        changed[place] ^= 1 << dice.randrange(8)
        path.write_bytes(changed)
        if bytes(changed).strip() == content.strip():
            continue
        said = f"{name}|another key" if name == "key" else name
        with pytest.raises(EventStoreError, match=said):
            opened(folder)
    path.write_bytes(content)
    in_order(folder)


NO_UTF8 = b'{"layout":1,"groups":2,"key":"\xff","consumed":{"\xff":1},"number":0,"account":"\xff"}'


@pytest.mark.parametrize("name", ["state.json", "FORMAT", "accounts.jsonl"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe{\n", NO_UTF8, b"[" * 5])
def test_nonsense_is_an_error_with_the_file(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.write_bytes(content + b"\n")
    with pytest.raises(EventStoreError, match=name.replace(".", r"\.")):
        opened(folder)
    assert any(name in text for text in told(folder))


@pytest.mark.parametrize("groups", [0, 1, 3])
def test_another_count_of_groups_is_refused(folder: Path, groups: int) -> None:
    path = folder / "FORMAT"
    path.write_text(path.read_text().replace('"groups":2', f'"groups":{groups}'))
    with pytest.raises(EventStoreError, match="FORMAT is damaged"):
        opened(folder)
    assert any("FORMAT is damaged" in text for text in told(folder))


def test_a_key_of_another_store_is_refused(folder: Path, tmp_path: Path) -> None:
    opened(tmp_path / "other").close()
    for name, said in (("key", "another key"), ("key-ids", "key-ids is another key")):
        before = (folder / name).read_bytes()
        (folder / name).write_bytes((tmp_path / "other" / name).read_bytes())
        with pytest.raises(EventStoreError, match=said):
            opened(folder)
        assert any(said in text for text in told(folder))
        (folder / name).write_bytes(before)


def test_a_lost_key_can_be_given_up(folder: Path) -> None:
    (folder / "key").unlink()
    rotate_key(folder, NOW)
    in_order(folder)


def without_the_new(folder: Path) -> None:
    """The store as an earlier version wrote it."""
    kept = {"layout", "groups", "key", "key_since"}
    for name in ("FORMAT", "state.json"):
        value = msgspec.json.decode((folder / name).read_bytes().partition(b"\n")[0])
        if name == "FORMAT":
            value = {member: value[member] for member in kept}
        (folder / name).write_bytes(msgspec.json.encode(value))


def test_a_store_of_an_earlier_version_opens_and_is_completed(folder: Path) -> None:
    without_the_new(folder)
    before = (folder / "FORMAT").read_bytes()
    opened(folder).close()
    assert (folder / "FORMAT").read_bytes() == before
    in_order(folder)
    assert b'"ids"' in (folder / "FORMAT").read_bytes()
    (folder / "key-ids").write_bytes(b"0" * 64)
    with pytest.raises(EventStoreError, match="key-ids is another key"):
        opened(folder)


def test_one_of_an_earlier_version_that_never_compacted_opens_too(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        put(store, some(20))
    without_the_new(tmp_path)
    (tmp_path / "state.json").unlink()
    with opened(tmp_path) as store:
        assert (store.compact().events, total(store)) == (20, 20)
    without_the_new(tmp_path)
    (tmp_path / "state.json").unlink()
    with pytest.raises(EventStoreError, match=r"state\.json is gone"):
        opened(tmp_path)


def test_a_store_that_is_made_anew_stays_apart(tmp_path: Path) -> None:
    with opened(tmp_path / "one") as one, opened(tmp_path / "two") as two:
        assert isinstance(one, EventStore)
        assert one.layout.ids != two.layout.ids
