"""The figures of single articles: by day, and as running totals since publication."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wxcube.cube.inputs import TOTAL_DAYS
from wxcube.cube.steps.actions import EventFilter
from wxcube.cube.steps.step import (
    CONTENT,
    SCENE_BITS,
    Step,
    column,
    count_events,
    count_users,
    step,
    sum_of,
)
from wxcube.events.action_bits import (
    FEED_SCENE,
    FEED_SHARES,
    READ_FROM,
    SHARE_FROM,
    TOTAL_CHANNELS,
    ActionBit,
)
from wxcube.events.columns import Action

ARTICLE_BITS = tuple(bit for bit in ActionBit if bit not in SHARE_FROM)
"""The action bits whose users are counted per article."""
_POSITIONS = {f"left_at_{p}": EventFilter(Action.READ, position=p) for p in range(1, 6)}
ARTICLE_EVENTS = {
    "reads": EventFilter(Action.READ),
    "originals": EventFilter(Action.READ_ORIGINAL),
    "shares": EventFilter(Action.SHARE),
    "favourites": EventFilter(Action.FAVOURITE),
    "comments": EventFilter(Action.COMMENT),
    **{
        f"reads_from_{place}": EventFilter(Action.READ, channels=channels)
        for place, channels in TOTAL_CHANNELS.items()
    },
    **{
        f"feed_shares_from_{place}": EventFilter(Action.SHARE, channels=channels, scene=FEED_SCENE)
        for place, channels in FEED_SHARES.items()
    },
    **_POSITIONS,
}
"""The events that are counted per article, by column."""
AMOUNTS = ("seconds", "fen")
"""The columns of events that are added up per article."""

_FIGURES = {
    "int_page_read_user": "read",
    "int_page_read_count": "reads",
    "ori_page_read_user": "read_original",
    "ori_page_read_count": "originals",
    "share_user": "share",
    "share_count": "shares",
    "add_to_fav_user": "favourite",
    "add_to_fav_count": "favourites",
}
_TOTAL = {
    **_FIGURES,
    **{
        f"int_page_from_{place}_read_user": column(
            READ_FROM[channels[0]] if len(channels) == 1 else ActionBit.READ_FROM_OTHER
        )
        for place, channels in TOTAL_CHANNELS.items()
    },
    **{f"int_page_from_{place}_read_count": f"reads_from_{place}" for place in TOTAL_CHANNELS},
    **{f"feed_share_from_{place}_user": f"feed_share_from_{place}" for place in FEED_SHARES},
    **{f"feed_share_from_{place}_cnt": f"feed_shares_from_{place}" for place in FEED_SHARES},
}
_DETAIL = {
    "read_user": "read",
    "share_user": "share",
    "zaikan_user": "zaikan",
    "like_user": "liked",
    "comment_count": "comments",
    "collection_user": "favourite",
    "praise_money": "fen",
    "read_subscribe_user": "followed",
    **{c: c for c in (*map(column, SCENE_BITS), "finished", "reads", "seconds", *_POSITIONS)},
}


def _named(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{source} AS {name}" for name, source in columns.items())


def _so_far(table: str, columns: Iterable[str]) -> str:
    """Each column added up from an article's first day to the row's day."""
    over = "PARTITION BY g.acct, g.article ORDER BY g.stat_d"
    rows = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
    return ", ".join(
        f"CAST(SUM(COALESCE({table}.{c}, 0)) OVER ({over} {rows}) AS BIGINT) AS {c}"
        for c in columns
    )


def _on_article_day(table: str) -> str:
    return f"g.acct = {table}.acct AND g.article = {table}.article AND g.stat_d = {table}.d"


_ARTICLE_DAY = "acct, article, d"

_DAILY = (
    step(
        "touched",
        """SELECT acct, article, d, person, BIT_OR(mask) AS mask
        FROM (SELECT acct, article, d, person, mask FROM activity
        UNION ALL SELECT acct, article, d, person, mask FROM article_follow) t
        GROUP BY acct, article, d, person""",
    ),
    step("article_users", count_users(_ARTICLE_DAY, "touched", ARTICLE_BITS)),
    step(
        "article_times",
        f"""SELECT {_ARTICLE_DAY}, {count_events(ARTICLE_EVENTS)},
        {", ".join(sum_of(c, c) for c in AMOUNTS)}
        FROM (SELECT {_ARTICLE_DAY}, action, source, scene, position, seconds, fen,
        CAST(1 AS INT) AS n FROM activity) t GROUP BY {_ARTICLE_DAY}""",
    ),
    step(
        "article_figures",
        f"""SELECT p.acct, p.article, p.d, {_named(_FIGURES)}
        FROM article_users p JOIN article_times t
        ON p.acct = t.acct AND p.article = t.article AND p.d = t.d""",
    ),
    step(
        "getarticlesummary",
        f"""SELECT f.acct, f.d AS ref_date, f.article, {", ".join(f"f.{c}" for c in _FIGURES)}
        FROM article_figures f JOIN article a ON f.acct = a.acct AND f.article = a.article
        WHERE a.publish_type = 0 AND f.d >= a.d AND f.int_page_read_user + f.ori_page_read_user
        + f.share_user + f.share_count + f.add_to_fav_count >= 3""",
    ),
    step(
        "getarticleread",
        f"""SELECT acct, d AS ref_date, article, read AS read_user,
        {", ".join(map(column, SCENE_BITS))}
        FROM article_users WHERE d >= {CONTENT} AND read > 0""",
    ),
    step(
        "getarticleshare",
        f"""SELECT acct, d AS ref_date, article, share AS share_user
        FROM article_users WHERE d >= {CONTENT} AND share > 0""",
    ),
)


def first_people(source: str) -> Step:
    """The step first_people: users who did something for the first time, by article and day.

    `source` has a row per user and day with the bits the user set for the first time.
    """
    return step("first_people", count_users(_ARTICLE_DAY, source, ARTICLE_BITS))


def first_time_bits(source: str) -> str:
    """A subquery of the bits that users set for the first time, by article, user and day."""
    return f"""(SELECT b.acct, b.article, b.d, b.mask - (b.mask & COALESCE(BIT_OR(b.mask) OVER (
        PARTITION BY b.acct, b.article, b.person ORDER BY b.d
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)) AS mask FROM {source}) f"""


_RUNNING = (
    first_people(
        first_time_bits(
            "touched b JOIN article a ON b.acct = a.acct AND b.article = a.article"
            " WHERE b.d >= a.d AND b.d < a.d + a.days"
        )
    ),
    step(
        "article_stat_day",
        """SELECT a.acct, a.article, a.d, a.publish_type, a.target_user, g.age, c.d AS stat_d
        FROM article a CROSS JOIN age g JOIN calendar c ON c.d = a.d + g.age
        WHERE g.age < a.days""",
    ),
    step(
        "running",
        f"""SELECT g.acct, g.article, g.d, g.publish_type, g.target_user, g.age, g.stat_d,
        {_so_far("p", map(column, ARTICLE_BITS))}, {_so_far("t", (*ARTICLE_EVENTS, *AMOUNTS))}
        FROM article_stat_day g LEFT JOIN first_people p ON {_on_article_day("p")}
        LEFT JOIN article_times t ON {_on_article_day("t")}""",
    ),
    step(
        "getarticletotal",
        f"""SELECT acct, d AS ref_date, article, stat_d AS stat_date, target_user, {_named(_TOTAL)}
        FROM running WHERE publish_type = 0 AND age < {TOTAL_DAYS}""",
    ),
    step(
        "getarticletotaldetail",
        f"""SELECT acct, d AS ref_date, article, stat_d AS stat_date, publish_type, target_user,
        {_named(_DETAIL)} FROM running WHERE d >= {CONTENT}""",
    ),
)

ARTICLES = (*_DAILY, *_RUNNING)
"""The steps of endpoints with a row per article."""

ARTICLE_USER_COLUMNS = tuple(map(column, ARTICLE_BITS))
"""The columns of the steps article_users and first_people."""
ARTICLE_EVENT_COLUMNS = (*ARTICLE_EVENTS, *AMOUNTS)
"""The columns of the step article_times."""
RUNNING_COLUMNS: dict[str, dict[str, str]] = {
    "getarticletotal": {"target_user": "target_user", **_TOTAL},
    "getarticletotaldetail": {
        "publish_type": "publish_type",
        "target_user": "target_user",
        **_DETAIL,
    },
}
"""The columns of each endpoint with running totals, and their columns in the step running."""
