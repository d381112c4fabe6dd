"""Content: readers by day, articles, the life of one article, and its channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from wxcube.contract import codes
from wxcube.contract.article import getuserread
from wxcube.contract.codes import ALL_CHANNELS, ALL_SCENES
from wxcube.contract.content import getarticletotaldetail, getbizsummary
from wxcube.contract.endpoint import EARLIEST, EARLIEST_CONTENT
from wxcube.contract.window import Window
from wxcube.figures import eras, numbers
from wxcube.figures.eras import Article
from wxcube.figures.figure import Column, Counted, Figure
from wxcube.figures.filter import Filter, earlier
from wxcube.figures.help import computed, help_of
from wxcube.figures.peers import PEER_DAYS, Median, around, at_age, at_every_age
from wxcube.figures.reader import Days, Reader
from wxcube.figures.samples import ARTICLES, READERS_OF_RATE, READERS_OF_SHARE
from wxcube.figures.series import ACCOUNT, Question, answer, notes_on, of_account, plain
from wxcube.i18n import NOTHING, SEMICOLON, Meaning, Message, _, joined, plural

READERS = Column.of(getbizsummary, "read_user", _("readers"))
SHARERS = Column.of(getbizsummary, "share_user", _("sharers"))
CURVE_DAYS = 30
"""Days since publishing that a life curve has."""
_TITLE = Column(name="title", title=_("article title"), is_key=True)
_MSGID = Column(name="msgid", title=_("article"), is_key=True)
_PUBLISHED = Column(name="ref_date", title=_("published"), unit="day", is_key=True)
_FIGURES = (
    Column.of(getarticletotaldetail, "read_user", _("readers")),
    Column.of(getarticletotaldetail, "share_user", _("sharers")),
    Column.of(getarticletotaldetail, "collection_user", _("favourites")),
    Column.of(getarticletotaldetail, "read_subscribe_user", _("followed after reading")),
    Column.of(getarticletotaldetail, "read_delivery_rate", _("read rate")),
    Column.of(getarticletotaldetail, "read_finish_rate", _("completion rate")),
    Column.of(getarticletotaldetail, "read_avg_activetime", _("reading time")),
)
_SHARE = Column(name="share_rate", title=_("sharers per reader"), unit="fraction")
_SHARE_HELP = computed(
    getarticletotaldetail,
    _SHARE.name,
    _SHARE.unit,
    _("people who shared the article divided by its readers"),
)
_SHARE_NOTE = _(
    "Sharers per reader are given for articles with {n} readers or more.", n=READERS_OF_SHARE
)
_NOT_SENT_NOTE = _(
    "Articles published without a mass send have no read rate: nobody was notified of them."
)
_MEDIAN = Column(name="median", title=_("median at the same age"), unit="people")
_AGAINST = Column(name="against_median", title=_("times the median"), unit="")
_N = Column(name="n", title=_("articles in the median"))
_PEERS_NOTE = _(
    "The median is that of the account's other articles published within {days} "
    "days, each at the age that the article has now.",
    days=PEER_DAYS,
)
_COUNTED = Column(name="stat_date", title=_("counted up to"), unit="day")
_MOVING = Column(name="is_moving", title=_("can still change"))
_NO_ARTICLE = _("Choose an article in the table of articles.")
_ONLY_SINCE = _("WeChat provides this only for articles from {day} on.", day=EARLIEST_CONTENT)
_LAST_FIFTH = 5
_BEFORE = Column(name="before", title=_("before"), unit="people")
_OTHER_CHANNELS = _("The earlier days have other channels, so they are not compared.")
_PEOPLE_NOTE = _(
    "The same person can come through several channels, so channels do not add up to a total."
)


READING = Question(
    key="content/readers",
    title=_("Readers and sharers"),
    endpoints=(getuserread, getbizsummary),
    load=eras.reading,
    measures=(plain(READERS), plain(SHARERS)),
    help=help_of(getbizsummary, "read_user", "share_user"),
    seams=(eras.SEAM,),
)


def readers(reader: Reader, of: Filter) -> Figure:
    """Readers and sharers by day, over both eras."""
    figure = answer(READING, reader, of)
    return replace(figure, notes=(*eras.notes_on_reading(figure.window), *figure.notes))


def articles(reader: Reader, of: Filter) -> Figure:
    """The articles published in the range, each compared with the median of its account."""
    window, accounts = reader.window(of, getuserread, getarticletotaldetail), reader.accounts(of)
    compared = eras.articles(reader, accounts, around(window))
    found = [one for one in compared if one.published in window]
    shown = [one for one in found if of.search.casefold() in one.title.casefold()]
    peers = at_age(reader, shown, compared)
    medians = [peers.median(one, one.age) for one in shown]
    readers, sharers, *others = _FIGURES
    columns = (
        *(ACCOUNT, _PUBLISHED, _MSGID, _TITLE, readers, sharers, _SHARE, *others),
        *(_MEDIAN, _AGAINST, _N, _COUNTED, _MOVING),
    )
    rows = _sorted(list(map(_row, shown, medians)), columns, of.sort)
    n = max((one.n for one in medians), default=0)
    return Figure(
        key="content/articles",
        title=_("Articles"),
        window=window,
        accounts=accounts,
        columns=columns,
        rows=tuple(rows),
        help=(
            *help_of(getarticletotaldetail, *(column.name for column in _FIGURES)),
            _SHARE_HELP,
        ),
        notes=(*reader.notes_on_accounts(of), *_article_notes(found, shown, window)),
        n=n,
        counted=Counted.ARTICLES,
        refusal=NOTHING if n >= ARTICLES or not shown else _too_few(n),
        sentence=_articles_sentence(accounts, found),
    )


def curve(reader: Reader, of: Filter) -> Figure:
    """Readers of one article by days since publishing, beside the median of its account."""
    article = _chosen(reader, of)
    if article is None:
        return _without_article("content/curve", _("Reading curve of the article"), reader, of)
    endpoint, peers = eras.endpoint_of(article.published), at_every_age(reader, article)
    rows = []
    for age in range(1, min(endpoint.moves_days, CURVE_DAYS) + 1):
        others = peers.median(article, age)
        rows.append((age, peers.own(article, age), others.value, others.n))
    now = peers.median(article, article.age)
    return Figure(
        key="content/curve",
        title=_("Reading curve of the article"),
        window=Window(article.published, article.stat_date),
        accounts=(article.appid,),
        columns=(
            Column(name="age", title=_("days since publishing"), unit="day", is_key=True),
            Column(name="readers", title=_("readers so far"), unit="people"),
            Column(name="median", title=_("median of other articles"), unit="people"),
            _N,
        ),
        rows=tuple(rows),
        help=help_of(getarticletotaldetail, "read_user"),
        notes=(_title_note(article), _PEERS_NOTE, *_moving_note(article)),
        n=now.n,
        counted=Counted.ARTICLES,
        refusal=NOTHING if any(row[2] is not None for row in rows) else _too_few(now.n),
        sentence=_curve_sentence(article, now),
    )


def channels(reader: Reader, of: Filter) -> Figure:
    """Readers by channel: of the chosen article so far, or of the accounts per day."""
    if of.article:
        article = _chosen(reader, of)
        if article is None or article.published < EARLIEST_CONTENT:
            return _without_article("content/channels", _("Readers by channel"), reader, of)
        return _article_channels(reader, article)
    window, accounts = reader.window(of, getuserread, getbizsummary), reader.accounts(of)
    days = _channel_days(reader, accounts, window)
    before = _channel_days(reader, accounts, earlier(window, of.versus)) if of.versus else None
    is_comparable = before is not None and before.names == days.names
    rows = [
        (
            *(appid, group[0], days.over(days.names[0], appid, group)),
            *([before.over(before.names[0], appid, group)] if before and is_comparable else []),
        )
        for appid in accounts
        for group in days.groups()
        if group[0] not in {ALL_SCENES, ALL_CHANNELS}
    ]
    rows = [row for row in rows if row[2] is not None]
    rows.sort(key=lambda row: (accounts.index(row[0]), -(row[2] or 0)))
    return Figure(
        key="content/channels",
        title=_("Readers by channel"),
        window=window,
        accounts=accounts,
        columns=(
            *(ACCOUNT, _channel_column(), _readers_column(_("readers per day (median)"))),
            *((_BEFORE,) if is_comparable else ()),
        ),
        rows=tuple(rows),
        coverage=days.coverage(),
        help=help_of(getbizsummary, "scene_desc", "user_count"),
        notes=(
            *reader.notes_on_accounts(of),
            *_channel_notes(window),
            *((_OTHER_CHANNELS,) if before is not None and not is_comparable else ()),
            _PEOPLE_NOTE,
            *notes_on(days.marks),
        ),
        sentence=_channels_per_day(accounts, rows),
    )


def exits(reader: Reader, of: Filter) -> Figure:
    """Where readers of the chosen article leave it, by fifths of its length."""
    article = _chosen(reader, of)
    title = _("Where readers leave")
    if article is None or article.published < EARLIEST_CONTENT:
        return _without_article("content/exits", title, reader, of)
    stat = _newest_stat(reader, article)
    places = [] if stat is None else stat.read_jump_position or []
    rows = tuple((article.appid, one.position, one.rate) for one in places)
    return Figure(
        key="content/exits",
        title=title,
        window=Window(article.published, article.stat_date),
        accounts=(article.appid,),
        columns=(
            ACCOUNT,
            Column.of(getarticletotaldetail, "position", _("part of the article"), is_key=True),
            Column.of(getarticletotaldetail, "rate", _("readers who leave there")),
        ),
        rows=rows,
        help=help_of(getarticletotaldetail, "position", "rate"),
        notes=(_title_note(article), *_moving_note(article)),
        sentence=_exits_sentence(rows),
    )


# --- articles ------------------------------------------------------------------------------------


def _row(one: Article, others: Median) -> tuple[Any, ...]:
    against = one.readers / others.value if one.readers is not None and others.value else None
    return (
        one.appid,
        one.published,
        one.msgid,
        one.title,
        one.readers,
        one.sharers,
        _share(one),
        one.favourites,
        one.followed,
        _read_rate(one),
        one.finish_rate,
        one.minutes,
        others.value,
        against,
        others.n,
        one.stat_date,
        one.is_moving,
    )


def _share(one: Article) -> float | None:
    if one.readers is None or one.sharers is None or one.readers < READERS_OF_SHARE:
        return None
    return one.sharers / one.readers


def _read_rate(one: Article) -> float | None:
    """WeChat's 0 of an article that nobody was sent says nothing of its readers."""
    return one.read_rate or (one.read_rate if one.is_mass_sent else None)


