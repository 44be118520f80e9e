"""The composition root: the only file that knows every part (DESIGN.md 1).

From settings to a house, from a house to a web application, and the start and end of both. Decides nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import orjson
from aiohttp import hdrs, web

from i18n.negotiation import pick_language
from scheduling.rules import RULES
from scheduling.worker import Worker
from server import sync_routes
from server.announce import announce_work
from server.around import outermost
from server.bus import InProcessBus, RedisBus
from server.call import Caller
from server.cors import cors
from server.edge import REQUEST_ID, request_handler
from server.errors import error_body
from server.house import House
from server.limits import SYNC, InRedis, Limits
from server.live import Live, LiveSession
from server.metrics import Metrics
from server.openapi import document
from server.passwords import Passwords
from server.quiet_protocol import QuietRunner
from server.routes import PREFIXES, api_routes, root_routes
from server.settings import Settings
from server.tokens import KeyRing, Tokens
from storage import catalogue, failpoints
from storage.accounts.sessions import open_sessions, standing
from storage.database import Database
from storage.ledger.audience import audience
from storage.ledger.incarnation import begin
from storage.ledger.ledger import Ledger
from storage.soundness import UnsoundError, forgetful
from sync.problem import Code, Refusal
from sync.pull import readable
from sync.values import instant_of_ms

KEEPALIVE_S = 20.0  # hardening 2.2; a proxy in front keeps its own shorter
SHUTDOWN_S = 8.0
SYNC_DEADLINE_S = sync_routes.DEADLINE_S
SECURITY = {
    hdrs.SERVER: "dastern", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


def furnish(
    settings: Settings, now_ms: Callable[[], int] = wall_clock_ms, *, database: Database | None = None
) -> House:
    """All parts by these settings; `database` in place of the one they name. Nothing is opened yet."""
    failpoints.disarm()
    failpoints.arm_from(settings.failpoints)
    database = database or Database(settings.database_url)
    house = House(
        settings=settings, database=database, ledger=Ledger(database, catalogue), kinds=catalogue.KINDS, rules=RULES,
        may_read=readable(catalogue.KINDS), metrics=Metrics(), passwords=Passwords(), now_ms=now_ms,
        tokens=Tokens(KeyRing("access", settings.token_keys)),
        limits=Limits(InRedis(settings.redis_url) if settings.redis_url else None),
        bus=RedisBus(settings.redis_url) if settings.redis_url else InProcessBus(), openapi=openapi_document(),
    )
    house.live = _live(house)
    return house


@cache
def openapi_document() -> bytes:
    """The document of what this program serves, as JSON."""
    return orjson.dumps(document(api_routes(), root_routes()), option=orjson.OPT_INDENT_2)


def _live(house: House) -> Live:
    """The live channel with its ports filled from the house."""

    async def readers(scopes: Collection[str]) -> Mapping[str, Collection[str]]:
        found = await audience(house.database, scopes, instant_of_ms(house.now_ms()))
        return {scope: frozenset(users) for scope, users in found.items()}

    async def still_open(sessions: Collection[str]) -> Collection[str]:
        async with house.database.reading() as reading:
            return await open_sessions(reading, sessions)

    return Live(
        authenticate=lambda token: _session_of(house, token), open_sessions=still_open, audience=readers,
        hello=lambda user: sync_routes.hello(house, user), on_sync=_over_socket(house, sync_routes.both),
        on_dose=_over_socket(house, sync_routes.push_doses),
        render_error=lambda refusal, language: error_body(
            refusal, pick_language(language, house.settings.default_language), ""),
        bus=house.bus, allowed_origins=house.settings.allowed_origins,
        clock=lambda: datetime.fromtimestamp(house.now_ms() / 1000, UTC),
    )


async def _session_of(house: House, token: str) -> LiveSession:
    """All of S-01 at CONNECT (S-09)."""
    claims = house.tokens.read(token, house.now_ms())
    async with house.database.reading() as reading:
        held = await standing(reading, claims.session)
    if held is None or held.account_id != claims.user or held.device_id != claims.device:
        raise Refusal(Code.SESSION_ENDED)
    return LiveSession(claims.user, claims.session, claims.device, datetime.fromtimestamp(claims.expires_at, UTC))


def _over_socket(house: House, door: Any) -> Any:
    """A sync door for the socket: the same rate, the same turn, the same deadline as over HTTP (S-20)."""

    async def handle(session: LiveSession, payload: dict[str, Any], _language: str | None) -> dict[str, Any]:
        await house.limits.check(SYNC, session.device_id)
        caller = Caller(session.user_id, session.device_id, session.session_id)

        async def turn() -> dict[str, Any]:
            async with house.turns.of(session.device_id):
                answer: dict[str, Any] = await door(house, caller, payload, house.now_ms())
                return answer

        return await house.database.within(turn, SYNC_DEADLINE_S)

    return handle


def application(house: House) -> web.Application:
    """The web application: every route under both prefixes, Socket.IO on the same port."""
    app = web.Application(middlewares=[cors(house.settings.allowed_origins), outermost(house)])
    for route in api_routes():
        handler = request_handler(house, route)
        for prefix in PREFIXES:
            app.router.add_route(route.method, prefix + route.path, handler)
    for route in root_routes():
        app.router.add_route(route.method, route.path, request_handler(house, route))
    app.on_response_prepare.append(_say_nothing_of_ourselves)
    house.live.attach(app)
    return app


async def _say_nothing_of_ourselves(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(SECURITY)
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    if REQUEST_ID in request:
        response.headers["X-Request-Id"] = request[REQUEST_ID]


async def open_house(house: House) -> None:
    """Opens the database, which must be migrated, and gives an empty one its first epoch."""
    await house.database.open()
    if house.settings.is_production and not house.database.is_sqlite:
        await _refuse_forgetful(house.database)
    await begin(house.database, instant_of_ms(house.now_ms()))


async def _refuse_forgetful(database: Database) -> None:
    """Raises UnsoundError for a PostgreSQL that may lose acknowledged doses at a power cut (hardening 2.5)."""
    async with database.reading() as reading:
        names = await forgetful(reading)
    if names:
        raise UnsoundError(f"This PostgreSQL may lose what it acknowledged; switch on: {', '.join(names)}.")


async def close_house(house: House) -> None:
    house.passwords.close()
    await house.limits.close()
    await house.database.close()


def worker_of(house: House, name: str) -> Worker:
    """A worker with the house's parts, whose settlements are announced on the live channel."""
    return Worker(house.ledger, house.database, house.kinds, house.rules, name, house.now_ms,
                  lambda settlement, notices: announce_work(house, settlement, notices))


