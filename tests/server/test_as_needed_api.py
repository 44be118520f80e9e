"""Medicines taken when needed at their door: may one more be taken, and intakes that are warned of, never refused.

Both databases; every device's intakes count, whoever asks sees what the day's schedule shows them (R-118, N-08, F-18).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import jsonschema
import pytest

from server.api.as_needed_bodies import ALLOWANCE, NOTED
from sync.identity import dose_id, uuid7
from sync.record import Outcome
from tests.cast import Person, Treatment
from tests.server.endpoint_stage import Reply, Town, opened_town

TODAY = "2026-11-21"
SIX_HOURS = {"min_interval_min": 360, "max_count_24h": 4}


@pytest.fixture
async def town(database_url: str) -> AsyncIterator[Town]:
    async with opened_town(database_url) as town:
        yield town


async def needed(town: Town, by: Person | None = None, name: str = "Paracetamol", **more: Any) -> Treatment:
    """A prescription with one line taken as needed: Sokha's own, in force at once, or a doctor's that she confirms."""
    cast, stage = town.cast, town.stage
    made = Treatment(cast, stage.fresh(), stage.fresh(), stage.fresh())
    phone = (by or town.sokha).phone
    line = {**cast.line(made.line_id, name), "plan": None, "as_needed": SIX_HOURS, **more}
    settled = await phone.push(cast.prescription(phone, made.id),
                               cast.version(phone, made.id, [line], id_=made.version_id))
    assert [result.outcome for result in settled.results] == [Outcome.APPLIED] * 2, settled.results
    if by is not None:
        sokhas = town.sokha.phone
        assert (await sokhas.does(cast.answer(sokhas, made.id, "confirm", made.version_id))).outcome is Outcome.APPLIED
    return made


async def take(town: Town, made: Treatment, person: Person | None = None, **more: Any) -> dict[str, Any]:
    said = await town.post(person or town.sokha, "/doses/as-needed", {"line_id": made.line_id, **more})
    assert said.status == 200, said.body
    jsonschema.validate(said.body, NOTED)
    return dict(said.body)


async def ask(town: Town, made: Treatment, person: Person | None = None, query: str = "") -> Reply:
    return await town.get(person or town.sokha, f"/doses/as-needed?line_id={made.line_id}{query}")


def codes(told: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in told["reasons"]]


async def test_R118_the_allowance_tells_now_reasons_in_both_languages_and_the_next_moment(town: Town) -> None:
    made = await needed(town)
    free = (await ask(town, made)).body
    jsonschema.validate(free, ALLOWANCE)
    assert (free["allowed"], free["reasons"], free["last_taken_at"], free["amount"]) == (True, [], None, "1")
    assert free["next_allowed_at"] == free["now"] and free["now"].endswith("+07:00")
    await take(town, made, at="2026-11-21T08:00:00+07:00")
    town.stage.at("2026-11-21T13:59:00+07:00")
    early = (await ask(town, made)).body
    jsonschema.validate(early, ALLOWANCE)
    assert (early["allowed"], codes(early), early["next_allowed_at"], early["last_taken_at"]) == (
        False, ["min_interval"], "2026-11-21T14:00:00+07:00", "2026-11-21T08:00:00+07:00")
    (reason,) = early["reasons"]
    assert reason["message"] == reason["message_en"] != reason["message_km"]
    assert "ថ្នាំ" in reason["message_km"]
    assert early["limits"] == {**SIX_HOURS, "max_amount_24h": None, "max_count_calendar_day": None}
    town.stage.at("2026-11-21T13:59:59.999+07:00")  # the request itself is a millisecond later
    assert (await ask(town, made)).body["allowed"] is True, "exactly at the interval"


async def test_R118_too_early_is_recorded_with_a_warning_and_never_refused(town: Town) -> None:
    made = await needed(town, as_needed={"min_interval_min": 360, "max_count_24h": 2})
    assert (await take(town, made, at="2026-11-21T01:00:00+07:00"))["warning"] is None
    second = await take(town, made, at="2026-11-21T07:00:00+07:00")
    assert (second["warning"], second["dose"]["status"]) == (None, "taken"), "exactly six hours later"
    third = await take(town, made, note="headache")
    assert (third["outcome"], third["dose"]["status"], third["dose"]["note"]) == ("applied", "taken", "headache")
    assert codes(third["warning"]) == ["min_interval", "max_count_24h"]
    assert third["warning"]["next_allowed_at"] == "2026-11-22T01:00:00+07:00"
    assert len(await made.doses()) == 3
    after = (await ask(town, made)).body
    assert (codes(after), after["last_taken_at"]) == (["min_interval", "max_count_24h"], third["dose"]["at"])
    assert after["next_allowed_at"] == "2026-11-22T07:00:00+07:00", "01:00 is too old to count then, 07:00 too"


async def test_F18_an_intake_is_no_planned_dose_is_never_missed_and_counts_in_no_progress(town: Town) -> None:
    made = await needed(town)
    told = (await take(town, made, amount=2))["dose"]
    assert (told["planned"], told["timing"], told["windows"], told["amount"]) == (False, None, None, "2")
    assert (told["nominal_date"], told["due_at"]) == (TODAY, told["at"])
    day = (await town.get(town.sokha, f"/doses/schedule?date={TODAY}")).body
    assert ([dose["id"] for dose in day["doses"]], day["progress"]) == ([told["id"]], {"taken": 0, "planned": 0})
    undone = await town.post(town.sokha, "/doses/undo", {"dose_id": told["id"]})
    assert undone.body["dose"]["action"] is None
    assert (await ask(town, made)).body["allowed"] is True, "what was taken back was not taken"
    town.stage.at("2026-11-24T12:00:00+07:00")
    assert (await town.get(town.sokha, f"/doses/schedule?date={TODAY}")).body["doses"] == []


async def test_N08_intakes_of_every_device_and_of_offline_phones_count(town: Town) -> None:
    made = await needed(town)
    phone, second = town.sokha.phone, town.sokha.second
    for hour, device in ((2, phone), (8, second)):
        at, intake = f"2026-11-21T0{hour}:00:00+07:00", uuid7(town.stage.now_ms, hour << 40)
        told = {"patient_id": town.sokha.id, "line_id": made.line_id, "nominal_date": TODAY, "slot_key": intake,
                "action": "taken", "at": at}
        id_ = dose_id(made.line_id, TODAY, intake)
        assert (await device.does(device.change("dose_event", id_, (town.sokha.patient_scope,), told))
                ).outcome is Outcome.APPLIED
    body = (await ask(town, made)).body
    assert (codes(body), body["next_allowed_at"]) == (["min_interval"], "2026-11-21T14:00:00+07:00")


async def test_N08_planned_and_other_lines_of_one_ingredient_count_too(town: Town) -> None:
    made = await needed(town, name="Panadol", atc="N02BE01", strength="500 mg",
                        as_needed={"min_interval_min": 240, "max_amount_24h": "2"})
    other = await needed(town, name="Efferalgan", atc="N02BE01", strength="1 g")
    planned = await town.cast.prescribed(town.sokha.phone, EVE=1)  # Amlodipine, which is nobody's paracetamol
    named = {"line_id": planned.line_id, "nominal_date": TODAY, "slot_key": "0:EVE"}
    assert (await town.post(town.sokha, "/doses/taken", {**named, "at": "2026-11-21T08:00:00+07:00"})).status == 200
    assert (await ask(town, made)).body["allowed"] is True
    await take(town, other, at="2026-11-21T07:00:00+07:00")
    body = (await ask(town, made)).body
    assert (codes(body), body["next_allowed_at"]) == (["min_interval"], "2026-11-21T11:00:00+07:00")
    town.stage.at("2026-11-21T11:00:00+07:00")
    two = (await ask(town, made, query="&amount=2")).body
    assert two["allowed"] is True, "a gram tablet is no amount in tablets of 500 mg"
    assert codes((await ask(town, made, query="&amount=2.5")).body) == ["dose_exceeds_limit"]


async def test_N08_an_intake_counts_when_a_new_version_has_replaced_its_line(town: Town) -> None:
    made = await needed(town)
    await take(town, made, at="2026-11-21T08:00:00+07:00")
    phone, other = town.sokha.phone, Treatment(town.cast, made.id, town.stage.fresh(), town.stage.fresh())
    line = {**town.cast.line(other.line_id, "Paracetamol"), "plan": None, "as_needed": SIX_HOURS}
    version = town.cast.version(phone, made.id, [line], replaces=made.version_id, id_=other.version_id)
    assert (await phone.does(version)).outcome is Outcome.APPLIED
    assert codes((await ask(town, other)).body) == ["min_interval"]
    assert (await ask(town, made)).fields == {"line_id": "not_allowed"}, "the old line is in force no more"
    kept = await take(town, made)
    assert (kept["dose"]["status"], kept["warning"]) == ("taken", None), "R-205: kept, with no limits to hold it to"


async def test_R156_a_forgotten_intake_of_last_week_is_held_against_that_day(town: Town) -> None:
    made = await needed(town)
    for at in ("2026-11-16T08:00:00+07:00", "2026-11-21T07:00:00+07:00"):
        assert (await take(town, made, at=at))["warning"] is None
    late = await take(town, made, at="2026-11-16T10:00:00+07:00")
    assert (late["dose"]["retroactive"], late["dose"]["nominal_date"]) == (True, "2026-11-16")
    assert (codes(late["warning"]), late["warning"]["next_allowed_at"]) == (
        ["min_interval"], "2026-11-16T14:00:00+07:00")
    assert (await take(town, made, at="2026-11-16T20:00:00+07:00"))["warning"] is None


async def test_P11_a_dose_above_the_limit_is_never_allowed_and_recorded_all_the_same(town: Town) -> None:
    made = await needed(town, as_needed={"max_amount_24h": "4"})
    body = (await ask(town, made, query="&amount=4.5")).body
    assert (codes(body), body["next_allowed_at"]) == (["dose_exceeds_limit"], "9999-12-31T23:59:00+07:00")
    said = await take(town, made, amount="4.5")
    assert (codes(said["warning"]), said["dose"]["amount"]) == (["dose_exceeds_limit"], "4.5")


async def test_the_intakes_id_is_the_clients_and_sent_twice_it_is_one_intake(town: Town) -> None:
    made = await needed(town)
    intake = uuid7(town.stage.now_ms, 7 << 50)
    town.stage.at("2026-11-21T23:59:59+07:00")
    first = await take(town, made, id=intake, amount="1")
    assert (first["dose"]["slot_key"], first["dose"]["id"]) == (intake, dose_id(made.line_id, TODAY, intake))
    town.stage.at("2026-11-22T00:01:00+07:00")
    again = await take(town, made, id=intake, amount="1")
    assert (again["outcome"], again["code"], again["dose"]["id"], again["warning"]) == (
        "duplicate", "same_content", first["dose"]["id"], None)
    assert len(await made.doses()) == 1, "not one of yesterday and one of today"
    other = await town.post(town.sokha, "/doses/as-needed", {"line_id": made.line_id, "id": intake, "amount": "2"})
    assert (other.status, other.code, other.body["error"]["current"]["amount"]) == (409, "already_exists", "1")
    key = town.stage.fresh("key")
    for _ in range(2):
        said = await town.post(town.sokha, "/doses/as-needed", {"line_id": made.line_id}, Idempotency_Key=key)
        assert said.status == 200, said.body
    assert len(await made.doses()) == 2


async def test_the_rule_may_stand_in_a_segment_of_the_plan(town: Town) -> None:
    plan = {"segments": [{"start": "2026-11-20", "dose": "2", "as_needed": {**SIX_HOURS, "max_amount_24h": "3"}}]}
    made = await needed(town, plan=plan, as_needed=None)
    assert await made.doses() == [], "R-118: no planned doses"
    assert (await ask(town, made)).body["amount"] == "2", "the segment's dose is the usual amount"
    assert (await take(town, made, at="2026-11-21T08:00:00+07:00"))["warning"] is None
    town.stage.at("2026-11-21T14:00:00+07:00")
    body = (await ask(town, made)).body
    assert (codes(body), body["next_allowed_at"]) == (["max_amount_24h"], "2026-11-22T08:00:00+07:00")
    assert (await ask(town, made, query="&amount=1")).body["allowed"] is True


async def test_R208_questions_that_cannot_be_read_are_refused_by_name_and_write_nothing(town: Town) -> None:
    made = await needed(town)
    planned = await town.cast.prescribed(town.sokha.phone)
    before = await town.traces()
    for path, field, code in (
        ("", "line_id", "required"), ("?line_id=7", "line_id", "uuid.invalid"),
        (f"?line_id={planned.line_id}", "line_id", "not_allowed"),
        (f"?line_id={made.line_id}&amount=0", "amount", "too_small"),
        (f"?line_id={made.line_id}&amount=one", "amount", "number.invalid"),
        (f"?line_id={made.line_id}&amount=10000", "amount", "too_large"),
        (f"?line_id={made.line_id}&patient_id=7", "patient_id", "uuid.invalid"),
    ):
        said = await town.get(town.sokha, f"/doses/as-needed{path}")
        assert (said.status, said.fields) == (400, {field: code}), path
    for body, field in (({}, "line_id"), ({"line_id": made.line_id, "at": "2026-11-21T08:00:00"}, "at"),
                        ({"line_id": made.line_id, "amount": 0}, "amount"),
                        ({"line_id": made.line_id, "id": "7"}, "id"), ({"line_id": made.line_id, "x": 1}, "x")):
        said = await town.post(town.sokha, "/doses/as-needed", body)
        assert said.status == 400 and field in said.fields, (body, said.body)
    assert await town.traces() == before


async def test_R091_readers_ask_takers_record_and_doctors_never(town: Town) -> None:
    await town.cast.connect(town.lim, "allowed")
    made = await needed(town, by=town.lim)
    await town.cast.connect(town.dara, "view")
    await take(town, made, at="2026-11-21T08:00:00+07:00")
    before = await town.traces()
    for person in (town.dara, town.lim):
        assert codes((await ask(town, made, person)).body) == ["min_interval"]
        assert (await ask(town, made, person, f"&patient_id={town.sokha.id}")).status == 200
    doctor = await town.post(town.lim, "/doses/as-needed", {"line_id": made.line_id})
    assert (doctor.status, doctor.code) == (403, "forbidden")
    brother = await town.post(town.dara, "/doses/as-needed", {"line_id": made.line_id})
    assert (brother.status, brother.code, brother.body["error"]["level"]) == (403, "level_required", "view+manage")
    assert await town.traces() == before


async def test_a_caregiver_who_manages_records_for_her_and_is_warned(town: Town) -> None:
    made = await needed(town)
    await town.cast.connect(town.dara, "view+manage")
    await take(town, made)
    said = await take(town, made, town.dara, patient_id=town.sokha.id)
    assert (said["dose"]["recorded_by"], codes(said["warning"])) == (town.dara.id, ["min_interval"])


async def test_S34_a_private_medicine_lends_its_name_to_no_relatives_guard(town: Town) -> None:
    made, hidden = await needed(town), await needed(town, private=True)
    await town.cast.connect(town.dara, "view")
    await take(town, hidden)
    assert codes((await ask(town, made)).body) == ["min_interval"], "Sokha knows that both are paracetamol"
    assert (await ask(town, made, town.dara)).body["allowed"] is True
    assert codes((await ask(town, hidden, town.dara)).body) == ["min_interval"], "its times are no secret"


async def test_whoever_is_shown_some_days_only_is_told_the_level_not_a_wrong_answer(town: Town) -> None:
    made = await needed(town)
    await take(town, made)
    await town.cast.connect(town.lim, "selected", parts=[made.id], days=[["2026-11-22", "2026-11-30"]])
    said = await ask(town, made, town.lim)
    assert (said.status, said.code, said.body["error"]["level"]) == (403, "level_required", "allowed")


@pytest.mark.parametrize("who", ["vuthy", "chan", "maly"])
async def test_F24_strangers_see_nothing_and_record_nothing(town: Town, who: str) -> None:
    made = await needed(town)
    await take(town, made)
    await town.cast.connect(town.maly, "alerts_only")
    person: Person = getattr(town, who)
    before = await town.traces()
    for query in ("", f"&patient_id={person.id}"):
        said = await ask(town, made, person, query)
        assert (said.status, said.code) in ((404, "not_found"), (403, "level_required")), said.body
    unknown = await town.get(person, f"/doses/as-needed?line_id={town.stage.fresh('nobody')}")
    asked, told = await ask(town, made, person), await town.post(
        person, "/doses/as-needed", {"line_id": made.line_id, "id": uuid7(town.stage.now_ms, 9)})
    assert (asked.status, told.status, unknown.status) == (404, 404, 404)
    named = await ask(town, made, person, f"&patient_id={town.sokha.id}")
    assert (named.status, named.code) == ((403, "level_required") if who == "maly" else (404, "not_found"))
    assert await town.traces() == before and len(await made.doses()) == 1
