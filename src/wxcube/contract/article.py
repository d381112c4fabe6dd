"""The six article endpoints WeChat switched off in 2026.

Source:  图文分析数据接口.
"""

from datetime import date
from typing import Annotated

from wxcube.contract.columns import AlwaysZero, Msgid, RefDate, RefHour
from wxcube.contract.endpoint import Endpoint, Evidence, Grain, Group, Life
from wxcube.contract.field import Code, Day, Label, Row, Running, Times, Users

Title = Annotated[str, Label("图文消息的标题", "article title")]
IntPageReadUser = Annotated[
    int, Users("图文页阅读人数", "distinct people who opened the article page")
]
IntPageReadCount = Annotated[int, Times("图文页阅读次数", "opens of the article page")]
OriPageReadUser = Annotated[
    int | None,
    Users(
        "原文页阅读人数",
        'distinct people who followed the "read the original" link (阅读原文); 0 when the article has no such link',
    ),
]
OriPageReadCount = Annotated[int | None, Times("原文页阅读次数", "opens of the original page")]
ShareUser = Annotated[int, Users("分享的人数", "distinct people who shared")]
ShareCount = Annotated[int, Times("分享的次数", "share actions")]
AddToFavUser = Annotated[int | None, Users("收藏的人数", "distinct people who added to favourites")]
AddToFavCount = Annotated[int | None, Times("收藏的次数", "add-to-favourites actions")]
UserSource = Annotated[
    int, Code("用户从哪里进入来阅读", "reading channel", table="user_source_read")
]
ShareScene = Annotated[int, Code("分享的场景", "where it was shared to", table="share_scene")]


class ArticleSummary(Row, frozen=True, kw_only=True):
    """A mass-sent article's figures of one day; only articles with some activity."""

    ref_date: RefDate
    msgid: Msgid
    title: Title
    int_page_read_user: IntPageReadUser
    int_page_read_count: IntPageReadCount
    ori_page_read_user: OriPageReadUser = None
    ori_page_read_count: OriPageReadCount = None
    share_user: ShareUser
    share_count: ShareCount
    add_to_fav_user: AddToFavUser = None
    add_to_fav_count: AddToFavCount = None
    user_source: AlwaysZero = None


getarticlesummary = Endpoint(
    row=ArticleSummary,
    name="getarticlesummary",
    title_zh="获取图文群发每日数据",
    title_en="articles read on a day, that day's figures",
    group=Group.ARTICLE,
    grain=Grain.DAY,
    span_days=1,
    key=(
        "ref_date",
        "msgid",
    ),
    permission_set=7,
    life=Life.RETIRED,
    retired_since="2026",
    successors=(
        "getarticleread",
        "getarticleshare",
        "getarticletotaldetail",
    ),
    errcodes=(
        -1,
        40001,
        61500,
    ),
    evidence=(
        Evidence("图文分析数据接口 › 获取图文群发每日数据"),
        Evidence(
            "https://developers.weixin.qq.com/doc/service/api/wedata/news/api_getarticlesummary"
        ),
    ),
    notes=(
        "Lists every mass-sent (群发) article read on the day, whatever its send date; published-only articles are left out.",
        "Threshold (official text): a row appears only when int_page_read_user + ori_page_read_user + share_user + share_count + add_to_fav_count >= 3 (中间页阅读人数+原文页阅读人数+分享转发人数+分享转发次数+收藏次数).",
        "Users report that an article shows only for 7 days after it is sent (community/develop/doc/0002202c720898ddf09a6f9245bc00).",
    ),
)


