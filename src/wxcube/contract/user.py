"""Follower endpoints: gains and losses, and the total.

Source:  用户分析数据接口.
"""

from typing import Annotated

from wxcube.contract.columns import AlwaysZero, RefDate
from wxcube.contract.endpoint import Endpoint, Evidence, Grain, Group
from wxcube.contract.field import Code, Moves, Row, Snapshot


class UserSummary(Row, frozen=True, kw_only=True):
    """Followers won and lost on a day through one channel; channel 0 is there every day."""

    ref_date: RefDate
    user_source: Annotated[
        int,
        Code("用户的渠道", "channel through which the follower came", table="user_source_follow"),
    ]
    new_user: Annotated[int, Moves("新增的用户数量", "new followers")]
    cancel_user: Annotated[
        int, Moves("取消关注的用户数量", "unfollows; net growth = new_user - cancel_user")
    ]


getusersummary = Endpoint(
    row=UserSummary,
    name="getusersummary",
    title_zh="获取用户增减数据",
    title_en="follower gains and losses",
    group=Group.USER,
    grain=Grain.DAY,
    span_days=7,
    key=(
        "ref_date",
        "user_source",
    ),
    permission_set=2,
    errcodes=(
        -1,
        40001,
        61500,
        61501,
        61503,
    ),
    evidence=(
        Evidence("用户分析数据接口 › 获取用户增减数据"),
        Evidence("https://developers.weixin.qq.com/doc/service/api/wedata/user/api_getusersummary"),
    ),
    notes=(
        "Sparse by channel: only channels with movement appear, but the user_source=0 row is present for every day, even all zero (reported).",
        "Captured order: ref_date ascending, then user_source ascending (reported).",
        "user_source=0 is the bucket of all other channels, not a grand total; the total is the sum over rows.",
        "cancel_user is broken down by the channel through which the person once followed, so it is attributed to an old channel (uncertain; follows from its being reported per user_source).",
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
    group=Group.USER,
    grain=Grain.DAY,
    span_days=7,
    key=("ref_date",),
    permission_set=2,
    errcodes=(
        -1,
        40001,
        61500,
        61501,
        61503,
    ),
    evidence=(
        Evidence("用户分析数据接口 › 获取累计用户数据"),
        Evidence(
            "https://developers.weixin.qq.com/doc/service/api/wedata/user/api_getusercumulate"
        ),
    ),
    notes=(
        "Real answers carry user_source:0 in each row (reported: developers.weixin.qq.com/community/develop/doc/000a6abd65c8c0a9da9fea7be51400; sdk: chanxuehong/wechat mp/datacube/user.go).",
        "cumulate_user[d] - cumulate_user[d-1] usually equals sum(new_user - cancel_user) of day d, but do not enforce it: deleted accounts and later corrections break it (uncertain).",
    ),
)
