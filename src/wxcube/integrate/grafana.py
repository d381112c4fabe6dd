"""Grafana: a provisioning folder with a data source and a dashboard, for PostgreSQL or MySQL."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from wxcube.errors import SettingsError
from wxcube.i18n import _
from wxcube.i18n.language import Language
from wxcube.integrate.questions import QUESTIONS, Chart, Question

PASSWORD_VARIABLE = "WXCUBE_DATABASE_PASSWORD"  # noqa: S105 - the name of a variable
"""Environment variable from which Grafana reads the password: no file has it."""
FOLDER = "/etc/grafana/provisioning"
"""Where Grafana looks for provisioning, unless it is configured otherwise."""
DATA_SOURCE = "wxcube"
_WIDTH, _HEIGHT = 12, 8
_TLS_MODES = frozenset({"disable", "require", "verify-ca", "verify-full"})
"""Grafana's choices for PostgreSQL; it has no `prefer`."""
_UNITS = {"ms": "ms"}
"""Grafana's names of units; counts have none."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What Grafana needs to know of a kind of database."""

    plugin: str
    default_port: int
    time: str
    day: str
    """The Beijing day of a Unix time, which is filled in."""

    def places(self) -> dict[str, str]:
        """What stands for account, days and time in the SQL of a question."""
        return {
            "account": "${account:sqlstring}",
            "first": self.day.format("$__unixEpochFrom()"),
            "last": self.day.format("$__unixEpochTo()"),
            "time": self.time,
        }


_POSTGRESQL = Dialect(
    "postgres",
    5432,
    "beijing_time AT TIME ZONE 'Asia/Shanghai'",
    "(to_timestamp({}) AT TIME ZONE 'Asia/Shanghai')::date",
)
_MYSQL = Dialect(
    "mysql",
    3306,
    "TIMESTAMPDIFF(SECOND, '1970-01-01 08:00:00', beijing_time)",
    "DATE('1970-01-01 08:00:00' + INTERVAL {} SECOND)",
)
DIALECTS = {
    "postgresql": _POSTGRESQL,
    "postgres": _POSTGRESQL,
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
}
"""By the name of the database in its URL."""


def grafana_files(database_url: str, translate: Language) -> dict[str, str]:
    """The files by their paths in the provisioning folder.

    Raises:  SettingsError if the database is not on PostgreSQL, MySQL or MariaDB.
    """
    import sqlalchemy as sa

    try:
        url = sa.make_url(database_url)
    except (sa.exc.ArgumentError, ValueError):
        raise _not_a_server() from None
    dialect = DIALECTS.get(url.get_backend_name())
    if dialect is None:
        raise _not_a_server()
    return {
        "datasources/wxcube.yaml": _as_yaml({"datasources": [_data_source(url, dialect)]}),
        "dashboards/wxcube.yaml": _as_yaml({"providers": [_provider()]}),
        "dashboards/wxcube.json": _as_json(_dashboard(dialect, translate)),
    }


def _not_a_server() -> SettingsError:
    return SettingsError(
        _("Grafana reads PostgreSQL and MySQL, and the database is not on either"),
        hint=_(
            "name one with --database postgresql://USER@HOST/NAME, or use "
            "`wxcube integrate datasette` for an SQLite file"
        ),
    )


def _data_source(url: Any, dialect: Dialect) -> dict[str, Any]:
    options = {"database": url.database}
    if dialect.plugin == "postgres":
        wanted = url.query.get("sslmode")
        options["sslmode"] = wanted if wanted in _TLS_MODES else "require"
    return {
        "name": DATA_SOURCE,
        "uid": DATA_SOURCE,
        "type": dialect.plugin,
        "url": f"{url.host or 'localhost'}:{url.port or dialect.default_port}",
        "user": url.username or "",
        "database": url.database,
        "jsonData": options,
        "secureJsonData": {"password": f"${PASSWORD_VARIABLE}"},
        "editable": False,
    }


def _provider() -> dict[str, Any]:
    return {
        "name": DATA_SOURCE,
        "type": "file",
        "allowUiUpdates": True,
        "options": {"path": f"{FOLDER}/dashboards"},
    }


def _dashboard(dialect: Dialect, translate: Language) -> dict[str, Any]:
    return {
        "uid": DATA_SOURCE,
        "title": translate(_("WeChat Official Account")),
        "schemaVersion": 39,
        "timezone": "Asia/Shanghai",
        "time": {"from": "now-30d/d", "to": "now"},
        "templating": {"list": [_account(dialect, translate)]},
        "panels": [
            _panel(number, question, dialect, translate)
            for number, question in enumerate(QUESTIONS)
        ],
    }


def _account(dialect: Dialect, translate: Language) -> dict[str, Any]:
    """The variable with the account."""
    return {
        "name": "account",
        "label": translate(_("Account")),
        "type": "query",
        "datasource": _source(dialect),
        "query": "SELECT appid FROM accounts ORDER BY 1",
        "refresh": 1,
    }


def _panel(
    number: int, question: Question, dialect: Dialect, translate: Language
) -> dict[str, Any]:
    is_table = question.chart is Chart.TABLE
    row, column = divmod(number, 2)
    return {
        "id": number + 1,
        "title": translate(question.title),
        "type": "table" if is_table else "timeseries",
        "datasource": _source(dialect),
        "gridPos": {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {
            "defaults": {"unit": _UNITS.get(question.unit, "none"), "custom": _style(question)},
            "overrides": [
                _named(name, translate(question.meaning(name)))
                for name in question.columns
                if _is_shown_as_column(question, name)
            ],
        },
        "targets": [
            {
                "refId": "A",
                "datasource": _source(dialect),
                "format": "table" if is_table else "time_series",
                "rawQuery": True,
                "rawSql": question.sql(dialect.places(), translate),
            }
        ],
    }


def _source(dialect: Dialect) -> dict[str, str]:
    return {"type": dialect.plugin, "uid": DATA_SOURCE}


def _style(question: Question) -> dict[str, Any]:
    if question.chart is Chart.TABLE:
        return {}
    if question.chart is Chart.LINE:
        return {"drawStyle": "line", "spanNulls": False}
    mode = "normal" if question.chart is Chart.STACK else "none"
    return {"drawStyle": "bars", "fillOpacity": 60, "stacking": {"mode": mode}}


def _is_shown_as_column(question: Question, name: str) -> bool:
    """Whether the answer has a column of that name that is not named after its series."""
    if question.chart is Chart.TABLE:
        return name in {"publish_date", "title", "state", *question.figures}
    return name in question.figures and not question.has_series


def _named(column: str, shown: str) -> dict[str, Any]:
    return {
        "matcher": {"id": "byName", "options": column},
        "properties": [{"id": "displayName", "value": shown}],
    }


def _as_json(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _as_yaml(content: dict[str, Any]) -> str:
    """The content as YAML, of which JSON is a part."""
    return _as_json({"apiVersion": 1, **content})
