"""The outbox's promises: nothing leaves it without a verdict, and nothing in it blocks the rest."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from sync.access import Role
from sync.replica.door import Unauthorized, Unreachable
from sync.replica.loop import Fault, sync_once
from sync.replica.outbox import MAX_CHANGE_BYTES, ChangeTooLarge
from sync.wire import MAX_BODY
from tests.sync.town import DARA, HOUR, MINUTE, NOON, RECORD, SOKHA, Town, dose, note


@pytest.fixture
def town() -> Town:
    return Town()


async def test_failures_never_remove_a_queued_change(town: Town) -> None:
    """F-02: five failed sends, an expired token, 429 and 5xx; then it arrives, once."""
    phone = await town.sokhas()
    taken = phone.replica.take_dose(dose())
    phone.door.fail = [Unreachable()] * 10 + [Unauthorized(), Unauthorized(), Unreachable(30), Unreachable()]
    for _ in range(7):
        synced = await phone.sync()
        assert synced.push_fault is not None
        assert synced.pull_fault is not None
        assert [one.id for one in phone.replica.waiting()] == [taken]
    assert synced.retry_after_s == 30
    assert (await phone.sync()).outcomes == {"applied": 1}
    assert phone.replica.waiting() == []
    assert len([line for line in town.store.state.journal.values() if line.id == taken]) == 1


async def test_an_expired_token_is_refreshed_within_the_sync(town: Town) -> None:
    phone = await town.sokhas()
    phone.replica.take_dose(dose())
    phone.door.fail = [Unauthorized()]
    asked = []

    async def refresh() -> bool:
        asked.append(1)
        return True

    assert (await sync_once(phone.replica, phone.door, refresh)).outcomes == {"applied": 1}
    phone.replica.undo_dose(dose())
    phone.door.fail = [Unauthorized(), Unauthorized(), Unauthorized(), Unauthorized()]
    synced = await sync_once(phone.replica, phone.door, refresh)
    assert synced.push_fault == Fault("unauthenticated")
    assert len(asked) == 3  # once per half: a token that is refused again is not refreshed for ever
    assert len(phone.replica.waiting()) == 1


async def test_a_failing_push_does_not_block_the_pull(town: Town) -> None:
    """R-190: Dara's phone is told Sokha's dose though its own push fails."""
    sokha = await town.sokhas()
    second = town.phone(SOKHA)
    second.replica.record("patient", [RECORD], SOKHA, {"zone": "Asia/Phnom_Penh"})
    sokha.replica.take_dose(dose())
    await sokha.sync()
    second.door.fail = [Unreachable()]
    synced = await second.sync()
    assert synced.push_fault == Fault("unreachable")
    assert synced.pull_fault is None
    assert second.replica.held(RECORD) == town.visible(SOKHA)
    assert len(second.replica.waiting()) == 1


async def test_a_lost_answer_is_fetched_with_the_same_batch_word_for_word(town: Town) -> None:
    """P05, R-195: same batch id, same changes, also when more was recorded meanwhile and the app was closed."""
    phone = await town.sokhas()
    phone.replica.take_dose(dose())
    phone.door.lose_answers = 1
    assert (await phone.sync()).push_fault == Fault("unreachable")
    phone.replica.skip_dose(dose("0/EVE"))
    town.wait(3 * HOUR)
    assert (await phone.sync()).outcomes == {"applied": 2}
    first, again, rest = phone.door.asked("push")[-3:]
    assert (first["batch_id"], first["changes"]) == (again["batch_id"], again["changes"])
    assert rest["batch_id"] != first["batch_id"]
    answers = [call.answer for call in phone.door.calls if call.door == "push" and call.answer]
    assert answers[-3]["results"] == answers[-2]["results"]
    assert answers[-2]["replayed"]
    assert len(town.store.state.journal) == 4  # her record, her profile, two doses


@pytest.mark.parametrize("boot_id", ["boot 1", "boot 2"], ids=["same boot", "restarted"])
async def test_a_retry_tells_the_clock_of_the_retry(town: Town, tmp_path: Path, boot_id: str) -> None:
    """A wrong instant would follow: three hours between two tries are not three hours of clock error (R-201)."""
    path = str(tmp_path / "sokha.sqlite")
    phone = await town.sokhas(path)
    id_ = phone.replica.take_dose(dose())
    phone.door.lose_requests = 2
    await phone.sync()
    phone.replica.close()
    town.wait(3 * HOUR)
    await town.phone(SOKHA, path, phone.replica.device, boot_id).sync()
    assert town.store.state.rows[next(key for key in town.store.state.rows if key.id == id_)].fields["at"] \
        == "2026-01-01T05:00:00+00:00"


async def test_a_recorded_dose_survives_the_app_and_the_sent_batch_too(town: Town, tmp_path: Path) -> None:
    """Killed after sending, before the answer: the next start sends the same batch."""
    path = str(tmp_path / "sokha.sqlite")
    phone = await town.sokhas(path)
    phone.replica.take_dose(dose())
    phone.door.lose_answers = 2
    await phone.sync()
    phone.replica.close()
    born_again = town.phone(SOKHA, path, phone.replica.device)
    assert born_again.replica.seen("dose_event", RECORD, dose().id) is not None
    assert (await born_again.sync()).outcomes == {"applied": 1}
    assert born_again.door.asked("push")[0]["batch_id"] == phone.door.asked("push")[-1]["batch_id"]
    assert born_again.replica.held(RECORD) == town.visible(SOKHA)


async def test_batches_stay_within_the_limits_and_in_order(town: Town) -> None:
    """R-191: at most 500 changes and 1 MiB, Khmer counted in bytes."""
    phone = await town.sokhas()
    made = [note(phone, town, "ស" * 1_990) for _ in range(400)] + [note(phone, town) for _ in range(700)]
    assert (await phone.sync()).outcomes == {"applied": 1_100}
    batches = phone.door.asked("push")[1:]
    assert [change["change_id"] for batch in batches for change in batch["changes"]] == made
    sizes = [len(str(batch).encode()) for batch in batches]
    assert max(sizes) <= MAX_BODY
    assert sizes[0] > MAX_BODY * 0.9
    assert max(len(batch["changes"]) for batch in batches) == 500


async def test_a_change_that_could_never_travel_is_refused_when_recorded(town: Town) -> None:
    phone = await town.sokhas()
    with pytest.raises(ChangeTooLarge):
        note(phone, town, "x" * MAX_CHANGE_BYTES)
    with pytest.raises(ValueError, match="Out of range"):
        phone.replica.record("note", [RECORD], town.id(), {"text": float("nan")})
    with pytest.raises(ValueError, match="scopes"):
        phone.replica.record("note", ["patient:everybody"], town.id(), {})
    assert phone.replica.waiting() == []


async def test_half_an_emoji_costs_no_batch(town: Town) -> None:
    phone = await town.sokhas()
    note(phone, town, "ok \ud83d")
    phone.replica.take_dose(dose())
    assert (await phone.sync()).outcomes == {"applied": 2}


async def test_the_pull_tells_how_much_waits(town: Town) -> None:
    """Only a device that reported an empty queue lets the server call a dose missed (DESIGN.md 11)."""
    phone = await town.sokhas()
    assert phone.door.asked("pull")[-1]["queue"] == {"count": 0, "oldest": None}
    phone.replica.take_dose(dose())
    town.wait(MINUTE)
    phone.replica.skip_dose(dose("0/EVE"))
    phone.door.fail = [Unreachable()]
    await phone.sync()
    assert phone.door.asked("pull")[-1]["queue"] == {"count": 2, "oldest": NOON}


async def test_two_syncs_at_once_take_turns(town: Town) -> None:
    phone = await town.sokhas()
    phone.replica.take_dose(dose())
    inside, most = 0, 0

    async def slow(door: str, answer: dict[str, object]) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1

    phone.door.between = slow
    reports = await asyncio.gather(phone.sync(), phone.sync(), phone.sync())
    assert most == 1
    assert sum((report.outcomes for report in reports), start=Counter()) == {"applied": 1}


async def test_dara_may_take_for_his_sister_offline(town: Town) -> None:
    """A caregiver's phone is a replica like any other; who recorded is the server's word."""
    sokha = await town.sokhas()
    town.grant(DARA, Role.MANAGER)
    dara = town.phone(DARA)
    id_ = dara.replica.take_dose(dose())
    await dara.sync()
    await sokha.sync()
    told = sokha.replica.told("dose_event", RECORD, id_)
    assert told is not None
    assert (told["action"], told["recorded_by"]) == ("taken", DARA)
