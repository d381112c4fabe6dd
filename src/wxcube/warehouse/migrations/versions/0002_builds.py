"""Which build of the cube was the newest one into this database."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "builds",
        sa.Column(
            "ledger", sa.String(64), nullable=False, comment="of the cube that made the rows"
        ),
        sa.Column("build", sa.Integer(), nullable=False, comment="number of its newest build"),
        sa.PrimaryKeyConstraint("ledger"),
        comment="the newest build of the cube into this database, at most one",
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("builds")
