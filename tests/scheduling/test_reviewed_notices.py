"""Notices that a review found lost, sent to the wrong people or never written (R-031, R-050, F-16, F-26, S-30)."""

from __future__ import annotations

import pytest

from scheduling.reactions import Notice
from storage.database import Database
from sync.identity import connection_id
from sync.record import Change, Outcome
from tests.cast import Cast, Phone
from tests.scheduling.worker_stage import Told, worker_of

CHILD = "0190f3a1-0000-7000-8000-0000000000aa"


async def test_R031_a_guardian_hears_of_requests_for_a_dependant_and_of_their_end(
    scene: Cast, database: Database, told: Told
) -> None:
    """A dependant reads nothing: the notices went to a scope that does not exist, and nobody ever answered."""
    dara, lim, home = scene.dara.phone, scene.lim.phone, f"patient:{CHILD}"
    await dara.does(dara.change("patient", CHILD, (home,), {"first_name": "Kiri"}))

    def link(phone: Phone, base: int, **fields: object) -> Change:
        ends = {"patient_id": CHILD, "other_id": scene.lim.id}
        return phone.change("connection", connection_id(CHILD, scene.lim.id), (home, scene.lim.scope),
                            {**ends, **fields}, base=base)

    worker = worker_of(scene, database, told)
    heard = {"pending": (["connection_request"], []), "accepted": ([], ["connection_accepted"]),
             "revoked": (["connection_revoked"], [])}
    for base, (status, phone) in enumerate((("pending", lim), ("accepted", dara), ("revoked", lim))):
        assert (await phone.does(link(phone, base, status=status))).outcome is Outcome.APPLIED
        await worker.work_once()
        assert (told.of(scene.dara), told.of(scene.lim)) == heard[status], status
        assert all("Lim" in n.body if n.recipient == scene.dara.id else "Kiri" in n.body for n in told.notices)
        told.notices.clear()
    assert {row["notice"] for row in (await dara.sees("notification")).values()} == {
        "connection_request", "connection_revoked"}


async def test_S30_a_declined_request_tells_no_name_and_whoever_answers_is_not_told(
    scene: Cast, database: Database, told: Told
) -> None:
    """Whom a notice goes to follows from the request, not from who touched the row last."""
    vuthy, sokha = scene.vuthy.phone, scene.sokha.phone
    asked = await vuthy.does(scene.link(scene.vuthy, vuthy, status="pending"))
    await sokha.does(scene.link(scene.vuthy, sokha, asked.version, alerts_enabled=False))
    worker = worker_of(scene, database, told)
    await worker.work_once()
    assert (told.of(scene.sokha), told.of(scene.vuthy)) == (["connection_request"], [])
    again = await vuthy.does(scene.link(scene.vuthy, vuthy, 9, status="pending"))
    await worker.work_once()
    assert told.of(scene.sokha) == ["connection_request"], "asking again rings no second time"
    await sokha.does(scene.link(scene.vuthy, sokha, again.version, status="declined"))
    await worker.work_once()
    assert told.of(scene.vuthy) == ["connection_revoked"] and told.of(scene.sokha) == ["connection_request"]
    assert "Sokha" not in "".join(notice.body for notice in told.notices if notice.recipient == scene.vuthy.id)


async def test_F26_a_doctor_hears_no_answer_on_what_is_not_shown_to_them_any_more(
    scene: Cast, database: Database, told: Told
) -> None:
    shown, hidden = await scene.treated(), await scene.prescribed(scene.lim.phone)
    worker, sokha = worker_of(scene, database, told), scene.sokha.phone
    link = next(row for row in (await sokha.sees("connection")).values() if row["other_id"] == scene.lim.id)
    await sokha.does(scene.link(scene.lim, sokha, link["version"], level="selected", parts=[shown.id]))
    await worker.work_once()
    told.notices.clear()
    await sokha.does(scene.answer(sokha, hidden.id, "confirm", hidden.version_id))
    await worker.work_once()
    assert told.of(scene.lim) == []
    await sokha.does(scene.answer(sokha, shown.id, "pause"))
    await worker.work_once()
    assert told.of(scene.lim) == ["prescription_paused"]


async def test_more_notices_than_fit_one_push_all_arrive_and_once(
    scene: Cast, database: Database, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch of many changes with a wide circle had more notices than a push takes, and failed for ever (F-16)."""
    monkeypatch.setattr("scheduling.worker.MAX_CHANGES", 2)
    worker = worker_of(scene, database, told)
    sokha = scene.sokha.id
    said = [Notice(sokha, "SYSTEM", f"told_{n}", "cause", "t", "b", "km", sokha, ("patient", sokha)) for n in range(5)]
    for _ in range(2):
        await worker.tell(said)
        assert told.of(scene.sokha) == [notice.notice for notice in said]
    assert len(await scene.sokha.phone.sees("notification")) == 5
