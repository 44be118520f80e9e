"""After the server was restored from a backup, its phones make it whole again (F-64, R-204)."""

from __future__ import annotations

import copy

import pytest

from sync.access import Role
from sync.memory import State, epoch_renewed
from sync.replica.outbox import RESEND_DAYS
from tests.sync.town import DARA, DAY, HOUR, LIM, RECORD, SOKHA, Phone, Town, dose


@pytest.fixture
def town() -> Town:
    return Town()


def backup(town: Town) -> State:
    return copy.deepcopy(town.store.state)


def restore(town: Town, state: State, epoch: str = "e2") -> None:
    town.store.state = copy.deepcopy(state)
    epoch_renewed(town.store, epoch)


def actions(phone: Phone) -> dict[str, str | None]:
    return {row["slot_key"]: row["action"] for row in phone.replica.seen_rows("dose_event", RECORD)}


async def test_phones_resend_what_the_backup_lacks_and_nothing_is_lost(town: Town) -> None:
    """F-64: doses acknowledged after the backup come back under their old change ids, in one sync per phone."""
    first = await town.sokhas()
    second = town.phone(SOKHA)
    first.replica.take_dose(dose("0/MORN"))
    await first.sync()
    await second.sync()
    kept = backup(town)
    town.wait(HOUR)
    first.replica.take_dose(dose("0/NOON"))
    second.replica.skip_dose(dose("0/MORN"), reason="doctor_advised")
    await first.sync()
    await second.sync()
    second.replica.take_dose(dose("0/EVE"))
    restore(town, kept)
    assert town.visible(SOKHA) != first.replica.held(RECORD)
    for phone in (first, second, first):
        synced = await phone.sync()
        assert synced.ok
    assert actions(first) == actions(second) == {"0/MORN": "skipped", "0/NOON": "taken", "0/EVE": "taken"}
    assert first.replica.held(RECORD) == second.replica.held(RECORD) == town.visible(SOKHA)
    assert first.replica.waiting() == second.replica.waiting() == []
    again = await first.sync()
    assert (again.rows, again.outcomes, again.resynced) == (0, {}, False)


async def test_lower_versions_of_the_new_epoch_replace_higher_ones_of_the_old(town: Town) -> None:
    """P01: another phone's edits after the backup are gone with it; nobody goes on showing them."""
    first = await town.sokhas()
    second = town.phone(SOKHA)
    await second.sync()
    kept = backup(town)
    for zone in ("Asia/Bangkok", "Asia/Phnom_Penh", "Asia/Tokyo"):
        first.replica.record("patient", [RECORD], SOKHA, {"zone": zone})
        await first.sync()
    await second.sync()
    restore(town, kept)
    await second.sync()
    assert second.replica.held(RECORD) == town.visible(SOKHA)
    row = second.replica.seen("patient", RECORD, SOKHA)
    assert row is not None
    assert row["zone"] is None
    await first.sync()
    await second.sync()
    row = second.replica.seen("patient", RECORD, SOKHA)
    assert row is not None
    assert row["zone"] == "Asia/Tokyo"
    assert first.replica.held(RECORD) == second.replica.held(RECORD) == town.visible(SOKHA)


async def test_a_grant_that_the_backup_lacks_ends_on_the_phone_too(town: Town) -> None:
    """P07: with the cursor gone nobody says `removed`; what is not announced again is forgotten."""
    await town.sokhas()
    kept = backup(town)
    town.grant(DARA, Role.MANAGER)
    dara = town.phone(DARA)
    await dara.sync()
    assert dara.replica.scopes() == {RECORD: "view+manage"}
    restore(town, kept)
    synced = await dara.sync()
    assert synced.resynced
    assert dara.replica.scopes() == {}
    assert dara.replica.held(RECORD) == {}
    assert dara.door.asked("pull")[-1]["purged"] == [RECORD]


