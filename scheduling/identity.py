"""Slot keys: the stable name of a dose within its line, so that moving an hour keeps the dose (R-115, DESIGN.md 11).

A slot key is `{segment}:{key}`: the segment's index in the plan, and the slot's name, the meal with its relation, the
window's step or, for bare clock times, a key that the prescription version carries beside them. An elapsed interval has
its anchor; a dose that follows another has that one's key with its place. Test vectors of all of them: docs/SYNC.md.

Knows no hour's meaning; the UUIDv5 over the key is sync/identity.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

# Neither `:` nor `|`: both part the name under the UUIDv5, and a key holding one could forge another dose's id.
_KEY = re.compile(r"[A-Za-z0-9_-]{1,16}")
_SERVER_KEY = re.compile(r"t([1-9][0-9]{0,5})")


def slot_key(segment: int, key: str) -> str:
    """`0:MORN`, `0:t1`: the part of a dose id that says which dose of the day it is."""
    return f"{segment}:{key}"


def interval_key(anchor: datetime, used: int = 0) -> str:
    """`2026-11-19T23:00:00Z`: an elapsed interval's doses are named by its anchor (UTC) and their number from it.

    `used` earlier intervals of the plan count from the same anchor; the mark behind it keeps their ids apart.
    """
    text = anchor.strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{text}#{used}" if used else text


def followed(key: str, place: int) -> str:
    """`0:t1+1`: the first dose that follows the dose of this slot key."""
    return f"{key}+{place}"


def is_follower(key: str) -> bool:
    return "+" in key


def source_of(key: str) -> tuple[str, int]:
    """The slot key of the dose that this one follows, and its place behind the planned one, from 1."""
    source, _, place = key.rpartition("+")
    return (source if place == "1" else f"{source}+{int(place) - 1}"), int(place)


def is_key(value: object) -> bool:
    """Whether a client may send this as the key of a clock time."""
    return isinstance(value, str) and _KEY.fullmatch(value) is not None


def next_after(next_key: int, keys: Iterable[str | None]) -> int:
    """The first number whose `t{number}` is neither behind `next_key` nor among the keys seen."""
    numbers = (int(found[1]) + 1 for key in keys if key and (found := _SERVER_KEY.fullmatch(key)))
    return max((next_key, *numbers))


def settle_keys(
    times: Sequence[str], sent: Sequence[str | None], known: Mapping[str, str], next_key: int
) -> tuple[tuple[str, ...], int]:
    """A key for every clock time, and the number that the next fresh key will bear.

    A key that the client sent stays with its position; else the same clock time keeps the key it has in `known` (the
    version before); else a fresh `t{number}`. Numbers only grow: a key given back to another time would give its doses
    the ids, and so the recorded actions, of a dose that was removed.
    """
    used = {key for key in sent if key}
    kept = [key or known.get(time) for time, key in zip(times, sent, strict=True)]
    keys: list[str] = []
    for key, own in zip(kept, sent, strict=True):
        if key is not None and (key == own or key not in used):
            keys.append(key)
        else:
            while f"t{next_key}" in used:
                next_key += 1
            keys.append(f"t{next_key}")
            next_key += 1
        used.add(keys[-1])
    return tuple(keys), next_key
