"""Supply at its endpoint: what is on hand and until when, who records, who is told; both databases (R-314, R-315)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import jsonschema
import pytest

from server.api import supply as door
from server.api.supply_bodies import SUPPLIES, SUPPLY
from storage.ledger import supplies
from storage.ledger.choose import held_by
from sync.access import Role
from sync.record import Change, Op, Outcome
from tests.cast import Person, Treatment
from tests.server.endpoint_stage import Reply, Town, line, opened_town, written

TODAY = "2026-11-21"


@pytest.fixture
async def town(database_url: str) -> AsyncIterator[Town]:
    async with opened_town(database_url) as town:
        yield town


async def recorded(town: Town, made: Treatment, type_: str, quantity: Any, person: Person | None = None, **more: Any
                   ) -> Reply:
    headers = {"Idempotency_Key": more.pop("key")} if "key" in more else {}
    body = {"line_id": made.line_id, "type": type_, "quantity": quantity, **more}
    return await town.post(person or town.sokha, "/supply", body, **headers)


async def supply(town: Town, person: Person | None = None, query: str = "") -> list[dict[str, Any]]:
    """The items that this person is told of Sokha's supply."""
    said = await town.get(person or town.sokha, f"/supply?patient_id={town.sokha.id}{query}")
    assert said.status == 200, said.body
    jsonschema.validate(said.body, SUPPLIES)
    return list(said.body["items"])


async def test_R315_a_line_tells_what_is_on_hand_and_the_first_dose_it_does_not_reach(town: Town) -> None:
    made = await town.cast.treated()  # 1 in the morning, 2 in the evening
    (unknown,) = await supply(town)
    assert (unknown["on_hand"], unknown["recount"], unknown["first_uncovered_dose"]) == (None, False, None)
    said = await recorded(town, made, "dispensed", 32, days_supply=10, note="Bopha")
    assert said.status == 201, said.body
    jsonschema.validate(said.body["supply"], SUPPLY)
    event = said.body["event"]
    assert (event["quantity"], event["local_date"], event["prescription_id"], event["days_supply"]) == (
        "32", TODAY, made.id, 10)
    (told,) = await supply(town)
    assert told == said.body["supply"]
    # today's evening takes 2, ten days 30
    assert {name: told[name] for name in ("line_id", "name", "unit", "on_hand", "recount", "first_uncovered_dose",
                                          "days_left", "refill_remind_at", "left_over_of_course")} == {
        "line_id": made.line_id, "name": "Amlodipine", "unit": "tablet", "on_hand": "32", "recount": False,
        "first_uncovered_dose": "2026-12-02T07:00:00+07:00", "days_left": 11,
        "refill_remind_at": "2026-11-25T07:00:00+07:00", "left_over_of_course": None}
    (later,) = await supply(town, query="&lead_days=10")
    assert later["refill_remind_at"] == "2026-11-22T07:00:00+07:00"


async def test_R314_S06_doses_come_off_the_stock_undo_gives_back_and_nothing_is_ever_refused_for_want_of_it(
    town: Town
) -> None:
    made = await town.cast.treated()
    await recorded(town, made, "counted", 1)
    dose = next(one for one in await made.doses() if one["nominal_date"] == TODAY)
    town.stage.at("2026-11-21T18:00:00+07:00")
    said = await town.post(town.sokha, "/doses/taken", {"dose_id": dose["id"]})
    assert said.status == 200, said.body
    (told,) = await supply(town)
    assert (told["on_hand"], told["recount"], told["first_uncovered_dose"]) == ("-1", True, "2026-11-22T07:00:00+07:00")
    await town.post(town.sokha, "/doses/undo", {"dose_id": dose["id"]})
    (told,) = await supply(town)
    assert (told["on_hand"], told["recount"]) == ("1", False)
    half = await town.post(town.sokha, "/doses/taken", {"dose_id": dose["id"], "amount": "0.5"})
    assert half.status == 200
    next_one = next(one for one in await made.doses() if one["nominal_date"] == "2026-11-22")
    await town.post(town.sokha, "/doses/skip", {
        "dose_id": next_one["id"], "reason": "other", "at": "2026-11-21T18:01:00+07:00"})
    (told,) = await supply(town)
    assert told["on_hand"] == "0.5", "what is skipped takes nothing, though it has its time (S05)"
    counted = await recorded(town, made, "counted", "0")
    assert counted.body["supply"]["on_hand"] == "0"


