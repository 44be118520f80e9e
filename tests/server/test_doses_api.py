"""Doses at the named endpoints: taken, skipped, taken back, one or several, by whom; on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sync.identity import dose_id
from tests.cast import Person, Treatment
from tests.server.endpoint_stage import Town, opened_town

TODAY = "2026-11-21"


@pytest.fixture
async def town(database_url: str) -> AsyncIterator[Town]:
    async with opened_town(database_url) as town:
        yield town


async def evening_dose(made: Treatment) -> dict[str, Any]:
    return next(dose for dose in await made.doses() if dose["nominal_date"] == TODAY and dose["slot"] == "EVE")


async def test_a_dose_is_taken_and_told_with_its_status_and_timing(town: Town) -> None:
    made = await town.cast.treated()
    dose = await evening_dose(made)
    town.stage.at("2026-11-21T18:05:00+07:00")
    said = await town.post(town.sokha, "/doses/taken", {"dose_id": dose["id"], "amount": 2, "note": "with rice"})
    assert said.status == 200, said.body
    told = said.body["dose"]
    assert (said.body["outcome"], told["status"], told["timing"]) == ("applied", "taken", "on_time")
    assert told["at"] == "2026-11-21T18:05:00.001000+07:00"
    assert (told["amount"], told["note"], told["recorded_by"]) == ("2", "with rice", town.sokha.id)
    assert told["version"] == dose["version"] + 1


async def test_F05_31_minutes_early_and_121_minutes_late_are_taken_with_their_timing_never_missed(town: Town) -> None:
    made = await town.cast.treated()
    dose = await evening_dose(made)
    town.stage.at("2026-11-22T12:00:00+07:00")
    for at, timing in (("2026-11-21T17:29:00+07:00", "on_time"), ("2026-11-21T15:59:00+07:00", "early"),
                       ("2026-11-21T20:01:00+07:00", "late"), ("2026-11-22T11:00:00+07:00", "very_late")):
        said = await town.post(town.sokha, "/doses/taken", {"dose_id": dose["id"], "at": at})
        assert (said.body["dose"]["status"], said.body["dose"]["timing"]) == ("taken", timing), at
    assert said.body["dose"]["retroactive"] is True


async def test_F04_a_time_without_offset_is_refused_and_nothing_is_recorded(town: Town) -> None:
    made = await town.cast.treated()
    dose = await evening_dose(made)
    before = await town.traces()
    said = await town.post(town.sokha, "/doses/taken", {"dose_id": dose["id"], "at": "2026-11-21T18:00:00"})
    assert (said.status, said.fields) == (400, {"at": "time.offset_required"})
    assert await town.traces() == before


async def test_R153_skipping_needs_a_reason_and_R154_undo_gives_the_dose_back_to_the_clock(town: Town) -> None:
    made = await town.cast.treated()
    dose = await evening_dose(made)
    bare = await town.post(town.sokha, "/doses/skip", {"dose_id": dose["id"]})
    assert (bare.status, bare.fields) == (400, {"reason": "reason.required"})
    odd = await town.post(town.sokha, "/doses/skip", {"dose_id": dose["id"], "reason": "tired"})
    assert odd.status == 400 and "reason" in odd.fields
    skipped = await town.post(town.sokha, "/doses/skip", {"dose_id": dose["id"], "reason": "side_effects"})
    assert (skipped.body["dose"]["status"], skipped.body["dose"]["reason"]) == ("skipped", "side_effects")
    undone = await town.post(town.sokha, "/doses/undo", {"dose_id": dose["id"]})
    assert (undone.body["dose"]["status"], undone.body["dose"]["action"]) == ("scheduled", None)


async def test_R158_take_all_records_each_dose_at_one_time_or_none(town: Town) -> None:
    one, two = await town.cast.treated(), await town.cast.prescribed(town.sokha.phone)
    ids = [(await evening_dose(made))["id"] for made in (one, two)]
    at = "2026-11-21T18:10:00+07:00"
    town.stage.at("2026-11-21T18:20:00+07:00")
    before = await town.traces()
    foreign = await town.post(town.sokha, "/doses/taken", {"dose_ids": [*ids, town.vuthy.id], "at": at})
    assert foreign.status == 404 and await town.traces() == before
    said = await town.post(town.sokha, "/doses/taken", {"dose_ids": ids, "at": at})
    assert [(item["dose"]["id"], item["dose"]["at"], item["dose"]["status"]) for item in said.body["items"]] == [
        (id_, at, "taken") for id_ in ids]


async def test_N04_a_dose_is_named_by_line_date_slot_and_occurrence(town: Town) -> None:
    made = await town.cast.treated()
    named = {"line_id": made.line_id, "nominal_date": TODAY, "slot_key": "0:EVE", "occurrence": 0}
    said = await town.post(town.sokha, "/doses/taken", named)
    assert (said.status, said.body["dose"]["id"]) == (200, dose_id(made.line_id, TODAY, "0:EVE"))
    assert said.body["dose"]["amount_due"] == "2"


async def test_F18_an_intake_that_no_plan_yields_is_kept_never_missed_and_counts_nowhere(town: Town) -> None:
    made = await town.cast.treated()
    named = {"line_id": made.line_id, "nominal_date": TODAY, "slot_key": "prn", "occurrence": 3}
    said = await town.post(town.sokha, "/doses/taken", {**named, "at": "2026-11-21T03:00:00+07:00"})
    assert said.status == 200, said.body
    assert (said.body["dose"]["planned"], said.body["dose"]["status"], said.body["dose"]["timing"]) == (
        False, "taken", None)
    day = (await town.get(town.sokha, f"/doses/schedule?date={TODAY}")).body
    assert said.body["dose"]["id"] in [dose["id"] for dose in day["doses"]]
    assert day["progress"]["taken"] == 0
    await town.post(town.sokha, "/doses/undo", {"dose_id": said.body["dose"]["id"]})
    town.stage.at("2026-11-23T12:00:00+07:00")
    assert said.body["dose"]["id"] not in [
        dose["id"] for dose in (await town.get(town.sokha, f"/doses/schedule?date={TODAY}")).body["doses"]]


async def test_a_dose_is_named_in_exactly_one_way(town: Town) -> None:
    id_ = town.vuthy.id
    for body, field in (({}, "dose_id"), ({"dose_id": id_, "dose_ids": [id_]}, "dose_ids"), ({"line_id": id_},
                        "slot_key"), ({"dose_ids": []}, "dose_ids"), ({"dose_id": "x"}, "dose_id"),
                        ({"dose_id": id_, "status": "taken"}, "status")):
        said = await town.post(town.sokha, "/doses/taken", body)
        assert said.status == 400 and field in said.fields, (body, said.body)


async def test_R091_doctors_never_record_and_relatives_need_view_manage(town: Town) -> None:
    made = await town.cast.treated("allowed")
    await town.cast.connect(town.dara, "view")
    dose, before = await evening_dose(made), await town.traces()
    for path, body in (("taken", {}), ("skip", {"reason": "other"}), ("undo", {})):
        doctor = await town.post(town.lim, f"/doses/{path}", {"dose_id": dose["id"], **body})
        assert (doctor.status, doctor.code) == (403, "forbidden")
        brother = await town.post(town.dara, f"/doses/{path}", {"dose_id": dose["id"], **body})
        assert (brother.status, brother.code, brother.body["error"]["level"]) == (403, "level_required", "view+manage")
    assert await town.traces() == before
    assert ("dose_event", "rejected", "forbidden") not in await town.journal(town.sokha)


async def test_a_caregiver_who_manages_records_for_her(town: Town) -> None:
    made = await town.cast.treated()
    await town.cast.connect(town.dara, "view+manage")
    dose = await evening_dose(made)
    said = await town.post(town.dara, "/doses/taken", {"dose_id": dose["id"]})
    assert (said.status, said.body["dose"]["recorded_by"]) == (200, town.dara.id)
    # a request sent twice under one key is one deed
    key = town.stage.fresh("key")
    first = await town.post(town.dara, "/doses/undo", {"dose_id": dose["id"]}, Idempotency_Key=key)
    again = await town.post(town.dara, "/doses/undo", {"dose_id": dose["id"]}, Idempotency_Key=key)
    assert first.status == again.status == 200
    assert first.body["dose"]["version"] == again.body["dose"]["version"]


@pytest.mark.parametrize("who", ["vuthy", "chan", "maly"])
async def test_F24_foreign_dose_ids_read_and_change_nothing(town: Town, who: str) -> None:
    made = await town.cast.treated()
    await town.cast.connect(town.maly, "alerts_only")
    person: Person = getattr(town, who)
    dose, before = await evening_dose(made), await town.traces()
    named = {"patient_id": town.sokha.id, "line_id": made.line_id, "nominal_date": TODAY, "slot_key": "0:EVE"}
    for path, more in (("taken", {}), ("skip", {"reason": "other"}), ("undo", {})):
        for body in ({"dose_id": dose["id"]}, {"dose_ids": [dose["id"]]}, named, {**named, "patient_id": person.id}):
            said = await town.post(person, f"/doses/{path}", {**body, **more})
            assert (said.status, said.code) == (404, "not_found"), (path, body)
    unknown = await town.post(person, "/doses/taken", {"dose_id": town.stage.fresh("nobody's")})
    assert unknown.status == 404
    assert await town.traces() == before
    assert (await evening_dose(made))["action"] is None
