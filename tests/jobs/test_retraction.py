"""Events that are taken back, and accounts that one event of a wrong time makes too old."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from support.built_store import GROUPS, built, entries_of, rows_of
from support.event_files import FIRST, NOW, message, open_store, sample_events, store_events
from support.events import moment
from wxcube.errors import EventStoreError
from wxcube.events import kinds as ev
from wxcube.events.store.check import check

LONG_AGO = moment(FIRST - timedelta(days=400))
SAMPLE = sample_events(200, accounts=4)


def stored(folder: Path, *events: ev.AnyEvent) -> None:
    with open_store(folder / "events", groups=GROUPS) as store:
        store_events(store, list(events))


def retracted(folder: Path, *words: Any) -> int:
    with open_store(folder / "events", groups=GROUPS) as store:
        return store.retract(*words).total()


@pytest.mark.parametrize("is_built", [True, False])
def test_after_a_retraction_all_rows_are_as_without_the_event(
    tmp_path: Path, *, is_built: bool
) -> None:
    with_it, without = tmp_path / "with", tmp_path / "without"
    wrong = message(1, id="wrong", account="wxdemo-1", at=LONG_AGO)
    stored(with_it, *SAMPLE, wrong)
    stored(without, *SAMPLE)
    if is_built:
        result, _ = built(with_it, NOW)
        assert [(one.account, one.days > 390) for one in result.early_starts] == [
            ("wxdemo-1", True)
        ]
        [start] = result.early_starts
        days = {row[3] for row in rows_of(with_it)["wxdemo-1"] if row[0] == "user_summary"}
        assert start.rows == 2 * len(
            [day for day in days if start.first < _date(day) < start.second]
        )
    assert retracted(with_it, "wxdemo-1", "wrong") == 1
    assert built(with_it, NOW)[0].early_starts == ()
    built(without, NOW)
    assert rows_of(with_it) == rows_of(without)
    assert entries_of(with_it) == entries_of(without)
    assert check(with_it / "events", NOW) == []
    assert retracted(with_it, "wxdemo-1", "wrong") == 0


def _date(text: str) -> Any:
    return type(FIRST).fromisoformat(text)


@pytest.mark.parametrize("seed", range(3))
def test_any_event_can_be_retracted(tmp_path: Path, seed: int) -> None:
    with_it, without = tmp_path / "with", tmp_path / "without"
    chosen = SAMPLE[seed * 50]
    stored(with_it, *SAMPLE)
    stored(without, *(one for one in SAMPLE if one is not chosen))
    built(with_it, NOW)
    assert retracted(with_it, chosen.account, chosen.id, FIRST - timedelta(days=9)) == 0
    assert retracted(with_it, chosen.account, chosen.id) == 1
    for folder in (with_it, without):
        built(folder, NOW)
    assert rows_of(with_it) == rows_of(without)
    assert entries_of(with_it) == entries_of(without)


def sparse_events(dice: Random) -> list[ev.AnyEvent]:
    """Events on some days far from each other, oldest first; one account has a single one."""
    members: dict[Any, dict[str, Any]] = {
        ev.Message: {"msg_type": 1, "user": "o1"},
        ev.Follow: {"user": "o1"},
        ev.Publish: {"msgid": "1_1", "title": "标题"},
        ev.Read: {"msgid": "1_1", "user": "o2"},
    }
    events = [message(0, id="alone", account="wxdemo-alone", at=LONG_AGO)]
    for number, kind in enumerate(dice.choices(list(members), k=12)):
        at = moment(FIRST - timedelta(days=dice.randrange(120)))
        head = {"id": f"e{number}", "account": f"wxdemo-{number % 3}", "at": at}
        events.append(kind(**head, **members[kind]))
    return sorted(events, key=lambda one: one.at)


@pytest.mark.parametrize("seed", range(4))
def test_without_its_first_events_an_account_begins_later_or_never(
    tmp_path: Path, seed: int
) -> None:
    dice = Random(seed)
    with_them, without = tmp_path / "with", tmp_path / "without"
    events = sparse_events(dice)
    stored(with_them, *events)
    built(with_them, NOW)
    for _ in range(2):
        count = dice.randrange(1, 6)
        for one in events[:count]:
            assert retracted(with_them, one.account, one.id) == 1
        events = events[count:]
        built(with_them, NOW)
    stored(without, *events)
    built(without, NOW)
    assert rows_of(with_them) == rows_of(without)
    assert entries_of(with_them) == entries_of(without)


def test_an_event_is_retracted_by_the_hash_that_a_conflict_shows(tmp_path: Path) -> None:
    stored(tmp_path, message(1), message(2))
    with open_store(tmp_path / "events", groups=GROUPS) as store:
        store_events(store, [message(1, msg_type=2)])
        [example] = store.compact().examples
        shown = next(word for word in example.split() if word.startswith("#"))
        assert store.retract("wxdemo-a", shown) == {FIRST: 1}
        with pytest.raises(EventStoreError, match="no events of wx-unknown"):
            store.retract("wx-unknown", "1")


def test_an_account_that_is_filled_in_backwards_is_not_reported(tmp_path: Path) -> None:
    for last in (300, 200, 100):
        stored(
            tmp_path,
            *(
                message(day, id=f"d{day}", at=moment(FIRST - timedelta(days=400 - day)))
                for day in range(last - 100, last, 20)
            ),
        )
        assert built(tmp_path, NOW)[0].early_starts == ()
