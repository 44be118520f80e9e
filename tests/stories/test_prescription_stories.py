"""Stories of prescriptions on every store: versions, answers, and the doses that follow from them (R-080 to R-116)."""

from __future__ import annotations

from typing import Any

from sync.record import Because, Op, Outcome
from tests.cast import Cast, Phone, Treatment

AFTERNOON = "2026-11-21T15:00:00+07:00"


async def dues(treatment: Treatment) -> list[str]:
    return [row["due_at"] for row in await treatment.doses() if row["state"] == "planned"]


def newer(cast: Cast, treatment: Treatment, phone: Phone, replaces: str, **more: Any) -> Any:
    doses = more.pop("doses", {"MORN": 2})
    return cast.version(phone, treatment.id, [cast.line(treatment.line_id, **doses)], replaces, **more)


async def test_f09_confirming_at_15_makes_no_dose_of_the_morning(cast: Cast) -> None:
    """F-09, R-114: the first dose is this evening's."""
    cast.stage.at(AFTERNOON)
    treatment = await cast.treated()
    first = (await treatment.doses())[0]
    assert (first["nominal_date"], first["slot"]) == ("2026-11-21", "EVE")


async def test_f08_confirming_and_resuming_again_adds_no_dose(cast: Cast) -> None:
    """F-08, F-15: repeated, from another phone, after a pause."""
    treatment = await cast.treated()
    before = await treatment.doses()
    for phone in (cast.sokha.phone, cast.sokha.second):
        await phone.does(cast.answer(phone, treatment.id, "confirm", treatment.version_id))
        await phone.does(cast.answer(phone, treatment.id, "resume"))
    assert await treatment.doses() == before


async def test_f13_a_paused_prescription_has_no_coming_dose_and_resuming_brings_each_back_once(cast: Cast) -> None:
    """F-13: nothing to remind of while it is paused; the same doses, by id, afterwards."""
    treatment = await cast.treated()
    before = {row["id"]: row["due_at"] for row in await treatment.doses()}
    paused = await cast.sokha.phone.does(cast.answer(cast.sokha.phone, treatment.id, "pause"))
    assert paused.outcome is Outcome.APPLIED
    assert await dues(treatment) == []
    cast.stage.now_ms += 1_000
    await cast.sokha.phone.does(cast.answer(cast.sokha.phone, treatment.id, "resume"))
    assert {row["id"]: row["due_at"] for row in await treatment.doses()} == before


async def test_f06_the_tenth_version_works_like_the_first_and_leaves_every_event(cast: Cast) -> None:
    """F-06, F-19: in one transaction each; what was said of doses stays, and so does every version."""
    treatment = await cast.treated()
    dose, lim, sokha = (await treatment.doses())[0], cast.lim.phone, cast.sokha.phone
    await sokha.does(treatment.act(sokha, dose["id"], "taken", base=1))
    latest, numbers = treatment.version_id, []
    for _ in range(9):
        change = newer(cast, treatment, lim, latest, urgent=True, reason="pressure")
        said = await lim.does(change)
        assert said.outcome is Outcome.APPLIED, said
        latest = change.id
    versions = await lim.sees("prescription_version")
    numbers = sorted(row["number"] for row in versions.values())
    assert numbers == list(range(1, 11))
    assert (await sokha.sees("dose_event"))[dose["id"]]["action"] == "taken"
    rows = [row for row in await treatment.doses() if row["state"] == "planned" and not row["action"]]
    assert {row["version_id"] for row in rows} == {latest}


async def test_f07_an_urgent_change_needs_level_and_reason_and_rebuilds_at_once(cast: Cast) -> None:
    """F-07, R-087: refused without a reason; in force without the patient's word; a plain version waits for it."""
    treatment = await cast.treated()
    lim = cast.lim.phone
    bare = await lim.does(newer(cast, treatment, lim, treatment.version_id, urgent=True))
    assert (bare.outcome, bare.code) == (Outcome.REJECTED, Because.INVALID)
    before = await dues(treatment)
    plain = newer(cast, treatment, lim, treatment.version_id)
    assert (await lim.does(plain)).outcome is Outcome.APPLIED
    assert await dues(treatment) == before, "a proposal changes nothing until the patient confirms"
    urgent = newer(cast, treatment, lim, plain.id, urgent=True, reason="pressure too low")
    assert (await lim.does(urgent)).outcome is Outcome.APPLIED
    assert {row["slot"] for row in await treatment.doses() if row["state"] == "planned"} == {"MORN"}


