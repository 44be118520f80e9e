"""Rows as told and rows as seen: what a person did is before their eyes until the server's word includes it."""

from __future__ import annotations

import pytest

from sync.access import Role
from sync.record import Key, Op
from sync.replica.door import Unreachable
from tests.sync.town import AT_EIGHT, DARA, LIM, MINUTE, RECORD, SOKHA, Town, action_of, dose


@pytest.fixture
def town() -> Town:
    return Town()


async def test_a_pull_never_overwrites_a_local_change_that_was_not_pushed(town: Town) -> None:
    """F-03: the other phone's word is told, this phone's is seen; after the push the server decides."""
    first, second = await town.two_phones()
    first.replica.take_dose(dose(), at=AT_EIGHT)
    await first.sync()
    second.replica.skip_dose(dose(), reason="side_effects")
    second.door.fail = [Unreachable()]
    await second.sync()
    told = second.replica.told("dose_event", RECORD, dose().id)
    assert told is not None
    assert told["action"] == "taken"
    assert action_of(second) == ("skipped", None)
    seen = second.replica.seen("dose_event", RECORD, dose().id)
    assert seen is not None
    assert (seen["reason"], seen["amount"]) == ("side_effects", None)
    await second.sync()
    await first.sync()
    assert action_of(first) == action_of(second)


async def test_the_newest_local_action_replaces_the_whole_group(town: Town) -> None:
    phone = await town.sokhas()
    phone.replica.take_dose(dose(), at=AT_EIGHT, amount="2", note="ជាមួយបាយ")
    phone.replica.skip_dose(dose(), reason="forgot_refill")
    seen = phone.replica.seen("dose_event", RECORD, dose().id)
    assert seen is not None
    assert {name: seen[name] for name in ("action", "at", "amount", "reason", "note")} == {
        "action": "skipped", "at": None, "amount": None, "reason": "forgot_refill", "note": None}
    phone.replica.undo_dose(dose())
    assert action_of(phone) == (None, None)
    phone.replica.take_dose(dose())
    assert action_of(phone) == ("taken", "2026-01-01T05:00:00+00:00")


async def test_an_accepted_change_stays_in_sight_until_the_pull_brings_it(town: Town) -> None:
    """Otherwise the dose would look untaken between the two halves of a sync."""
    phone = await town.sokhas()
    phone.replica.take_dose(dose(), at=AT_EIGHT)

    async def cut(door: str, answer: dict[str, object]) -> None:
        if door == "push":
            phone.door.lose_requests = 1

    phone.door.between = cut
    synced = await phone.sync()
    assert synced.push_fault is None
    assert synced.pull_fault is not None
    assert phone.replica.waiting() == []
    assert phone.replica.told("dose_event", RECORD, dose().id) is None
    assert action_of(phone) == ("taken", AT_EIGHT)
    phone.door.between = None
    phone.replica.undo_dose(dose())
    assert action_of(phone) == (None, None)
    await phone.sync()
    assert action_of(phone) == (None, None)


async def test_a_lists_rows_are_the_seen_ones(town: Town) -> None:
    phone = await town.sokhas()
    phone.replica.take_dose(dose("0/MORN"), at=AT_EIGHT)
    await phone.sync()
    phone.replica.skip_dose(dose("0/EVE"))
    rows = phone.replica.seen_rows("dose_event", RECORD)
    assert {row["slot_key"]: row["action"] for row in rows} == {"0/MORN": "taken", "0/EVE": "skipped"}
    assert phone.replica.seen_rows("dose_event", f"patient:{DARA}") == []


async def test_a_deletion_hides_the_row_at_once_and_a_refused_one_brings_it_back(town: Town) -> None:
    """Sokha may not delete the doctor's prescription: her copy returns with the refusal."""
    phone = await town.sokhas()
    town.grant(LIM, Role.DOCTOR)
    lim, id_ = town.phone(LIM), town.id()
    lim.replica.record("prescription", [RECORD], id_, {"patient_id": SOKHA, "drug": "metformin"})
    await lim.sync()
    await phone.sync()
    phone.replica.record("prescription", [RECORD], id_, {}, op=Op.DELETE)
    assert phone.replica.seen("prescription", RECORD, id_) is None
    await phone.sync()
    assert phone.replica.seen("prescription", RECORD, id_) is not None
    assert [refusal.code for refusal in phone.replica.refusals()] == ["server_wins"]
    lim.replica.record("prescription", [RECORD], id_, {}, op=Op.DELETE)
    await lim.sync()
    await phone.sync()
    assert phone.replica.seen("prescription", RECORD, id_) is None
    assert phone.replica.held(RECORD) == town.visible(SOKHA)


