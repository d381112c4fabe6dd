"""Messages that people send to the account.

Source:  消息分析数据接口.
"""

from datetime import date
from typing import Annotated

from wxcube.contract.columns import AlwaysZero, RefDate, RefHour
from wxcube.contract.endpoint import EARLIEST_MONTH, Endpoint, Evidence, Grain, Group
from wxcube.contract.field import Code, Day, Row, Times, Users
from wxcube.i18n import _

_ERRCODES = (-1, 40001, 61500, 61501, 61503)
_PAGE = Evidence("消息分析数据接口", "https://developers.weixin.qq.com/doc/offiaccount/Analytics/Message_analysis_data_interface.html")
_EXTRA_ROWS = Evidence(
    "community post",
    "https://developers.weixin.qq.com/community/personal/oCJUswyW32BcfhALc7CjtEg8JfyE",
    status="reported",
    note="the answer held rows of other dates",
    seen="2022-08-30",
)
_PART = Evidence("inferred", status="uncertain", note="the messages of a day are those of its hours: both have rows or none has")
_BY_WEEK = (
    _("ref_date is the Monday of the week; a week's rows appear once it is over."),
    _("A row is returned if its Monday is from begin_date to end_date; requesting one Monday at a time satisfies every known span rule."),
)
_BY_MONTH = (
    _("ref_date is the 1st of the month; a month's rows appear once it is over."),
    _("A row is returned if its 1st is from begin_date to end_date; requesting one 1st at a time satisfies every known span rule."),
)

MsgType = Annotated[int, Code("消息类型", "type of message that people sent to the account", table="msg_type")]
MsgUser = Annotated[int, Users("上行发送消息的用户数", "people who sent the account at least one message of this type")]
MsgCount = Annotated[int, Times("上行发送消息总数", "messages of this type that people sent to the account")]
IntervalUser = Annotated[int, Users("上行发送消息的用户数", "people who sent this many messages in the period, over all types")]
WeekDate = Annotated[date, Day("数据的日期", "Monday of the week")]
MonthDate = Annotated[date, Day("数据的日期", "1st of the month")]
CountInterval = Annotated[int, Code("发送消息量分布区间", "number of messages a user sent in the period, as an interval", table="count_interval")]


class UpstreamMsg(Row, frozen=True, kw_only=True):
    """Messages of one type that people sent on a day."""

    ref_date: RefDate
    msg_type: MsgType
    msg_user: MsgUser
    msg_count: MsgCount
    user_source: AlwaysZero = None


getupstreammsg = Endpoint(
    row=UpstreamMsg,
    name="getupstreammsg",
    title_zh="获取消息发送概况数据",
    title_en="messages from users, per day",
    row_zh="某日某类消息的发送人数与条数",
    group=Group.MESSAGE,
    grain=Grain.DAY,
    span_days=7,
    key=("ref_date", "msg_type"),
    permission_set=1,
    errcodes=_ERRCODES,
    evidence=(_PAGE, Evidence("获取消息发送概况数据", "https://developers.weixin.qq.com/doc/service/api/wedata/mess/api_getupstreammsg")),
    notes=(_("Only types with messages appear."), _("msg_user does not add up over types or days.")),
)


class UpstreamMsgHour(Row, frozen=True, kw_only=True):
    """Messages of one type that people sent in an hour."""

    ref_date: RefDate
    ref_hour: RefHour
    msg_type: MsgType
    msg_user: MsgUser
    msg_count: MsgCount
    user_source: AlwaysZero = None


getupstreammsghour = Endpoint(
    row=UpstreamMsgHour,
    name="getupstreammsghour",
    title_zh="获取消息分送分时数据",
    title_en="messages from users, per hour",
    row_zh="某小时某类消息的发送人数与条数",
    group=Group.MESSAGE,
    grain=Grain.HOUR,
    span_days=1,
    key=("ref_date", "ref_hour", "msg_type"),
    permission_set=1,
    errcodes=_ERRCODES,
    part_of="getupstreammsg",
    evidence=(
        _PAGE,
        Evidence(
            "获取消息发送分时数据",
            "https://developers.weixin.qq.com/doc/service/api/wedata/mess/api_getupstreammsghour",
            note="its field table leaves ref_hour out, its sample has it",
        ),
        _EXTRA_ROWS,
        _PART,
    ),
    notes=(_("The old Chinese title really says 分送; the current page says 发送."),),
)


class UpstreamMsgWeek(Row, frozen=True, kw_only=True):
    """Messages of one type in a week, labelled by its Monday."""

    ref_date: WeekDate
    msg_type: MsgType
    msg_user: MsgUser
    msg_count: MsgCount
    user_source: AlwaysZero = None


