"""Follower endpoints: gains and losses, and the total.

Source:  用户分析数据接口.
"""

from typing import Annotated

from wxcube.contract.columns import AlwaysZero, RefDate
from wxcube.contract.endpoint import Balance, Endpoint, Evidence, Grain, Group
from wxcube.contract.field import Code, Moves, Row, Snapshot
from wxcube.i18n import _

_ERRCODES = (-1, 40001, 61500, 61501, 61503)
_PAGE = Evidence("用户分析数据接口", "https://developers.weixin.qq.com/doc/offiaccount/Analytics/User_Analysis_Data_Interface.html")


class UserSummary(Row, frozen=True, kw_only=True):
    """Followers gained and lost on a day through one channel; channel 0 has a row every day."""

    ref_date: RefDate
    user_source: Annotated[int, Code("用户的渠道", "channel through which the follower came", table="user_source_follow")]
    new_user: Annotated[int, Moves("新增的用户数量", "new followers")]
    cancel_user: Annotated[int, Moves("取消关注的用户数量", "unfollows; net growth = new_user - cancel_user")]


getusersummary = Endpoint(
    row=UserSummary,
    name="getusersummary",
    title_zh="获取用户增减数据",
    title_en="follower gains and losses",
    row_zh="某日某渠道新增与取消关注的人数；渠道 0 每天都有一行",
    group=Group.USER,
    grain=Grain.DAY,
    span_days=7,
    key=("ref_date", "user_source"),
    permission_set=2,
    errcodes=_ERRCODES,
    balance=Balance("getusercumulate", "cumulate_user", plus="new_user", minus="cancel_user"),
    evidence=(
        _PAGE,
        Evidence("获取用户增减数据", "https://developers.weixin.qq.com/doc/service/api/wedata/user/api_getusersummary"),
        Evidence(
            "community post",
            "https://developers.weixin.qq.com/community/minihome/000ea2e677cb703025dcc53ef56800",
            status="reported",
            note="every day has a row of user_source 0, even with zeros; rows are ordered by date, then by source",
        ),
        Evidence(
            "captured answers",
            status="reported",
            note="new_user less cancel_user is the change of cumulate_user, in three of three answers",
            seen="2015-10, 2017-09 and 2018-03",
        ),
        Evidence(
            "captured answers",
            status="reported",
            note="days without movement have no row, or one of zeros",
            seen="2015-10, 2017-11 and 2021",
        ),
        Evidence("inferred", status="uncertain", note="an unfollow is counted under the channel through which the user originally followed"),
    ),
    notes=(
        _("Only channels with movement appear, but user_source 0 has a row every day."),
        _("user_source 0 is all other channels, not the total; the total is the sum of the rows."),
    ),
)


class UserCumulate(Row, frozen=True, kw_only=True):
    """Followers at a day's end."""

    ref_date: RefDate
    cumulate_user: Annotated[int, Snapshot("总用户量", "followers at the end of ref_date")]
    user_source: AlwaysZero = None


getusercumulate = Endpoint(
    row=UserCumulate,
    name="getusercumulate",
    title_zh="获取累计用户数据",
    title_en="follower total at end of day",
    row_zh="某日结束时的关注人数",
    group=Group.USER,
    grain=Grain.DAY,
    span_days=7,
    key=("ref_date",),
    permission_set=2,
    errcodes=_ERRCODES,
    has_every_day=True,
    evidence=(
        _PAGE,
        Evidence("获取累计用户数据", "https://developers.weixin.qq.com/doc/service/api/wedata/user/api_getusercumulate"),
        Evidence(
            "community post",
            "https://developers.weixin.qq.com/community/develop/doc/000a6abd65c8c0a9da9fea7be51400",
            status="reported",
            note="every row has user_source 0",
        ),
        Evidence("chanxuehong/wechat mp/datacube/user.go", status="sdk", note="the comments name user_source too"),
        Evidence(
            "captured answers",
            status="reported",
            note="a row of every finished day from the first follower on, in four of four answers; none before it",
            seen="2015-10, 2017-06, 2017-11 and 2018-03",
        ),
        Evidence("inferred", status="uncertain", note="closed accounts and later corrections can break the balance with getusersummary"),
    ),
    notes=(_("Usually the total of the day before plus new_user less cancel_user of getusersummary, but not always."),),
)
