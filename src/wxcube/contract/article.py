"""The six article endpoints WeChat switched off in 2026.

Source:  图文分析数据接口.
"""

from datetime import date
from typing import Annotated

from wxcube.contract.codes import ALL_CHANNELS, ALL_CHANNELS_SINCE
from wxcube.contract.columns import AlwaysZero, Msgid, RefDate, RefHour
from wxcube.contract.endpoint import Endpoint, Evidence, Grain, Group, ImpliedKey, Life
from wxcube.contract.field import Code, Day, Label, Row, Running, Times, Users, columns
from wxcube.i18n import _

_ERRCODES = (-1, 40001, 61500)
_PAGE = Evidence("图文分析数据接口", "https://developers.weixin.qq.com/doc/offiaccount/Analytics/Graphic_Analysis_Data_Interface.html")
_RETIRED = Evidence("live calls", status="reported", note="47009 this api is offline, please use the new api", seen="2026-05")
_CAPTURE_2017 = Evidence("asahouse/weixin-datacube src/main/resources/db/test/test.sql", status="reported", seen="2017")
_EXTRA_ROWS = Evidence(
    "community post",
    "https://developers.weixin.qq.com/community/personal/oCJUswyW32BcfhALc7CjtEg8JfyE",
    status="reported",
    note="the answer held rows of other dates",
    seen="2022-08-30",
)
_MAY_BE_ABSENT = Evidence(
    "community post",
    "https://developers.weixin.qq.com/community/personal/oCJUsw3vYJJtPI054gDd-OBkopgw",
    status="reported",
    note="rows of some channels lack ori_page_read_* and add_to_fav_*",
    seen="2020-03-01",
)
_PART = Evidence("inferred", status="uncertain", note="the figures of a day are those of its hours: both have rows or none has")
_LATER = "documented later; absent in a whole answer of 2022-08-19"
_CNT = "ends in _cnt, not _count"
_SPLIT = date.fromisoformat(ALL_CHANNELS_SINCE)
_FIRST_YEARS = _(
    "Answers of the first years have no user_source: one row for all channels. It is stored as 99999999, marked"
    " as such, and answered without user_source, as it came."
)
_NO_HOURS = _("The endpoints that replaced the article ones have no hours.")

Title = Annotated[str, Label("图文消息的标题", "article title")]
IntPageReadUser = Annotated[int, Users("图文页阅读人数", "people who opened the article page")]
IntPageReadCount = Annotated[int, Times("图文页阅读次数", "times the article page was opened")]
OriPageReadUser = Annotated[
    int | None, Users("原文页阅读人数", "people who followed the link to the original page (阅读原文); 0 without such a link")
]
OriPageReadCount = Annotated[int | None, Times("原文页阅读次数", "times the original page was opened")]
ShareUser = Annotated[int, Users("分享的人数", "people who shared")]
ShareCount = Annotated[int, Times("分享的次数", "times shared")]
AddToFavUser = Annotated[int | None, Users("收藏的人数", "people who added to favourites")]
AddToFavCount = Annotated[int | None, Times("收藏的次数", "times added to favourites")]
UserSource = Annotated[int, Code("用户从哪里进入来阅读", "channel the readers came from", table="user_source_read")]
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
    row_zh="某篇群发文章某日的阅读、分享与收藏；过少的不列出",
    group=Group.ARTICLE,
    grain=Grain.DAY,
    span_days=1,
    key=("ref_date", "msgid"),
    permission_set=7,
    life=Life.RETIRED,
    retired_since="2026",
    successors=("getarticleread", "getarticleshare", "getarticletotaldetail"),
    errcodes=_ERRCODES,
    evidence=(
        _PAGE,
        Evidence(
            "获取图文群发每日数据",
            "https://developers.weixin.qq.com/doc/service/api/wedata/news/api_getarticlesummary",
            note="explains 61500 as a range error, by mistake",
        ),
        Evidence(
            "community post",
            "https://developers.weixin.qq.com/community/develop/doc/0002202c720898ddf09a6f9245bc00",
            status="reported",
            note="an article appears only in the first 7 days after it is sent",
        ),
        _RETIRED,
    ),
    notes=(
        _("Lists every mass-sent (群发) article read on the day, whenever it was sent; articles that were only published are left out."),
        _("A row appears when int_page_read_user + ori_page_read_user + share_user + share_count + add_to_fav_count is 3 or more."),
    ),
)


