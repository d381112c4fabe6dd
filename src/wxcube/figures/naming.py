"""Figures with the names of accounts in place of their AppIDs, as people read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from wxcube.figures.figure import Figure
from wxcube.i18n import Message


def named(figure: Figure, names: Mapping[str, str]) -> Figure:
    """A figure whose accounts, rows and sentences have names; an unknown AppID stays.

    Accounts with the same name have their AppID too: they are not one.
    """
    counts = Counter(names.values())
    names = {a: f"{name} ({a})" if counts[name] > 1 else name for a, name in names.items()}

    def name(value: Any) -> Any:
        if isinstance(value, Message):
            values = {key: name(part) for key, part in value.values.items()}
            return Message(value.template, values, value.plural)
        return names.get(value, value) if isinstance(value, str) else value

    return replace(
        figure,
        accounts=tuple(map(name, figure.accounts)),
        rows=tuple(tuple(map(name, row)) for row in figure.rows),
        marks={(name(appid), day): mark for (appid, day), mark in figure.marks.items()},
        totals=tuple(
            replace(total, note=name(total.note), each=name(total.each)) for total in figure.totals
        ),
        sentence=name(figure.sentence),
        notes=tuple(map(name, figure.notes)),
        versus=named(figure.versus, names) if figure.versus else None,
    )
