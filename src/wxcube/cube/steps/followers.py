"""New, lost and total followers."""

from __future__ import annotations

from wxcube.cube.steps.step import step, sum_of

_EVENTS = ("opening", "follow", "message", "reply", "article", "activity")
FOLLOWERS = (
    step(
        "first_day",
        "SELECT acct, MIN(d) AS d FROM ("
        + " UNION ALL ".join(f"SELECT acct, MIN(d) AS d FROM {t} GROUP BY acct" for t in _EVENTS)
        + ") t GROUP BY acct",
    ),
    step(
        "active_day",
        """SELECT f.acct, c.d FROM first_day f CROSS JOIN calendar c WHERE c.d >= f.d""",
    ),
    step(
        "getusersummary",
        f"""SELECT acct, d AS ref_date, source AS user_source,
        {sum_of("CASE WHEN change > 0 THEN 1 ELSE 0 END", "new_user")},
        {sum_of("CASE WHEN change < 0 THEN 1 ELSE 0 END", "cancel_user")}
        FROM (SELECT acct, d, CAST(source AS INT) AS source, CAST(change AS INT) AS change
        FROM follow UNION ALL
        SELECT acct, d, CAST(0 AS INT) AS source, CAST(0 AS INT) AS change FROM active_day) t
        GROUP BY acct, d, source""",
    ),
    step(
        "follower_change",
        f"""SELECT acct, d, {sum_of("number", "number")}
        FROM (SELECT acct, d, CAST(number AS BIGINT) AS number FROM opening
        UNION ALL SELECT acct, d, CAST(change AS BIGINT) AS number FROM follow
        UNION ALL SELECT acct, d, CAST(0 AS BIGINT) AS number FROM active_day) t
        GROUP BY acct, d""",
    ),
    step(
        "getusercumulate",
        """SELECT acct, d AS ref_date, CAST(SUM(number) OVER (PARTITION BY acct ORDER BY d
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS BIGINT) AS cumulate_user
        FROM follower_change""",
    ),
)