getupstreammsgweek = Endpoint(
    row=UpstreamMsgWeek,
    name="getupstreammsgweek",
    title_zh="获取消息发送周数据",
    title_en="messages from users, per week",
    row_zh="某周某类消息的发送人数与条数，日期为该周周一",
    group=Group.MESSAGE,
    grain=Grain.WEEK,
    span_days=30,
    key=("ref_date", "msg_type"),
    permission_set=1,
    errcodes=_ERRCODES,
    evidence=(
        _PAGE,
        Evidence(
            "获取消息发送周数据",
            "https://developers.weixin.qq.com/doc/service/api/wedata/mess/api_getupstreammsgweek",
            note="wants begin_date = end_date, though its own sample request has two dates; the old page allows 30 days",
        ),
        Evidence("inferred", status="uncertain", note="the old sample asks 2014-12-07..2014-12-08 and shows only Monday 2014-12-08"),
    ),
    notes=_BY_WEEK,
)


class UpstreamMsgMonth(Row, frozen=True, kw_only=True):
    """Messages of one type in a month, labelled by its 1st."""

    ref_date: MonthDate
    msg_type: MsgType
    msg_user: MsgUser
    msg_count: MsgCount
    user_source: AlwaysZero = None


getupstreammsgmonth = Endpoint(
    row=UpstreamMsgMonth,
    name="getupstreammsgmonth",
    title_zh="获取消息发送月数据",
    title_en="messages from users, per month",
    row_zh="某月某类消息的发送人数与条数，日期为该月 1 日",
    group=Group.MESSAGE,
    grain=Grain.MONTH,
    first_date=EARLIEST_MONTH,
    span_days=30,
    key=("ref_date", "msg_type"),
    permission_set=1,
    errcodes=_ERRCODES,
    evidence=(
        _PAGE,
        Evidence(
            "获取消息发送月数据",
            "https://developers.weixin.qq.com/doc/service/api/wedata/mess/api_getupstreammsgmonth",
            note="wants begin_date = end_date, though its own sample request has two dates; the old page allows 30 days",
        ),
        _EXTRA_ROWS,
    ),
    notes=(*_BY_MONTH, _("WeChat's own example: a request on 1 December for 11-01..11-05 returns November, labelled 11-01.")),
)


class UpstreamMsgDist(Row, frozen=True, kw_only=True):
    """People by how many messages they sent on a day."""

    ref_date: RefDate
    count_interval: CountInterval
    msg_user: IntervalUser
    user_source: AlwaysZero = None


getupstreammsgdist = Endpoint(
    row=UpstreamMsgDist,
    name="getupstreammsgdist",
    title_zh="获取消息发送分布数据",
    title_en="users by number of messages sent, per day",
    row_zh="某日发送消息条数落在某区间的人数",
    group=Group.MESSAGE,
    grain=Grain.DAY,
    span_days=15,
    key=("ref_date", "count_interval"),
    permission_set=1,
    errcodes=_ERRCODES,
    evidence=(_PAGE, Evidence("获取消息发送分布数据", "https://developers.weixin.qq.com/doc/service/api/wedata/mess/api_getupstreammsgdist")),
    notes=(_("A user is in one interval per day, so msg_user can be added over intervals, but not over days."),),
)


class UpstreamMsgDistWeek(Row, frozen=True, kw_only=True):
    """People by how many messages they sent in a week."""

    ref_date: WeekDate
    count_interval: CountInterval
    msg_user: IntervalUser
    user_source: AlwaysZero = None


getupstreammsgdistweek = Endpoint(
    row=UpstreamMsgDistWeek,
    name="getupstreammsgdistweek",
    title_zh="获取消息发送分布周数据",
    title_en="users by number of messages sent, per week",
    row_zh="某周发送消息条数落在某区间的人数，日期为该周周一",
    group=Group.MESSAGE,
    grain=Grain.WEEK,
    span_days=30,
    key=("ref_date", "count_interval"),
    permission_set=1,
    errcodes=_ERRCODES,
    evidence=(
        _PAGE,
        Evidence(
            "获取消息发送分布周数据",
            "https://developers.weixin.qq.com/doc/service/api/wedata/mess/api_getupstreammsgdistweek",
            note="allows 15 days, the old page 30; the sample's label 2014-12-07 is a Sunday, copied from the daily sample",
        ),
    ),
    notes=_BY_WEEK,
)


class UpstreamMsgDistMonth(Row, frozen=True, kw_only=True):
    """People by how many messages they sent in a month."""

    ref_date: MonthDate
    count_interval: CountInterval
    msg_user: IntervalUser
    user_source: AlwaysZero = None


getupstreammsgdistmonth = Endpoint(
    row=UpstreamMsgDistMonth,
    name="getupstreammsgdistmonth",
    title_zh="获取消息发送分布月数据",
    title_en="users by number of messages sent, per month",
    row_zh="某月发送消息条数落在某区间的人数，日期为该月 1 日",
    group=Group.MESSAGE,
    grain=Grain.MONTH,
    first_date=EARLIEST_MONTH,
    span_days=30,
    key=("ref_date", "count_interval"),
    permission_set=1,
    errcodes=_ERRCODES,
    evidence=(
        _PAGE,
        Evidence(
            "获取消息发送分布月数据",
            "https://developers.weixin.qq.com/doc/service/api/wedata/mess/api_getupstreammsgdistmonth",
            note="allows 15 days, the old page 30; the sample's label 2014-12-07 is not a 1st, copied from the daily sample",
        ),
    ),
    notes=_BY_MONTH,
)
