"""A reference implementation of the cube, slow and simple: sets and loops over events.

It shares nothing with the cube's SQL: it reads the event structs, one account at a time, and
follows the text of the rules.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from wxcube.beijing import BEIJING, month_end
from wxcube.contract import article, content, interface, message, user
from wxcube.contract.field import Row
from wxcube.events import kinds as ev

FIRST_CONTENT_DAY = date(2025, 11, 1)
SPLIT_DAY = date(2020, 2, 28)
LABELS = {
    "公众号消息": {0},
    "聊天会话": {1},
    "朋友圈": {2},
    "公众号主页": {4},
    "推荐": {6},
    "搜一搜": {7},
    "其他": {3, 5},
}
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class TimedEvent:
    """An event with its Beijing day and hour."""

    day: date
    hour: int
    event: Any


class Oracle:
    """Rows of one account up to the end of a day, by endpoint name."""

    def __init__(self, events: Iterable[ev.AnyEvent], account: str, through: date) -> None:
        self.through = through
        self.events = [s for s in _timed(events, account) if s.day <= through]
        self.published = _published(self.events)

    def rows(self, name: str) -> list[Row]:
        """The rows of an endpoint, ordered by its key."""
        return list(RULES[name](self))

    def of(self, *kinds: type[ev.Event]) -> list[TimedEvent]:
        return [s for s in self.events if isinstance(s.event, kinds)]

    def days(self) -> list[date]:
        """Every day from the account's first event on."""
        first = min((s.day for s in self.events), default=self.through + ONE_DAY)
        return [first + ONE_DAY * n for n in range((self.through - first).days + 1)]


def _timed(events: Iterable[ev.AnyEvent], account: str) -> Iterator[TimedEvent]:
    known: set[tuple[type[ev.Event], str]] = set()
    for event in events:
        if event.account == account and (type(event), event.id) not in known:
            known.add((type(event), event.id))
            moment = datetime.fromtimestamp(event.at, BEIJING)
            yield TimedEvent(moment.date(), moment.hour, event)


def _published(events: Iterable[TimedEvent]) -> dict[str, TimedEvent]:
    found: dict[str, TimedEvent] = {}
    for s in events:
        if isinstance(s.event, ev.Publish):
            before = found.get(s.event.msgid)
            if before is None or _precedes(s.event, before.event):
                found[s.event.msgid] = s
    return found


def _precedes(one: ev.Publish, other: ev.Publish) -> bool:
    """Whether an event is earlier than another; ties of a second go by content."""
    names = ("at", "publish_type", "target_user", "title", "content_url")
    return [getattr(one, n) for n in names] < [getattr(other, n) for n in names]


def users(events: Iterable[Any]) -> int:
    """The number of distinct users."""
    return len({e.user for e in events})


def grouped(
    events: Iterable[TimedEvent], key: Callable[[TimedEvent], Any]
) -> list[tuple[Any, list[Any]]]:
    groups: dict[Any, list[Any]] = defaultdict(list)
    for s in events:
        groups[key(s)].append(s.event)
    return sorted(groups.items())


def only(events: Iterable[Any], kind: type[ev.Event]) -> list[Any]:
    return [e for e in events if isinstance(e, kind)]


# ---------------------------------------------------------------- followers


def user_summary(o: Oracle) -> Iterator[Row]:
    for day in o.days():
        moves = [s.event for s in o.of(ev.Follow, ev.Unfollow) if s.day == day]
        for source in sorted({0, *(m.source for m in moves)}):
            here = [m for m in moves if m.source == source]
            yield user.UserSummary(
                ref_date=day,
                user_source=source,
                new_user=len(only(here, ev.Follow)),
                cancel_user=len(only(here, ev.Unfollow)),
            )


def user_cumulate(o: Oracle) -> Iterator[Row]:
    for day in o.days():
        past = [s.event for s in o.events if s.day <= day]
        opened = sum(e.followers for e in only(past, ev.Open))
        moves = len(only(past, ev.Follow)) - len(only(past, ev.Unfollow))
        yield user.UserCumulate(ref_date=day, cumulate_user=opened + moves)


# ----------------------------------------------------------------- messages


def monday_of(day: date) -> date:
    while day.isoweekday() != 1:
        day -= ONE_DAY
    return day


def week_over(o: Oracle, day: date) -> bool:
    return monday_of(day) + 6 * ONE_DAY <= o.through


def month_over(o: Oracle, day: date) -> bool:
    return month_end(day) <= o.through


