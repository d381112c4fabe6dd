"""Replies of the account's own server.

Source:  接口分析数据接口.
"""

from typing import Annotated

from wxcube.contract.columns import RefDate, RefHour
from wxcube.contract.endpoint import Endpoint, Evidence, Grain, Group
from wxcube.contract.field import Millis, Peak, Row, Times

CallbackCount = Annotated[
    int,
    Times(
        "被动回复用户消息的次数",
        "times the platform delivered a message to the developer URL and waited for a passive reply",
    ),
]
FailCount = Annotated[
    int,
    Times(
        "失败次数",
        "deliveries of callback_count that failed (timeout, connect failure, bad reply ...)",
    ),
]
TotalTimeCost = Annotated[
    int,
    Millis(
        "总耗时",
        "time spent waiting, summed over callback_count; average = total_time_cost / callback_count",
        note="unit is inferred: doc samples (about 405-507 per call, max about 5042) fit milliseconds and the 5 s limit; no page names the unit",
    ),
]
MaxTimeCost = Annotated[
    int,
    Peak(
        "最大耗时",
        "longest single wait",
        note="just above 5000 when a timeout happened (samples 5042, 5044)",
    ),
]


class InterfaceSummary(Row, frozen=True, kw_only=True):
    """Replies the account's server gave on a day."""

    ref_date: RefDate
    callback_count: CallbackCount
    fail_count: FailCount
    total_time_cost: TotalTimeCost
    max_time_cost: MaxTimeCost


getinterfacesummary = Endpoint(
    row=InterfaceSummary,
    name="getinterfacesummary",
    title_zh="获取被动回复概要数据（旧称：接口分析数据）",
    title_en="callback deliveries per day",
    group=Group.INTERFACE,
    grain=Grain.DAY,
    span_days=30,
    key=("ref_date",),
    permission_set=3,
    errcodes=(
        -1,
        40001,
        61500,
        61501,
        61503,
    ),
    evidence=(
        Evidence("接口分析数据接口 › 获取被动回复概要数据（旧称：接口分析数据）"),
        Evidence(
            "https://developers.weixin.qq.com/doc/service/api/wedata/api/api_getinterfacesummary"
        ),
    ),
    notes=(
        "Reported 2022-08-30 to answer extra rows, some two years old.",
        "The new page types list as object; it is an array.",
    ),
)


class InterfaceSummaryHour(Row, frozen=True, kw_only=True):
    """Replies the account's server gave in an hour."""

    ref_date: RefDate
    ref_hour: RefHour
    callback_count: CallbackCount
    fail_count: FailCount
    total_time_cost: TotalTimeCost
    max_time_cost: MaxTimeCost


getinterfacesummaryhour = Endpoint(
    row=InterfaceSummaryHour,
    name="getinterfacesummaryhour",
    title_zh="获取被动回复分布数据（旧称：接口分析分时数据）",
    title_en="callback deliveries per hour",
    group=Group.INTERFACE,
    grain=Grain.HOUR,
    span_days=1,
    key=(
        "ref_date",
        "ref_hour",
    ),
    permission_set=3,
    errcodes=(
        -1,
        40001,
        61500,
        61501,
        61503,
    ),
    evidence=(
        Evidence("接口分析数据接口 › 获取被动回复分布数据（旧称：接口分析分时数据）"),
        Evidence(
            "https://developers.weixin.qq.com/doc/service/api/wedata/api/api_getinterfacesummaryhour"
        ),
    ),
    notes=(
        "The new page says the request has no body; its own sample has begin_date/end_date, and they are required.",
        "Reported 2022-08-30 to answer extra rows of other dates.",
    ),
)
