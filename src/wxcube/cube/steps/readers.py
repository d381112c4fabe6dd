"""The figures of an account's readers, over all its articles, by hour and day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from wxcube.beijing import day_number
from wxcube.contract.codes import ALL_CHANNELS, ALL_CHANNELS_SINCE
from wxcube.cube.steps.actions import EventFilter
from wxcube.cube.steps.step import (
    CONTENT,
    COUNT,
    SCENE_BITS,
    ZERO,
    Step,
    column,
    count_events,
    count_users,
    step,
    sum_of,
)
from wxcube.events.action_bits import CHANNELS, READ_FROM, SHARE_FROM, ActionBit
from wxcube.events.columns import Action

SPLIT = day_number(date.fromisoformat(ALL_CHANNELS_SINCE))
"""The day from which getuserread has a row for all channels."""
READER_BITS = (
    ActionBit.READ,
    ActionBit.SHARE,
    ActionBit.READ_ORIGINAL,
    ActionBit.FAVOURITE,
    ActionBit.LIKED,
    ActionBit.ZAIKAN,
    ActionBit.READ_IN_OTHER_SCENE,
    *READ_FROM,
    *SHARE_FROM,
)
"""The action bits whose users are counted per account."""
READER_EVENTS = {
    "reads": EventFilter(Action.READ),
    "shares": EventFilter(Action.SHARE),
    "originals": EventFilter(Action.READ_ORIGINAL),
    "favourites": EventFilter(Action.FAVOURITE),
    "comments": EventFilter(Action.COMMENT),
    **{f"reads_from_{c}": EventFilter(Action.READ, channels=(c,)) for c in CHANNELS},
    **{f"shares_from_{c}": EventFilter(Action.SHARE, channels=(c,)) for c in CHANNELS},
}
"""The events that are counted per account, by column."""


def _account(grain: str, key: Sequence[str]) -> tuple[Step, ...]:
    """The numbers of users and events of an account by hour or day, a column per channel."""
    keys = ", ".join(key)
    columns = [
        *(f"u.{c}" for c in (*key, *map(column, READER_BITS))),
        *(f"e.{c}" for c in READER_EVENTS),
    ]
    counts = f"SELECT {keys}, {count_events(READER_EVENTS)} FROM action_hour GROUP BY {keys}"
    return (
        step(f"account_users_{grain}", count_users(keys, f"user_{grain}", READER_BITS)),
        step(f"account_events_{grain}", counts),
        step(
            f"account_{grain}",
            f"""SELECT {", ".join(columns)} FROM account_users_{grain} u
            JOIN account_events_{grain} e ON {" AND ".join(f"u.{c} = e.{c}" for c in key)}""",
        ),
    )


READ_FIGURES = (
    "int_page_read_user",
    "int_page_read_count",
    "ori_page_read_user",
    "ori_page_read_count",
    "share_user",
    "share_count",
    "add_to_fav_user",
    "add_to_fav_count",
)
"""The figures of getuserread and getuserreadhour."""
_ORIGINALS = ("read_original", "originals")
_FAVOURITES = ("favourite", "favourites")
_NONE = (None, None)


class ChannelRows(NamedTuple):
    """The rows of one user_source, from the table with a column per channel."""

    code: int
    columns: tuple[str | None, ...]
    """The column with each figure of `READ_FIGURES`; None if it is always 0."""
    counted: tuple[str, ...]
    """There is a row where these columns add up to more than 0."""
    is_after_split: bool
    """Whether the rows are those from `SPLIT` on, or those before it."""


def _before_split() -> Iterator[ChannelRows]:
    """Until 2020-02-27, channels had only reads; other figures were in the row of channel 0."""
    columns = ("read_from_0", "reads_from_0", *_ORIGINALS, "share", "shares", *_FAVOURITES)
    some = ("reads_from_0", "originals", "shares", "favourites")
    yield ChannelRows(0, columns, some, is_after_split=False)
    for c in CHANNELS[1:]:
        reads = (f"read_from_{c}", f"reads_from_{c}")
        reads_alone = (*reads, *_NONE, *_NONE, *_NONE)
        yield ChannelRows(c, reads_alone, reads[1:], is_after_split=False)


def _after_split(*, by_day: bool) -> Iterator[ChannelRows]:
    """From 2020-02-28, a row counts all channels; other figures are in daily rows only."""
    originals, favourites = (_ORIGINALS, _FAVOURITES) if by_day else (_NONE, _NONE)
    some = ("reads", "shares", *(("originals", "favourites") if by_day else ()))
    columns = ("read", "reads", *originals, "share", "shares", *favourites)
    yield ChannelRows(ALL_CHANNELS, columns, some, is_after_split=True)
    for c in CHANNELS:
        reads = (f"read_from_{c}", f"reads_from_{c}")
        shares = (f"share_from_{c}", f"shares_from_{c}")
        columns = (*reads, *_NONE, *shares, *_NONE)
        yield ChannelRows(c, columns, (reads[1], shares[1]), is_after_split=True)


HOUR_CHANNELS = (*_before_split(), *_after_split(by_day=False))
"""The rows of getuserreadhour, from account_hour."""
DAY_CHANNELS = (*_before_split(), *_after_split(by_day=True))
"""The rows of getuserread, from account_day."""


def _user_read(name: str, table: str, key: str, channels: Iterable[ChannelRows]) -> Step:
    return step(name, " UNION ALL ".join(_channel(one, table, key) for one in channels))


def _channel(rows: ChannelRows, table: str, key: str) -> str:
    pairs = zip(rows.columns, READ_FIGURES, strict=True)
    figures = ", ".join(f"{column or ZERO} AS {name}" for column, name in pairs)
    source = f"CAST({rows.code} AS INT) AS user_source"
    when = f"d {'>=' if rows.is_after_split else '<'} {SPLIT}"
    some = " + ".join(rows.counted)
    return f"SELECT {key}, {source}, {figures} FROM {table} WHERE {when} AND {some} > 0"


def _user_share(name: str, table: str, key: str, grouped: str) -> Step:
    return step(
        name,
        f"""SELECT {key}, scene AS share_scene, {COUNT} AS share_user,
        {sum_of("n", "share_count")} FROM {table} GROUP BY {grouped}, scene""",
    )


_BIZ = {
    "read_user": "read",
    **{column(bit): column(bit) for bit in SCENE_BITS},
    "share_user": "share",
    "zaikan_user": "zaikan",
    "like_user": "liked",
    "comment_count": "comments",
    "collection_user": "favourite",
    "redirect_ori_page_user": "read_original",
}
_BIZ_OR_SENT = (*_BIZ, "send_page_count")


def _biz_summary() -> Step:
    """The figures of readers and the number of articles, combined with UNION ALL and added up."""
    figures = ", ".join(f"{source} AS {name}" for name, source in _BIZ.items())
    zeros = ", ".join(f"{ZERO} AS {name}" for name in _BIZ)
    sums = ", ".join(sum_of(f"b.{name}", name) for name in _BIZ_OR_SENT)
    return step(
        "getbizsummary",
        f"""SELECT * FROM (SELECT b.acct, b.d AS ref_date, {sums} FROM (
        SELECT acct, d, {figures}, {ZERO} AS send_page_count FROM account_day WHERE d >= {CONTENT}
        UNION ALL SELECT acct, d, {zeros}, CAST(1 AS BIGINT) AS send_page_count
        FROM article WHERE d >= {CONTENT}) b GROUP BY b.acct, b.d) s
        WHERE {" + ".join(_BIZ_OR_SENT)} > 0""",
    )


_BY_DAY = "acct, d AS ref_date"
_BY_HOUR = "acct, d AS ref_date, h * 100 AS ref_hour"
READERS = (
    step(
        "user_hour",
        """SELECT acct, d, h, person, BIT_OR(mask) AS mask FROM activity
        GROUP BY acct, d, h, person""",
    ),
    step(
        "user_day",
        """SELECT acct, d, person, BIT_OR(mask) AS mask FROM user_hour
        GROUP BY acct, d, person""",
    ),
    step(
        "action_hour",
        f"""SELECT acct, d, h, action, source, {COUNT} AS n FROM activity
        GROUP BY acct, d, h, action, source""",
    ),
    *_account("hour", ("acct", "d", "h")),
    *_account("day", ("acct", "d")),
    _user_read("getuserreadhour", "account_hour", _BY_HOUR, HOUR_CHANNELS),
    _user_read("getuserread", "account_day", _BY_DAY, DAY_CHANNELS),
    step(
        "user_share_hour",
        f"""SELECT acct, d, h, scene, person, {COUNT} AS n FROM activity
        WHERE {EventFilter(Action.SHARE).sql} GROUP BY acct, d, h, scene, person""",
    ),
    step(
        "user_share_day",
        f"""SELECT acct, d, scene, person, {sum_of("n", "n")} FROM user_share_hour
        GROUP BY acct, d, scene, person""",
    ),
    _user_share("getusersharehour", "user_share_hour", _BY_HOUR, "acct, d, h"),
    _user_share("getusershare", "user_share_day", _BY_DAY, "acct, d"),
    _biz_summary(),
)
"""The steps of getuserread, getusershare and getbizsummary."""
