"""Stories a reviewer told of prescriptions and doses that went wrong, on every store; each must stay right."""

from __future__ import annotations

from typing import Any

from sync.identity import dose_id
from sync.record import Because, Change, Op, Outcome, Result
from tests.cast import Cast, Person, Treatment

TODAY = "2026-11-21"
SLOTS = {"MORN": "07:00", "NOON": "12:00", "EVE": "18:00", "NIGHT": "21:00"}
REFUSED = (Outcome.REJECTED, Because.WRONG_STATUS)


async def changed(cast: Cast, treatment: Treatment, replaces: str, **more: Any) -> str:
    """A further version of Dr Lim's, of the treatment's line in the morning alone."""
    change = cast.version(cast.lim.phone, treatment.id, [cast.line(treatment.line_id, MORN=3)], replaces, **more)
    assert (await cast.lim.phone.does(change)).outcome is Outcome.APPLIED
    return change.id


async def says(cast: Cast, person: Person, treatment: Treatment, word: str, version: str | None = None,
               **more: Any) -> Result:
    return await person.phone.does(cast.answer(person.phone, treatment.id, word, version, **more))


async def stands(cast: Cast, treatment: Treatment) -> dict[str, Any]:
    return (await cast.sokha.phone.sees("prescription"))[treatment.id]


async def the_horizon_moves(cast: Cast, treatment: Treatment) -> dict[str, Any]:
    until = "2027-01-01T00:00:00.000Z"
    settled = await cast.stage.system(Change(0, cast.stage.fresh("change"), "prescription", treatment.id, (
        cast.sokha.patient_scope,), Op.PATCH, 0, {"horizon_until": until}, digest="system"))
    assert settled.results[0].outcome is Outcome.APPLIED
    return await stands(cast, treatment)


async def written(cast: Cast, person: Person, *lines: dict[str, Any]) -> tuple[Treatment, Result]:
    made = Treatment(cast, cast.stage.fresh("prescription"), cast.stage.fresh("version"), lines[0]["line_id"])
    version = cast.version(person.phone, made.id, list(lines), id_=made.version_id)
    return made, await person.phone.does(cast.prescription(person.phone, made.id), version)


async def moves_hour(cast: Cast, base: int, **fields: Any) -> None:
    sokha = cast.sokha
    told = await sokha.phone.does(sokha.phone.change("patient", sokha.id, (sokha.patient_scope,), fields, op=Op.PATCH,
                                                     base=base))
    assert told.outcome is Outcome.APPLIED, told


async def test_r086_a_late_word_on_a_replaced_version_or_on_none_never_moves_the_newer_one(cast: Cast) -> None:
    """R-086, R-198: v3 was proposed before the word on v2 arrived; only a word that names v3 settles it."""
    treatment = await cast.treated()
    two = await changed(cast, treatment, treatment.version_id)
    three = await changed(cast, treatment, two)
    for word in ("acknowledge", "confirm", "revise", "reject"):
        for meant in (two, None):
            late = await says(cast, cast.sokha, treatment, word, meant, reason="too many")
            assert (late.outcome, late.code) == REFUSED, (word, meant)
    again = await says(cast, cast.sokha, treatment, "confirm", treatment.version_id)
    assert again.outcome is Outcome.APPLIED, "what is in force may be confirmed twice (F-08)"
    still = await stands(cast, treatment)
    assert (still["current_version"], still["proposed_version_id"]) == (1, three)
    assert (await says(cast, cast.sokha, treatment, "acknowledge", three)).outcome is Outcome.APPLIED
    assert (await stands(cast, treatment))["current_version_id"] == three


async def test_f14_a_medicine_taken_as_needed_never_completes_its_prescription(cast: Cast) -> None:
    """F-14, R-118: neither alone nor beside a course that is over."""
    needed = {"line_id": cast.stage.fresh("line"), "row": 1, "name": "Paracetamol", "form": "oral", "unit": "tablet",
              "as_needed": {"max_count_24h": 4}}
    course = cast.line(cast.stage.fresh("line"))
    course["plan"]["segments"][0]["days"] = 2
    alone, _ = await written(cast, cast.sokha, needed)
    beside, _ = await written(cast, cast.sokha, {**needed, "line_id": cast.stage.fresh("line")}, course)
    over, _ = await written(cast, cast.sokha, {**course, "line_id": cast.stage.fresh("line")})
    cast.stage.at("2026-11-25T08:00:00+07:00")
    assert [(await the_horizon_moves(cast, made))["status"] for made in (alone, beside, over)] == [
        "active", "active", "inactive"]


