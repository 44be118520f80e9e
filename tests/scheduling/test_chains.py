"""A dose that follows another is re-timed when that one is reported, early, late or taken back (K01 to K06, R-112)."""

from __future__ import annotations

from typing import Any

from storage.database import Database
from sync.record import Outcome
from sync.values import format_instant, parse_instant
from tests.cast import Cast, Treatment
from tests.scheduling.worker_stage import Told, worker_of

SEGMENT = {"start": "2026-11-22", "time_rule": {"type": "times", "times": ["08:00"]}, "dose": 1,
           "following": [{"type": "after_previous", "delay_min": 240}, {"type": "after_previous", "delay_min": 240}]}


async def chain(scene: Cast) -> Treatment:
    phone, made = scene.sokha.phone, Treatment(scene, scene.stage.fresh(), scene.stage.fresh(), scene.stage.fresh())
    line = {**scene.line(made.line_id), "plan": {"segments": [SEGMENT]}}
    settled = await phone.push(scene.prescription(phone, made.id),
                               scene.version(phone, made.id, [line], id_=made.version_id))
    assert {r.outcome for r in settled.results} == {Outcome.APPLIED}, settled.results
    return made


async def first_day(made: Treatment) -> list[dict[str, Any]]:
    doses = sorted(await made.doses(), key=lambda dose: dose["slot_key"])
    return [dose for dose in doses if dose["nominal_date"] == "2026-11-22"]


def clocks(doses: list[dict[str, Any]]) -> list[str]:
    return [format_instant(parse_instant(dose["due_at"]))[11:16] for dose in doses]


async def test_a_late_dose_moves_those_that_follow_it_and_an_undo_moves_them_back(
    scene: Cast, database: Database, told: Told
) -> None:
    made, worker, phone = await chain(scene), worker_of(scene, database, told), scene.sokha.phone
    await worker.work_once()
    planned = await first_day(made)
    assert clocks(planned) == ["01:00", "05:00", "09:00"], "08:00, 12:00, 16:00 in Phnom Penh"
    scene.stage.at("2026-11-22T08:25:00+07:00")
    await phone.does(made.act(phone, planned[0]["id"], "taken", base=1, at="2026-11-22T08:20:00+07:00"))
    await worker.work_once()
    after = await first_day(made)
    assert clocks(after) == ["01:00", "05:20", "09:20"]
    assert [dose["id"] for dose in after] == [dose["id"] for dose in planned]
    scene.stage.at("2026-11-22T08:26:00+07:00")
    await phone.does(made.act(phone, planned[0]["id"], "undone", base=after[0]["version"]))
    await worker.work_once()
    assert clocks(await first_day(made)) == ["01:00", "05:00", "09:00"]


async def test_a_dose_taken_after_its_follower_was_due_still_moves_it(
    scene: Cast, database: Database, told: Told
) -> None:
    """At 13:00 the 12:00 dose looks overdue; the first was taken at 12:50, so the second is due at 16:50."""
    made, worker, phone = await chain(scene), worker_of(scene, database, told), scene.sokha.phone
    await worker.work_once()
    planned = await first_day(made)
    scene.stage.at("2026-11-22T13:00:00+07:00")
    await phone.does(made.act(phone, planned[0]["id"], "taken", base=1, at="2026-11-22T12:50:00+07:00"))
    await worker.work_once()
    assert clocks(await first_day(made)) == ["01:00", "09:50", "13:50"]


async def test_what_was_said_of_a_follower_stays(scene: Cast, database: Database, told: Told) -> None:
    """R-116: the second was recorded before the first was corrected; its row keeps its time."""
    made, worker, phone = await chain(scene), worker_of(scene, database, told), scene.sokha.phone
    await worker.work_once()
    planned = await first_day(made)
    scene.stage.at("2026-11-22T12:30:00+07:00")
    await phone.does(made.act(phone, planned[1]["id"], "taken", base=1, at="2026-11-22T12:05:00+07:00"))
    await phone.does(made.act(phone, planned[0]["id"], "taken", base=1, at="2026-11-22T08:30:00+07:00"))
    await worker.work_once()
    assert clocks(await first_day(made)) == ["01:00", "05:00", "09:05"]


async def test_a_follower_is_re_timed_though_the_report_comes_after_both_its_times(
    scene: Cast, database: Database, told: Told
) -> None:
    """F-01: the phone was offline; 08:00 was taken at 09:00 and told at 20:00, so 12:00 was due at 13:00."""
    made, worker, phone = await chain(scene), worker_of(scene, database, told), scene.sokha.phone
    await worker.work_once()
    planned = await first_day(made)
    scene.stage.at("2026-11-22T20:00:00+07:00")
    await phone.does(made.act(phone, planned[0]["id"], "taken", base=1, at="2026-11-22T09:00:00+07:00"))
    await worker.work_once()
    assert clocks(await first_day(made)) == ["01:00", "06:00", "10:00"]


async def test_r114_nothing_follows_a_dose_that_was_never_planned(
    scene: Cast, database: Database, told: Told
) -> None:
    """Written at 09:00 of the day: 08:00 is not due any more, and so neither are 12:00 and 16:00."""
    scene.stage.at("2026-11-22T09:00:00+07:00")
    made, worker = await chain(scene), worker_of(scene, database, told)
    await worker.work_once()
    assert await first_day(made) == []
