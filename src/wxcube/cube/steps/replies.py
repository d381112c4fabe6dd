"""The replies of an account's server, by hour and day."""

from __future__ import annotations

from wxcube.cube.steps.step import COUNT, step, sum_of

REPLIES = (
    step(
        "getinterfacesummaryhour",
        f"""SELECT acct, d AS ref_date, h * 100 AS ref_hour, {COUNT} AS callback_count,
        {sum_of("failed", "fail_count")}, {sum_of("ms", "total_time_cost")},
        MAX(ms) AS max_time_cost FROM reply GROUP BY acct, d, h""",
    ),
    step(
        "getinterfacesummary",
        f"""SELECT acct, ref_date, {sum_of("callback_count", "callback_count")},
        {sum_of("fail_count", "fail_count")}, {sum_of("total_time_cost", "total_time_cost")},
        MAX(max_time_cost) AS max_time_cost
        FROM getinterfacesummaryhour GROUP BY acct, ref_date""",
    ),
)
