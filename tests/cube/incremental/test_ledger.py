"""The ledger with a damaged file or a full disk: the error, and that no lock is left."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from support.full_disk import files_no_larger_than
from wxcube.cube.incremental.ledger import FILE, SUM, VERSION, Ledger
from wxcube.errors import EngineError

REPAIR, SPACE = "wxcube doctor --repair", "free space on the disk"
MANY = {(day, group): 1 for day in range(20_000) for group in range(3)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a ledger of many days."""
    with Ledger(tmp_path) as ledger, ledger.transaction():
        ledger.set_built(MANY)
    return tmp_path


def overwritten(path: Path) -> None:
    path.write_bytes(b"no database at all " * 1000)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: 3 * 4096])


def torn(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[4096:] = b"\xff" * (len(raw) - 4096)
    path.write_bytes(raw)


def of_another_layout(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version={VERSION + 1}")


@pytest.mark.parametrize("damage", [overwritten, cut, torn])
def test_a_damaged_file_is_an_error_that_leads_to_the_doctor(
    folder: Path, damage: Callable[[Path], None]
) -> None:
    damage(folder / FILE)
    with pytest.raises(EngineError) as caught, Ledger(folder) as ledger:
        assert ledger.built()
    assert str(folder / FILE) in caught.value.message
    assert REPAIR in caught.value.hint
    assert SPACE not in caught.value.hint


@pytest.mark.parametrize("cached_pages", [5, 5_000], ids=["half way", "at the end"])
def test_a_full_disk_is_reported_and_changes_nothing(folder: Path, cached_pages: int) -> None:
    with Ledger(folder) as ledger:
        ledger._all(f"PRAGMA cache_size={cached_pages}")
        with (
            files_no_larger_than(100_000),
            pytest.raises(EngineError, match="disk I/O error") as caught,
            ledger.transaction(),
        ):
            ledger.set_built(dict.fromkeys(MANY, 2))
        assert ledger.built() == MANY
    assert SPACE in caught.value.hint
    assert REPAIR not in caught.value.hint


def test_a_locked_file_is_not_reported_as_damaged(folder: Path) -> None:
    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with Ledger(folder) as ledger:
            ledger._all("PRAGMA busy_timeout=0")
            with pytest.raises(EngineError, match="locked") as caught, ledger.transaction():
                pass
    assert SPACE in caught.value.hint
    assert REPAIR not in caught.value.hint


def test_a_read_only_ledger_does_not_wait_for_a_writer(folder: Path) -> None:
    with Ledger(folder) as writer, writer.transaction():
        writer.set_built({(0, 0): 2})
        with Ledger(folder, read_only=True) as reader:
            assert reader.built() == MANY


@pytest.mark.parametrize("damage", [overwritten, of_another_layout])
def test_a_ledger_that_cannot_be_opened_leaves_no_lock(
    folder: Path, damage: Callable[[Path], None]
) -> None:
    damage(folder / FILE)
    with pytest.raises(EngineError) as caught:
        Ledger(folder)
    assert "another build" not in str(caught.value)
    # the caught error keeps its frames, and so their local variables, alive
    for name in (FILE, SUM):
        (folder / name).unlink()
    with Ledger(folder) as ledger:
        assert ledger.built() == {}


def test_only_one_build_can_run(folder: Path) -> None:
    with Ledger(folder):
        for _ in range(2):
            with pytest.raises(EngineError, match="another build is running"):
                Ledger(folder)
    Ledger(folder).close()
