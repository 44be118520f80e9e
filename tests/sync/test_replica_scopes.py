"""What a device holds: just what it may see, through grants, revocations, role changes and interrupted first syncs."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.access import Role, View
from sync.replica.door import Unreachable
from sync.replica.file import ForeignReplica
from tests.sync.town import DARA, HOUR, LIM, MALY, MINUTE, RECORD, SOKHA, VUTHY, Town, dose


@pytest.fixture
def town() -> Town:
    return Town()


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_user_b_on_user_as_phone_sees_nothing_of_a(town: Town, tmp_path: Path) -> None:
    """F-23, R-015: a file opens for its own account and device only; B's own file is empty."""
    path = str(tmp_path / "sokha.sqlite")
    phone = await town.sokhas(path)
    phone.replica.take_dose(dose())
    phone.replica.close()
    for account, device in ((VUTHY, phone.replica.device), (SOKHA, town.id()), (VUTHY, town.id())):
        with pytest.raises(ForeignReplica):
            town.phone(account, path, device)
    vuthy = town.phone(VUTHY, str(tmp_path / "vuthy.sqlite"), phone.replica.device)
    assert vuthy.replica.seen_rows("dose_event", RECORD) == []
    assert vuthy.replica.waiting() == []
    await vuthy.sync()
    assert vuthy.replica.held(RECORD) == {}
    again = town.phone(SOKHA, path, phone.replica.device)
    assert [one.id for one in again.replica.waiting()] == [dose().id]


async def test_a_grant_makes_old_rows_arrive(town: Town) -> None:
    """R-203; the stranger and the daughter with alerts only are told nothing."""
    sokha = await town.sokhas()
    town.fill(RECORD, 30)
    dara, vuthy, maly = town.phone(DARA), town.phone(VUTHY), town.phone(MALY)
    for phone in (sokha, dara, vuthy, maly):
        await phone.sync()
    assert dara.replica.scopes() == {}
    town.grant(DARA, Role.VIEWER)
    await dara.sync()
    assert dara.replica.scopes() == {RECORD: "view"}
    assert dara.replica.held(RECORD) == town.visible(DARA)
    assert len(dara.replica.held(RECORD)) == 31
    for phone in (vuthy, maly):
        await phone.sync()
        assert phone.replica.scopes() == {}
        assert [call.answer["changes"] for call in phone.door.calls if call.answer] == [[], []]


async def test_nothing_of_a_lost_scope_stays_and_the_server_learns_it(town: Town, tmp_path: Path) -> None:
    """P07: rows, log and words of refusals go; the purge is confirmed in the same sync."""
    await town.sokhas()
    town.grant(DARA, Role.MANAGER)
    dara = town.phone(DARA, str(tmp_path / "dara.sqlite"))
    await dara.sync()
    dara.replica.record("profile", [f"user:{DARA}"], DARA, {"language": "en"})
    dara.replica.record("dose_event", [RECORD], dose().id, {**dose().identity(), "action": "taken", "note": "secret-a"})
    dara.replica.record("note", [RECORD], town.id(), {"patient_id": SOKHA, "text": "secret-b"})
    assert (await dara.sync()).outcomes == {"applied": 2, "rejected": 1}
    town.revoke(DARA)
    await dara.sync()
    assert dara.replica.held(RECORD) == {}
    assert dara.replica.scopes() == {f"user:{DARA}": "self"}
    assert dara.replica.seen_rows("dose_event", RECORD) == []
    assert dara.replica.seen("profile", f"user:{DARA}", DARA) is not None
    assert [refusal.fields for refusal in dara.replica.refusals()] == [{}]
    assert dara.door.asked("pull")[-1]["purged"] == [RECORD]
    assert town.store.state.told[DARA, dara.replica.device, RECORD].purged_at is not None
    kept = contents(tmp_path)
    assert b"secret" not in kept
    assert DARA.encode() in kept


async def test_facts_from_before_a_revocation_arrive_and_no_data_comes_back(town: Town) -> None:
    """F-61: push before pull; Dara's dose is kept, Dara's phone is purged."""
    sokha = await town.sokhas()
    dara = await town.caregiver()
    before = dara.replica.take_dose(dose())
    town.wait(HOUR)
    town.revoke(DARA)
    town.wait(HOUR)
    dara.replica.take_dose(dose("0/EVE"))
    synced = await dara.sync()
    assert synced.outcomes == {"accepted_late": 2}
    (push,) = [call.answer for call in dara.door.calls if call.door == "push" and call.answer]
    assert [(result["code"], result["version"], "row" in result) for result in push["results"]] == [
        ("access_revoked", 0, False), ("quarantined", 0, False)]
    assert dara.replica.held(RECORD) == {}
    assert dara.replica.seen_rows("dose_event", RECORD) == []
    assert dara.replica.waiting() == []
    await sokha.sync()
    seen = sokha.replica.seen("dose_event", RECORD, before)
    assert seen is not None
    assert (seen["action"], seen["recorded_authority"]) == ("taken", "late")
    assert sokha.replica.seen("dose_event", RECORD, dose("0/EVE").id) is None