class Server:
    """One serving process: `start`, then `stop`; a second `stop` does nothing. `port` is the one really bound."""

    def __init__(self, house: House, *, with_worker: bool = False) -> None:
        self.house = house
        self._stop_work = asyncio.Event()
        self._worker = worker_of(house, "embedded") if with_worker else None
        self._work: asyncio.Task[None] | None = None
        self._runner = QuietRunner(
            application(house), access_log=None, keepalive_timeout=KEEPALIVE_S, shutdown_timeout=SHUTDOWN_S,
            auto_decompress=False, handler_cancellation=False, logger=logging.getLogger("aiohttp.server"),
        )

    @property
    def port(self) -> int:
        return int(self._runner.addresses[0][1])

    async def start(self) -> None:
        settings = self.house.settings
        await open_house(self.house)
        await self._runner.setup()
        await web.TCPSite(self._runner, settings.host, settings.port).start()
        if self._worker is not None:
            self.house.wake_worker = self._worker.wake
            self._work = asyncio.create_task(self._worker.run(self._stop_work), name="worker")
        self.house.ready = True

    async def stop(self) -> None:
        """Not ready; sockets told to come back; requests finished; then everything closed (I-21)."""
        if self._stop_work.is_set():
            return
        self.house.ready = False
        self._stop_work.set()
        await self._runner.cleanup()
        if self._work is not None:
            await self._work
        await close_house(self.house)
