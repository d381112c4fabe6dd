"""What happened to single articles: by day, and in total since they were published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wxcube.cube.inputs import TOTAL_DAYS
from wxcube.cube.steps.actions import Done
from wxcube.cube.steps.step import (
    CONTENT,
    SCENE_MARKS,
    Step,
    column,
    people,
    step,
    sum_of,
    times,
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

ARTICLE_MARKS = tuple(mark for mark in ActionBit if mark not in SHARE_FROM)
"""What is counted of an article's people."""
_POSITIONS = {f"left_at_{p}": Done(Action.READ, position=p) for p in range(1, 6)}
ARTICLE_DONE = {
    "reads": Done(Action.READ),
    "originals": Done(Action.READ_ORIGINAL),
    "shares": Done(Action.SHARE),
    "favourites": Done(Action.FAVOURITE),
    "comments": Done(Action.COMMENT),
    **{
        f"reads_from_{place}": Done(Action.READ, channels=channels)
        for place, channels in TOTAL_CHANNELS.items()
    },
    **{
        f"feed_shares_from_{place}": Done(Action.SHARE, channels=channels, scene=FEED_SCENE)
        for place, channels in FEED_SHARES.items()
    },
    **_POSITIONS,
}
"""What is counted of an article's events."""
AMOUNTS = ("seconds", "fen")
"""What is added up of an article's events."""

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
    **{c: c for c in (*map(column, SCENE_MARKS), "finished", "reads", "seconds", *_POSITIONS)},
}


def _named(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{of} AS {name}" for name, of in columns.items())


def _so_far(table: str, columns: Iterable[str]) -> str:
    """Each column added up from an article's first day to the line's own."""
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
        UNION ALL SELECT acct, article, d, person, mask FROM subscribed) t
        GROUP BY acct, article, d, person""",
    ),
    step("article_people", people(_ARTICLE_DAY, "touched", ARTICLE_MARKS)),
    step(
        "article_times",
        f"""SELECT {_ARTICLE_DAY}, {times(ARTICLE_DONE)}, {", ".join(sum_of(c, c) for c in AMOUNTS)}
        FROM (SELECT {_ARTICLE_DAY}, action, source, scene, position, seconds, fen,
        CAST(1 AS INT) AS n FROM activity) t GROUP BY {_ARTICLE_DAY}""",
    ),
    step(
        "article_figures",
        f"""SELECT p.acct, p.article, p.d, {_named(_FIGURES)}
        FROM article_people p JOIN article_times t
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
        {", ".join(map(column, SCENE_MARKS))}
        FROM article_people WHERE d >= {CONTENT} AND read > 0""",
    ),
    step(
        "getarticleshare",
        f"""SELECT acct, d AS ref_date, article, share AS share_user
        FROM article_people WHERE d >= {CONTENT} AND share > 0""",
    ),
)


def first_people(source: str) -> Step:
    """Distinct people of an article's day who did each thing for the first time.

    `source` has a line per person and day with the bits set on that day first.
    """
    return step("first_people", people(_ARTICLE_DAY, source, ARTICLE_MARKS))


def fresh(counted: str) -> str:
    """Bits a person sets for the first time, out of lines per article, person and day."""
    return f"""(SELECT b.acct, b.article, b.d, b.mask - (b.mask & COALESCE(BIT_OR(b.mask) OVER (
        PARTITION BY b.acct, b.article, b.person ORDER BY b.d
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)) AS mask FROM {counted}) f"""


_RUNNING = (
    first_people(
        fresh(
            "touched b JOIN article a ON b.acct = a.acct AND b.article = a.article"
            " WHERE b.d >= a.d AND b.d < a.d + a.days"
        )
    ),
    step(
        "lived",
        """SELECT a.acct, a.article, a.d, a.publish_type, a.target_user, g.age, c.d AS stat_d
        FROM article a CROSS JOIN age g JOIN calendar c ON c.d = a.d + g.age
        WHERE g.age < a.days""",
    ),
    step(
        "running",
        f"""SELECT g.acct, g.article, g.d, g.publish_type, g.target_user, g.age, g.stat_d,
        {_so_far("p", map(column, ARTICLE_MARKS))}, {_so_far("t", (*ARTICLE_DONE, *AMOUNTS))}
        FROM lived g LEFT JOIN first_people p ON {_on_article_day("p")}
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
"""Steps of the endpoints with a row per article."""

ARTICLE_PEOPLE = tuple(map(column, ARTICLE_MARKS))
"""Columns of the steps article_people and first_people."""
ARTICLE_TIMES = (*ARTICLE_DONE, *AMOUNTS)
"""Columns of the step article_times."""
RUNNING_COLUMNS: dict[str, dict[str, str]] = {
    "getarticletotal": {"target_user": "target_user", **_TOTAL},
    "getarticletotaldetail": {
        "publish_type": "publish_type",
        "target_user": "target_user",
        **_DETAIL,
    },
}
"""Columns of running totals, and which of these they show."""