def _sorted(
    rows: list[tuple[Any, ...]], columns: Sequence[Column], wanted: str
) -> list[tuple[Any, ...]]:
    """Rows in the order of a column; missing values come last. By default the newest first."""
    names = [column.name for column in columns]
    name = wanted.removeprefix("-")
    is_down = wanted.startswith("-") or name not in names
    place = names.index(name if name in names else "ref_date")
    known = [row for row in rows if row[place] is not None]
    known.sort(key=lambda row: row[place], reverse=is_down)
    return known + [row for row in rows if row[place] is None]


def _article_notes(
    found: Sequence[Article], shown: Sequence[Article], window: Window
) -> tuple[Message, ...]:
    notes: list[Message] = [_PEERS_NOTE] if shown else []
    moving = sum(one.is_moving for one in shown)
    if moving:
        notes.append(
            plural("{n} article can still change.", "{n} articles can still change.", n=moving)
        )
    if any(_share(one) is None for one in shown):
        notes.append(_SHARE_NOTE)
    if any(one.read_rate is not None and _read_rate(one) is None for one in shown):
        notes.append(_NOT_SENT_NOTE)
    if len(shown) < len(found):
        notes.append(
            _("{shown} of {all} articles match the search.", shown=len(shown), all=len(found))
        )
    return (*notes, *eras.notes_on_reading(window)[:1])


