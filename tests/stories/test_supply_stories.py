"""Stories of a box of tablets on every store: two phones offline, undo, late sync, a caregiver who fetches (R-314)."""

from __future__ import annotations

from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scheduling.routine import DEFAULT_ROUTINE
from scheduling.supply_line import Moved, Outlook, event_of, intake_of, supply_told
from sync.access import PATIENT_SCOPE, scope_name
from sync.record import Because, Change, Key, Op, Outcome
from sync.values import canonical_instant, instant_of_ms, parse_instant
from tests.cast import Cast, Person, Phone, Treatment

PHNOM_PENH = ZoneInfo("Asia/Phnom_Penh")
TODAY, TOMORROW = "2026-11-21", "2026-11-22"


def at(clock: str, day: str = TODAY) -> str:
    return f"{day}T{clock}:00+07:00"


def event(made: Treatment, phone: Phone, type_: str, quantity: Any, when: str, **more: Any) -> Change:
    """A supply event as a phone records it."""
    told = {"patient_id": made.cast.sokha.id, "line_id": made.line_id, "prescription_id": made.id, "type": type_,
            "quantity": quantity, "at": when, "local_date": when[:10], **more}
    recorded = told.pop("recorded", None)
    return phone.change("supply_event", made.cast.stage.fresh("supply"), (made.cast.sokha.patient_scope,), told,
                        recorded=recorded)


async def supply(made: Treatment, person: Person | None = None) -> dict[str, Any]:
    """The line's supply, reckoned from what this person's empty phone would be told."""
    person = person or made.cast.sokha
    now = instant_of_ms(made.cast.stage.now_ms)

    async def of_line(kind: str) -> list[dict[str, Any]]:
        keys = [Key(kind, made.cast.sokha.patient_scope, id_) for id_ in await person.phone.sees(kind)]
        rows = (await made.cast.stage.store.rows(person.id, keys, now)).rows.values()
        return [{"id": row.id, "hlc": row.hlc, **row.fields} for row in rows if row.fields["line_id"] == made.line_id]

    doses = await of_line("dose_event")
    moved = Moved([event_of(one) for one in await of_line("supply_event")],
                  [intake_of(one) for one in doses if one["action"] == "taken"],
                  frozenset((one["nominal_date"], one["slot_key"], one["occurrence"]) for one in doses
                            if one["action"] in ("taken", "skipped")))
    line = (await person.phone.sees("medication_line"))[made.line_id]
    return supply_told(line, moved, Outlook(DEFAULT_ROUTINE, PHNOM_PENH, parse_instant(now)))


async def dose_of(made: Treatment, day: str, slot: str = "EVE") -> dict[str, Any]:
    return next(dose for dose in await made.doses() if dose["nominal_date"] == day and dose["slot"] == slot)


async def boxed(cast: Cast, quantity: Any) -> Treatment:
    """Amlodipine, 1 in the morning and 2 in the evening, and a box that Sokha has counted at eight."""
    made = await cast.treated()
    phone = cast.sokha.phone
    assert (await phone.does(event(made, phone, "counted", quantity, at("08:00")))).outcome is Outcome.APPLIED
    return made


@pytest.mark.parametrize("order", [*permutations("AuB")])
async def test_two_offline_phones_and_an_undo_take_one_dose_once_in_any_order(
    cast: Cast, order: tuple[str, ...]
) -> None:
    """R-314, S04: A takes the evening dose, takes it back, B had taken it too: two tablets are gone, not four."""
    made = await boxed(cast, 10)
    dose, a, b = await dose_of(made, TODAY), cast.sokha.phone, cast.sokha.second
    cast.stage.at(at("22:00"))
    said = {"A": (a, made.act(a, dose["id"], "taken", base=1, at=at("18:00"), recorded=at("18:00"))),
            "u": (a, made.act(a, dose["id"], "undone", base=1, recorded=at("18:05"))),
            "B": (b, made.act(b, dose["id"], "taken", base=1, at=at("18:30"), recorded=at("18:30")))}
    for who in order:
        phone, change = said[who]
        assert (await phone.does(change)).outcome not in (Outcome.REJECTED, Outcome.DEFERRED)
    assert (await supply(made))["on_hand"] == "8"


