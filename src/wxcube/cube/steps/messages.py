"""Messages by type, and users by number of messages: hour, day, week and month."""

from __future__ import annotations

from wxcube.cube.steps.step import COUNT, Step, step, sum_of

INTERVALS = (5, 10)
"""The largest numbers of messages in count_interval 1 and 2; more messages are in 3."""
_INTERVAL = " ".join(f"WHEN n <= {most} THEN {i}" for i, most in enumerate(INTERVALS, 1))
_COUNT_INTERVAL = f"CASE {_INTERVAL} ELSE {len(INTERVALS) + 1} END"


def _per_type(name: str, source: str, hour: str = "", key: str = "") -> Step:
    return step(
        name,
        f"""SELECT acct, d AS ref_date, {hour} msg_type, {COUNT} AS msg_user,
        {sum_of("n", "msg_count")} FROM {source} GROUP BY acct, d, {key} msg_type""",
    )


def _distribution(name: str, source: str) -> Step:
    return step(
        name,
        f"""SELECT acct, d AS ref_date,
        {_COUNT_INTERVAL} AS count_interval, {COUNT} AS msg_user
        FROM (SELECT acct, d, person, {sum_of("n", "n")} FROM {source} GROUP BY acct, d, person) t
        GROUP BY acct, d, {_COUNT_INTERVAL}""",
    )


def _per_period(name: str, label: str, over: str) -> Step:
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
    _per_period("message_week", "monday", "week_over"),
    _per_period("message_month", "month", "month_over"),
    _per_type("getupstreammsg", "message_day"),
    _per_type("getupstreammsgweek", "message_week"),
    _per_type("getupstreammsgmonth", "message_month"),
    _distribution("getupstreammsgdist", "message_day"),
    _distribution("getupstreammsgdistweek", "message_week"),
    _distribution("getupstreammsgdistmonth", "message_month"),
)
