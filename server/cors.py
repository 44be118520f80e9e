"""Cross-origin calls: for the origins that the operator named, one by one; for all others nothing is said (S-67).

Native apps send no Origin and are not concerned. Knows origins; no route.
"""

from __future__ import annotations

from collections.abc import Collection

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler as Next
from aiohttp.typedefs import Middleware

METHODS = "GET, POST, PUT, PATCH, DELETE"
HEADERS = "Authorization, Content-Type, Content-Encoding, Accept-Language, If-Match, Idempotency-Key"
EXPOSED = "ETag, Location, Retry-After, X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"
MAX_AGE_S = "600"

def cors(origins: Collection[str]) -> Middleware:
    """The outermost middleware: answers preflights, and lets the named origins read answers, errors too."""
    allowed = frozenset(origins)

    @web.middleware
    async def around(request: web.Request, handler: Next) -> web.StreamResponse:
        origin = request.headers.get(hdrs.ORIGIN)
        preflight = request.method == "OPTIONS" and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
        if origin not in allowed or request.path.startswith("/socket.io/"):
            return await handler(request)
        response = _preflight() if preflight else await handler(request)
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = str(origin)
        response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = EXPOSED
        response.headers.add(hdrs.VARY, hdrs.ORIGIN)
        return response

    return around


def _preflight() -> web.StreamResponse:
    return web.Response(status=204, headers={
        hdrs.ACCESS_CONTROL_ALLOW_METHODS: METHODS, hdrs.ACCESS_CONTROL_ALLOW_HEADERS: HEADERS,
        hdrs.ACCESS_CONTROL_MAX_AGE: MAX_AGE_S})
