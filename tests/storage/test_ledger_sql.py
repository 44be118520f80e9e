"""Who may ask the ledger on a database at all, and what stands or falls together (S-01, F-55, I-05, I-07)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import insert, update

from storage import catalogue
from storage.accounts.tables import account, session
from storage.database import Database
from storage.ledger.audience import heads
from storage.ledger.ledger import Ledger
from storage.tables import batch, change, outbox, scope
from storage.tables import ledger as ledger_table
from sync.access import Membership, Role
from sync.store import Claimed, Replay, Start
from tests.storage.by_hand import NOW, Writer, dose, founded, journal, new_id, pushed, writes
from tests.storage.ledger_stage import count, logged_in


@pytest.fixture
def store(database: Database) -> Ledger:
    return Ledger(database, catalogue)


@pytest.fixture
async def sokha(store: Ledger) -> Writer:
    return await founded(store, await logged_in(store))


@pytest.fixture
async def vuthy(store: Ledger) -> Writer:
    return await logged_in(store)


async def test_a_session_is_good_for_its_own_device_and_account(store: Ledger, sokha: Writer, vuthy: Writer) -> None:
    for asks, good in [(sokha, True), (replace(sokha, device=new_id()), False),
                       (replace(sokha, user=vuthy.user), False), (replace(sokha, session=new_id()), False)]:
        claimed = await pushed(store, asks, scopes=[sokha.patient]) if good else await claimed_only(store, asks)
        assert isinstance(claimed, Claimed)
        assert (claimed.who is not None) is good
        assert bool(claimed.scopes) is good


async def claimed_only(store: Ledger, writer: Writer) -> Claimed | Replay:
    async with store.transaction() as tx:
        return await tx.claim(writer.claim({writer.patient: 1}))


@pytest.mark.parametrize("shut", ["ended", "locked", "deleted"])
async def test_nobody_passes_with_an_ended_session_or_a_shut_account(store: Ledger, sokha: Writer, shut: str) -> None:
    by = {"ended": update(session).where(session.c.id == sokha.session).values(ended_at=NOW),
          "locked": update(account).where(account.c.id == sokha.user).values(state="locked"),
          "deleted": update(account).where(account.c.id == sokha.user).values(state="deleted")}
    async with store.database.writing() as writing:
        await writing.execute(by[shut])
    claimed = await claimed_only(store, sokha)
    assert isinstance(claimed, Claimed)
    assert (claimed.who, claimed.scopes) == (None, {})
    assert (await store.page(sokha.ask())).who is None


async def test_a_claim_that_is_not_followed_by_a_write_leaves_nothing(store: Ledger, sokha: Writer) -> None:
    before = await heads(store.database, sokha.user, NOW, 10), await count(store, batch)
    assert isinstance(await claimed_only(store, sokha), Claimed)
    assert (await heads(store.database, sokha.user, NOW, 10), await count(store, batch)) == before


async def test_the_same_ids_on_two_accounts_of_one_phone_are_two_batches_and_two_changes(
    store: Ledger, sokha: Writer
) -> None:
    """I-05: reused ids never reach across accounts."""
    dara = await founded(store, replace(await logged_in(store), session=None))
    batch_id, change_id = new_id(), new_id()
    for writer in (replace(sokha, session=None), replace(dara, device=sokha.device)):
        row = dose(writer.user)
        answer = await pushed(store, writer, [row], batch_id=batch_id,
                              lines=[journal(writer, batch_id, row, change_id)])
        assert isinstance(answer, Claimed)


@pytest.mark.parametrize("start", [Start(2**32 - 1, 65535, 2**64 - 1), Start(1, 65535, 2**64 - 1), Start(0, 0, 0)])
async def test_a_forged_cursor_breaks_nothing(store: Ledger, sokha: Writer, start: Start) -> None:
    await pushed(store, sokha, [dose(sokha.user)])
    page = await store.page(sokha.ask(start, start, replace(start, seq=1)))
    assert len(page.entries) == 1


# together or not at all


@pytest.mark.parametrize("fails", [False, True])
async def test_an_account_and_its_first_rows_come_into_being_together_or_not_at_all(
    store: Ledger, fails: bool
) -> None:
    """F-55: registration is one transaction."""
    dara = Writer()
    claim, row = dara.claim({dara.patient: 1}, founding=frozenset({dara.patient})), dose(dara.user)
    try:
        async with store.database.writing() as writing:
            await writing.execute(insert(account).values(id=dara.user, role="patient", state="active", created_at=NOW))
            tx = store.join(writing)
            claimed = await tx.claim(claim)
            assert isinstance(claimed, Claimed)
            assert claimed.who is not None
            await tx.write(writes(dara, claim, claimed, [row], [Membership(dara.user, dara.patient, Role.PATIENT)]))
            if fails:
                raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    found = [await count(store, table) for table in (account, batch, change, ledger_table, scope, outbox)]
    assert found == ([0] * 6 if fails else [1] * 6)


