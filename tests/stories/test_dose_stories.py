"""Stories of one dose, told by phones on every store: what was done about it is what its people said (DESIGN.md 11)."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from sync.access import PATIENT_SCOPE, scope_name
from sync.identity import dose_id
from sync.record import Because, Change, Op, Outcome
from sync.values import canonical_instant
from tests.cast import Cast, Phone, Treatment

EIGHT, HALF_PAST, TWENTY_TO_NINE = (f"2026-11-21T{hour}:00+07:00" for hour in ("08:00", "08:30", "08:40"))
NOON = "2026-11-21T12:00:00+07:00"


async def first_dose(treatment: Treatment) -> dict[str, Any]:
    return (await treatment.doses())[0]


async def stands(treatment: Treatment, dose: str) -> tuple[str | None, str | None, str | None]:
    """(action, at, conflict) as a fresh phone of the patient is told them."""
    row = next(row for row in await treatment.doses() if row["id"] == dose)
    return row["action"], row["at"], row["conflict"]


@pytest.mark.parametrize("order", [*permutations("AaB")])
async def test_an_undo_retracts_only_what_its_author_had_seen(cast: Cast, order: tuple[str, ...]) -> None:
    """First story: A takes 08:00 and undoes it, B takes 08:30, none has seen the other → taken 08:30, in any order."""
    treatment = await cast.treated()
    dose = await first_dose(treatment)
    phone_a, phone_b = cast.sokha.phone, cast.sokha.second
    cast.stage.at(NOON)

    def act(phone: Phone, action: str, recorded: str, at: str | None = None) -> Change:
        return treatment.act(phone, dose["id"], action, base=dose["version"], at=at, recorded=recorded)

    said = {"A": (phone_a, act(phone_a, "taken", EIGHT, EIGHT)),
            "a": (phone_a, act(phone_a, "undone", "2026-11-21T08:05:00+07:00")),
            "B": (phone_b, act(phone_b, "taken", HALF_PAST, HALF_PAST))}
    for who in order:
        phone, change = said[who]
        assert (await phone.does(change)).outcome not in (Outcome.REJECTED, Outcome.DEFERRED)
    assert await stands(treatment, dose["id"]) == ("taken", canonical_instant(HALF_PAST), None)


async def test_an_undo_in_the_same_batch_spares_a_strangers_word(cast: Cast) -> None:
    """First story as phones send it: A's two changes in one batch, after B's."""
    await an_undo_spares_a_strangers_word(cast)


async def an_undo_spares_a_strangers_word(cast: Cast) -> None:
    treatment = await cast.treated()
    dose = await first_dose(treatment)
    cast.stage.at(NOON)
    phone, second = cast.sokha.phone, cast.sokha.second
    await second.does(treatment.act(second, dose["id"], "taken", base=1, at=HALF_PAST, recorded=HALF_PAST))
    await phone.push(treatment.act(phone, dose["id"], "taken", base=1, at=EIGHT, recorded=EIGHT),
                     treatment.act(phone, dose["id"], "undone", base=1, recorded="2026-11-21T08:05:00+07:00"))
    assert await stands(treatment, dose["id"]) == ("taken", canonical_instant(HALF_PAST), None)


async def test_undoing_ones_own_leaves_the_others(cast: Cast) -> None:
    """Second story: A takes 08:00, B takes 08:30, A undoes its own → taken 08:30; while both stood, an alert."""
    treatment = await cast.treated()
    dose = await first_dose(treatment)
    cast.stage.at(NOON)
    phone_a, phone_b = cast.sokha.phone, cast.sokha.second
    mine = await phone_a.does(treatment.act(phone_a, dose["id"], "taken", base=1, at=EIGHT, recorded=EIGHT))
    other = await phone_b.does(treatment.act(phone_b, dose["id"], "taken", base=1, at=HALF_PAST, recorded=HALF_PAST))
    assert (other.outcome, other.code) == (Outcome.MERGED, Because.EARLIEST_KEPT)
    assert await stands(treatment, dose["id"]) == ("taken", canonical_instant(EIGHT), "possible_double_dose")
    await phone_a.does(treatment.act(phone_a, dose["id"], "undone", base=mine.version))
    assert await stands(treatment, dose["id"]) == ("taken", canonical_instant(HALF_PAST), None)


async def test_a_sequential_correction_moves_the_time_later(cast: Cast) -> None:
    """Third story: taken 08:00, corrected to 08:40 by somebody who saw it → 08:40, not the earliest."""
    treatment = await cast.treated()
    dose = await first_dose(treatment)
    cast.stage.at(NOON)
    phone = cast.sokha.phone
    first = await phone.does(treatment.act(phone, dose["id"], "taken", base=1, at=EIGHT, recorded=EIGHT))
    second = cast.sokha.second
    fixed = await second.does(treatment.act(second, dose["id"], "taken", base=first.version, at=TWENTY_TO_NINE))
    assert (fixed.outcome, fixed.code) == (Outcome.APPLIED, Because.SEQUENTIAL)
    assert await stands(treatment, dose["id"]) == ("taken", canonical_instant(TWENTY_TO_NINE), None)


async def test_two_offline_phones_that_compute_a_dose_make_one(cast: Cast) -> None:
    """N-04: both phones create the dose before the server told it; the server's schedule completes the one row."""
    treatment = await cast.treated()
    dose = await first_dose(treatment)
    for phone, at in ((cast.sokha.phone, EIGHT), (cast.sokha.second, HALF_PAST)):
        told = {"patient_id": cast.sokha.id, "line_id": treatment.line_id, "nominal_date": dose["nominal_date"],
                "slot_key": dose["slot_key"], "occurrence": 0, "action": "taken", "at": at}
        id_ = dose_id(treatment.line_id, dose["nominal_date"], dose["slot_key"])
        assert id_ == dose["id"]
        said = await phone.does(phone.change("dose_event", id_, (cast.sokha.patient_scope,), told))
        assert said.outcome in (Outcome.APPLIED, Outcome.MERGED)
    rows = [row for row in await treatment.doses() if row["id"] == dose["id"]]
    assert [(row["due_at"], row["at"]) for row in rows] == [(dose["due_at"], canonical_instant(EIGHT))]


