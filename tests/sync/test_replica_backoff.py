"""How a phone waits: jittered, doubling, never earlier than asked, and never for ever (R-206)."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.replica.backoff import MOST_S, SYNC_EVERY_S, next_delay, wait_after
from sync.replica.door import Unreachable
from sync.replica.loop import keep_in_step
from tests.sync.town import Town, dose


def test_the_steps_double_from_one_second_to_sixty() -> None:
    assert [next_delay(attempt, 0.999999) for attempt in range(1, 9)] == pytest.approx(
        [1, 2, 4, 8, 16, 32, 60, 60], rel=1e-3)


@given(st.integers(-3, 10_000), st.floats(0, 1, exclude_max=True))
def test_every_delay_lies_between_half_a_second_and_a_minute(attempt: int, random: float) -> None:
    assert 0.5 <= next_delay(attempt, random) <= MOST_S


@given(st.integers(1, 20), st.floats(0, 1, exclude_max=True), st.floats(0, 600) | st.none())
def test_nobody_comes_back_earlier_than_the_server_asked(attempt: int, random: float, asked: float | None) -> None:
    assert wait_after(attempt, random, asked) >= (asked or 0)


async def test_a_phone_keeps_in_step_and_calms_down_after_a_success() -> None:
    town = Town()
    phone = await town.sokhas()
    phone.replica.take_dose(dose())
    phone.door.fail = [*[Unreachable()] * 6, Unreachable(42)]
    waits: list[float] = []

    async def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 6:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await keep_in_step(phone.replica, phone.door, pause=pause, random=lambda: 0.5)
    assert waits == [0.75, 1.5, 3.0, 42, SYNC_EVERY_S, SYNC_EVERY_S]
    assert phone.replica.waiting() == []