def messages(o: Oracle, grain: str) -> list[tuple[date, TimedEvent]]:
    dated = [(s.day, s) for s in o.of(ev.Message)]
    if grain == "week":
        return [(monday_of(d), s) for d, s in dated if week_over(o, d)]
    if grain == "month":
        return [(date(d.year, d.month, 1), s) for d, s in dated if month_over(o, d)]
    return dated


def by_type(row: type[Row], grain: str) -> Callable[[Oracle], Iterator[Row]]:
    def rule(o: Oracle) -> Iterator[Row]:
        groups: dict[Any, list[Any]] = defaultdict(list)
        for day, s in messages(o, grain):
            groups[day, s.event.msg_type].append(s.event)
        for (day, kind), sent in sorted(groups.items()):
            yield row(ref_date=day, msg_type=kind, msg_user=users(sent), msg_count=len(sent))

    return rule


def by_hour_and_type(o: Oracle) -> Iterator[Row]:
    for (day, hour, kind), sent in grouped(
        o.of(ev.Message), lambda s: (s.day, s.hour, s.event.msg_type)
    ):
        yield message.UpstreamMsgHour(
            ref_date=day,
            ref_hour=hour * 100,
            msg_type=kind,
            msg_user=users(sent),
            msg_count=len(sent),
        )


def by_interval(row: type[Row], grain: str) -> Callable[[Oracle], Iterator[Row]]:
    def rule(o: Oracle) -> Iterator[Row]:
        sent: dict[date, Counter[str]] = defaultdict(Counter)
        for day, s in messages(o, grain):
            sent[day][s.event.user] += 1
        for day, numbers in sorted(sent.items()):
            for interval, least, most in ((1, 1, 5), (2, 6, 10), (3, 11, 10**9)):
                count = sum(1 for n in numbers.values() if least <= n <= most)
                if count:
                    yield row(ref_date=day, count_interval=interval, msg_user=count)

    return rule


# ------------------------------------------------------------------ replies


def reply_figures(replies: list[ev.Reply]) -> dict[str, int]:
    return {
        "callback_count": len(replies),
        "fail_count": sum(1 for r in replies if not r.ok),
        "total_time_cost": sum(r.ms for r in replies),
        "max_time_cost": max(r.ms for r in replies),
    }


def interface_day(o: Oracle) -> Iterator[Row]:
    for day, replies in grouped(o.of(ev.Reply), lambda s: s.day):
        yield interface.InterfaceSummary(ref_date=day, **reply_figures(replies))


def interface_hour(o: Oracle) -> Iterator[Row]:
    for (day, hour), replies in grouped(o.of(ev.Reply), lambda s: (s.day, s.hour)):
        figures = reply_figures(replies)
        yield interface.InterfaceSummaryHour(ref_date=day, ref_hour=hour * 100, **figures)


# --------------------------------------------------- retired article group

READING = (ev.Read, ev.ReadOriginal, ev.Share, ev.Favourite)


def figures(
    reads: list[Any], originals: list[Any], shares: list[Any], favourites: list[Any]
) -> Any:
    return {
        "int_page_read_user": users(reads),
        "int_page_read_count": len(reads),
        "ori_page_read_user": users(originals),
        "ori_page_read_count": len(originals),
        "share_user": users(shares),
        "share_count": len(shares),
        "add_to_fav_user": users(favourites),
        "add_to_fav_count": len(favourites),
    }


def figures_of(events: list[Any]) -> Any:
    return figures(*(only(events, kind) for kind in READING))


def channels_before_split(events: list[Any]) -> Iterator[tuple[int, Any]]:
    reads, originals, shares, favourites = (only(events, kind) for kind in READING)
    for channel in range(8):
        came = [r for r in reads if r.source == channel]
        rest = (originals, shares, favourites) if channel == 0 else ([], [], [])
        if came or any(rest):
            yield channel, figures(came, *rest)


def channels_after_split(events: list[Any], *, hourly: bool) -> Iterator[tuple[int, Any]]:
    reads, originals, shares, favourites = (only(events, kind) for kind in READING)
    if hourly:
        originals, favourites = [], []
    for channel in range(8):
        came = [r for r in reads if r.source == channel]
        gave = [s for s in shares if s.source == channel]
        if came or gave:
            yield channel, figures(came, [], gave, [])
    if reads or originals or shares or favourites:
        yield 99999999, figures(reads, originals, shares, favourites)


def user_read(o: Oracle) -> Iterator[Row]:
    for day, events in grouped(o.of(*READING), lambda s: s.day):
        split = day >= SPLIT_DAY
        channels = (
            channels_after_split(events, hourly=False) if split else channels_before_split(events)
        )
        for channel, values in channels:
            yield article.UserRead(ref_date=day, user_source=channel, **values)


