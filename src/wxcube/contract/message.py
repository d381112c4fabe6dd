"""Messages that people send to the account.

Source:  消息分析数据接口.
"""

from datetime import date
from typing import Annotated

from wxcube.contract.columns import AlwaysZero, RefDate, RefHour
from wxcube.contract.endpoint import Endpoint, Evidence, Grain, Group
from wxcube.contract.field import Code, Day, Row, Times, Users

MsgType = Annotated[
    int, Code("消息类型", "type of message that fans sent to the account", table="msg_type")
]
MsgUser = Annotated[
    int, Users("上行发送消息的用户数", "distinct users who sent the account at least one message")
]
MsgCount = Annotated[int, Times("上行发送消息总数", "messages that users sent to the account")]
WeekDate = Annotated[date, Day("数据的日期", "Monday of the week")]
MonthDate = Annotated[date, Day("数据的日期", "1st of the month")]
CountInterval = Annotated[
    int,
    Code("发送消息量分布区间", "bucket of messages per user in the period", table="count_interval"),
]


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
    group=Group.MESSAGE,
    grain=Grain.DAY,
    span_days=7,
    key=(
        "ref_date",
        "msg_type",
    ),
    permission_set=1,
    errcodes=(
        -1,
        40001,
        61500,
        61501,
        61503,
    ),
    evidence=(
        Evidence("消息分析数据接口 › 获取消息发送概况数据"),
        Evidence("https://developers.weixin.qq.com/doc/service/api/wedata/mess/api_getupstreammsg"),
    ),
    notes=(
        "Sparse by msg_type.",
        "msg_user does not add up over types or days.",
    ),
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
    group=Group.MESSAGE,
    grain=Grain.HOUR,
    span_days=1,
    key=(
        "ref_date",
        "ref_hour",
        "msg_type",
    ),
    permission_set=1,
    errcodes=(
        -1,
        40001,
        61500,
        61501,
        61503,
    ),
    evidence=(
        Evidence("消息分析数据接口 › 获取消息分送分时数据"),
        Evidence(
            "https://developers.weixin.qq.com/doc/service/api/wedata/mess/api_getupstreammsghour"
        ),
    ),
    notes=(
        "Documented sample has it; the field table of the new page leaves ref_hour out.",
        "The Chinese title really says 分送 (old) / 发送 (new).",
        "Reported 2022-08-30 to answer extra rows of other dates.",
    ),
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
    group=Group.MESSAGE,
    grain=Grain.WEEK,
    span_days=30,
    key=(
        "ref_date",
        "msg_type",
    ),
    permission_set=1,
    errcodes=(
        -1,
        40001,
        61500,
        61501,
        61503,
    ),
    evidence=(
        Evidence("消息分析数据接口 › 获取消息发送周数据"),
        Evidence(
            "https://developers.weixin.qq.com/doc/service/api/wedata/mess/api_getupstreammsgweek"
        ),
    ),
    notes=(
        "Week rows are labelled with the Monday of the week and exist only once the week is over.",
        "A row is answered when begin_date <= label <= end_date. Asking with begin_date = end_date = label satisfies every documented variant of the span rule.",
        "Old sample: request 2014-12-07..2014-12-08 answers the row of Monday 2014-12-08 only, which fits selection by label.",
        "Span: 30 (old pages, all SDKs) vs begin_date = end_date (new pages: 必须为同一天, though their own request sample has two dates)",
    ),
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
    group=Group.MESSAGE,
    grain=Grain.MONTH,
    span_days=30,
    key=(
        "ref_date",
        "msg_type",
    ),
    permission_set=1,
    errcodes=(
        -1,
        40001,
        61500,
        61501,
        61503,
    ),
    evidence=(
        Evidence("消息分析数据接口 › 获取消息发送月数据"),
        Evidence(
            "https://developers.weixin.qq.com/doc/service/api/wedata/mess/api_getupstreammsgmonth"
        ),
    ),
    notes=(
        "Month rows are labelled with the 1st of the month and exist only once the month is over.",
        "A row is answered when begin_date <= label <= end_date. Asking with begin_date = end_date = label satisfies every documented variant of the span rule.",
        "Official example: on 1 December a request for 11-01..11-05 answers the row of November, labelled 11-01.",
        "Reported 2022-08-30 to answer extra rows of other months.",
        "Span: 30 (old pages, all SDKs) vs begin_date = end_date (new pages: 必须为同一天, though their own request sample has two dates)",
    ),
)


