"""The engines by name, each imported only when it is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, Protocol, Self, cast

from wxcube.cube.engines.duckdb import Engine
from wxcube.errors import SettingsError
from wxcube.events.columns import Columns
from wxcube.i18n import Listing, _

_CLASSES = {
    "duckdb": ("wxcube.cube.engines.duckdb", "DuckDbEngine"),
    "spark": ("wxcube.cube.engines.spark", "SparkEngine"),
    "clickhouse": ("wxcube.cube.engines.clickhouse", "ClickHouseEngine"),
}
ENGINES = tuple(_CLASSES)
"""The names of the engines; the first is the default."""


class OpenEngine(Engine, Protocol):
    """An engine that reads and writes Parquet files; it must be closed."""

    def read(self, name: str, columns: str, files: Sequence[Path], empty: str) -> None:
        """Load some columns of files into a table; without files, it is empty, of these types."""
        ...

    def query(self, query: str) -> Columns:
        """The rows of a query, by column, in the query's order."""
        ...

    def write(self, name: str, folder: Path, group_count: int) -> None:
        """Write a table to one file per day and group: `part=<day * group_count + group>/…`."""
        ...

    def close(self) -> None:
        """Release all resources."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_error: object) -> None: ...


def engine(name: str, **options: Any) -> OpenEngine:
    """An engine by name, with the options of its class; close it, or use it in a `with` statement.

    Raises:  SettingsError for an unknown engine or option, or if the engine's packages are not
        installed; EngineError if the engine does not start.
    """
    if name not in _CLASSES:
        raise SettingsError(
            _("unknown engine {name!r}", name=name),
            hint=_("choose one of {names}", names=Listing(ENGINES)),
        )
    module, class_name = _CLASSES[name]
    create = cast("Callable[..., OpenEngine]", getattr(import_module(module), class_name))
    _check(name, create, options)
    return create(**options)


def _check(name: str, create: Callable[..., Any], options: dict[str, Any]) -> None:
    known = signature(create).parameters
    unknown = sorted(options.keys() - known.keys())
    required = {n for n, parameter in known.items() if parameter.default is Parameter.empty}
    missing = sorted(required - options.keys())
    if unknown:
        raise SettingsError(
            _("the engine {name} has no option {names}", name=name, names=Listing(unknown)),
            hint=_("its options are {names}", names=Listing(known)),
        )
    if missing:
        raise SettingsError(
            _("the engine {name} needs the option {names}", name=name, names=Listing(missing))
        )
