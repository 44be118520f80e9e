"""Accounts: made once, found by phone or e-mail, changed by their owner or an administrator.

Names (phone, e-mail) come canonical (storage/phones.py), passwords hashed (server/passwords.py). Knows no session.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.dialects.postgresql import insert  # compiles alike for SQLite, whose upsert is the same

from storage.accounts.states import AccountState
from storage.accounts.tables import account
from storage.database import Reading, Writing

OFFERED = ("patient", "family", "doctor", "pharmacy", "assistant")
"""Roles that a person may register in (R-002)."""
PENDING = ("doctor", "pharmacy", "assistant")
"""Of these, the ones that wait for an administrator (R-004)."""
ROLES = (*OFFERED, "staff", "owner", "admin")


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account before it exists. At least one of `phone` and `email` stands."""

    id: str
    role: str
    phone: str | None
    email: str | None
    password_hash: str
    language: str
    terms_accepted_at: str

    @property
    def state(self) -> str:
        return AccountState.PENDING_VERIFICATION if self.role in PENDING else AccountState.ACTIVE


@dataclass(frozen=True, slots=True)
class Account:
    """An account as it stands."""

    id: str
    role: str
    state: str
    phone: str | None
    email: str | None
    phone_verified: bool
    email_verified: bool
    language: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Credentials:
    account_id: str
    role: str
    state: str
    password_hash: str | None


async def create_account(writing: Writing, new: NewAccount, now: str) -> bool:
    """False if the phone or the e-mail is another account's; then nothing was written."""
    made = await writing.execute(
        insert(account).values(
            id=new.id, role=new.role, state=new.state, phone=new.phone, email=new.email,
            password_hash=new.password_hash, language=new.language, terms_accepted_at=new.terms_accepted_at,
            created_at=now,
        ).on_conflict_do_nothing().returning(account.c.id)
    )
    return made.scalar_one_or_none() is not None


async def account_of(reading: Reading, account_id: str) -> Account | None:
    columns = [account.c[name] for name in Account.__dataclass_fields__]
    row = (await reading.execute(select(*columns).where(account.c.id == account_id))).one_or_none()
    return None if row is None else Account(**row._mapping)


async def credentials_of(reading: Reading, name: str) -> Credentials | None:
    """What a login by this canonical phone or e-mail is checked against."""
    return await _credentials(reading, or_(account.c.phone == name, account.c.email == name))


async def credentials_of_account(reading: Reading, account_id: str) -> Credentials | None:
    return await _credentials(reading, account.c.id == account_id)


async def are_still(writing: Writing, held: Credentials) -> bool:
    """Whether these credentials are what stands now, and keeps it so until commit: a secret is checked outside the
    transaction, and a password that was changed meanwhile must not open a session (S-07)."""
    locked = select(account.c.id).where(account.c.id == held.account_id).with_for_update()
    await writing.execute(locked)
    return await credentials_of_account(writing, held.account_id) == held


async def _credentials(reading: Reading, which: ColumnElement[bool]) -> Credentials | None:
    columns = [account.c.id.label("account_id"), account.c.role, account.c.state, account.c.password_hash]
    asked = select(*columns).where(which)
    row = (await reading.execute(asked)).one_or_none()
    return None if row is None else Credentials(**row._mapping)


async def keep_password(writing: Writing, account_id: str, password_hash: str) -> None:
    """A new password, or the old one hashed anew because the parameters changed."""
    await writing.execute(update(account).where(account.c.id == account_id).values(password_hash=password_hash))


async def change_state(writing: Writing, account_id: str, state: str) -> None:
    """R-005: acts on the next request. The caller ends sessions where S-07 says so."""
    await writing.execute(update(account).where(account.c.id == account_id).values(state=state))
