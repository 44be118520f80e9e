"""Who hears what, when, and who does not (R-207, S-09, S-27, S-28, F-29, I-16): the real server, real clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from typing import Any

import pytest
import socketio
import socketio.exceptions

from server import live_outward
from sync.problem import Code, Refusal
from tests.server.live_stage import SCOPE, Node, Raw, World, enter, node, open_transport


@pytest.fixture
def world() -> World:
    return World(readers={SCOPE: {"sokha", "dara", "dr-lim"}})


@pytest.fixture
async def stage(world: World) -> AsyncIterator[Node]:
    async with node(world) as one:
        yield one


async def close(*sockets: Raw) -> None:
    for socket in sockets:
        await socket.close()


async def test_a_stock_client_hears_hello_changed_and_gets_its_acknowledgements(stage: Node, world: World) -> None:
    heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
    client = socketio.AsyncClient(reconnection=False)
    client.on("*", lambda event, data: heard.put_nowait((event, data)))
    await client.connect(stage.url, auth={"token": world.person("sokha")}, transports=["websocket"])
    assert await heard.get() == ("hello", {"server_now": 1767229560456, "epoch": "e1", "heads": {SCOPE: 1}})
    await stage.live.poke({SCOPE: 7}, origin_device="another")
    assert await asyncio.wait_for(heard.get(), 2) == ("changed", {"scope": SCOPE, "head": 7})
    assert await client.call("sync", {"batch": "b1"}, timeout=3) == {"outcome": "applied", "echo": "b1"}
    assert await client.call("dose", {"batch": "d1"}, timeout=3) == {"outcome": "applied", "echo": "d1"}
    assert (await client.call("sync", {"refuse": True}, timeout=3))["error"]["code"] == "schema_too_old"
    assert [user for user, _, _ in world.synced] == ["sokha", "sokha"]
    await client.disconnect()


async def test_a_stock_client_with_a_bad_token_is_refused_with_code_and_body(stage: Node) -> None:
    client = socketio.AsyncClient(reconnection=False)
    refusals: list[Any] = []
    client.on("connect_error", refusals.append)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(stage.url, auth={"token": "forged"}, transports=["websocket"])
    assert [(refusal["message"], refusal["data"]["error"]["code"]) for refusal in refusals] == [
        ("unauthenticated", "unauthenticated")
    ]


async def test_readers_hear_a_change_once_and_strangers_and_the_origin_hear_nothing(stage: Node, world: World) -> None:
    """R-207: 20 commits in a burst are one poke with the highest head, without any row."""
    first = await enter(stage.url, world.person("sokha", "first"))
    second = await enter(stage.url, world.person("sokha", "second"))
    dara, vuthy = await enter(stage.url, world.person("dara")), await enter(stage.url, world.person("vuthy"))
    dr_chan = await enter(stage.url, world.person("dr-chan"))
    for head in [*range(2, 21), 5]:
        await stage.live.poke({SCOPE: head}, origin_device="sokha-first")
    for listener in (second, dara):
        assert await listener.event() == ("changed", {"scope": SCOPE, "head": 20})
    silent = await asyncio.gather(*(raw.silent() for raw in (first, second, dara, vuthy, dr_chan)))
    assert silent == [True] * 5
    await close(first, second, dara, vuthy, dr_chan)


async def test_two_devices_writing_at_once_both_hear(stage: Node, world: World) -> None:
    first = await enter(stage.url, world.person("sokha", "first"))
    second = await enter(stage.url, world.person("sokha", "second"))
    await stage.live.poke({SCOPE: 2}, origin_device="sokha-first")
    await stage.live.poke({SCOPE: 3}, origin_device="sokha-second")
    for raw in (first, second):
        assert await raw.event() == ("changed", {"scope": SCOPE, "head": 3})
    await close(first, second)


async def test_the_poke_waits_between_50_and_100_ms(stage: Node, world: World) -> None:
    asked_at: list[float] = []

    async def note() -> None:
        asked_at.append(time.monotonic())

    raw = await enter(stage.url, world.person("sokha"))
    world.before_audience = note
    began = time.monotonic()
    await stage.live.poke({SCOPE: 2})
    await raw.event()
    assert asked_at[0] - began >= 0.05
    await close(raw)


async def test_audience_is_looked_up_when_the_poke_leaves(stage: Node, world: World) -> None:
    """I-16: revoked after the commit's poke, before it left: not told; granted meanwhile: told."""
    dara, maly = await enter(stage.url, world.person("dara")), await enter(stage.url, world.person("maly"))
    await stage.live.poke({SCOPE: 2})
    world.readers[SCOPE] = {"sokha", "maly"}
    assert await maly.event() == ("changed", {"scope": SCOPE, "head": 2})
    assert await dara.silent()
    await close(dara, maly)


