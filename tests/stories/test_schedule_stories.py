"""What a plan means to the phone that holds its doses: instants, horizon, timing, and doses no plan yields."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from scheduling.lifecycle import Status, Timing, status_of, timing_of
from sync.identity import dose_id
from sync.record import Because, Outcome
from sync.values import instant_of_ms, parse_instant
from tests.cast import Cast, Treatment

PHNOM_PENH = ZoneInfo("Asia/Phnom_Penh")


def local(dose: dict[str, Any]) -> datetime:
    return parse_instant(dose["due_at"]).astimezone(PHNOM_PENH)


async def written(cast: Cast, **segment: Any) -> Treatment:
    """Sokha writes her own prescription with one line of one segment; it is in force at once."""
    made = Treatment(cast, cast.stage.fresh(), cast.stage.fresh(), cast.stage.fresh())
    line = cast.line(made.line_id)
    line["plan"] = {"segments": [segment]}
    phone = cast.sokha.phone
    settled = await phone.push(
        cast.prescription(phone, made.id), cast.version(phone, made.id, [line], id_=made.version_id))
    assert [r.outcome for r in settled.results] == [Outcome.APPLIED] * 2, settled.results
    return made


def times(*clock: str) -> dict[str, Any]:
    return {"type": "times", "times": list(clock)}


async def test_start_end_and_own_times_all_move_the_instants(cast: Cast) -> None:
    """F-10: a start in the middle of a day, an inclusive last date, and clock times of one's own."""
    made = await written(cast, start="2026-11-21T12:30", until="2026-11-23", time_rule=times("09:15", "20:45"), dose=1)
    assert [local(dose).strftime("%d %H:%M") for dose in await made.doses()] == [
        "21 20:45", "22 09:15", "22 20:45", "23 09:15", "23 20:45"]


async def test_the_phone_holds_more_than_14_days(cast: Cast) -> None:
    """F-22, R-113: one pull after the confirmation brings the doses of 30 days."""
    made = await cast.treated()
    days = {local(dose).date() for dose in await made.doses()}
    assert len(days) >= 30
    assert max(days) - min(days) >= timedelta(days=29)


async def test_early_and_late_is_taken_with_its_timing_and_never_missed(cast: Cast) -> None:
    """F-05: three hours apart, 31 minutes early is on time and 121 late is past the missed limit: both are taken."""
    made = await written(cast, start="2026-11-21", time_rule=times("10:00", "13:00"), dose=1)
    first, second = (await made.doses())[:2]
    phone = cast.sokha.phone
    cast.stage.at("2026-11-21T23:59:00+07:00")
    for dose, at in ((first, "2026-11-21T09:29:00+07:00"), (second, "2026-11-21T15:01:00+07:00")):
        assert (await phone.does(made.act(phone, dose["id"], "taken", base=1, at=at))).outcome is Outcome.APPLIED
    now = parse_instant(instant_of_ms(cast.stage.now_ms))
    for dose, timing in zip((await made.doses())[:2], (Timing.ON_TIME, Timing.VERY_LATE), strict=True):
        due, taken = parse_instant(dose["due_at"]), parse_instant(dose["at"])
        on_time, missed = dose["on_time_min"], dose["missed_after_min"]
        status = status_of(due_at=due, action=dose["action"], at=taken, state=dose["state"], now=now,
                           on_time_min=on_time, missed_after_min=missed)
        assert (status, timing_of(due, taken, on_time, missed)) == (Status.TAKEN, timing)


async def test_an_intake_that_no_plan_yields_is_kept_and_never_missed(cast: Cast) -> None:
    """F-18, R-205: a medicine taken when needed has no planned dose; what the phone recorded offline stays."""
    made = Treatment(cast, cast.stage.fresh(), cast.stage.fresh(), cast.stage.fresh())
    phone = cast.sokha.phone
    line = {**cast.line(made.line_id, "Paracetamol"), "plan": None, "as_needed": {"min_interval_min": 360}}
    await phone.push(cast.prescription(phone, made.id), cast.version(phone, made.id, [line], id_=made.version_id))
    assert await made.doses() == []
    told = {"patient_id": cast.sokha.id, "line_id": made.line_id, "nominal_date": "2026-11-21", "slot_key": "0:need",
            "occurrence": 0, "action": "taken", "at": "2026-11-21T03:00:00+07:00", "amount": "2"}
    id_ = dose_id(made.line_id, "2026-11-21", "0:need")
    result = await phone.does(phone.change("dose_event", id_, (cast.sokha.patient_scope,), told))
    assert (result.outcome, result.code) == (Outcome.APPLIED, Because.NEW)
    (dose,) = await made.doses()
    assert (dose["planned"], dose["action"], dose["amount"]) == (False, "taken", "2")
    assert await cast.vuthy.phone.sees("dose_event") == {}


async def test_a_dose_under_a_wrong_id_is_refused_by_name(cast: Cast) -> None:
    """N-04: the id must be what line, date, slot and occurrence make of it."""
    made = await cast.treated()
    told = {"patient_id": cast.sokha.id, "line_id": made.line_id, "nominal_date": "2026-11-22", "slot_key": "0:MORN",
            "action": "taken"}
    phone = cast.sokha.phone
    result = await phone.does(phone.change("dose_event", cast.stage.fresh(), (cast.sokha.patient_scope,), told))
    assert (result.outcome, result.code) == (Outcome.REJECTED, Because.INVALID)
    assert result.details[0]["field"] == "id"


async def test_new_slot_times_move_future_doses_and_keep_their_ids(cast: Cast) -> None:
    """R-032, F-15: what was recorded keeps its hour, nothing doubles."""
    made = await cast.treated()
    before = {dose["id"]: local(dose) for dose in await made.doses()}
    evening = next(id_ for id_, due in before.items() if due.strftime("%d %H:%M") == "21 18:00")
    phone = cast.sokha.phone
    await phone.does(made.act(phone, evening, "taken", base=1, at="2026-11-21T08:00:00+07:00"))
    hours = {"MORN": "06:30", "NOON": "12:00", "EVE": "19:00", "NIGHT": "21:00"}
    await phone.does(phone.change("patient", cast.sokha.id, (cast.sokha.patient_scope,), {"slot_times": hours}, base=1))
    after = {dose["id"]: local(dose) for dose in await made.doses()}
    assert after.keys() == before.keys()
    assert after[evening] == before[evening]
    assert {due.strftime("%H:%M") for id_, due in after.items() if id_ != evening} == {"06:30", "19:00"}
