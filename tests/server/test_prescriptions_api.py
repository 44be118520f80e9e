"""Prescriptions at the named endpoints: written whole, changed by versions, answered by the patient; both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.server.endpoint_stage import Town, line, opened_town, say, written


@pytest.fixture
async def town(database_url: str) -> AsyncIterator[Town]:
    async with opened_town(database_url) as town:
        yield town


async def due(town: Town, day: str) -> list[str]:
    """Local due times of Sokha's doses of one day."""
    doses = (await town.get(town.sokha, f"/doses/schedule?date={day}")).body["doses"]
    return [dose["due_at"][11:16] for dose in doses]


async def test_a_doctor_prescribes_and_the_patient_confirms(town: Town) -> None:
    await town.cast.connect(town.lim, "allowed")
    made = await written(town, town.lim, symptoms="headache", follow_up_date="2026-12-21")
    assert made.status == 201, made.body
    told = made.body
    assert (told["status"], told["author_role"], told["author_name"], told["symptoms"]) == (
        "draft", "doctor", "Lim", "headache")
    assert (told["proposed_version"], told["current"], told["proposed"]["lines"][0]["name"]) == (1, None, "Amlodipine")
    assert made.headers["Location"] == f"/api/prescriptions/{told['id']}"
    assert await due(town, "2026-11-22") == []  # no dose before confirmation
    said = await say(town, town.sokha, told["id"], "confirm")
    assert (said.status, said.body["status"], said.body["current_version"]) == (200, "active", 1)
    assert (said.body["current"]["id"], said.body["proposed"]) == (told["proposed"]["id"], None)
    assert await due(town, "2026-11-22") == ["07:00", "18:00"]
    read = await town.get(town.lim, f"/prescriptions/{told['id']}")
    assert read.body == said.body and read.headers["ETag"] == f'"{read.body["version"]}"'


async def test_R085_what_the_patient_writes_is_active_at_once(town: Town) -> None:
    made = await town.post(town.sokha, "/prescriptions", {"symptoms": "cough", "lines": [line(town, "Honey", NIGHT=1)]})
    assert (made.status, made.body["status"], made.body["author_role"]) == (201, "active", "patient")
    assert await due(town, "2026-11-21") == ["21:00"]


async def test_a_refused_version_leaves_no_empty_draft_behind(town: Town) -> None:
    before = await town.traces()
    broken = line(town)
    broken["plan"] = {"segments": [{"start": "2026-11-20", "time_rule": {"type": "slots", "doses": {}}}]}
    said = await town.post(town.sokha, "/prescriptions", {"lines": [line(town), broken]})
    assert (said.status, said.code) == (400, "invalid")
    assert all(field.startswith("lines.1.plan") for field in said.fields), said.fields
    assert await town.traces() == before
    assert (await town.get(town.sokha, "/prescriptions")).body == {"items": [], "next_cursor": None, "total": 0}
    for body, field in (({}, "lines"), ({"lines": []}, "lines"), ({"lines": [7]}, "lines.0"),
                        ({"lines": [line(town)], "status": "active"}, "status"),
                        ({"lines": [{**line(town), "form": "magic"}]}, "lines.0.form"),
                        ({"lines": [line(town)], "symptoms": 3}, "symptoms"),
                        ({"lines": [line(town)], "patient_id": "me"}, "patient_id")):
        said = await town.post(town.sokha, "/prescriptions", body)
        assert said.status == 400 and field in said.fields, (body, said.body)
    assert await town.traces() == before


async def test_one_key_makes_one_prescription(town: Town) -> None:
    key, body = town.stage.fresh("key"), {"lines": [line(town)]}
    made = [await town.post(town.sokha, "/prescriptions", body, Idempotency_Key=key) for _ in range(2)]
    assert [one.status for one in made] == [201, 201] and made[0].body["id"] == made[1].body["id"]
    assert (await town.get(town.sokha, "/prescriptions")).body["total"] == 1
    other = await town.post(town.sokha, "/prescriptions", {"lines": [line(town, "Other")]}, Idempotency_Key=key)
    assert other.status == 422