class ArticleTotalStat(Row, frozen=True, kw_only=True):
    """Running totals from the send day to the end of stat_date."""

    stat_date: Annotated[date, Day("统计的日期", "last day counted")]
    target_user: Annotated[int, Running("送达人数", "people the mass-send reached: about all followers", of="people")]
    int_page_read_user: Annotated[int, Running("图文页阅读人数", "people who opened the article page", of="people")]
    int_page_read_count: Annotated[int, Running("图文页阅读次数", "times the article page was opened", of="times")]
    ori_page_read_user: Annotated[int | None, Running("原文页阅读人数", "people who followed the link to the original page", of="people")] = None
    ori_page_read_count: Annotated[int | None, Running("原文页阅读次数", "times the original page was opened", of="times")] = None
    share_user: Annotated[int, Running("分享的人数", "people who shared", of="people")]
    share_count: Annotated[int, Running("分享的次数", "times shared", of="times")]
    add_to_fav_user: Annotated[int | None, Running("收藏的人数", "people who added to favourites", of="people", may_fall=True)] = None
    add_to_fav_count: Annotated[int | None, Running("收藏的次数", "times added to favourites", of="times", may_fall=True)] = None
    int_page_from_session_read_user: Annotated[int, Running("公众号会话阅读人数", "readers from the account's chat", of="people")]
    int_page_from_session_read_count: Annotated[int, Running("公众号会话阅读次数", "reads from the account's chat", of="times")]
    int_page_from_hist_msg_read_user: Annotated[int, Running("历史消息页阅读人数", "readers from the history page", of="people")]
    int_page_from_hist_msg_read_count: Annotated[int, Running("历史消息页阅读次数", "reads from the history page", of="times")]
    int_page_from_feed_read_user: Annotated[int, Running("朋友圈阅读人数", "readers from Moments", of="people")]
    int_page_from_feed_read_count: Annotated[int, Running("朋友圈阅读次数", "reads from Moments", of="times")]
    int_page_from_friends_read_user: Annotated[int, Running("好友转发阅读人数", "readers from friends' forwards", of="people")]
    int_page_from_friends_read_count: Annotated[int, Running("好友转发阅读次数", "reads from friends' forwards", of="times")]
    int_page_from_other_read_user: Annotated[int, Running("其他场景阅读人数", "readers from other sources", of="people")]
    int_page_from_other_read_count: Annotated[int, Running("其他场景阅读次数", "reads from other sources", of="times")]
    int_page_from_kanyikan_read_user: Annotated[
        int | None, Running("看一看来源阅读人数", "readers from Top Stories (看一看)", of="people", note=_LATER)
    ] = None
    int_page_from_kanyikan_read_count: Annotated[
        int | None, Running("看一看来源阅读次数", "reads from Top Stories (看一看)", of="times", note=_LATER)
    ] = None
    int_page_from_souyisou_read_user: Annotated[
        int | None, Running("搜一搜来源阅读人数", "readers from Search (搜一搜)", of="people", note=_LATER)
    ] = None
    int_page_from_souyisou_read_count: Annotated[int | None, Running("搜一搜来源阅读次数", "reads from Search (搜一搜)", of="times", note=_LATER)] = (
        None
    )
    feed_share_from_session_user: Annotated[
        int, Running("公众号会话转发朋友圈人数", "people who forwarded from the account's chat to Moments", of="people")
    ]
    feed_share_from_session_cnt: Annotated[
        int, Running("公众号会话转发朋友圈次数", "forwards from the account's chat to Moments", of="times", note=_CNT)
    ]
    feed_share_from_feed_user: Annotated[int, Running("朋友圈转发朋友圈人数", "people who forwarded from Moments to Moments", of="people")]
    feed_share_from_feed_cnt: Annotated[int, Running("朋友圈转发朋友圈次数", "forwards from Moments to Moments", of="times", note=_CNT)]
    feed_share_from_other_user: Annotated[int, Running("其他场景转发朋友圈人数", "people who forwarded from elsewhere to Moments", of="people")]
    feed_share_from_other_cnt: Annotated[int, Running("其他场景转发朋友圈次数", "forwards from elsewhere to Moments", of="times", note=_CNT)]


LATER_COLUMNS = tuple(column.name for column in columns(ArticleTotalStat) if column.kind.note == _LATER)
"""The columns that only the last documents list; a whole answer of 2022 lacks them."""


class ArticleTotal(Row, frozen=True, kw_only=True):
    """A mass-sent article and its running totals for up to 7 days from sending."""

    ref_date: Annotated[date, Day("文章群发出日期", "day the article was mass-sent")]
    msgid: Msgid
    title: Title
    url: Annotated[str | None, Label("（未公开）", "link to the article, in some answers since 2021", status="reported")] = None
    user_source: AlwaysZero = None
    details: list[ArticleTotalStat]