async def test_f60_one_bad_change_leaves_its_neighbours_applied(cast: Cast) -> None:
    """F-60: a refusal undoes nobody's work, wherever it stands in the batch, and is final."""
    treatment = await cast.treated()
    doses, phone = (await treatment.doses())[:3], cast.sokha.phone
    for place in range(3):
        changes = [treatment.act(phone, dose["id"], "taken", base=dose["version"]) for dose in doses]
        bad = phone.change("dose_event", doses[place]["id"], (scope_name(PATIENT_SCOPE, cast.vuthy.id),),
                           {"action": "taken"}, op=Op.PATCH)
        changes.insert(place, bad)
        outcomes = [result.outcome for result in (await phone.push(*changes)).results]
        assert outcomes[place] is Outcome.REJECTED and outcomes.count(Outcome.REJECTED) == 1


@pytest.mark.parametrize("skew_days", [-2, -1, 1, 2, 73 * 365])
async def test_f62_a_wrong_clock_neither_wins_for_ever_nor_is_refused(cast: Cast, skew_days: int) -> None:
    """F-62: a phone set to 2099 or days off is corrected; an honest later edit of another phone beats it."""
    await a_wrong_clock_does_not_win(cast, skew_days)


async def a_phone_set_to_2099_does_not_win(cast: Cast) -> None:
    await a_wrong_clock_does_not_win(cast, 73 * 365)


async def a_wrong_clock_does_not_win(cast: Cast, skew_days: int) -> None:
    treatment = await cast.treated()
    dose = await first_dose(treatment)
    wrong, right = cast.sokha.phone, cast.sokha.second
    wrong.skew_ms = skew_days * 86_400_000
    change = treatment.act(wrong, dose["id"], "skipped", base=1)
    said = await wrong.does(change)
    assert said.outcome is Outcome.APPLIED
    cast.stage.now_ms += 600_000
    later = await right.does(treatment.act(right, dose["id"], "taken", base=1))
    assert later.outcome is Outcome.APPLIED
    assert (await stands(treatment, dose["id"]))[0] == "taken"
    row = next(row for row in await treatment.doses() if row["id"] == dose["id"])
    assert row["recorded_at"] <= canonical_instant(cast.stage.now_ms), "no winner from the future"


async def test_a_replay_says_the_same_and_writes_nothing(cast: Cast) -> None:
    """P05: the batch again, and each change of it alone in another batch."""
    treatment = await cast.treated()
    doses, phone = (await treatment.doses())[:3], cast.sokha.phone
    changes = [treatment.act(phone, dose["id"], "taken", base=1) for dose in doses]
    first = await phone.push(*changes, batch_id=cast.stage.fresh("replayed"))
    again = await phone.push(*changes, batch_id=first.batch_id)
    assert again.replayed and not again.heads
    said = [(r.outcome, r.code, r.version) for r in first.results]
    assert [(r.outcome, r.code, r.version) for r in again.results] == said
    alone = [await phone.does(change) for change in reversed(changes)]
    assert [(r.outcome, r.code, r.version) for r in reversed(alone)] == said
    assert [row["version"] for row in (await treatment.doses())[:3]] == [2, 2, 2]


@pytest.mark.parametrize("action", ["taken", "undone"])
async def test_a_word_on_an_unplanned_dose_survives_the_plan_that_yields_it_later(cast: Cast, action: str) -> None:
    """R-205, P09: a noon dose recorded before any plan had one; then Dr Lim adds noon, and its row goes on."""
    await a_word_on_an_unplanned_dose_survives(cast, action)


async def a_word_on_an_unplanned_dose_survives(cast: Cast, action: str = "undone") -> None:
    treatment = await cast.treated()
    phone, lim, noon = cast.sokha.phone, cast.lim.phone, dose_id(treatment.line_id, "2026-11-22", "0:NOON")
    told = {"patient_id": cast.sokha.id, "line_id": treatment.line_id, "nominal_date": "2026-11-22",
            "slot_key": "0:NOON", "action": action}
    if action == "taken":
        told["at"] = "2026-11-01T12:00:00+07:00"  # a wrong day chosen by hand
    said = await phone.does(phone.change("dose_event", noon, (cast.sokha.patient_scope,), told))
    assert said.outcome is Outcome.APPLIED
    before = (await phone.sees("dose_event"))[noon]
    assert not before["planned"]
    urgent = cast.version(lim, treatment.id, [cast.line(treatment.line_id, NOON=1)], treatment.version_id, urgent=True,
                          reason="pressure")
    assert (await lim.does(urgent)).outcome is Outcome.APPLIED
    after = (await phone.sees("dose_event"))[noon]
    assert after["action"] == (None if action == "undone" else "taken")
    assert after["version"] >= before["version"] and after["created_at"] == before["created_at"]
