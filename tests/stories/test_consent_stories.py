"""Stories of consent on every store: who sees what from when on, what a revocation ends (R-050 to R-054, R-203)."""

from __future__ import annotations

from typing import Any

import pytest

from sync.record import Because, Op, Outcome
from tests.cast import Cast, Person

TEN, FIVE_PAST = "2026-11-21T10:00:00+07:00", "2026-11-21T10:05:00+07:00"


async def asked(cast: Cast, other: Person) -> int:
    """The other has asked Sokha; returns the connection's version."""
    said = await other.phone.does(cast.link(other, other.phone, status="pending"))
    assert said.outcome is Outcome.APPLIED, said
    return said.version


@pytest.mark.parametrize("revoke_first", [True, False])
async def test_a_revocation_absorbs_an_acceptance_whatever_the_clocks_say(cast: Cast, revoke_first: bool) -> None:
    """Accept 10:05 on one phone, revoke 10:00 on the other, both offline, both orders of arrival → revoked (R-051)."""
    version = await asked(cast, cast.lim)
    cast.stage.at("2026-11-21T12:00:00+07:00")
    accept = cast.link(cast.lim, cast.sokha.phone, version, FIVE_PAST, status="accepted", level="allowed")
    revoke = cast.link(cast.lim, cast.sokha.second, version, TEN, status="revoked")
    if revoke_first:
        assert (await cast.sokha.second.does(revoke)).outcome is Outcome.APPLIED
        late = await cast.sokha.phone.does(accept)
        assert (late.outcome, late.code) == (Outcome.REJECTED, Because.CLOSED_GENERATION)
    else:
        await cast.sokha.phone.does(accept)
        assert (await cast.sokha.second.does(revoke)).outcome is Outcome.APPLIED
    link = next(iter((await cast.sokha.phone.sees("connection")).values()))
    assert link["status"] == "revoked"
    assert not await cast.lim.phone.sees("patient"), "revoked means that nothing is seen"


async def test_f34_after_a_revocation_the_same_two_can_connect_again(cast: Cast) -> None:
    """F-34: generation 2 opens anew, with nothing chosen by silence; the first generation's words stay closed."""
    await cast.treated("allowed")
    link = next(iter((await cast.sokha.phone.sees("connection")).values()))
    gone = await cast.sokha.phone.does(cast.link(cast.lim, cast.sokha.phone, link["version"], status="revoked"))
    again = await cast.lim.phone.does(cast.link(cast.lim, cast.lim.phone, gone.version, status="pending", generation=2))
    assert again.outcome is Outcome.APPLIED
    sokha = cast.sokha.phone
    old = await sokha.does(cast.link(cast.lim, sokha, link["version"], status="accepted", generation=1))
    assert (old.outcome, old.code) == (Outcome.REJECTED, Because.CLOSED_GENERATION)
    yes = await sokha.does(cast.link(cast.lim, sokha, again.version, status="accepted", generation=2))
    assert yes.outcome is Outcome.APPLIED
    assert not await cast.lim.phone.sees("prescription"), "no level named: nothing is shown until it is chosen"


async def test_a_doctor_with_selected_sees_the_chosen_prescription_and_nothing_else(cast: Cast) -> None:
    """F-26: at pull and in push answers; Dr Chan is shown one of two prescriptions, on one day."""
    shown, hidden = await cast.treated(), await cast.prescribed(cast.lim.phone, confirm=True, NOON=1)
    days = [["2026-11-22", "2026-11-22"]]
    await cast.connect(cast.chan, "selected", parts=[shown.id], days=days)
    chan = cast.chan.phone
    rows = await chan.sees()
    assert set(await chan.sees("prescription")) == {shown.id}
    assert {row["line_id"] for row in (await chan.sees("dose_event")).values()} == {shown.line_id}
    assert {row["nominal_date"] for row in (await chan.sees("dose_event")).values()} == {"2026-11-22"}
    assert hidden.id not in rows and hidden.line_id not in rows and cast.sokha.id not in rows

    def edit(rx: str) -> Any:
        return chan.change("prescription", rx, (cast.sokha.patient_scope,), {"note": "x"}, op=Op.PATCH, base=0)

    first = await chan.push(edit(hidden.id), edit(shown.id), batch_id=cast.stage.fresh("peek"))
    assert [result.outcome for result in first.results] == [Outcome.REJECTED] * 2
    assert (first.results[0].code, first.results[0].version) == (Because.FORBIDDEN, 0)
    assert {key.id for key in first.rows} <= {shown.id}


