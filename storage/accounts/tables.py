"""The tables of accounts, sessions, their refresh tokens, guards of logins, and the audit of reads and logins.

Their states are rules R-005 and S-01; who writes them is the rest of this folder. A session is a refresh family: it
begins with a login, its tokens follow one another, and it ends as a whole (R-012).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, Table, UniqueConstraint, false, text

from storage.columns import Flag, Instant, Json, Text, Uuid, Whole
from storage.metadata import METADATA, STRICT

MAX_HASH_CHARS = 300
MAX_TOKEN_CHARS = 200

account = Table(
    "account", METADATA,
    Column("id", Uuid(), primary_key=True),
    Column("role", Text(), nullable=False, comment="R-001"),
    Column("state", Text(), nullable=False, comment="R-005; `locked` and `deleted` shut every door"),
    Column("phone", Text(), comment="E.164 (R-006)"),
    Column("email", Text(320), comment="lower case"),
    Column("phone_verified", Flag(), nullable=False, server_default=false(),
           comment="an unverified phone finds nobody (DESIGN.md 11)"),
    Column("email_verified", Flag(), nullable=False, server_default=false()),
    Column("password_hash", Text(MAX_HASH_CHARS), comment="argon2id with its parameters; none: no login by password"),
    Column("language", Text(), nullable=False, server_default=text("'km'"),
           comment="of messages before a profile is read"),
    Column("terms_accepted_at", Instant()),
    Column("created_at", Instant(), nullable=False),
    UniqueConstraint("phone"),
    UniqueConstraint("email"),
    **STRICT,
)

account_device = Table(
    "account_device", METADATA,
    Column("device_id", Uuid(), primary_key=True, comment="one device id belongs to one account (R-015)"),
    Column("account_id", Uuid(), nullable=False),
    Column("created_at", Instant(), nullable=False),
    Index(None, "account_id"),
    **STRICT,
)

session = Table(
    "session", METADATA,
    Column("id", Uuid(), primary_key=True),
    Column("account_id", Uuid(), nullable=False),
    Column("device_id", Uuid(), nullable=False),
    Column("device_name", Text(), nullable=False, server_default=text("''"),
           comment="what the device called itself at login (S-08)"),
    Column("platform", Text(), nullable=False, server_default=text("''")),
    Column("created_at", Instant(), nullable=False),
    Column("last_used_at", Instant(), comment="last login or refresh"),
    Column("ended_at", Instant()),
    Column("ended_because", Text(), comment="storage/accounts/sessions.py: Ended"),
    Index(None, "account_id"),
    **STRICT,
)

refresh_token = Table(
    "refresh_token", METADATA,
    Column("digest", Text(), primary_key=True, comment="SHA-256 in hex; the token itself is nowhere (S-05)"),
    Column("session_id", Uuid(), nullable=False),
    Column("number", Whole(least=1), nullable=False, comment="place in the family; the highest is the living one"),
    Column("issued_at", Instant(), nullable=False),
    Column("expires_at", Instant(), nullable=False),
    Column("used_at", Instant()),
    Column("sealed", Text(MAX_TOKEN_CHARS), comment="the successor, under a key made of this token (S-06)"),
    Column("sealed_until", Instant()),
    UniqueConstraint("session_id", "number"),
    Index(None, "sealed_until"),
    **STRICT,
)

login_guard = Table(
    "login_guard", METADATA,
    Column("key", Text(), primary_key=True, comment="account:<id>, or name:<SHA-256> of a name nobody has (S-30)"),
    Column("tries", Whole(least=0), nullable=False, comment="since the last success or lock"),
    Column("locked_until", Instant()),
    Column("last_at", Instant(), nullable=False),
    Index(None, "last_at"),
    **STRICT,
)

audit = Table(  # insert-only: storage/migrations/insert_only.py
    "audit", METADATA,
    Column("id", BigInteger().with_variant(Integer(), "sqlite"), Identity(), primary_key=True),
    Column("actor_id", Uuid(), comment="none: a name that nobody has, or nobody signed in"),
    Column("role", Text(), nullable=False),
    Column("action", Text(), nullable=False),
    Column("resource_type", Text(), nullable=False),
    Column("resource_id", Text()),
    Column("patient_id", Uuid(), comment="whom it is about: they see the line (R-382)"),
    Column("details", Json(), nullable=False, comment="codes and ids; never a secret or a value of health"),
    Column("ip", Text()),
    Column("device_id", Uuid()),
    Column("acted_at", Instant(), nullable=False),
    Column("synced_at", Instant(), nullable=False),
    Index(None, "patient_id", "acted_at"),
    Index(None, "actor_id", "acted_at"),
    **STRICT,
)