class UpstreamMsgDist(Row, frozen=True, kw_only=True):
    """People by how many messages they sent on a day."""

    ref_date: RefDate
    count_interval: CountInterval
    msg_user: MsgUser
    user_source: AlwaysZero = None


getupstreammsgdist = Endpoint(
    row=UpstreamMsgDist,
    name="getupstreammsgdist",
    title_zh="获取消息发送分布数据",
    title_en="users by number of messages sent, per day",
    group=Group.MESSAGE,
    grain=Grain.DAY,
    span_days=15,
    key=(
        "ref_date",
        "count_interval",
    ),
    permission_set=1,
    errcodes=(
        -1,
        40001,
        61500,
        61501,
        61503,
    ),
    evidence=(
        Evidence("消息分析数据接口 › 获取消息发送分布数据"),
        Evidence(
            "https://developers.weixin.qq.com/doc/service/api/wedata/mess/api_getupstreammsgdist"
        ),
    ),
    notes=(
        "Buckets of one period are disjoint, so msg_user adds up over count_interval (not over days).",
    ),
)


class UpstreamMsgDistWeek(Row, frozen=True, kw_only=True):
    """People by how many messages they sent in a week."""

    ref_date: WeekDate
    count_interval: CountInterval
    msg_user: MsgUser
    user_source: AlwaysZero = None


getupstreammsgdistweek = Endpoint(
    row=UpstreamMsgDistWeek,
    name="getupstreammsgdistweek",
    title_zh="获取消息发送分布周数据",
    title_en="users by number of messages sent, per week",
    group=Group.MESSAGE,
    grain=Grain.WEEK,
    span_days=30,
    key=(
        "ref_date",
        "count_interval",
    ),
    permission_set=1,
    errcodes=(
        -1,
        40001,
        61500,
        61501,
        61503,
    ),
    evidence=(
        Evidence("消息分析数据接口 › 获取消息发送分布周数据"),
        Evidence(
            "https://developers.weixin.qq.com/doc/service/api/wedata/mess/api_getupstreammsgdistweek"
        ),
    ),
    notes=(
        "Week rows are labelled with the Monday of the week and exist only once the week is over.",
        "A row is answered when begin_date <= label <= end_date. Asking with begin_date = end_date = label satisfies every documented variant of the span rule.",
        "The doc sample label 2014-12-07 is a Sunday: a copy of the daily sample, not evidence.",
        "Span: 30 (old pages, all SDKs) vs 15 (new pages: 跨度不超过15天)",
    ),
)


class UpstreamMsgDistMonth(Row, frozen=True, kw_only=True):
    """People by how many messages they sent in a month."""

    ref_date: MonthDate
    count_interval: CountInterval
    msg_user: MsgUser
    user_source: AlwaysZero = None


getupstreammsgdistmonth = Endpoint(
    row=UpstreamMsgDistMonth,
    name="getupstreammsgdistmonth",
    title_zh="获取消息发送分布月数据",
    title_en="users by number of messages sent, per month",
    group=Group.MESSAGE,
    grain=Grain.MONTH,
    span_days=30,
    key=(
        "ref_date",
        "count_interval",
    ),
    permission_set=1,
    errcodes=(
        -1,
        40001,
        61500,
        61501,
        61503,
    ),
    evidence=(
        Evidence("消息分析数据接口 › 获取消息发送分布月数据"),
        Evidence(
            "https://developers.weixin.qq.com/doc/service/api/wedata/mess/api_getupstreammsgdistmonth"
        ),
    ),
    notes=(
        "Month rows are labelled with the 1st of the month and exist only once the month is over.",
        "A row is answered when begin_date <= label <= end_date. Asking with begin_date = end_date = label satisfies every documented variant of the span rule.",
        "The doc sample label 2014-12-07 is not a 1st: a copy of the daily sample, not evidence.",
        "Span: 30 (old pages, all SDKs) vs 15 (new pages: 跨度不超过15天)",
    ),
)