def user_read_hour(o: Oracle) -> Iterator[Row]:
    for (day, hour), events in grouped(o.of(*READING), lambda s: (s.day, s.hour)):
        split = day >= SPLIT_DAY
        channels = (
            channels_after_split(events, hourly=True) if split else channels_before_split(events)
        )
        for channel, values in channels:
            yield article.UserReadHour(
                ref_date=day, ref_hour=hour * 100, user_source=channel, **values
            )


def user_share(o: Oracle) -> Iterator[Row]:
    for (day, scene), shares in grouped(o.of(ev.Share), lambda s: (s.day, s.event.scene)):
        yield article.UserShare(
            ref_date=day, share_scene=scene, share_count=len(shares), share_user=users(shares)
        )


def user_share_hour(o: Oracle) -> Iterator[Row]:
    for (day, hour, scene), shares in grouped(
        o.of(ev.Share), lambda s: (s.day, s.hour, s.event.scene)
    ):
        yield article.UserShareHour(
            ref_date=day,
            ref_hour=hour * 100,
            share_scene=scene,
            share_count=len(shares),
            share_user=users(shares),
        )


def article_summary(o: Oracle) -> Iterator[Row]:
    for (day, msgid), events in grouped(o.of(*READING), lambda s: (s.day, s.event.msgid)):
        sent = o.published.get(msgid)
        if sent is None or sent.event.publish_type != 0 or day < sent.day:
            continue
        f = figures_of(events)
        five = ("int_page_read_user", "ori_page_read_user", "share_user", "share_count")
        if sum(f[name] for name in five) + f["add_to_fav_count"] >= 3:
            yield article.ArticleSummary(ref_date=day, msgid=msgid, title=sent.event.title, **f)


TOTAL_CHANNELS = {
    "session": {0},
    "hist_msg": {4},
    "feed": {2},
    "friends": {1},
    "other": {3, 5, 6, 7},
}


def total_stat(day: date, target: int, events: list[Any]) -> article.ArticleTotalStat:
    channels: dict[str, int] = {}
    for place, codes in TOTAL_CHANNELS.items():
        came = [r for r in only(events, ev.Read) if r.source in codes]
        channels[f"int_page_from_{place}_read_user"] = users(came)
        channels[f"int_page_from_{place}_read_count"] = len(came)
    to_feed = [s for s in only(events, ev.Share) if s.scene == 2]
    for place, test in (
        ("session", lambda s: s.source == 0),
        ("feed", lambda s: s.source == 2),
        ("other", lambda s: s.source not in {0, 2}),
    ):
        gave = [s for s in to_feed if test(s)]
        channels[f"feed_share_from_{place}_user"] = users(gave)
        channels[f"feed_share_from_{place}_cnt"] = len(gave)
    return article.ArticleTotalStat(
        stat_date=day, target_user=target, **figures_of(events), **channels
    )


def sent_days(o: Oracle, sent: TimedEvent, days: int) -> list[tuple[date, list[Any]]]:
    """Each day on which an article counts, with its events from publication up to that day."""
    mine = [
        s
        for s in o.events
        if getattr(s.event, "msgid", None) == sent.event.msgid and s.day >= sent.day
    ]
    ends = [sent.day + ONE_DAY * n for n in range(days)]
    return [(end, [s.event for s in mine if s.day <= end]) for end in ends if end <= o.through]


def by_send_day(o: Oracle) -> list[tuple[str, TimedEvent]]:
    return sorted(o.published.items(), key=lambda item: (item[1].day, item[0]))


def article_total(o: Oracle) -> Iterator[Row]:
    for msgid, sent in by_send_day(o):
        if sent.event.publish_type == 0:
            target = sent.event.target_user
            stats = [total_stat(day, target, past) for day, past in sent_days(o, sent, 7)]
            yield article.ArticleTotal(
                ref_date=sent.day, msgid=msgid, title=sent.event.title, details=stats
            )


# ------------------------------------------------- published-content group


def sources(reads: list[ev.Read]) -> list[content.ReadUserSource]:
    entries = [content.ReadUserSource(scene_desc="全部", user_count=users(reads))]
    for label, codes in LABELS.items():
        count = users(r for r in reads if r.source in codes)
        if count:
            entries.append(content.ReadUserSource(scene_desc=label, user_count=count))
    return entries


def article_read(o: Oracle) -> Iterator[Row]:
    for (day, msgid), reads in grouped(o.of(ev.Read), lambda s: (s.day, s.event.msgid)):
        if day >= FIRST_CONTENT_DAY:
            detail = content.ArticleReadDetail(
                read_user=users(reads), read_user_source=sources(reads)
            )
            yield content.ArticleRead(ref_date=day, msgid=msgid, detail=detail)