async def test_N06_R117_a_course_tells_what_it_never_uses(town: Town) -> None:
    plan = {"segments": [{"start": TODAY, "quantity": 10, "time_rule": {"type": "slots", "doses": {"MORN": 3}}}]}
    made = await written(town, town.sokha, lines=[{**line(town), "plan": plan}])
    assert made.status == 201, made.body
    (told,) = await supply(town)
    assert told["left_over_of_course"] == "1"
    said = await town.post(town.sokha, "/supply", {"line_id": told["line_id"], "type": "dispensed", "quantity": 10})
    assert said.body["supply"]["first_uncovered_dose"] is None, "the course ends before the box does"


async def test_lines_are_those_in_force_the_one_that_runs_out_first_at_the_head(town: Town) -> None:
    first, second = await town.cast.prescribed(town.sokha.phone), await town.cast.prescribed(town.sokha.phone)
    third, stopped = await town.cast.prescribed(town.sokha.phone), await town.cast.prescribed(town.sokha.phone)
    need = {**line(town, "Paracetamol"), "plan": None, "as_needed": {"min_interval_min": 360}}
    await written(town, town.sokha, lines=[need])
    await town.put(town.sokha, f"/prescriptions/{stopped.id}/status", {"action": "stop"})
    for made, quantity in ((first, 60), (second, 6)):
        await recorded(town, made, "counted", quantity)
    told = await supply(town)
    assert [one["line_id"] for one in told[:2]] == [second.line_id, first.line_id]
    assert {one["name"] for one in told[2:]} == {"Amlodipine", "Paracetamol"} and len(told) == 4
    assert third.line_id in {one["line_id"] for one in told[2:]}


async def test_a_medicine_taken_when_needed_has_a_stock_and_no_day_on_which_it_runs_out(town: Town) -> None:
    need = {**line(town, "Paracetamol"), "plan": None, "as_needed": {"min_interval_min": 360}}
    await written(town, town.sokha, lines=[need])
    (line_id,) = [one["line_id"] for one in await supply(town)]
    await town.post(town.sokha, "/supply", {"line_id": line_id, "type": "counted", "quantity": 20})
    named = {"line_id": line_id, "nominal_date": TODAY, "slot_key": "0:need"}
    for occurrence, amount in ((0, {"amount": 2}), (1, {})):
        said = await town.post(town.sokha, "/doses/taken", {**named, "occurrence": occurrence, **amount})
        assert said.status == 200, said.body
    (told,) = await supply(town)
    assert (told["on_hand"], told["recount"], told["days_left"]) == ("18", True, None), "one amount was not told"


async def test_the_same_request_again_is_the_same_event(town: Town) -> None:
    made = await town.cast.treated()
    key = town.stage.fresh("key")
    first, again = [await recorded(town, made, "dispensed", 30, key=key) for _ in range(2)]
    assert (first.status, again.status) == (201, 201)
    assert again.body["event"] == first.body["event"] and again.body["supply"]["on_hand"] == "30"
    other = await recorded(town, made, "dispensed", 31, key=key)
    assert (other.status, other.code) == (422, "batch_id_reused")


async def test_who_may_record_it_is_who_may_record_doses(town: Town) -> None:
    """R-091, R-384: a doctor never, a relative at view+manage, strangers are told nothing."""
    made = await town.cast.treated("allowed")
    await town.cast.connect(town.dara, "view")
    await town.cast.connect(town.maly, "alerts_only")
    before = await town.traces()
    doctor, brother = [await recorded(town, made, "dispensed", 30, person) for person in (town.lim, town.dara)]
    assert (doctor.status, doctor.code) == (403, "forbidden")
    assert (brother.status, brother.code, brother.body["error"]["level"]) == (403, "level_required", "view+manage")
    for person in (town.maly, town.chan, town.vuthy):
        said = await recorded(town, made, "dispensed", 30, person)
        assert (said.status, said.code) == (404, "not_found"), person.name
    assert await town.traces() == before


