"""What a client sends once it is in: hostile, too many, too large, unreadable, failing (hardening.md 2.4, F-60)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from server import live_frames, live_gate
from server.live_visitor import Bucket
from tests.server.live_stage import SCOPE, Node, World, enter, left_no_trace, node

MIB = 1024 * 1024


@pytest.fixture
def world() -> World:
    return World(readers={SCOPE: {"sokha", "dara"}})


@pytest.fixture
async def stage(world: World) -> AsyncIterator[Node]:
    async with node(world) as one:
        yield one


async def test_faked_connect_and_disconnect_run_nothing_and_repeated_are_cut(stage: Node, world: World) -> None:
    """I-16: after a faked disconnect python-socketio forgot a socket that still received."""
    token = world.person("sokha")
    raw = await enter(stage.url, token)
    await raw.emit("disconnect", "bye", ack=1)
    await raw.emit("connect", {"token": world.person("dara")}, ack=2)
    await raw.send('42["disconnect"]')
    assert await raw.silent()
    assert len(stage.live._rooms.of("sokha")) == 1 and not stage.live._rooms.of("dara")
    assert world.asked_tokens == [token]
    await stage.live.end_session(world.tokens[token].session_id)
    assert await raw.ended()

    again = await enter(stage.url, token := world.person("sokha"))
    for _ in range(live_gate.MAX_STRIKES + 1):
        await again.emit("disconnect", "bye")
    assert await again.ended()
    assert await left_no_trace(stage)
    await raw.close()
    await again.close()


@pytest.mark.parametrize("frame", [
    '42["join","patient:1"]', '42["message",{}]', "42[]", '42["sync"]', '42["sync",{},{}]', '42{"sync":1}', "42",
    "42[7,{}]", '42/admin,["sync",{}]', '43["x"]', '4317["x"]', '451-["sync",{"_placeholder":true,"num":0}]',
    "461-[]", '44{"a":1}',
    '42²["sync",{}]', "4211111111111-[]", '42["\\u0000",{}]',
])
async def test_frames_no_honest_client_sends_reach_no_handler_and_repeated_are_cut(
    stage: Node, world: World, frame: str, caplog: pytest.LogCaptureFixture
) -> None:
    raw = await enter(stage.url, world.person("sokha"))
    await raw.send(frame)
    await raw.emit("sync", {"batch": 1}, ack=5)
    assert (await raw.ack(5))["outcome"] == "applied"  # one alone is forgiven
    for _ in range(live_gate.MAX_STRIKES):
        await raw.send(frame)
    assert await raw.ended()
    assert len(world.synced) == 1
    assert await left_no_trace(stage)
    assert not caplog.records
    await raw.close()


@pytest.mark.parametrize("frame", [
    "", "x", "b!!!", "2probe", "2", "5", "6", "0", "3x", "4", "4[[[[", "4" + "[" * 100_000, "47", "4²", "១",
])
async def test_frames_engineio_cannot_decode_end_the_connection_and_leave_no_trace(
    stage: Node, world: World, frame: str, caplog: pytest.LogCaptureFixture
) -> None:
    """engineio decodes outside its `try`: the exception left the socket in the books and TCP open."""
    raw = await enter(stage.url, world.person("sokha"))
    await raw.send(frame)
    assert await raw.ended()
    assert await left_no_trace(stage)
    assert not caplog.records
    await raw.close()


async def test_binary_frames_end_the_connection(stage: Node, world: World) -> None:
    raw = await enter(stage.url, world.person("sokha"))
    await raw.ws.send_bytes(b'42["sync",{}]')
    assert await raw.ended()
    assert not world.synced
    await raw.close()


@pytest.mark.parametrize(("text", "code"), [
    ('{"a":NaN}', "unreadable"), ('{"a":1,"a":2}', "unreadable"), ("[" * 40 + "]" * 40, "unreadable"),
    ("[" * 10_000, "unreadable"), ("[" * 100_000, "too_large"), ('{"a":', "unreadable"),
    (f'{{"a":"{"x" * MIB}"}}', "too_large"),
])
async def test_unreadable_event_is_answered_in_its_acknowledgement(
    stage: Node, world: World, text: str, code: str
) -> None:
    raw = await enter(stage.url, world.person("sokha"))
    await raw.send(f'427["sync",{text}]')
    assert (await raw.ack(7))["error"]["code"] == code
    await raw.emit("sync", {"batch": 1}, ack=8)
    assert (await raw.ack(8))["outcome"] == "applied"
    assert len(world.synced) == 1
    await raw.close()


async def test_a_batch_of_nearly_1_mib_passes(stage: Node, world: World) -> None:
    raw = await enter(stage.url, world.person("sokha"))
    await raw.send('421["sync",' + json.dumps({"note": "x" * (MIB - 200)}) + "]")
    assert (await raw.ack(1))["outcome"] == "applied"
    await raw.close()


async def test_a_frame_beyond_the_limit_is_cut(stage: Node, world: World) -> None:
    raw = await enter(stage.url, world.person("sokha"))
    await raw.send('421["sync",' + json.dumps({"note": "x" * (MIB + 65 * 1024)}) + "]")
    assert await raw.ended()
    assert await left_no_trace(stage)
    assert not world.synced
    await raw.close()


async def test_one_bad_value_is_marked_and_its_neighbours_arrive(stage: Node, world: World) -> None:
    """F-60: a value that cannot be stored costs one change, never the batch."""
    raw = await enter(stage.url, world.person("sokha"))
    await raw.send('421["sync",{"batch":"b","changes":[{"note":"a\\u0000b"},{"note":"ថ្នាំ"}]}]')
    assert (await raw.ack(1))["outcome"] == "applied"
    first, second = world.synced[0][1]["changes"]
    assert not isinstance(first["note"], str) and second["note"] == "ថ្នាំ"
    await raw.close()


async def test_events_beyond_the_rate_are_refused_then_cut(stage: Node, world: World) -> None:
    raw = await enter(stage.url, world.person("sokha"))
    for n in range(live_gate.EVENT_BURST):
        await raw.emit("sync", {"batch": n}, ack=n)
        assert (await raw.ack(n))["outcome"] == "applied"
    answers = []
    for n in range(live_gate.MAX_STRIKES + 6):
        if raw.ws.closed:
            break
        await raw.emit("sync", {"batch": n}, ack=n)
        frame = await raw.heard()
        if frame is None:
            break
        answers.append(frame)
    assert sum('"too_many_requests"' in frame for frame in answers) == live_gate.MAX_STRIKES
    assert await raw.ended()
    await raw.close()


async def test_pong_flood_is_cut(stage: Node, world: World) -> None:
    raw = await enter(stage.url, world.person("sokha"))
    for _ in range(live_frames.FRAME_BURST + 50):
        if not raw.ws.closed:
            await raw.send("3")
    assert await raw.ended()
    await raw.close()


def test_a_bucket_refills_with_time() -> None:
    bucket = Bucket(2, 1.0, 0.0)
    assert [bucket.take(0.0), bucket.take(0.0), bucket.take(0.5), bucket.take(1.0), bucket.take(1.2)] == [
        True, True, False, True, False
    ]
    assert [bucket.take(100.0) for _ in range(3)] == [True, True, False]


async def test_a_fifth_event_under_way_is_told_to_wait(stage: Node, world: World) -> None:
    raw = await enter(stage.url, world.person("sokha"))
    for n in range(live_gate.EVENTS_IN_FLIGHT):
        await raw.emit("sync", {"wait": True, "batch": n}, ack=n)
    await raw.emit("sync", {"batch": "fifth"}, ack=9)
    assert (await raw.ack(9))["error"]["code"] == "busy"
    world.gate.set()
    answered = {await raw.heard() for _ in range(live_gate.EVENTS_IN_FLIGHT)}
    assert len(answered) == live_gate.EVENTS_IN_FLIGHT and all(frame and "applied" in frame for frame in answered)
    assert len(world.synced) == live_gate.EVENTS_IN_FLIGHT
    await raw.close()


@pytest.mark.parametrize(("payload", "code"), [
    ({"refuse": True}, "schema_too_old"), ({"fail": True}, "internal"), ({"not_json": True}, "internal"),
    ([1], "invalid"), ("x", "invalid"),
])
async def test_every_failure_is_an_error_body_and_logs_no_text(
    stage: Node, world: World, payload: object, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    raw = await enter(stage.url, world.person("sokha"), {"Accept-Language": "km"})
    await raw.emit("dose", payload, ack=3)
    error = (await raw.ack(3))["error"]
    assert (error["code"], error["language"]) == (code, "km")
    assert "amlodipine" not in caplog.text
    await raw.close()
