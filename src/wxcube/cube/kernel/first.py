"""Who did something with an article for the first time, looked for only among who came again."""

from __future__ import annotations

from typing import Any

from wxcube.cube.kernel.counted import people
from wxcube.cube.kernel.ordered import SPREAD, changes, numbered, places_of
from wxcube.cube.steps.articles import ARTICLE_MARKS
from wxcube.events.arrays import NDArray, np
from wxcube.events.columns import Columns

Numbers = NDArray[Any]
_SPREAD_ARTICLE = np.uint64(0xBF58476D1CE4E5B9)


def first_people(now: Columns, before: Columns, articles: Columns) -> Columns:
    """The table first_people of some days, ordered by day.

    `now` has the lines of `touched` of these days; `before` those of the days before them, at
    least the lines of persons and articles that are in `now`; `articles` the steps' table
    `article`. A line counts on the days on which its article has running totals.
    """
    both = {name: np.concatenate((now[name], before[name])) for name in now}
    is_now = np.arange(len(both["d"])) < len(now["d"])
    article, counts = _counted(both, articles)
    lines = np.flatnonzero(counts)
    d, person, mask, article, is_now = (
        column[lines] for column in (both["d"], both["person"], both["mask"], article, is_now)
    )
    fresh = np.where(is_now, _fresh(article, person, d, mask), 0)[is_now]
    first = int(now["d"].min(initial=1 << 30))
    key = (d[is_now].astype("i8") - first) * len(articles["d"]) + article[is_now]
    keys, place = numbered(key, int(key.max(initial=-1)) + 1)
    day, of = np.divmod(keys, max(1, len(articles["d"])))
    return {
        "acct": articles["acct"][of],
        "article": articles["article"][of],
        "d": (day + first).astype("i4"),
    } | people(place, len(keys), fresh, ARTICLE_MARKS)


def _counted(lines: Columns, articles: Columns) -> tuple[Numbers, Numbers]:
    """The place of each line's article, and whether the line's day counts for it."""
    starts = np.flatnonzero(changes(lines["acct"], lines["article"], lines["d"]))
    lengths = np.diff(starts, append=len(lines["d"]))
    acct, article, d = (lines[name][starts] for name in ("acct", "article", "d"))
    place = places_of(acct, article, articles)
    known = place >= 0
    age = np.where(known, d - articles["d"][place], -1) if len(articles["d"]) else place
    counts = known & (age >= 0)
    counts[counts] = age[counts] < articles["days"][place[counts]]
    return np.repeat(place, lengths), np.repeat(counts, lengths)


def _fresh(article: Numbers, person: Numbers, d: Numbers, mask: Numbers) -> Numbers:
    """The bits of each line that its person did not set for the article on a day before."""
    again = _again(article, person)
    order = again[np.lexsort((d[again], person[again], article[again]))]
    is_first = changes(article[order], person[order])
    place = np.arange(len(order)) - np.maximum.accumulate(
        np.where(is_first, np.arange(len(order)), 0)
    )
    own = mask[order]
    earlier = np.zeros_like(own)
    for back in range(1, int(place.max(initial=0)) + 1):
        later = np.flatnonzero(place >= back)
        earlier[later] |= own[later - back]
    found = mask.copy()
    found[order] = own & ~earlier
    return found


def _again(article: Numbers, person: Numbers) -> Numbers:
    """Lines of whose person and article there may be another: all that have one, few others."""
    mixed = person.view("u8") * SPREAD
    mixed ^= article.astype("u8") * _SPREAD_ARTICLE
    mixed ^= mixed >> np.uint64(29)
    order = np.argsort(mixed)
    ordered = mixed[order]
    same = np.zeros(len(order) + 1, "?")
    same[1:-1] = ordered[1:] == ordered[:-1]
    found: Numbers = order[same[1:] | same[:-1]]
    return found