async def test_unsent_work_outlives_the_loss_of_its_scope(town: Town) -> None:
    """P07's exception: the push failed, the pull purged; the change still waits and gets its verdict."""
    await town.sokhas()
    dara = await town.caregiver()
    id_ = dara.replica.take_dose(dose())
    town.wait(MINUTE)
    town.revoke(DARA)
    dara.door.fail = [Unreachable()]
    await dara.sync()
    assert dara.replica.held(RECORD) == {}
    assert [one.id for one in dara.replica.waiting()] == [id_]
    await dara.sync()
    assert dara.replica.waiting() == []


async def test_a_narrower_view_takes_rows_away_and_a_wider_one_brings_them(town: Town) -> None:
    """A change of view rebuilds the scope: what does not arrive again goes at the last page."""
    sokha = await town.sokhas()
    chosen, other = town.id(), town.id()
    for id_ in (chosen, other):
        sokha.replica.record("prescription", [RECORD], id_, {"patient_id": SOKHA, "drug": id_})
    await sokha.sync()
    town.grant(LIM, Role.DOCTOR)
    lim = town.phone(LIM)
    await lim.sync()
    assert len(lim.replica.seen_rows("prescription", RECORD)) == 2
    town.grant(LIM, Role.DOCTOR_SELECTED, View(parts=frozenset({chosen})))
    await lim.sync()
    assert [row["id"] for row in lim.replica.seen_rows("prescription", RECORD)] == [chosen]
    assert lim.replica.held(RECORD) == town.visible(LIM)
    assert lim.replica.scopes() == {RECORD: "doctor_selected"}
    town.grant(LIM, Role.DOCTOR)
    await lim.sync()
    assert lim.replica.held(RECORD) == town.visible(LIM)
    assert len(lim.replica.seen_rows("prescription", RECORD)) == 2


async def test_a_rebuilt_row_replaces_at_equal_version(town: Town) -> None:
    """Masks change without a new version of the row."""
    sokha = await town.sokhas()
    sokha.replica.record("dose_event", [RECORD], dose().id, {**dose().identity(), "action": "taken", "mood": "tired"})
    await sokha.sync()
    town.grant(DARA, Role.VIEWER)
    dara = town.phone(DARA)
    await dara.sync()
    assert (dara.replica.told("dose_event", RECORD, dose().id) or {}).get("mood") == "tired"
    town.grant(DARA, Role.VIEWER, View(hidden=frozenset({dose().line_id})))
    await dara.sync()
    told = dara.replica.told("dose_event", RECORD, dose().id)
    assert told is not None
    assert "mood" not in told  # unknown fields are not told through a limited view (S-38)


async def test_a_row_leaves_with_the_only_scope_it_was_readable_through(town: Town) -> None:
    """P07: a visit lies in the patient's scope and in the guest's own; the guest reads it as caregiver alone."""
    sokha, id_ = await town.sokhas(), town.id()
    dara = await town.caregiver()
    dara.replica.record("profile", [f"user:{DARA}"], DARA, {"language": "km"})
    await dara.sync()
    sokha.replica.record("visit", [RECORD, f"user:{DARA}"], id_, {"patient_id": SOKHA, "guest_id": DARA})
    assert (await sokha.sync()).outcomes == {"applied": 1}
    await dara.sync()
    assert dara.replica.seen("visit", RECORD, id_) is not None
    town.revoke(DARA)
    await dara.sync()
    assert dara.replica.seen("visit", RECORD, id_) is None
    assert [key.kind for key in dara.replica.held(f"user:{DARA}")] == ["profile"]


async def test_losing_and_regaining_a_scope_between_two_syncs_confirms_no_purge(town: Town) -> None:
    await town.sokhas()
    dara = await town.caregiver()
    town.revoke(DARA)
    dara.door.fail = []

    async def regain(door: str, answer: dict[str, object]) -> None:
        dara.door.between = None
        dara.door.lose_requests = 1

    dara.door.between = regain  # told of the loss, then cut off before confirming it
    await dara.sync()
    assert dara.replica.held(RECORD) == {}
    town.grant(DARA, Role.MANAGER)
    await dara.sync()
    assert dara.replica.held(RECORD) == town.visible(DARA)
    assert dara.replica.pages.purged() == []
