"""Messages of the ledger that can be shown in any language."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

COMMENT = "message as JSON, to show it in any language; null: only the English text is known"


def upgrade() -> None:
    """Add the column; entries that are there keep their English text."""
    op.add_column("coverage", sa.Column("message_data", sa.Text(), nullable=True, comment=COMMENT))


def downgrade() -> None:
    """Remove the column."""
    op.drop_column("coverage", "message_data")
