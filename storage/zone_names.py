"""Which time zones a row may name (S-61). Knows names only; what a zone's clock says is scheduling's."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

from sync.problem import FieldCode
from sync.values import Unfit

DEFAULT_ZONE = "Asia/Phnom_Penh"

# They name the host, a placeholder or another time scale, not a place (S-61).
_NOT_PLACES = frozenset({"Factory", "localtime", "posixrules"})
_NOT_PLACES_UNDER = ("right/", "posix/")


@cache
def allowed_zones() -> frozenset[str]:
    return frozenset(
        name for name in available_timezones() if name not in _NOT_PLACES and not name.startswith(_NOT_PLACES_UNDER)
    )


def known_zone(name: str) -> None:
    """Raises Unfit for a zone that is not on the list."""
    if name not in allowed_zones():
        raise Unfit(FieldCode.ZONE_UNKNOWN)
