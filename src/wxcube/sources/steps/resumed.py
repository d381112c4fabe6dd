"""Who did something with an article for the first time, when only the newest days are new.

`touched_now` has the facts of the days to be computed, `touched_before` those of the days before
them on which the same articles were already counted. The result is that of the step
`first_people`, of the new days alone.
"""

from __future__ import annotations

from wxcube.sources.steps.articles import first_people
from wxcube.sources.steps.step import COUNT, step

_COUNTED = """a.acct = b.acct AND a.article = b.article
    WHERE b.d >= a.d AND b.d < a.d + a.days"""
_SAME = "p.acct = n.acct AND p.article = n.article AND p.person = n.person"

_NOW = step(
    "counted_now",
    f"""SELECT b.acct, b.article, b.d, b.person, b.mask
    FROM touched_now b JOIN article a ON {_COUNTED}""",
)
_BEFORE = step(
    "counted_before",
    f"""SELECT n.acct, n.article, n.person, BIT_OR(p.mask) AS mask
    FROM (SELECT acct, article, person FROM counted_now GROUP BY acct, article, person) n
    JOIN (SELECT b.acct, b.article, b.person, b.mask
    FROM touched_before b JOIN article a ON {_COUNTED}) p ON {_SAME}
    GROUP BY n.acct, n.article, n.person""",
)
_OF_ONE_DAY = step(
    "first_sets",
    f"""SELECT acct, article, d, fresh AS mask, {COUNT} AS n
    FROM (SELECT n.acct, n.article, n.d, n.mask - (n.mask & COALESCE(p.mask, 0)) AS fresh
    FROM counted_now n LEFT JOIN counted_before p ON {_SAME}) t
    GROUP BY acct, article, d, fresh""",
)
_OF_DAYS = step(
    "first_sets",
    f"""SELECT acct, article, d, fresh AS mask, {COUNT} AS n
    FROM (SELECT acct, article, d, mask - (mask & COALESCE(BIT_OR(mask) OVER (
    PARTITION BY acct, article, person ORDER BY d
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)) AS fresh
    FROM (SELECT acct, article, d, person, mask FROM counted_now
    UNION ALL SELECT acct, article, CAST(0 AS INT) AS d, person, mask FROM counted_before) b) t
    WHERE d > 0 GROUP BY acct, article, d, fresh""",
)

_BEGUN = step(
    "first_sets",
    f"""SELECT acct, article, d, fresh AS mask, {COUNT} AS n
    FROM (SELECT b.acct, b.article, b.d, b.mask - (b.mask & COALESCE(BIT_OR(b.mask) OVER (
    PARTITION BY b.acct, b.article, b.person ORDER BY b.d
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)) AS fresh
    FROM touched_now b JOIN article a ON {_COUNTED}) t
    GROUP BY acct, article, d, fresh""",
)

BEGUN_DAYS = (_BEGUN, first_people())
"""Steps to first_people of days with none before them."""
RESUMED_DAY = (_NOW, _BEFORE, _OF_ONE_DAY, first_people())
"""Steps to first_people of one new day."""
RESUMED_DAYS = (_NOW, _BEFORE, _OF_DAYS, first_people())
"""Steps to first_people of several new days."""
