"""What every store must do (sync/store.py): dictionaries, SQLite and PostgreSQL give the same answers.

Each test runs on each store; `stage` hands an empty one. Vuthy the stranger tries to see in every scene about seeing.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from storage.catalogue import KINDS, columns_of, table_of
from sync.access import View, scope_name
from sync.identity import SYSTEM_DEVICE, SYSTEM_USER
from sync.kind import Lookup
from sync.record import Because, Key, Outcome, Row
from sync.store import Claimed, Replay, Store
from tests.cast import Stage
from tests.storage.by_hand import LATER, NOW, Writer, dose, enrolled, founded, granted, journal, new_id, pushed, writes
from tests.storage.rows import value_for

# numbers


async def test_numbers_of_a_scope_follow_one_another_without_overlap(store: Store, sokha: Writer) -> None:
    first = await pushed(store, sokha, scopes=[sokha.patient], room=7)
    second = await pushed(store, sokha, scopes=[sokha.patient], room=1)
    assert isinstance(first, Claimed) and isinstance(second, Claimed)
    one, two = first.scopes[sokha.patient], second.scopes[sokha.patient]
    assert (two.ord, two.first) == (one.ord, one.first + 7)


async def test_a_founded_scope_begins_at_one_and_says_so(store: Store, stage: Stage) -> None:
    dara = await enrolled(stage)
    claimed = await pushed(store, dara, founding=[dara.patient], room=3)
    assert isinstance(claimed, Claimed)
    assert claimed.scopes[dara.patient].first == 1
    assert claimed.scopes[dara.patient].founded


async def test_a_stranger_moves_no_number_of_a_scope_he_does_not_hold(
    store: Store, sokha: Writer, vuthy: Writer
) -> None:
    before = await store.page(sokha.ask())
    for founding in ([], [sokha.patient]):
        claimed = await pushed(store, vuthy, scopes=[sokha.patient], founding=founding, room=50)
        assert isinstance(claimed, Claimed)
        assert claimed.scopes == {}
    assert (await store.page(sokha.ask())).held == before.held


async def test_a_scope_that_does_not_exist_is_answered_like_one_that_is_not_held(store: Store, vuthy: Writer) -> None:
    claimed = await pushed(store, vuthy, scopes=[scope_name("patient", new_id())])
    assert isinstance(claimed, Claimed)
    assert claimed.scopes == {}


async def test_a_deposit_is_numbered_without_membership_and_reads_nothing(
    store: Store, sokha: Writer, vuthy: Writer
) -> None:
    claim = vuthy.claim({sokha.patient: 1}, deposits=frozenset({sokha.patient}))
    async with store.transaction() as tx:
        claimed = await tx.claim(claim)
        known = await tx.read(vuthy.wants(sokha.patient))
        assert isinstance(claimed, Claimed)
        await tx.write(writes(vuthy, claim, claimed, [dose(sokha.user)]))
    assert set(claimed.scopes) == {sokha.patient}
    assert known.memberships == {}
    assert len((await store.page(sokha.ask())).entries) == 1
    assert (await store.page(vuthy.ask())).entries == []


async def test_whoever_held_a_scope_may_still_claim_it_after_it_ended(
    store: Store, sokha: Writer, vuthy: Writer
) -> None:
    await granted(store, sokha, vuthy, ended_at=NOW)
    claimed = await pushed(store, vuthy, scopes=[sokha.patient])
    assert isinstance(claimed, Claimed)
    assert set(claimed.scopes) == {sokha.patient}


async def test_the_system_claims_any_scope(store: Store, sokha: Writer) -> None:
    system = Writer(SYSTEM_USER, SYSTEM_DEVICE)
    claimed = await pushed(store, system, [dose(sokha.user)])
    assert isinstance(claimed, Claimed) and claimed.who is not None
    assert set(claimed.scopes) == {sokha.patient}


# repetition


async def test_a_repeated_batch_gives_its_answer_again_and_moves_no_number(store: Store, sokha: Writer) -> None:
    batch, row = new_id(), dose(sokha.user)
    lines = [journal(sokha, batch, row, outcome=Outcome.REJECTED, code=Because.STALE_BASE, tells_row=True,
                     details=({"field": "at", "code": "required"},))]
    first = await pushed(store, sokha, [row], batch_id=batch, lines=lines)
    before = await store.page(sokha.ask())
    again = await pushed(store, sokha, [row], batch_id=batch, lines=lines)
    assert isinstance(first, Claimed) and isinstance(again, Replay)
    assert again.digest == "d1"
    (kept,) = again.results
    assert (kept.outcome, kept.code, kept.tells_row, kept.key) == (Outcome.REJECTED, Because.STALE_BASE, True, row.key)
    assert kept.details == ({"field": "at", "code": "required"},)
    assert await store.page(sokha.ask()) == before


async def test_a_replay_may_read_the_rows_it_tells(store: Store, sokha: Writer) -> None:
    batch, row = new_id(), dose(sokha.user)
    await pushed(store, sokha, [row], batch_id=batch)
    async with store.transaction() as tx:
        assert isinstance(await tx.claim(sokha.claim({sokha.patient: 1}, batch)), Replay)
        known = await tx.read(sokha.wants(sokha.patient, rows=(Lookup(row.kind, row.home, "id", row.id),)))
    assert list(known.rows) == [row]
    assert set(known.memberships) == {sokha.patient}


async def test_a_batch_sent_many_times_at_once_has_one_effect(store: Store, sokha: Writer) -> None:
    batch, row = new_id(), dose(sokha.user)
    lines = [journal(sokha, batch, row)]
    answers = await asyncio.gather(
        *(pushed(store, sokha, [row], batch_id=batch, lines=lines) for _ in range(6)))
    assert sum(isinstance(answer, Claimed) for answer in answers) == 1
    assert {answer.results for answer in answers if isinstance(answer, Replay)} == {
        answers_of(answers, lines[0].change_id)}
    assert len((await store.page(sokha.ask())).entries) == 1


def answers_of(answers: list[Claimed | Replay], change_id: str) -> object:
    (results,) = {answer.results for answer in answers if isinstance(answer, Replay)}
    assert [kept.change_id for kept in results] == [change_id]
    return results


async def test_a_transaction_that_fails_leaves_nothing(store: Store, sokha: Writer) -> None:
    before = await store.page(sokha.ask())
    claim, row = sokha.claim({sokha.patient: 5}), dose(sokha.user)
    with pytest.raises(ZeroDivisionError):
        async with store.transaction() as tx:
            claimed = await tx.claim(claim)
            assert isinstance(claimed, Claimed)
            await tx.write(writes(sokha, claim, claimed, [row]))
            raise ZeroDivisionError
    assert await store.page(sokha.ask()) == before
    assert (await store.rows(sokha.user, [row.key], NOW)).rows == {}
    assert isinstance(await pushed(store, sokha, [row], batch_id=claim.batch_id), Claimed)


async def test_a_change_that_was_settled_is_seen_by_its_device_alone(store: Store, sokha: Writer) -> None:
    row, batch = dose(sokha.user), new_id()
    line = journal(sokha, batch, row, tells_row=True, details=({"field": "note", "code": "too_long"},))
    await pushed(store, sokha, [row], batch_id=batch, lines=[line])
    other_phone = replace(sokha, device=new_id())
    async with store.transaction() as tx:
        await tx.claim(sokha.claim({}))
        known = await tx.read(sokha.wants(change_ids=(line.change_id, new_id())))
    async with store.transaction() as tx:
        await tx.claim(other_phone.claim({}))
        unknown = await tx.read(other_phone.wants(change_ids=(line.change_id,)))
    (kept,) = known.seen.values()
    assert (kept.change_id, kept.digest, kept.outcome, kept.code) == (
        line.change_id, line.digest, line.outcome, line.code)
    assert (kept.key, kept.tells_row, kept.details) == (row.key, True, line.details)
    assert unknown.seen == {}


# reading


async def test_only_ones_own_memberships_are_read_ended_ones_too(store: Store, sokha: Writer, vuthy: Writer) -> None:
    await granted(store, sokha, vuthy, view=View(frozenset({new_id()}), (("2026-01-01", "2026-02-01"),)), ended_at=NOW)
    async with store.transaction() as tx:
        await tx.claim(vuthy.claim({sokha.patient: 1}))
        known = await tx.read(vuthy.wants(sokha.patient))
        everybody = await tx.read(vuthy.wants(sokha.patient, all_members_of=(sokha.patient,)))
    assert [m.user for m in known.memberships.values()] == [vuthy.user]
    assert known.memberships[sokha.patient].ended_at == NOW
    assert known.memberships[sokha.patient].view.days == (("2026-01-01", "2026-02-01"),)
    assert known.members == []
    assert {m.user for m in everybody.members} == {sokha.user, vuthy.user}


async def test_rows_are_found_by_id_by_column_and_from_an_instant_on(store: Store, sokha: Writer) -> None:
    line = new_id()
    early, late = (dose(sokha.user, day=day, line_id=line) for day in ("2026-11-20", "2026-11-22"))
    other = dose(sokha.user)
    await pushed(store, sokha, [early, late, other])
    home = sokha.patient

    async def found(*looks: Lookup) -> set[str]:
        async with store.transaction() as tx:
            await tx.claim(sokha.claim({home: 1}))
            known = await tx.read(sokha.wants(home, rows=looks))
        assert len(known.rows) == len({row.key for row in known.rows})
        return {row.id for row in known.rows}

    assert await found(Lookup("dose_event", home, "id", other.id)) == {other.id}
    assert await found(Lookup("dose_event", home, "line_id", line)) == {early.id, late.id}
    since = ("due_at", "2026-11-21T00:00:00+00:00")
    assert await found(Lookup("dose_event", home, "line_id", line, since)) == {late.id}
    both = (Lookup("dose_event", home, "id", early.id), Lookup("dose_event", home, "line_id", line))
    assert await found(*both) == {early.id, late.id}
    assert await found(Lookup("dose_event", scope_name("patient", new_id()), "id", other.id)) == set()


@pytest.mark.parametrize("bad", ["", "x", "9b1d", "0197\x00", "a" * 300, "ថ្នាំ"])
async def test_an_id_that_is_none_finds_nothing_and_breaks_nothing(store: Store, sokha: Writer, bad: str) -> None:
    looks = (Lookup("dose_event", sokha.patient, "id", bad), Lookup("dose_event", f"patient:{bad}", "id", new_id()),
             Lookup("dose_event", f"user:{sokha.user}", "id", new_id()))
    async with store.transaction() as tx:
        await tx.claim(sokha.claim({sokha.patient: 1}))
        known = await tx.read(sokha.wants(sokha.patient, rows=looks))
    assert known.rows == []
    keys = [Key(look.kind, look.home, look.value) for look in looks]
    assert (await store.rows(sokha.user, keys, NOW)).rows == {}


@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_a_row_of_every_kind_comes_back_as_it_was_written(store: Store, stage: Stage, kind: str) -> None:
    system = Writer(SYSTEM_USER, SYSTEM_DEVICE)
    table, nullable = table_of(kind), {column.name for column in table_of(kind).c if column.nullable}
    values = {name: value_for(table.c[name]) for name in columns_of(kind)}
    bare = {name: None if name in nullable else value for name, value in values.items()}
    for fields, memory, extra in ((values, {"entries": [[1, "0.5"]]}, {"newer": [1, 2.5]}), (bare, {}, {})):
        id_ = new_id()
        scopes = KINDS[kind].scopes_of(id_, fields)
        row = Row(kind, id_, scopes, 3, "019b77154000-0000-phone", fields, memory, extra, False, NOW, LATER, new_id())
        await pushed(store, system, [row], founding=scopes)
        assert (await store.rows(SYSTEM_USER, [row.key], NOW)).rows == {row.key: row}
        async with store.transaction() as tx:
            await tx.claim(system.claim(dict.fromkeys(scopes, 1)))
            known = await tx.read(system.wants(*scopes, rows=(Lookup(kind, row.home, "id", id_),)))
        assert list(known.rows) == [row]


async def test_an_id_of_another_home_is_another_row(store: Store, stage: Stage, sokha: Writer) -> None:
    vuthy = await founded(store, await enrolled(stage))
    row = dose(sokha.user, note="hers")
    shadow = dose(vuthy.user, id=row.id, note="his")
    await pushed(store, sokha, [row])
    await pushed(store, vuthy, [shadow])
    read = await store.rows(sokha.user, [row.key, shadow.key], NOW)
    assert {key.home: found.fields["note"] for key, found in read.rows.items()} == {
        sokha.patient: "hers", vuthy.patient: "his"}
    assert len((await store.page(sokha.ask())).entries) == 1
