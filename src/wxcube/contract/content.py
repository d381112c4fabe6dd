"""Published-content endpoints, the successors of the article ones.

Source:  发表内容数据接口.
"""

from datetime import date
from typing import Annotated

from wxcube.contract.columns import Msgid, RefDate
from wxcube.contract.endpoint import EARLIEST_CONTENT, Endpoint, Evidence, Grain, Group
from wxcube.contract.field import Code, Day, Label, Minutes, Rate, Row, Running, Times, Users

ReadUser = Annotated[int, Users("阅读人数", "distinct readers, all sources")]
ShareUser = Annotated[int, Users("分享人数", "distinct people who shared")]


class ReadUserSource(Row, frozen=True, kw_only=True):
    """Readers from one source; 全部 is all sources, people counted once."""

    scene_desc: Annotated[
        str, Label("来源场景", "traffic source label, Chinese text", table="scene_desc")
    ]
    user_count: Annotated[int, Users("阅读人数", "distinct readers from that source")]


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
    group=Group.CONTENT,
    grain=Grain.DAY,
    span_days=1,
    key=(
        "ref_date",
        "msgid",
    ),
    permission_set=7,
    first_date=EARLIEST_CONTENT,
    has_delay_flag=True,
    evidence=(
        Evidence("发表内容数据接口 › 获取发表内容每日阅读数据"),
        Evidence("https://developers.weixin.qq.com/doc/service/api/wedata/news/api_getarticleread"),
    ),
    notes=(
        "Data exists from 2025-11-01 on; earlier dates are void. Covers both mass-sent (群发) and published (发布) content.",
        "Metrics sit under list[].detail (an object).",
        "Nothing is listed for an article whose figures did not change that day.",
        "Each figure is that day's new readers (official wording: data produced on the day).",
        "One public project documents a 30-day span for this endpoint; the official page and other projects say 1 day. Use 1.",
        "Span: 1 (official page) vs 30 (one project)",
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
    group=Group.CONTENT,
    grain=Grain.DAY,
    span_days=1,
    key=(
        "ref_date",
        "msgid",
    ),
    permission_set=7,
    first_date=EARLIEST_CONTENT,
    has_delay_flag=True,
    evidence=(
        Evidence("发表内容数据接口 › 获取发表内容每日分享数据"),
        Evidence(
            "https://developers.weixin.qq.com/doc/service/api/wedata/news/api_getarticleshare"
        ),
    ),
    notes=(
        "Data exists from 2025-11-01 on; earlier dates are void. Covers both mass-sent (群发) and published (发布) content.",
        "Metrics sit under list[].detail (an object).",
        "Span: 1 (official page) vs 30 (one project)",
    ),
)


class BizSummaryDetail(Row, frozen=True, kw_only=True):
    """Figures of a row of getbizsummary."""

    read_user: ReadUser
    read_user_source: list[ReadUserSource]
    share_user: ShareUser
    zaikan_user: Annotated[
        int, Users("爱心赞人数", 'people who tapped the heart ("在看"/recommend)')
    ]
    like_user: Annotated[int, Users("拇指赞人数", "people who tapped the thumb (点赞)")]
    comment_count: Annotated[int, Times("留言条数", "comments left")]
    collection_user: Annotated[int, Users("微信收藏人数", "people who saved to WeChat favourites")]
    redirect_ori_page_user: Annotated[
        int, Users("跳转原文人数", "people who followed the original-page link")
    ]
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
    group=Group.CONTENT,
    grain=Grain.DAY,
    span_days=30,
    key=("ref_date",),
    permission_set=7,
    first_date=EARLIEST_CONTENT,
    has_delay_flag=True,
    evidence=(
        Evidence("发表内容数据接口 › 获取发表内容概况总数据"),
        Evidence("https://developers.weixin.qq.com/doc/service/api/wedata/news/api_getbizsummary"),
    ),
    notes=(
        "Data exists from 2025-11-01 on; earlier dates are void. Covers both mass-sent (群发) and published (发布) content.",
        "Metrics sit under list[].detail (an object).",
        'The doc text calls detail "per article" by mistake; the rows are account level.',
    ),
)