async def test_f63_a_stale_version_never_beats_the_newer_one_even_rebased(cast: Cast) -> None:
    """F-63: Dr Chan's offline version of the old one is refused and kept, the current one travels back; the patient's
    own edit of a doctor's prescription is no edit at all."""
    treatment = await cast.treated()
    await cast.connect(cast.chan, "allowed")
    first = newer(cast, treatment, cast.lim.phone, treatment.version_id)
    await cast.lim.phone.does(first)
    for base in (0, 99):
        stale = newer(cast, treatment, cast.chan.phone, treatment.version_id)
        settled = await cast.chan.phone.push(stale)
        (result,) = settled.results
        assert (result.outcome, result.code) == (Outcome.REJECTED, Because.STALE_BASE), base
        assert [key.id for key in settled.rows] == [first.id]
    mine = await cast.sokha.phone.push(newer(cast, treatment, cast.sokha.phone, first.id))
    assert (mine.results[0].outcome, mine.results[0].code) == (Outcome.REJECTED, Because.SERVER_WINS)
    assert (await cast.sokha.phone.sees("prescription"))[treatment.id]["latest_version_id"] == first.id


async def test_a_moved_hour_keeps_every_dose_and_its_id(cast: Cast) -> None:
    """R-032, R-115: new slot times re-time future doses nobody has spoken of; the spoken one keeps its hour."""
    treatment = await cast.treated()
    before, sokha = await treatment.doses(), cast.sokha.phone
    await sokha.does(treatment.act(sokha, before[1]["id"], "taken", base=1))
    hours = {"MORN": "06:00", "NOON": "12:00", "EVE": "19:00", "NIGHT": "21:00"}
    scopes = (cast.sokha.patient_scope,)
    await sokha.does(sokha.change("patient", cast.sokha.id, scopes, {"slot_times": hours}, op=Op.PATCH, base=1))
    after = {row["id"]: row for row in await treatment.doses()}
    assert after.keys() == {row["id"] for row in before}
    assert after[before[1]["id"]]["due_at"] == before[1]["due_at"]
    assert after[before[0]["id"]]["due_at"].startswith("2026-11-21T12:00:00")


async def test_f15_a_new_version_of_one_line_touches_no_other(cast: Cast) -> None:
    one, two = await cast.treated(), await cast.prescribed(cast.lim.phone, confirm=True, NOON=1)
    before = await two.doses()
    await cast.lim.phone.does(newer(cast, one, cast.lim.phone, one.version_id, urgent=True, reason="pressure"))
    assert await two.doses() == before
    latest = (await cast.lim.phone.sees("prescription"))[one.id]["latest_version_id"]
    taken = await cast.lim.phone.does(cast.version(cast.lim.phone, one.id, [cast.line(two.line_id)], latest))
    assert (taken.outcome, taken.code) == (Outcome.REJECTED, Because.INVALID), "a line keeps its prescription for ever"


async def test_a_replaced_dose_that_was_undone_late_comes_back_with_the_plan(cast: Cast) -> None:
    """R-116: the evening dose is replaced by an urgent change; an undo of it arrives; the next version has it again."""
    treatment = await cast.treated()
    lim, sokha = cast.lim.phone, cast.sokha.phone
    evening = (await treatment.doses())[0]
    less = newer(cast, treatment, lim, treatment.version_id, urgent=True, reason="pressure")
    await lim.does(less)
    assert evening["id"] not in await sokha.sees("dose_event")
    await sokha.does(treatment.act(sokha, evening["id"], "undone", base=evening["version"]))
    await lim.does(newer(cast, treatment, lim, less.id, urgent=True, reason="pressure", doses={"MORN": 1, "EVE": 2}))
    again = (await sokha.sees("dose_event"))[evening["id"]]
    assert (again["state"], again["due_at"], again["action"]) == ("planned", evening["due_at"], None)
