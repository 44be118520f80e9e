"""Health, figures, logs and the end of a process (R-404, S-52, I-19, I-21)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from server import logs
from tests.server.house import House, change, opened
from tests.servers.postgres import PostgresCluster


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with opened(database_url) as one:
        yield one


async def test_a_serving_process_lives_and_is_ready(house: House) -> None:
    live = await house.ask("GET", "/health/live", prefix="")
    assert (live.status, live.body) == (200, {"status": "up"})
    for prefix, path in (("", "/health/ready"), ("/api", "/health"), ("/api/v1", "/health")):
        ready = await house.ask("GET", path, prefix=prefix)
        assert (ready.status, ready.body["status"], ready.body["dependencies"]) == (200, "up", {"database": "up"})


async def test_a_closing_process_is_not_ready_but_lives(house: House) -> None:
    house.server.house.ready = False
    ready = await house.ask("GET", "/health/ready", prefix="")
    assert (ready.status, ready.body["closing"]) == (503, True)
    assert (await house.ask("GET", "/health/live", prefix="")).status == 200


async def test_without_its_database_it_answers_503_and_recovers_by_itself(crashable_postgres: PostgresCluster) -> None:
    """I-19, I-21: nothing is restarted on our side."""
    from storage.migrations import upgrade

    with crashable_postgres.database() as url:
        await upgrade(url)
        async with opened(url) as house:
            sokha = await house.enters("sokha")
            crashable_postgres.stop_immediate()
            ready = await house.ask("GET", "/health/ready", prefix="")
            assert (ready.status, ready.body["dependencies"]) == (503, {"database": "down"})
            reply = await sokha.push(change("profile", sokha.user, [f"user:{sokha.user}"], {"theme": "dark"}, base=2))
            assert (reply.status, reply.code) == (503, "busy")
            assert int(reply.headers["Retry-After"]) >= 1
            assert (await house.ask("GET", "/health/live", prefix="")).status == 200
            crashable_postgres.start()
            for _ in range(50):
                if (await house.ask("GET", "/health/ready", prefix="")).status == 200:
                    break
                await asyncio.sleep(0.1)
            reply = await sokha.push(change("profile", sokha.user, [f"user:{sokha.user}"], {"theme": "dark"}, base=2))
            assert reply.body["results"][0]["outcome"] == "applied"


async def test_a_dead_redis_is_told_and_costs_nothing_else(sqlite_url: str) -> None:
    """I-19."""
    async with opened(sqlite_url, REDIS_URL="redis://127.0.0.1:1/0") as house:
        ready = await house.ask("GET", "/health/ready", prefix="")
        assert (ready.status, ready.body["status"]) == (200, "degraded")
        assert ready.body["dependencies"] == {"database": "up", "redis": "down"}


async def test_figures_count_requests_by_template_and_changes_by_outcome(house: House) -> None:
    sokha = await house.enters("sokha")
    await sokha.does(change("profile", sokha.user, [f"user:{sokha.user}"], {"theme": "dark"}, base=2))
    await sokha.push(change("horoscope", sokha.user, [f"user:{sokha.user}"], {}))
    await sokha.ask("GET", f"/records/profile/{sokha.user}")
    figures = (await house.ask("GET", "/metrics", prefix="", headers={"X-Forwarded-For": "127.0.0.1"})).body.decode()
    assert 'http_requests_total{method="POST",route="/api/sync/push",status="200"} 2.0' in figures
    assert 'sync_changes_total{code="sequential",kind="profile",outcome="applied"} 1.0' in figures
    assert 'sync_changes_total{code="unknown_kind",kind="unknown",outcome="deferred"} 1.0' in figures
    assert 'route="/api/records/{kind}/{id}"' in figures
    assert sokha.user not in figures and "horoscope" not in figures


async def test_figures_are_for_whoever_holds_the_token(sqlite_url: str) -> None:
    token = "a-token-of-operators-2Z9qLxR4"
    async with opened(sqlite_url, METRICS_TOKEN=token) as house:
        for given, status in (("", 404), ("Bearer x", 404), (f"Bearer {token}", 200)):
            headers = {"Authorization": given, "X-Forwarded-For": "127.0.0.1"}
            assert (await house.ask("GET", "/metrics", prefix="", headers=headers)).status == status
    async with opened(sqlite_url) as house:
        assert (await house.ask("GET", "/metrics", prefix="")).status == 404, "without a token: this machine alone"


async def test_the_log_holds_templates_and_outcomes_and_no_secret(
    house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    """S-52: marked secrets are planted in every place that a client fills."""
    logs.configure("INFO")
    mark = "amlodipine-5mg"
    sokha = await house.enters("sokha", last_name=mark)
    await sokha.ask("GET", f"/records/profile/{sokha.user}?cursor={mark}&x={mark}", headers={
        "Referer": mark, "User-Agent": mark, "X-Request-Id": mark, "Cookie": mark})
    await sokha.push(change(mark, sokha.user, [f"user:{sokha.user}"], {mark: mark}))
    await sokha.push(change("profile", sokha.user, [f"user:{sokha.user}"], {"theme": mark, "first_name": mark}))
    await house.ask("POST", "/auth/login", {"phone": mark, "password": mark})
    await house.ask("GET", f"/{mark}")
    await house.ask("GET", "/auth/me", headers={"Authorization": f"Bearer {mark}"})
    said = capfd.readouterr()
    text = said.out + said.err
    assert mark not in text and sokha.token not in text and "012" not in text.replace("2012", "")
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert {"method", "route", "status", "ms", "user", "request_id", "timestamp"} <= lines[-1].keys()
    assert "/api/records/{kind}/{id}" in {line.get("route") for line in lines}


def test_control_characters_are_escaped_and_repetitions_kept_back(capfd: pytest.CaptureFixture[str]) -> None:
    import logging

    logs.configure("INFO")
    for _ in range(5):
        logging.getLogger("aiohttp.server").error("bad\x1b[31m\nrequest")
    said = capfd.readouterr().err
    assert len(said.splitlines()) == 1 and "\x1b" not in said


async def test_stopping_finishes_what_was_begun(database_url: str) -> None:
    """I-21: a request under way is answered, a later one is not taken."""
    async with opened(database_url) as house:
        sokha = await house.enters("sokha")
        pushes = [asyncio.create_task(sokha.push(change(
            "profile", sokha.user, [f"user:{sokha.user}"], {"first_name": f"Sokha {i}"}, base=2))) for i in range(3)]
        await asyncio.sleep(0.005)
        begun = asyncio.get_running_loop().time()
        stopping = asyncio.create_task(house.server.stop())
        replies = await asyncio.gather(*pushes, return_exceptions=True)
        await stopping
        assert asyncio.get_running_loop().time() - begun < 10
        answered = [reply for reply in replies if not isinstance(reply, BaseException)]
        assert all(reply.status == 200 for reply in answered)
