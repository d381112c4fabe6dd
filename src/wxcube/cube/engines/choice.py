"""The engines by name, each imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, cast

from wxcube.cube.engines.duckdb import Engine
from wxcube.errors import SettingsError
from wxcube.events.columns import Columns

_PLACES = {
    "duckdb": ("wxcube.cube.engines.duckdb", "DuckDbEngine"),
    "spark": ("wxcube.cube.engines.spark", "SparkEngine"),
    "clickhouse": ("wxcube.cube.engines.clickhouse", "ClickHouseEngine"),
}
ENGINES = tuple(_PLACES)
"""Names of the engines; the first runs when nothing is said."""


class OpenEngine(Engine, Protocol):
    """An engine with Parquet files in and out; to be closed."""

    def read(self, name: str, columns: str, files: Sequence[Path], empty: str) -> None:
        """Make a table of some columns of files; without files an empty one of these types."""
        ...

    def ask(self, query: str) -> Columns:
        """The rows of a query by column, in the query's order."""
        ...

    def write(self, name: str, folder: Path, group_count: int) -> None:
        """Write a table as files by day and group: `part=<day * group_count + group>/…`."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


def engine(name: str, **options: Any) -> OpenEngine:
    """An engine by name, with the options of its class; to be closed, or used in a `with`.

    Raises:  SettingsError for an unknown engine or option, for one without its packages;
    EngineError when it does not start.
    """
    if name not in _PLACES:
        raise SettingsError(f"there is no engine {name!r}", hint=f"choose {', '.join(ENGINES)}")
    module, kind = _PLACES[name]
    make = cast("Callable[..., OpenEngine]", getattr(import_module(module), kind))
    _check(name, make, options)
    return make(**options)


def _check(name: str, make: Callable[..., Any], options: dict[str, Any]) -> None:
    known = signature(make).parameters
    unknown = sorted(options.keys() - known.keys())
    needed = {n for n, parameter in known.items() if parameter.default is Parameter.empty}
    missing = sorted(needed - options.keys())
    if unknown:
        raise SettingsError(
            f"the engine {name} has no option {', '.join(unknown)}",
            hint=f"it has {', '.join(known)}",
        )
    if missing:
        raise SettingsError(f"the engine {name} needs the option {', '.join(missing)}")
