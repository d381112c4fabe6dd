"""Published-content endpoints, the successors of the article ones.

Source:  发表内容数据接口.
"""

from datetime import date
from typing import Annotated

from wxcube.contract.columns import Msgid, RefDate
from wxcube.contract.endpoint import EARLIEST_CONTENT, Endpoint, Evidence, Grain, Group
from wxcube.contract.field import Code, Day, Label, Minutes, Rate, Row, Running, Times, Users
from wxcube.i18n import _

_BOTH_KINDS = _("Covers mass-sent (群发) and published (发布) articles, from 2025-11-01 on.")
_ONE_PROJECT = Evidence("public project", status="uncertain", note="its table says 30 days per call; the official page and live answers say 1")
_PART = Evidence("inferred", status="uncertain", note="an article's figures are part of those of the account, so a day with a row here has one there")

ReadUser = Annotated[int, Users("阅读人数", "readers, over all sources")]
ShareUser = Annotated[int, Users("分享人数", "people who shared")]


class ReadUserSource(Row, frozen=True, kw_only=True):
    """Readers from one source; 全部 is all sources, people counted once."""

    user_count: Annotated[int, Users("阅读人数", "readers from that source")]
    scene_desc: Annotated[str, Label("来源场景", "source of the reading, as Chinese text", table="scene_desc")]


class ArticleReadDetail(Row, frozen=True, kw_only=True):
    """Figures of a row of getarticleread."""

    read_user: ReadUser
    read_user_source: list[ReadUserSource]


class ArticleRead(Row, frozen=True, kw_only=True):
    """An article's readers of one day."""

    ref_date: RefDate
    msgid: Msgid
    detail: ArticleReadDetail


getarticleread = Endpoint(
    row=ArticleRead,
    name="getarticleread",
    title_zh="获取发表内容每日阅读数据",
    title_en="published content: readers per day",
    row_zh="某篇文章某日的阅读人数，按来源场景",
    group=Group.CONTENT,
    grain=Grain.DAY,
    span_days=1,
    key=("ref_date", "msgid"),
    permission_set=7,
    first_date=EARLIEST_CONTENT,
    has_delay_flag=True,
    part_of="getbizsummary",
    evidence=(
        Evidence("获取发表内容每日阅读数据", "https://developers.weixin.qq.com/doc/service/api/wedata/news/api_getarticleread"),
        _ONE_PROJECT,
        _PART,
    ),
    notes=(
        _BOTH_KINDS,
        _("The figures are those of the day alone; an article without any change that day has no row."),
        _("read_user equals the 全部 entry; the other entries may exceed it, since a user can come from several sources."),
    ),
)


class ArticleShareDetail(Row, frozen=True, kw_only=True):
    """Figures of a row of getarticleshare."""

    share_user: ShareUser


class ArticleShare(Row, frozen=True, kw_only=True):
    """An article's sharers of one day."""

    ref_date: RefDate
    msgid: Msgid
    detail: ArticleShareDetail


getarticleshare = Endpoint(
    row=ArticleShare,
    name="getarticleshare",
    title_zh="获取发表内容每日分享数据",
    title_en="published content: sharers per day",
    row_zh="某篇文章某日的分享人数",
    group=Group.CONTENT,
    grain=Grain.DAY,
    span_days=1,
    key=("ref_date", "msgid"),
    permission_set=7,
    first_date=EARLIEST_CONTENT,
    has_delay_flag=True,
    part_of="getbizsummary",
    evidence=(
        Evidence("获取发表内容每日分享数据", "https://developers.weixin.qq.com/doc/service/api/wedata/news/api_getarticleshare"),
        _ONE_PROJECT,
        _PART,
    ),
    notes=(_BOTH_KINDS, _("The figures are those of the day alone; an article without any change that day has no row.")),
)


class BizSummaryDetail(Row, frozen=True, kw_only=True):
    """Figures of a row of getbizsummary."""

    read_user: ReadUser
    read_user_source: list[ReadUserSource]
    share_user: ShareUser
    zaikan_user: Annotated[int, Users("爱心赞人数", "people who tapped the heart (在看)")]
    like_user: Annotated[int, Users("拇指赞人数", "people who tapped the thumb (点赞)")]
    comment_count: Annotated[int, Times("留言条数", "comments left")]
    collection_user: Annotated[int, Users("微信收藏人数", "people who added to favourites")]
    redirect_ori_page_user: Annotated[int, Users("跳转原文人数", "people who followed the link to the original page")]
    send_page_count: Annotated[int, Times("发表篇数", "articles published that day")]