class ReadJumpPosition(Row, frozen=True, kw_only=True):
    """Share of readers who left in one fifth of the article."""

    position: Annotated[
        int,
        Code(
            "跳出位置", "fifth of the article at which the reader left: 1 = 0-20 % ... 5 = 80-100 %"
        ),
    ]
    rate: Annotated[float, Rate("跳出比例", "share of readers who left there")]


class ArticleTotalDetailStat(Row, frozen=True, kw_only=True):
    """Running totals from the publish day to the end of stat_date."""

    stat_date: Annotated[date, Day("统计日期", "last day counted")]
    read_user: Annotated[int, Running("阅读人数", "distinct readers, all sources", of="people")]
    read_user_source: list[ReadUserSource]
    share_user: Annotated[int, Running("分享人数", "distinct people who shared", of="people")]
    zaikan_user: Annotated[
        int, Running("爱心赞人数", 'people who tapped the heart ("在看"/recommend)', of="people")
    ]
    like_user: Annotated[
        int, Running("拇指赞人数", "people who tapped the thumb (点赞)", of="people")
    ]
    comment_count: Annotated[int, Running("留言条数", "comments left", of="items")]
    collection_user: Annotated[
        int, Running("微信收藏人数", "people who saved to WeChat favourites", of="people")
    ]
    praise_money: Annotated[int, Running("赞赏总金额", "reward money received", of="fen")]
    read_subscribe_user: Annotated[
        int, Running("阅读后关注人数", "people who followed the account after reading", of="people")
    ]
    read_delivery_rate: Annotated[float, Rate("送达阅读率", "share of people reached who read")]
    read_finish_rate: Annotated[float, Rate("阅读完成率", "share of readers who finished")]
    read_avg_activetime: Annotated[float, Minutes("平均阅读时长", "mean reading time")]
    read_jump_position: list[ReadJumpPosition]


class ArticleTotalDetail(Row, frozen=True, kw_only=True):
    """A published article and its running totals for up to 30 days."""

    ref_date: Annotated[date, Day("文章发表日期", "day the article was published")]
    msgid: Msgid
    publish_type: Annotated[
        int,
        Code("发表类型", "0 = followers were notified, 1 = notification off", table="publish_type"),
    ]
    title: Annotated[
        str | None,
        Label("图文消息的标题", "article title", note="in the samples, not in the field table"),
    ] = None
    content_url: Annotated[
        str | None,
        Label(
            "文章链接",
            "article link, http://mp.weixin.qq.com/s?__biz=...&mid=...&idx=...",
            note="added 2026-03-03 per the changelog; in the samples, not in the field table",
        ),
    ] = None
    detail_list: list[ArticleTotalDetailStat]


getarticletotaldetail = Endpoint(
    row=ArticleTotalDetail,
    name="getarticletotaldetail",
    title_zh="获取发表内容发表详细数据",
    title_en="published content: running totals per article",
    group=Group.CONTENT,
    grain=Grain.CUMULATIVE,
    span_days=1,
    key=(
        "ref_date",
        "msgid",
    ),
    permission_set=7,
    first_date=EARLIEST_CONTENT,
    has_delay_flag=True,
    moves_days=30,
    evidence=(
        Evidence("发表内容数据接口 › 获取发表内容发表详细数据"),
        Evidence(
            "https://developers.weixin.qq.com/doc/service/api/wedata/news/api_getarticletotaldetail"
        ),
    ),
    notes=(
        "Data exists from 2025-11-01 on; earlier dates are void. Covers both mass-sent (群发) and published (发布) content.",
        "begin_date selects by publish date; the answer holds stat_dates after it, up to yesterday.",
        "A begin/end range of more than one day answers date range error (community/develop/doc/000c06949140c0546984fa31760000), although the page speaks of a range.",
        "To refresh an article, ask for its publish date again on each of the following 30 days and replace the stored rows.",
    ),
)