async def test_undo_gives_back_and_a_skipped_dose_takes_nothing(cast: Cast) -> None:
    """R-314, S05."""
    made = await boxed(cast, 10)
    phone, (first, second) = cast.sokha.phone, [await dose_of(made, day) for day in (TODAY, TOMORROW)]
    cast.stage.at(at("23:00", TOMORROW))
    taken = await phone.does(made.act(phone, first["id"], "taken", base=1, at=at("18:00")))
    await phone.does(made.act(phone, second["id"], "skipped", base=1))
    assert (await supply(made))["on_hand"] == "8"
    await phone.does(made.act(phone, first["id"], "undone", base=taken.version))
    assert (await supply(made))["on_hand"] == "10"


async def test_what_comes_late_is_reckoned_as_if_it_had_come_in_time(cast: Cast) -> None:
    """F-02: the second phone was offline for two days; its doses before the count are in the count already."""
    made = await cast.treated()
    a, b = cast.sokha.phone, cast.sokha.second
    evening, morning = await dose_of(made, TODAY), await dose_of(made, TOMORROW, "MORN")
    cast.stage.at(at("06:00", TOMORROW))
    await a.does(event(made, a, "dispensed", 30, at("12:00")), event(made, a, "counted", 26, at("06:00", TOMORROW)))
    cast.stage.at(at("09:00", "2026-11-24"))
    late = await b.push(made.act(b, evening["id"], "taken", base=1, at=at("18:00"), recorded=at("18:00")),
                        made.act(b, morning["id"], "taken", base=1, at=at("07:00", TOMORROW),
                                 recorded=at("07:00", TOMORROW)),
                        event(made, b, "discarded", 3, at("07:05", TOMORROW), recorded=at("07:05", TOMORROW)))
    assert {result.outcome for result in late.results} == {Outcome.APPLIED}
    found = await supply(made)
    assert (found["on_hand"], found["recount"]) == ("22", False)
    # 22 tablets from the evening of the 24th: 2, three a day up to the 30th, 1 in the morning; the one left is too few
    assert found["first_uncovered_dose"] == "2026-12-01T18:00:00+07:00"
    assert (found["days_left"], found["refill_remind_at"]) == (7, "2026-11-24T18:00:00+07:00")


async def test_a_dose_taken_ahead_is_not_walked_again(cast: Cast) -> None:
    made = await boxed(cast, 2)
    phone, evening = cast.sokha.phone, await dose_of(made, TODAY)
    assert (await supply(made))["first_uncovered_dose"] == "2026-11-22T07:00:00+07:00"
    await phone.does(made.act(phone, evening["id"], "skipped", base=1))
    assert (await supply(made))["first_uncovered_dose"] == "2026-11-22T18:00:00+07:00"


async def test_a_stock_of_one_never_stops_two_tablets_from_being_recorded(cast: Cast) -> None:
    """S06, R-314."""
    made = await boxed(cast, 1)
    phone, evening = cast.sokha.phone, await dose_of(made, TODAY)
    cast.stage.at(at("18:00"))
    assert (await phone.does(made.act(phone, evening["id"], "taken", base=1))).outcome is Outcome.APPLIED
    found = await supply(made)
    assert (found["on_hand"], found["recount"], found["days_left"]) == ("-1", True, 1)


async def test_a_caregiver_at_the_pharmacy_records_what_was_dispensed_and_who_may_not_does_not(cast: Cast) -> None:
    """TAKERS write, as they record doses; doctors never (R-091), Vuthy not even sees that there is a line."""
    made = await boxed(cast, 4)
    await cast.connect(cast.dara, "view+manage")
    await cast.connect(cast.maly, "view")
    dara = cast.dara.phone
    fetched = event(made, dara, "dispensed", 30, at("08:05"), days_supply=10, note="at Bopha's")
    assert (await dara.does(fetched)).outcome is Outcome.APPLIED
    for person in (cast.maly, cast.lim, cast.chan, cast.vuthy):
        said = await person.phone.does(event(made, person.phone, "discarded", 30, at("08:06")))
        assert (said.outcome, said.code) == (Outcome.REJECTED, Because.FORBIDDEN), person.name
    for person in (cast.sokha, cast.dara, cast.maly, cast.lim):
        assert (await supply(made, person))["on_hand"] == "34", person.name
    assert await cast.vuthy.phone.sees("supply_event") == await cast.chan.phone.sees("supply_event") == {}


