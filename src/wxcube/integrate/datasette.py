"""Datasette: the metadata of a database, with the meaning of each view and column."""

from __future__ import annotations

import json
from typing import Any

from wxcube.errors import SettingsError
from wxcube.i18n import Meaning, _
from wxcube.i18n.language import Language
from wxcube.integrate.questions import QUESTIONS
from wxcube.warehouse.contract_tables import codes, columns, endpoints
from wxcube.warehouse.databases.opening import is_file, path_of
from wxcube.warehouse.renewal import all_views
from wxcube.warehouse.tables import METADATA
from wxcube.warehouse.views import View, ViewColumn

FILE = "metadata.json"
FACETS = ("appid", "era", "activity", "origin", "state")
"""Columns with few values, in the views that have them."""
SHOWN_TABLES = frozenset({endpoints.name, columns.name, codes.name, "coverage", "accounts"})
"""Tables on the first page; the others are hidden, not secret."""
_PLACES = {"account": ":account", "first": ":first", "last": ":last", "time": "beijing_time"}


def datasette_files(database: str, translate: Language) -> dict[str, str]:
    """The files by name, for a database by its path.

    Raises:  SettingsError if the database is not a file.
    """
    if not is_file(database):
        raise SettingsError(
            _("Datasette reads SQLite files, and the database is on a server"),
            hint=_("use `wxcube integrate grafana` or `wxcube integrate metabase`"),
        )
    hidden = {name: {"hidden": True} for name in METADATA.tables if name not in SHOWN_TABLES}
    content = {
        "title": translate(_("Statistics of WeChat Official Accounts")),
        "databases": {
            path_of(database).stem: {
                "tables": {view.name: _table(view, translate) for view in all_views()} | hidden,
                "queries": {
                    question.name: {
                        "title": translate(question.title),
                        "sql": question.sql(_PLACES, translate),
                    }
                    for question in QUESTIONS
                },
            }
        },
    }
    return {FILE: json.dumps(content, ensure_ascii=False, indent=2) + "\n"}


def _table(view: View, translate: Language) -> dict[str, Any]:
    names = [column.name for column in view.columns]
    day = next(name for name in ("ref_date", "publish_date") if name in names)
    return {
        "title": translate(view.title),
        "columns": {column.name: _described(column, translate) for column in view.columns},
        "sortable_columns": names,
        "sort_desc": day,
        "facets": [name for name in FACETS if name in names],
    }


def _described(column: ViewColumn, translate: Language) -> str:
    """The meaning and the unit of a column."""
    meaning = translate(column.meaning)
    unit: Meaning | None = column.unit_meaning
    return f"{meaning} [{translate(unit)}]" if unit else meaning
