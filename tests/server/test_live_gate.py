"""The door of the live channel: handshake, CONNECT, leaving. Each trap of python-socketio and engineio (hardening.md
2.4) has a test in test_live_gate, test_live_events or test_live_slow, so that an upgrade fails loudly."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from importlib.metadata import version

import aiohttp
import engineio.packet
import pytest
import socketio.packet

from server import live_frames, live_gate
from server.live_visitor import SOCKETS_PER_USER
from tests.server.live_stage import ORIGIN, SCOPE, Node, World, enter, left_no_trace, node, open_transport, trace

MIB = 1024 * 1024


@pytest.fixture
def world() -> World:
    return World(readers={SCOPE: {"sokha", "dara"}})


@pytest.fixture
async def stage(world: World) -> AsyncIterator[Node]:
    async with node(world) as one:
        yield one


def test_limits_are_those_of_the_hardening_page() -> None:
    assert (live_gate.UNAUTHENTICATED_S, live_gate.CONNECT_ATTEMPTS, live_gate.CONNECT_BYTES) == (10, 3, 8192)  # S-26
    assert (live_gate.PING_INTERVAL_S, live_gate.PING_TIMEOUT_S) == (25, 20)
    assert live_frames.MAX_FRAME == MIB + 64 * 1024
    assert (live_frames.QUEUE_PACKETS, live_frames.QUEUE_BYTES) == (1000, 1_000_000)
    assert SOCKETS_PER_USER == 10  # S-09


def test_overridden_versions_are_the_ones_read() -> None:
    assert (version("python-socketio"), version("python-engineio")) == ("5.18.1", "4.15.1")


async def test_the_libraries_got_our_settings(stage: Node) -> None:
    eio = stage.live._gate.eio
    assert eio.transports == ["websocket"]
    assert (eio.ping_interval, eio.ping_timeout, eio.max_http_buffer_size) == (25, 20, MIB + 64 * 1024)
    assert eio.logger.getEffectiveLevel() == stage.live._gate.logger.getEffectiveLevel() == logging.WARNING


async def test_fourth_connect_attempt_is_cut_unasked(stage: Node, world: World) -> None:
    """S-26: 2,000 guesses took 0.77 s."""
    raw = await open_transport(stage.url, {"Accept-Language": "en"})
    for guess in range(3):
        await raw.send(f'40{{"token":"guess-{guess}"}}')
        refused = await raw.heard()
        assert refused is not None and refused.startswith("4")
        body = json.loads(refused[1:])
        assert body["message"] == "unauthenticated"
        assert body["data"]["error"]["language"] == "en"
    await raw.send(f'40{{"token":"{world.person("sokha")}"}}')
    assert await raw.ended()
    assert world.asked_tokens == ["guess-0", "guess-1", "guess-2"]
    assert await left_no_trace(stage)
    await raw.close()


async def test_attempts_at_other_namespaces_count(stage: Node) -> None:
    raw = await open_transport(stage.url)
    for _ in range(4):
        await raw.send("40/admin,{}")
    assert await raw.ended()
    await raw.close()


async def test_connect_packet_over_8_kb_is_cut_before_it_is_parsed(stage: Node, world: World) -> None:
    raw = await open_transport(stage.url)
    await raw.send(f'40{{"token":"{world.person("sokha")}","pad":"{"x" * 8192}"}}')
    assert await raw.ended()
    assert not world.asked_tokens
    await raw.close()


@pytest.mark.parametrize("auth", [
    '"token"', "[]", "{}", '{"token":7}', '{"token":""}', '{"token":"\\u0000"}', '{"token":{}}', "",
])
async def test_connect_without_a_token_is_refused(stage: Node, world: World, auth: str) -> None:
    raw = await open_transport(stage.url, query=f"&token={world.person('sokha')}")  # S-03: a query is not looked at
    await raw.send(f"40{auth}")
    refused = await raw.heard()
    assert refused is not None and '"unauthenticated"' in refused
    assert not world.asked_tokens
    await raw.close()


async def test_token_over_4_kb_is_refused_unasked(stage: Node, world: World) -> None:
    raw = await open_transport(stage.url)
    await raw.send(f'40{{"token":"{"x" * 4097}"}}')
    refused = await raw.heard()
    assert refused is not None and refused.startswith("4")
    assert not world.asked_tokens
    await raw.close()


async def test_silent_transport_is_cut(stage: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """S-26: Socket.IO leaves a transport that never sends CONNECT open for ever."""
    monkeypatch.setattr(live_gate, "UNAUTHENTICATED_S", 0.2)
    raw = await open_transport(stage.url)
    assert await raw.ended(2)
    assert await left_no_trace(stage)
    await raw.close()


async def test_events_before_connect_do_nothing(stage: Node, world: World) -> None:
    raw = await open_transport(stage.url)
    for _ in range(live_gate.MAX_STRIKES + 1):
        await raw.emit("sync", {"batch": 1}, ack=1)
    assert await raw.ended()
    assert not world.synced
    await raw.close()


async def test_second_connect_on_one_transport_is_cut(stage: Node, world: World) -> None:
    raw = await enter(stage.url, world.person("sokha"))
    await raw.send(f'40{{"token":"{world.person("dara")}"}}')
    assert await raw.ended()
    assert await left_no_trace(stage)
    await raw.close()


async def test_client_disconnect_ends_the_tcp_connection(stage: Node, world: World) -> None:
    raw = await enter(stage.url, world.person("sokha"))
    await raw.send("41")
    assert await raw.ended()
    assert await left_no_trace(stage)
    await raw.close()


async def test_cancelled_authentication_is_not_a_yes(world: World) -> None:
    """python-socketio takes a cancelled connect handler for success."""
    async def cancelled(_token: str) -> None:
        raise asyncio.CancelledError

    async with node(world, authenticate=cancelled) as stage:
        raw = await open_transport(stage.url)
        await raw.send('40{"token":"t"}')
        assert await raw.ended()
        await stage.live.poke({SCOPE: 2})
        assert await left_no_trace(stage)
        await raw.close()


async def test_failing_authentication_is_an_error_without_its_text(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def failing(token: str) -> None:
        raise RuntimeError(f"database said {token}")

    async with node(world, authenticate=failing) as stage:
        raw = await open_transport(stage.url)
        await raw.send('40{"token":"secret-token"}')
        refused = await raw.heard()
        assert refused is not None and '"internal"' in refused
        await raw.close()
        assert await left_no_trace(stage)
    assert "RuntimeError" in caplog.text and "secret-token" not in caplog.text


async def test_leaving_during_authentication_leaves_no_trace(world: World) -> None:
    async def slow(token: str) -> object:
        await world.gate.wait()
        return world.tokens[token]

    async with node(world, authenticate=slow) as stage:
        raw = await open_transport(stage.url)
        await raw.send(f'40{{"token":"{world.person("sokha")}"}}')
        await asyncio.sleep(0.05)
        for visitor in list(stage.live._gate._visitors.values()):
            stage.live._gate.cut(visitor)
        world.gate.set()
        assert await raw.ended()
        assert await left_no_trace(stage)
        await raw.close()


async def test_polling_is_not_spoken(stage: Node) -> None:
    async with aiohttp.ClientSession() as http:
        for method in ("GET", "POST"):
            async with http.request(method, f"{stage.url}/socket.io/?EIO=4&transport=polling") as answer:
                assert answer.status == 400
    assert trace(stage) == 0


@pytest.mark.parametrize(("headers", "passes"), [
    ({}, True), ({"Origin": ORIGIN}, True),
    ({"Origin": "https://evil.example.test"}, False), ({"Origin": "null"}, False),
    ({"Origin": ORIGIN + ".evil.test"}, False),
    ({"Origin": "https://e.test", "X-Forwarded-Host": "e.test", "X-Forwarded-Proto": "https"}, False),
])
async def test_only_listed_origins_pass_and_none_at_all(stage: Node, headers: dict[str, str], passes: bool) -> None:
    if passes:
        await (await open_transport(stage.url, headers)).close()
    else:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await open_transport(stage.url, headers)


async def test_own_host_is_no_allowed_origin_when_none_is_listed(world: World) -> None:
    async with node(world, origins=()) as stage:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await open_transport(stage.url, {"Origin": stage.url})
        await (await open_transport(stage.url)).close()


async def test_star_origin_is_refused_at_the_start(world: World) -> None:
    with pytest.raises(ValueError, match="origins"):
        async with node(world, origins=("*",)):
            pass


async def test_our_json_stays_out_of_other_clients_of_the_process(stage: Node) -> None:
    """python-socketio's `json=` is process-wide; ours is the packet class's alone."""
    assert engineio.packet.Packet.json is not live_frames.GatedPacket.json
    assert socketio.packet.Packet.json is not live_frames.GatedPacket.json
    assert stage.live._gate.packet_class is live_frames.GatedPacket