async def test_a_stale_edit_gets_the_doctors_row_and_is_kept(town: Town) -> None:
    """F-63: two doctors' phones; the one that was offline loses, sees the winner at once, and keeps its own words."""
    await town.sokhas()
    town.grant(LIM, Role.DOCTOR)
    online, offline, id_ = town.phone(LIM), town.phone(LIM), town.id()
    online.replica.record("prescription", [RECORD], id_, {"patient_id": SOKHA, "drug": "metformin", "amount": "500"})
    await online.sync()
    await offline.sync()
    offline.replica.record("prescription", [RECORD], id_, {"amount": "2000"})
    online.replica.record("prescription", [RECORD], id_, {"amount": "850"})
    await online.sync()
    offline.door.lose_requests = 0
    synced = await offline.sync()
    assert synced.outcomes == {"rejected": 1}
    seen = offline.replica.seen("prescription", RECORD, id_)
    assert seen is not None
    assert seen["amount"] == "850"
    (refusal,) = offline.replica.refusals()
    assert (refusal.code, refusal.fields) == ("stale_base", {"amount": "2000"})


async def test_own_edits_in_a_row_follow_on_each_other(town: Town) -> None:
    """The version of the first becomes the base of those still queued, so that the next is no fork of one's own."""
    await town.sokhas()
    town.grant(LIM, Role.DOCTOR)
    lim, id_ = town.phone(LIM), town.id()
    lim.replica.record("prescription", [RECORD], id_, {"patient_id": SOKHA, "drug": "metformin", "amount": "500"})

    async def meanwhile(door: str, answer: dict[str, object]) -> None:
        lim.door.between = None
        for amount in ("850", "1000"):
            lim.replica.record("prescription", [RECORD], id_, {"amount": amount})

    lim.door.between = meanwhile
    assert (await lim.sync()).outcomes == {"applied": 3}
    assert [change["base"] for push in lim.door.asked("push") for change in push["changes"]] == [0, 1, 1]
    assert town.store.state.rows[Key("prescription", RECORD, id_)].fields["amount"] == "1000"


async def test_an_edit_says_which_version_its_author_saw(town: Town) -> None:
    """The one told, or one's own direct successor of it that the pull has not brought yet."""
    phone = await town.sokhas()
    phone.replica.record("patient", [RECORD], SOKHA, {"zone": "Asia/Bangkok"})

    async def cut(door: str, answer: dict[str, object]) -> None:
        phone.door.between = None
        phone.door.lose_requests = 1

    phone.door.between = cut
    await phone.sync()
    phone.replica.record("patient", [RECORD], SOKHA, {"zone": "Asia/Tokyo"})
    phone.replica.record("patient", [RECORD], SOKHA, {"zone": "Asia/Phnom_Penh"}, base=1)
    await phone.sync()
    assert [change["base"] for push in phone.door.asked("push")[1:] for change in push["changes"]] == [1, 2, 1]


async def test_an_edit_made_after_a_sync_compares_greater_than_what_the_server_had(town: Town) -> None:
    """sync-protocol.md 8: the phone's clock is a minute slow, too little to be corrected."""
    phone = await town.sokhas()
    phone.skew_ms = -MINUTE
    town.wait(MINUTE // 2)
    phone.replica.take_dose(dose())
    await phone.sync()
    heard = [call.answer["hlc"] for call in phone.door.calls if call.door == "push" and call.answer][-1]
    phone.replica.undo_dose(dose())
    await phone.sync()
    assert phone.door.asked("push")[-1]["changes"][0]["hlc"] > heard


async def test_an_older_version_never_replaces_a_newer_one(town: Town) -> None:
    """A page that comes late, from whatever replica of the server."""
    phone = await town.sokhas()
    key = Key("patient", RECORD, SOKHA)
    for version, zone in ((5, "new"), (4, "late"), (5, "seen through another view")):
        phone.replica.rows.tell(key, version, {"id": SOKHA, "zone": zone}, [RECORD], confirms=True)
        assert (phone.replica.rows.told(key) or {})["zone"] == ("new" if zone == "late" else zone)
    phone.replica.rows.tell(key, 4, None, [RECORD], confirms=True)
    assert phone.replica.held(RECORD)[key] == 5


async def test_ids_in_another_spelling_name_the_same_row(town: Town) -> None:
    phone = await town.sokhas()
    phone.replica.record("patient", [RECORD.upper().replace("PATIENT", "patient")], SOKHA.upper(), {"zone": "UTC"})
    seen = phone.replica.seen("patient", RECORD, SOKHA)
    assert seen is not None
    assert (seen["first_name"], seen["zone"]) == ("សុខា", "UTC")
    await phone.sync()
    assert phone.replica.held(RECORD) == town.visible(SOKHA)
