"""Around every request: its id, its time, the access log, the figures, and the errors that aiohttp itself makes.

Sees the route's template and the status; never a body, a query or who may do what.
"""

from __future__ import annotations

import time
from uuid import uuid4

from aiohttp import web
from aiohttp.typedefs import Handler as Next
from aiohttp.typedefs import Middleware

from server import logs
from server.edge import REQUEST_ID, USER, refused
from server.house import House
from sync.problem import Code, Refusal

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"})
CLIENT_LEFT = 499
AIOHTTPS = {404: Code.NOT_FOUND, 405: Code.METHOD_NOT_ALLOWED, 413: Code.TOO_LARGE}


def outermost(house: House) -> Middleware:
    """The middleware around all routes: request id, time, access log, figures, and errors that aiohttp itself made."""

    @web.middleware
    async def around(request: web.Request, handler: Next) -> web.StreamResponse:
        request[REQUEST_ID] = str(uuid4())
        token = logs.request_id.set(request[REQUEST_ID])
        begun, response = time.perf_counter(), None
        house.metrics.in_flight.inc()
        try:
            response = await _or_error(house, request, handler)
            return response
        finally:
            house.metrics.in_flight.dec()
            _note(house, request, response, time.perf_counter() - begun)
            logs.request_id.reset(token)

    return around


async def _or_error(house: House, request: web.Request, handler: Next) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        code = AIOHTTPS.get(error.status)
        if code is None:
            raise
        response = refused(house, request, Refusal(code))
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response


def _note(house: House, request: web.Request, response: web.StreamResponse | None, seconds: float) -> None:
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "unmatched"
    method = request.method if request.method in METHODS else "other"
    status = response.status if response is not None else CLIENT_LEFT
    house.metrics.answered(method, route, status, seconds)
    size = getattr(response, "content_length", None) or 0
    logs.access(method=method, route=route, status=status, seconds=seconds, user=request.get(USER), size=size)
