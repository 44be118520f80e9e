"""Request → actor → transaction → answer, and every refusal → its sentence: the one story of the door (DESIGN.md 2, 5).

**To add an endpoint**, write `server/api/<noun>.py` with handlers and a list `ROUTES`; it is found by its place
(server/routes.py), served under /api and /api/v1, documented in the OpenAPI document, and tested like its neighbours:

    async def taken(call: Call) -> Answer:
        change = write.change(call, "dose_event", dose_id, {"action": "taken"}, row=found.row)
        settlement = await write.write(call, [change])       # the one road; raises nothing for an expected outcome
        return Answer(200, outcome.answered(call, settlement))   # or raises the Refusal that fits the outcome

    ROUTES = [Route(method="POST", path="/doses/taken", handler=taken, summary="…", tag="doses", body=Taken,
                    answer=DoseEvent schema)]

`call.body` is the instance of the body model (pydantic, strict) or the value from the JSON gate where `body` is a plain
schema. A handler returns an `Answer` or raises `Refusal`; any other exception is a fault of ours and becomes a 500 that
says nothing. Reads go through `records.find` and `records.listed`, which know who may see what.

This file knows the order of the steps; bodies.py, errors.py, tokens.py, limits.py know what each means.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from string import ascii_letters, digits

import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError

from i18n.negotiation import pick_language
from server import logs
from server.bodies import has_body, read_body
from server.call import Answer, Auth, Call, Caller, Route
from server.client_address import client_address
from server.errors import error_body
from server.house import House
from server.rates import admit
from storage.accounts.sessions import standing
from storage.faults import Fault, meaning
from storage.wire_check import read_problems
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.values import Unfit, canonical_uuid

WATCHED = frozenset({Code.UNAUTHENTICATED, Code.TOKEN_EXPIRED, Code.SESSION_ENDED, Code.WRONG_CREDENTIALS, Code.LOCKED,
                     Code.FORBIDDEN, Code.DEVICE_MISMATCH, Code.TOO_MANY_REQUESTS, Code.BATCH_ID_REUSED})
"""Refusals that are counted as security events (S-53)."""
MAX_TOKEN = 4096  # hardening 2.8
MAX_WORD = 64
_PLAIN = {ord(sign): None for sign in f"{ascii_letters}{digits}_-."}
JSON = "application/json; charset=utf-8"
REQUEST_ID, LANGUAGE, USER = (web.RequestKey(name, str) for name in ("request_id", "language", "user"))
"""What the request itself carries for whoever answers or logs it. The language is the account's."""