class ArticleTotalStat(Row, frozen=True, kw_only=True):
    """Running totals from the send day to the end of stat_date."""

    stat_date: Annotated[date, Day("统计的日期", "day up to whose end the figures are counted")]
    target_user: Annotated[
        int,
        Running(
            "送达人数",
            "people the mass-send reached, about the follower count less those who cannot receive",
            of="people",
        ),
    ]
    int_page_read_user: Annotated[
        int, Running("图文页阅读人数", "distinct people who opened the article page", of="people")
    ]
    int_page_read_count: Annotated[
        int, Running("图文页阅读次数", "opens of the article page", of="times")
    ]
    ori_page_read_user: Annotated[
        int | None,
        Running(
            "原文页阅读人数",
            'distinct people who followed the "read the original" link (阅读原文); 0 when the article has no such link',
            of="people",
        ),
    ] = None
    ori_page_read_count: Annotated[
        int | None, Running("原文页阅读次数", "opens of the original page", of="times")
    ] = None
    share_user: Annotated[int, Running("分享的人数", "distinct people who shared", of="people")]
    share_count: Annotated[int, Running("分享的次数", "share actions", of="times")]
    add_to_fav_user: Annotated[
        int | None, Running("收藏的人数", "distinct people who added to favourites", of="people")
    ] = None
    add_to_fav_count: Annotated[
        int | None, Running("收藏的次数", "add-to-favourites actions", of="times")
    ] = None
    int_page_from_session_read_user: Annotated[
        int, Running("公众号会话阅读人数", "readers from account chat", of="people")
    ]
    int_page_from_session_read_count: Annotated[
        int, Running("公众号会话阅读次数", "reads from account chat", of="times")
    ]
    int_page_from_hist_msg_read_user: Annotated[
        int, Running("历史消息页阅读人数", "readers from history page", of="people")
    ]
    int_page_from_hist_msg_read_count: Annotated[
        int, Running("历史消息页阅读次数", "reads from history page", of="times")
    ]
    int_page_from_feed_read_user: Annotated[
        int, Running("朋友圈阅读人数", "readers from Moments", of="people")
    ]
    int_page_from_feed_read_count: Annotated[
        int, Running("朋友圈阅读次数", "reads from Moments", of="times")
    ]
    int_page_from_friends_read_user: Annotated[
        int, Running("好友转发阅读人数", "readers from friends' forwards", of="people")
    ]
    int_page_from_friends_read_count: Annotated[
        int, Running("好友转发阅读次数", "reads from friends' forwards", of="times")
    ]
    int_page_from_other_read_user: Annotated[
        int, Running("其他场景阅读人数", "readers from other sources", of="people")
    ]
    int_page_from_other_read_count: Annotated[
        int, Running("其他场景阅读次数", "reads from other sources", of="times")
    ]
    int_page_from_kanyikan_read_user: Annotated[
        int | None,
        Running(
            "看一看来源阅读人数",
            "readers from Top Stories (看一看)",
            of="people",
            note="documented later; absent in a full capture of 2022-08-19",
        ),
    ] = None
    int_page_from_kanyikan_read_count: Annotated[
        int | None,
        Running(
            "看一看来源阅读次数",
            "reads from Top Stories (看一看)",
            of="times",
            note="documented later; absent in a full capture of 2022-08-19",
        ),
    ] = None
    int_page_from_souyisou_read_user: Annotated[
        int | None,
        Running(
            "搜一搜来源阅读人数",
            "readers from Search (搜一搜)",
            of="people",
            note="documented later; absent in a full capture of 2022-08-19",
        ),
    ] = None
    int_page_from_souyisou_read_count: Annotated[
        int | None,
        Running(
            "搜一搜来源阅读次数",
            "reads from Search (搜一搜)",
            of="times",
            note="documented later; absent in a full capture of 2022-08-19",
        ),
    ] = None
    feed_share_from_session_user: Annotated[
        int,
        Running(
            "公众号会话转发朋友圈人数",
            "people who forwarded to Moments from the account chat",
            of="people",
        ),
    ]
    feed_share_from_session_cnt: Annotated[
        int,
        Running(
            "公众号会话转发朋友圈次数",
            "forwards to Moments from the account chat",
            of="times",
            note="suffix is _cnt, not _count",
        ),
    ]
    feed_share_from_feed_user: Annotated[
        int,
        Running(
            "朋友圈转发朋友圈人数", "people who forwarded to Moments from Moments", of="people"
        ),
    ]
    feed_share_from_feed_cnt: Annotated[
        int,
        Running(
            "朋友圈转发朋友圈次数",
            "forwards to Moments from Moments",
            of="times",
            note="suffix is _cnt, not _count",
        ),
    ]
    feed_share_from_other_user: Annotated[
        int,
        Running(
            "其他场景转发朋友圈人数",
            "people who forwarded to Moments from other places",
            of="people",
        ),
    ]
    feed_share_from_other_cnt: Annotated[
        int,
        Running(
            "其他场景转发朋友圈次数",
            "forwards to Moments from other places",
            of="times",
            note="suffix is _cnt, not _count",
        ),
    ]


