"""Plans of real patients on their phones: intervals and their ids, an amendment, journeys, meals, as needed."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from sync.identity import dose_id
from sync.record import Op, Outcome
from sync.values import parse_instant
from tests.cast import Cast, Treatment

Row = dict[str, Any]


async def prescribed(cast: Cast, *segments: Row, made: Treatment | None = None, **plan: Any) -> Treatment:
    """Sokha writes her own prescription (or its next version) with one line; it is in force at once."""
    phone, new = cast.sokha.phone, made is None
    treatment = made or Treatment(cast, cast.stage.fresh(), cast.stage.fresh(), cast.stage.fresh())
    line = {**cast.line(treatment.line_id), "plan": {"segments": list(segments), **plan}}
    if new:
        changes = [cast.prescription(phone, treatment.id),
                   cast.version(phone, treatment.id, [line], id_=treatment.version_id)]
    else:
        changes = [cast.version(phone, treatment.id, [line], replaces=treatment.version_id)]
    settled = await phone.push(*changes)
    assert {r.outcome for r in settled.results} == {Outcome.APPLIED}, settled.results
    return treatment


def clock(dose: Row, zone: str = "Asia/Phnom_Penh") -> str:
    return parse_instant(dose["due_at"]).astimezone(ZoneInfo(zone)).strftime("%d %H:%M")


async def moves(cast: Cast, **fields: Any) -> None:
    phone = cast.sokha.phone
    settled = await phone.does(phone.change("patient", cast.sokha.id, (cast.sokha.patient_scope,), fields, op=Op.PATCH,
                                            base=1))
    assert settled.outcome in (Outcome.APPLIED, Outcome.MERGED), settled


EVERY_EIGHT = {"start": "2026-11-21", "interval": {"every_minutes": 480, "anchor": "2026-11-21T06:00"}, "dose": 1}
TWICE = {"start": "2026-11-20", "time_rule": {"type": "times", "times": ["08:00", "20:00"]}, "dose": 1}


async def test_r115_an_intervals_dose_is_named_by_its_anchor_and_number_on_phone_and_server(cast: Cast) -> None:
    """N-04: the offline phone computes the id, whatever date its zone gives the dose."""
    cast.stage.at("2026-11-21T05:00:00+07:00")
    made = await prescribed(cast, EVERY_EIGHT)
    doses = await made.doses()
    assert [clock(dose) for dose in doses[:4]] == ["21 06:00", "21 14:00", "21 22:00", "22 06:00"]
    assert [(dose["slot_key"], dose["occurrence"]) for dose in doses[:2]] == [
        ("2026-11-20T23:00:00Z", 0), ("2026-11-20T23:00:00Z", 1)]
    assert doses[3]["id"] == dose_id(made.line_id, "2026-11-22", "2026-11-20T23:00:00Z", 3)
    assert doses[3]["id"] == dose_id(made.line_id, "2026-11-21", "2026-11-20T23:00:00Z", 3), "the date is not in it"


async def test_r116_an_amendment_carries_the_anchor_and_keeps_the_doses_that_it_does_not_change(cast: Cast) -> None:
    """DESIGN.md 11: the new version names no anchor and starts later; doses go on at their hours, under their ids."""
    made = await prescribed(cast, EVERY_EIGHT)
    before = await made.doses()
    cast.stage.at("2026-11-22T12:00:00+07:00")
    await prescribed(cast, {"start": "2026-11-22T12:00", "interval": {"every_minutes": 480}, "dose": 2}, made=made)
    after = {dose["id"]: dose for dose in await made.doses()}
    kept = [dose for dose in before if clock(dose) >= "22 12:00"][:20]
    assert [after[dose["id"]]["due_at"] for dose in kept] == [dose["due_at"] for dose in kept]
    assert {after[dose["id"]]["amount_due"] for dose in kept} == {"2"}


async def test_n07_flying_east_a_skipped_dose_is_due_on_arrival_if_the_last_is_long_ago(cast: Cast) -> None:
    """Half-interval rule: at 07:30 she lands where it is 09:30. 08:00 was skipped; twelve hours after the last dose it
    is due at once. From there on the clock of Tokyo holds."""
    cast.stage.at("2026-11-21T06:00:00+07:00")
    made = await prescribed(cast, TWICE)
    first = (await made.doses())[0]
    cast.stage.at("2026-11-21T07:30:00+07:00")
    await moves(cast, zone="Asia/Tokyo")
    doses = await made.doses()
    assert [clock(dose, "Asia/Tokyo") for dose in doses[:3]] == ["21 09:30", "21 20:00", "22 08:00"]
    assert doses[0]["id"] == first["id"], "the dose that she had planned, at another moment"


async def test_n07_flying_east_a_skipped_dose_soon_after_the_last_is_dropped(cast: Cast) -> None:
    """At 19:30 it is 21:30 in Tokyo: 20:00 was skipped eleven and a half hours after 08:00 and is due; one at 22:00
    after a dose at 19:00 by the old clock would be two and a half hours late (I19)."""
    cast.stage.at("2026-11-21T06:00:00+07:00")
    rule = {"type": "times", "times": ["07:00", "19:00"]}
    made = await prescribed(cast, {**TWICE, "time_rule": rule})
    cast.stage.at("2026-11-21T08:30:00+07:00")
    await moves(cast, zone="America/Los_Angeles")  # 17:30 of the day before
    cast.stage.at("2026-11-21T10:30:00+07:00")
    await moves(cast, zone="Asia/Phnom_Penh")
    assert [clock(dose) for dose in (await made.doses())[:3]] == ["21 07:00", "21 19:00", "22 07:00"]


async def test_n07_flying_west_repeats_no_dose_that_was_just_due(cast: Cast) -> None:
    """At 10:00 she lands in Paris where it is 04:00. 08:00 comes again six hours after it was due: not more than half
    of twelve, so it is no second dose; 20:00 is due by the clock of Paris (I11)."""
    cast.stage.at("2026-11-21T06:00:00+07:00")
    made = await prescribed(cast, TWICE)
    cast.stage.at("2026-11-21T10:00:00+07:00")
    await moves(cast, zone="Europe/Paris")
    assert [clock(dose, "Europe/Paris") for dose in (await made.doses())[:3]] == ["21 02:00", "21 20:00", "22 08:00"]


async def test_n07_a_plan_that_keeps_to_the_clock_at_home_does_not_travel(cast: Cast) -> None:
    cast.stage.at("2026-11-21T06:00:00+07:00")
    made = await prescribed(cast, TWICE, tz_policy="home")
    before = [dose["due_at"] for dose in await made.doses()][:20]
    cast.stage.at("2026-11-21T10:00:00+07:00")
    await moves(cast, zone="Europe/Paris")
    assert [dose["due_at"] for dose in await made.doses()][:20] == before


async def test_r032_new_meal_times_move_the_doses_that_hang_on_meals(cast: Cast) -> None:
    rule = {"type": "meals", "relation": "after", "meals": ["dinner"]}
    made = await prescribed(cast, {"start": "2026-11-22", "time_rule": rule, "dose": 1})
    before = await made.doses()
    meals = {"wake": "05:30", "breakfast": "07:00", "lunch": "12:00", "dinner": "19:15", "bed": "21:30"}
    await moves(cast, meal_times=meals)
    after = await made.doses()
    assert (clock(before[0]), clock(after[0])) == ("22 18:30", "22 19:45")
    assert before[0]["id"] == after[0]["id"]


async def test_r118_a_line_of_as_needed_segments_plans_nothing(cast: Cast) -> None:
    made = await prescribed(cast, {"start": "2026-11-21", "as_needed": {"min_interval_min": 240}, "dose": 1})
    assert await made.doses() == []



COURSE = {"start": "2026-11-21T06:00", "interval": {"every_minutes": 480, "anchor": "2026-11-21T06:00"}, "dose": 1,
          "count": 21}


async def answered(cast: Cast, made: Treatment, word: str) -> None:
    phone = cast.sokha.phone
    said = await phone.does(cast.answer(phone, made.id, word))
    assert said.outcome is Outcome.APPLIED, said


async def test_r089_r117_what_a_pause_of_the_prescription_suppressed_is_not_counted(cast: Cast) -> None:
    """21 tablets, one every eight hours: three were due, five days were paused, eighteen are still to come."""
    cast.stage.at("2026-11-21T05:00:00+07:00")
    made = await prescribed(cast, COURSE)
    assert len(await made.doses()) == 21
    cast.stage.at("2026-11-22T05:00:00+07:00")
    await answered(cast, made, "pause")
    cast.stage.at("2026-11-27T05:00:00+07:00")
    await answered(cast, made, "resume")
    doses = [dose for dose in await made.doses() if dose["state"] == "planned"]
    assert [clock(dose) for dose in doses[:4]] == ["21 06:00", "21 14:00", "21 22:00", "27 06:00"]
    assert len(doses) == 21


async def test_r115_a_segment_put_in_front_leaves_the_others_their_doses(cast: Cast) -> None:
    """A loading dose is written before the line's course; 14:00 was taken already and is not due a second time."""
    made = await prescribed(cast, TWICE, EVERY_EIGHT | {"start": "2026-11-20"})
    before = await made.doses()
    phone, taken = cast.sokha.phone, before[0]
    await phone.does(made.act(phone, taken["id"], "taken", base=1))
    loading = {"start": "2026-11-20", "time_rule": {"type": "times", "times": ["23:30"]}, "dose": 2}
    await prescribed(cast, loading, TWICE, EVERY_EIGHT | {"start": "2026-11-20"}, made=made)
    after = {dose["id"]: dose for dose in await made.doses()}
    assert after.keys() >= {dose["id"] for dose in before}
    assert after[taken["id"]]["state"] == "planned"
    added = [dose for id_, dose in after.items() if id_ not in {one["id"] for one in before}]
    assert {clock(dose)[3:] for dose in added} == {"23:30"}


