"""What changed from one answer of a day to a later one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from support.rows import sample_rows
from wxcube.contract import ENDPOINTS, named
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.warehouse.answer_changes import answer_changes

DAY = Window.parse("2026-03-02")
SUMMARY, DETAIL, READ = (
    named("getusersummary"),
    named("getarticletotaldetail"),
    named("getarticleread"),
)


def rows_of(endpoint: Endpoint[Any], **more: Any) -> list[Any]:
    return list(sample_rows(endpoint, DAY, **more))


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: e.name)
def test_the_same_answer_changes_nothing(endpoint: Endpoint[Any]) -> None:
    rows = sample_rows(endpoint, Window(endpoint.label(DAY.first), endpoint.label(DAY.first)))
    assert rows
    assert not answer_changes(endpoint, rows, rows)
    changes = answer_changes(endpoint, [], rows)
    assert len(changes.added) == len(rows)
    assert (changes.missing, changes.figures) == ((), ())
    assert answer_changes(endpoint, rows, []).missing == changes.added


def test_other_figures_are_listed_with_both_values() -> None:
    [first, *others] = rows_of(SUMMARY)
    later = msgspec.structs.replace(first, new_user=first.new_user + 5)
    changes = answer_changes(SUMMARY, [first, *others], [later, *others])
    assert changes.added == changes.missing == ()
    [change] = changes.figures
    assert str(change.row) == f"user_source={first.user_source}"
    assert (change.column, change.before, change.after) == (
        "new_user",
        first.new_user,
        first.new_user + 5,
    )


def test_rows_of_lists_have_the_key_of_their_row() -> None:
    [first, *others] = rows_of(DETAIL)
    shorter = msgspec.structs.replace(first, detail_list=first.detail_list[:-1])
    last = first.detail_list[-1]
    changes = answer_changes(DETAIL, [first, *others], [shorter, *others])
    [missing] = changes.missing
    assert str(missing) == f"detail_list msgid={first.msgid}, stat_date={last.stat_date}"
    assert answer_changes(DETAIL, [shorter, *others], [first, *others]).added == (missing,)


def test_a_list_that_is_missing_is_like_an_empty_one() -> None:
    [first, *others] = rows_of(DETAIL)
    without = msgspec.structs.replace(first, detail_list=None)
    changes = answer_changes(DETAIL, [first, *others], [without, *others])
    assert len(changes.missing) == len(first.detail_list)


def test_figures_of_a_part_have_its_path() -> None:
    [first, *others] = rows_of(READ)
    part = msgspec.structs.replace(first.detail, read_user=None)
    later = msgspec.structs.replace(first, detail=part)
    [change] = answer_changes(READ, [first, *others], [later, *others]).figures
    assert (change.column, change.before, change.after) == (
        "detail.read_user",
        first.detail.read_user,
        None,
    )
