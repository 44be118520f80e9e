"""Stories of medicines taken when needed, told by phones on every store: what was swallowed is kept, and counted once.

Each phone knows the guard itself (scheduling/as_needed.py) and asks it over the rows it holds (R-118, N-08, F-18).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from scheduling.as_needed import Allowance, Intake, Reason, allowance, warning
from scheduling.as_needed_lines import intakes_of, limits_of
from sync.identity import dose_id, uuid7
from sync.record import Because, Change, Outcome
from sync.values import instant_of_ms, parse_instant
from tests.cast import Cast, Phone, Treatment

PHNOM_PENH = ZoneInfo("Asia/Phnom_Penh")
TODAY = "2026-11-21"


async def needed(cast: Cast, **limits: Any) -> Treatment:
    """Sokha's own prescription of paracetamol, to be taken when needed."""
    made = Treatment(cast, cast.stage.fresh(), cast.stage.fresh(), cast.stage.fresh())
    phone = cast.sokha.phone
    line = {**cast.line(made.line_id, "Paracetamol"), "plan": None, "as_needed": limits}
    settled = await phone.push(cast.prescription(phone, made.id),
                               cast.version(phone, made.id, [line], id_=made.version_id))
    assert [result.outcome for result in settled.results] == [Outcome.APPLIED] * 2, settled.results
    return made


def intake(made: Treatment, phone: Phone, clock: str, **fields: Any) -> Change:
    """An intake as a phone without connection records it: under an id of its own, on the patient's calendar."""
    at = f"{TODAY}T{clock}:00+07:00"
    own = uuid7(made.cast.stage.now_ms, made.cast.stage.count << 20 | ord(phone.device[0]))
    told = {"patient_id": made.cast.sokha.id, "line_id": made.line_id, "nominal_date": TODAY, "slot_key": own,
            "action": "taken", "at": at, **fields}
    return phone.change("dose_event", dose_id(made.line_id, TODAY, own), (made.cast.sokha.patient_scope,), told,
                        recorded=at)


async def guard(made: Treatment, phone: Phone) -> Allowance:
    """What this phone says now, once it has pulled."""
    (version,) = (await phone.sees("prescription_version")).values()
    now = parse_instant(instant_of_ms(made.cast.stage.now_ms))
    limits = limits_of(version["lines"][0], now, PHNOM_PENH)
    assert limits is not None
    return allowance(limits, intakes_of((await phone.sees("dose_event")).values()), now, Decimal(1), PHNOM_PENH)


async def test_n08_two_phones_offline_record_an_early_third_dose_which_is_kept_and_warned_of(cast: Cast) -> None:
    """R-118, F-18: at most two in 24 hours, six hours apart; the phones learn of each other too late."""
    made = await needed(cast, min_interval_min=360, max_count_24h=2)
    first, second = cast.sokha.phone, cast.sokha.second
    said = [(first, intake(made, first, "08:00")), (first, intake(made, first, "14:00")),
            (second, intake(made, second, "12:00", amount="1"))]
    cast.stage.at(f"{TODAY}T15:00:00+07:00")
    for phone, change in said:
        result = await phone.does(change)
        assert (result.outcome, result.code) == (Outcome.APPLIED, Because.NEW), "never refused for being too early"
    rows = await made.doses()
    assert [(row["at"][11:16], row["planned"], row["action"], row["conflict"]) for row in rows] == [
        (clock, False, "taken", None) for clock in ("01:00", "05:00", "07:00")], "three intakes, three rows"
    third = next(row for row in rows if row["amount"] == "1")
    others = intakes_of(row for row in rows if row is not third)
    version = next(iter((await first.sees("prescription_version")).values()))
    limits = limits_of(version["lines"][0], parse_instant(third["at"]), PHNOM_PENH)
    assert limits is not None
    said_of_it = warning(limits, others, Intake(parse_instant(third["at"])), PHNOM_PENH)
    assert said_of_it is not None
    assert said_of_it.reasons == (Reason.MIN_INTERVAL, Reason.MAX_COUNT_24H)
    for phone in (first, second):
        now = await guard(made, phone)
        assert (now.allowed, now.reasons) == (False, (Reason.MIN_INTERVAL, Reason.MAX_COUNT_24H))
        assert now.next_allowed_at.isoformat() == "2026-11-22T12:00:00+07:00", "08:00 and 12:00 are a day old then"
    assert await cast.vuthy.phone.sees("dose_event") == {}


async def test_an_intake_sent_twice_or_taken_back_is_counted_as_often_as_it_was_swallowed(cast: Cast) -> None:
    """P05, R-154: a lost answer makes no second intake, an undo gives the freedom back."""
    made = await needed(cast, min_interval_min=360)
    phone = cast.sokha.phone
    change = intake(made, phone, "08:00")
    kept = await phone.does(change)
    again = await phone.does(change)
    assert (again.outcome, again.version) == (kept.outcome, kept.version), "a replay tells the same"
    assert len(await made.doses()) == 1
    assert not (await guard(made, phone)).allowed
    assert (await phone.does(made.act(phone, change.id, "undone", base=kept.version or 0))).outcome is Outcome.APPLIED
    assert (await guard(made, phone)).allowed


async def test_r205_an_intake_of_a_line_that_ended_meanwhile_is_kept(cast: Cast) -> None:
    """The phone was offline when Sokha stopped the prescription on her other phone; the pill was swallowed."""
    made = await needed(cast, max_count_24h=4)
    phone, second = cast.sokha.phone, cast.sokha.second
    change = intake(made, phone, "08:05")
    assert (await second.does(cast.answer(second, made.id, "stop", made.version_id))).outcome is Outcome.APPLIED
    assert (await phone.does(change)).outcome is Outcome.APPLIED
    (row,) = await made.doses()
    assert (row["planned"], row["action"], row["state"]) == (False, "taken", "planned")
