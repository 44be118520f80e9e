"""A server that fails between the commit and the answer, before or after the poke: the retry settles once (I-03)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import server.announce  # registers the failpoints
from storage import failpoints
from tests.server.house import House, opened

DAY = "2026-11-21"
POKES = ("push.before_poke", "push.after_poke")


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with opened(database_url) as one:
        yield one
    failpoints.disarm()


@pytest.mark.parametrize("where", POKES)
async def test_a_failure_around_the_poke_costs_an_answer_and_never_a_dose(house: House, where: str) -> None:
    assert where in failpoints.registered(), server.announce.__name__
    sokha, lim = await house.enters("sokha"), await house.enters("lim")
    await house.connect(sokha, lim, "allowed")
    made = await house.prescribe(lim, sokha)
    batch = sokha.batch(made.taken(DAY))
    failpoints.arm(where, "raise")
    lost = await sokha.ask("POST", "/sync/push", batch)
    assert (lost.status, lost.code) == (500, "internal"), "committed, but the answer never came"
    again = await sokha.ask("POST", "/sync/push", batch)
    assert again.body["replayed"] is True
    assert [(r["outcome"], r["code"]) for r in again.body["results"]] == [("applied", "sequential")]
    doses = [one["row"] for one in await sokha.pull() if one["id"] == made.dose(DAY)]
    assert [(row["action"], row["version"]) for row in doses] == [("taken", again.body["results"][0]["version"])]
