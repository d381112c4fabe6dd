"""The channel of a follower is found whatever the order in which callbacks are read."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from support.callbacks import AT
from wxcube.beijing import DAY_SECONDS
from wxcube.contract.codes import OTHER_FOLLOW_SOURCE, QR_CODE_FOLLOW_SOURCE
from wxcube.tap.channels import DATABASE, ENDED_DAYS, Channels


@pytest.fixture
def channels(tmp_path: Path) -> Iterator[Channels]:
    with closing(Channels(tmp_path)) as opened:
        yield opened


def change(kind: str, at: int, *, user: str = "#1", account: str = "wx1", **rest: Any) -> bytes:
    members = {"event": kind, "account": account, "user": user, "at": at}
    return json.dumps(members | rest).encode()


def source(channels: Channels, at: int, **person: Any) -> int:
    """The channel that somebody who unfollows at a time counts for."""
    (event,) = channels.complete([change("unfollow", at, **person)])
    return int(json.loads(event)["source"])


def remembered(folder: Path) -> int:
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        return int(database.execute("SELECT count(*) FROM following").fetchone()[0])


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_files_may_be_read_in_any_order(channels: Channels, order: tuple[int, ...]) -> None:
    followed = [(AT, 30), (AT + 100, 0), (AT + 200, 57), (AT + 300, 30)]
    channels.complete([change("follow", followed[n][0], source=followed[n][1]) for n in order])
    for _ in range(2):
        assert source(channels, AT - 1) == OTHER_FOLLOW_SOURCE
        assert [source(channels, at + 50) for at, _ in followed] == [30, 0, 57, 30]


def test_who_still_follows_is_remembered(channels: Channels, tmp_path: Path) -> None:
    channels.complete([change("follow", AT, source=QR_CODE_FOLLOW_SOURCE)])
    later = AT + 3_000 * DAY_SECONDS
    assert source(channels, later, user="#2") == OTHER_FOLLOW_SOURCE
    channels.commit()
    assert remembered(tmp_path) == 1
    assert source(channels, later) == QR_CODE_FOLLOW_SOURCE


def test_those_who_left_are_forgotten_after_a_time(channels: Channels, tmp_path: Path) -> None:
    for number in range(100):
        user, at = f"#{number}", AT + number * DAY_SECONDS
        channels.complete([change("follow", at, user=user, source=QR_CODE_FOLLOW_SOURCE)])
        assert source(channels, at + 60, user=user) == QR_CODE_FOLLOW_SOURCE
    channels.commit()
    assert remembered(tmp_path) == ENDED_DAYS + 1


def test_who_followed_again_is_remembered_once(channels: Channels, tmp_path: Path) -> None:
    """As if the unfollowings between had come while no tap was running."""
    for number in range(100):
        channels.complete([change("follow", AT + number * DAY_SECONDS, source=number)])
    assert source(channels, AT + (99 + ENDED_DAYS + 1) * DAY_SECONDS) == 99
    channels.commit()
    assert remembered(tmp_path) == 1


def test_each_account_has_its_own_time(channels: Channels, tmp_path: Path) -> None:
    channels.complete([change("follow", AT, source=QR_CODE_FOLLOW_SOURCE)])
    source(channels, AT + 60)
    assert source(channels, AT + 9_000 * DAY_SECONDS, account="wx2") == OTHER_FOLLOW_SOURCE
    channels.commit()
    assert remembered(tmp_path) == 1
