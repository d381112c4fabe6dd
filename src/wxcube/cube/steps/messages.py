"""Messages by type and people by number of messages: hour, day, week, month."""

from __future__ import annotations

from wxcube.cube.steps.step import COUNT, Step, step, sum_of

INTERVALS = (5, 10)
"""count_interval 1 is up to the first of these numbers of messages, 2 up to the second, 3 more."""
_INTERVAL = " ".join(f"WHEN n <= {most} THEN {i}" for i, most in enumerate(INTERVALS, 1))
_COUNT_INTERVAL = f"CASE {_INTERVAL} ELSE {len(INTERVALS) + 1} END"


def _per_type(name: str, source: str, hour: str = "", key: str = "") -> Step:
    return step(
        name,
        f"""SELECT acct, d AS ref_date, {hour} msg_type, {COUNT} AS msg_user,
        {sum_of("n", "msg_count")} FROM {source} GROUP BY acct, d, {key} msg_type""",
    )


def _spread(name: str, source: str) -> Step:
    return step(
        name,
        f"""SELECT acct, d AS ref_date,
        {_COUNT_INTERVAL} AS count_interval, {COUNT} AS msg_user
        FROM (SELECT acct, d, person, {sum_of("n", "n")} FROM {source} GROUP BY acct, d, person) t
        GROUP BY acct, d, {_COUNT_INTERVAL}""",
    )


def _labelled(name: str, label: str, over: str) -> Step:
    return step(
        name,
        f"""SELECT m.acct, c.{label} AS d, m.msg_type, m.person, {sum_of("m.n", "n")}
        FROM message_day m JOIN calendar c ON m.d = c.d
        WHERE c.{over} = 1 GROUP BY m.acct, c.{label}, m.msg_type, m.person""",
    )


MESSAGES = (
    step(
        "message_hour",
        f"""SELECT acct, d, h, msg_type, person, {COUNT} AS n FROM message
        GROUP BY acct, d, h, msg_type, person""",
    ),
    _per_type("getupstreammsghour", "message_hour", "h * 100 AS ref_hour,", "h,"),
    step(
        "message_day",
        f"""SELECT acct, d, msg_type, person, {sum_of("n", "n")} FROM message_hour
        GROUP BY acct, d, msg_type, person""",
    ),
    _labelled("message_week", "monday", "week_over"),
    _labelled("message_month", "month", "month_over"),
    _per_type("getupstreammsg", "message_day"),
    _per_type("getupstreammsgweek", "message_week"),
    _per_type("getupstreammsgmonth", "message_month"),
    _spread("getupstreammsgdist", "message_day"),
    _spread("getupstreammsgdistweek", "message_week"),
    _spread("getupstreammsgdistmonth", "message_month"),
)