def _too_few(n: int) -> Message:
    return plural(
        "No median: there is {n} other article of the same age, {needed} are needed.",
        "No median: there are {n} other articles of the same age, {needed} are needed.",
        n=n,
        needed=ARTICLES,
    )


def _articles_sentence(accounts: Sequence[str], found: Sequence[Article]) -> Message:
    known = [one for one in found if one.readers is not None]
    if not known:
        return _("There are no articles.")
    best = max(known, key=lambda one: one.readers or 0)
    most = _(
        "most readers: {title}, {readers}",
        title=best.title,
        readers=numbers.exact(best.readers),
    )
    number = plural("{n} article", "{n} articles", n=len(found))
    parts = (
        of_account(accounts, best.appid, most),
        _most_followed(accounts, found),
        _best_finished(accounts, known),
    )
    return joined((number, *parts), SEMICOLON)


def _most_followed(accounts: Sequence[str], found: Sequence[Article]) -> Message:
    best = max(found, key=lambda one: one.followed or 0)
    if not best.followed:
        return NOTHING
    sentence = _(
        "most followers gained: {title}, {followed}",
        title=best.title,
        followed=numbers.exact(best.followed),
    )
    return of_account(accounts, best.appid, sentence)


def _best_finished(accounts: Sequence[str], found: Sequence[Article]) -> Message:
    """The article that most of its readers read to the end, of those with enough readers."""
    enough = [one for one in found if (one.readers or 0) >= READERS_OF_RATE and one.finish_rate]
    if not enough:
        return NOTHING
    best = max(enough, key=lambda one: one.finish_rate or 0)
    sentence = _(
        "highest completion rate among articles with {least} readers or more: {title}, {rate}",
        least=READERS_OF_RATE,
        title=best.title,
        rate=numbers.percent(best.finish_rate),
    )
    return of_account(accounts, best.appid, sentence)


