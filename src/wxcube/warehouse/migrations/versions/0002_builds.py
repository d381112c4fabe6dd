"""How much a cube has handed over to this database."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "builds",
        sa.Column("ledger", sa.String(64), nullable=False, comment="name of the cube's ledger"),
        sa.Column(
            "parts", sa.Integer(), nullable=False, comment="parts of builds handed over so far"
        ),
        sa.PrimaryKeyConstraint("ledger"),
        comment="the cube whose rows are in this database, at most one",
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("builds")
