"""Alembic's entry: runs revisions on the connection ``connector.ledger.migrate`` hands over."""

from alembic import context

from connector.failpoints import failpoint
from connector.ledger.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=True,
    transactional_ddl=True,
    compare_type=True,
    on_version_apply=lambda **_: failpoint("migrate.mid"),
)
with context.begin_transaction():
    context.run_migrations()
