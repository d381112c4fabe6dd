"""Apps of the server, their tokens, and their calls."""

import sqlalchemy as sa
from alembic import op

from wxcube.warehouse.column_types import long_text, short_text

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "apps",
        sa.Column("appid", short_text(64), nullable=False),
        sa.Column("account", long_text(), nullable=False),
        sa.Column("secret_hash", short_text(128), nullable=False),
        sa.Column("permission_sets", long_text(), nullable=False),
        sa.Column("addresses", long_text(), nullable=False),
        sa.Column("daily_limit", sa.Integer()),
        sa.Column("minute_limit", sa.Integer()),
        sa.Column("is_platform", sa.Boolean(), nullable=False),
        sa.Column("gets_wechat_token", sa.Boolean(), nullable=False),
        sa.Column("created_at", short_text(25), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("revoked_at", short_text(25)),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("appid"),
        comment="apps that may call the server",
    )
    op.create_index("apps_changed", "apps", ["changed"])
    op.create_table(
        "app_tokens",
        sa.Column("appid", short_text(64), nullable=False),
        sa.Column("kind", short_text(8), nullable=False),
        sa.Column("nonce", short_text(32), nullable=False),
        sa.Column("issued_at", short_text(29), nullable=False),
        sa.Column("ends_at", short_text(29), nullable=False),
        sa.Column("is_replaced", sa.Boolean(), nullable=False),
        sa.Column("is_forced", sa.Boolean(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("appid", "kind", "nonce"),
        comment="issued access tokens, without the tokens themselves",
    )
    op.create_index("app_tokens_changed", "app_tokens", ["changed"])
    op.create_index("app_tokens_ended", "app_tokens", ["ends_at"])
    op.create_table(
        "app_calls",
        sa.Column("appid", short_text(64), nullable=False),
        sa.Column("path", short_text(64), nullable=False),
        sa.Column("period", short_text(16), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("appid", "path", "period"),
        comment="calls of apps, for their quota",
    )
    op.create_table(
        "app_state",
        sa.Column("name", short_text(16), nullable=False),
        sa.Column("content", short_text(64), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        comment="number of the last change, and a check of the server's key",
    )
    op.create_table(
        "wechat_token_requests",
        sa.Column("id", short_text(32), nullable=False),
        sa.Column("asked_at", short_text(29), nullable=False),
        sa.Column("appid", short_text(64), nullable=False),
        sa.Column("account", long_text(), nullable=False),
        sa.Column("client", short_text(64), nullable=False),
        sa.Column("errcode", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        comment="who asked for WeChat's own token",
    )


def downgrade() -> None:
    """Remove the tables."""
    for table in ("wechat_token_requests", "app_state", "app_calls", "app_tokens", "apps"):
        op.drop_table(table)
