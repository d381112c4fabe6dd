"""Rows in memory by column, for pandas, polars and Arrow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from wxcube.beijing import BEIJING
from wxcube.errors import WxcubeError
from wxcube.export.table import Header, Table
from wxcube.i18n import _

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    import polars as pl
    import pyarrow as pa  # type: ignore[import-untyped]

_ZONE = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class Frame:
    """Columns with their types and values; None is a missing value."""

    types: dict[str, type]
    columns: dict[str, list[Any]]

    @classmethod
    def of(cls, table: Table, header: Header = "wire") -> Frame:
        """The rows of a table, read into memory; with labels, codes have their meanings."""
        labelled = table.labelled(header)
        titles = labelled.header(header)
        types = dict(zip(titles, (column.type for column in labelled.columns), strict=True))
        values = list(map(list, zip(*labelled.rows, strict=True))) or [[] for _title in titles]
        return cls(types, dict(zip(titles, values, strict=True)))

    def __len__(self) -> int:
        """The number of rows."""
        return len(next(iter(self.columns.values())))

    def to_pandas(self) -> pd.DataFrame:
        """A DataFrame with nullable types; days are datetime64, times are in Beijing.

        Raises:  WxcubeError if pandas is not installed.
        """
        pandas = _library("pandas")
        types = {
            str: "string",
            int: "Int64",
            float: "Float64",
            bool: "boolean",
            date: "datetime64[s]",
            datetime: pandas.DatetimeTZDtype("us", BEIJING),
        }
        return pandas.DataFrame(
            {
                name: pandas.Series(values, dtype=types[self.types[name]])
                for name, values in self.columns.items()
            }
        )

    def to_polars(self) -> pl.DataFrame:
        """A DataFrame; times are in Beijing.

        Raises:  WxcubeError if polars is not installed.
        """
        polars = _library("polars")
        types = {
            str: polars.String,
            int: polars.Int64,
            float: polars.Float64,
            bool: polars.Boolean,
            date: polars.Date,
            datetime: polars.Datetime("us", _ZONE),
        }
        schema = {name: types[type_] for name, type_ in self.types.items()}
        frame: pl.DataFrame = polars.DataFrame(self.columns, schema=schema)
        return frame

    def to_arrow(self) -> pa.Table:
        """An Arrow table; times are in Beijing.

        Raises:  WxcubeError if pyarrow is not installed.
        """
        arrow = _library("pyarrow")
        types = {
            str: arrow.string(),
            int: arrow.int64(),
            float: arrow.float64(),
            bool: arrow.bool_(),
            date: arrow.date32(),
            datetime: arrow.timestamp("us", _ZONE),
        }
        schema = arrow.schema([(name, types[type_]) for name, type_ in self.types.items()])
        return arrow.table(self.columns, schema=schema)


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise WxcubeError(
            _("{library} is not installed", library=name),
            hint=_("install it with: pip install {library}", library=name),
        ) from error