async def test_r115_a_line_that_was_left_out_and_comes_back_gives_no_dose_another_doses_id(cast: Cast) -> None:
    """20:00 must not come back under the id of the 08:30 dose that was taken."""
    made = await prescribed(cast, {**TWICE, "time_rule": {"type": "times", "times": ["08:30", "20:00"]}})
    first, second = (await made.doses())[:2]
    other = cast.line(cast.stage.fresh("line"))
    phone = cast.sokha.phone
    cast.stage.at("2026-11-21T09:00:00+07:00")
    without = cast.version(phone, made.id, [other], replaces=made.version_id)
    assert (await phone.does(without)).outcome is Outcome.APPLIED
    cast.stage.at("2026-11-21T10:00:00+07:00")
    evening = {**TWICE, "time_rule": {"type": "times", "times": ["20:00"]}}
    line = {**cast.line(made.line_id), "plan": {"segments": [evening]}}
    again = cast.version(phone, made.id, [other, line], replaces=without.id)
    assert (await phone.does(again)).outcome is Outcome.APPLIED
    standing = {dose["id"]: dose for dose in await made.doses() if dose["line_id"] == made.line_id
                and dose["state"] == "planned"}
    assert clock(standing[second["id"]]) == "21 20:00"
    assert first["id"] not in standing or clock(standing[first["id"]]) == "21 08:30"


