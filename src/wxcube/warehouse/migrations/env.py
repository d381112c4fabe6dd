"""Runs migrations on the connection of the configuration, in its transaction."""

from alembic import context

from wxcube.warehouse.tables import METADATA


def run() -> None:
    """Migrate the database of the connection up or down."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=METADATA,
        render_as_batch=True,
    )
    context.run_migrations()


# Alembic loads this file under that name
if __name__ == "env_py":
    run()