async def test_a_caregiver_who_manages_records_what_was_dispensed(town: Town) -> None:
    made = await town.cast.treated()
    await town.cast.connect(town.dara, "view+manage")
    said = await recorded(town, made, "dispensed", 30, town.dara, patient_id=town.sokha.id,
                          at="2026-11-20T23:30:00+07:00")
    assert (said.status, said.body["event"]["changed_by"]) == (201, town.dara.id)
    assert said.body["event"]["local_date"] == "2026-11-20", "the patient's calendar, not UTC's"
    assert [one["on_hand"] for one in await supply(town)] == ["30"]


async def test_R384_who_is_told_of_a_supply_is_who_is_told_of_the_doses(town: Town) -> None:
    made = await town.cast.treated()
    await recorded(town, made, "counted", 12)
    await town.cast.connect(town.maly, "alerts_only")
    await town.cast.connect(town.dara, "view")
    await town.cast.connect(town.chan, "not_allowed")
    for person in (town.sokha, town.dara, town.lim):
        assert [one["on_hand"] for one in await supply(town, person)] == ["12"], person.name
    path = f"/supply?patient_id={town.sokha.id}"
    for person, level in ((town.maly, "view"), (town.chan, "selected")):
        said = await town.get(person, path)
        assert (said.status, said.code, said.body["error"]["level"]) == (403, "level_required", level)
    said = await town.get(town.vuthy, path)
    unknown = await town.get(town.vuthy, f"/supply?patient_id={town.stage.fresh('nobody')}")
    assert (said.status, said.code) == (unknown.status, unknown.code) == (404, "not_found")
    assert (await town.get(town.vuthy, "/supply")).body["items"] == []
    assert (await town.get(town.lim, "/supply")).fields == {"patient_id": "required"}


async def test_S34_the_medicine_of_a_private_line_is_not_named_to_relatives(town: Town) -> None:
    made = await town.cast.treated()
    await recorded(town, made, "counted", 12)
    await town.cast.connect(town.dara, "view+manage")
    hidden = {"patient_id": town.sokha.id, "prescription_id": made.id, "private": True}
    phone = town.sokha.phone
    await phone.does(phone.change("line_setting", made.line_id, (town.sokha.patient_scope,), hidden))
    names = {name: [(one["name"], one["on_hand"]) for one in await supply(town, getattr(town, name))]
             for name in ("sokha", "dara", "lim")}
    assert names == {"sokha": [("Amlodipine", "12")], "dara": [(None, "12")], "lim": [("Amlodipine", "12")]}
    said = await recorded(town, made, "discarded", 2, town.dara, note="wet")
    assert (said.body["event"]["note"], said.body["supply"]["name"], said.body["supply"]["on_hand"]) == (
        None, None, "10")


async def test_F26_who_sees_some_prescriptions_is_told_of_those_and_who_sees_some_days_of_no_figure(town: Town) -> None:
    """A balance made of a few days would be wrong, and one made of all would tell of the others."""
    shown, other = [await town.cast.prescribed(town.sokha.phone) for _ in range(2)]
    for made in (shown, other):
        await recorded(town, made, "counted", 12)
    await town.cast.connect(town.lim, "selected", parts=[shown.id])
    await town.cast.connect(town.chan, "selected", parts=[shown.id], days=[[TODAY, "2026-11-22"]])
    told = {name: [(one["line_id"], one["on_hand"], one["days_left"]) for one in await supply(town, getattr(town, name))
                   ] for name in ("lim", "chan")}
    assert told == {"lim": [(shown.line_id, "12", 4)], "chan": [(shown.line_id, None, None)]}


async def test_F04_what_cannot_be_meant_is_refused_by_name_and_nothing_is_recorded(town: Town) -> None:
    made = await town.cast.treated()
    before = await town.traces()
    for body, field in (({"quantity": "-1"}, "quantity"), ({"quantity": "1.2345"}, "quantity"),
                        ({"quantity": None}, "quantity"), ({"type": "stolen"}, "type"), ({"days_supply": 0},
                        "days_supply"), ({"at": "2026-11-21T08:00:00"}, "at"), ({"on_hand": "5"}, "on_hand"),
                        ({"line_id": "x"}, "line_id")):
        whole = {"line_id": made.line_id, "type": "counted", "quantity": 1, **body}
        said = await town.post(town.sokha, "/supply", whole)
        assert said.status == 400 and field in said.fields, (body, said.body)
    foreign = await recorded(town, made, "counted", 1, patient_id=town.vuthy.id)
    nowhere = await town.post(town.sokha, "/supply", {
        "line_id": town.stage.fresh("line"), "type": "counted", "quantity": 1})
    assert (foreign.status, nowhere.status) == (404, 404)
    for query, field in (("lead_days=x", "lead_days"), ("lead_days=61", "lead_days"), ("lead_days=-1", "lead_days"),
                         ("patient_id=7", "patient_id")):
        said = await town.get(town.sokha, f"/supply?{query}")
        assert said.status == 400 and field in said.fields, query
    assert await town.traces() == before