async def test_n07_a_line_at_home_stays_at_home_though_its_plan_names_its_zone(cast: Cast) -> None:
    cast.stage.at("2026-11-21T06:00:00+07:00")
    phone = cast.sokha.phone
    made = Treatment(cast, cast.stage.fresh(), cast.stage.fresh(), cast.stage.fresh())
    line = {**cast.line(made.line_id), "tz_policy": "home",
            "plan": {"zone": "Asia/Phnom_Penh", "segments": [TWICE]}}
    settled = await phone.push(cast.prescription(phone, made.id),
                               cast.version(phone, made.id, [line], id_=made.version_id))
    assert {r.outcome for r in settled.results} == {Outcome.APPLIED}
    before = [dose["due_at"] for dose in await made.doses()][:10]
    cast.stage.at("2026-11-21T10:00:00+07:00")
    await moves(cast, zone="America/New_York")
    assert [dose["due_at"] for dose in await made.doses()][:10] == before


async def test_s60_a_plan_that_will_be_too_dense_one_day_is_refused_today(cast: Cast) -> None:
    """R-113: every four minutes from next month on would find no room in its horizon when its time comes."""
    phone = cast.sokha.phone
    made = Treatment(cast, cast.stage.fresh(), cast.stage.fresh(), cast.stage.fresh())
    dense = {"start": "2026-12-30", "interval": {"every_minutes": 4}, "dose": 1}
    line = {**cast.line(made.line_id), "plan": {"segments": [dense]}}
    settled = await phone.push(cast.prescription(phone, made.id),
                               cast.version(phone, made.id, [line], id_=made.version_id))
    assert [r.outcome for r in settled.results] == [Outcome.APPLIED, Outcome.REJECTED]
    assert [detail["code"] for detail in settled.results[1].details] == ["horizon.too_large"]
