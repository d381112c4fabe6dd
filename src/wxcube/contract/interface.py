"""Replies of the account's own server.

Source:  接口分析数据接口.
"""

from typing import Annotated

from wxcube.contract.columns import RefDate, RefHour
from wxcube.contract.endpoint import Endpoint, Evidence, Grain, Group
from wxcube.contract.field import Millis, Peak, Row, Times
from wxcube.i18n import _

_ERRCODES = (-1, 40001, 61500, 61501, 61503)
_PAGE = Evidence("接口分析数据接口", "https://developers.weixin.qq.com/doc/offiaccount/Analytics/Analytics_API.html")
_UNIT = Evidence("inferred", status="uncertain", note="no page names the unit of the time columns; the samples fit milliseconds and the 5 s limit")
_EXTRA_ROWS = Evidence(
    "community post",
    "https://developers.weixin.qq.com/community/personal/oCJUswyW32BcfhALc7CjtEg8JfyE",
    status="reported",
    note="the answer held rows of other dates, some two years old",
    seen="2022-08-30",
)

_PART = Evidence(
    "captured answers",
    status="reported",
    note="days and hours without pushes have no row; the row of an hour has the figures of its day, which had no other hours",
    seen="2018-03",
)

CallbackCount = Annotated[int, Times("被动回复用户消息的次数", "pushes the platform delivered to the account's server, waiting for a reply")]
FailCount = Annotated[int, Times("失败次数", "pushes of callback_count that failed: no connection, too late, or a bad reply")]
TotalTimeCost = Annotated[int, Millis("总耗时", "time waited for replies, summed; the average is total_time_cost / callback_count")]
MaxTimeCost = Annotated[int, Peak("最大耗时", "longest single wait", note="just above 5000 when a reply came too late")]


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
    row_zh="某日公众号服务器被动回复的次数、失败次数与耗时",
    group=Group.INTERFACE,
    grain=Grain.DAY,
    span_days=30,
    key=("ref_date",),
    permission_set=3,
    errcodes=_ERRCODES,
    evidence=(
        _PAGE,
        Evidence(
            "获取被动回复概要数据",
            "https://developers.weixin.qq.com/doc/service/api/wedata/api/api_getinterfacesummary",
            note="types list as an object; it is an array",
        ),
        _EXTRA_ROWS,
        _UNIT,
    ),
    notes=(_("WeChat does not document whether event pushes and repeated pushes are counted."),),
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
    row_zh="某小时公众号服务器被动回复的次数、失败次数与耗时",
    group=Group.INTERFACE,
    grain=Grain.HOUR,
    span_days=1,
    key=("ref_date", "ref_hour"),
    permission_set=3,
    errcodes=_ERRCODES,
    part_of="getinterfacesummary",
    evidence=(
        _PAGE,
        Evidence(
            "获取被动回复分布数据",
            "https://developers.weixin.qq.com/doc/service/api/wedata/api/api_getinterfacesummaryhour",
            note="says the request has no body; its own sample has begin_date and end_date, and they are needed",
        ),
        _EXTRA_ROWS,
        _UNIT,
        _PART,
    ),
    notes=(_("Only hours with pushes appear."),),
)
