"""Rows as told and rows as seen: what a person did is before their eyes until the server's word includes it."""

from __future__ import annotations

import pytest

from sync.access import Role
from sync.record import Key, Op
from sync.replica.door import Unreachable
from tests.sync.town import DARA, DAY, HOUR, LIM, MINUTE, RECORD, SOKHA, Phone, Town, dose

AT_EIGHT, HALF_PAST, TWENTY_TO_NINE = (f"2026-01-01T{utc}:00+00:00" for utc in ("01:00", "01:30", "01:40"))


@pytest.fixture
def town() -> Town:
    return Town()


def action(phone: Phone, slot: str = "0/MORN") -> tuple[object, object] | None:
    row = phone.replica.seen("dose_event", RECORD, dose(slot).id)
    return None if row is None else (row["action"], row["at"])


async def two_phones(town: Town) -> tuple[Phone, Phone]:
    first = await town.sokhas()
    town.fill(RECORD, 0)
    second = town.phone(SOKHA)
    await second.sync()
    return first, second


async def test_two_offline_phones_make_one_dose(town: Town) -> None:
    """N-04: the id is computed, not given; the server had not told the dose to either of them."""
    first, second = await two_phones(town)
    assert first.replica.take_dose(dose(), at=AT_EIGHT) == second.replica.take_dose(dose(), at=AT_EIGHT)
    for phone in (first, second, first):
        assert (await phone.sync()).ok
    assert [key.id for key in town.visible(SOKHA) if key.kind == "dose_event"] == [dose().id]
    assert first.replica.held(RECORD) == second.replica.held(RECORD) == town.visible(SOKHA)
    assert action(first) == action(second) == ("taken", AT_EIGHT)


async def test_a_pull_never_overwrites_a_local_change_that_was_not_pushed(town: Town) -> None:
    """F-03: the other phone's word is told, this phone's is seen; after the push the server decides."""
    first, second = await two_phones(town)
    first.replica.take_dose(dose(), at=AT_EIGHT)
    await first.sync()
    second.replica.skip_dose(dose(), reason="side_effects")
    second.door.fail = [Unreachable()]
    await second.sync()
    told = second.replica.told("dose_event", RECORD, dose().id)
    assert told is not None
    assert told["action"] == "taken"
    assert action(second) == ("skipped", None)
    seen = second.replica.seen("dose_event", RECORD, dose().id)
    assert seen is not None
    assert (seen["reason"], seen["amount"]) == ("side_effects", None)
    await second.sync()
    await first.sync()
    assert action(first) == action(second)


async def test_the_newest_local_action_replaces_the_whole_group(town: Town) -> None:
    phone = await town.sokhas()
    phone.replica.take_dose(dose(), at=AT_EIGHT, amount="2", note="ជាមួយបាយ")
    phone.replica.skip_dose(dose(), reason="forgot_refill")
    seen = phone.replica.seen("dose_event", RECORD, dose().id)
    assert seen is not None
    assert {name: seen[name] for name in ("action", "at", "amount", "reason", "note")} == {
        "action": "skipped", "at": None, "amount": None, "reason": "forgot_refill", "note": None}
    phone.replica.undo_dose(dose())
    assert action(phone) == (None, None)
    phone.replica.take_dose(dose())
    assert action(phone) == ("taken", "2026-01-01T05:00:00+00:00")


async def test_an_accepted_change_stays_in_sight_until_the_pull_brings_it(town: Town) -> None:
    """Otherwise the dose would look untaken between the two halves of a sync."""
    phone = await town.sokhas()
    phone.replica.take_dose(dose(), at=AT_EIGHT)

    async def cut(door: str, answer: dict[str, object]) -> None:
        if door == "push":
            phone.door.lose_requests = 1

    phone.door.between = cut
    synced = await phone.sync()
    assert synced.push_fault is None
    assert synced.pull_fault is not None
    assert phone.replica.waiting() == []
    assert phone.replica.told("dose_event", RECORD, dose().id) is None
    assert action(phone) == ("taken", AT_EIGHT)
    phone.door.between = None
    phone.replica.undo_dose(dose())
    assert action(phone) == (None, None)
    await phone.sync()
    assert action(phone) == (None, None)


