"""The phone's doors over HTTP, on both databases."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from tests.server.house import House, change, opened

DAY = "2026-11-21"


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with opened(database_url) as one:
        yield one


async def test_an_offline_phone_pushes_and_the_family_pulls(house: House) -> None:
    """The main job: nothing is lost, and whoever may see it sees it."""
    sokha, lim, dara = await house.enters("sokha"), await house.enters("lim"), await house.enters("dara")
    await house.connect(sokha, lim, "allowed")
    await house.connect(sokha, dara, "view+manage")
    made = await house.prescribe(lim, sokha)
    await dara.pull()
    reply = await sokha.push(made.taken(DAY))
    assert [(r["outcome"], r["code"]) for r in reply.body["results"]] == [("applied", "sequential")]
    assert reply.body["server_now"] == house.now_ms
    assert reply.body["limits"] == {"max_changes": 500, "max_bytes": 1048576}
    assert reply.body["next_sync_after_s"] == 300
    told = [one for one in await dara.pull() if one["kind"] == "dose_event"]
    assert [(one["id"], one["row"]["action"]) for one in told] == [(made.dose(DAY), "taken")]


async def test_a_stranger_hears_nothing_and_changes_nothing(house: House) -> None:
    sokha, lim, vuthy = await house.enters("sokha"), await house.enters("lim"), await house.enters("vuthy")
    await house.connect(sokha, lim, "allowed")
    made = await house.prescribe(lim, sokha)
    reply = await vuthy.push(made.taken(DAY))
    assert [(r["outcome"], r["code"], "row" in r) for r in reply.body["results"]] == [("rejected", "forbidden", False)]
    assert reply.body["heads"] == {}
    assert {scope for one in await vuthy.pull() for scope in one["scopes"]} == {f"user:{vuthy.user}",
                                                                                f"patient:{vuthy.user}"}


async def test_push_and_pull_in_one_round_trip(house: House) -> None:
    sokha = await house.enters("sokha")
    patch = change("profile", sokha.user, [f"user:{sokha.user}"], {"theme": "dark"}, base=2)
    reply = await sokha.ask("POST", "/sync", {"push": sokha.batch(patch), "pull": {"device_id": sokha.device}})
    assert reply.status == 200
    assert reply.body["push"]["results"][0]["outcome"] == "applied"
    profile = next(one["row"] for one in reply.body["pull"]["changes"] if one["kind"] == "profile")
    assert profile["theme"] == "dark", "the push was committed before the pull read"


async def test_a_replayed_batch_answers_the_same_and_pokes_nobody(house: House) -> None:
    """P05, S-64; a twin sent at the same time settles once too."""
    sokha = await house.enters("sokha")
    batch = sokha.batch(change("profile", sokha.user, [f"user:{sokha.user}"], {"theme": "dark"}, base=2))
    first, second = await asyncio.gather(*(sokha.ask("POST", "/sync/push", batch) for _ in range(2)))
    third = await sokha.ask("POST", "/sync/push", batch)
    assert first.body["results"] == second.body["results"] == third.body["results"]
    assert sorted([first.body["replayed"], second.body["replayed"]]) == [False, True]
    assert third.body["heads"] == {}
    other = {**batch, "changes": []}
    assert (await sokha.ask("POST", "/sync/push", other)).code == "batch_id_reused"


async def test_the_session_is_looked_up_at_every_sync(house: House) -> None:
    """F-29: after a logout the token is dead although it has not expired."""
    sokha = await house.enters("sokha")
    assert (await sokha.ask("POST", "/auth/logout")).status == 204
    for path, body in (("/sync/pull", {"device_id": sokha.device}), ("/sync/push", sokha.batch())):
        reply = await sokha.ask("POST", path, body)
        assert (reply.status, reply.code) == (401, "session_ended")
    assert (await sokha.ask("GET", "/sync/status")).code == "session_ended"


async def test_the_device_of_the_envelope_is_the_sessions(house: House) -> None:
    sokha = await house.enters("sokha")
    reply = await sokha.ask("POST", "/sync/push", {**sokha.batch(), "device_id": str(uuid4())})
    assert (reply.status, reply.code, reply.fields) == (403, "device_mismatch", {"device_id": "not_allowed"})


async def test_doses_sync_takes_doses_only_and_sums_up(house: House) -> None:
    """R-194; another kind costs its own change."""
    sokha, lim = await house.enters("sokha"), await house.enters("lim")
    await house.connect(sokha, lim, "allowed")
    made = await house.prescribe(lim, sokha)
    house.now_ms += 34 * 3_600_000  # 16:10 of the next day: two mornings and one evening have passed
    await sokha.logs_in_again()
    dark = change("profile", sokha.user, [f"user:{sokha.user}"], {"theme": "dark"}, base=2)
    skipped = {**made.taken("2026-11-22"), "change_id": str(uuid4())}
    skipped["fields"] = {**skipped["fields"], "action": "skipped", "reason": "side_effects"}
    reply = await sokha.push(made.taken(DAY), dark, skipped, path="/doses/sync")
    assert [(r["outcome"], r["code"]) for r in reply.body["results"]] == [
        ("applied", "sequential"), ("rejected", "invalid"), ("applied", "sequential")]
    assert reply.body["results"][1]["details"] == [{"field": "kind", "code": "not_allowed"}]
    summary = reply.body["summary"]
    assert (summary["taken"], summary["skipped"], summary["missed"], summary["conflicts"]) == (1, 1, 1, 0)
    assert summary["outcomes"] == {"applied": 2, "rejected": 1}
    profile = (await sokha.ask("GET", f"/records/profile/{sokha.user}")).body
    assert profile["theme"] == "light"


async def test_status_names_every_scope_held_and_no_other(house: House) -> None:
    sokha, dara = await house.enters("sokha"), await house.enters("dara")
    await house.connect(sokha, dara, "view")
    reply = await dara.ask("GET", "/sync/status")
    assert set(reply.body["heads"]) == {f"user:{dara.user}", f"patient:{sokha.user}"}
    assert reply.body["device_id"] == dara.device
    assert (await sokha.ask("POST", "/sync/pull", {"device_id": sokha.device})).body["epoch"] == reply.body["epoch"]


async def test_losers_are_kept_for_those_who_may_read_the_row(house: House) -> None:
    """I-10: and for nobody else."""
    sokha, lim, vuthy = await house.enters("sokha"), await house.enters("lim"), await house.enters("vuthy")
    await house.connect(sokha, lim, "allowed")
    made = await house.prescribe(lim, sokha)
    phone = await sokha.other_phone()
    await sokha.push(made.taken(DAY, at=f"{DAY}T06:00:00+07:00"))
    older = made.taken(DAY, action="skipped", reason="other", at=None)
    late = await phone.push({**older, "recorded_at": house.now_ms - 60_000})
    assert late.body["results"][0]["outcome"] in ("superseded", "merged")
    for reader in (sokha, lim):
        kept = (await reader.ask("GET", "/sync/losers")).body["items"]
        assert [(one["kind"], one["id"], one["fields"]["action"], one["by"]) for one in kept] == [
            ("dose_event", made.dose(DAY), "skipped", sokha.user)]
    assert (await vuthy.ask("GET", "/sync/losers")).body["items"] == []


async def test_a_gzip_body_is_unpacked(house: House) -> None:
    sokha = await house.enters("sokha")
    packed = gzip.compress(json.dumps({"device_id": sokha.device}).encode())
    reply = await sokha.ask("POST", "/sync/pull", raw=packed, headers={"Content-Encoding": "gzip"})
    assert reply.status == 200


async def test_the_rate_of_syncs_is_the_devices_own(database_url: str) -> None:
    """DESIGN.md 11: 120 a minute and device; the 121st waits, the other phone does not (R-400)."""
    async with opened(database_url, rates=True) as house:
        sokha = await house.enters("sokha")
        phone = await sokha.other_phone()
        statuses = [(await sokha.ask("GET", "/sync/status")).status for _ in range(120)]
        assert set(statuses) == {200}
        refused = await sokha.ask("GET", "/sync/status")
        assert (refused.status, refused.code) == (429, "too_many_requests")
        assert 0 < int(refused.headers["Retry-After"]) <= 60
        assert refused.headers["X-RateLimit-Limit"] == "120"
        assert "headers" not in refused.body["error"]
        assert (await phone.ask("GET", "/sync/status")).status == 200