async def test_no_poke_follows_a_revocation_even_one_whose_audience_was_already_read(stage: Node, world: World) -> None:
    """I-16: `revoked` is told to that user alone, and the poke under way is dropped."""
    dara, dr_lim = await enter(stage.url, world.person("dara")), await enter(stage.url, world.person("dr-lim"))

    async def revoke() -> None:
        world.after_audience = None
        world.readers[SCOPE].discard("dara")
        await stage.live.revoked("dara", SCOPE)

    world.after_audience = revoke
    await stage.live.poke({SCOPE: 2})
    assert await dara.event() == ("revoked", {"scope": SCOPE})
    assert await dr_lim.event() == ("changed", {"scope": SCOPE, "head": 2})
    for head in (3, 4):
        await stage.live.poke({SCOPE: head})
        assert await dr_lim.event() == ("changed", {"scope": SCOPE, "head": head})
    assert await dara.silent()
    await close(dara, dr_lim)


async def test_revoked_and_granted_again_hears_again(stage: Node, world: World) -> None:
    dara = await enter(stage.url, world.person("dara"))
    await stage.live.revoked("dara", SCOPE)
    assert await dara.event() == ("revoked", {"scope": SCOPE})
    await stage.live.poke({SCOPE: 9})
    assert await dara.event() == ("changed", {"scope": SCOPE, "head": 9})
    await close(dara)


async def test_a_notification_reaches_its_recipient_alone(stage: Node, world: World) -> None:
    sokha, dara, vuthy = [await enter(stage.url, world.person(name)) for name in ("sokha", "dara", "vuthy")]
    await stage.live.notify("dara", "5f0c0000-0000-4000-8000-000000000001", "prescription_changed")
    assert await dara.event() == (
        "notification", {"id": "5f0c0000-0000-4000-8000-000000000001", "kind": "prescription_changed"}
    )
    assert all(await asyncio.gather(sokha.silent(), dara.silent(), vuthy.silent()))
    await close(sokha, dara, vuthy)


async def test_ending_a_session_cuts_its_sockets_and_no_other(stage: Node, world: World) -> None:
    """F-29, S-09."""
    first, second = world.person("sokha", "first"), world.person("sokha", "second")
    gone, also_gone, stays = [await enter(stage.url, token) for token in (first, first, second)]
    await stage.live.end_session(world.tokens[first].session_id)
    assert await gone.ended(2) and await also_gone.ended(2)
    await stage.live.poke({SCOPE: 2})
    assert await stays.event() == ("changed", {"scope": SCOPE, "head": 2})
    await close(gone, also_gone, stays)


async def test_ending_a_user_cuts_all_its_sockets(stage: Node, world: World) -> None:
    """S-07: password change, lock, deletion, change of role."""
    first = await enter(stage.url, world.person("sokha", "first"))
    second = await enter(stage.url, world.person("sokha", "second"))
    dara = await enter(stage.url, world.person("dara"))
    await stage.live.end_user("sokha")
    assert await first.ended(2) and await second.ended(2)
    assert await dara.silent()
    await close(first, second, dara)


async def test_a_session_ended_in_sql_alone_is_cut_within_two_seconds(stage: Node, world: World) -> None:
    """S-09, I-16: the bus is down, or a command line on the same database ended it."""
    raw, other = await enter(stage.url, token := world.person("sokha")), await enter(stage.url, world.person("dara"))
    world.open.discard(world.tokens[token].session_id)
    assert await raw.ended(2)
    assert await other.silent()
    await close(raw, other)


async def test_a_session_that_ends_while_its_token_is_checked_hears_nothing(world: World) -> None:
    async def authenticate(token: str) -> Any:
        session = await world.authenticate(token)
        world.open.discard(session.session_id)
        await one.live.end_session(session.session_id)
        return session

    async with node(world, authenticate=authenticate) as one:
        raw = await open_transport(one.url)
        await raw.send(f'40{{"token":"{world.person("sokha")}"}}')
        frames = []
        while (frame := await raw.heard(2)) is not None:
            frames.append(frame)
        assert all(frame.startswith("0") for frame in frames)  # the acceptance at most, no hello
        await close(raw)


async def test_the_socket_is_cut_when_its_token_expires(stage: Node, world: World) -> None:
    """S-09."""
    raw = await enter(stage.url, world.person("sokha", seconds=1.0))
    began = time.monotonic()
    assert await raw.ended(3)
    assert 0.2 < time.monotonic() - began < 2.5
    await close(raw)


async def test_renewing_puts_the_cut_off(stage: Node, world: World) -> None:
    token = world.person("sokha", seconds=1.5)
    raw = await enter(stage.url, token)
    longer = world.tokens[world.person("sokha", seconds=900)]
    held = world.tokens[token]
    world.tokens["renewed"] = type(held)(held.user_id, held.session_id, held.device_id, longer.expires_at)
    await raw.emit("renew", {"token": "renewed"}, ack=1)
    assert await raw.ack(1) == {"expires_at": longer.expires_at.isoformat()}
    assert await raw.silent(2.2)
    await close(raw)


