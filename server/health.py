"""Whether this process lives, and whether it can serve, with the state of each dependency (R-404); its figures.

A process without its database is not ready. Without Redis it serves on and says so: pokes between processes are late,
nothing else (I-19), and a proxy that took every server out for that would make it an outage.
"""

from __future__ import annotations

import hmac
from ipaddress import ip_address

from sqlalchemy import text

from server.bus import RedisBus
from server.call import Answer, Auth, Call, Route
from server.house import House
from server.metrics import CONTENT_TYPE
from server.rates import NONE
from sync.problem import Code, Refusal

PROBE_S = 2.0
UP, DOWN, DEGRADED = "up", "down", "degraded"
VERSION = "0.1.0"


async def live(_call: Call) -> Answer:
    return Answer(200, {"status": UP})


async def ready(call: Call) -> Answer:
    """503 while starting, while closing, and without a database."""
    states = await dependencies(call.house)
    fit = call.house.ready and states["database"] == UP
    status = (UP if set(states.values()) == {UP} else DEGRADED) if fit else DOWN
    return Answer(200 if fit else 503, {"status": status, "closing": not call.house.ready, "dependencies": states,
                                        "version": VERSION})


async def dependencies(house: House) -> dict[str, str]:
    states = {"database": UP if await _database_answers(house) else DOWN}
    if isinstance(house.bus, RedisBus):
        states["redis"] = UP if house.bus.connected else DOWN
    return states


async def _database_answers(house: House) -> bool:
    async def probe() -> None:
        async with house.database.reading() as reading:
            await reading.execute(text("SELECT 1"))

    try:
        await house.database.within(probe, PROBE_S)
    except Exception:
        return False
    return True


async def figures(call: Call) -> Answer:
    """For whoever holds the token; without one, for this very machine alone."""
    token = call.house.settings.metrics_token
    if token is None:
        allowed = call.ip != "unknown" and ip_address(call.ip).is_loopback
    else:
        given = call.headers.get("Authorization", "").removeprefix("Bearer ")
        allowed = hmac.compare_digest(given.encode(errors="replace"), token.encode())
    if not allowed:
        raise Refusal(Code.NOT_FOUND)
    return Answer(200, call.house.metrics.page(), {"Content-Type": CONTENT_TYPE})


_STATE = {"type": "object", "required": ["status"], "properties": {
    "status": {"enum": [UP, DEGRADED, DOWN]}, "closing": {"type": "boolean"}, "version": {"type": "string"},
    "dependencies": {"type": "object", "additionalProperties": {"enum": [UP, DOWN]}}}}
_OPEN = {"auth": Auth.NONE, "limit": NONE, "deadline_s": None, "tag": "about", "answer": _STATE}
ROUTES = [
    Route(method="GET", path="/health", handler=ready, summary="Whether this server can serve", **_OPEN),  # type: ignore[arg-type]
]
ROOT_ROUTES = [
    Route(method="GET", path="/health/live", handler=live, summary="Whether this process lives", **_OPEN),  # type: ignore[arg-type]
    Route(method="GET", path="/health/ready", handler=ready, summary="Whether this server can serve", **_OPEN),  # type: ignore[arg-type]
    Route(method="GET", path="/metrics", handler=figures, summary="Figures for Prometheus",
          **(_OPEN | {"answer": {"type": "string", "contentMediaType": "text/plain"}}),  # type: ignore[arg-type]
          refuses=(Code.NOT_FOUND,)),
]
"""Outside /api: for the machine's own eyes."""
