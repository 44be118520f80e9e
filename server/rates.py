"""Which rate counts for a request, and by whose key (R-400, S-20): before its body is read.

Knows routes and callers; the counting is server/limits.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from server.call import Call, Route
from server.limits import API, AUTH, SYNC, address_key

NONE = "none"


async def admit(route: Route, call: Call) -> Mapping[str, str]:
    """The X-RateLimit-* headers of a request that may go on. Raises Refusal: too_many_requests, busy."""
    limits = call.house.limits
    if route.limit == NONE:
        return {}
    if route.limit == AUTH.name:
        return await limits.check(AUTH, address_key(call.ip))
    if route.limit == SYNC.name:
        return await limits.check(SYNC, call.device)
    key = f"user:{call.user}" if call.caller is not None else f"address:{address_key(call.ip)}"
    return await limits.check(API, key)