async def test_tablets_on_hand_say_nothing_of_millilitres(town: Town) -> None:
    """A line whose unit changes is counted anew: an amount in the wrong unit is worse than none."""
    made = await town.cast.prescribed(town.sokha.phone, MORN=1)
    await recorded(town, made, "counted", 12)
    town.stage.now_ms += 60_000
    phone = town.sokha.phone
    syrup = {**town.cast.line(made.line_id, MORN=5), "unit": "ml", "form": "oral"}
    said = await phone.does(town.cast.version(phone, made.id, [syrup], made.version_id))
    assert said.outcome is Outcome.APPLIED
    (told,) = await supply(town)
    assert (told["unit"], told["on_hand"], told["recount"]) == ("ml", None, False)
    town.stage.now_ms += 60_000
    said_again = await recorded(town, made, "counted", 50)
    assert said_again.body["supply"]["on_hand"] == "50"


async def test_a_figure_that_a_bound_cut_short_asks_for_a_recount(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    made = await town.cast.treated()
    await recorded(town, made, "dispensed", 30)
    await recorded(town, made, "dispensed", 30)
    assert [(one["on_hand"], one["recount"]) for one in await supply(town)] == [("60", False)]
    for module in (supplies, door):
        monkeypatch.setattr(module, "MOST_EVENTS", 1)
    assert [one["recount"] for one in await supply(town)] == [True]
    await recorded(town, made, "counted", 58)
    assert [(one["on_hand"], one["recount"]) for one in await supply(town)] == [("58", False)]


async def test_intakes_beyond_the_bound_ask_for_a_recount(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    made = await town.cast.treated()
    await recorded(town, made, "counted", 30)
    phone = town.sokha.phone
    town.stage.at("2026-11-23T20:00:00+07:00")
    changes: list[Change] = [
        phone.change("dose_event", dose["id"], (town.sokha.patient_scope,), {"action": "taken", "at": dose["due_at"]},
                     op=Op.PATCH, base=1) for dose in (await made.doses())[:3]]
    await phone.push(*changes)
    assert [(one["on_hand"], one["recount"]) for one in await supply(town)] == [("25", False)]
    for module in (supplies, door):
        monkeypatch.setattr(module, "MOST_INTAKES", 2)
    assert [one["recount"] for one in await supply(town)] == [True]
    town.stage.now_ms += 60_000
    await recorded(town, made, "counted", 25)
    assert [(one["on_hand"], one["recount"]) for one in await supply(town)] == [("25", False)]


async def test_I16_a_membership_that_ended_reads_no_narrow_rows(town: Town) -> None:
    """The narrow questions hold only while the reader's view is the one they were shown the line through."""
    made = await town.cast.treated()
    await recorded(town, made, "counted", 12)
    await town.cast.connect(town.dara, "view")
    scope, now = town.sokha.patient_scope, "2026-11-21T03:00:00+00:00"
    async with town.house.database.reading() as reading:
        held = await held_by(reading, town.dara.id, scope, now)
    assert held is not None and held.role is Role.VIEWER
    assert len(await supplies.supply_events(town.house.database, held, [made.line_id], now)) == 1
    phone = town.sokha.phone
    link = next(one for one in (await phone.sees("connection")).values() if one["other_id"] == town.dara.id)
    await phone.does(town.cast.link(town.dara, phone, link["version"], status="revoked"))
    assert await supplies.supply_events(town.house.database, held, [made.line_id], now) == []
    since = {made.line_id: "2026-11-01T00:00:00+00:00"}
    assert await supplies.taken_since(town.house.database, held, since, now) == []
    assert await supplies.spoken_for(town.house.database, held, [made.line_id], now) == []
