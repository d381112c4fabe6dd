"""Views for people and BI tools, with the same names and columns in every database.

Each has one grain, the day as a date and its beginning in Beijing as a timestamp, the meaning of
codes, and origin and state. Columns have WeChat's names; those of the retired article endpoints
have the name of the same figure in the endpoints that replaced them. Figures that WeChat withdrew
are left out. Users are never added up: a figure is null where WeChat has no total.

The retired article endpoints give the figures up to the day before the seam, their successors those
from then on; `era` says which.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import sqlalchemy as sa

from wxcube.contract import article, content, interface, message, user
from wxcube.contract.codes import ALL_CHANNELS, ALL_SCENES
from wxcube.contract.endpoint import VIEW_PREFIX, Endpoint
from wxcube.contract.field import Column, Moves, leaves
from wxcube.i18n import Meaning
from wxcube.warehouse.sql_dates import beijing_time, days_between
from wxcube.warehouse.view_unions import Part, is_current, one_row_per, rows_of, union, view_of
from wxcube.warehouse.views import View, ViewColumn, as_text

_RETIRED_NAMES = {
    "read_user": "int_page_read_user",
    "read_count": "int_page_read_count",
    "redirect_ori_page_user": "ori_page_read_user",
    "redirect_ori_page_count": "ori_page_read_count",
    "collection_user": "add_to_fav_user",
    "collection_count": "add_to_fav_count",
}
"""Names of figures in these views, and in the retired endpoints."""
_NET_USER = Column("net_user", int, Moves("净增用户数", "follows less unfollows"), optional=True)

_MEANINGS = {
    "appid": Meaning("account", "公众号"),
    "ref_date": Meaning("Beijing day of the figures", "数据的日期（北京时间）"),
    "publish_date": Meaning("day the article was published", "文章发表日期"),
    "stat_date": Meaning("last day counted", "统计截止日期"),
    "days_since_publishing": Meaning(
        "days from publishing to stat_date; 0: the publish day", "发表后第几天；0 为发表当天"
    ),
    "beijing_time": Meaning(
        "beginning of the day or hour, Beijing time", "该日或该小时的开始时间（北京时间）"
    ),
    "title": Meaning("article title", "图文消息的标题"),
    "activity": Meaning("what users did: follow, read or share", "行为：follow、read 或 share"),
    "activity_zh": Meaning("activity, in words (zh)", "行为，文字（zh）"),
    "activity_en": Meaning("activity, in words (en)", "行为，文字（en）"),
    "channel": Meaning("code of the channel or scene", "渠道或场景的代码"),
    "channel_zh": Meaning("channel, in words (zh)", "渠道，文字（zh）"),
    "channel_en": Meaning("channel, in words (en)", "渠道，文字（en）"),
    "is_total": Meaning(
        "1: all channels, users counted once; 0: one channel",
        "1：全部渠道，同一人只计一次；0：单个渠道",
    ),
    "mean_time_cost": Meaning("mean wait for a reply", "平均耗时"),
    "era": Meaning(
        "retired: figures of the endpoints that WeChat retired; active: of current endpoints",
        "retired：来自已下线接口；active：来自现有接口",
    ),
    "origin": Meaning(
        "origin of the figures: wechat, import, cube or derived; mixed if they differ",
        "数据来源：wechat、import、cube 或 derived；不一致时为 mixed",
    ),
    "state": Meaning(
        "state of the figures: final, or moving if some may still change",
        "数据状态：final 已定稿；可能变动时为 moving 变动中",
    ),
}
_UNITS = {"mean_time_cost": "ms", "days_since_publishing": "day"}
_ACTIVITIES = {
    "follow": Meaning("follows", "关注"),
    "read": Meaning("reading", "阅读"),
    "share": Meaning("sharing", "分享"),
}


@cache
def analysis_views() -> tuple[View, ...]:
    """The views, in the order in which they are shown."""
    return (
        _follower_day(),
        _article_day(),
        _article_curve(),
        _message_hour(),
        _channel_day(),
        _interface_day(),
    )


# --- the views -----------------------------------------------------------------------------------


def _follower_day() -> View:
    changes, totals = rows_of("user_summary"), rows_of("user_cumulate")
    parts = (
        Part(changes, _by_name(changes, "new_user", "cancel_user")),
        Part(totals, _by_name(totals, "cumulate_user")),
    )
    endpoints = (user.getusersummary, user.getusercumulate)
    figures = _figures(endpoints, ("new_user", "cancel_user", "cumulate_user"))
    rows = one_row_per(("appid", "ref_date"), figures, union(parts))
    difference = rows.c.new_user - rows.c.cancel_user
    net = ViewColumn(_NET_USER.name, difference, _of(_NET_USER), column=_NET_USER)
    new, lost, total = _shown(rows, figures)
    return _view(
        "v_follower_day",
        Meaning("followers by day: gained, lost and in total", "每日关注用户：新增、取消与总数"),
        endpoints[0],
        (*_day(rows), new, lost, net, total, *_marks(rows)),
    )


def _article_day() -> View:
    read, share, old = rows_of("article_read"), rows_of("article_share"), rows_of("article_summary")
    names = (
        "read_user",
        "read_count",
        "share_user",
        "share_count",
        "redirect_ori_page_user",
        "redirect_ori_page_count",
        "collection_user",
        "collection_count",
    )
    key = ("appid", "ref_date", "msgid")
    figures = _figures(
        (content.getarticleread, content.getarticleshare, article.getarticlesummary), names
    )
    parts = (
        Part(read, _by_name(read, "msgid", "read_user"), content.getarticleread),
        Part(share, _by_name(share, "msgid", "share_user"), content.getarticleshare),
        Part(
            old,
            _by_name(old, "msgid", "title") | _retired(old, names),
            article.getarticlesummary,
        ),
    )
    rows = one_row_per(key, figures, union(parts), texts=("title", "era"))
    known = _articles()
    source = rows.outerjoin(known, _same(rows, known, ("appid", "msgid")))
    return _view(
        "v_article_day",
        Meaning("articles by day: readers and sharers of that day", "每日每篇文章：当日阅读与分享"),
        content.getarticleread,
        (
            *_day(rows),
            _contract(content.getarticleread, "msgid", rows.c.msgid),
            _added("title", sa.func.coalesce(rows.c.title, known.c.title)),
            _added("publish_date", known.c.publish_date),
            *_shown(rows, figures),
            *_marks(rows, with_era=True),
        ),
        source,
    )


def _article_curve() -> View:
    new, old = rows_of("article_total_detail__detail_list"), rows_of("article_total__details")
    retired = ("target_user", *_RETIRED_NAMES, "share_user", "share_count")
    active = tuple(
        one.name
        for path, one in leaves(content.getarticletotaldetail.row)
        if path.startswith("detail_list[].") and path.count("[]") == 1 and one.name != "stat_date"
    )
    names = tuple(dict.fromkeys((*active, *retired)))
    figures = _figures((content.getarticletotaldetail, article.getarticletotal), names)
    keys = ("msgid", "stat_date", "title")
    parts = (
        Part(new, _by_name(new, *keys, *active), content.getarticletotaldetail),
        Part(old, _by_name(old, *keys) | _retired(old, retired), article.getarticletotal),
    )
    rows = union(parts)
    return _view(
        "v_article_curve",
        Meaning(
            "articles by days since publishing: totals so far",
            "每篇文章发表后逐日的累计值",
        ),
        content.getarticletotaldetail,
        (
            _added("appid", rows.c.appid),
            _contract(content.getarticletotaldetail, "msgid", rows.c.msgid),
            _added("title", rows.c.title),
            _added("publish_date", rows.c.ref_date),
            _added("days_since_publishing", days_between(rows.c.ref_date, rows.c.stat_date)),
            _added("stat_date", rows.c.stat_date),
            _added("beijing_time", beijing_time(rows.c.stat_date)),
            *_shown(rows, figures),
            *_marks(rows, with_era=True),
        ),
    )


def _message_hour() -> View:
    rows = rows_of("upstream_msg_hour")
    names = ("ref_hour", "msg_type", "msg_type_zh", "msg_type_en", "msg_user", "msg_count")
    return _view(
        "v_message_hour",
        Meaning("messages from users by hour and type", "每小时每类用户消息"),
        message.getupstreammsghour,
        (*_day(rows, rows.c.ref_hour), *_unchanged(rows, names), *_marks(rows)),
        where=is_current(rows),
    )


def _interface_day() -> View:
    rows = rows_of("interface_summary")
    names = ("callback_count", "fail_count", "total_time_cost", "max_time_cost")
    total, count = rows.c.total_time_cost, rows.c.callback_count
    mean = sa.cast(total, sa.Double()) / sa.func.nullif(count, 0)
    return _view(
        "v_interface_day",
        Meaning("replies of the account's server by day", "每日被动回复的次数、失败与耗时"),
        interface.getinterfacesummary,
        (
            *_day(rows),
            *_unchanged(rows, names),
            _added("mean_time_cost", mean),
            *_marks(rows),
        ),
        where=is_current(rows),
    )


def _channel_day() -> View:
    follow, old_read, share = rows_of("user_summary"), rows_of("user_read"), rows_of("user_share")
    read = rows_of("biz_summary__read_user_source")
    parts = (
        Part(
            follow,
            _channel(follow, "follow", "user_source") | _by_name(follow, "new_user", "cancel_user"),
            user.getusersummary,
        ),
        Part(
            read,
            _channel(read, "read", "scene_desc", ALL_SCENES) | {"read_user": read.c.user_count},
            content.getbizsummary,
        ),
        Part(
            old_read,
            _channel(old_read, "read", "user_source", ALL_CHANNELS)
            | _retired(old_read, ("read_user", "read_count")),
            article.getuserread,
        ),
        Part(
            share,
            _channel(share, "share", "share_scene") | _by_name(share, "share_user", "share_count"),
            article.getusershare,
        ),
    )
    figures = _figures(
        (user.getusersummary, content.getbizsummary, article.getuserread, article.getusershare),
        ("new_user", "cancel_user", "read_user", "read_count", "share_user", "share_count"),
    )
    rows = union(parts)
    texts = ("activity", "activity_zh", "activity_en", "channel", "channel_zh", "channel_en")
    return _view(
        "v_channel_day",
        Meaning(
            "channels by day: where follows, reads and shares came from",
            "每日渠道：关注、阅读与分享从何而来",
        ),
        content.getbizsummary,
        (
            *_day(rows),
            *(_added(name, rows.c[name]) for name in (*texts, "is_total")),
            *_shown(rows, figures),
            *_marks(rows, with_era=True),
        ),
    )


def _channel(
    rows: sa.TableClause, activity: str, code: str, total: int | str | None = None
) -> dict[str, sa.ColumnElement[Any]]:
    """What was done and the channel; `total` is the code of all channels together."""
    label = _ACTIVITIES[activity]
    is_total = sa.case((rows.c[code] == total, 1), else_=0) if total is not None else sa.literal(0)
    return {
        "activity": sa.literal(activity),
        "activity_zh": sa.literal(label.zh),
        "activity_en": sa.literal(str(label)),
        "channel": as_text(rows.c[code]),
        "channel_zh": rows.c[f"{code}_zh"],
        "channel_en": rows.c[f"{code}_en"],
        "is_total": is_total,
    }


def _articles() -> sa.Subquery:
    """Title and publish day of each article."""
    parts = [
        sa.select(rows.c.appid, rows.c.msgid, rows.c.ref_date, rows.c.title).where(is_current(rows))
        for rows in (rows_of("article_total_detail"), rows_of("article_total"))
    ]
    all_rows = sa.union_all(*parts).subquery("published")
    return (
        sa.select(
            all_rows.c.appid,
            all_rows.c.msgid,
            sa.func.min(all_rows.c.ref_date).label("publish_date"),
            sa.func.max(all_rows.c.title).label("title"),
        )
        .group_by(all_rows.c.appid, all_rows.c.msgid)
        .subquery("articles")
    )


# --- columns -------------------------------------------------------------------------------------


def _by_name(rows: sa.TableClause, *names: str) -> dict[str, sa.ColumnElement[Any]]:
    return {name: rows.c[name] for name in names}


def _retired(rows: sa.TableClause, names: Sequence[str]) -> dict[str, sa.ColumnElement[Any]]:
    """Figures of a retired endpoint, by their names here."""
    return {name: rows.c[_RETIRED_NAMES.get(name, name)] for name in names}


def _same(one: sa.FromClause, other: sa.FromClause, names: Sequence[str]) -> sa.ColumnElement[bool]:
    return sa.and_(*(one.c[name] == other.c[name] for name in names))


def _figures(endpoints: Sequence[Endpoint[Any]], names: Sequence[str]) -> list[Column]:
    """The contract's description of each figure, under its name here."""
    known: dict[str, Column] = {}
    for endpoint in endpoints:
        for _path, column in leaves(endpoint.row):
            known.setdefault(column.name, column)
    return [replace(known.get(name) or known[_RETIRED_NAMES[name]], name=name) for name in names]


