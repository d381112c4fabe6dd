"""The step first_people computed incrementally, for new days only.

`touched_now` has the fact `touched` of the new days, `touched_before` that of the earlier days on
which the same articles already counted. The result has the rows of the new days.
"""

from __future__ import annotations

from wxcube.cube.steps.articles import first_people, first_time_bits
from wxcube.cube.steps.step import step

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
_OF_ONE_DAY = f"""(SELECT n.acct, n.article, n.d, n.mask - (n.mask & COALESCE(p.mask, 0)) AS mask
    FROM counted_now n LEFT JOIN counted_before p ON {_SAME}) f"""
_NOW_AND_BEFORE = """(SELECT acct, article, d, person, mask FROM counted_now
    UNION ALL SELECT acct, article, CAST(0 AS INT) AS d, person, mask FROM counted_before) b"""
_OF_DAYS = f"(SELECT acct, article, d, mask FROM {first_time_bits(_NOW_AND_BEFORE)} WHERE d > 0) g"

FIRST_DAYS = (first_people(first_time_bits(f"touched_now b JOIN article a ON {_COUNTED}")),)
"""The steps for days without earlier ones."""
NEXT_DAY = (_NOW, _BEFORE, first_people(_OF_ONE_DAY))
"""The steps for one new day."""
NEXT_DAYS = (_NOW, _BEFORE, first_people(_OF_DAYS))
"""The steps for several new days."""
