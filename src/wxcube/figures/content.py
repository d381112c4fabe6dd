"""Content: readers by day, articles, the life of one article, and its channels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from statistics import median
from typing import Any

from wxcube.contract import codes
from wxcube.contract.article import getuserread
from wxcube.contract.codes import ALL_CHANNELS, ALL_SCENES
from wxcube.contract.content import getarticletotaldetail, getbizsummary
from wxcube.contract.endpoint import EARLIEST, EARLIEST_CONTENT
from wxcube.contract.window import Window
from wxcube.figures import eras, numbers
from wxcube.figures.eras import Article
from wxcube.figures.figure import Column, Figure
from wxcube.figures.filter import Filter
from wxcube.figures.help import help_of
from wxcube.figures.reader import Days, Reader
from wxcube.figures.samples import ARTICLES
from wxcube.figures.series import ACCOUNT, Question, answer, notes_on, of_account, plain
from wxcube.i18n import NOTHING, Meaning, Message, _, plural
from wxcube.warehouse.aggregates import Selection

READERS = Column.of(getbizsummary, "read_user", _("readers"))
SHARERS = Column.of(getbizsummary, "share_user", _("sharers"))
CURVE_DAYS = 30
"""Days since publishing that a life curve has."""
MEDIAN_DAYS = 90
"""Articles so many days before the newest one make the account's median."""
_TITLE = Column(name="title", title=_("article title"), is_key=True)
_MSGID = Column(name="msgid", title=_("article"), is_key=True)
_PUBLISHED = Column(name="ref_date", title=_("published"), unit="day", is_key=True)
_FIGURES = (
    Column.of(getarticletotaldetail, "read_user", _("readers")),
    Column.of(getarticletotaldetail, "share_user", _("sharers")),
    Column.of(getarticletotaldetail, "collection_user", _("favourites")),
    Column.of(getarticletotaldetail, "read_delivery_rate", _("read rate")),
    Column.of(getarticletotaldetail, "read_finish_rate", _("completion rate")),
    Column.of(getarticletotaldetail, "read_avg_activetime", _("reading time")),
)
_AGAINST = Column(name="against_median", title=_("times the median"), unit="")
_N = Column(name="n", title=_("articles behind the median"))
_COUNTED = Column(name="stat_date", title=_("counted through"), unit="day")
_MOVING = Column(name="is_moving", title=_("can still change"))
_NO_ARTICLE = _("Choose an article in the table of articles.")
_PEOPLE_NOTE = _("A person can come through several channels, so channels are not added up.")


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
    since = max(window.first - timedelta(days=MEDIAN_DAYS), EARLIEST)
    known = eras.articles(reader, accounts, Window(since, window.last))
    settled = {era: _Median.of(readers) for era, readers in _final_readers(known).items()}
    found = [one for one in known if one.published >= window.first]
    shown = [one for one in found if of.search.casefold() in one.title.casefold()]
    columns = (ACCOUNT, _PUBLISHED, _MSGID, _TITLE, *_FIGURES, _AGAINST, _N, _COUNTED, _MOVING)
    rows = _sorted(
        [_row(one, settled.get(_era(one), _NO_MEDIAN)) for one in shown], columns, of.sort
    )
    n = max((one.n for one in settled.values()), default=0)
    return Figure(
        key="content/articles",
        title=_("Articles"),
        window=window,
        accounts=accounts,
        columns=columns,
        rows=tuple(rows),
        help=help_of(getarticletotaldetail, *(column.name for column in _FIGURES)),
        notes=(*reader.notes_on_accounts(of), *_article_notes(found, shown, window)),
        n=n,
        refusal=NOTHING if n >= ARTICLES else _too_few(n),
        sentence=_articles_sentence(found),
    )