async def test_what_was_refused_stays_refused(town: Town) -> None:
    """A restore must not turn an edit that lost into one that wins."""
    await town.sokhas()
    town.grant(LIM, Role.DOCTOR)
    online, offline, id_ = town.phone(LIM), town.phone(LIM), town.id()
    online.replica.record("prescription", [RECORD], id_, {"patient_id": SOKHA, "drug": "metformin", "amount": "500"})
    await online.sync()
    await offline.sync()
    kept = backup(town)
    online.replica.record("prescription", [RECORD], id_, {"amount": "850"})
    offline.replica.record("prescription", [RECORD], id_, {"amount": "2000"})
    await online.sync()
    assert (await offline.sync()).outcomes == {"rejected": 1}
    restore(town, kept)
    await offline.sync()
    await online.sync()
    await offline.sync()
    row = offline.replica.seen("prescription", RECORD, id_)
    assert row is not None
    assert row["amount"] == "850"


async def test_a_cut_in_the_middle_of_a_resync_loses_nothing(town: Town) -> None:
    phone = await town.sokhas()
    kept = backup(town)
    for slot in ("0/MORN", "0/NOON"):
        phone.replica.take_dose(dose(slot))
    await phone.sync()
    restore(town, kept)

    async def cut(door: str, answer: dict[str, object]) -> None:
        phone.door.lose_requests = 2  # the resend and the pull after it

    phone.door.between = cut
    synced = await phone.sync()
    assert (synced.resynced, synced.ok) == (True, False)
    assert [one.id for one in phone.replica.waiting()] == [SOKHA, SOKHA, dose("0/MORN").id, dose("0/NOON").id]
    assert actions(phone) == {"0/MORN": "taken", "0/NOON": "taken"}
    phone.door.between = None
    await phone.sync()
    assert phone.replica.held(RECORD) == town.visible(SOKHA)
    assert actions(phone) == {"0/MORN": "taken", "0/NOON": "taken"}


async def test_only_what_the_server_may_have_lost_is_sent_again(town: Town) -> None:
    """The log is cut by the server's clock, and so is the resend: this phone's own clock is two days off."""
    phone = await town.sokhas()
    phone.skew_ms = -2 * DAY
    phone.replica.take_dose(dose("0/MORN"))
    await phone.sync()
    town.wait(3 * DAY)
    phone.replica.take_dose(dose("0/EVE", "2026-01-04"))
    await phone.sync()
    with phone.replica.outbox._file.transaction():
        phone.replica.outbox.send_again(town.now - DAY)
    assert [one.id for one in phone.replica.waiting()] == [dose("0/EVE", "2026-01-04").id]
    await phone.sync()
    town.wait((RESEND_DAYS + 1) * DAY)
    phone.replica.take_dose(dose("0/EVE", "2026-02-10"))
    await phone.sync()
    phone.replica.outbox.send_again(None)
    assert [one.id for one in phone.replica.waiting()] == [dose("0/EVE", "2026-02-10").id]


async def test_an_unreadable_cursor_starts_from_zero_and_drift_is_gone(town: Town) -> None:
    """I-07: the server begins anew without a word; the phone notices by scopes that are announced a second time."""
    phone = await town.sokhas()
    town.grant(SOKHA, Role.GUARDIAN, scope=f"patient:{DARA}")
    town.fill(f"patient:{DARA}", 700)
    await phone.sync()
    assert len(phone.replica.held(f"patient:{DARA}")) == 700
    town.store.state.members.pop((f"patient:{DARA}", SOKHA))
    phone.replica.take_dose(dose())
    phone.replica.pages._file.set("cursor", "tampered")
    assert (await phone.sync()).ok
    assert phone.replica.held(RECORD) == town.visible(SOKHA)
    assert phone.replica.held(f"patient:{DARA}") == {}
    assert sorted(phone.replica.scopes()) == sorted([RECORD, f"user:{SOKHA}"])