async def test_lists_are_newest_first_in_pages_with_a_status_filter(town: Town) -> None:
    ids = [(await town.post(town.sokha, "/prescriptions", {"lines": [line(town)]})).body["id"] for _ in range(5)]
    first = (await town.get(town.sokha, "/prescriptions?limit=3")).body
    rest = (await town.get(town.sokha, f"/prescriptions?limit=3&cursor={first['next_cursor']}")).body
    assert [one["id"] for one in (*first["items"], *rest["items"])] == ids[::-1]
    assert (first["total"], rest["total"], rest["next_cursor"]) == (5, 5, None)
    await say(town, town.sokha, ids[0], "stop")
    stopped = (await town.get(town.sokha, "/prescriptions?status=inactive")).body
    assert [one["id"] for one in stopped["items"]] == [ids[0]] and stopped["total"] == 1
    for query, field in (("status=done", "status"), ("limit=0", "limit"), ("cursor=%F0", "cursor")):
        said = await town.get(town.sokha, f"/prescriptions?{query}")
        assert said.status == 400 and field in said.fields


async def test_F09_confirming_at_15_00_makes_no_dose_of_the_morning_or_noon(town: Town) -> None:
    await town.cast.connect(town.lim, "allowed")
    made = await written(town, town.lim, lines=[line(town, MORN=1, NOON=1, EVE=1, NIGHT=1)])
    town.stage.at("2026-11-21T15:00:00+07:00")
    await say(town, town.sokha, made.body["id"], "confirm")
    assert await due(town, "2026-11-21") == ["18:00", "21:00"]


async def test_F08_confirm_and_resume_repeated_or_in_parallel_add_no_dose(town: Town) -> None:
    await town.cast.connect(town.lim, "allowed")
    id_ = (await written(town, town.lim)).body["id"]
    said = await asyncio.gather(*(say(town, town.sokha, id_, "confirm") for _ in range(4)))
    assert {one.status for one in said} == {200}
    assert await due(town, "2026-11-22") == ["07:00", "18:00"]
    doses = await town.sokha.phone.sees("dose_event")
    await say(town, town.sokha, id_, "pause")
    assert await due(town, "2026-11-22") == []
    said = await asyncio.gather(*(say(town, town.sokha, id_, "resume") for _ in range(4)))
    assert {(one.status, one.body["status"]) for one in said} == {(200, "active")}
    assert {row["id"] for row in (await town.sokha.phone.sees("dose_event")).values()} == set(doses)


async def test_R086_a_normal_change_waits_and_R198_a_stale_base_is_409_with_the_current_copy(town: Town) -> None:
    made = await town.cast.treated()
    path = f"/prescriptions/{made.id}"
    two = await town.put(town.lim, path, {"base_version": 1, "reason": "more", "note": "drink water",
                                          "lines": [{**line(town, MORN=3), "line_id": made.line_id}]})
    assert (two.status, two.body["latest_version"], two.body["current_version"], two.body["proposed_version"]) == (
        200, 2, 1, 2)
    assert (two.body["note"], two.body["proposed"]["reason"]) == ("drink water", "more")
    assert await due(town, "2026-11-22") == ["07:00", "18:00"]
    late = await town.put(town.lim, path, {"base_version": 1, "lines": [line(town, "Late")], "note": "late"})
    assert (late.status, late.code) == (409, "stale_base")
    assert late.body["error"]["current"]["number"] == 2
    assert ("prescription_version", "rejected", "stale_base") in await town.journal(town.lim)  # kept, R-200
    form = await town.put(town.lim, path, {"base_version": 1, "note": "late"})
    assert (form.status, form.body["error"]["current"]["latest_version"]) == (409, 2)
    assert (await town.get(town.lim, path)).body["note"] == "drink water"
    assert (await town.put(town.lim, path, {"lines": [line(town)]})).fields == {"base_version": "required"}
    unknown = await town.put(town.lim, path, {"base_version": 9, "lines": [line(town)]})
    assert (unknown.status, unknown.code) == (409, "stale_base")
    by_id = await town.ask(town.lim, "PATCH", path, {"base_version_id": two.body["latest_version_id"],
                                                     "lines": [{**line(town, MORN=4), "line_id": made.line_id}]})
    assert (by_id.status, by_id.body["latest_version"]) == (200, 3)
    said = await say(town, town.sokha, made.id, "acknowledge")
    assert (said.body["current_version"], said.body["proposed"]) == (3, None)
    assert await due(town, "2026-11-22") == ["07:00"]
    history = (await town.get(town.sokha, path + "/versions")).body
    assert [one["number"] for one in history["items"]] == [3, 2, 1] and history["total"] == 3


