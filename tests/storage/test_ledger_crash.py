"""What is left after a failure at each named place of a push, and after pushes that met (I-01, I-02, I-03)."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from storage import catalogue, failpoints
from storage.database import Database
from storage.failpoints import Failed
from storage.ledger.ledger import Ledger
from storage.ledger.tx import PUSH_PATH
from storage.tables import batch, change, outbox
from storage.tables import ledger as ledger_table
from sync.access import Membership, Role
from sync.record import Because, Outcome
from sync.store import Claimed, Replay
from tests.storage.by_hand import Writer, dose, founded, journal, new_id, pushed, writes
from tests.storage.ledger_stage import count, logged_in


@pytest.fixture
def store(database: Database) -> Ledger:
    return Ledger(database, catalogue)


@pytest.fixture
async def sokha(store: Ledger) -> Writer:
    return await founded(store, await logged_in(store))


@pytest.fixture(autouse=True)
def no_failpoints() -> Iterator[None]:
    yield
    failpoints.disarm()


@pytest.mark.parametrize("where", PUSH_PATH)
async def test_a_failure_anywhere_leaves_all_or_nothing_and_the_retry_settles_once(
    store: Ledger, sokha: Writer, where: str
) -> None:
    """I-02, I-03."""
    batch_id, row = new_id(), dose(sokha.user)
    lines = [journal(sokha, batch_id, row)]
    before = [await count(store, table) for table in (batch, change, ledger_table, outbox)]
    failpoints.arm(where, "raise")
    with pytest.raises(Failed):
        await pushed(store, sokha, [row], batch_id=batch_id, lines=lines)
    after = [await count(store, table) for table in (batch, change, ledger_table, outbox)]
    committed = where == "push.after_commit"
    assert after == ([n + 1 for n in before] if committed else before)
    answer = await pushed(store, sokha, [row], batch_id=batch_id, lines=lines)
    assert isinstance(answer, Replay) is committed
    assert [await count(store, table) for table in (batch, change, ledger_table, outbox)] == [n + 1 for n in before]
    assert [entry.id for entry in (await store.page(sokha.ask())).entries] == [row.id]


DIES = """
import asyncio, sys
from storage import catalogue, failpoints
from storage.database import Database
from storage.ledger.ledger import Ledger
from sync.record import Row
from tests.storage.by_hand import Writer, dose, journal, pushed

async def main(url, where, user, device, batch_id, row_id, change_id):
    failpoints.arm(where, "exit")
    database = Database(url, exclusive=False)
    await database.open()
    writer, row = Writer(user, device), dose(user, id=row_id)
    await pushed(Ledger(database, catalogue), writer, [row], batch_id=batch_id,
                 lines=[journal(writer, batch_id, row, change_id)])

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("where", ["push.after_claim", "push.after_write", "push.before_commit", "push.after_commit"])
async def test_a_process_killed_anywhere_leaves_all_or_nothing(
    store: Ledger, database_url: str, sokha: Writer, where: str
) -> None:
    """I-01, I-03, as by kill -9: no rollback is ever sent."""
    writer, row = replace(sokha, session=None), dose(sokha.user)
    batch_id, change_id = new_id(), new_id()
    command = [sys.executable, "-c", DIES, database_url, where, writer.user, writer.device, batch_id, row.id, change_id]
    died = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
    assert died.returncode == failpoints.EXIT_STATUS, died.stderr
    answer = await store.database.retrying(lambda: pushed(
        store, writer, [row], batch_id=batch_id, lines=[journal(writer, batch_id, row, change_id)]))
    assert isinstance(answer, Replay) is (where == "push.after_commit")
    assert [await count(store, table) for table in (change, ledger_table, outbox)] == [1, 1, 1]


async def test_two_pushes_of_one_change_where_no_scope_parts_them_settle_it_once(store: Ledger, sokha: Writer) -> None:
    """A forbidden change locks nothing; its second sender must find the first one's word, not an error."""
    row, change_id = dose(new_id()), new_id()

    async def send() -> None:
        batch_id = new_id()
        async with store.transaction() as tx:
            claim = sokha.claim({row.home: 1}, batch_id)
            claimed = await tx.claim(claim)
            assert isinstance(claimed, Claimed)
            seen = (await tx.read(sokha.wants(change_ids=(change_id,)))).seen
            await asyncio.sleep(0.05)
            line = journal(sokha, batch_id, row, change_id, outcome=Outcome.REJECTED, code=Because.FORBIDDEN)
            await tx.write(writes(sokha, claim, claimed, [], lines=[] if seen else [line]))

    await asyncio.gather(*(store.database.retrying(send) for _ in range(2)))
    assert await count(store, change) == 1


async def test_two_founders_of_one_scope_both_end_up_holding_it(store: Ledger, sokha: Writer) -> None:
    """The second of two phones that create one record must not hear `forbidden` for having been a moment late."""
    child = Writer()

    async def found() -> Claimed:
        claim = sokha.claim({child.patient: 2}, founding=frozenset({child.patient}))
        async with store.transaction() as tx:
            claimed = await tx.claim(claim)
            assert isinstance(claimed, Claimed)
            await asyncio.sleep(0.05)
            guardian = [Membership(sokha.user, child.patient, Role.GUARDIAN)]
            await tx.write(writes(sokha, claim, claimed, [], guardian if claimed.scopes else []))
        return claimed

    both = await asyncio.gather(*(store.database.retrying(found) for _ in range(2)))
    assert sorted((one.scopes[child.patient].first, one.scopes[child.patient].founded) for one in both) == [
        (1, True), (3, False)]