def _shown(rows: sa.FromClause, figures: Sequence[Column]) -> list[ViewColumn]:
    return [ViewColumn(one.name, rows.c[one.name], _of(one), None, one) for one in figures]


def _of(column: Column) -> Meaning:
    return Meaning.of(column.kind)


def _contract(endpoint: Endpoint[Any], name: str, value: sa.ColumnElement[Any]) -> ViewColumn:
    column = next(one for _path, one in leaves(endpoint.row) if one.name == name)
    return ViewColumn(name, value, _of(column), None, column)


def _unchanged(rows: sa.TableClause, names: Sequence[str]) -> Iterator[ViewColumn]:
    """Columns as the view of the endpoint has them."""
    known = {one.name: one for one in view_of(rows.name.removeprefix(VIEW_PREFIX)).columns}
    return (replace(known[name], expression=rows.c[name], table=None) for name in names)


def _added(name: str, value: sa.ColumnElement[Any]) -> ViewColumn:
    return ViewColumn(name, value, _MEANINGS[name], added_unit=_UNITS.get(name, ""))


def _day(
    rows: sa.FromClause, hour: sa.ColumnElement[int] | None = None
) -> tuple[ViewColumn, ViewColumn, ViewColumn]:
    day = rows.c.ref_date
    start = beijing_time(day) if hour is None else beijing_time(day, hour)
    return (
        _added("appid", rows.c.appid),
        _added("ref_date", day),
        _added("beijing_time", start),
    )


def _marks(rows: sa.FromClause, *, with_era: bool = False) -> Iterator[ViewColumn]:
    names = ("era", "origin", "state") if with_era else ("origin", "state")
    return (_added(name, rows.c[name]) for name in names)


def _view(
    name: str,
    title: Meaning,
    endpoint: Endpoint[Any],
    columns: Sequence[ViewColumn],
    source: sa.FromClause | None = None,
    *,
    where: sa.ColumnElement[bool] | None = None,
) -> View:
    select = sa.select(*(one.expression.label(one.name) for one in columns))
    if source is not None:
        select = select.select_from(source)
    if where is not None:
        select = select.where(where)
    return View(name, title, endpoint, tuple(columns), select)
