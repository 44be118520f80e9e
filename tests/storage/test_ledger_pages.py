"""What every store answers to a pull: a page of the ledger, through the reader's roles and views (R-202)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync.access import Membership, Role, View
from sync.record import Key
from sync.store import PageAsk, Start, Store
from tests.cast import Stage
from tests.storage.by_hand import LATER, NOW, READABLE, Writer, dose, enrolled, founded, granted, new_id, pushed

MUCH_LATER = "2026-12-01T00:00:00+00:00"


async def test_a_page_gives_the_entries_in_order_and_one_more_than_asked(store: Store, sokha: Writer) -> None:
    rows = [dose(sokha.user) for _ in range(5)]
    await pushed(store, sokha, rows)
    page = await store.page(sokha.ask(limit=3))
    assert [entry.id for entry in page.entries] == [row.id for row in rows[:4]]
    (held,) = page.held
    assert page.reached == {held.ord}
    assert page.names[held.ord] == sokha.patient
    rest = await store.page(sokha.ask(Start(held.ord, 1, page.entries[2].seq)))
    assert [entry.id for entry in rest.entries] == [row.id for row in rows[3:]]
    done = await store.page(sokha.ask(Start(held.ord, 1, held.head)))
    assert (done.entries, done.reached) == ([], frozenset())


async def test_a_row_that_changes_moves_to_the_end_and_comes_once(store: Store, sokha: Writer) -> None:
    row, other = dose(sokha.user), dose(sokha.user)
    await pushed(store, sokha, [row, other])
    await pushed(store, sokha, [replace(row, version=2, deleted=True)])
    page = await store.page(sokha.ask())
    assert [(entry.id, entry.version, entry.deleted) for entry in page.entries] == [
        (other.id, 1, False), (row.id, 2, True)]
    assert (await store.rows(sokha.user, [row.key], NOW)).rows[row.key].deleted


async def test_a_stranger_gets_nothing_even_with_somebody_elses_cursor(
    store: Store, sokha: Writer, vuthy: Writer
) -> None:
    await pushed(store, sokha, [dose(sokha.user)])
    (held,) = (await store.page(sokha.ask())).held
    page = await store.page(vuthy.ask(Start(held.ord, 1, 0), Start(held.ord + 1000, 1, 0)))
    assert (page.held, page.entries, page.reached) == ([], [], frozenset())


async def test_a_chosen_view_shows_its_parts_and_days_and_nothing_else(
    store: Store, sokha: Writer, vuthy: Writer
) -> None:
    chosen, other = new_id(), new_id()
    shown = dose(sokha.user, part=chosen, day="2026-11-21")
    rows = [shown, dose(sokha.user, part=chosen, day="2026-11-25"), dose(sokha.user, part=other), dose(sokha.user)]
    await pushed(store, sokha, rows)
    await granted(store, sokha, vuthy, Role.DOCTOR_SELECTED,
                  View(frozenset({chosen}), (("2026-11-01", "2026-11-10"), ("2026-11-21", "2026-11-22"))))
    assert [entry.id for entry in (await store.page(vuthy.ask())).entries] == [shown.id]
    await granted(store, sokha, vuthy, Role.DOCTOR_SELECTED, View(frozenset()), 2)
    assert (await store.page(vuthy.ask())).entries == []
    await granted(store, sokha, vuthy, Role.DOCTOR_SELECTED, View(None, ()), 3)
    assert (await store.page(vuthy.ask())).entries == []
    await granted(store, sokha, vuthy, Role.DOCTOR, View(), 4)
    assert len((await store.page(vuthy.ask())).entries) == 4


async def test_the_limit_counts_what_is_shown(store: Store, sokha: Writer, vuthy: Writer) -> None:
    """A filter after LIMIT makes short pages that look like last ones (models.md 5)."""
    chosen = new_id()
    hidden, shown = [dose(sokha.user) for _ in range(20)], [dose(sokha.user, part=chosen) for _ in range(3)]
    await pushed(store, sokha, [*hidden, *shown])
    await granted(store, sokha, vuthy, Role.DOCTOR_SELECTED, View(frozenset({chosen})))
    page = await store.page(vuthy.ask(limit=2))
    assert [entry.id for entry in page.entries] == [row.id for row in shown]


@pytest.mark.parametrize("role", [Role.MANAGER, Role.REMINDER, Role.DOCTOR_REQUEST])
async def test_every_role_reads_what_it_may(store: Store, sokha: Writer, vuthy: Writer, role: Role) -> None:
    await pushed(store, sokha, [dose(sokha.user)])
    await granted(store, sokha, vuthy, role)
    assert len((await store.page(vuthy.ask())).entries) == 1


async def test_kinds_that_a_role_may_not_read_are_not_on_its_page(store: Store, sokha: Writer, vuthy: Writer) -> None:
    await pushed(store, sokha, [dose(sokha.user)])
    await granted(store, sokha, vuthy)
    blind = {role: [kind for kind in kinds if kind != "dose_event" or role != "view"]
             for role, kinds in READABLE.items()}
    assert len((await store.page(vuthy.ask())).entries) == 1
    assert (await store.page(replace(vuthy.ask(), readable=blind))).entries == []
    assert (await store.page(replace(vuthy.ask(), readable={}))).entries == []


@pytest.mark.parametrize(("expires_at", "ended_at", "seen"), [
    (None, NOW, False), (NOW, None, False), (LATER, None, True), (None, None, True)])
async def test_a_membership_shows_nothing_from_its_end_on(
    store: Store, sokha: Writer, vuthy: Writer, expires_at: str | None, ended_at: str | None, seen: bool
) -> None:
    row = dose(sokha.user)
    await pushed(store, sokha, [row])
    await granted(store, sokha, vuthy, expires_at=expires_at, ended_at=ended_at)
    page = await store.page(vuthy.ask())
    assert bool(page.held) is bool(page.entries) is seen
    assert (sokha.patient in (await store.rows(vuthy.user, [row.key], NOW)).views) is seen


async def test_another_view_version_begins_anew(store: Store, sokha: Writer) -> None:
    rows = [dose(sokha.user) for _ in range(3)]
    await pushed(store, sokha, rows)
    (held,) = (await store.page(sokha.ask())).held
    page = await store.page(sokha.ask(Start(held.ord, 7, held.head)))
    assert len(page.entries) == 3
    assert page.reached == {held.ord}


async def test_only_wanted_scopes_are_looked_into(store: Store, stage: Stage, sokha: Writer) -> None:
    dara = await founded(store, await enrolled(stage))
    await pushed(store, sokha, [dose(sokha.user)])
    await pushed(store, dara, [dose(dara.user)], memberships=[Membership(sokha.user, dara.patient, Role.VIEWER)])
    page = await store.page(sokha.ask(scopes=frozenset({dara.patient})))
    assert [one.membership.scope for one in page.held] == [dara.patient]
    assert [entry.home for entry in page.entries] == [dara.patient]
    everything = await store.page(sokha.ask())
    assert [entry.ord for entry in everything.entries] == sorted(one.ord for one in everything.held)


async def test_the_name_of_a_scope_that_was_lost_is_still_known(store: Store, sokha: Writer, vuthy: Writer) -> None:
    await granted(store, sokha, vuthy)
    (held,) = (await store.page(vuthy.ask())).held
    await granted(store, sokha, vuthy, version=2, ended_at=NOW)
    page = await store.page(vuthy.ask(Start(held.ord, 1, held.head)))
    assert page.held == []
    assert page.names[held.ord] == sokha.patient


async def test_being_told_of_a_loss_lasts_until_the_scope_is_given_again(
    store: Store, sokha: Writer, vuthy: Writer
) -> None:
    async def told(writer: Writer) -> frozenset[str]:
        async with store.transaction() as tx:
            await tx.claim(writer.claim({sokha.patient: 1}))
            return (await tx.read(writer.wants(sokha.patient))).told

    await granted(store, sokha, vuthy)
    await granted(store, sokha, vuthy, version=2, ended_at=NOW)
    assert await told(vuthy) == frozenset()
    await store.note_removed(vuthy.user, vuthy.device, [sokha.patient], [], LATER)
    assert await told(vuthy) == {sokha.patient}
    assert await told(replace(vuthy, device=new_id())) == frozenset()
    await store.note_removed(vuthy.user, vuthy.device, [], [sokha.patient], LATER)
    assert await told(vuthy) == {sokha.patient}
    await granted(store, sokha, vuthy, version=3)
    await granted(store, sokha, vuthy, version=4, ended_at=MUCH_LATER)
    assert await told(vuthy) == frozenset()


async def test_rows_come_with_the_view_versions_of_the_same_moment(store: Store, sokha: Writer, vuthy: Writer) -> None:
    await granted(store, sokha, vuthy, version=5)
    read = await store.rows(vuthy.user, [Key("dose_event", sokha.patient, new_id())], NOW)
    assert (read.rows, read.views) == ({}, {sokha.patient: 5})
    assert (await store.rows(new_id(), [], NOW)).views == {}


async def test_a_page_of_no_rows_still_tells_heads(store: Store, sokha: Writer) -> None:
    await pushed(store, sokha, [dose(sokha.user)])
    page = await store.page(PageAsk(sokha.user, None, (), READABLE, 0, NOW))
    assert page.held[0].head > 0
    assert len(page.entries) <= 1
