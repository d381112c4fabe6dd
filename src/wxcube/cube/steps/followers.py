"""Followers won, lost and in all."""

from __future__ import annotations

from wxcube.cube.steps.step import step, sum_of

_EVENTS = ("opened", "moved", "message", "reply", "article", "activity")
FOLLOWERS = (
    step(
        "first_day",
        "SELECT acct, MIN(d) AS d FROM ("
        + " UNION ALL ".join(f"SELECT acct, MIN(d) AS d FROM {t} GROUP BY acct" for t in _EVENTS)
        + ") t GROUP BY acct",
    ),
    step(
        "alive",
        """SELECT f.acct, c.d FROM first_day f CROSS JOIN calendar c WHERE c.d >= f.d""",
    ),
    step(
        "getusersummary",
        f"""SELECT acct, d AS ref_date, source AS user_source,
        {sum_of("CASE WHEN move > 0 THEN 1 ELSE 0 END", "new_user")},
        {sum_of("CASE WHEN move < 0 THEN 1 ELSE 0 END", "cancel_user")}
        FROM (SELECT acct, d, CAST(source AS INT) AS source, CAST(move AS INT) AS move FROM moved
        UNION ALL SELECT acct, d, CAST(0 AS INT) AS source, CAST(0 AS INT) AS move FROM alive) t
        GROUP BY acct, d, source""",
    ),
    step(
        "follower_change",
        f"""SELECT acct, d, {sum_of("number", "number")}
        FROM (SELECT acct, d, CAST(number AS BIGINT) AS number FROM opened
        UNION ALL SELECT acct, d, CAST(move AS BIGINT) AS number FROM moved
        UNION ALL SELECT acct, d, CAST(0 AS BIGINT) AS number FROM alive) t
        GROUP BY acct, d""",
    ),
    step(
        "getusercumulate",
        """SELECT acct, d AS ref_date, CAST(SUM(number) OVER (PARTITION BY acct ORDER BY d
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS BIGINT) AS cumulate_user
        FROM follower_change""",
    ),
)