# --- one article ---------------------------------------------------------------------------------


def _chosen(reader: Reader, of: Filter) -> Article | None:
    """The article of the filter, wherever it was published; None if there is none."""
    if not of.article:
        return None
    whole, accounts = Window(EARLIEST, max(reader.yesterday, EARLIEST)), reader.accounts(of)
    return reader.once(
        ("article", accounts, of.article),
        lambda: next(iter(eras.articles(reader, accounts, whole, of.article)), None),
    )


def is_known(reader: Reader, of: Filter) -> bool:
    """Whether the article that a filter names is stored; true if it names none."""
    return not of.article or _chosen(reader, of) is not None


def no_such_article(of: Filter) -> Message:
    """What is said of an article that is not stored."""
    return _("There is no article {article}.", article=of.article)


def _without_article(key: str, title: Message, reader: Reader, of: Filter) -> Figure:
    reason = _NO_ARTICLE
    if of.article:
        reason = _ONLY_SINCE if is_known(reader, of) else no_such_article(of)
    return Figure(
        key=key,
        title=title,
        window=reader.window(of, getuserread, getarticletotaldetail),
        accounts=reader.accounts(of),
        columns=(),
        rows=(),
        refusal=reason,
        sentence=reason,
    )


def _newest_stat(reader: Reader, article: Article) -> Any:
    day = Window.day(article.published)
    rows = reader.warehouse.read(article.appid, getarticletotaldetail, day)
    of_article = (row.detail_list for row in rows if row.msgid == article.msgid)
    stats = [stat for some in of_article for stat in some or []]
    return max(stats, key=lambda stat: stat.stat_date, default=None)


def _title_note(article: Article) -> Message:
    return _(
        "{title}, published on {day}, counted up to {last}.",
        title=article.title,
        day=article.published,
        last=article.stat_date,
    )


def _moving_note(article: Article) -> tuple[Message, ...]:
    if not article.is_moving:
        return ()
    return (
        _("Its figures can still change until {time}.", time=f"{article.final_at:%Y-%m-%d %H:%M}"),
    )


def _curve_sentence(article: Article, others: Median) -> Message:
    if others.value is None:
        return _("{readers} readers so far.", readers=numbers.exact(article.readers))
    return plural(
        "{readers} readers after {n} day; the median of {others} other articles is {median}.",
        "{readers} readers after {n} days; the median of {others} other articles is {median}.",
        n=article.age,
        readers=numbers.exact(article.readers),
        others=others.n,
        median=numbers.exact(others.value),
    )