def curve(reader: Reader, of: Filter) -> Figure:
    """Readers of one article by days since publishing, beside the median of its account."""
    article = _chosen(reader, of)
    if article is None:
        return _without_article("content/curve", _("Life of an article"), reader, of)
    endpoint = eras.endpoint_of(article.published)
    first = article.published - timedelta(days=MEDIAN_DAYS)
    window = Window(
        max(first, endpoint.first_date), article.published + timedelta(days=MEDIAN_DAYS)
    )
    selection = Selection(endpoint, window, (eras.READERS[endpoint.name],))
    totals = reader.warehouse.running_totals((article.appid,), selection)
    ages: dict[int, dict[str, int]] = {}
    for one in totals:
        age = (one.stat_date - one.published).days + 1
        if one.values[0] is not None:
            ages.setdefault(age, {})[str(one.row["msgid"])] = one.values[0]
    rows = []
    for age in range(1, min(endpoint.moves_days, CURVE_DAYS) + 1):
        of_age = ages.get(age, {})
        others = [value for msgid, value in of_age.items() if msgid != article.msgid]
        middle = median(others) if len(others) >= ARTICLES else None
        rows.append((age, of_age.get(article.msgid), middle, len(others)))
    n = max((row[3] for row in rows), default=0)
    return Figure(
        key="content/curve",
        title=_("Life of an article"),
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
        notes=(_title_note(article), *_moving_note(article)),
        n=n,
        refusal=NOTHING if n >= ARTICLES else _too_few(n),
        sentence=_curve_sentence(article, rows),
    )


