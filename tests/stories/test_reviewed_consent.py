"""Stories of consent that a review found broken, on every store: ends that were refused, records that were lost, names
that reached people without consent, foundings that failed for ever (R-004, R-031, R-050 to R-053, S-30)."""

from __future__ import annotations

from typing import Any

from sync.access import scope_name
from sync.identity import connection_id
from sync.record import Because, Change, Op, Outcome
from tests.cast import Cast, Person, Phone

CHILD = "0190f3a1-0000-7000-8000-0000000000aa"
HOME = scope_name("patient", CHILD)


def child(phone: Phone, op: Op = Op.UPSERT, base: int = 0, **fields: Any) -> Change:
    return phone.change("patient", CHILD, (HOME,), fields, op=op, base=base)


def childs_link(other: Person, phone: Phone, base: int = 0, **fields: Any) -> Change:
    ends = {"patient_id": CHILD, "other_id": other.id}
    return phone.change("connection", connection_id(CHILD, other.id), (HOME, other.scope), {**ends, **fields},
                        base=base)


async def one_link(phone: Phone) -> dict[str, Any]:
    (link,) = (await phone.sees("connection")).values()
    return link


async def loses_verification(cast: Cast, doctor: Person) -> None:
    change = Change(0, cast.stage.fresh("change"), "profile", doctor.id, (doctor.scope,), Op.PATCH, 0,
                    {"verified": False}, digest="system")
    said = await cast.stage.system(change)
    assert said.results[0].outcome is Outcome.APPLIED


async def test_R031_a_guardian_who_asks_for_their_own_dependant_keeps_the_childs_record(cast: Cast) -> None:
    """The connection would have ended the guardianship: nobody could have read or healed the record any more."""
    dara = cast.dara.phone
    assert (await dara.does(child(dara, first_name="Kid"))).outcome is Outcome.APPLIED
    asked = await dara.does(childs_link(cast.dara, dara, status="pending"))
    assert (asked.outcome, asked.code) == (Outcome.REJECTED, Because.INVALID)
    assert [(detail["field"], detail["code"]) for detail in asked.details] == [("other_id", "not_allowed")]
    assert not await dara.sees("connection")
    assert (await dara.does(child(dara, Op.PATCH, 1, first_name="Kiri"))).outcome is Outcome.APPLIED
    assert (await dara.sees("patient"))[CHILD]["first_name"] == "Kiri"
    doctor = await dara.does(childs_link(cast.lim, dara, status="pending", level="allowed"))
    assert doctor.outcome is Outcome.APPLIED, "others are asked as ever"
    await cast.lim.phone.does(childs_link(cast.lim, cast.lim.phone, doctor.version, status="accepted"))
    assert CHILD in await cast.lim.phone.sees("patient") and CHILD in await dara.sees("patient")
    assert set(await cast.vuthy.phone.sees()) == {cast.vuthy.id}


async def test_R053_a_patient_ends_and_narrows_a_doctor_whose_verification_is_gone(cast: Cast) -> None:
    await cast.treated("allowed")
    await loses_verification(cast, cast.lim)
    sokha, version = cast.sokha.phone, (await one_link(cast.sokha.phone))["version"]
    lowered = await sokha.does(cast.link(cast.lim, sokha, version, level="selected"))
    assert lowered.outcome is Outcome.APPLIED, lowered
    assert not await cast.lim.phone.sees("dose_event")
    raised = await sokha.does(cast.link(cast.lim, sokha, lowered.version, level="allowed"))
    assert (raised.outcome, raised.code) == (Outcome.REJECTED, Because.FORBIDDEN)
    ended = await sokha.does(cast.link(cast.lim, sokha, lowered.version, status="revoked"))
    assert ended.outcome is Outcome.APPLIED, ended
    assert not await cast.lim.phone.sees("patient")
    again = await sokha.does(cast.link(cast.lim, sokha, ended.version, status="pending", generation=2))
    assert (again.outcome, again.code) == (Outcome.REJECTED, Because.FORBIDDEN), "F-31: nobody opens for them anew"


async def test_F31_a_request_of_a_doctor_who_lost_verification_is_declined_but_not_accepted(cast: Cast) -> None:
    lim, sokha = cast.lim.phone, cast.sokha.phone
    asked = await lim.does(cast.link(cast.lim, lim, status="pending"))
    await loses_verification(cast, cast.lim)
    yes = await sokha.does(cast.link(cast.lim, sokha, asked.version, status="accepted", level="allowed"))
    assert (yes.outcome, yes.code) == (Outcome.REJECTED, Because.FORBIDDEN)
    assert (await sokha.does(cast.link(cast.lim, sokha, asked.version, status="declined"))).outcome is Outcome.APPLIED
    assert not await lim.sees("patient")