def request_handler(house: House, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The aiohttp handler of a route."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            answer = await _answered(house, route, request)
        except Refusal as refusal:
            return refused(house, request, refusal)
        except Exception as error:
            return refused(house, request, _unexpected(route, error))
        return _response(answer)

    return handle


async def _answered(house: House, route: Route, request: web.Request) -> Answer:
    """The chapters of a request. The handler runs in a task of its own up to the route's deadline: a client that
    leaves, or a database that hangs, never cuts a transaction in two (hardening 1.8)."""
    heard = _heard(house, route, request)
    if heard.caller is not None:
        request[USER] = heard.caller.user
    rate = await admit(route, heard)
    call = await _with_body(heard, route, request)
    if route.deadline_s is None:
        return await route.handler(call)
    answer = await house.database.within(lambda: _authorised(call, route, request), route.deadline_s)
    return replace(answer, headers={**rate, **answer.headers}) if rate else answer


async def _authorised(call: Call, route: Route, request: web.Request) -> Answer:
    return await route.handler(await _with_session(call, request) if route.auth is Auth.SESSION else call)


def _heard(house: House, route: Route, request: web.Request) -> Call:
    """Everything but the body: who, where from, in which language, which row."""
    now_ms = house.now_ms()
    accept = request.headers.get("Accept-Language")
    caller = None if route.auth is Auth.NONE else _caller(house, request, now_ms)
    return Call(
        house, None, _path(request), dict(request.query), request.headers,
        pick_language(accept, request.get(LANGUAGE, house.settings.default_language)), accept, now_ms,
        client_address(request, house.settings.trusted_proxies),
        request[REQUEST_ID], caller,
    )


def _caller(house: House, request: web.Request, now_ms: int) -> Caller:
    """Whom the bearer token speaks for; tokens anywhere else are not looked at (S-03)."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token) <= MAX_TOKEN:
        raise Refusal(Code.UNAUTHENTICATED)
    claims = house.known_tokens.read(token, now_ms)
    request[LANGUAGE] = claims.language  # a hint until the session was looked up
    return Caller(claims.user, claims.device, claims.session)


def _path(request: web.Request) -> Mapping[str, str]:
    """Typed parameters; what is no UUID names nothing that exists."""
    found = {}
    for name, value in request.match_info.items():
        if name == "id" or name.endswith("_id"):
            try:
                found[name] = canonical_uuid(value)
            except Unfit:
                raise Refusal(Code.NOT_FOUND) from None
        elif 0 < len(value) <= MAX_WORD and value.isascii() and not value.translate(_PLAIN):
            found[name] = value
        else:
            raise Refusal(Code.NOT_FOUND)
    return found


async def _with_session(call: Call, request: web.Request) -> Call:
    """The session as the database has it now: rights come from there (S-01, R-005)."""
    async with call.house.database.reading() as reading:
        held = await standing(reading, call.session)
    if held is None or held.account_id != call.user or held.device_id != call.device:
        raise Refusal(Code.SESSION_ENDED)
    request[LANGUAGE] = held.language
    return replace(call, caller=Caller(call.user, call.device, call.session, held.role, held.state),
                   language=pick_language(call.accept_language, held.language))


async def _with_body(call: Call, route: Route, request: web.Request) -> Call:
    if route.body is None or (not route.body_required and not has_body(request)):
        return call
    value = await read_body(request)
    if isinstance(route.body, type) and issubclass(route.body, BaseModel):
        value = checked(route.body, value)
    return replace(call, body=value)


def checked(model: type[BaseModel], value: object) -> BaseModel:
    """The body as its model. Raises Refusal(INVALID) naming every wrong field."""
    if not isinstance(value, dict):
        raise Refusal(Code.INVALID, FieldProblem("", FieldCode.WRONG_TYPE))
    try:
        return model.model_validate(value, strict=True)
    except ValidationError as error:
        raise Refusal(Code.INVALID, *read_problems(error)) from None


def _unexpected(route: Route, error: Exception) -> Refusal:
    """A database that cannot now is 503; anything else is ours: logged once, told as nothing but a code (S-55)."""
    if meaning(error) is not Fault.OURS:
        return Refusal(Code.BUSY, retry_after_s=2)
    logs.fault(f"{route.method} {route.path}", error)
    return Refusal(Code.INTERNAL)


def _response(answer: Answer) -> web.Response:
    if answer.body is None:
        return web.Response(status=answer.status, headers=answer.headers)
    if isinstance(answer.body, bytes):
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
    return web.Response(status=answer.status, body=orjson.dumps(answer.body),
                        headers={"Content-Type": JSON, **answer.headers})


def refused(house: House, request: web.Request, refusal: Refusal) -> web.Response:
    """The error body in the caller's language, with Retry-After where waiting helps."""
    if refusal.code in WATCHED:
        house.metrics.security.labels(str(refusal.code)).inc()
    stored = request.get(LANGUAGE, house.settings.default_language)
    language = pick_language(request.headers.get("Accept-Language"), stored)
    headers = {"Content-Type": JSON, **refusal.extra.get("headers", {})}
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, refusal.retry_after_s))
    if refusal.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="dastern"'
    body = error_body(refusal, language, request[REQUEST_ID])
    return web.Response(status=refusal.status, body=orjson.dumps(body), headers=headers)
