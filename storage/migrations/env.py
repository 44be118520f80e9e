"""Alembic's entry: runs revisions on the connection it is handed, or compares it with the declared tables."""

from __future__ import annotations

from alembic import context

from storage.migrations import insert_only
from storage.migrations.comparison import options_for
from storage.migrations.declared_tables import METADATA
from storage.migrations.rendering import render_item

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_item=render_item,
    process_revision_directives=insert_only.with_triggers,
    transactional_ddl=True,
    **options_for(context.config.attributes["connection"]),
)
with context.begin_transaction():
    context.run_migrations()
