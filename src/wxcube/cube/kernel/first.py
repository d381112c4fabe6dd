"""The number of users who did something with an article for the first time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxcube.cube.kernel.counted import count_users
from wxcube.cube.kernel.ordered import HASH_MULTIPLIER, changes, distinct_below, positions_of
from wxcube.cube.steps.articles import ARTICLE_BITS
from wxcube.events.columns import Columns

Numbers = NDArray[Any]
_ARTICLE_MULTIPLIER = np.uint64(0xBF58476D1CE4E5B9)


def first_people(now: Columns, before: Columns, articles: Columns) -> Columns:
    """The table first_people of some days, ordered by day.

    `now` has the rows of `touched` of these days; `before` those of earlier days, at least of the
    users and articles that are in `now`; `articles` is the steps' table `article`. A row counts on
    the days on which its article has running totals.
    """
    both = {name: np.concatenate((now[name], before[name])) for name in now}
    is_now = np.arange(len(both["d"])) < len(now["d"])
    article, counts = _counted(both, articles)
    rows = np.flatnonzero(counts)
    d, user, mask, article, is_now = (
        column[rows] for column in (both["d"], both["person"], both["mask"], article, is_now)
    )
    first_time = np.where(is_now, _first_time_bits(article, user, d, mask), 0)[is_now]
    first_day = int(now["d"].min(initial=1 << 30))
    day_and_article = (d[is_now].astype("i8") - first_day) * len(articles["d"]) + article[is_now]
    keys, key = distinct_below(day_and_article, int(day_and_article.max(initial=-1)) + 1)
    day, index = np.divmod(keys, max(1, len(articles["d"])))
    return {
        "acct": articles["acct"][index],
        "article": articles["article"][index],
        "d": (day + first_day).astype("i4"),
    } | count_users(key, len(keys), first_time, ARTICLE_BITS)


def _counted(rows: Columns, articles: Columns) -> tuple[Numbers, Numbers]:
    """The index of each row's article, and whether the article counts on the row's day."""
    starts = np.flatnonzero(changes(rows["acct"], rows["article"], rows["d"]))
    lengths = np.diff(starts, append=len(rows["d"]))
    acct, article, d = (rows[name][starts] for name in ("acct", "article", "d"))
    index = positions_of(acct, article, articles)
    is_known = index >= 0
    age = np.where(is_known, d - articles["d"][index], -1) if len(articles["d"]) else index
    counts = is_known & (age >= 0)
    counts[counts] = age[counts] < articles["days"][index[counts]]
    return np.repeat(index, lengths), np.repeat(counts, lengths)


def _first_time_bits(article: Numbers, user: Numbers, d: Numbers, mask: Numbers) -> Numbers:
    """The bits of each row that its user did not set for the article on an earlier day."""
    repeated = _repeated(article, user)
    order = repeated[np.lexsort((d[repeated], user[repeated], article[repeated]))]
    is_first = changes(article[order], user[order])
    place = np.arange(len(order)) - np.maximum.accumulate(
        np.where(is_first, np.arange(len(order)), 0)
    )
    own = mask[order]
    earlier = np.zeros_like(own)
    for back in range(1, int(place.max(initial=0)) + 1):
        later = np.flatnonzero(place >= back)
        earlier[later] |= own[later - back]
    bits = mask.copy()
    bits[order] = own & ~earlier
    return bits


def _repeated(article: Numbers, user: Numbers) -> Numbers:
    """The rows whose user and article occur more than once, and a few others (hash collisions)."""
    mixed = user.view("u8") * HASH_MULTIPLIER
    mixed ^= article.astype("u8") * _ARTICLE_MULTIPLIER
    mixed ^= mixed >> np.uint64(29)
    # PERF: a row's index in the lower bits is sorted along; argsort takes several times as long
    bits = np.uint64(len(mixed).bit_length())
    mixed >>= bits
    mixed <<= bits
    mixed |= np.arange(len(mixed), dtype="u8")
    mixed.sort()
    hashes = mixed >> bits
    is_same = np.zeros(len(mixed) + 1, "?")
    is_same[1:-1] = hashes[1:] == hashes[:-1]
    rows: Numbers = (mixed & ((np.uint64(1) << bits) - np.uint64(1))).view("i8")
    return rows[is_same[1:] | is_same[:-1]]