async def test_r032_an_hour_moved_behind_now_re_times_todays_dose_and_loses_none(cast: Cast) -> None:
    """R-032, R-113: 09:00 becomes 08:00 at 08:10; then the phone flies two hours east; a word already said stays."""
    cast.stage.at("2026-11-21T06:00:00+07:00")
    treatment = await cast.prescribed(cast.sokha.phone)
    await moves_hour(cast, 1, slot_times={**SLOTS, "MORN": "09:00"})
    before = await treatment.doses()
    cast.stage.at("2026-11-21T08:10:00+07:00")
    await moves_hour(cast, 2, slot_times={**SLOTS, "MORN": "08:00"})
    after = (await treatment.doses())[:len(before)]  # the horizon has moved on as well
    assert [row["id"] for row in after] == [row["id"] for row in before]
    assert after[0]["due_at"].startswith("2026-11-21T01:00"), "08:00 in Phnom Penh, ten minutes ago"
    cast.stage.at("2026-11-21T17:00:00+07:00")
    sokha, evening = cast.sokha.phone, after[1]
    await sokha.does(treatment.act(sokha, evening["id"], "taken", base=evening["version"]))
    await moves_hour(cast, 3, zone="Asia/Tokyo")
    travelled = {row["id"]: row for row in await treatment.doses()}
    assert travelled.keys() >= {row["id"] for row in before}
    spoken = travelled[evening["id"]]
    assert (spoken["state"], spoken["action"], spoken["due_at"]) == ("planned", "taken", evening["due_at"])


async def test_f13_a_pause_told_late_leaves_no_dose_of_the_paused_days(cast: Cast) -> None:
    """F-13, R-089: paused at 09:00 without network, heard the next evening; what was said of a dose stays."""
    treatment = await cast.treated()
    sokha, (first, second, *_) = cast.sokha.phone, await treatment.doses()
    cast.stage.at("2026-11-22T20:00:00+07:00")
    await sokha.does(treatment.act(sokha, second["id"], "taken", base=second["version"]))
    assert (await says(cast, cast.sokha, treatment, "pause", recorded="2026-11-21T09:00:00+07:00")).code is Because.NEW
    left = await treatment.doses()
    assert [(row["id"], row["action"], row["state"]) for row in left] == [(second["id"], "taken", "withdrawn")]
    assert first["id"] not in {row["id"] for row in left}, "it would have become missed"
    assert (await says(cast, cast.sokha, treatment, "resume", recorded="2026-11-22T06:00:00+07:00")).code is Because.NEW
    assert (await treatment.doses())[0]["id"] == second["id"], "nothing of the pause came back"


async def test_r089_resuming_before_a_version_begins_leaves_no_gap_until_then(cast: Cast) -> None:
    """R-089: v2 holds from 1 December; paused and resumed in November, v1 goes on until then."""
    treatment = await cast.treated()
    two = await changed(cast, treatment, treatment.version_id, not_before="2026-12-01T00:00:00+07:00")
    await says(cast, cast.sokha, treatment, "acknowledge", two)
    cast.stage.at("2026-11-21T12:00:00+07:00")
    before = {row["id"] for row in await treatment.doses()}
    await says(cast, cast.sokha, treatment, "pause")
    assert await treatment.doses() == []
    cast.stage.at("2026-11-21T13:00:00+07:00")
    await says(cast, cast.sokha, treatment, "resume")
    after = await treatment.doses()
    assert {row["id"] for row in after} == before
    assert {row["version_id"] for row in after if row["due_at"] < "2026-11-30T17:00"} == {treatment.version_id}
    assert {row["version_id"] for row in after if row["due_at"] >= "2026-11-30T17:00"} == {two}


async def test_f31_only_the_author_while_verified_pauses_resumes_or_stops(cast: Cast) -> None:
    """F-31, R-004: neither another doctor at level allowed nor the author whose licence was withdrawn."""
    treatment = await cast.treated()
    await cast.connect(cast.chan, "allowed")
    for word in ("pause", "resume", "stop"):
        other = await says(cast, cast.chan, treatment, word)
        assert (other.outcome, other.code) == (Outcome.REJECTED, Because.FORBIDDEN), word
    assert (await says(cast, cast.lim, treatment, "pause")).outcome is Outcome.APPLIED
    nary = Person(cast.stage, "nary")
    await nary.registers("doctor", "pending_verification")
    await cast.stage.system(
        Change(0, cast.stage.fresh("change"), "profile", nary.id, (nary.scope,), Op.PATCH, 0, {"verified": True}),
        Change(0, cast.stage.fresh("change"), "prescription", treatment.id, (cast.sokha.patient_scope,), Op.PATCH, 0,
               {"author_id": nary.id}))
    await cast.connect(nary, "allowed")
    withdrawn = await says(cast, nary, treatment, "stop")
    assert (withdrawn.outcome, withdrawn.code) == (Outcome.REJECTED, Because.FORBIDDEN)
    assert (await stands(cast, treatment))["status"] == "paused"


