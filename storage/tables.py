"""The engine's own tables: scopes, memberships, the ledger, batches, the journal, outbox, incarnation, removals.

Written by storage/ledger alone. Columns use the types of storage/columns.py, so both engines return canonical values.
Foreign keys are left out on purpose: every writer holds the scope's lock and got its number from it (sync-protocol 2),
and a key check per ledger row would cost a lookup for each. Knows no kind.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, PrimaryKeyConstraint, Table, UniqueConstraint, text

from storage.columns import Day, Flag, Instant, Json, Text, Uuid, Whole
from storage.metadata import METADATA, STRICT

scope = Table(
    "scope", METADATA,
    Column("ord", Integer, Identity(), primary_key=True, comment="its small integer, in cursors and the ledger"),
    Column("name", Text(), nullable=False),
    Column("head", Whole(least=0), nullable=False, comment="the last number given out; bumped first in each push"),
    Column("floor", Whole(least=0), nullable=False, comment="tombstones up to here are gone"),
    UniqueConstraint("name"),
    postgresql_with={"fillfactor": 50},  # a head moves at every push: room on the page keeps the move off the indexes
    **STRICT,
)

membership = Table(
    "membership", METADATA,
    Column("scope_ord", Integer, nullable=False),
    Column("user_id", Uuid(), nullable=False),
    Column("scope", Text(), nullable=False),
    Column("role", Text(), nullable=False),
    Column("view", Json(), nullable=False, comment="parts, days, hidden lines: sync.access.View"),
    Column("view_version", Whole(least=1), nullable=False),
    Column("expires_at", Instant()),
    Column("ended_at", Instant(), comment="ended, never deleted"),
    PrimaryKeyConstraint("scope_ord", "user_id"),
    Index(None, "user_id", "scope"),
    **STRICT,
)

ledger = Table(
    "ledger", METADATA,
    Column("scope_ord", Integer, nullable=False),
    # No default: a writer that takes no number fails loudly instead of writing a row nobody is ever told of.
    Column("seq", Whole(least=1), nullable=False),
    Column("kind", Text(), nullable=False),
    Column("home", Text(), nullable=False),
    Column("id", Uuid(), nullable=False),
    Column("deleted", Flag(), nullable=False),
    Column("part", Uuid()),
    Column("day", Day()),
    Column("version", Whole(least=0), nullable=False),
    PrimaryKeyConstraint("scope_ord", "kind", "home", "id"),
    UniqueConstraint("scope_ord", "seq"),
    Index("ix_ledger_tombstones", "scope_ord", "kind", postgresql_where=text("deleted"),
          sqlite_where=text("deleted = 1")),
    **STRICT,
)

batch = Table(
    "batch", METADATA,
    Column("device_id", Uuid(), nullable=False),
    Column("batch_id", Text(), nullable=False),
    # The person is part of the key: an id used on two accounts of one phone stays two batches (S-63, I-05).
    Column("user_id", Uuid(), nullable=False),
    Column("digest", Text(), nullable=False),
    Column("results", Text(), comment="text, for JSONB would reorder what a replay must repeat (S-64)"),
    Column("received_at", Instant(), nullable=False),
    PrimaryKeyConstraint("device_id", "batch_id", "user_id"),
    Index(None, "received_at"),
    **STRICT,
)

change = Table(
    "change", METADATA,
    Column("device_id", Uuid(), nullable=False),
    Column("change_id", Text(), nullable=False),
    Column("user_id", Uuid(), nullable=False),
    Column("digest", Text(), nullable=False),
    Column("role", Text(), nullable=False),
    Column("kind", Text(), nullable=False),
    Column("id", Text(), nullable=False),
    Column("scope", Text(), nullable=False, comment="the home scope of the row, empty if none was named"),
    Column("part", Text()),
    Column("day", Text()),
    Column("op", Text(), nullable=False),
    Column("base", Whole(), nullable=False),
    Column("fields", Json(), nullable=False),
    Column("outcome", Text(), nullable=False),
    Column("code", Text(), nullable=False),
    Column("version", Whole(), nullable=False),
    Column("tells_row", Flag(), nullable=False),
    Column("details", Json(), nullable=False),
    Column("hlc", Text(), nullable=False),
    Column("recorded_at", Instant(), comment="as the device said"),
    Column("corrected_at", Instant(), nullable=False),
    Column("offset_ms", Whole(), nullable=False),
    Column("clock_suspect", Flag(), nullable=False),
    Column("received_at", Instant(), nullable=False),
    Column("batch_id", Text(), nullable=False),
    PrimaryKeyConstraint("device_id", "change_id", "user_id"),
    Index(None, "scope", "kind", "id"),
    Index(None, "user_id", "received_at"),
    **STRICT,
)

outbox = Table(
    "outbox", METADATA,
    Column("id", BigInteger().with_variant(Integer(), "sqlite"), Identity(), primary_key=True),
    Column("scope", Text(), nullable=False),
    Column("touched", Json(), nullable=False, comment="[kind, id, version, change id] each; ids only"),
    Column("made_at", Instant(), nullable=False),
    Column("claimed_by", Text()),
    Column("claimed_until", Instant()),
    Column("attempts", Whole(least=0), nullable=False, server_default=text("0")),
    Column("done_at", Instant()),
    Index("ix_outbox_waiting", "id", postgresql_where=text("done_at IS NULL"), sqlite_where=text("done_at IS NULL")),
    **STRICT,
)

incarnation = Table(
    "incarnation", METADATA,
    Column("id", Whole(least=1, most=1), primary_key=True),
    Column("epoch", Text(), nullable=False),
    Column("made_at", Instant(), nullable=False),
    Column("resend_since", Instant(), comment="after a restore: from when on devices send again what they recorded"),
    **STRICT,
)

removal = Table(
    "removal", METADATA,
    Column("user_id", Uuid(), nullable=False),
    Column("device_id", Uuid(), nullable=False),
    Column("scope_ord", Integer, nullable=False),
    # Which ending was told: a membership given again and ended again has a higher version, and its grace is whole.
    Column("view_version", Whole(least=1), nullable=False),
    Column("told_at", Instant(), nullable=False),
    Column("purged_at", Instant()),
    PrimaryKeyConstraint("user_id", "device_id", "scope_ord"),
    **STRICT,
)
