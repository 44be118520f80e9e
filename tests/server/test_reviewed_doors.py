"""Doors that a review found open or jammed: forms that half stood, ids of two patients, a guardian asking."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.api import prescriptions
from server.call import Call
from server.records import Record
from sync.record import Op, Outcome
from tests.server.endpoint_stage import Town, line, opened_town, written

CHILD = "0190f3a1-0000-7000-8000-0000000000aa"


@pytest.fixture
async def town(database_url: str) -> AsyncIterator[Town]:
    async with opened_town(database_url) as town:
        yield town


async def test_R198_a_409_for_the_form_leaves_the_version_unwritten(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Form and version stand together: the version of a form that lost a race was applied behind the caller's back."""
    made = await town.cast.treated("allowed")
    path, base_of, lim = f"/prescriptions/{made.id}", prescriptions._base, town.lim.second

    async def raced(call: Call, found: Record) -> str | None:
        edit = lim.change("prescription", made.id, (town.sokha.patient_scope,), {"note": "first"}, op=Op.PATCH,
                          base=found.row.version)
        assert (await lim.does(edit)).outcome is Outcome.APPLIED
        return await base_of(call, found)

    body: dict[str, Any] = {"base_version": 1, "note": "late", "urgent": True, "reason": "bleeding",
                            "lines": [{**line(town, NOON=9), "line_id": made.line_id}]}
    with monkeypatch.context() as race:
        race.setattr(prescriptions, "_base", raced)
        said = await town.put(town.lim, path, body)
    assert (said.status, said.code) == (409, "stale_base")
    now = (await town.get(town.lim, path)).body
    assert (now["note"], now["latest_version"], now["current_version"]) == ("first", 1, 1)
    assert {dose["slot"] for dose in await made.doses()} == {"MORN", "EVE"}
    again = await town.put(town.lim, path, body)
    assert (again.status, again.body["note"], again.body["current_version"]) == (200, "late", 2)


async def test_S33_an_id_that_two_patients_rows_bear_is_409_and_nobodys_row_is_shown(town: Town) -> None:
    """Vuthy gives his own prescription the id of Sokha's; their doctor must not be shown the wrong patient's."""
    await town.cast.connect(town.lim, "allowed")
    made = (await written(town, town.lim)).body["id"]
    asked = await town.post(town.vuthy, "/connections/request", {"user_id": town.lim.id, "level": "allowed"})
    assert (await town.put(town.lim, f"/connections/{asked.body['id']}/accept")).status == 200
    before = await town.get(town.lim, f"/prescriptions/{made}")
    assert (before.status, before.body["patient_id"]) == (200, town.sokha.id)
    vuthy = town.vuthy.phone
    shadow = vuthy.change("prescription", made, (town.vuthy.patient_scope,),
                          {"patient_id": town.vuthy.id, "diagnosis": "shadow"})
    assert (await vuthy.does(shadow)).outcome is Outcome.APPLIED
    for path in (f"/prescriptions/{made}", f"/records/prescription/{made}"):
        said = await town.get(town.lim, path)
        assert (said.status, said.code) == (409, "conflict"), path
    stop = await town.put(town.lim, f"/prescriptions/{made}/status", {"action": "stop"})
    assert (stop.status, stop.code) == (409, "conflict")
    assert (await town.get(town.sokha, f"/prescriptions/{made}")).body["diagnosis"] == "hypertension"
    assert (await town.get(town.vuthy, f"/prescriptions/{made}")).body["diagnosis"] == "shadow"


async def test_R031_a_guardian_asks_for_a_child_by_naming_somebody_else(town: Town) -> None:
    dara = town.dara.phone
    await dara.does(dara.change("patient", CHILD, (f"patient:{CHILD}",), {"first_name": "Kiri"}))
    nobody = await town.post(town.dara, "/connections/request", {"patient_id": CHILD})
    assert (nobody.status, nobody.fields) == (400, {"user_id": "required"})
    own = await town.post(town.dara, "/connections/request", {"patient_id": CHILD, "user_id": town.dara.id})
    assert (own.status, own.fields) == (400, {"other_id": "not_allowed"})
    assert (await town.get(town.dara, f"/records/patient/{CHILD}")).body["first_name"] == "Kiri"
    doctor = await town.post(town.dara, "/connections/request", {"patient_id": CHILD, "user_id": town.lim.id})
    assert (doctor.status, doctor.body["patient_name"], doctor.body["other_name"]) == (201, "Kiri", None)
    assert (await town.get(town.vuthy, f"/records/patient/{CHILD}")).status == 404


async def test_S30_the_asker_learns_no_name_from_the_answer_to_a_request(town: Town) -> None:
    said = await town.post(town.vuthy, "/connections/request", {"user_id": town.lim.id})
    assert (said.status, said.body["other_name"], said.body["patient_name"]) == (201, None, "Vuthy")
    assert "Lim" not in str(said.body)
    accepted = await town.put(town.lim, f"/connections/{said.body['id']}/accept")
    assert (accepted.body["other_name"], accepted.body["patient_name"]) == ("Lim", "Vuthy")