async def test_R031_a_founding_that_was_refused_can_be_put_right(cast: Cast) -> None:
    """The scope was made before the change was judged, and stood in the way of the corrected record for ever."""
    dara, vuthy = cast.dara.phone, cast.vuthy.phone
    bad = await dara.does(child(dara, last_name="Kid"))
    assert (bad.outcome, bad.code) == (Outcome.REJECTED, Because.INVALID)
    assert not await dara.sees("patient")
    good = await dara.does(child(dara, first_name="Kid"))
    assert (good.outcome, good.code) == (Outcome.APPLIED, Because.NEW), good
    assert (await dara.sees("patient"))[CHILD]["first_name"] == "Kid"
    late = await vuthy.does(child(vuthy, first_name="Mine"))
    assert (late.outcome, late.code, late.version) == (Outcome.REJECTED, Because.FORBIDDEN, 0)
    assert set(await vuthy.sees()) == {cast.vuthy.id}


async def test_S30_a_request_names_who_asks_and_nobody_who_was_asked(cast: Cast) -> None:
    """Vuthy knows an id; he learns no name by asking, nor by being declined. Sokha is told who asks."""
    vuthy = cast.vuthy.phone
    asked = await vuthy.does(cast.link(cast.vuthy, vuthy, status="pending", message="hello"))
    for phone in (vuthy, cast.sokha.phone):
        link = await one_link(phone)
        assert (link["patient_name"], link["other_name"], link["other_role"]) == (None, "Vuthy", "family")
    await cast.sokha.phone.does(cast.link(cast.vuthy, cast.sokha.phone, asked.version, status="declined"))
    link = await one_link(vuthy)
    assert (link["status"], link["patient_name"], link["other_name"]) == ("declined", None, "Vuthy")


async def test_S30_a_patient_who_asks_learns_the_doctors_name_when_the_doctor_accepts(cast: Cast) -> None:
    sokha, lim = cast.sokha.phone, cast.lim.phone
    asked = await sokha.does(cast.link(cast.lim, sokha, status="pending"))
    link = await one_link(sokha)
    assert (link["patient_name"], link["other_name"], link["other_role"]) == ("Sokha", None, "doctor")
    accepted = await lim.does(cast.link(cast.lim, lim, asked.version, status="accepted"))
    link = await one_link(sokha)
    assert (link["patient_name"], link["other_name"]) == ("Sokha", "Lim")
    ended = await lim.does(cast.link(cast.lim, lim, accepted.version, status="revoked"))
    renamed = sokha.change("patient", cast.sokha.id, (cast.sokha.patient_scope,), {"first_name": "Sophea"},
                           op=Op.PATCH, base=1)
    assert (await sokha.does(renamed)).outcome is Outcome.APPLIED
    await sokha.does(cast.link(cast.lim, sokha, ended.version, alerts_enabled=False))
    link = await one_link(lim)
    assert (link["alerts_enabled"], link["patient_name"]) == (False, "Sokha"), "after the end no new name is told"
    again = await lim.does(cast.link(cast.lim, lim, link["version"], status="pending", generation=2))
    assert again.outcome is Outcome.APPLIED
    assert ((await one_link(lim))["patient_name"], (await one_link(lim))["other_name"]) == (None, "Lim")


async def test_R051_requests_are_not_heaped_on_an_open_one(cast: Cast) -> None:
    """A next generation begins where one was closed; else each would ring the patient's phone anew."""
    vuthy = cast.vuthy.phone
    said = [await vuthy.does(cast.link(cast.vuthy, vuthy, 99, status="pending", generation=number, message=str(number)))
            for number in (1, 2, 3)]
    assert [(one.outcome, one.code) for one in said] == [
        (Outcome.APPLIED, Because.NEW), *[(Outcome.REJECTED, Because.WRONG_STATUS)] * 2]
    assert ((await one_link(cast.sokha.phone))["message"], said[0].version) == ("1", 1)


async def test_R051_a_connection_begins_with_its_first_generation(cast: Cast) -> None:
    """One that began with the last number could never be closed and opened again (F-34)."""
    lim = cast.lim.phone
    last = await lim.does(cast.link(cast.lim, lim, status="pending", generation=1_000_000))
    assert (last.outcome, last.code) == (Outcome.REJECTED, Because.INVALID)
    assert [detail["field"] for detail in last.details] == ["generation"]
    assert not await cast.sokha.phone.sees("connection")
    assert (await lim.does(cast.link(cast.lim, lim, status="pending", generation=1))).outcome is Outcome.APPLIED