class ArticleTotal(Row, frozen=True, kw_only=True):
    """A mass-sent article and its running totals for up to 7 days from sending."""

    ref_date: Annotated[date, Day("文章群发出日期", "day the article was mass-sent")]
    msgid: Msgid
    title: Title
    url: Annotated[
        str | None,
        Label(
            "（未公开）",
            "article link seen in some answers since 2021",
            status="reported",
            note="sdk: binarywang/WxJava issue 2028; another project reads content_url",
        ),
    ] = None
    user_source: AlwaysZero = None
    details: list[ArticleTotalStat]


getarticletotal = Endpoint(
    row=ArticleTotal,
    name="getarticletotal",
    title_zh="获取图文群发总数据",
    title_en="articles sent on a day, running totals",
    group=Group.ARTICLE,
    grain=Grain.CUMULATIVE,
    span_days=1,
    key=(
        "ref_date",
        "msgid",
    ),
    permission_set=7,
    moves_days=7,
    life=Life.RETIRED,
    retired_since="2026",
    successors=("getarticletotaldetail",),
    errcodes=(
        -1,
        40001,
        61500,
    ),
    evidence=(
        Evidence("图文分析数据接口 › 获取图文群发总数据"),
        Evidence(
            "https://developers.weixin.qq.com/doc/service/api/wedata/news/api_getarticletotal"
        ),
    ),
    notes=(
        "begin_date selects by send date, not by reading date.",
        "Real data 2017 (28 flattened rows in asahouse/weixin-datacube src/main/resources/db/test/test.sql): the five int_page_from_*_read_count add up exactly to int_page_read_count in 28/28; the five *_read_user add up to more than int_page_read_user in 28/28; exactly 7 stat_dates per article.",
    ),
)


class UserRead(Row, frozen=True, kw_only=True):
    """Reading of a day through one channel; 99999999 is all channels, people counted once."""

    ref_date: RefDate
    user_source: UserSource
    int_page_read_user: IntPageReadUser
    int_page_read_count: IntPageReadCount
    ori_page_read_user: OriPageReadUser = None
    ori_page_read_count: OriPageReadCount = None
    share_user: ShareUser
    share_count: ShareCount
    add_to_fav_user: AddToFavUser = None
    add_to_fav_count: AddToFavCount = None


getuserread = Endpoint(
    row=UserRead,
    name="getuserread",
    title_zh="获取图文统计数据",
    title_en="account-wide reading by channel",
    group=Group.ARTICLE,
    grain=Grain.DAY,
    span_days=3,
    key=(
        "ref_date",
        "user_source",
    ),
    permission_set=7,
    life=Life.RETIRED,
    retired_since="2026",
    successors=("getbizsummary",),
    errcodes=(
        -1,
        40001,
        61500,
    ),
    evidence=(
        Evidence("图文分析数据接口 › 获取图文统计数据"),
        Evidence("https://developers.weixin.qq.com/doc/service/api/wedata/news/api_getuserread"),
    ),
    notes=(
        "Never sum the 99999999 row together with the channel rows.",
        "Since 2020-02-28 ori_* and add_to_fav_* are filled only in the 99999999 row; channel rows carry 0 or, since 2020-03-01, lack those members (reported).",
        "Before 2020-02-28 there was no 99999999 row; ori/share/fav sat in the user_source=0 row (real 2017 data, asahouse/weixin-datacube test.sql).",
        "Channel *_user values can add up to more than the 99999999 row (reported: community/personal/oCJUsw1nOeV2DHGeJeMkn1QfPXA4).",
    ),
)


