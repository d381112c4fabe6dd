"""Members that answers lack: columns that are not part of a key may be null."""

import re

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

COMMENT = "parts the answer lacked / 返回结果中缺少的部分或列表，以空格分隔；空值表示不缺"
WITH_ABSENT = (
    "user_read",
    "user_read_hour",
    "article_total",
    "article_read",
    "article_share",
    "biz_summary",
    "article_total_detail",
    "article_total_detail__detail_list",
)
TABLES = (
    *WITH_ABSENT,
    "user_summary",
    "user_cumulate",
    "article_summary",
    "article_total__details",
    "user_share",
    "user_share_hour",
    "article_read__read_user_source",
    "biz_summary__read_user_source",
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


def upgrade() -> None:
    """Allow null, and add the columns; rows are not touched."""
    connection = op.get_bind()
    # SQLite's own way to remove NOT NULL: alembic's batch mode copies every row, and would lose
    # those of nested lists, which are deleted with the table of their parents
    # (https://www.sqlite.org/lang_altertable.html, section 7)
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar() or 0
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    try:
        for table in TABLES:
            _allow_null(connection, table)
        connection.exec_driver_sql(f"PRAGMA schema_version={version + 1}")
    finally:
        connection.exec_driver_sql("PRAGMA writable_schema=RESET")
    for table in WITH_ABSENT:
        op.add_column(table, sa.Column("absent", sa.Text(), nullable=True, comment=COMMENT))


def _allow_null(connection: sa.Connection, table: str) -> None:
    columns = connection.exec_driver_sql(f"PRAGMA table_info({table})").all()
    where = "WHERE type='table' AND name=?"
    select = f"SELECT sql FROM sqlite_master {where}"  # noqa: S608 - own names
    statement = str(connection.exec_driver_sql(select, (table,)).scalar())
    for _id, name, _type, not_null, _default, place_in_key in columns:
        if not_null and not place_in_key and name != "place":
            statement, count = re.subn(
                rf"(\n\s*\"?{name}\"? [A-Z]+(\(\d+\))?) NOT NULL", r"\1", statement
            )
            if count != 1:
                message = f"no column {name} in {statement}"
                raise RuntimeError(message)
    update = f"UPDATE sqlite_master SET sql=? {where}"  # noqa: S608 - own names
    connection.exec_driver_sql(update, (statement, table))


def downgrade() -> None:
    """Remove the columns; rows with null remain, so the others keep allowing it."""
    for table in WITH_ABSENT:
        op.drop_column(table, "absent")
