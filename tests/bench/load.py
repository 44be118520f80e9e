"""The two sides that are compared: batches through HTTP, and the bare statements that write the same rows.

Both use the same number of connections, on each one request after the other; loopback only, bounded in count.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from subprocess import Popen
from typing import Any

import psycopg
from psycopg import AsyncRawCursor

from tests.bench.recording import Pusher, Written, all_applied
from tests.servers.processes import free_port

START_S = 30


@dataclass
class Figures:
    """How often per second, and how long each took, in milliseconds."""

    per_second: float
    p50_ms: float
    p95_ms: float

    def __str__(self) -> str:
        return f"{self.per_second:8.0f}/s   p50 {self.p50_ms:6.1f} ms   p95 {self.p95_ms:6.1f} ms"


async def measured(lanes: Sequence[Sequence[Callable[[], Awaitable[None]]]]) -> Figures:
    """Runs the lanes beside each other, each one's deeds in order."""
    took: list[float] = []

    async def run(lane: Sequence[Callable[[], Awaitable[None]]]) -> None:
        for deed in lane:
            began = time.perf_counter()
            await deed()
            took.append((time.perf_counter() - began) * 1000)

    began = time.perf_counter()
    await asyncio.gather(*(run(lane) for lane in lanes))
    whole = time.perf_counter() - began
    took.sort()
    return Figures(len(took) / whole, took[len(took) // 2], took[len(took) * 95 // 100])


async def bare(url: str, lanes: Sequence[Sequence[Written]]) -> Figures:
    """One statement a push on psycopg's own connections, autocommit: dose, ledger, journal, outbox and answer."""
    connections = [await psycopg.AsyncConnection.connect(url, autocommit=True) for _ in lanes]

    def deed(connection: psycopg.AsyncConnection[Any], written: Written) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            await AsyncRawCursor(connection).execute(written.text, (written.doc,), prepare=True)

        return run

    try:
        return await measured([[deed(c, one) for one in lane] for c, lane in zip(connections, lanes, strict=True)])
    finally:
        for connection in connections:
            await connection.close()


class Line:
    """One kept-alive HTTP connection, written by hand so that the load costs as little as it can."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def post(self, path: str, token: str, body: bytes) -> dict[str, Any]:
        head = (f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n")
        self.writer.write(head.encode() + body)
        answer = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.split(": ", 1) for line in answer.split("\r\n")[1:] if line)
        length = int(headers["Content-Length"])
        raw = await self.reader.readexactly(length)
        assert " 200 " in answer.split("\r\n")[0], (answer.split("\r\n")[0], raw[:300])
        read: dict[str, Any] = json.loads(raw)
        return read


async def over_http(
    port: int, lanes: Sequence[Sequence[tuple[str, str, bytes]]], check: Callable[[dict[str, Any]], bool]
) -> Figures:
    """Lanes of (path, token, body); every answer is checked, or the figure would be of refusals."""
    lines = [Line(*await asyncio.open_connection("127.0.0.1", port)) for _ in lanes]

    def deed(line: Line, path: str, token: str, body: bytes) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            answer = await line.post(path, token, body)
            assert check(answer), str(answer)[:600]

        return run

    try:
        return await measured([[deed(line, *one) for one in lane] for line, lane in zip(lines, lanes, strict=True)])
    finally:
        for line in lines:
            line.writer.close()


def push_body(pusher: Pusher, number: int) -> bytes:
    """The envelope of one prepared batch as a phone sends it."""
    changes = [
        {"change_id": c.change_id, "kind": c.kind, "id": c.id, "scopes": list(c.scopes), "op": str(c.op),
         "base": c.base, "fields": dict(c.fields), "recorded_at": c.recorded_at, "hlc": c.hlc}
        for c in pusher.batches[number]
    ]
    batch = pusher.batches[number][0].change_id
    return json.dumps({"device_id": pusher.phone.device, "batch_id": batch, "schema": 1, "changes": changes}).encode()


@contextmanager
def server(url: str, key: str) -> Iterator[int]:
    """A server process of its own on that database, ended by its process id."""
    port = free_port()
    environ = {**os.environ, "DASTERN_ENV": "test", "DASTERN_DATABASE_URL": url, "DASTERN_PORT": str(port),
               "DASTERN_TOKEN_KEY": key, "DASTERN_LOG_LEVEL": "ERROR"}
    process = Popen([sys.executable, "-m", "server.cli", "serve", "--without-worker"], env=environ)
    try:
        asyncio.run(_answers(port))
        yield port
    finally:
        process.terminate()
        process.wait(20)


async def _answers(port: int) -> None:
    for _ in range(START_S * 10):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        except OSError:
            await asyncio.sleep(0.1)
    raise AssertionError("the server did not start")


def children_cpu_s() -> float:
    """Processor time of ended child processes, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


__all__ = ["Figures", "all_applied", "bare", "children_cpu_s", "over_http", "push_body", "server"]
