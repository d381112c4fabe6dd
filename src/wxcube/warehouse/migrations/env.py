"""Runs migrations on the connection they are handed, inside its transaction."""

from alembic import context

from wxcube.warehouse.tables import METADATA


def run() -> None:
    """Bring the database of the connection forward or back."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=METADATA,
        render_as_batch=True,
    )
    context.run_migrations()


# Alembic loads this file under that name
if __name__ == "env_py":
    run()