class BizSummary(Row, frozen=True, kw_only=True):
    """The account's figures of one day over all published content."""

    ref_date: RefDate
    detail: BizSummaryDetail


getbizsummary = Endpoint(
    row=BizSummary,
    name="getbizsummary",
    title_zh="获取发表内容概况总数据",
    title_en="published content: account totals per day",
    row_zh="公众号某日全部发表内容的阅读、分享、赞、留言与收藏",
    group=Group.CONTENT,
    grain=Grain.DAY,
    span_days=30,
    key=("ref_date",),
    permission_set=7,
    first_date=EARLIEST_CONTENT,
    has_delay_flag=True,
    evidence=(
        Evidence(
            "获取发表内容概况总数据",
            "https://developers.weixin.qq.com/doc/service/api/wedata/news/api_getbizsummary",
            note="calls detail the figures of an article; the rows are the account's",
        ),
    ),
    notes=(_BOTH_KINDS,),
)


class ReadJumpPosition(Row, frozen=True, kw_only=True):
    """Share of readers who left in one fifth of the article."""

    position: Annotated[int, Code("跳出位置", "fifth of the article in which readers left", table="jump_position")]
    rate: Annotated[float, Rate("跳出比例", "share of readers who left there")]


class ArticleTotalDetailStat(Row, frozen=True, kw_only=True):
    """Running totals from the publish day to the end of stat_date."""

    stat_date: Annotated[date, Day("统计日期", "last day counted")]
    read_user: Annotated[int, Running("阅读人数", "readers, over all sources", of="people")]
    read_user_source: list[ReadUserSource]
    share_user: Annotated[int, Running("分享人数", "people who shared", of="people")]
    zaikan_user: Annotated[int, Running("爱心赞人数", "people who tapped the heart (在看)", of="people", may_fall=True)]
    like_user: Annotated[int, Running("拇指赞人数", "people who tapped the thumb (点赞)", of="people", may_fall=True)]
    comment_count: Annotated[int, Running("留言条数", "comments left", of="times", may_fall=True)]
    collection_user: Annotated[int, Running("微信收藏人数", "people who added to favourites", of="people", may_fall=True)]
    praise_money: Annotated[int, Running("赞赏总金额", "reward money received", of="fen")]
    read_subscribe_user: Annotated[int, Running("阅读后关注人数", "people who followed the account after reading", of="people", may_fall=True)]
    read_delivery_rate: Annotated[float, Rate("送达阅读率", "share of the people reached who read")]
    read_finish_rate: Annotated[float, Rate("阅读完成率", "share of readers who came to the end")]
    read_avg_activetime: Annotated[float, Minutes("平均阅读时长", "reading time per reader")]
    read_jump_position: list[ReadJumpPosition]


class ArticleTotalDetail(Row, frozen=True, kw_only=True):
    """A published article and its running totals for up to 30 days."""

    ref_date: Annotated[date, Day("文章发表日期", "day the article was published")]
    msgid: Msgid
    publish_type: Annotated[int, Code("发表类型", "whether followers were notified", table="publish_type")]
    title: Annotated[str | None, Label("图文消息的标题", "article title", note="in the samples, not in the field table")] = None
    content_url: Annotated[str | None, Label("文章链接", "link to the article; its mid and idx make up msgid", note="added on 2026-03-03")] = None
    detail_list: list[ArticleTotalDetailStat]


getarticletotaldetail = Endpoint(
    row=ArticleTotalDetail,
    name="getarticletotaldetail",
    title_zh="获取发表内容发表详细数据",
    title_en="published content: running totals per article",
    row_zh="某日发表的一篇文章，以及发表后至多 30 天每天的累计值",
    group=Group.CONTENT,
    grain=Grain.CUMULATIVE,
    span_days=1,
    key=("ref_date", "msgid"),
    permission_set=7,
    first_date=EARLIEST_CONTENT,
    has_delay_flag=True,
    moves_days=30,
    evidence=(
        Evidence("获取发表内容发表详细数据", "https://developers.weixin.qq.com/doc/service/api/wedata/news/api_getarticletotaldetail"),
        Evidence(
            "community post",
            "https://developers.weixin.qq.com/community/develop/doc/000c06949140c0546984fa31760000",
            status="reported",
            note="a request of several days answers date range error, although the page speaks of a range",
        ),
    ),
    notes=(
        _BOTH_KINDS,
        _("The dates of a call select by publish day; the answer holds every stat_date from then to yesterday, at most 30."),
        _("Figures are totals so far: never add stat_dates up; a day's own figure is the difference to the day before."),
    ),
)
