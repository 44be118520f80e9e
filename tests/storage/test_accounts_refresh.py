"""Refresh families (R-012, S-05, S-06, I-25): one lineage however many ask, a lost reply heals, a reuse ends."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest
from cryptography.exceptions import InvalidTag
from sqlalchemy import select

from storage.accounts import sealing, sessions
from storage.accounts.refresh import Dead, Refused, Rotated, rotate, sweep_tokens
from storage.accounts.sessions import Ended, Opened
from storage.accounts.tables import refresh_token, session
from storage.database import Database
from tests.storage import accounts_stage as stage
from tests.storage.accounts_stage import NOW, added, logged_in, person, uid
from tests.storage.databases import migrated, migrated_postgres, migrated_sqlite  # noqa: F401 — fixtures

IN_29_S = "2026-11-21T02:00:29+00:00"
IN_30_S = "2026-11-21T02:00:30+00:00"


@pytest.fixture
async def database(migrated: str) -> AsyncIterator[Database]:  # noqa: F811
    async with stage.opened(migrated) as one:
        yield one


@pytest.fixture
async def phone(database: Database) -> Opened:
    """Sokha's phone, just logged in."""
    sokha = person()
    await added(database, sokha)
    return await logged_in(database, sokha.id, uid())


async def refreshed(
    database: Database, phone: Opened, token: str, now: str = NOW, device: str | None = None
) -> Rotated | Refused:
    async with database.writing() as writing:
        return await rotate(writing, token, device or phone.device_id, secrets.token_bytes(32), now)


async def next_token(database: Database, phone: Opened, token: str, now: str = NOW) -> str:
    rotated = await refreshed(database, phone, token, now)
    assert isinstance(rotated, Rotated)
    return rotated.refresh_token


async def is_open(database: Database, phone: Opened) -> bool:
    async with database.reading() as reading:
        return await sessions.standing(reading, phone.session_id) is not None


async def test_s05_only_the_digest_of_a_token_is_kept(database: Database, phone: Opened) -> None:
    successor = await next_token(database, phone, phone.refresh_token)
    async with database.reading() as reading:
        rows = (await reading.execute(select(refresh_token))).mappings().all()
    text = repr([dict(row) for row in rows])
    assert phone.refresh_token not in text and successor not in text
    assert {row["digest"] for row in rows} == {sealing.digest_of(phone.refresh_token), sealing.digest_of(successor)}


async def test_a_token_follows_another_and_speaks_for_the_same_session(database: Database, phone: Opened) -> None:
    first = await refreshed(database, phone, phone.refresh_token)
    assert isinstance(first, Rotated)
    assert (first.standing.session_id, first.standing.device_id) == (phone.session_id, phone.device_id)
    assert (first.standing.role, first.healed) == ("patient", False)
    second = await next_token(database, phone, first.refresh_token)
    assert len({phone.refresh_token, first.refresh_token, second}) == 3


async def test_i25_twenty_parallel_refreshes_leave_one_lineage(database: Database, phone: Opened) -> None:
    answers = await asyncio.gather(*(refreshed(database, phone, phone.refresh_token) for _ in range(20)))
    tokens = {answer.refresh_token for answer in answers if isinstance(answer, Rotated)}
    assert len(tokens) == 1
    assert all(isinstance(answer, Rotated) for answer in answers)
    assert sum(isinstance(answer, Rotated) and not answer.healed for answer in answers) == 1
    async with database.reading() as reading:
        numbers = (await reading.execute(select(refresh_token.c.number).order_by(refresh_token.c.number))).scalars()
        assert list(numbers) == [1, 2]


async def test_s06_a_lost_reply_heals_with_the_same_successor_for_30_seconds(
    database: Database, phone: Opened
) -> None:
    successor = await next_token(database, phone, phone.refresh_token)
    healed = await refreshed(database, phone, phone.refresh_token, IN_29_S)
    assert isinstance(healed, Rotated) and healed.healed and healed.refresh_token == successor
    late = await refreshed(database, phone, phone.refresh_token, IN_30_S)
    assert isinstance(late, Refused) and late.because is Dead.REUSED and late.ended_family
    assert not await is_open(database, phone)


