"""What a server asks the ledger beside push and pull: audiences, epochs, tombstones, what was lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from storage import catalogue
from storage.database import Database
from storage.ledger import incarnation, tombstones
from storage.ledger.audience import audience, heads
from storage.ledger.history import LosersAsk, losers
from storage.ledger.ledger import Ledger
from sync.access import Membership, Role, View
from sync.record import Because, Outcome
from sync.store import Start
from tests.storage.by_hand import LATER, NOW, READABLE, Writer, dose, founded, journal, new_id, pushed
from tests.storage.ledger_stage import logged_in


@pytest.fixture
def store(database: Database) -> Ledger:
    return Ledger(database, catalogue)


@pytest.fixture
async def sokha(store: Ledger) -> Writer:
    return await founded(store, await logged_in(store))


@pytest.fixture
async def vuthy(store: Ledger) -> Writer:
    return await logged_in(store)


async def test_an_audience_is_who_holds_the_scope_now(store: Ledger, sokha: Writer, vuthy: Writer) -> None:
    dara, maly = Writer(), Writer()
    await pushed(store, sokha, scopes=[sokha.patient], memberships=[
        Membership(dara.user, sokha.patient, Role.VIEWER),
        Membership(maly.user, sokha.patient, Role.VIEWER, ended_at=NOW),
        Membership(vuthy.user, sokha.patient, Role.DOCTOR_REQUEST, expires_at=NOW)])
    asked = await audience(store.database, [sokha.patient, vuthy.patient], NOW)
    assert asked == {sokha.patient: sorted([sokha.user, dara.user])}
    assert await heads(store.database, maly.user, NOW, 10) == {}
    (head,) = (await heads(store.database, dara.user, NOW, 10)).values()
    assert head == (await store.page(sokha.ask())).held[0].head


async def test_a_restore_makes_a_new_epoch_and_asks_devices_to_send_again(store: Ledger, sokha: Writer) -> None:
    before = await incarnation.current(store.database)
    await incarnation.begin(store.database, LATER)
    assert await incarnation.current(store.database) == before
    epoch = await incarnation.renew(store.database, LATER, NOW)
    page = await store.page(sokha.ask())
    assert (page.epoch, page.resend_since) == (epoch, NOW)
    assert epoch != before.epoch


async def test_old_tombstones_go_and_the_floor_rises_with_them(store: Ledger, sokha: Writer) -> None:
    living, old, young = dose(sokha.user), dose(sokha.user), dose(sokha.user)
    await pushed(store, sokha, [living, old, young])
    await pushed(store, sokha, [replace(old, version=2, deleted=True, changed_at=NOW)])
    await pushed(store, sokha, [replace(young, version=2, deleted=True, changed_at=LATER)])
    assert await tombstones.purge(store.database, store.shelves, LATER) == 1
    page = await store.page(sokha.ask())
    (held,) = page.held
    assert {entry.id for entry in page.entries} == {living.id, young.id}
    buried = (await store.rows(sokha.user, [old.key], NOW)).rows[old.key]
    assert buried.deleted and buried.version == 2, "made again, it must not start from version 1 (P09)"
    assert 0 < held.floor < held.head
    behind = await store.page(sokha.ask(Start(held.ord, 1, held.floor - 1)))
    assert {entry.id for entry in behind.entries} == {living.id, young.id}
    level = await store.page(sokha.ask(Start(held.ord, 1, held.floor)))
    assert {entry.id for entry in level.entries} == {young.id}
    assert await tombstones.purge(store.database, store.shelves, LATER) == 0


async def test_every_loser_can_be_read_by_those_who_may_read_its_row_and_by_nobody_else(
    store: Ledger, sokha: Writer, vuthy: Writer
) -> None:
    """I-10, P04."""
    chosen, lim = new_id(), await logged_in(store)
    batch_id = new_id()
    kept, hidden = dose(sokha.user, part=chosen), dose(sokha.user)
    lost = [journal(sokha, batch_id, row, outcome=outcome, code=code, received_at=at) for row, outcome, code, at in [
        (kept, Outcome.SUPERSEDED, Because.OLDER_EDIT, NOW), (hidden, Outcome.REJECTED, Because.STALE_BASE, LATER),
        (kept, Outcome.APPLIED, Because.NEW, NOW), (kept, Outcome.REJECTED, Because.FORBIDDEN, NOW)]]
    await pushed(store, sokha, [kept, hidden], batch_id=batch_id, lines=lost, memberships=[
        Membership(lim.user, sokha.patient, Role.DOCTOR_SELECTED, View(frozenset({chosen})))])

    async def read(reader: Writer, **more: object) -> list[str]:
        asked = LosersAsk(reader.user, NOW, READABLE, **more)  # type: ignore[arg-type]
        found = await losers(store.database, asked)
        assert all(one.through.user == reader.user for one in found)
        return [one.entry.change_id for one in found]

    superseded, stale = lost[0].change_id, lost[1].change_id
    assert await read(sokha) == [stale, superseded]
    assert await read(sokha, limit=1) == [stale]
    assert await read(sokha, before=(LATER, stale)) == [superseded]
    assert await read(sokha, row=("dose_event", sokha.patient, kept.id)) == [superseded]
    assert await read(lim) == [superseded]
    assert await read(vuthy) == []
    assert (await losers(store.database, LosersAsk(lim.user, NOW, READABLE)))[0].entry == lost[0]
