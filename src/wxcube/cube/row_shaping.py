"""Columns of numbers become WeChat's rows: dates, msgids, titles, nested lists, rates."""

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

_Cells = dict[str, Any]
"""One line of a result: value by column."""


@dataclass(frozen=True, slots=True)
class Article:
    """What Publish said of an article."""

    title: str
    content_url: str


Articles = Mapping[int, Article]
"""An account's published articles by number."""


def rows_of(endpoint: Endpoint[RowT], table: Columns, articles: Articles) -> list[RowT]:
    """One account's rows of an endpoint out of its result table, ordered by natural key."""
    build = _BUILDERS.get(endpoint.name, _flat)
    rows = cast("list[RowT]", list(build(endpoint.row, _lines(table), articles)))
    return sorted(rows, key=attrgetter(*endpoint.key))


def _lines(table: Columns) -> Iterator[_Cells]:
    """The result line by line, with dates and msgids in place of numbers."""
    names = [name for name in table if name != "acct"]
    readers = [_READ.get(name, list) for name in names]
    values = [read(table[name].tolist()) for name, read in zip(names, readers, strict=True)]
    names = [_RENAMED.get(name, name) for name in names]
    return (dict(zip(names, line, strict=True)) for line in zip(*values, strict=True))


def _once_each(convert: Callable[[int], Any]) -> Callable[[list[int]], list[Any]]:
    def read(numbers: list[int]) -> list[Any]:
        known = {number: convert(number) for number in set(numbers)}
        return [known[number] for number in numbers]

    return read


_READ: dict[str, Callable[[list[int]], list[Any]]] = {
    "ref_date": _once_each(day_of_number),
    "stat_date": _once_each(day_of_number),
    "article": _once_each(lambda number: (number, article_msgid(number))),
}
_RENAMED = {"article": "msgid"}


def _flat(row: type[Row], lines: Iterator[_Cells], _articles: Articles) -> Iterator[Row]:
    return (row(**cells) for cells in lines)


def _summary(row: type[Row], lines: Iterator[_Cells], articles: Articles) -> Iterator[Row]:
    for cells in lines:
        number, msgid = cells.pop("msgid")
        yield row(msgid=msgid, title=articles[number].title, **cells)


def _total(row: type[Row], lines: Iterator[_Cells], articles: Articles) -> Iterator[Row]:
    for (day, (number, msgid)), group in _by_article(lines):
        details = [ArticleTotalStat(**_kept(ArticleTotalStat, cells)) for cells in group]
        title = articles[number].title
        yield row(ref_date=day, msgid=msgid, title=title, details=details)


def _total_detail(row: type[Row], lines: Iterator[_Cells], articles: Articles) -> Iterator[Row]:
    for (day, (number, msgid)), group in _by_article(lines):
        stats = list(group)
        yield row(
            ref_date=day,
            msgid=msgid,
            publish_type=stats[0]["publish_type"],
            title=articles[number].title or None,
            content_url=articles[number].content_url or None,
            detail_list=[_stat(cells) for cells in stats],
        )


def _article_read(row: type[Row], lines: Iterator[_Cells], _articles: Articles) -> Iterator[Row]:
    for cells in lines:
        detail = ArticleReadDetail(read_user=cells["read_user"], read_user_source=_sources(cells))
        yield row(ref_date=cells["ref_date"], msgid=cells["msgid"][1], detail=detail)


def _article_share(row: type[Row], lines: Iterator[_Cells], _articles: Articles) -> Iterator[Row]:
    for cells in lines:
        detail = ArticleShareDetail(share_user=cells["share_user"])
        yield row(ref_date=cells["ref_date"], msgid=cells["msgid"][1], detail=detail)


def _biz(row: type[Row], lines: Iterator[_Cells], _articles: Articles) -> Iterator[Row]:
    for cells in lines:
        kept = _kept(BizSummaryDetail, cells)
        detail = BizSummaryDetail(read_user_source=_sources(cells), **kept)
        yield row(ref_date=cells["ref_date"], detail=detail)


_BUILDERS: dict[str, Callable[[type[Row], Iterator[_Cells], Articles], Iterator[Row]]] = {
    "getarticlesummary": _summary,
    "getarticletotal": _total,
    "getarticleread": _article_read,
    "getarticleshare": _article_share,
    "getbizsummary": _biz,
    "getarticletotaldetail": _total_detail,
}


def _by_article(lines: Iterator[_Cells]) -> groupby[Any, _Cells]:
    return groupby(lines, key=itemgetter("ref_date", "msgid"))


def _kept(row: type[Row], cells: _Cells) -> _Cells:
    """The cells that are columns of a row."""
    return {c.name: cells[c.name] for c in columns(row) if c.name in cells}


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
"""Each scene_desc and its column, in the order of the code table."""


def _sources(cells: _Cells) -> list[ReadUserSource]:
    """Readers of all scenes, then of each scene that had some."""
    found = [ReadUserSource(scene_desc=ALL_SCENES, user_count=cells["read_user"])]
    for scene, name in SCENES:
        if cells[name]:
            found.append(ReadUserSource(scene_desc=scene, user_count=cells[name]))
    return found


_PLAIN = [
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
"""Where readers left, and the column that counts them."""


def _stat(cells: _Cells) -> ArticleTotalDetailStat:
    return ArticleTotalDetailStat(
        **{name: cells[name] for name in _PLAIN},
        read_user_source=_sources(cells),
        read_delivery_rate=_rate(cells[SCENES[0][1]], cells["target_user"]),
        read_finish_rate=_rate(cells["finished"], cells["read_user"]),
        read_avg_activetime=_rate(cells["seconds"], 60 * cells["reads"]),
        read_jump_position=_positions(cells),
    )


def _positions(cells: _Cells) -> list[ReadJumpPosition]:
    known = sum(cells[name] for _, name in POSITIONS)
    return [
        ReadJumpPosition(position=position, rate=_rate(cells[name], known))
        for position, name in POSITIONS
        if cells[name]
    ]


def _rate(part: int, whole: int) -> float:
    """A fraction, computed from whole numbers so that every engine gives the same."""
    return round(part / whole, RATE_DIGITS) if whole else 0.0