async def test_s06_once_the_successor_is_used_the_predecessor_ends_the_family(
    database: Database, phone: Opened
) -> None:
    second = await next_token(database, phone, phone.refresh_token)
    third = await next_token(database, phone, second)
    stolen = await refreshed(database, phone, phone.refresh_token)
    assert isinstance(stolen, Refused) and stolen.because is Dead.REUSED
    for token in (third, second, phone.refresh_token):
        after = await refreshed(database, phone, token)
        assert isinstance(after, Refused) and after.because is Dead.OVER
    async with database.reading() as reading:
        assert (await reading.execute(select(session.c.ended_because))).scalar_one() == "reuse"


async def test_s06_another_device_never_heals_a_lost_reply(database: Database, phone: Opened) -> None:
    await next_token(database, phone, phone.refresh_token)
    other = await refreshed(database, phone, phone.refresh_token, device=uid())
    assert isinstance(other, Refused) and other.because is Dead.WRONG_DEVICE
    assert not await is_open(database, phone)


async def test_a_token_that_appears_on_another_device_ends_the_family(database: Database, phone: Opened) -> None:
    other = await refreshed(database, phone, phone.refresh_token, device=uid())
    assert isinstance(other, Refused) and other.because is Dead.WRONG_DEVICE and other.ended_family
    assert not await is_open(database, phone)


async def test_an_unknown_token_ends_nothing(database: Database, phone: Opened) -> None:
    unknown = await refreshed(database, phone, sealing.token_of(secrets.token_bytes(32)))
    assert isinstance(unknown, Refused) and unknown.because is Dead.UNKNOWN and unknown.standing is None
    assert await is_open(database, phone)


async def test_s05_seven_days_without_refresh_and_ninety_in_all(database: Database, phone: Opened) -> None:
    expired = await refreshed(database, phone, phone.refresh_token, "2026-11-28T02:00:00+00:00")
    assert isinstance(expired, Refused) and expired.because is Dead.EXPIRED
    token, days = phone.refresh_token, 0
    for days in range(6, 90, 6):
        token = await next_token(database, phone, token, sessions.later(NOW, sessions.REFRESH_LIFE / 7 * days))
    assert days == 84
    last = await refreshed(database, phone, token, sessions.later(NOW, sessions.REFRESH_LIFE / 7 * 90))
    assert isinstance(last, Refused) and last.because is Dead.EXPIRED


async def test_f29_after_logout_no_token_of_the_family_gives_anything(database: Database, phone: Opened) -> None:
    successor = await next_token(database, phone, phone.refresh_token)
    async with database.reading() as reading:
        account_id = (await reading.execute(select(session.c.account_id))).scalar_one()
    async with database.writing() as writing:
        assert await sessions.end_session(writing, account_id, phone.session_id, Ended.LOGOUT, NOW)
    for token in (phone.refresh_token, successor):
        after = await refreshed(database, phone, token)
        assert isinstance(after, Refused) and after.because is Dead.OVER and not after.ended_family
    async with database.reading() as reading:
        assert set((await reading.execute(select(refresh_token.c.sealed))).scalars()) == {None}


async def test_a_refresh_that_is_rolled_back_has_not_happened(database: Database, phone: Opened) -> None:
    with pytest.raises(RuntimeError, match="tunnel"):
        async with database.writing() as writing:
            await rotate(writing, phone.refresh_token, phone.device_id, secrets.token_bytes(32), NOW)
            raise RuntimeError("tunnel")
    again = await refreshed(database, phone, phone.refresh_token)
    assert isinstance(again, Rotated) and not again.healed


async def test_sealed_successors_are_wiped_at_first_use_and_after_30_seconds(
    database: Database, phone: Opened
) -> None:
    async def sealed() -> int:
        async with database.reading() as reading:
            rows = await reading.execute(select(refresh_token.c.digest).where(refresh_token.c.sealed.is_not(None)))
            return len(rows.all())

    second = await next_token(database, phone, phone.refresh_token)
    assert await sealed() == 1
    await next_token(database, phone, second)
    assert await sealed() == 1, "the new one; the old one was wiped"
    async with database.writing() as writing:
        await sweep_tokens(writing, IN_29_S)
    assert await sealed() == 1
    async with database.writing() as writing:
        await sweep_tokens(writing, IN_30_S)
    assert await sealed() == 0


def test_a_successor_opens_for_its_predecessor_alone() -> None:
    first, second, third = (sealing.token_of(secrets.token_bytes(32)) for _ in range(3))
    sealed = sealing.seal(first, second)
    assert sealing.unseal(first, sealed) == second
    with pytest.raises(InvalidTag):
        sealing.unseal(third, sealed)
    with pytest.raises(ValueError, match="32 random bytes"):
        sealing.token_of(b"short")