async def test_an_event_is_written_once_and_never_changed(cast: Cast) -> None:
    """Append-only: sent again it is the same, changed or deleted it is refused; a count corrects it."""
    made = await boxed(cast, 4)
    phone = cast.sokha.phone
    first = event(made, phone, "dispensed", 300, at("08:05"))
    assert [(await phone.does(first)).outcome for _ in range(2)] == [Outcome.APPLIED] * 2
    scopes = (cast.sokha.patient_scope,)
    for op, fields in ((Op.PATCH, {"quantity": "30"}), (Op.DELETE, {})):
        said = await phone.does(phone.change("supply_event", first.id, scopes, fields, op=op, base=1))
        assert said.outcome is Outcome.REJECTED, op
    assert (await supply(made))["on_hand"] == "304"
    cast.stage.at(at("09:00"))
    await phone.does(event(made, phone, "counted", 34, at("09:00")))
    assert (await supply(made))["on_hand"] == "34"


async def test_an_event_stands_with_its_lines_prescription_and_its_own_date_or_not_at_all(cast: Cast) -> None:
    """S-33: both decide who sees it; a wrong one would show it to a doctor who was not shown that prescription."""
    made, other = await cast.treated(), await cast.prescribed(cast.sokha.phone)
    phone = cast.sokha.phone
    for wrong, field in (({"prescription_id": other.id}, "prescription_id"), ({"local_date": "2026-11-23"},
                         "local_date"), ({"local_date": "2026-11-19"}, "local_date")):
        said = await phone.does(event(made, phone, "counted", 5, at("08:00"), **wrong))
        assert (said.outcome, said.code) == (Outcome.REJECTED, Because.INVALID)
        assert [detail["field"] for detail in said.details] == [field]
    unknown = await phone.does(event(made, phone, "counted", 5, at("08:00"), line_id=cast.stage.fresh("line")))
    assert unknown.outcome is Outcome.DEFERRED, "the line may be on its way"
    elsewhere = phone.change("supply_event", cast.stage.fresh(), (scope_name(PATIENT_SCOPE, cast.vuthy.id),), {
        **event(made, phone, "counted", 5, at("08:00")).fields, "patient_id": cast.vuthy.id})
    assert (await phone.does(elsewhere)).outcome is Outcome.REJECTED
    assert await phone.sees("supply_event") == {}


async def test_a_count_by_a_phone_set_to_2099_hides_no_dose_taken_after_it(cast: Cast) -> None:
    """F-62: a count cannot have happened after the server knew that it was recorded."""
    made = await boxed(cast, 10)
    wrong, phone, evening = cast.sokha.second, cast.sokha.phone, await dose_of(made, TODAY)
    wrong.skew_ms = 73 * 365 * 86_400_000
    cast.stage.at(at("09:00"))
    said = await wrong.does(event(made, wrong, "counted", 12, canonical_instant("2099-11-03T09:00:00+07:00")))
    assert said.outcome is Outcome.APPLIED
    cast.stage.at(at("18:00"))
    await phone.does(made.act(phone, evening["id"], "taken", base=1))
    assert (await supply(made))["on_hand"] == "10"


async def test_who_is_shown_some_prescriptions_and_days_is_shown_their_events_alone(cast: Cast) -> None:
    """F-26, S-34: events are hidden as doses are; words on a private line are not told to relatives."""
    shown, hidden = await boxed(cast, 10), await cast.prescribed(cast.sokha.phone)
    phone = cast.sokha.phone
    cast.stage.at(at("12:00", TOMORROW))
    await phone.push(event(shown, phone, "counted", 9, at("12:00", TOMORROW), note="in the blue tin"),
                     event(hidden, phone, "counted", 5, at("12:00", TOMORROW)))
    await cast.connect(cast.chan, "selected", parts=[shown.id], days=[[TOMORROW, TOMORROW]])
    assert [row["quantity"] for row in (await cast.chan.phone.sees("supply_event")).values()] == ["9"]
    await cast.connect(cast.dara, "view")
    private = {"patient_id": cast.sokha.id, "prescription_id": shown.id, "private": True}
    await phone.does(phone.change("line_setting", shown.line_id, (cast.sokha.patient_scope,), private))
    told = {person.name: {row["note"] for row in (await person.phone.sees("supply_event")).values()}
            for person in (cast.dara, cast.lim)}
    assert told["dara"] == {None} and "in the blue tin" in told["lim"]
