"""The OpenAPI document, and Swagger UI at /api/docs from the files in server/web: nothing is fetched from elsewhere
(DESIGN.md 5, S-67).

Knows its five files, read once; not what the document says.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from server.call import Answer, Auth, Call, Route
from server.rates import NONE
from sync.problem import Code, Refusal

CSP = ("default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
       "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
"""Swagger UI sets styles on elements; everything else is our own files only."""
ASSETS = {
    "swagger-ui.css": ("swagger-ui/swagger-ui.css", "text/css; charset=utf-8"),
    "swagger-ui-bundle.js": ("swagger-ui/swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    "start.js": ("start.js", "text/javascript; charset=utf-8"),
    "LICENSE": ("swagger-ui/LICENSE", "text/plain; charset=utf-8"),
}


async def page(_call: Call) -> Answer:
    return Answer(200, _file("docs.html"), {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": CSP})


async def document(call: Call) -> Answer:
    return Answer(200, call.house.openapi, {"Content-Type": "application/json"})


async def asset(call: Call) -> Answer:
    if call.path["file"] not in ASSETS:
        raise Refusal(Code.NOT_FOUND)
    path, media = ASSETS[call.path["file"]]
    return Answer(200, _file(path), {"Content-Type": media, "Cache-Control": "public, max-age=86400"})


@cache
def _file(path: str) -> bytes:
    return files("server.web").joinpath(*path.split("/")).read_bytes()


_OPEN = {"auth": Auth.NONE, "limit": NONE, "deadline_s": None, "tag": "about"}
ROUTES = [
    Route(method="GET", path="/openapi.json", handler=document, summary="This document", answer={"type": "object"},
          **_OPEN),  # type: ignore[arg-type]
    Route(method="GET", path="/docs", handler=page, summary="This documentation as a page",
          answer={"type": "string", "contentMediaType": "text/html"}, **_OPEN),  # type: ignore[arg-type]
    Route(method="GET", path="/docs/{file}", handler=asset, summary="Files of that page",
          answer={"type": "string", "contentMediaType": "text/plain"}, refuses=(Code.NOT_FOUND,),
          **_OPEN),  # type: ignore[arg-type]
]
