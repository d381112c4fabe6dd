"""Tables made of the contract; their rows and the views are written after the migration."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "contract",
        sa.Column("version", sa.String(16), nullable=False, comment="year and month / 版本"),
        sa.Column(
            "sha256",
            sa.String(64),
            nullable=False,
            comment="of what they are made of",
        ),
        sa.PrimaryKeyConstraint("version"),
        comment="version of the contract that endpoints, columns, codes and the views are made of",
    )
    op.create_table(
        "endpoints",
        sa.Column("name", sa.String(64), nullable=False, comment="WeChat's name / 接口名"),
        _text("title_zh", "Chinese title / 中文名称"),
        _text("title_en", "English title / 英文名称"),
        _text("row_zh", "what a row is, in Chinese / 一行的含义"),
        _text("row_en", "what a row is, in English / 一行的含义"),
        _short("group_name", 16, "user, article, … / 分组"),
        _short("grain", 16, "period of a row / 统计周期"),
        _short("table_name", 64, "table of its rows / 数据表"),
        _short("view_name", 64, "view of its rows / 视图"),
        _text("key_columns", "identify a row / 主键列"),
        sa.Column(
            "first_date", sa.Date(), nullable=False, comment="first day with figures / 最早日期"
        ),
        _number("moves_days", "days until final / 多少天后定稿"),
        _short("life", 8, "active, retired or legacy / 状态"),
        _short("retired_since", 10, "if retired / 下线时间"),
        _text("successors", "instead of it / 替代接口"),
        _number("sort_order", "order in the contract / 顺序"),
        sa.PrimaryKeyConstraint("name"),
        comment="endpoints of the datacube",
    )
    op.create_table(
        "columns",
        _short("view_name", 64, "the view / 视图"),
        _short("name", 64, "the column / 列名"),
        _number("sort_order", "order in the view / 顺序"),
        _short("endpoint", 64, "endpoint of the rows / 接口"),
        sa.Column(
            "table_name", sa.String(64), comment="table with this column; null: none / 数据表"
        ),
        _text("zh", "Chinese meaning / 中文含义"),
        _text("en", "English meaning / 英文含义"),
        _short("kind", 16, "users, times, running, … / 类型"),
        _short("unit", 16, "people, times, ms, … / 单位"),
        _short("adding", 16, "how to combine rows / 合并方式"),
        _short("code_table", 64, "name in codes / 代码表"),
        sa.PrimaryKeyConstraint("view_name", "name"),
        comment="columns of the views: meaning, unit, and whether rows may be added up",
    )
    op.create_table(
        "codes",
        _short("code_table", 64, "name of the table / 代码表"),
        _short("code", 64, "number or text, as text / 代码"),
        _text("zh", "Chinese meaning / 中文含义"),
        _text("en", "English meaning / 英文含义"),
        _short("since", 10, "first day / 起用日期"),
        _text("note", "historic, … / 说明"),
        _number("sort_order", "order in the table / 顺序"),
        sa.PrimaryKeyConstraint("code_table", "code"),
        comment="meanings of codes",
    )


def _text(name: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, comment=comment)


def _short(name: str, length: int, comment: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False, comment=comment)


def _number(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, comment=comment)


def downgrade() -> None:
    """Remove the views and the tables."""
    connection = op.get_bind()
    names = connection.exec_driver_sql("SELECT DISTINCT view_name FROM columns").scalars().all()
    for name in names:
        op.execute(f"DROP VIEW IF EXISTS {name}")
    for table in ("codes", "columns", "endpoints", "contract"):
        op.drop_table(table)
