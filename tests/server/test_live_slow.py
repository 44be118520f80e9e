"""Clients that do not read, or slowly: bounded memory, and a cut that does not wait for them (hardening.md 2.4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from engineio.packet import Packet as EnginePacket

from server import live_frames
from server.live_visitor import Visitor
from tests.server.live_stage import SCOPE, Deaf, Node, World, enter, node, until


@pytest.fixture
def world() -> World:
    return World(readers={SCOPE: {"sokha", "dara"}})


@pytest.fixture
async def stage(world: World) -> AsyncIterator[Node]:
    async with node(world) as one:
        yield one


async def test_a_client_that_does_not_read_is_cut_within_the_queue_limit(stage: Node, world: World) -> None:
    """One such client took 190 MB."""
    deaf = await Deaf.enter(stage.url, world.person("sokha"))
    await until(lambda: bool(stage.live._rooms.of("sokha")))
    dara = await enter(stage.url, world.person("dara"))
    [visitor] = stage.live._rooms.of("sokha")
    queue = stage.live._gate.eio.sockets[visitor.eio_sid].queue
    most = 0
    for n in range(200_000):
        await stage.live.notify("sokha", "0" * 2000, "system")
        most = max(most, queue.qsize())
        if n % 50 == 0:
            await asyncio.sleep(0)
        if not stage.live._rooms.of("sokha"):
            break
    assert not stage.live._rooms.of("sokha")
    assert most <= live_frames.QUEUE_PACKETS and queue.bytes <= live_frames.QUEUE_BYTES + 10_000
    await until(visitor.transport.is_closing, 4)
    assert await deaf.ended()
    await stage.live.notify("dara", "n1", "system")
    assert await dara.event() == ("notification", {"id": "n1", "kind": "system"})
    await deaf.close()
    await dara.close()


async def test_not_more_than_a_thousand_small_packets_wait(stage: Node, world: World) -> None:
    raw = await enter(stage.url, world.person("sokha"))
    for n in range(live_frames.QUEUE_PACKETS):
        await stage.live.notify("sokha", str(n), "system")  # without a pause: nothing is written meanwhile
    assert stage.live._rooms.of("sokha")
    await stage.live.notify("sokha", "one more", "system")
    assert not stage.live._rooms.of("sokha")
    assert await raw.ended()
    await raw.close()


async def test_a_reader_who_fell_behind_holds_no_pokes_and_is_told_once_to_pull(stage: Node, world: World) -> None:
    raw = await enter(stage.url, world.person("sokha"))
    [visitor] = stage.live._rooms.of("sokha")
    gate = stage.live._gate
    gate.eio.sockets[visitor.eio_sid].queue.put_nowait(filler := EnginePacket(6))
    for head in range(2, 5):
        stage.live._outward.pokes.add({SCOPE: head}, None)
        gate.eio.sockets[visitor.eio_sid].queue.put_nowait(filler)  # still unread when the poke leaves
        await stage.live._outward._deliver(
            {scope: stage.live._outward.pokes._waiting.pop(scope) for scope in list(stage.live._outward.pokes._waiting)}
        )
        assert visitor.behind
    name, payload = await raw.event()
    assert name == "pull" and 0 <= payload["after_ms"] < 2000
    assert await raw.silent()
    await raw.close()


async def test_one_answer_larger_than_the_queue_limit_still_leaves(world: World) -> None:
    async def large(*_: object) -> dict[str, str]:
        return {"rows": "x" * (live_frames.QUEUE_BYTES + 1)}

    async with node(world, on_sync=large) as stage:
        raw = await enter(stage.url, world.person("sokha"))
        await raw.emit("sync", {}, ack=1)
        assert len((await raw.ack(1))["rows"]) > live_frames.QUEUE_BYTES
        await raw.close()


async def fill(stage: Node, user: str) -> Visitor:
    """Writes until the kernel's buffers, the transport's and our queue all hold something that nobody reads."""
    await until(lambda: bool(stage.live._rooms.of(user)))
    [visitor] = stage.live._rooms.of(user)
    async with asyncio.timeout(20):
        while visitor.transport.get_write_buffer_size() == 0 or not stage.live._gate.is_waiting(visitor):
            await stage.live.notify(user, "0" * 10_000, "system")
            await asyncio.sleep(0.001)
    assert stage.live._rooms.of(user) == [visitor]
    return visitor


async def test_cutting_a_client_that_does_not_read_takes_two_seconds_at_most(stage: Node, world: World) -> None:
    """`eio.disconnect` waits for ever on a slow reader, and `sio.disconnect` leaves TCP open."""
    deaf = await Deaf.enter(stage.url, token := world.person("sokha"))
    visitor = await fill(stage, "sokha")
    began = asyncio.get_running_loop().time()
    await stage.live.end_session(world.tokens[token].session_id)
    assert asyncio.get_running_loop().time() - began < 0.1
    await until(lambda: visitor.request.transport is None, 2.5)
    assert await deaf.ended()
    await deaf.close()


async def test_a_client_that_neither_reads_nor_answers_pings_is_gone_after_the_ping_timeout(
    stage: Node, world: World
) -> None:
    """engineio closes its socket, then waits for ever for its writer."""
    eio = stage.live._gate.eio
    eio.ping_interval = 0.1
    deaf = await Deaf.enter(stage.url, world.person("sokha"))
    visitor = await fill(stage, "sokha")
    await asyncio.sleep(0.4)
    eio.ping_timeout = 0.3
    await stage.live.notify("sokha", "n1", "system")  # whatever is sent looks at the last ping
    await until(lambda: visitor.request.transport is None, 4)
    assert not stage.live._rooms.of("sokha")
    await deaf.close()


async def test_answers_to_a_cut_socket_go_nowhere(stage: Node, world: World) -> None:
    raw = await enter(stage.url, token := world.person("sokha"))
    await raw.emit("sync", {"wait": True}, ack=1)
    await asyncio.sleep(0.05)
    await stage.live.end_session(world.tokens[token].session_id)
    world.gate.set()
    frames = []
    while (frame := await raw.heard()) is not None:
        frames.append(frame)
    assert frames == []
    await raw.close()
