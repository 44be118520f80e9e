"""Pokes between nodes: two real servers and a real Redis, healthy, stopped and frozen (hardening.md 2.6, I-16)."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import redis.asyncio

from server import bus
from server.bus import (
    CHANNEL,
    InProcessBus,
    Message,
    Missed,
    Noticed,
    Poked,
    RedisBus,
    Revoked,
    SessionEnded,
    UserEnded,
    message_from_wire,
    message_to_wire,
)
from tests.server.live_stage import SCOPE, Node, World, enter, node, until
from tests.servers.redis import RedisServer, server

MESSAGES: list[Message] = [
    Poked({SCOPE: 7}, "device-1"), Poked({}, None), Noticed("dara", "n1", "system"), Revoked("dara", SCOPE),
    SessionEnded("s1"), UserEnded("dara"), Missed(),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_survives_the_wire(message: Message) -> None:
    assert message_from_wire(json.loads(json.dumps(message_to_wire(message)))) == message


@pytest.mark.parametrize("wire", [
    None, 7, "x", [], {}, {"t": "later_kind"}, {"t": "poked"}, {"t": "poked", "heads": {}, "new": 1}, {"t": []},
])
def test_what_another_version_says_counts_as_missed(wire: object) -> None:
    assert message_from_wire(wire) == Missed()


@pytest.mark.parametrize("heads", [7, [1], {"a": "b"}, {"a": None}, {"a": True}])
def test_heads_of_a_wrong_shape_count_as_missed(heads: object) -> None:
    assert message_from_wire({"t": "poked", "heads": heads}) == Missed()


async def test_the_bus_of_one_process_hands_on_at_once_and_is_quiet_when_stopped() -> None:
    heard: list[Message] = []

    async def receive(message: Message) -> None:
        heard.append(message)

    one = InProcessBus()
    await one.publish(Missed())
    await one.start(receive)
    for message in MESSAGES:
        await one.publish(message)
    await one.stop()
    await one.publish(Missed())
    assert heard == MESSAGES


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    with server() as one:
        yield one


@asynccontextmanager
async def two_nodes(world: World, own_redis: RedisServer) -> AsyncIterator[tuple[Node, Node, RedisBus, RedisBus]]:
    first, second = RedisBus(own_redis.url, ping_every_s=0.5), RedisBus(own_redis.url, ping_every_s=0.5)
    async with node(world, first) as one, node(world, second) as two:
        await until(lambda: first.connected and second.connected)
        yield one, two, first, second


@pytest.fixture
def world() -> World:
    return World(readers={SCOPE: {"sokha", "dara"}})


async def test_a_commit_on_one_node_is_heard_on_the_other_by_its_readers_alone(
    own_redis: RedisServer, world: World
) -> None:
    async with two_nodes(world, own_redis) as (one, two, _, _):
        sokha, dara, vuthy = (
            await enter(one.url, world.person("sokha")), await enter(two.url, world.person("dara")),
            await enter(two.url, world.person("vuthy")),
        )
        await one.live.poke({SCOPE: 7}, origin_device="sokha-phone")
        assert await dara.event() == ("changed", {"scope": SCOPE, "head": 7})
        await one.live.notify("dara", "n1", "system")
        assert await dara.event() == ("notification", {"id": "n1", "kind": "system"})
        world.readers[SCOPE].discard("dara")
        await one.live.revoked("dara", SCOPE)
        assert await dara.event() == ("revoked", {"scope": SCOPE})
        await one.live.poke({SCOPE: 8}, origin_device="sokha-phone")
        assert all(await asyncio.gather(sokha.silent(), dara.silent(), vuthy.silent()))
        for raw in (sokha, dara, vuthy):
            await raw.close()


async def test_sessions_and_users_ended_on_one_node_are_cut_on_the_other(own_redis: RedisServer, world: World) -> None:
    """F-29, S-09: within 2 s."""
    async with two_nodes(world, own_redis) as (one, two, _, _):
        token = world.person("sokha")
        sokha, dara = await enter(two.url, token), await enter(two.url, world.person("dara"))
        await one.live.end_session(world.tokens[token].session_id)
        assert await sokha.ended(2)
        assert await dara.silent(0.2)
        await one.live.end_user("dara")
        assert await dara.ended(2)
        await sokha.close()
        await dara.close()


async def test_without_redis_own_sockets_hear_and_after_its_return_all_are_told_to_pull(
    own_redis: RedisServer, world: World
) -> None:
    async with two_nodes(world, own_redis) as (one, two, first, second):
        sokha, dara = await enter(one.url, world.person("sokha")), await enter(two.url, world.person("dara"))
        await asyncio.sleep(0.3)
        own_redis.stop()
        began = time.monotonic()
        await one.live.poke({SCOPE: 7})
        assert time.monotonic() - began < 0.05
        assert await sokha.event() == ("changed", {"scope": SCOPE, "head": 7})
        assert await dara.silent()
        await until(lambda: not first.connected and not second.connected)
        ended = world.person("dara", "second")
        also = await enter(two.url, ended)
        world.open.discard(world.tokens[ended].session_id)
        await one.live.end_session(world.tokens[ended].session_id)
        assert await also.ended(2)  # I-16: cut within 2 s although the bus is away
        own_redis.start()
        for raw in (sokha, dara):
            assert (await raw.event(8))[0] == "pull"
        await until(lambda: first.connected and second.connected)
        await asyncio.sleep(0.5)
        while not await dara.silent():
            pass
        await one.live.poke({SCOPE: 8})
        assert await dara.event() == ("changed", {"scope": SCOPE, "head": 8})
        for raw in (sokha, dara, also):
            await raw.close()


async def test_a_frozen_redis_holds_nobody_and_is_noticed(own_redis: RedisServer, world: World) -> None:
    """hardening.md 1 (9): a hung Redis held `await sio.emit()` for 10 s."""
    async with two_nodes(world, own_redis) as (one, two, first, second):
        sokha, dara = await enter(one.url, world.person("sokha")), await enter(two.url, world.person("dara"))
        assert own_redis.process is not None
        os.kill(own_redis.process.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            for head in range(2, 30):
                await one.live.poke({SCOPE: head})
            assert time.monotonic() - began < 0.05
            assert await sokha.event() == ("changed", {"scope": SCOPE, "head": 29})
            await until(lambda: not first.connected and not second.connected)
        finally:
            os.kill(own_redis.process.pid, signal.SIGCONT)
        names = [(await dara.event(8))[0]]
        while "pull" not in names:
            names.append((await dara.event(8))[0])
        await until(lambda: first.connected and second.connected)
        await sokha.close()
        await dara.close()


class Proxy:
    """Stands between a node and Redis; `mute` keeps what Redis says to subscribers, and everything else flows."""

    def __init__(self, redis_port: int) -> None:
        self.redis_port = redis_port
        self.mute = False
        self.tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.redis_port)
        subscriber = asyncio.Event()

        async def up() -> None:
            while data := await reader.read(1 << 16):
                if b"SUBSCRIBE" in data:
                    subscriber.set()
                far_writer.write(data)
            far_writer.close()

        async def down() -> None:
            while data := await far_reader.read(1 << 16):
                if not (self.mute and subscriber.is_set()):
                    writer.write(data)
            writer.close()

        for way in (up(), down()):
            task = asyncio.create_task(way)
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)


async def test_a_subscription_that_went_deaf_is_noticed_by_our_own_ping(own_redis: RedisServer) -> None:
    """hardening.md 2.6: publishing works, the connection stands, and nothing is heard any more."""
    heard: list[Message] = []

    async def receive(message: Message) -> None:
        heard.append(message)

    proxy = Proxy(own_redis.port)
    listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    node_bus = RedisBus(own_redis.url.replace(f":{own_redis.port}/", f":{port}/"), ping_every_s=0.3)
    await node_bus.start(receive)
    await until(lambda: node_bus.connected)
    proxy.mute = True
    await until(lambda: not node_bus.connected)
    proxy.mute = False
    await until(lambda: node_bus.connected, 8)
    assert heard == [Missed(), Missed()]
    await node_bus.stop()
    listening.close()
    await asyncio.gather(*proxy.tasks, return_exceptions=True)


async def test_a_node_that_could_not_send_tells_the_others_that_they_missed_something(own_redis: RedisServer) -> None:
    heard: list[Message] = []

    async def receive(message: Message) -> None:
        heard.append(message)

    listener, speaker = RedisBus(own_redis.url), RedisBus(own_redis.url)
    await listener.start(receive)
    await until(lambda: listener.connected)
    heard.clear()
    await speaker.start()  # a worker: it speaks and does not listen
    admin = redis.asyncio.Redis.from_url(own_redis.url)
    await admin.config_set("requirepass", "another")  # the speaker is shut out, the listener's connection stands
    for head in range(3):
        await speaker.publish(Poked({SCOPE: head}))
    await asyncio.sleep(0.3)
    assert heard == []
    await admin.config_set("requirepass", own_redis.password)
    await admin.aclose()
    await until(lambda: bool(heard))
    assert heard == [Missed()]
    await speaker.publish(Poked({SCOPE: 9}))
    await until(lambda: len(heard) > 1)
    assert heard == [Missed(), Poked({SCOPE: 9})]
    await speaker.stop()
    await listener.stop()


async def test_what_waits_for_redis_has_a_limit(own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus, "MAX_OUTGOING", 100)
    one = RedisBus(own_redis.url)
    for head in range(1000):
        await one.publish(Poked({SCOPE: head}))
    assert len(one._outgoing) <= 100 and Missed() in one._outgoing
    await one.stop()


async def test_only_scopes_heads_and_ids_pass_through_redis_as_json(own_redis: RedisServer, world: World) -> None:
    """R-207, S-28: no health data on the bus; CVE-2025-61765: no pickle."""
    client = redis.asyncio.Redis.from_url(own_redis.url)
    async with two_nodes(world, own_redis) as (one, _, _, _), client.pubsub() as ear:
        await ear.subscribe(CHANNEL)
        raw = await enter(one.url, world.person("sokha"))
        await raw.emit("sync", {"batch": "b", "note": "amlodipine"}, ack=1)
        await raw.ack(1)
        await one.live.poke({SCOPE: 7}, origin_device="sokha-phone")
        await one.live.notify("dara", "n1", "system")
        await one.live.revoked("dara", SCOPE)
        frames = [await ear.get_message(timeout=0.1) for _ in range(12)]
        seen = []
        for frame in frames:
            if frame is not None and frame["type"] == "message":
                seen += json.loads(frame["data"]).get("messages", [])
        assert seen == [
            {"t": "poked", "heads": {SCOPE: 7}, "origin_device": "sokha-phone"},
            {"t": "noticed", "user_id": "dara", "notification_id": "n1", "kind": "system"},
            {"t": "revoked", "user_id": "dara", "scope": SCOPE},
        ]
        await raw.close()
    await client.aclose()


class _Bomb:
    exploded = False

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return _explode, ("x",)


def _explode(_: str) -> None:
    _Bomb.exploded = True


@pytest.mark.parametrize("data", [
    pickle.dumps(_Bomb()), b"\xff\xfe", b"[]", b"7", b"null", b'{"messages":7}', b'{"messages":[null]}', b"[" * 100_000,
    b'{"node":"x","messages":[{"t":"poked","heads":7}]}',
])
async def test_garbage_on_the_channel_runs_nothing_and_the_node_still_hears(
    own_redis: RedisServer, world: World, data: bytes
) -> None:
    client = redis.asyncio.Redis.from_url(own_redis.url)
    async with two_nodes(world, own_redis) as (one, two, first, second):
        dara = await enter(two.url, world.person("dara"))
        await asyncio.sleep(0.4)
        await client.publish(CHANNEL, data)
        assert (await dara.event())[0] == "pull"
        await one.live.poke({SCOPE: 7})
        assert await dara.event() == ("changed", {"scope": SCOPE, "head": 7})
        assert first.connected and second.connected and not _Bomb.exploded
        await dara.close()
    await client.aclose()