async def test_a_lists_rows_are_the_seen_ones(town: Town) -> None:
    phone = await town.sokhas()
    phone.replica.take_dose(dose("0/MORN"), at=AT_EIGHT)
    await phone.sync()
    phone.replica.skip_dose(dose("0/EVE"))
    rows = phone.replica.seen_rows("dose_event", RECORD)
    assert {row["slot_key"]: row["action"] for row in rows} == {"0/MORN": "taken", "0/EVE": "skipped"}
    assert phone.replica.seen_rows("dose_event", f"patient:{DARA}") == []


async def test_a_deletion_hides_the_row_at_once_and_a_refused_one_brings_it_back(town: Town) -> None:
    """Sokha may not delete the doctor's prescription: her copy returns with the refusal."""
    phone = await town.sokhas()
    town.grant(LIM, Role.DOCTOR)
    lim, id_ = town.phone(LIM), town.id()
    lim.replica.record("prescription", [RECORD], id_, {"patient_id": SOKHA, "drug": "metformin"})
    await lim.sync()
    await phone.sync()
    phone.replica.record("prescription", [RECORD], id_, {}, op=Op.DELETE)
    assert phone.replica.seen("prescription", RECORD, id_) is None
    await phone.sync()
    assert phone.replica.seen("prescription", RECORD, id_) is not None
    assert [refusal.code for refusal in phone.replica.refusals()] == ["server_wins"]
    lim.replica.record("prescription", [RECORD], id_, {}, op=Op.DELETE)
    await lim.sync()
    await phone.sync()
    assert phone.replica.seen("prescription", RECORD, id_) is None
    assert phone.replica.held(RECORD) == town.visible(SOKHA)


async def test_a_stale_edit_gets_the_doctors_row_and_is_kept(town: Town) -> None:
    """F-63: two doctors' phones; the one that was offline loses, sees the winner at once, and keeps its own words."""
    await town.sokhas()
    town.grant(LIM, Role.DOCTOR)
    online, offline, id_ = town.phone(LIM), town.phone(LIM), town.id()
    online.replica.record("prescription", [RECORD], id_, {"patient_id": SOKHA, "drug": "metformin", "amount": "500"})
    await online.sync()
    await offline.sync()
    offline.replica.record("prescription", [RECORD], id_, {"amount": "2000"})
    online.replica.record("prescription", [RECORD], id_, {"amount": "850"})
    await online.sync()
    offline.door.lose_requests = 0
    synced = await offline.sync()
    assert synced.outcomes == {"rejected": 1}
    seen = offline.replica.seen("prescription", RECORD, id_)
    assert seen is not None
    assert seen["amount"] == "850"
    (refusal,) = offline.replica.refusals()
    assert (refusal.code, refusal.fields) == ("stale_base", {"amount": "2000"})


async def test_own_edits_in_a_row_follow_on_each_other(town: Town) -> None:
    """The version of the first becomes the base of those still queued, so that the next is no fork of one's own."""
    await town.sokhas()
    town.grant(LIM, Role.DOCTOR)
    lim, id_ = town.phone(LIM), town.id()
    lim.replica.record("prescription", [RECORD], id_, {"patient_id": SOKHA, "drug": "metformin", "amount": "500"})

    async def meanwhile(door: str, answer: dict[str, object]) -> None:
        if door == "push" and not lim.replica.waiting()[1:]:
            lim.replica.record("prescription", [RECORD], id_, {"amount": "850"})
            lim.replica.record("prescription", [RECORD], id_, {"amount": "1000"})

    lim.door.between = meanwhile
    assert (await lim.sync()).outcomes == {"applied": 3}
    assert [change["base"] for push in lim.door.asked("push") for change in push["changes"]] == [0, 1, 1]
    assert town.store.state.rows[Key("prescription", RECORD, id_)].fields["amount"] == "1000"


