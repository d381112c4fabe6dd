"""Published articles by column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxcube.cube.inputs import article_days
from wxcube.cube.kernel.ordered import positions_of
from wxcube.events.columns import Columns

_NUMBERS = {
    "acct": "i4",
    "article": "i8",
    "d": "i4",
    "at": "i8",
    "publish_type": "i1",
    "target_user": "i8",
}
_TEXTS = ("title", "content_url")

Published = tuple[int, int, int, int, int, int, str, str]
"""One article: account, number, day, second, publish_type, target_user, title, content_url."""


@dataclass(frozen=True, eq=False)
class Articles:
    """Distinct articles."""

    columns: Columns
    """Their numbers and texts, under the names of a Publish event's members."""

    @classmethod
    def of(cls, columns: Sequence[Sequence[Any] | NDArray[Any]]) -> Articles:
        """Articles from columns in the order of `Published`."""
        types = {**_NUMBERS, **dict.fromkeys(_TEXTS, "O")}
        pairs = zip(types.items(), columns, strict=True)
        return cls({name: np.asarray(values, dtype) for (name, dtype), values in pairs})

    @classmethod
    def none(cls) -> Articles:
        """No articles."""
        return cls.of([()] * (len(_NUMBERS) + len(_TEXTS)))

    def __len__(self) -> int:
        return len(self.columns["acct"])

    def __add__(self, others: Articles) -> Articles:
        """These articles and others, which must be different ones."""
        return Articles(
            {name: np.concatenate((c, others.columns[name])) for name, c in self.columns.items()}
        )

    @property
    def keys(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Their accounts and numbers."""
        return self.columns["acct"], self.columns["article"]

    def tuples(self) -> Iterator[Published]:
        """The articles as tuples."""
        return zip(*(column.tolist() for column in self.columns.values()), strict=True)

    @cached_property
    def table(self) -> Columns:
        """The table `article` that the steps read."""
        names = ("acct", "article", "d", "publish_type", "target_user")
        is_notified = self.columns["publish_type"] == 0
        table = {name: self.columns[name] for name in names}
        return table | {"days": article_days(self.columns["d"], is_notified)}

    def of_accounts(self, accounts: Iterable[int]) -> Articles:
        """The articles of some accounts."""
        return self.select(np.isin(self.columns["acct"], np.asarray(list(accounts), "i4")))

    def among(self, acct: NDArray[Any], article: NDArray[Any]) -> Articles:
        """Those of these articles that have the given accounts and numbers."""
        positions = np.unique(self.positions(acct, article))
        return self.select(positions[positions >= 0])

    def select(self, chosen: NDArray[Any]) -> Articles:
        """Some of these articles, by index or by a truth value for each."""
        return Articles({name: column[chosen] for name, column in self.columns.items()})

    def positions(self, acct: NDArray[Any], article: NDArray[Any]) -> NDArray[Any]:
        """The indexes of articles among these, -1 for those that are not."""
        return positions_of(acct, article, self.columns)

    def texts(self, name: str, positions: NDArray[Any]) -> NDArray[Any]:
        """The titles or URLs of the articles at some indexes; empty at -1."""
        texts: NDArray[Any] = np.append(self.columns[name], np.asarray([""], "O"))[positions]
        return texts