async def test_F06_the_tenth_edit_works_like_the_first_and_leaves_every_event_in_place(town: Town) -> None:
    made = await town.cast.prescribed(town.sokha.phone)
    town.stage.at("2026-11-21T18:00:00+07:00")
    dose = next(dose for dose in await made.doses() if dose["due_at"] == "2026-11-21T11:00:00+00:00")
    taken = await town.post(town.sokha, "/doses/taken", {"dose_id": dose["id"]})
    for number in range(1, 11):
        said = await town.put(town.sokha, f"/prescriptions/{made.id}", {
            "base_version": number, "lines": [{**line(town, MORN=number, EVE=2), "line_id": made.line_id}]})
        assert (said.status, said.body["current_version"]) == (200, number + 1)
    day = (await town.get(town.sokha, "/doses/schedule?date=2026-11-21")).body
    assert [(one["id"], one["status"]) for one in day["doses"]] == [(taken.body["dose"]["id"], "taken")]
    tomorrow = (await town.get(town.sokha, "/doses/schedule?date=2026-11-22")).body["doses"]
    assert [one["amount_due"] for one in tomorrow] == ["10", "2"]


async def test_F07_R087_an_urgent_change_rebuilds_the_schedule_needs_a_reason_and_the_level(town: Town) -> None:
    made = await town.cast.treated("allowed")
    path, new = f"/prescriptions/{made.id}", [{**line(town, NOON=1), "line_id": made.line_id}]
    bare = await town.put(town.lim, path, {"base_version": 1, "urgent": True, "lines": new})
    assert (bare.status, bare.fields) == (400, {"reason": "reason.required"})
    said = await town.put(town.lim, path, {"base_version": 1, "urgent": True, "reason": "bleeding", "lines": new})
    assert (said.status, said.body["current_version"], said.body["urgent_reason"]) == (200, 2, "bleeding")
    assert await due(town, "2026-11-22") == ["12:00"]
    level = {"level": "selected", "parts": [made.id]}
    link = (await town.get(town.sokha, "/connections")).body["items"][0]["id"]
    assert (await town.put(town.sokha, f"/connections/{link}/level", level)).status == 200
    refused = await town.put(town.lim, path, {"base_version": 2, "urgent": True, "reason": "again", "lines": new})
    assert (refused.status, refused.code, refused.body["error"]["level"]) == (403, "level_required", "allowed")
    assert ("prescription_version", "rejected", "forbidden") in await town.journal(town.lim)  # audited
    assert (await town.get(town.lim, path)).body["latest_version"] == 2


async def test_R080_wrong_moves_are_409_and_say_how_it_stands(town: Town) -> None:
    await town.cast.connect(town.lim, "allowed")
    id_ = (await written(town, town.lim)).body["id"]
    pause = await say(town, town.sokha, id_, "pause")
    assert (pause.status, pause.code, pause.body["error"]["current"]["status"]) == (409, "wrong_status", "draft")
    assert (await say(town, town.sokha, id_, "revise")).fields == {"reason": "reason.required"}
    revise = await say(town, town.sokha, id_, "revise", reason="too many tablets")
    assert (revise.status, revise.body["proposed"]) == (200, None)
    assert (await say(town, town.sokha, id_, "confirm")).code == "wrong_status"
    two = await town.put(town.lim, f"/prescriptions/{id_}", {"base_version": 1, "lines": [line(town, MORN=1)]})
    old = await say(town, town.sokha, id_, "confirm", version_id=town.stage.fresh("old"))
    assert (old.status, old.code) == (409, "wrong_status")
    assert two.body["proposed_version"] == 2
    for status in ("active", "paused", "active"):  # confirms, pauses, resumes
        said = await town.put(town.sokha, f"/prescriptions/{id_}/status", {"status": status})
        assert (said.body["status"], said.body["current_version"]) == (status, 2)
    for _ in range(2):
        stopped = await say(town, town.sokha, id_, "stop", reason="done")
        assert (stopped.status, stopped.body["status"], stopped.body["status_reason"]) == (200, "inactive", "stopped")
    assert (await say(town, town.sokha, id_, "resume")).status == 409
    for body in ({}, {"action": "eat"}, {"action": "stop", "status": "active"}):
        assert (await town.put(town.sokha, f"/prescriptions/{id_}/status", body)).status == 400