class UserReadHour(Row, frozen=True, kw_only=True):
    """Reading of an hour through one channel; 99999999 is all channels."""

    ref_date: RefDate
    ref_hour: RefHour
    user_source: UserSource
    int_page_read_user: IntPageReadUser
    int_page_read_count: IntPageReadCount
    ori_page_read_user: OriPageReadUser = None
    ori_page_read_count: OriPageReadCount = None
    share_user: ShareUser
    share_count: ShareCount
    add_to_fav_user: AddToFavUser = None
    add_to_fav_count: AddToFavCount = None
    total_online_time: Annotated[
        int | None, Code("（未公开）", "undocumented, 0 in every capture", status="reported")
    ] = None


getuserreadhour = Endpoint(
    row=UserReadHour,
    name="getuserreadhour",
    title_zh="获取图文统计分时数据",
    title_en="account-wide reading by hour and channel",
    group=Group.ARTICLE,
    grain=Grain.HOUR,
    span_days=1,
    key=(
        "ref_date",
        "ref_hour",
        "user_source",
    ),
    permission_set=7,
    life=Life.RETIRED,
    retired_since="2026",
    successors=(),
    errcodes=(
        -1,
        40001,
        61500,
    ),
    evidence=(
        Evidence("图文分析数据接口 › 获取图文统计分时数据"),
        Evidence(
            "https://developers.weixin.qq.com/doc/service/api/wedata/news/api_getuserreadhour"
        ),
    ),
    notes=(
        "Hourly data has no ori_* and no add_to_fav_* since 2020-02-28 (0).",
        "Sparse: a row exists only for an (hour, channel) with reads. In 3317 real rows of 31 days (2017) no row is all zero, channel 0 had all 24 hours on 29 of 31 days, channel 4 had about half of them; no duplicate keys.",
        "No successor with hourly grain.",
    ),
)


class UserShare(Row, frozen=True, kw_only=True):
    """Sharing of a day to one scene."""

    ref_date: RefDate
    share_scene: ShareScene
    share_count: ShareCount
    share_user: ShareUser
    user_source: AlwaysZero = None


getusershare = Endpoint(
    row=UserShare,
    name="getusershare",
    title_zh="获取图文分享转发数据",
    title_en="account-wide sharing by scene",
    group=Group.ARTICLE,
    grain=Grain.DAY,
    span_days=7,
    key=(
        "ref_date",
        "share_scene",
    ),
    permission_set=7,
    life=Life.RETIRED,
    retired_since="2026",
    successors=("getbizsummary",),
    errcodes=(
        -1,
        40001,
        61500,
    ),
    evidence=(
        Evidence("图文分析数据接口 › 获取图文分享转发数据"),
        Evidence("https://developers.weixin.qq.com/doc/service/api/wedata/news/api_getusershare"),
    ),
    notes=(
        "The doc sample shows share_scene 5, which no field table lists: accept unknown codes.",
    ),
)


class UserShareHour(Row, frozen=True, kw_only=True):
    """Sharing of an hour to one scene."""

    ref_date: RefDate
    ref_hour: RefHour
    share_scene: ShareScene
    share_count: ShareCount
    share_user: ShareUser
    user_source: AlwaysZero = None


getusersharehour = Endpoint(
    row=UserShareHour,
    name="getusersharehour",
    title_zh="获取图文分享转发分时数据",
    title_en="account-wide sharing by hour and scene",
    group=Group.ARTICLE,
    grain=Grain.HOUR,
    span_days=1,
    key=(
        "ref_date",
        "ref_hour",
        "share_scene",
    ),
    permission_set=7,
    life=Life.RETIRED,
    retired_since="2026",
    successors=(),
    errcodes=(
        -1,
        40001,
        61500,
    ),
    evidence=(
        Evidence("图文分析数据接口 › 获取图文分享转发分时数据"),
        Evidence(
            "https://developers.weixin.qq.com/doc/service/api/wedata/news/api_getusersharehour"
        ),
    ),
    notes=("Reported 2022-08-30 to answer extra rows of other dates.",),
)