async def test_a_replay_tells_rows_through_todays_view(cast: Cast) -> None:
    """S-64, P04: what was told then is not told again to somebody who may not see it now."""
    await a_replay_tells_through_todays_view(cast)


async def a_replay_tells_through_todays_view(cast: Cast) -> None:
    shown = await cast.treated()
    await cast.connect(cast.chan, "selected", parts=[shown.id])
    chan = cast.chan.phone
    stale = cast.version(chan, shown.id, [cast.line(shown.line_id)], None)
    first = await chan.push(stale, batch_id=cast.stage.fresh("peek"))
    assert [key.id for key in first.rows] == [shown.version_id], first.results
    link = next(row for row in (await cast.sokha.phone.sees("connection")).values() if row["other_id"] == cast.chan.id)
    await cast.sokha.phone.does(cast.link(cast.chan, cast.sokha.phone, link["version"], parts=[]))
    again = await chan.push(stale, batch_id=first.batch_id)
    assert again.replayed and not again.rows, "a replay told a row that is not shown any more"


async def test_a_grant_makes_old_rows_arrive_and_a_revocation_takes_them_at_the_next_pull(cast: Cast) -> None:
    """P07, issue 2: rows from before the grant come; `removed` names the scope once; the stranger sees nothing ever."""
    await cast.treated()
    dara = cast.dara.phone
    await dara.pull()
    await cast.connect(cast.dara, "view")
    page = await dara.pull()
    assert cast.sokha.patient_scope in {scope["name"] for scope in page.added}
    assert {change["kind"] for change in page.changes} >= {"dose_event", "prescription", "patient"}
    link = next(row for row in (await cast.sokha.phone.sees("connection")).values() if row["other_id"] == cast.dara.id)
    await cast.sokha.phone.does(cast.link(cast.dara, cast.sokha.phone, link["version"], status="revoked"))
    page = await dara.pull()
    assert [scope["name"] for scope in page.removed] == [cast.sokha.patient_scope]
    assert not (await dara.pull()).removed
    assert set(await cast.vuthy.phone.sees()) == {cast.vuthy.id}


async def revoked_dara(cast: Cast) -> tuple[Any, dict[str, Any]]:
    """Dara managed, and lost it at 12:00; returns Sokha's treatment and a dose that was due before."""
    treatment = await cast.treated()
    await cast.connect(cast.dara, "view+manage")
    dose = (await treatment.doses())[0]
    await cast.dara.phone.pull()
    cast.stage.at("2026-11-21T19:00:00+07:00")
    link = next(row for row in (await cast.sokha.phone.sees("connection")).values() if row["other_id"] == cast.dara.id)
    await cast.sokha.phone.does(cast.link(cast.dara, cast.sokha.phone, link["version"], status="revoked"))
    cast.stage.at("2026-11-21T21:00:00+07:00")
    return treatment, dose


async def test_f61_a_fact_from_before_the_revocation_arrives_and_tells_nothing_back(cast: Cast) -> None:
    """F-61: the dose given at 18:10, sent after the access ended at 19:00, counts; later deeds and other kinds wait."""
    treatment, dose = await revoked_dara(cast)
    dara = cast.dara.phone
    given = treatment.act(dara, dose["id"], "taken", base=1, recorded="2026-11-21T18:10:00+07:00")
    settled = await dara.push(given, cast.answer(dara, treatment.id, "shown"))
    assert [(r.outcome, r.code, r.version) for r in settled.results] == [
        (Outcome.ACCEPTED_LATE, Because.ACCESS_REVOKED, 0), (Outcome.ACCEPTED_LATE, Because.QUARANTINED, 0)]
    assert not settled.rows
    row = next(row for row in await treatment.doses() if row["id"] == dose["id"])
    assert (row["action"], row["recorded_authority"]) == ("taken", "late")


