"""The main promise: two phones, one dose, whoever arrives first and whatever their clocks say."""

from __future__ import annotations

import pytest

from tests.sync.town import (
    AT_EIGHT,
    DAY,
    HALF_PAST,
    HOUR,
    MINUTE,
    RECORD,
    SOKHA,
    TWENTY_TO_NINE,
    Town,
    action_of,
    dose,
)


@pytest.fixture
def town() -> Town:
    return Town()


async def test_two_offline_phones_make_one_dose(town: Town) -> None:
    """N-04: the id is computed, not given; the server had not told the dose to either of them."""
    first, second = await town.two_phones()
    assert first.replica.take_dose(dose(), at=AT_EIGHT) == second.replica.take_dose(dose(), at=AT_EIGHT)
    for phone in (first, second, first):
        assert (await phone.sync()).ok
    assert [key.id for key in town.visible(SOKHA) if key.kind == "dose_event"] == [dose().id]
    assert first.replica.held(RECORD) == second.replica.held(RECORD) == town.visible(SOKHA)
    assert action_of(first) == action_of(second) == ("taken", AT_EIGHT)


Act = tuple[str, str | None]
STORIES: dict[str, tuple[list[Act], list[Act], str]] = {
    "A takes 08:00 and undoes it, B takes 08:30":
        ([("take", AT_EIGHT), ("undo", None)], [("take", HALF_PAST)], HALF_PAST),
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
    a, b = await town.two_phones()
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
    assert action_of(a) == action_of(b) == ("taken", expected)


async def test_an_undo_retracts_only_what_its_author_saw_across_two_batches(town: Town) -> None:
    """The server's version after a fork is nobody's base: B's dose survives A's later undo."""
    a, b = await town.two_phones()
    b.replica.take_dose(dose(), at=HALF_PAST)
    await b.sync()
    town.wait(MINUTE)
    a.replica.skip_dose(dose())

    async def meanwhile(door: str, answer: dict[str, object]) -> None:
        a.door.between = None
        a.replica.undo_dose(dose())

    a.door.between = meanwhile
    await a.sync()
    await a.sync()
    await b.sync()
    assert action_of(a) == action_of(b) == ("taken", HALF_PAST)


@pytest.mark.parametrize("skew", [-2 * DAY, -HOUR, 2 * DAY, 26_000 * DAY])
async def test_a_wrong_clock_neither_wins_for_ever_nor_moves_a_dose(town: Town, skew: int) -> None:
    """F-62, R-201: taken "now" on a phone that is days off, or in 2097, is taken now; the next honest word wins."""
    first, second = await town.two_phones()
    first.skew_ms = skew
    first.replica.take_dose(dose())
    town.wait(20 * MINUTE)
    assert (await first.sync()).outcomes == {"applied": 1}
    await second.sync()
    assert action_of(second) == ("taken", "2026-01-01T05:00:00+00:00")
    town.wait(HOUR)
    second.replica.skip_dose(dose())
    await second.sync()
    await first.sync()
    assert action_of(first) == action_of(second) == ("skipped", None)
    town.wait(HOUR)
    first.replica.take_dose(dose())
    await first.sync()
    await second.sync()
    assert action_of(second) == ("taken", "2026-01-01T07:20:00+00:00")