getarticletotal = Endpoint(
    row=ArticleTotal,
    name="getarticletotal",
    title_zh="获取图文群发总数据",
    title_en="articles sent on a day, running totals",
    row_zh="某日群发的一篇文章，以及群发后至多 7 天每天的累计值",
    group=Group.ARTICLE,
    grain=Grain.CUMULATIVE,
    span_days=1,
    key=("ref_date", "msgid"),
    permission_set=7,
    moves_days=7,
    life=Life.RETIRED,
    retired_since="2026",
    successors=("getarticletotaldetail",),
    errcodes=_ERRCODES,
    evidence=(
        _PAGE,
        Evidence("获取图文群发总数据", "https://developers.weixin.qq.com/doc/service/api/wedata/news/api_getarticletotal"),
        _CAPTURE_2017,
        Evidence(
            "community post",
            "https://developers.weixin.qq.com/community/personal/oCJUswzrgn4zLltK8i9sv7kuZOV4",
            status="reported",
            note="a whole answer without the kanyikan and souyisou columns",
            seen="2022-08-19",
        ),
        Evidence("binarywang/WxJava issue 2028", status="sdk", note="url; another project reads content_url"),
        _RETIRED,
    ),
    notes=(
        _("The dates of a call select by send day, not by reading day; the answer holds the send day and at most 6 more."),
        _("Figures are totals so far: never add stat_dates up; a day's own figure is the difference to the day before."),
        _("int_page_from_*_read_count add up to int_page_read_count; the *_read_user exceed int_page_read_user."),
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


class UserReadWithoutChannel(UserRead, frozen=True, kw_only=True):
    """Reading of a day in an answer of the first years: all channels, without a user_source."""

    user_source: UserSource = ALL_CHANNELS


getuserread = Endpoint(
    row=UserRead,
    name="getuserread",
    title_zh="获取图文统计数据",
    title_en="account-wide reading by channel",
    row_zh="某日某渠道的图文阅读、分享与收藏；99999999 为全部渠道，同一人只计一次",
    group=Group.ARTICLE,
    grain=Grain.DAY,
    span_days=3,
    key=("ref_date", "user_source"),
    permission_set=7,
    life=Life.RETIRED,
    retired_since="2026",
    successors=("getbizsummary",),
    errcodes=_ERRCODES,
    implied_key=ImpliedKey("user_source", ALL_CHANNELS, UserReadWithoutChannel, before=_SPLIT),
    evidence=(
        _PAGE,
        Evidence("获取图文统计数据", "https://developers.weixin.qq.com/doc/service/api/wedata/news/api_getuserread"),
        _MAY_BE_ABSENT,
        _CAPTURE_2017,
        Evidence(
            "community post",
            "https://developers.weixin.qq.com/community/personal/oCJUsw1nOeV2DHGeJeMkn1QfPXA4",
            status="reported",
            note="the people of the channels add up to more than the row of all channels",
        ),
        _RETIRED,
    ),
    notes=(
        _FIRST_YEARS,
        _("Never add the 99999999 row to the rows of the channels."),
        _("Since 2020-02-28 original-page and favourite figures are in the 99999999 row only; the channels have 0 or leave them out."),
        _("Before 2020-02-28 there is no 99999999 row; original-page, share and favourite figures are in the row of channel 0."),
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
    total_online_time: AlwaysZero = None


class UserReadHourWithoutChannel(UserReadHour, frozen=True, kw_only=True):
    """Reading of an hour in an answer of the first years: all channels, without a user_source."""

    user_source: UserSource = ALL_CHANNELS


getuserreadhour = Endpoint(
    row=UserReadHour,
    name="getuserreadhour",
    title_zh="获取图文统计分时数据",
    title_en="account-wide reading by hour and channel",
    row_zh="某小时某渠道的图文阅读与分享；99999999 为全部渠道，同一人只计一次",
    group=Group.ARTICLE,
    grain=Grain.HOUR,
    span_days=1,
    key=("ref_date", "ref_hour", "user_source"),
    permission_set=7,
    life=Life.RETIRED,
    retired_since="2026",
    errcodes=_ERRCODES,
    implied_key=ImpliedKey("user_source", ALL_CHANNELS, UserReadHourWithoutChannel, before=_SPLIT),
    part_of="getuserread",
    evidence=(
        _PAGE,
        Evidence("获取图文统计分时数据", "https://developers.weixin.qq.com/doc/service/api/wedata/news/api_getuserreadhour"),
        _CAPTURE_2017,
        _RETIRED,
        _PART,
    ),
    notes=(
        _FIRST_YEARS,
        _("A row exists only for an hour and channel with reads."),
        _("Since 2020-02-28 hours have no original-page and no favourite figures."),
        _NO_HOURS,
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
    row_zh="某日某分享场景的分享人数与次数",
    group=Group.ARTICLE,
    grain=Grain.DAY,
    span_days=7,
    key=("ref_date", "share_scene"),
    permission_set=7,
    life=Life.RETIRED,
    retired_since="2026",
    successors=("getbizsummary",),
    errcodes=_ERRCODES,
    evidence=(
        _PAGE,
        Evidence("获取图文分享转发数据", "https://developers.weixin.qq.com/doc/service/api/wedata/news/api_getusershare"),
        _RETIRED,
    ),
    notes=(_("WeChat's sample has a share_scene 5 that its list of scenes lacks."),),
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
    row_zh="某小时某分享场景的分享人数与次数",
    group=Group.ARTICLE,
    grain=Grain.HOUR,
    span_days=1,
    key=("ref_date", "ref_hour", "share_scene"),
    permission_set=7,
    life=Life.RETIRED,
    retired_since="2026",
    errcodes=_ERRCODES,
    part_of="getusershare",
    evidence=(
        _PAGE,
        Evidence("获取图文分享转发分时数据", "https://developers.weixin.qq.com/doc/service/api/wedata/news/api_getusersharehour"),
        _EXTRA_ROWS,
        _RETIRED,
        _PART,
    ),
    notes=(_NO_HOURS,),
)
