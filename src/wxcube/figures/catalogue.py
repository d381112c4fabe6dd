"""Every figure by its address."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from wxcube.figures import content, data, followers, interface, messages, overview, rhythm
from wxcube.figures.figure import Figure
from wxcube.figures.filter import Filter
from wxcube.figures.reader import Reader

Answer = Callable[[Reader, Filter], Figure]

FIGURES: Mapping[str, Answer] = {
    "overview/yesterday": overview.yesterday,
    "overview/accounts": overview.accounts,
    "overview/moved": overview.moved,
    "followers/daily": followers.daily,
    "followers/total": followers.total_followers,
    "followers/sources": followers.sources,
    "followers/kept": followers.kept,
    "content/readers": content.readers,
    "content/articles": content.articles,
    "content/curve": content.curve,
    "content/channels": content.channels,
    "content/exits": content.exits,
    "rhythm/week": rhythm.week,
    "rhythm/best_hours": rhythm.best_hours,
    "messages/volume": messages.volume,
    "messages/types": messages.types,
    "messages/distribution": messages.distribution,
    "messages/hours": messages.hours,
    "messages/weeks": messages.weeks,
    "messages/months": messages.months,
    "interface/callbacks": interface.callbacks,
    "interface/latency": interface.latency,
    "interface/hours": interface.hours,
    "data/calendar": data.calendar,
    "data/reasons": data.reasons,
    "data/revisions": data.revisions,
    "data/findings": data.findings,
    "data/quota": data.quota,
}
"""The functions that answer, by the `key` of their figures."""
