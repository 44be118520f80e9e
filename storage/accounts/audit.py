"""One line per login, session and read, beside the deed and in its transaction (R-380 to R-383).

Writes of rows are audited by the `change` table. Knows that a line is never changed; never who may read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert

from storage.accounts.tables import audit
from storage.database import Writing

MAX_IP_CHARS = 64


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: the address as server/limits.py believes it, and the device if it named one."""

    ip: str
    device_id: str | None = None


@dataclass(frozen=True, slots=True)
class Deed:
    """`actor_id` is None where nobody is signed in; `details` hold codes and ids, never a secret (R-385)."""

    actor_id: str | None
    role: str
    action: str
    resource_type: str
    resource_id: str | None = None
    patient_id: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


async def record(writing: Writing, deed: Deed, origin: Origin, now: str) -> None:
    """Writes one line. `now` is a canonical instant: deeds at a server are done and told at the same time."""
    await writing.execute(insert(audit).values(
        actor_id=deed.actor_id, role=deed.role, action=deed.action, resource_type=deed.resource_type,
        resource_id=deed.resource_id, patient_id=deed.patient_id, details=dict(deed.details),
        ip=origin.ip[:MAX_IP_CHARS], device_id=origin.device_id, acted_at=now, synced_at=now,
    ))
