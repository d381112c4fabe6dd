"""The log of asks, withdrawn rows, revisions, and leases."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ROW_TABLES = (
    "user_summary",
    "user_cumulate",
    "article_summary",
    "article_total",
    "article_total__details",
    "user_read",
    "user_read_hour",
    "user_share",
    "user_share_hour",
    "article_read",
    "article_read__read_user_source",
    "article_share",
    "biz_summary",
    "biz_summary__read_user_source",
    "article_total_detail",
    "article_total_detail__detail_list",
    "article_total_detail__detail_list__read_user_source",
    "article_total_detail__detail_list__read_jump_position",
    "upstream_msg",
    "upstream_msg_hour",
    "upstream_msg_week",
    "upstream_msg_month",
    "upstream_msg_dist",
    "upstream_msg_dist_week",
    "upstream_msg_dist_month",
    "interface_summary",
    "interface_summary_hour",
    "card_bizuin_info",
    "card_card_info",
    "card_member_card_info",
    "card_member_card_detail",
)
WITHDRAWN = "first answer that lacked the row / 首次缺少该行的返回时间；空值表示最近一次返回有该行"
BY_CALLS = "counted by an earlier version of wxcube, which stored no more about it"


def upgrade() -> None:
    """Create the tables and columns, and fill the log with what is known about earlier calls."""
    _create_asks()
    _create_leases()
    for table in ROW_TABLES:
        op.add_column(table, sa.Column("withdrawn_at", sa.String(25), comment=WITHDRAWN))
        op.create_index(
            f"{table}__withdrawn",
            table,
            ["appid", "origin", "withdrawn_at"],
            sqlite_where=sa.text("withdrawn_at IS NOT NULL"),
        )
    _add_to_coverage()
    connection = op.get_bind()
    _fill(connection)
    op.drop_table("answers")
    op.drop_table("calls")


def _create_asks() -> None:
    op.create_table(
        "asks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("appid", sa.String(64), nullable=False),
        sa.Column("origin", sa.String(8), nullable=False),
        sa.Column("endpoint", sa.String(64), nullable=False),
        sa.Column("params", sa.String(128), nullable=False),
        sa.Column("first_date", sa.Date(), comment="null: known only as a number of calls"),
        sa.Column("last_date", sa.Date()),
        sa.Column("sender", sa.String(16), nullable=False, comment="sync, fetch, …"),
        sa.Column("asked_at", sa.String(29), nullable=False, comment="when it was sent / 请求时间"),
        sa.Column("outcome", sa.String(10), nullable=False, comment="see wxcube.warehouse.asks"),
        sa.Column(
            "finished", sa.BigInteger(), comment="order of the outcomes of an account, from 1"
        ),
        sa.Column("server_date", sa.String(25), comment="Date header of the answer / 服务器时间"),
        sa.Column("errcode", sa.Integer(), comment="WeChat's error code / 错误码"),
        sa.Column(
            "is_delay", sa.Boolean(), comment="figures are still being computed / 数据有延迟"
        ),
        sa.Column("rows", sa.Integer(), comment="rows of the answer / 行数"),
        sa.Column("unreadable", sa.Integer(), comment="rows that cannot be read / 无法读取的行数"),
        sa.Column("sha256", sa.String(64), comment="its reply"),
        sa.Column("message", sa.Text(), nullable=False, server_default="", comment="the error"),
        sa.Column("message_data", sa.Text(), comment="the error as JSON, for other languages"),
        sa.Column(
            "clock_offset",
            sa.Integer(),
            comment="seconds the machine's clock was ahead / 本机时钟快的秒数；空值表示时钟无误",
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["sha256"], ["replies.sha256"]),
        comment="every attempt that was sent, in the order of sending; outcomes are added once",
    )


def _create_leases() -> None:
    op.create_table(
        "leases",
        sa.Column("appid", sa.String(64), nullable=False),
        sa.Column("holder", sa.String(64), nullable=False, comment="of the process, unique"),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("taken_at", sa.String(25), nullable=False, comment="by the machine's clock"),
        sa.Column(
            "expires_at", sa.String(25), nullable=False, comment="unless it is renewed before"
        ),
        sa.PrimaryKeyConstraint("appid"),
        comment="accounts that a process is synchronizing now",
    )


def _add_to_coverage() -> None:
    for column in (
        sa.Column(
            "revision",
            sa.Integer(),
            nullable=False,
            server_default="0",
            comment="how often figures changed after they were final / 定稿后更正次数",
        ),
        sa.Column("revised_at", sa.String(25), comment="last revision / 最近一次更正时间"),
        sa.Column(
            "doubts",
            sa.Integer(),
            nullable=False,
            server_default="0",
            comment="days on which a late enough answer lacked something",
        ),
    ):
        op.add_column("coverage", column)


# --- what is known about earlier calls -----------------------------------------------------------

_INSERT = """INSERT INTO asks (appid, origin, endpoint, params, first_date, last_date, sender,
    asked_at, outcome, errcode, sha256, message, message_data, finished)
    VALUES (?, ?, ?, ?, ?, ?, 'sync', ?, ?, ?, ?, ?, ?, ?)"""
_ANSWERS = """SELECT appid, origin, endpoint, params, first_date, last_date, asked_at, sha256
    FROM answers"""
_ERRORS = """SELECT appid, origin, endpoint, params, asked_at, errcode, message, message_data,
    state, ref_date FROM coverage
    WHERE state IN ('refused', 'failed') OR errcode IS NOT NULL
    ORDER BY appid, origin, endpoint, params, asked_at, errcode, message, state, ref_date"""
_COUNTED = """SELECT calls.appid, calls.endpoint, calls.day, calls, exhausted,
    (SELECT count(*) FROM asks WHERE asks.appid = calls.appid AND asks.endpoint = calls.endpoint
        AND asked_at >= calls.day || 'T' AND asked_at < date(calls.day, '+1 day') || 'T')
    FROM calls JOIN (SELECT appid, max(day) AS newest FROM calls GROUP BY appid) AS last
        ON last.appid = calls.appid AND last.newest = calls.day"""


def _fill(connection: sa.Connection) -> None:
    """Answers, errors, and the calls of the last day of each account that are only counted."""
    answers = [_answer(*row) for row in connection.exec_driver_sql(_ANSWERS)]
    known = _one_per_call(answers, [*_errors(connection.exec_driver_sql(_ERRORS))])
    cursor: Any = connection.connection.cursor()
    known.sort(key=lambda ask: (ask[0], ask[6]))
    for _appid, of_account in groupby(known, key=lambda ask: ask[0]):
        numbered = ((*ask, number) for number, ask in enumerate(of_account, 1))
        cursor.executemany(_INSERT, numbered)
    op.create_index("asks_of_day", "asks", ["appid", "endpoint", "asked_at", "errcode"])
    op.create_index("asks_in_order", "asks", ["appid", "finished"])
    cursor.executemany(_INSERT, _counted(connection.exec_driver_sql(_COUNTED)))


def _answer(*row: Any) -> tuple[Any, ...]:
    *series_and_window, asked_at, sha256 = row
    return (*series_and_window, _to_moment(asked_at), "answered", None, sha256, "", None)


def _one_per_call(
    answers: list[tuple[Any, ...]], errors: list[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """Answers and errors; an answer that could not be read is known as both."""
    by_call: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    others = []
    for error in errors:
        if error[8] is None:
            by_call.setdefault((*error[:4], error[6]), []).append(error)
        else:
            others.append(error)
    found = []
    for answer in answers:
        of_call = by_call.get((*answer[:4], answer[6]), [])
        own = [e for e in of_call if answer[4] <= e[4] and e[5] <= answer[5]]
        for error in own:
            of_call.remove(error)
        found.append((*answer[:7], "unreadable", None, answer[9], *own[0][10:]) if own else answer)
    return [*found, *others, *(error for of_call in by_call.values() for error in of_call)]


def _errors(rows: Iterable[Any]) -> Iterable[tuple[Any, ...]]:
    """An ask for each run of days with the same error at the same time."""
    by_key: Iterable[tuple[tuple[Any, ...], Iterable[Any]]]
    by_key = groupby(rows, key=lambda row: tuple(row)[:-1])
    for key, group in by_key:
        *series, asked_at, errcode, message, data, _state = key
        outcome = "refused" if errcode is not None else "unanswered"
        for first, last in _runs([date.fromisoformat(row[-1]) for row in group]):
            dates = (first.isoformat(), last.isoformat())
            yield (
                *series,
                *dates,
                _to_moment(asked_at),
                outcome,
                errcode,
                None,
                message,
                data,
            )


def _runs(days: list[date]) -> Iterable[tuple[date, date]]:
    first = last = days[0]
    for day in days[1:]:
        if day - last > timedelta(days=31):
            yield first, last
            first = day
        last = day
    yield first, last


def _counted(rows: Iterable[Any]) -> Iterable[tuple[Any, ...]]:
    for appid, endpoint, day, calls, exhausted, known in rows:
        at = f"{day}T00:00:00.000+08:00"
        same = (appid, "wechat", endpoint, "", None, None, at)
        missing = max(calls - known, 1 if exhausted else 0)
        for number in range(missing):
            is_last = exhausted and number == missing - 1
            outcome, errcode = ("refused", 45009) if is_last else ("sent", None)
            yield (*same, outcome, errcode, None, BY_CALLS, None, None)


def _to_moment(timestamp: str) -> str:
    """A time to the second as a time to the millisecond."""
    return timestamp.replace("+08:00", ".000+08:00")


_ANSWERS_AGAIN = """INSERT INTO answers
    SELECT appid, origin, endpoint, params, first_date, last_date, sha256,
        replace(max(asked_at), '.000+', '+')
    FROM asks WHERE sha256 IS NOT NULL AND first_date IS NOT NULL
    GROUP BY appid, origin, endpoint, params, first_date, last_date, sha256"""
_CALLS_AGAIN = """INSERT INTO calls
    SELECT appid, endpoint, substr(asked_at, 1, 10), count(*), max(errcode IS 45009)
    FROM asks GROUP BY appid, endpoint, substr(asked_at, 1, 10)"""


def downgrade() -> None:
    """Remove tables and columns; the earlier tables get what the log knows."""
    series = [
        sa.Column(name, sa.String(length), nullable=False)
        for name, length in (("appid", 64), ("origin", 8), ("endpoint", 64), ("params", 128))
    ]
    window_and_reply = ("first_date", "last_date", "sha256")
    op.create_table(
        "answers",
        *series,
        sa.Column("first_date", sa.Date(), nullable=False),
        sa.Column("last_date", sa.Date(), nullable=False),
        sa.Column("sha256", sa.String(64), sa.ForeignKey("replies.sha256"), nullable=False),
        sa.Column("asked_at", sa.String(25), nullable=False),
        sa.PrimaryKeyConstraint(*(column.name for column in series), *window_and_reply),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "calls",
        sa.Column("appid", sa.String(64), nullable=False),
        sa.Column("endpoint", sa.String(64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("exhausted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("appid", "endpoint", "day"),
        sqlite_with_rowid=False,
    )
    op.execute(_ANSWERS_AGAIN)
    op.execute(_CALLS_AGAIN)
    op.drop_table("asks")
    op.drop_table("leases")
    for table in ROW_TABLES:
        op.drop_index(f"{table}__withdrawn", table)
        op.drop_column(table, "withdrawn_at")
    for name in ("revision", "revised_at", "doubts"):
        op.drop_column("coverage", name)