def channels(reader: Reader, of: Filter) -> Figure:
    """Readers by channel: of the chosen article so far, or of the accounts per day."""
    article = _chosen(reader, of)
    if article is not None and article.published >= EARLIEST_CONTENT:
        return _article_channels(reader, article)
    window, accounts = reader.window(of, getuserread, getbizsummary), reader.accounts(of)
    days = _channel_days(reader, accounts, window)
    rows = [
        (appid, group[0], days.over(days.names[0], appid, group))
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
        columns=(ACCOUNT, _channel_column(), _readers_column(_("readers per day (median)"))),
        rows=tuple(rows),
        coverage=days.coverage(),
        help=help_of(getbizsummary, "scene_desc", "user_count"),
        notes=(
            *reader.notes_on_accounts(of),
            *_channel_notes(window),
            _PEOPLE_NOTE,
            *notes_on(days.marks),
        ),
        sentence=_channels_sentence(accounts, rows),
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


def _final_readers(found: Iterable[Article]) -> dict[tuple[str, str], list[int]]:
    """Readers of articles with final figures, by account and era."""
    known: dict[tuple[str, str], list[int]] = {}
    for one in found:
        if not one.is_moving and one.readers is not None:
            known.setdefault(_era(one), []).append(one.readers)
    return known


def _era(one: Article) -> tuple[str, str]:
    return one.appid, eras.endpoint_of(one.published).name


@dataclass(frozen=True, slots=True)
class _Median:
    """The median readers of `n` articles; None if they are too few."""

    value: float | None
    n: int

    @classmethod
    def of(cls, readers: Sequence[int]) -> _Median:
        """The median of some articles."""
        return cls(median(readers) if len(readers) >= ARTICLES else None, len(readers))


_NO_MEDIAN = _Median(None, 0)


def _row(one: Article, settled: _Median) -> tuple[Any, ...]:
    against = one.readers / settled.value if one.readers is not None and settled.value else None
    return (
        one.appid,
        one.published,
        one.msgid,
        one.title,
        one.readers,
        one.sharers,
        one.favourites,
        one.read_rate,
        one.finish_rate,
        one.minutes,
        against,
        settled.n,
        one.stat_date,
        one.is_moving,
    )


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
    notes: list[Message] = []
    moving = sum(one.is_moving for one in shown)
    if moving:
        notes.append(
            plural(
                "{n} article can still change; it is not in the median.",
                "{n} articles can still change; they are not in the median.",
                n=moving,
            )
        )
    if len(shown) < len(found):
        notes.append(
            _("{shown} of {all} articles match the search.", shown=len(shown), all=len(found))
        )
    return (*notes, *eras.notes_on_reading(window)[:1])


def _too_few(n: int) -> Message:
    return plural(
        "No median: there is {n} article with final figures, {needed} are needed.",
        "No median: there are {n} articles with final figures, {needed} are needed.",
        n=n,
        needed=ARTICLES,
    )


def _articles_sentence(found: Sequence[Article]) -> Message:
    known = [one for one in found if one.readers is not None]
    if not known:
        return _("There are no articles.")
    best = max(known, key=lambda one: one.readers or 0)
    return plural(
        "{n} article; the most readers, {readers}, has {title}.",
        "{n} articles; the most readers, {readers}, has {title}.",
        n=len(found),
        readers=numbers.exact(best.readers),
        title=best.title,
    )


# --- one article ---------------------------------------------------------------------------------


def _chosen(reader: Reader, of: Filter) -> Article | None:
    """The article of the filter, wherever it was published; None if there is none."""
    if not of.article:
        return None
    whole = Window(EARLIEST, max(reader.yesterday, EARLIEST))
    return next(iter(eras.articles(reader, reader.accounts(of), whole, of.article)), None)


def _without_article(key: str, title: Message, reader: Reader, of: Filter) -> Figure:
    return Figure(
        key=key,
        title=title,
        window=reader.window(of, getuserread, getarticletotaldetail),
        accounts=reader.accounts(of),
        columns=(),
        rows=(),
        refusal=_NO_ARTICLE,
        sentence=_NO_ARTICLE,
    )


def _newest_stat(reader: Reader, article: Article) -> Any:
    day = Window.day(article.published)
    rows = reader.warehouse.read(article.appid, getarticletotaldetail, day)
    of_article = (row.detail_list for row in rows if row.msgid == article.msgid)
    stats = [stat for some in of_article for stat in some or []]
    return max(stats, key=lambda stat: stat.stat_date, default=None)


def _title_note(article: Article) -> Message:
    return _(
        "{title}, published on {day}, counted through {last}.",
        title=article.title,
        day=article.published,
        last=article.stat_date,
    )


def _moving_note(article: Article) -> tuple[Message, ...]:
    if not article.is_moving:
        return ()
    return (_("Its figures can still change until {day}.", day=article.last_stat_date),)


def _curve_sentence(article: Article, rows: Sequence[tuple[Any, ...]]) -> Message:
    both = [row for row in rows if row[1] is not None and row[2] is not None]
    if not both:
        return _("{readers} readers so far.", readers=numbers.exact(article.readers))
    age, own, middle, others = both[-1]
    return plural(
        "After {n} day {readers} readers; the median of {others} other articles is {median}.",
        "After {n} days {readers} readers; the median of {others} other articles is {median}.",
        n=age,
        readers=numbers.exact(own),
        others=others,
        median=numbers.exact(middle),
    )


def _exits_sentence(rows: Sequence[tuple[Any, ...]]) -> Message:
    known = [row for row in rows if row[2] is not None]
    if not known:
        return _("There are no figures of where readers leave.")
    _appid, position, rate = max(known, key=lambda row: row[2])
    return _(
        "Most readers leave in the part {part}: {rate}.",
        part=Meaning.of(codes.JUMP_POSITION[position]),
        rate=numbers.percent(rate),
    )


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
    return (_("Only days from {day} on: the channels of before are others.", day=EARLIEST_CONTENT),)


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


def _channels_sentence(accounts: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Message:
    if not rows:
        return _("There are no readers.")
    appid, channel, count = max(rows, key=lambda row: row[2] or 0)
    sentence = _(
        "Most readers come through {channel}: {count}.",
        channel=channel_title(channel),
        count=numbers.exact(count),
    )
    return of_account(accounts, appid, sentence)
