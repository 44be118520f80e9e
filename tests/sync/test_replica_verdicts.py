"""What an answer ends and what it does not: a clear word settles a change, a bad neighbour never does (F-60, F-02)."""

from __future__ import annotations

import pytest

from sync.replica.door import Refused
from sync.replica.loop import Fault
from tests.sync.town import RECORD, SOKHA, VUTHY, Town, dose, note


@pytest.fixture
def town() -> Town:
    return Town()


async def test_one_bad_change_leaves_499_applied_and_is_not_retried_for_ever(town: Town) -> None:
    """F-60."""
    phone = await town.sokhas()
    for at in range(500):
        note(phone, town, "x" * 3_000 if at == 250 else f"note {at}")
    synced = await phone.sync()
    assert synced.outcomes == {"applied": 499, "rejected": 1}
    assert phone.replica.waiting() == []
    (refusal,) = phone.replica.refusals()
    assert (refusal.code, refusal.sentence) == ("invalid", "outcome.invalid")
    assert refusal.details == [{"field": "text", "code": "too_long"}]
    assert refusal.fields["text"] == "x" * 3_000  # the person's words are not lost with it
    pushes = len(phone.door.asked("push"))
    await phone.sync()
    assert len(phone.door.asked("push")) == pushes
    phone.replica.verdicts.dismiss(refusal.change_id)
    assert phone.replica.refusals() == []


async def test_what_the_server_defers_waits_and_lets_others_pass(town: Town) -> None:
    """R-205: an unknown kind, and a note whose prescription is not there yet."""
    phone = await town.sokhas()
    prescription = town.id()
    phone.replica.record("mood", [RECORD], town.id(), {"smile": 3})
    about = note(phone, town, prescription_id=prescription)
    phone.replica.take_dose(dose())
    assert (await phone.sync()).outcomes == {"deferred": 2, "applied": 1}
    assert {one.state for one in phone.replica.waiting()} == {"deferred"}
    phone.replica.record("prescription", [RECORD], prescription, {"patient_id": SOKHA, "drug": "metformin"})
    assert (await phone.sync()).outcomes == {"applied": 2, "deferred": 1}
    assert [one.kind for one in phone.replica.waiting()] == ["mood"]
    assert about not in [one.change_id for one in phone.replica.waiting()]
    assert phone.replica.refusals() == []


async def test_a_reused_batch_id_is_regrouped_under_another(town: Town) -> None:
    """422: the changes are whole, only the envelope's name was taken."""
    phone = await town.sokhas()
    for slot in ("0/MORN", "0/NOON", "0/EVE"):
        phone.replica.take_dose(dose(slot))
    phone.door.fail = [Refused("batch_id_reused")]
    assert (await phone.sync()).outcomes == {"applied": 3}
    assert phone.replica.refusals() == []


async def test_a_change_that_spoils_every_batch_is_found_and_kept_apart(town: Town) -> None:
    """Nesting beyond the gate's depth makes the whole body unreadable; the other twenty arrive all the same."""
    phone = await town.sokhas()
    deep: object = 1
    for _ in range(40):
        deep = [deep]
    for at in range(10):
        note(phone, town, f"before {at}")
    bad = phone.replica.record("note", [RECORD], town.id(), {"patient_id": SOKHA, "text": deep})
    for at in range(10):
        note(phone, town, f"after {at}")
    synced = await phone.sync()
    assert synced.outcomes == {"applied": 20}
    assert synced.ok
    assert [one.change_id for one in phone.replica.waiting()] == [bad]
    assert [(one.change_id, one.sentence) for one in phone.replica.refusals()] == [(bad, "error.unreadable")]
    before = len(phone.door.asked("push"))
    phone.replica.take_dose(dose())
    assert (await phone.sync()).outcomes == {"applied": 1}
    assert len(phone.door.asked("push")) == before + 2  # it travels by itself now


async def test_a_verdict_this_device_does_not_know_ends_no_wait(town: Town) -> None:
    """A newer server's outcome, and a result that is missing: neither is a clear word (F-02)."""
    phone = await town.sokhas()
    kept, dropped = phone.replica.take_dose(dose("0/MORN")), phone.replica.take_dose(dose("0/EVE"))

    async def garble(door: str, answer: dict[str, object]) -> None:
        results = answer.get("results")
        if isinstance(results, list):
            results[0]["outcome"] = "pondered"
            del results[1]

    phone.door.between = garble
    await phone.sync()
    assert {one.id for one in phone.replica.waiting()} == {kept, dropped}
    phone.door.between = None
    assert (await phone.sync()).outcomes == {"applied": 2}


async def test_a_door_that_refuses_the_sender_keeps_everything(town: Town) -> None:
    """426, 403: the app must be updated or the device signed in anew; the queue waits."""
    phone = await town.sokhas()
    phone.replica.take_dose(dose())
    phone.door.fail = [Refused("schema_too_old"), Refused("schema_too_old")]
    synced = await phone.sync()
    assert synced.push_fault == synced.pull_fault == Fault("schema_too_old")
    assert len(phone.replica.waiting()) == 1
    assert phone.replica.refusals() == []


async def test_a_strangers_batch_is_refused_and_tells_him_nothing(town: Town) -> None:
    await town.sokhas()
    vuthy = town.phone(VUTHY)
    vuthy.replica.take_dose(dose())
    assert (await vuthy.sync()).outcomes == {"rejected": 1}
    assert [refusal.code for refusal in vuthy.replica.refusals()] == ["forbidden"]
    assert vuthy.replica.seen("dose_event", RECORD, dose().id) is None
    assert vuthy.replica.scopes() == {}
