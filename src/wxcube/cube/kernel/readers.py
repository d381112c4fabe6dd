"""Rows per channel or scene, from the columns or users that are already counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxcube.cube.kernel.ordered import sort_order
from wxcube.cube.steps.readers import READ_FIGURES, SPLIT, ChannelRows
from wxcube.cube.steps.step import CONTENT, SCENE_BITS, column
from wxcube.events.columns import Columns

Numbers = NDArray[Any]


def user_read(table: Columns, channels: Sequence[ChannelRows]) -> Columns:
    """The table getuserread from account_day, or getuserreadhour from account_hour.

    Its rows are ordered by account, day, hour and channel.
    """
    hours = ("h",) if "h" in table else ()
    order = sort_order(*(table[name] for name in ("acct", "d", *hours)))
    is_after = table["d"][order] >= SPLIT
    after = _channel_rows(table, order[is_after], [c for c in channels if c.is_after_split])
    if is_after.all():
        return after
    before = _channel_rows(table, order[~is_after], [c for c in channels if not c.is_after_split])
    both = {name: np.concatenate((before[name], after[name])) for name in after}
    keys = ("acct", "ref_date", *(("ref_hour",) if hours else ()), "user_source")
    order = sort_order(*(both[name] for name in keys))
    return {name: values[order] for name, values in both.items()}


def _channel_rows(table: Columns, rows: Numbers, channels: Sequence[ChannelRows]) -> Columns:
    """The rows of channels, for some rows of the table with a column per channel."""
    ordered = sorted(channels)
    is_shown = np.zeros((len(rows), len(ordered)), "?")
    for place, channel in enumerate(ordered):
        # no count is negative
        for name in channel.counted:
            is_shown[:, place] |= table[name][rows] > 0
    shown, channel_of = np.nonzero(is_shown)
    of_row = rows[shown]
    at = [np.flatnonzero(channel_of == place) for place in range(len(ordered))]
    keys = {"acct": table["acct"][of_row], "ref_date": table["d"][of_row]}
    if "h" in table:
        keys["ref_hour"] = table["h"][of_row] * 100
    codes = np.asarray([channel.code for channel in ordered], "i4")
    figures = dict(
        zip(READ_FIGURES, zip(*(one.columns for one in ordered), strict=True), strict=True)
    )
    return (
        keys
        | {"user_source": codes[channel_of]}
        | {name: _figure(table, names, of_row, at) for name, names in figures.items()}
    )


def _figure(
    table: Columns, names: Sequence[str | None], rows: Numbers, at: Sequence[Numbers]
) -> Numbers:
    """A figure of some rows, given its column for each channel, and the places of each channel."""
    values = np.zeros(len(rows), "i4")
    for name, places in zip(names, at, strict=True):
        if name:
            values[places] = table[name][rows[places]]
    return values


def article_readers(article_users: Columns) -> Columns:
    """The table getarticleread."""
    scenes = {name: name for name in map(column, SCENE_BITS)}
    return _articles(article_users, {"read_user": "read", **scenes})


def article_sharers(article_users: Columns) -> Columns:
    """The table getarticleshare."""
    return _articles(article_users, {"share_user": "share"})


def _articles(table: Columns, figures: Mapping[str, str]) -> Columns:
    """The rows of articles, from the day they have figures, where the first figure is not 0."""
    first = next(iter(figures.values()))
    rows = np.flatnonzero((table["d"] >= CONTENT) & (table[first] > 0))
    names = {"acct": "acct", "ref_date": "d", "article": "article", **figures}
    return {name: table[source][rows] for name, source in names.items()}