async def test_f61_the_grace_ends_at_the_devices_first_contact(cast: Cast) -> None:
    """Security of sync (DESIGN.md 11): who has been told of the end can no longer speak as if they had not."""
    await the_grace_ends(cast)


async def the_grace_ends(cast: Cast) -> None:
    treatment, dose = await revoked_dara(cast)
    dara = cast.dara.phone
    assert (await dara.pull()).removed
    late = await dara.does(treatment.act(dara, dose["id"], "taken", base=1, recorded="2026-11-21T18:10:00+07:00"))
    assert late.outcome is Outcome.REJECTED, "the grace has no end"
    assert (await treatment.doses())[0]["action"] is None


async def test_f61_a_late_word_ranks_below_the_patients_own(cast: Cast) -> None:
    treatment, dose = await revoked_dara(cast)
    await cast.sokha.phone.does(treatment.act(cast.sokha.phone, dose["id"], "skipped", base=1))
    await cast.dara.phone.does(
        treatment.act(cast.dara.phone, dose["id"], "taken", base=1, recorded="2026-11-21T18:10:00+07:00"))
    row = next(row for row in await treatment.doses() if row["id"] == dose["id"])
    assert (row["action"], row["conflict"]) == ("skipped", None)


async def test_f25_nobody_but_the_patient_sets_a_level(cast: Cast) -> None:
    version = await asked(cast, cast.dara)
    raised = await cast.dara.phone.does(cast.link(cast.dara, cast.dara.phone, version, level="view+manage"))
    assert (raised.outcome, raised.code) == (Outcome.REJECTED, Because.FORBIDDEN)
    mine = await cast.dara.phone.does(cast.link(cast.dara, cast.dara.phone, version, status="accepted"))
    assert mine.outcome is Outcome.REJECTED, "nobody accepts their own request (R-050)"


async def test_f24_foreign_ids_read_and_change_nothing(cast: Cast) -> None:
    """Vuthy writes with true ids of Sokha's rows: forbidden, version 0, no row; and nothing has moved."""
    treatment = await cast.treated()
    dose, vuthy = (await treatment.doses())[0], cast.vuthy.phone
    settled = await vuthy.push(
        treatment.act(vuthy, dose["id"], "taken", base=1),
        vuthy.change("prescription", treatment.id, (cast.sokha.patient_scope,), {"note": "x"}, op=Op.PATCH, base=1),
        vuthy.change("patient", cast.sokha.id, (cast.sokha.patient_scope,), {"first_name": "x"}, op=Op.PATCH, base=1))
    assert [(r.outcome, r.code, r.version) for r in settled.results] == [(Outcome.REJECTED, Because.FORBIDDEN, 0)] * 3
    assert not settled.rows
    assert (await treatment.doses())[0] == dose
    assert set(await vuthy.sees()) == {cast.vuthy.id}


async def test_a_private_line_loses_its_name_for_relatives_at_once(cast: Cast) -> None:
    """S-34: through every kind that tells it, and it comes back when the patient says so."""
    treatment = await cast.treated()
    await cast.connect(cast.maly, "view")
    before = (await cast.maly.phone.sees("medication_line"))[treatment.line_id]
    assert before["name"] == "Amlodipine"
    for private, name in ((True, None), (False, "Amlodipine")):
        set_ = cast.sokha.phone.change("line_setting", treatment.line_id, (cast.sokha.patient_scope,), {
            "patient_id": cast.sokha.id, "prescription_id": treatment.id, "private": private}, base=9)
        await cast.sokha.phone.does(set_)
        rows = await cast.maly.phone.sees()
        assert rows[treatment.line_id]["name"] == name
        assert [line["name"] for line in rows[treatment.version_id]["lines"]] == [name]
        assert (await cast.lim.phone.sees("medication_line"))[treatment.line_id]["name"] == "Amlodipine"