async def test_a_token_of_another_session_renews_nothing_and_guessing_is_cut(stage: Node, world: World) -> None:
    raw = await enter(stage.url, world.person("sokha", seconds=30))
    others = [world.person("dara"), world.person("sokha", "other phone"), world.person("sokha"), "forged", 7, None]
    codes = []
    for number, token in enumerate(others):
        await raw.emit("renew", {"token": token}, ack=number)
        frame = await raw.heard()
        codes.append(frame and frame.split('"code":"')[1].split('"')[0])
    assert codes == ["device_mismatch"] * 3 + ["unauthenticated"] * 2 + [None]
    assert await raw.ended()
    await close(raw)


async def test_the_eleventh_socket_of_a_user_cuts_the_oldest(stage: Node, world: World) -> None:
    """S-09."""
    sockets = [await enter(stage.url, world.person("sokha", str(n))) for n in range(11)]
    dara = await enter(stage.url, world.person("dara"))
    assert await sockets[0].ended(2)
    await stage.live.poke({SCOPE: 2})
    for raw in [*sockets[1:], dara]:
        assert await raw.event() == ("changed", {"scope": SCOPE, "head": 2})
    await close(*sockets, dara)


async def test_when_the_audience_cannot_be_read_everyone_is_told_to_pull_and_no_scope_is_named(
    stage: Node, world: World
) -> None:
    async def fail() -> None:
        world.before_audience = None
        raise ConnectionError("database away")

    dara, vuthy = await enter(stage.url, world.person("dara")), await enter(stage.url, world.person("vuthy"))
    world.before_audience = fail
    await stage.live.poke({SCOPE: 2})
    for raw in (dara, vuthy):
        name, payload = await raw.event()
        assert name == "pull" and set(payload) == {"after_ms"}
    await stage.live.poke({SCOPE: 3})
    assert await dara.event() == ("changed", {"scope": SCOPE, "head": 3})
    assert await vuthy.silent()
    await close(dara, vuthy)


async def test_more_scopes_than_a_socket_takes_at_once_end_in_one_pull(stage: Node, world: World) -> None:
    dr_lim = await enter(stage.url, world.person("dr-lim"))
    scopes = {f"patient:{n}": n for n in range(1, 301)}
    world.readers.update({scope: {"dr-lim"} for scope in scopes})
    await stage.live.poke(scopes)
    names: list[str] = []
    while not names or names[-1] != "pull":
        names.append((await dr_lim.event())[0])
    assert names == ["changed"] * live_outward.POKES_AT_ONCE + ["pull"]
    assert await dr_lim.silent()
    await close(dr_lim)


async def test_hello_that_cannot_be_made_becomes_a_pull(world: World) -> None:
    async def hello(_user: str) -> dict[str, Any]:
        raise ConnectionError("database away")

    async with node(world, hello=hello) as stage:
        raw = await open_transport(stage.url)
        await raw.send(f'40{{"token":"{world.person("sokha")}"}}')
        assert (await raw.heard() or "").startswith("0{")
        assert (await raw.event())[0] == "pull"
        await close(raw)


async def test_a_failing_look_up_of_sessions_cuts_nobody(world: World) -> None:
    healthy = True

    async def open_sessions(asked: Collection[str]) -> Collection[str]:
        if not healthy:
            raise Refusal(Code.BUSY)
        return asked

    async with node(world, open_sessions=open_sessions) as stage:
        raw = await enter(stage.url, world.person("sokha"))
        healthy = False
        assert await raw.silent(1.5)
        await close(raw)


async def test_drain_says_when_to_return_lets_work_finish_and_then_cuts(stage: Node, world: World) -> None:
    """I-21: SIGTERM with one open websocket took 55 s and told nobody."""
    sokha, dara = await enter(stage.url, world.person("sokha")), await enter(stage.url, world.person("dara"))
    silent = await open_transport(stage.url)
    await sokha.emit("sync", {"wait": True, "batch": "b1"}, ack=1)
    await asyncio.sleep(0.05)
    draining = asyncio.create_task(stage.live.drain())
    for raw in (sokha, dara):
        name, payload = await raw.event()
        assert name == "reconnect" and 0 <= payload["after_ms"] < 10_000
    await dara.emit("sync", {"batch": "late"}, ack=2)
    assert (await dara.ack(2))["error"]["code"] == "busy"
    await silent.send(f'40{{"token":"{world.person("maly")}"}}')
    assert '"busy"' in (await silent.heard() or "")
    world.gate.set()
    assert (await sokha.ack(1))["outcome"] == "applied"
    assert all(await asyncio.gather(sokha.ended(2), dara.ended(2), silent.ended(2)))
    await asyncio.wait_for(draining, 3)
    assert [payload["batch"] for _, payload, _ in world.synced] == ["b1"]
    await close(sokha, dara, silent)


async def test_the_application_stops_quickly_with_open_sockets(world: World) -> None:
    async with node(world) as stage:
        sockets = [await enter(stage.url, world.person("sokha", str(n))) for n in range(8)]
        began = time.monotonic()
        await stage.stop()
        assert time.monotonic() - began < 5
    await close(*sockets)
