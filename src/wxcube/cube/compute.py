"""Exact rows of every endpoint but the card ones, computed from events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any, Self

import numpy as np

from wxcube.beijing import day_number
from wxcube.contract import ENDPOINTS
from wxcube.contract.endpoint import Endpoint, Group, RowT
from wxcube.cube.engines.duckdb import DuckDbEngine, Engine
from wxcube.cube.inputs import inputs, published
from wxcube.cube.row_shaping import Article, Articles, rows_of
from wxcube.cube.steps import Step, needed
from wxcube.errors import ContractError, EngineError
from wxcube.events.columns import Batch, Columns
from wxcube.i18n import Listing, _

CUBE_ENDPOINTS: tuple[Endpoint[Any], ...] = tuple(e for e in ENDPOINTS if e.group is not Group.CARD)
"""The endpoints whose rows can be computed from events."""


class CubeRows:
    """The computed rows of every account and endpoint, converted to structs on first use."""

    def __init__(
        self, accounts: Sequence[str], tables: Mapping[str, Columns], articles: Sequence[Articles]
    ) -> None:
        self._index = {account: index for index, account in enumerate(accounts)}
        self._tables = tables
        self._articles = articles
        self._rows: dict[tuple[str, str], list[Any]] = {}

    def rows(self, account: str, endpoint: Endpoint[RowT]) -> list[RowT]:
        """The rows of an account, ordered by natural key; none for an account without events.

        Raises:  ContractError if the endpoint was not computed.
        """
        key = (account, endpoint.name)
        if key not in self._rows:
            self._rows[key] = self._to_structs(account, endpoint)
        return list(self._rows[key])

    def _to_structs(self, account: str, endpoint: Endpoint[RowT]) -> list[RowT]:
        if endpoint.name not in self._tables:
            raise ContractError(
                _("{endpoint} was not computed", endpoint=endpoint),
                hint=_("these were computed: {names}", names=Listing(self._tables)),
            )
        if account not in self._index:
            return []
        index, table = self._index[account], self._tables[endpoint.name]
        first, end = np.searchsorted(table["acct"], [index, index + 1])
        part = {name: array[first:end] for name, array in table.items()}
        return rows_of(endpoint, part, self._articles[index])


def compute(
    batch: Batch,
    through: date,
    *,
    engine: Engine | None = None,
    endpoints: Iterable[Endpoint[Any]] = CUBE_ENDPOINTS,
) -> CubeRows:
    """The rows of every day up to and including `through`, from all events until then.

    Without an `engine`, a DuckDB inside this process is used.
    """
    chosen = tuple(endpoints)
    if engine is None:
        with DuckDbEngine() as own:
            return compute(batch, through, engine=own, endpoints=chosen)
    tables = _run(engine, inputs(batch, through), chosen)
    return CubeRows(batch.accounts, tables, _articles(batch, through))


def _articles(batch: Batch, through: date) -> list[Articles]:
    articles: list[dict[int, Article]] = [{} for _ in batch.accounts]
    columns = published(batch, through)
    names = ("account", "article", "title", "content_url")
    for account, number, title, url in zip(*(columns[n].tolist() for n in names), strict=True):
        articles[account][number] = Article(title, url)
    return list(articles)


def _run(
    engine: Engine, tables: Mapping[str, Columns], endpoints: Sequence[Endpoint[Any]]
) -> dict[str, Columns]:
    """The result tables of endpoints, by endpoint name."""
    order = {endpoint.name: order_of(endpoint) for endpoint in endpoints}
    steps = needed(order)
    with _Tables(engine, tables, steps) as engine_tables:
        results = {step.name: engine_tables.run(step, order.get(step.name)) for step in steps}
    return {e.name: since_first(e, _result(e, results)) for e in endpoints}


def _result(endpoint: Endpoint[Any], results: Mapping[str, Columns | None]) -> Columns:
    table = results.get(endpoint.name)
    if table is None:
        raise ContractError(_("the cube does not compute {endpoint}", endpoint=endpoint))
    return table


def since_first(endpoint: Endpoint[Any], table: Columns) -> Columns:
    """A result table without days before the endpoint's first."""
    is_valid = table["ref_date"] >= day_number(endpoint.first_date)
    return table if is_valid.all() else {name: array[is_valid] for name, array in table.items()}


def order_of(endpoint: Endpoint[Any]) -> tuple[str, ...]:
    """The columns by which an endpoint's result table is ordered: account and key."""
    key = tuple("article" if name == "msgid" else name for name in endpoint.key)
    return ("acct", *key, *(("stat_date",) if endpoint.is_cumulative else ()))


class _Tables:
    """The tables in the engine during one computation, each dropped after its last use."""

    def __init__(
        self, engine: Engine, inputs: Mapping[str, Columns], steps: Sequence[Step]
    ) -> None:
        self._engine = engine
        self._inputs = inputs
        self._last_use = {name: step.name for step in steps for name in (step.name, *step.inputs)}
        self._present: set[str] = set()

    def run(self, step: Step, order: Sequence[str] | None) -> Columns | None:
        """Run a step; its rows if an order is given."""
        for name in step.inputs:
            if name not in self._present:
                self._engine.load(name, self._inputs[name])
                self._present.add(name)
        self._engine.run(step)
        self._present.add(step.name)
        rows = self._engine.fetch(step.name, order) if order else None
        for name in (*step.inputs, step.name):
            if self._last_use[name] == step.name:
                self._drop(name)
        return rows

    def _drop(self, name: str) -> None:
        self._engine.drop(name)
        self._present.discard(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for name in sorted(self._present):
            with suppress(EngineError):
                self._drop(name)
