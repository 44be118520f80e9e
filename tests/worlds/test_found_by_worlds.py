"""What random worlds have found, each told in its smallest form, so that it stays found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sync.pull import PullAsk, pull
from sync.replica.door import Body, Unreachable
from sync.values import instant_of_ms
from tests.worlds.backend import MemoryBackend
from tests.worlds.verdict import told_fresh, verdict
from tests.worlds.world import DAY, HOUR, World


@asynccontextmanager
async def begun() -> AsyncIterator[World]:
    """A quiet world: everybody has registered, Dr Lim has prescribed, and Sokha has confirmed."""
    world = World(5, MemoryBackend())
    try:
        await world.begin()
        await world.quiesce()
        yield world
    finally:
        world.end()


async def test_a_restore_is_noticed_though_the_first_page_never_came() -> None:
    """F-64: settled in one epoch, no cursor yet, restored to before: a null cursor tells the server nothing, so the
    phone compares the epochs itself and sends again what it had settled."""
    async with begun() as world:
        backup = await world.backend.backup()
        phone = world.device("maly0")
        await phone.sync()
        phone.replica.pages._file.set("cursor", None)
        world.deeds.profile(phone)
        honest, lost = phone.door.pull, Unreachable()

        async def unreachable(body: Body) -> Body:
            raise lost

        phone.door.pull = unreachable  # type: ignore[method-assign]
        await phone.sync()
        assert not phone.replica.waiting(), "the push was settled"
        await world.backend.restore(backup, "another epoch", instant_of_ms(world.now), instant_of_ms(world.now - DAY))
        await world.watch.epoch_is_over()
        phone.door.pull = honest  # type: ignore[method-assign]
        await world.quiesce()
        await verdict(world)


async def test_a_first_sync_ends_though_its_pages_lie_below_the_floor() -> None:
    """F-65: living rows below the floor need several pages; each goes on where the last one ended."""
    async with begun() as world:
        sokha = world.device("sokha0")
        for word in ("pause", "resume", "pause"):
            world.now += HOUR
            rx = sokha.rows("prescription", world.deeds.home)[0]
            sokha.record("prescription_response", [world.deeds.home], world.deeds.new_id(), {
                "patient_id": world.ids["sokha"], "prescription_id": rx["id"], "answer": word})
            await sokha.sync()
        world.now += HOUR
        await world.backend.purge(instant_of_ms(world.now))
        ask = PullAsk(sokha.user, sokha.id, sokha.door.session, None, limit=500)
        at_once = await pull(world.backend.store, sokha.door.kinds, sokha.door.may_read, ask, world.now)
        whole = {(change["kind"], change["home"], change["id"]) for change in at_once.changes}
        assert whole == set(await told_fresh(world, sokha, limit=2))


async def test_a_dose_that_comes_back_after_a_purge_reaches_phones_that_knew_it() -> None:
    """P09: its tombstone was purged, its id is the same; its version must not begin again below what phones hold."""
    async with begun() as world:
        sokha = world.device("sokha0")
        for word in ("pause", "purge", "resume"):
            world.now += HOUR
            if word == "purge":
                await world.backend.purge(instant_of_ms(world.now))
                continue
            rx = sokha.rows("prescription", world.deeds.home)[0]
            sokha.record("prescription_response", [world.deeds.home], world.deeds.new_id(), {
                "patient_id": world.ids["sokha"], "prescription_id": rx["id"], "answer": word})
            await sokha.sync()
        await world.quiesce()
        assert sokha.rows("dose_event", world.deeds.home), "P09: the phone holds what is over, and takes nothing new"
        await verdict(world)
