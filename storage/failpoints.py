"""Named places in production code where a test may make the process fail: raise, exit, sleep, hang (hardening 4.2).

Random kills miss narrow windows; these name them. Inactive, and one dictionary lookup, unless `arm` or
DASTERN_FAILPOINTS (read by the server's settings, which refuse it outside test mode) names one. A name is registered
once, beside the code that holds it.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from enum import StrEnum

EXIT_STATUS = 137  # what a shell says of a process that was killed by SIGKILL


class Action(StrEnum):
    RAISE = "raise"
    EXIT = "exit"  # at once, without any cleaning up: as by kill -9
    SLEEP = "sleep"  # half a second
    HANG = "hang"  # until cancelled


class Failed(RuntimeError):
    """What a failpoint raises; the message is its name."""


@dataclass
class _Armed:
    action: Action
    nth: int
    hits: int = 0


SLEEP_S = 0.5
_registered: set[str] = set()
_armed: dict[str, _Armed] = {}


def register(*names: str) -> None:
    """Raises ValueError for a name that exists: two places under one name cannot be told apart in a test."""
    for name in names:
        if name in _registered:
            raise ValueError(f"The failpoint {name} is registered twice.")
        _registered.add(name)


def registered() -> frozenset[str]:
    return frozenset(_registered)


def arm(name: str, action: Action | str, nth: int = 1) -> None:
    """Lets the nth hit from now on fail; earlier and later hits pass. Raises ValueError for an unknown name."""
    if name not in _registered:
        raise ValueError(f"There is no failpoint {name}.")
    _armed[name] = _Armed(Action(action), nth)


def arm_from(words: str) -> None:
    """Arms from `name=action[:nth]` separated by commas, the form of DASTERN_FAILPOINTS. Raises ValueError."""
    for word in filter(None, (part.strip() for part in words.split(","))):
        name, _, rest = word.partition("=")
        action, _, nth = rest.partition(":")
        arm(name, action, int(nth or 1))


def disarm() -> None:
    """Makes every failpoint inactive again."""
    _armed.clear()


async def failpoint(name: str) -> None:
    """Passes, unless this is the hit that was armed."""
    armed = _armed.get(name)
    if armed is None:
        return
    armed.hits += 1
    if armed.hits != armed.nth:
        return
    if armed.action is Action.EXIT:
        os._exit(EXIT_STATUS)
    if armed.action is Action.RAISE:
        raise Failed(name)
    await asyncio.sleep(SLEEP_S if armed.action is Action.SLEEP else 3600)
