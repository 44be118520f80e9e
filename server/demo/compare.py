"""Whether a phone holds exactly what the server would tell a new phone of the same account: the demo's verdict.

Rows are compared by presence, version, content and what its owner sees; what still waits is a difference too. Knows
replicas; never how they came to hold what they hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sync.record import Key
from sync.replica.door import Body
from sync.replica.replica import Replica

MOST_NAMED = 20  # differences told one by one

Rows = dict[Key, tuple[int, Body | None]]


def differences(name: str, phone: Replica, fresh: Replica) -> list[str]:
    """One sentence for each difference between a phone and a `fresh` replica that has just pulled everything; empty if
    there is none."""
    return [f"{name}: {what}" for what in (*_unsent(phone), *_scopes(phone, fresh), *_rows(phone, fresh))]


def verdict(found: list[str]) -> int:
    """The exit status: 0 if no phone differs from the server."""
    return 1 if found else 0


def holdings(replica: Replica) -> Counter[str]:
    """How many living rows a phone holds, by kind."""
    return Counter(key.kind for key in _held(replica))


def _unsent(phone: Replica) -> Iterator[str]:
    if phone.waiting():
        yield f"{len(phone.waiting())} changes have not reached the server"


def _scopes(phone: Replica, fresh: Replica) -> Iterator[str]:
    here, there = phone.scopes(), fresh.scopes()
    for scope in sorted(here.keys() | there.keys()):
        if here.get(scope) != there.get(scope):
            yield f"{scope}: here {here.get(scope) or 'not held'}, on the server {there.get(scope) or 'not held'}"


def _rows(phone: Replica, fresh: Replica) -> Iterator[str]:
    here, there = _held(phone), _held(fresh)
    if len(here) != len(there):
        yield f"{len(here)} rows here, {len(there)} on the server"
    told = [what for key in sorted(here.keys() | there.keys(), key=str) for what in _row(key, here, there)]
    told += [f"{_named(key)}: its owner sees something else" for key in sorted(here.keys() & there.keys(), key=str)
             if here[key] == there[key] and phone.rows.seen(key) != fresh.rows.seen(key)]
    yield from told[:MOST_NAMED]
    if len(told) > MOST_NAMED:
        yield f"{len(told) - MOST_NAMED} more rows differ"


def _row(key: Key, here: Rows, there: Rows) -> Iterator[str]:
    if key not in here or key not in there:
        yield f"{_named(key)}: only {'on the server' if key in there else 'here'}"
        return
    (version, body), (server_version, server_body) = here[key], there[key]
    if version != server_version:
        yield f"{_named(key)}: version {version} here, {server_version} on the server"
    elif body != server_body:
        fields = sorted(name for name in {*(body or {}), *(server_body or {})}
                        if (body or {}).get(name) != (server_body or {}).get(name))
        yield f"{_named(key)}: other content in {', '.join(fields)}"


def _held(replica: Replica) -> Rows:
    return {key: (version, replica.rows.told(key))
            for scope in replica.scopes() for key, version in replica.held(scope).items()}


def _named(key: Key) -> str:
    return f"{key.kind} {key.id}"