STORIES = {
    "A takes 08:00 and undoes it, B takes 08:30": ([("take", AT_EIGHT), ("undo", None)], [("take", HALF_PAST)], HALF_PAST),
    "A takes 08:00, B takes 08:30, both stand": ([("take", AT_EIGHT)], [("take", HALF_PAST)], AT_EIGHT),
    "A takes 08:00 and corrects it, B is silent": ([("take", AT_EIGHT), ("take", TWENTY_TO_NINE)], [], TWENTY_TO_NINE),
}


@pytest.mark.parametrize("a_first", [True, False], ids=["A arrives first", "B arrives first"])
@pytest.mark.parametrize("told", [True, False], ids=["dose told", "dose unknown"])
@pytest.mark.parametrize("story", STORIES)
async def test_stories_of_a_dose_end_alike_whoever_arrives_first(
    town: Town, story: str, told: bool, a_first: bool
) -> None:
    """DESIGN.md 11, through outbox, wire and merge; A's two acts travel in one batch."""
    a, b = await two_phones(town)
    if told:
        a.replica.record("dose_event", [RECORD], dose().id, dose().identity())
        await a.sync()
        await b.sync()
    acts_of_a, acts_of_b, expected = STORIES[story]
    for phone, acts in ((a, acts_of_a), (b, acts_of_b)):
        for act, at in acts:
            town.wait(MINUTE)
            if act == "take":
                phone.replica.take_dose(dose(), at=at)
            else:
                phone.replica.undo_dose(dose())
    for phone in (a, b, a) if a_first else (b, a, b):
        await phone.sync()
    assert action(a) == action(b) == ("taken", expected)


async def test_an_undo_retracts_only_what_its_author_saw_across_two_batches(town: Town) -> None:
    """The server's version after a fork is nobody's base: B's dose survives A's later undo."""
    a, b = await two_phones(town)
    b.replica.take_dose(dose(), at=HALF_PAST)
    await b.sync()
    town.wait(MINUTE)
    a.replica.skip_dose(dose())

    async def meanwhile(door: str, answer: dict[str, object]) -> None:
        if door == "push" and len(a.replica.waiting()) == 1:
            a.replica.undo_dose(dose())

    a.door.between = meanwhile
    await a.sync()
    a.door.between = None
    await a.sync()
    await b.sync()
    assert action(a) == action(b) == ("taken", HALF_PAST)


@pytest.mark.parametrize("skew", [-2 * DAY, -HOUR, 2 * DAY, 26_000 * DAY])
async def test_a_wrong_clock_neither_wins_for_ever_nor_moves_a_dose(town: Town, skew: int) -> None:
    """F-62, R-201: taken "now" on a phone that is days off, or in 2097, is taken now; the next honest word wins."""
    first, second = await two_phones(town)
    first.skew_ms = skew
    first.replica.take_dose(dose())
    town.wait(20 * MINUTE)
    assert (await first.sync()).outcomes == {"applied": 1}
    await second.sync()
    assert action(second) == ("taken", "2026-01-01T05:00:00+00:00")
    town.wait(HOUR)
    second.replica.skip_dose(dose())
    await second.sync()
    await first.sync()
    assert action(first) == action(second) == ("skipped", None)
    town.wait(HOUR)
    first.replica.take_dose(dose())
    await first.sync()
    await second.sync()
    assert action(second) == ("taken", "2026-01-01T07:20:00+00:00")


async def test_ids_in_another_spelling_name_the_same_row(town: Town) -> None:
    phone = await town.sokhas()
    phone.replica.record("patient", [RECORD.upper().replace("PATIENT", "patient")], SOKHA.upper(), {"zone": "UTC"})
    seen = phone.replica.seen("patient", RECORD, SOKHA)
    assert seen is not None
    assert (seen["first_name"], seen["zone"]) == ("សុខា", "UTC")
    await phone.sync()
    assert phone.replica.held(RECORD) == town.visible(SOKHA)