def _exits_sentence(rows: Sequence[tuple[Any, ...]]) -> Message:
    """Where readers leave early, and how many come to the last fifth: that is no place to flee."""
    known = [row for row in rows if row[2] is not None]
    early = [row for row in known if row[1] != _LAST_FIFTH]
    if not early:
        return _("There are no figures about where readers leave.")
    _appid, position, rate = max(early, key=lambda row: row[2])
    sentence = _(
        "before the last fifth, most readers leave at {part} of the article ({rate})",
        part=_percent_of(position),
        rate=numbers.percent(rate),
    )
    stay = [row[2] for row in known if row[1] == _LAST_FIFTH]
    if not stay:
        return sentence
    reach = _("{rate} of readers reach the last fifth", rate=numbers.percent(stay[0]))
    return joined((reach, sentence), SEMICOLON)


def _percent_of(position: int) -> Meaning:
    """A part of an article in percent of its length."""
    part = codes.JUMP_POSITION[position].zh
    return Meaning(part, part)


# --- channels ------------------------------------------------------------------------------------


def _channel_days(reader: Reader, accounts: Sequence[str], window: Window) -> Days:
    """Readers by channel and day: of the new endpoint, or of the old one for older ranges."""
    if window.last >= EARLIEST_CONTENT:
        since = Window(max(window.first, EARLIEST_CONTENT), window.last)
        return reader.days(
            getbizsummary,
            accounts,
            since,
            ("user_count",),
            by=("scene_desc",),
            part="read_user_source",
        )
    names = ("int_page_read_user",)
    return reader.days(getuserread, accounts, window, names, by=("user_source",))


def _channel_notes(window: Window) -> tuple[Message, ...]:
    """A sentence on a range of both eras: their channels are not the same."""
    if not window.first < EARLIEST_CONTENT <= window.last:
        return ()
    return (
        _("Only days from {day} on: before that, WeChat had other channels.", day=EARLIEST_CONTENT),
    )


def _article_channels(reader: Reader, article: Article) -> Figure:
    stat = _newest_stat(reader, article)
    found = [] if stat is None else stat.read_user_source or []
    rows = sorted(
        (
            (article.appid, one.scene_desc, one.user_count)
            for one in found
            if one.scene_desc != ALL_SCENES
        ),
        key=lambda row: -(row[2] or 0),
    )
    return Figure(
        key="content/channels",
        title=_("Readers by channel"),
        window=Window(article.published, article.stat_date),
        accounts=(article.appid,),
        columns=(ACCOUNT, _channel_column(), _readers_column(_("readers so far"))),
        rows=tuple(rows),
        help=help_of(getarticletotaldetail, "scene_desc", "user_count"),
        notes=(_title_note(article), _PEOPLE_NOTE, *_moving_note(article)),
        sentence=_channels_sentence((article.appid,), rows),
    )


def _channel_column() -> Column:
    return Column(name="channel", title=_("channel"), is_key=True, codes="scene_desc")


def _readers_column(title: Message) -> Column:
    return Column(name="readers", title=title, unit="people")


def channel_title(channel: int | str) -> Meaning:
    """The name of a channel of either era."""
    table = codes.SCENE_DESC if isinstance(channel, str) else codes.USER_SOURCE_READ
    return Meaning.of(table[channel])


def _channels_per_day(accounts: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Message:
    """The largest channel, with what it was before."""
    if not rows:
        return _("There are no readers.")
    appid, channel, count, *before = max(rows, key=lambda row: row[2] or 0)
    sentence = _(
        "largest channel: {channel}, {count} readers per day (median)",
        channel=channel_title(channel),
        count=numbers.exact(count),
    )
    if before:
        sentence = _("{figure}, before {before}", figure=sentence, before=numbers.exact(before[0]))
    return of_account(accounts, appid, sentence)


def _channels_sentence(accounts: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Message:
    if not rows:
        return _("There are no readers.")
    appid, channel, count = max(rows, key=lambda row: row[2] or 0)
    sentence = _(
        "largest channel: {channel}, {count} readers",
        channel=channel_title(channel),
        count=numbers.exact(count),
    )
    return of_account(accounts, appid, sentence)
