"""Tables made of the contract, so that a reader's SQL needs no other documentation.

`endpoints`, `columns` and `codes` describe the other tables; `columns` lists those of the views
(`views.py`). They are replaced when a version with another contract opens a database for writing.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from wxcube.contract import ENDPOINTS
from wxcube.contract.codes import TABLES
from wxcube.warehouse.column_types import Day, long_text, short_text
from wxcube.warehouse.tables import METADATA, TEXT_KEY

contract = sa.Table(
    "contract",
    METADATA,
    sa.Column("version", short_text(16), primary_key=True, comment="year and month / 版本"),
    sa.Column(
        "sha256", short_text(64), nullable=False, comment="of what they are made of / 内容的哈希"
    ),
    comment="version of the contract that tables and views are made of / 接口契约的版本",
)
endpoints = sa.Table(
    "endpoints",
    METADATA,
    sa.Column("name", TEXT_KEY, primary_key=True, comment="WeChat's name / 接口名"),
    sa.Column("title_zh", long_text(), nullable=False, comment="Chinese title / 中文名称"),
    sa.Column("title_en", long_text(), nullable=False, comment="English title / 英文名称"),
    sa.Column(
        "row_zh", long_text(), nullable=False, comment="what a row is, in Chinese / 一行的含义"
    ),
    sa.Column(
        "row_en", long_text(), nullable=False, comment="what a row is, in English / 一行的含义"
    ),
    sa.Column("group_name", short_text(16), nullable=False, comment="user, article, … / 分组"),
    sa.Column("grain", short_text(16), nullable=False, comment="period of a row / 统计周期"),
    sa.Column("table_name", TEXT_KEY, nullable=False, comment="table of its rows / 数据表"),
    sa.Column("view_name", TEXT_KEY, nullable=False, comment="view of its rows / 视图"),
    sa.Column("key_columns", long_text(), nullable=False, comment="identify a row / 主键列"),
    sa.Column("first_date", Day(), nullable=False, comment="first day with figures / 最早日期"),
    sa.Column("moves_days", sa.Integer, nullable=False, comment="days until final / 多少天后定稿"),
    sa.Column("life", short_text(8), nullable=False, comment="active, retired or legacy / 状态"),
    sa.Column("retired_since", short_text(10), nullable=False, comment="if retired / 下线时间"),
    sa.Column("successors", long_text(), nullable=False, comment="instead of it / 替代接口"),
    sa.Column("sort_order", sa.Integer, nullable=False, comment="order in the contract / 顺序"),
    comment="endpoints of the datacube / 数据统计接口",
)
columns = sa.Table(
    "columns",
    METADATA,
    sa.Column("view_name", TEXT_KEY, primary_key=True, comment="the view / 视图"),
    sa.Column("name", TEXT_KEY, primary_key=True, comment="the column / 列名"),
    sa.Column("sort_order", sa.Integer, nullable=False, comment="order in the view / 顺序"),
    sa.Column("endpoint", TEXT_KEY, nullable=False, comment="endpoint of the rows / 接口"),
    sa.Column("table_name", TEXT_KEY, comment="table with this column; null: none / 数据表"),
    sa.Column("zh", long_text(), nullable=False, comment="Chinese meaning / 中文含义"),
    sa.Column("en", long_text(), nullable=False, comment="English meaning / 英文含义"),
    sa.Column("kind", short_text(16), nullable=False, comment="users, times, running, … / 类型"),
    sa.Column("unit", short_text(16), nullable=False, comment="people, times, ms, … / 单位"),
    sa.Column("adding", short_text(16), nullable=False, comment="how to combine rows / 合并方式"),
    sa.Column("code_table", TEXT_KEY, nullable=False, comment="name in codes / 代码表"),
    comment="columns of the views: meaning, unit, and how to combine rows / 视图的列",
)
codes = sa.Table(
    "codes",
    METADATA,
    sa.Column("code_table", TEXT_KEY, primary_key=True, comment="name of the table / 代码表"),
    sa.Column("code", TEXT_KEY, primary_key=True, comment="number or text, as text / 代码"),
    sa.Column("zh", long_text(), nullable=False, comment="Chinese meaning / 中文含义"),
    sa.Column("en", long_text(), nullable=False, comment="English meaning / 英文含义"),
    sa.Column("since", short_text(10), nullable=False, comment="first day / 起用日期"),
    sa.Column("note", long_text(), nullable=False, comment="historic, … / 说明"),
    sa.Column("sort_order", sa.Integer, nullable=False, comment="order in the table / 顺序"),
    comment="meanings of codes / 代码的含义",
)


def endpoint_records() -> list[dict[str, Any]]:
    """Rows of the table `endpoints`."""
    return [
        {
            "name": endpoint.name,
            "title_zh": endpoint.title_zh,
            "title_en": endpoint.title_en,
            "row_zh": endpoint.row_zh,
            "row_en": endpoint.row_en,
            "group_name": endpoint.group.value,
            "grain": endpoint.grain.value,
            "table_name": endpoint.table,
            "view_name": endpoint.view,
            "key_columns": " ".join(endpoint.key),
            "first_date": endpoint.first_date,
            "moves_days": endpoint.moves_days,
            "life": endpoint.life.value,
            "retired_since": endpoint.retired_since,
            "successors": " ".join(endpoint.successors),
            "sort_order": order,
        }
        for order, endpoint in enumerate(ENDPOINTS)
    ]


def code_records() -> list[dict[str, Any]]:
    """Rows of the table `codes`."""
    return [
        {
            "code_table": table.name,
            "code": str(meaning.code),
            "zh": meaning.zh,
            "en": meaning.en,
            "since": meaning.since,
            "note": meaning.note,
            "sort_order": order,
        }
        for table in TABLES.values()
        for order, meaning in enumerate(table.meanings)
    ]
