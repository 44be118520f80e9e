"""What follows from changes: notices to the right people in their language, once; horizons that roll on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduling.chores import clear_away
from storage.database import Database
from storage.ledger.ledger import Ledger
from storage.tables import batch
from sync.record import Outcome
from sync.values import format_instant, instant_of_ms, parse_instant
from tests.cast import Cast
from tests.scheduling.worker_stage import Told, worker_of

DAY_MS = 86_400_000


async def test_a_doctors_change_reaches_patient_and_family_and_nobody_else(
    scene: Cast, database: Database, told: Told
) -> None:
    await scene.connect(scene.dara, "view+manage")
    await scene.connect(scene.maly, "alerts_only")
    made = await scene.treated()
    worker = worker_of(scene, database, told)
    await worker.work_once()
    assert "prescription_new" in told.of(scene.sokha)
    assert "prescription_new" not in told.of(scene.dara)
    assert "prescription_confirmed" in told.of(scene.lim)
    told.notices.clear()
    await scene.lim.phone.does(scene.version(
        scene.lim.phone, made.id, [scene.line(made.line_id, MORN=1)], replaces=made.version_id, urgent=True,
        reason="pressure too low"))
    await worker.work_once()
    assert told.of(scene.sokha) == told.of(scene.dara) == told.of(scene.maly) == ["prescription_urgent"]
    assert told.of(scene.vuthy) == told.of(scene.chan) == told.of(scene.lim) == []
    bodies = {notice.recipient: notice.body for notice in told.notices}
    assert "pressure too low" in bodies[scene.sokha.id]
    assert "pressure too low" not in bodies[scene.maly.id], "alerts only: nothing is named"
    rows = await scene.sokha.phone.sees("notification")
    assert {row["language"] for row in rows.values()} == {"km"}
    assert await scene.vuthy.phone.sees("notification") == {}


async def test_two_workers_tell_once_and_a_second_look_tells_nobody(
    scene: Cast, database: Database, told: Told
) -> None:
    """F-16, I-14: the same cause is told once, whoever claims it and however often."""
    await scene.treated()
    first, second = worker_of(scene, database, told), worker_of(scene, database, told, "two")
    await first.work_once()
    count = len(told.notices)
    assert count > 0
    assert not await second.work_once()
    assert not await first.work_once()
    assert len(told.notices) == count


async def test_a_worker_that_died_after_telling_leaves_nothing_to_tell_again(
    scene: Cast, database: Database, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I-02: the push was committed, the mark was not; the next worker's try writes nothing and pokes nobody."""
    await scene.treated()
    worker = worker_of(scene, database, told)

    async def died(*_: object) -> bool:
        raise ConnectionError("killed")

    with monkeypatch.context() as broken:
        broken.setattr("scheduling.worker.queue.finish", died)
        await worker.work_once()
    before = list(told.notices)
    scene.stage.now_ms += 61_000
    assert await worker_of(scene, database, told, "two").work_once()
    assert told.notices == before
    assert len(await scene.sokha.phone.sees("notification")) == sum(n.recipient == scene.sokha.id for n in before)


async def test_an_ongoing_therapy_has_doses_on_day_31_and_day_365(scene: Cast, database: Database, told: Told) -> None:
    """F-14, R-113: the horizon rolls on; ids stay, nothing doubles."""
    made = await scene.treated()
    worker = worker_of(scene, database, told)
    start = scene.stage.now_ms
    for day in (2, 31, 200, 365):
        scene.stage.now_ms = start + day * DAY_MS
        await worker.extend_horizons()
        due = [dose["due_at"] for dose in await made.doses()]
        today = format_instant(parse_instant(instant_of_ms(scene.stage.now_ms)) + timedelta(days=1))[:10]
        assert any(moment.startswith(today) for moment in due), day
        assert len(due) == len(set(due))


async def test_a_course_that_ended_turns_inactive(scene: Cast, database: Database, told: Told) -> None:
    """F-14: completed, by the worker, a day after its last dose at the latest."""
    await scene.connect(scene.lim, "allowed")
    prescription, version, line = (scene.stage.fresh() for _ in range(3))
    told_line = scene.line(line)
    told_line["plan"]["segments"][0]["days"] = 3
    phone = scene.lim.phone
    settled = await phone.push(scene.prescription(phone, prescription),
                               scene.version(phone, prescription, [told_line], id_=version))
    assert {r.outcome for r in settled.results} == {Outcome.APPLIED}
    await scene.sokha.phone.does(scene.answer(scene.sokha.phone, prescription, "confirm", version))
    worker = worker_of(scene, database, told)
    scene.stage.now_ms += 4 * DAY_MS
    await worker.extend_horizons()
    row = (await scene.sokha.phone.sees("prescription"))[prescription]
    assert (row["status"], row["status_reason"]) == ("inactive", "completed")
    assert await worker.extend_horizons() == 0


async def test_a_dispute_over_a_dose_is_told_once_to_the_circle(scene: Cast, database: Database, told: Told) -> None:
    """R-157: two takings at different times; both kept, the circle asked, the stranger not."""
    await scene.connect(scene.dara, "view+manage")
    made = await scene.treated()
    dose = (await made.doses())[0]
    worker = worker_of(scene, database, told)
    await worker.work_once()
    told.notices.clear()
    eight, half_past = "2026-11-21T08:00:00+07:00", "2026-11-21T08:30:00+07:00"
    await scene.sokha.phone.does(made.act(scene.sokha.phone, dose["id"], "taken", base=1, at=eight))
    await scene.dara.phone.does(made.act(scene.dara.phone, dose["id"], "taken", base=1, at=half_past))
    await worker.work_once()
    assert told.of(scene.sokha) == told.of(scene.dara) == ["dose_double"]
    await worker.work_once()
    assert told.of(scene.sokha) == ["dose_double"] and told.of(scene.vuthy) == []


async def test_answers_are_kept_for_30_days_and_changes_for_ever(scene: Cast, database: Database, told: Told) -> None:
    """R-195: after that a repeated batch is judged by its changes' ids, and still writes nothing."""
    made = await scene.treated()
    phone = scene.sokha.phone
    dose = (await made.doses())[0]
    change = made.act(phone, dose["id"], "taken", base=1)
    first = await phone.push(change, batch_id="11111111-1111-4111-8111-111111111111")
    assert isinstance(scene.stage.store, Ledger)
    scene.stage.now_ms += 31 * DAY_MS
    await clear_away(database, scene.stage.store, instant_of_ms(scene.stage.now_ms))
    async with database.reading() as reading:
        assert (await reading.execute(select(batch.c.batch_id))).all() == []
    again = await phone.push(change, batch_id="11111111-1111-4111-8111-111111111111")
    assert [(r.outcome, r.code, r.version) for r in again.results] == [
        (r.outcome, r.code, r.version) for r in first.results]
    assert again.heads == {} and not again.replayed
