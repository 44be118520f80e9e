"""`make bench`: a 30-change dose batch through HTTP on PostgreSQL against one bare statement writing the same rows.

Also pulls of nothing new, the statement counts, and how fast plans become doses (plans.py). Prints figures with their
ratios; asserts nothing about time.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import insert

from server.tokens import KeyRing, Tokens, read_keys
from storage.accounts.tables import session
from storage.ledger.ledger import Ledger
from storage.migrations import upgrade_now
from tests.bench import plans
from tests.bench.load import all_applied, bare, children_cpu_s, over_http, push_body, server
from tests.bench.recording import CHANGES, Pusher, Written, listening, patients, plan_batches
from tests.servers import postgres
from tests.servers.postgres import Postgres
from tests.stages import BEGAN, database_stage
from tests.storage.statements import counted

CONNECTIONS = 8
PATIENTS = 64
BATCHES = 12  # of each patient
IDLE_PULLS = 40  # of each patient
ROUNDS = 3


def main() -> None:
    server_of = postgres.shared(os.environ[postgres.URL_VARIABLE])
    key = secrets.token_urlsafe(32) + "="
    print(f"{PATIENTS} patients, {BATCHES} batches of {CHANGES} changes each, {CONNECTIONS} connections; "
          f"{os.cpu_count()} cores for PostgreSQL, server and load together")
    with server_of.database() as seeded:
        upgrade_now(seeded)
        pushers, sessions = asyncio.run(_seed(seeded))
        template = seeded.rsplit("/", 1)[1].split("?")[0]
        ratios = [_round(server_of, template, seeded, pushers, sessions, key, number) for number in range(ROUNDS)]
    plans.main()
    print(f"HTTP / bare statement: {', '.join(f'{ratio:.2f}' for ratio in ratios)}   (goal: at least 0.25)")


async def _seed(url: str) -> tuple[list[Pusher], dict[str, str]]:
    async with database_stage(url) as stage:
        pushers = await patients(stage, PATIENTS)
        sessions = {pusher.person.id: str(uuid4()) for pusher in pushers}
        assert isinstance(stage.store, Ledger)
        async with stage.store.database.writing() as writing:
            for pusher in pushers:
                await writing.execute(insert(session).values(
                    id=sessions[pusher.person.id], account_id=pusher.person.id, device_id=pusher.phone.device,
                    created_at=BEGAN))
    plan_batches(pushers, BATCHES)
    return pushers, sessions


def _round(
    server_of: Postgres, template: str, seeded: str, pushers: list[Pusher], sessions: dict[str, str], key: str,
    number: int,
) -> float:
    with server_of.database(template=template) as engine_url:
        lanes = asyncio.run(_written(engine_url, pushers, show=number == 0))
    with server_of.database(template=template) as bare_url:
        _claim_beforehand(bare_url, lanes)
        naked = asyncio.run(bare(bare_url, lanes))
    with server_of.database(template=template) as http_url:
        before = children_cpu_s()
        with server(http_url, key) as port:
            tokens = _tokens(pushers, sessions, key)
            pushed = asyncio.run(over_http(port, _lanes(pushers, tokens), all_applied))
            pulled = asyncio.run(_idle_pulls(port, pushers, tokens))
        spent = (children_cpu_s() - before) / (PATIENTS * (BATCHES + IDLE_PULLS))
    print(f"bare statement, {CHANGES} changes   {naked}")
    print(f"push over HTTP, {CHANGES} changes   {pushed}")
    print(f"pull of nothing new          {pulled}")
    print(f"server's processor time a request, pushes and pulls together: {spent * 1000:.2f} ms")
    return pushed.per_second / naked.per_second


async def _written(url: str, pushers: list[Pusher], *, show: bool) -> list[list[Written]]:
    """The write statements of all batches, by connection; patients are spread so that no two share one."""
    lanes: list[list[Written]] = [[] for _ in range(CONNECTIONS)]
    async with database_stage(url) as stage:
        assert isinstance(stage.store, Ledger)
        stage.count = 1_000_000  # ids beyond those that the seeding used
        noted = listening(stage.store)
        for number in range(BATCHES):
            for place, pusher in enumerate(pushers):
                pusher.phone.stage = stage
                if show and number == BATCHES - 1 and place == 0:
                    with counted(pytest.MonkeyPatch()) as seen:
                        await pusher.phone.push(*pusher.batches[number])
                    print(f"statements between BEGIN and COMMIT of a push of {CHANGES}: {len(seen)}")
                else:
                    await pusher.phone.push(*pusher.batches[number])
                lanes[place % CONNECTIONS].append(noted[-1])
        if show:
            await pushers[0].phone.pull()
            with counted(pytest.MonkeyPatch()) as seen:
                await pushers[0].phone.pull()
            print(f"statements of a pull of nothing new: {len(seen)}")
    return lanes


def _claim_beforehand(url: str, lanes: list[list[Written]]) -> None:
    """The batch rows that the statements put their answers into; the claim's insert is none of the bare one's work."""
    with psycopg.connect(url) as connection:
        for written in (written for lane in lanes for written in lane):
            doc = json.loads(written.doc)
            connection.execute(
                "INSERT INTO batch (user_id, device_id, batch_id, digest, received_at) VALUES (%s, %s, %s, '', now())",
                (doc["user_id"], doc["device_id"], doc["batch_id"]))


def _tokens(pushers: list[Pusher], sessions: dict[str, str], key: str) -> dict[str, str]:
    tokens = Tokens(KeyRing("access", read_keys(key)))
    now_ms = int(time.time() * 1000)
    return {p.person.id: tokens.mint(user=p.person.id, session=sessions[p.person.id], device=p.phone.device,
                                     role="patient", language="km", jti=str(uuid4()), now_ms=now_ms).token
            for p in pushers}


def _lanes(pushers: list[Pusher], tokens: dict[str, str]) -> list[list[tuple[str, str, bytes]]]:
    lanes: list[list[tuple[str, str, bytes]]] = [[] for _ in range(CONNECTIONS)]
    for number in range(BATCHES):
        for place, pusher in enumerate(pushers):
            body = push_body(pusher, number)
            lanes[place % CONNECTIONS].append(("/api/sync/push", tokens[pusher.person.id], body))
    return lanes


async def _idle_pulls(port: int, pushers: list[Pusher], tokens: dict[str, str]) -> object:
    cursors: dict[str, str] = {}

    def body(pusher: Pusher) -> bytes:
        return json.dumps({"device_id": pusher.phone.device, "cursor": cursors.get(pusher.person.id)}).encode()

    for pusher in pushers:
        def keep(answer: dict[str, str], of: str = pusher.person.id) -> bool:
            cursors[of] = answer["cursor"]
            return not answer["has_more"]

        await over_http(port, [[("/api/sync/pull", tokens[pusher.person.id], body(pusher))]], keep)
    lanes: list[list[tuple[str, str, bytes]]] = [[] for _ in range(CONNECTIONS)]
    for _ in range(IDLE_PULLS):
        for place, pusher in enumerate(pushers):
            lanes[place % CONNECTIONS].append(("/api/sync/pull", tokens[pusher.person.id], body(pusher)))
    return await over_http(port, lanes, lambda answer: answer["changes"] == [])


if __name__ == "__main__":
    main()
