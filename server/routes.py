"""All routes, found by their place: the frame's own and every module in server/api that has a list ROUTES.

Knows names of modules; no path. Two routes for one method and path stop the program.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator

from server import api, docs_page, health, losers, rest, sync_routes
from server.call import Route

PREFIXES = ("/api", "/api/v1")


def api_routes() -> list[Route]:
    """Routes below /api, those with fixed segments before those with variables (R-600)."""
    frame = [*sync_routes.ROUTES, *losers.ROUTES, *rest.ROUTES, *health.ROUTES, *docs_page.ROUTES]
    return _in_order([*frame, *_named()])


def root_routes() -> list[Route]:
    return _in_order(health.ROOT_ROUTES)


def _named() -> Iterator[Route]:
    for module in sorted(pkgutil.iter_modules(api.__path__), key=lambda found: found.name):
        yield from getattr(importlib.import_module(f"server.api.{module.name}"), "ROUTES", ())


def _in_order(routes: Iterable[Route]) -> list[Route]:
    """Raises ValueError for a method and path that stand twice."""
    found: dict[tuple[str, str], Route] = {}
    for route in routes:
        if (route.method, route.path) in found:
            raise ValueError(f"{route.method} {route.path} stands twice among the routes.")
        found[route.method, route.path] = route
    return sorted(found.values(), key=lambda route: [("{" in part, part) for part in route.path.split("/")])