async def test_i12_a_dose_told_before_its_confirmation_ends_as_if_told_after(cast: Cast) -> None:
    """I-12, N-04: the same row whichever of two batches arrives first."""
    await cast.connect(cast.lim, "allowed")
    cast.stage.at("2026-11-21T06:00:00+07:00")
    ends, sokha = [], cast.sokha.phone
    treatments = [await cast.prescribed(cast.lim.phone) for _ in range(2)]
    cast.stage.at("2026-11-21T10:00:00+07:00")
    for treatment in treatments:
        taken, id_ = "2026-11-21T07:02:00+07:00", dose_id(treatment.line_id, TODAY, "0:MORN", 0)
        dose = sokha.change("dose_event", id_, (cast.sokha.patient_scope,), {
            "patient_id": cast.sokha.id, "line_id": treatment.line_id, "nominal_date": TODAY, "slot_key": "0:MORN",
            "occurrence": 0, "action": "taken", "at": taken}, recorded=taken)
        confirm = cast.answer(sokha, treatment.id, "confirm", treatment.version_id,
                              recorded="2026-11-21T06:30:00+07:00")
        for change in (dose, confirm) if treatment is treatments[0] else (confirm, dose):
            assert (await sokha.does(change)).outcome in (Outcome.APPLIED, Outcome.MERGED)
        (row,) = (row for row in await treatment.doses() if row["id"] == id_)
        ends.append({name: row[name] for name in ("action", "at", "planned", "state", "due_at", "on_time_min",
                                                  "missed_after_min", "amount_due", "slot")})
    assert ends[0] == ends[1]
    assert (ends[0]["planned"], ends[0]["action"]) == (True, "taken")


async def test_r086_a_course_that_ends_while_its_renewal_waits_can_still_be_renewed(cast: Cast) -> None:
    await cast.connect(cast.lim, "allowed")
    course = cast.line(cast.stage.fresh("line"))
    course["plan"]["segments"][0]["days"] = 2
    treatment, _ = await written(cast, cast.lim, course)
    await says(cast, cast.sokha, treatment, "confirm", treatment.version_id)
    renewal = await changed(cast, treatment, treatment.version_id)
    cast.stage.at("2026-11-25T08:00:00+07:00")
    assert (await the_horizon_moves(cast, treatment))["status"] == "active"
    assert (await says(cast, cast.sokha, treatment, "acknowledge", renewal)).outcome is Outcome.APPLIED
    assert await treatment.doses() != []


async def test_s34_a_private_line_is_nameless_to_relatives_from_its_first_version_on(cast: Cast) -> None:
    """S-34, R-082: its name and the patient's own word for it; the patient may show it again, and it stays shown."""
    await cast.connect(cast.dara, "view+manage")
    line, sokha, dara = cast.line(cast.stage.fresh("line"), "Tenofovir"), cast.sokha.phone, cast.dara.phone
    made, said = await written(cast, cast.sokha, {**line, "private": True})
    assert said.outcome is Outcome.APPLIED
    setting = {"patient_id": cast.sokha.id, "prescription_id": made.id}
    scopes = (cast.sokha.patient_scope,)
    await sokha.does(sokha.change("line_setting", made.line_id, scopes, {**setting, "label": "evening pills"}, base=1))
    assert (await dara.sees("medication_line"))[made.line_id]["name"] is None
    assert (await dara.sees("prescription_version"))[made.version_id]["lines"][0]["name"] is None
    assert (await dara.sees("line_setting"))[made.line_id]["label"] is None
    assert (await sokha.sees("line_setting"))[made.line_id]["label"] == "evening pills"
    await sokha.does(sokha.change("line_setting", made.line_id, scopes, {**setting, "private": False}, base=2))
    await sokha.does(cast.version(sokha, made.id, [{**line, "private": True}], made.version_id))
    assert (await dara.sees("medication_line"))[made.line_id]["name"] == "Tenofovir"


async def test_r150_a_window_of_no_minutes_is_a_window_and_a_proposal_is_not_yet_urgent(cast: Cast) -> None:
    """R-087, R-150: 0 is what the doctor wrote; an urgent first version is urgent when it is in force."""
    await cast.connect(cast.lim, "allowed")
    made, _ = await written(cast, cast.lim, {**cast.line(cast.stage.fresh("line")), "on_time_min": 0})
    await says(cast, cast.sokha, made, "confirm", made.version_id)
    assert {row["on_time_min"] for row in await made.doses()} == {0}
    urgent = cast.version(cast.lim.phone, made.id, [cast.line(made.line_id)], made.version_id, urgent=True,
                          reason="low")
    assert (await cast.lim.phone.does(urgent)).outcome is Outcome.APPLIED
    assert ((await stands(cast, made))["urgent"], (await stands(cast, made))["urgent_reason"]) == (True, "low")
    await changed(cast, made, urgent.id)
    assert (await stands(cast, made))["urgent"], "the version in force still is"


async def test_a_line_that_keeps_to_the_clock_at_home_does_not_travel(cast: Cast) -> None:
    """R-112: `tz_policy` home names the zone of the day it was written, through all later versions."""
    line, phone = {**cast.line(cast.stage.fresh("line")), "tz_policy": "home"}, cast.sokha.phone
    made, _ = await written(cast, cast.sokha, line)
    before = [row["due_at"] for row in await made.doses()]
    await moves_hour(cast, 1, zone="Asia/Tokyo")
    assert [row["due_at"] for row in await made.doses()] == before
    await phone.does(cast.version(phone, made.id, [line], made.version_id))
    assert [row["due_at"] for row in await made.doses()] == before