def article_share(o: Oracle) -> Iterator[Row]:
    for (day, msgid), shares in grouped(o.of(ev.Share), lambda s: (s.day, s.event.msgid)):
        if day >= FIRST_CONTENT_DAY:
            detail = content.ArticleShareDetail(share_user=users(shares))
            yield content.ArticleShare(ref_date=day, msgid=msgid, detail=detail)


BIZ = (ev.Read, ev.Share, ev.Zaikan, ev.Like, ev.Comment, ev.Favourite, ev.ReadOriginal)


def biz_summary(o: Oracle) -> Iterator[Row]:
    days = {s.day for s in o.of(*BIZ)} | {s.day for s in o.published.values()}
    for day in sorted(d for d in days if d >= FIRST_CONTENT_DAY):
        events = [s.event for s in o.of(*BIZ) if s.day == day]
        reads = only(events, ev.Read)
        yield content.BizSummary(
            ref_date=day,
            detail=content.BizSummaryDetail(
                read_user=users(reads),
                read_user_source=sources(reads),
                share_user=users(only(events, ev.Share)),
                zaikan_user=users(only(events, ev.Zaikan)),
                like_user=users(only(events, ev.Like)),
                comment_count=len(only(events, ev.Comment)),
                collection_user=users(only(events, ev.Favourite)),
                redirect_ori_page_user=users(only(events, ev.ReadOriginal)),
                send_page_count=sum(1 for s in o.published.values() if s.day == day),
            ),
        )


def part(some: int, whole: int) -> float:
    return 0.0 if whole == 0 else round(some / whole, 7)


def jumps(reads: list[ev.Read]) -> list[content.ReadJumpPosition]:
    left = Counter(r.position for r in reads if r.position)
    whole = sum(left.values())
    return [
        content.ReadJumpPosition(position=p, rate=part(n, whole)) for p, n in sorted(left.items())
    ]


def detail_stat(day: date, target: int, events: list[Any]) -> content.ArticleTotalDetailStat:
    reads: list[ev.Read] = only(events, ev.Read)
    return content.ArticleTotalDetailStat(
        stat_date=day,
        read_user=users(reads),
        read_user_source=sources(reads),
        share_user=users(only(events, ev.Share)),
        zaikan_user=users(only(events, ev.Zaikan)),
        like_user=users(only(events, ev.Like)),
        comment_count=len(only(events, ev.Comment)),
        collection_user=users(only(events, ev.Favourite)),
        praise_money=sum(p.fen for p in only(events, ev.Praise)),
        read_subscribe_user=users(only(events, ev.Follow)),
        read_delivery_rate=part(users(r for r in reads if r.source == 0), target),
        read_finish_rate=part(users(r for r in reads if r.finished), users(reads)),
        read_avg_activetime=part(sum(r.seconds for r in reads), 60 * len(reads)),
        read_jump_position=jumps(reads),
    )


def article_total_detail(o: Oracle) -> Iterator[Row]:
    for msgid, sent in by_send_day(o):
        if sent.day >= FIRST_CONTENT_DAY:
            target = sent.event.target_user
            yield content.ArticleTotalDetail(
                ref_date=sent.day,
                msgid=msgid,
                publish_type=sent.event.publish_type,
                title=sent.event.title or None,
                content_url=sent.event.content_url or None,
                detail_list=[detail_stat(d, target, past) for d, past in sent_days(o, sent, 30)],
            )


RULES: dict[str, Callable[[Oracle], Iterator[Row]]] = {
    "getusersummary": user_summary,
    "getusercumulate": user_cumulate,
    "getarticlesummary": article_summary,
    "getarticletotal": article_total,
    "getuserread": user_read,
    "getuserreadhour": user_read_hour,
    "getusershare": user_share,
    "getusersharehour": user_share_hour,
    "getarticleread": article_read,
    "getarticleshare": article_share,
    "getbizsummary": biz_summary,
    "getarticletotaldetail": article_total_detail,
    "getupstreammsg": by_type(message.UpstreamMsg, "day"),
    "getupstreammsghour": by_hour_and_type,
    "getupstreammsgweek": by_type(message.UpstreamMsgWeek, "week"),
    "getupstreammsgmonth": by_type(message.UpstreamMsgMonth, "month"),
    "getupstreammsgdist": by_interval(message.UpstreamMsgDist, "day"),
    "getupstreammsgdistweek": by_interval(message.UpstreamMsgDistWeek, "week"),
    "getupstreammsgdistmonth": by_interval(message.UpstreamMsgDistMonth, "month"),
    "getinterfacesummary": interface_day,
    "getinterfacesummaryhour": interface_hour,
}
