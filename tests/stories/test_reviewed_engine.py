"""Faults that a reviewer found in the engine, each kept from coming back. On every store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync.clock import DeviceTime
from sync.identity import connection_id
from sync.push import MAX_DEPOSITS, Pushed
from sync.record import Because, Op, Outcome
from sync.wire import read_pull
from tests.cast import Cast, Person


async def test_absurd_clock_numbers_cost_nothing(cast: Cast) -> None:
    """R-201, F-62: never refused, never a 5xx, whatever the device says of its clock."""
    made = await cast.treated()
    phone = cast.sokha.phone
    dose = (await made.doses())[0]
    for clock in (DeviceTime(2**53), DeviceTime(0), DeviceTime(1, "b1", 2**53)):
        change = replace(made.act(phone, dose["id"], "taken", base=0), boot_id="b1", mono_ms=0, hlc=None)
        settled = await cast.stage.settle(
            Pushed(cast.sokha.id, phone.device, None, cast.stage.fresh("batch"), [change], clock))
        assert settled.results[0].outcome in (Outcome.APPLIED, Outcome.MERGED, Outcome.SUPERSEDED, Outcome.DUPLICATE)
    envelope = {"device_id": phone.device, "schema": 70_000}
    ask = read_pull(envelope, user=cast.sokha.id, device=phone.device, session=None)
    assert ask.schema < 70_000


@pytest.mark.parametrize("linked", [True, False])
async def test_a_stranger_learns_nothing_of_who_is_connected(cast: Cast, linked: bool) -> None:
    """S-31, P04: the same answer whether the connection exists, and no word of his in her record."""
    if linked:
        await cast.connect(cast.lim, "allowed")
    vuthy, sokha, lim = cast.vuthy.phone, cast.sokha, cast.lim
    id_ = connection_id(sokha.id, lim.id)
    theirs, crossed = (sokha.patient_scope, lim.scope), (sokha.patient_scope, cast.vuthy.scope)
    crossing = {"patient_id": sokha.id, "other_id": cast.vuthy.id, "status": "pending"}
    asked = [
        vuthy.change("connection", id_, theirs, {"status": "accepted"}, op=Op.PATCH, base=2),
        vuthy.change("connection", id_, theirs, {"level": "allowed", "spite": "x" * 100}, op=Op.PATCH, base=1),
        vuthy.change("connection", id_, crossed, {"status": "pending"}, op=Op.PATCH),
        vuthy.change("connection", id_, crossed, crossing),
    ]
    told = [(r.outcome, r.code, r.version, r.details) for r in (await vuthy.push(*asked)).results]
    assert [(outcome, code, version) for outcome, code, version, _ in told] == [
        (Outcome.REJECTED, Because.FORBIDDEN, 0)] * 3 + [(Outcome.REJECTED, Because.INVALID, 0)]
    assert told[0][3] == told[1][3] == told[2][3] == ()


async def test_no_head_of_a_scope_one_does_not_hold_is_told(cast: Cast) -> None:
    settled = await cast.vuthy.phone.push(cast.link(cast.vuthy, cast.vuthy.phone, status="pending"))
    assert settled.results[0].outcome is Outcome.APPLIED
    assert settled.as_json()["heads"].keys() == {cast.vuthy.scope}
    assert cast.sokha.patient_scope in settled.heads, "those who may read it are poked all the same"


async def test_a_revoked_relative_overrules_nobody(cast: Cast) -> None:
    """F-61: taken by Sokha after the revocation stands, whatever base and clock Dara's phone claims."""
    await cast.connect(cast.dara, "view+manage")
    made = await cast.treated()
    dose = (await made.doses())[0]["id"]
    cast.stage.at("2026-11-21T19:00:00+07:00")
    late = made.act(cast.dara.phone, dose, "skipped", base=999, recorded="2026-11-21T18:30:00+07:00")
    await cast.sokha.phone.does(cast.link(cast.dara, cast.sokha.phone, base=2, status="revoked"))
    await cast.sokha.phone.does(made.act(cast.sokha.phone, dose, "taken", base=1))
    assert (await cast.dara.phone.does(late)).outcome is Outcome.ACCEPTED_LATE
    row = next(one for one in await made.doses() if one["id"] == dose)
    assert (row["action"], row["recorded_by"]) == ("taken", cast.sokha.id)


async def test_too_many_requests_at_once_wait_instead_of_being_lost(cast: Cast) -> None:
    """Beyond the cap of deposits changes are deferred and arrive with the next batch."""
    others = [Person(cast.stage, f"patient-{number}") for number in range(MAX_DEPOSITS + 2)]
    for other in others:
        await other.registers("patient", "active")
    phone = cast.dara.phone
    changes = [phone.change("connection", connection_id(other.id, cast.dara.id), (other.patient_scope, cast.dara.scope),
                            {"patient_id": other.id, "other_id": cast.dara.id, "status": "pending"})
               for other in others]
    results = (await phone.push(*changes)).results
    waiting = [r for r in results if (r.outcome, r.code) == (Outcome.DEFERRED, Because.TOO_MUCH)]
    assert len(waiting) == 2 and all(r.outcome is Outcome.APPLIED for r in results if r not in waiting)
    again = (await phone.push(*changes[-2:])).results
    assert {r.outcome for r in again} == {Outcome.APPLIED}


async def test_a_batch_that_would_write_too_much_is_taken_in_parts(cast: Cast) -> None:
    """F-60: eight large prescriptions in one offline batch are no 500 but a few deferred changes."""
    phone = cast.sokha.phone
    changes = []
    for _ in range(8):
        id_ = cast.stage.fresh()
        lines = [cast.line(cast.stage.fresh(), MORN=1, NOON=1, EVE=1, NIGHT=1) for _ in range(12)]
        changes += [cast.prescription(phone, id_), cast.version(phone, id_, lines)]
    waiting = changes
    for _ in range(8):
        results = (await phone.push(*waiting)).results
        assert {r.outcome for r in results} <= {Outcome.APPLIED, Outcome.DEFERRED}, results
        waiting = [change for change, r in zip(waiting, results, strict=True) if r.outcome is Outcome.DEFERRED]
        if not waiting:
            break
    assert not waiting
    assert len(await cast.sokha.phone.sees("dose_event")) > 8 * 12 * 4 * 28


async def test_one_change_id_with_two_bodies_in_a_batch_is_told_apart(cast: Cast) -> None:
    phone = cast.sokha.phone
    first = phone.change("profile", cast.sokha.id, (cast.sokha.scope,), {"theme": "dark"}, base=1)
    other = replace(phone.change("profile", cast.sokha.id, (cast.sokha.scope,), {"language": "en"}, base=1),
                    change_id=first.change_id)
    results = (await phone.push(first, other, first)).results
    assert [(r.outcome, r.code) for r in results][1:] == [
        (Outcome.REJECTED, Because.CHANGE_ID_REUSED), (Outcome.DUPLICATE, Because.SAME_CHANGE)]
