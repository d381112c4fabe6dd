"""Conversion of result tables into WeChat's rows: dates, msgids, titles, nested lists, rates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any, cast

from wxcube.beijing import day_of_number
from wxcube.contract.article import ArticleTotalStat
from wxcube.contract.codes import ALL_SCENES, SCENE_DESC
from wxcube.contract.content import (
    ArticleReadDetail,
    ArticleShareDetail,
    ArticleTotalDetailStat,
    BizSummaryDetail,
    ReadJumpPosition,
    ReadUserSource,
)
from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.field import Row, columns
from wxcube.events.action_bits import READ_FROM, SCENE_CHANNELS, ActionBit
from wxcube.events.columns import Columns, article_msgid

RATE_DIGITS = 7

_Values = dict[str, Any]
"""One row of a result table: value by column."""


@dataclass(frozen=True, slots=True)
class Article:
    """The title and URL of an article, from its Publish event."""

    title: str
    content_url: str


Articles = Mapping[int, Article]
"""An account's published articles by number."""


def rows_of(endpoint: Endpoint[RowT], table: Columns, articles: Articles) -> list[RowT]:
    """The rows of an endpoint for one account, from its result table, ordered by natural key."""
    build = _BUILDERS.get(endpoint.name, _flat)
    rows = cast("list[RowT]", list(build(endpoint.row, _converted(table), articles)))
    return sorted(rows, key=attrgetter(*endpoint.key))


def _converted(table: Columns) -> Iterator[_Values]:
    """The rows of a table, with dates and msgids in place of numbers."""
    names = [name for name in table if name != "acct"]
    converters = [_CONVERTERS.get(name, list) for name in names]
    columns = [
        convert(table[name].tolist()) for name, convert in zip(names, converters, strict=True)
    ]
    names = [_RENAMED.get(name, name) for name in names]
    return (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))


def _cached(convert: Callable[[int], Any]) -> Callable[[list[int]], list[Any]]:
    """A conversion of lists that converts equal numbers only once."""

    def convert_all(numbers: list[int]) -> list[Any]:
        converted = {number: convert(number) for number in set(numbers)}
        return [converted[number] for number in numbers]

    return convert_all


_CONVERTERS: dict[str, Callable[[list[int]], list[Any]]] = {
    "ref_date": _cached(day_of_number),
    "stat_date": _cached(day_of_number),
    "article": _cached(lambda number: (number, article_msgid(number))),
}
_RENAMED = {"article": "msgid"}


def _flat(row: type[Row], rows: Iterator[_Values], _articles: Articles) -> Iterator[Row]:
    return (row(**values) for values in rows)


def _summary(row: type[Row], rows: Iterator[_Values], articles: Articles) -> Iterator[Row]:
    for values in rows:
        number, msgid = values.pop("msgid")
        yield row(msgid=msgid, title=articles[number].title, **values)


def _total(row: type[Row], rows: Iterator[_Values], articles: Articles) -> Iterator[Row]:
    for (day, (number, msgid)), group in _by_article(rows):
        details = [ArticleTotalStat(**_own_values(ArticleTotalStat, values)) for values in group]
        title = articles[number].title
        yield row(ref_date=day, msgid=msgid, title=title, details=details)


def _total_detail(row: type[Row], rows: Iterator[_Values], articles: Articles) -> Iterator[Row]:
    for (day, (number, msgid)), group in _by_article(rows):
        stats = list(group)
        yield row(
            ref_date=day,
            msgid=msgid,
            publish_type=stats[0]["publish_type"],
            title=articles[number].title or None,
            content_url=articles[number].content_url or None,
            detail_list=[_stat(values) for values in stats],
        )


def _article_read(row: type[Row], rows: Iterator[_Values], _articles: Articles) -> Iterator[Row]:
    for values in rows:
        detail = ArticleReadDetail(read_user=values["read_user"], read_user_source=_sources(values))
        yield row(ref_date=values["ref_date"], msgid=values["msgid"][1], detail=detail)


def _article_share(row: type[Row], rows: Iterator[_Values], _articles: Articles) -> Iterator[Row]:
    for values in rows:
        detail = ArticleShareDetail(share_user=values["share_user"])
        yield row(ref_date=values["ref_date"], msgid=values["msgid"][1], detail=detail)


def _biz(row: type[Row], rows: Iterator[_Values], _articles: Articles) -> Iterator[Row]:
    for values in rows:
        own = _own_values(BizSummaryDetail, values)
        detail = BizSummaryDetail(read_user_source=_sources(values), **own)
        yield row(ref_date=values["ref_date"], detail=detail)


_BUILDERS: dict[str, Callable[[type[Row], Iterator[_Values], Articles], Iterator[Row]]] = {
    "getarticlesummary": _summary,
    "getarticletotal": _total,
    "getarticleread": _article_read,
    "getarticleshare": _article_share,
    "getbizsummary": _biz,
    "getarticletotaldetail": _total_detail,
}


def _by_article(rows: Iterator[_Values]) -> groupby[Any, _Values]:
    return groupby(rows, key=itemgetter("ref_date", "msgid"))


def _own_values(row: type[Row], values: _Values) -> _Values:
    """The values that are columns of a row."""
    return {c.name: values[c.name] for c in columns(row) if c.name in values}


_SCENE_COLUMNS = {
    scene: READ_FROM[channels[0]].name.lower()
    if len(channels) == 1
    else ActionBit.READ_IN_OTHER_SCENE.name.lower()
    for scene, channels in SCENE_CHANNELS.items()
}
SCENES = tuple(
    (str(meaning.code), _SCENE_COLUMNS[str(meaning.code)])
    for meaning in SCENE_DESC.meanings
    if meaning.code != ALL_SCENES
)
"""Each scene_desc and the column with its readers, in the order of the code table."""


def _sources(values: _Values) -> list[ReadUserSource]:
    """The readers from all scenes, then from each scene that has some."""
    sources = [ReadUserSource(scene_desc=ALL_SCENES, user_count=values["read_user"])]
    for scene, name in SCENES:
        if values[name]:
            sources.append(ReadUserSource(scene_desc=scene, user_count=values[name]))
    return sources


_UNCHANGED = [
    "stat_date",
    "read_user",
    "share_user",
    "zaikan_user",
    "like_user",
    "comment_count",
    "collection_user",
    "praise_money",
    "read_subscribe_user",
]
POSITIONS = tuple((position, f"left_at_{position}") for position in range(1, 6))
"""Each position at which readers left, and the column that counts them."""


def _stat(values: _Values) -> ArticleTotalDetailStat:
    return ArticleTotalDetailStat(
        **{name: values[name] for name in _UNCHANGED},
        read_user_source=_sources(values),
        read_delivery_rate=_rate(values[SCENES[0][1]], values["target_user"]),
        read_finish_rate=_rate(values["finished"], values["read_user"]),
        read_avg_activetime=_rate(values["seconds"], 60 * values["reads"]),
        read_jump_position=_positions(values),
    )


def _positions(values: _Values) -> list[ReadJumpPosition]:
    known = sum(values[name] for _, name in POSITIONS)
    return [
        ReadJumpPosition(position=position, rate=_rate(values[name], known))
        for position, name in POSITIONS
        if values[name]
    ]


def _rate(part: int, whole: int) -> float:
    """A fraction, computed from integers so that every engine gives the same result."""
    return round(part / whole, RATE_DIGITS) if whole else 0.0
