"""What the engine speaks of: changes, rows, results. Shapes only; who may and who wins is decided elsewhere.

All field values are canonical wire values (sync/values.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Fields = Mapping[str, Any]


class Op(StrEnum):
    UPSERT = "upsert"  # creates the row if it is absent
    PATCH = "patch"  # never creates
    DELETE = "delete"


class Outcome(StrEnum):
    """What became of a change: one vocabulary for answers, metrics, audit and tests (R-193)."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    MERGED = "merged"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"
    DEFERRED = "deferred"
    ACCEPTED_LATE = "accepted_late"


class Because(StrEnum):
    """Why: the `code` of a result (sync-protocol.md 5)."""

    NEW = "new"
    SEQUENTIAL = "sequential"
    NEWEST = "newest"
    PERSON_OVER_SERVER = "person_over_server"
    SAME_CHANGE = "same_change"
    SAME_CONTENT = "same_content"
    SCHEDULE_KEPT = "schedule_kept"
    FIELDS = "fields"
    EARLIEST_KEPT = "earliest_kept"
    CONCURRENT_KEPT = "concurrent_kept"
    OLDER_EDIT = "older_edit"
    SAME_BATCH = "same_batch"
    PERSON_OVER_DEVICE = "person_over_device"
    STALE_BASE = "stale_base"
    SERVER_WINS = "server_wins"
    FORBIDDEN = "forbidden"
    INVALID = "invalid"
    IMMUTABLE = "immutable"
    CLOSED_GENERATION = "closed_generation"
    SCOPE_MISMATCH = "scope_mismatch"
    CHANGE_ID_REUSED = "change_id_reused"
    WRONG_STATUS = "wrong_status"
    MISSING_PARENT = "missing_parent"
    UNKNOWN_KIND = "unknown_kind"
    TOO_MUCH = "too_much"
    ACCESS_REVOKED = "access_revoked"
    QUARANTINED = "quarantined"


class Authority(StrEnum):
    """Whose word it is. A person's beats a device automation's, and that the server's inference (R-197)."""

    PERSON = "person"
    LATE = "late"  # a person's, recorded before their access ended and delivered after (DESIGN.md 11)
    AUTOMATION = "automation"
    SERVER = "server"

    @property
    def weight(self) -> int:
        return _WEIGHTS[self]


_WEIGHTS = {Authority.PERSON: 3, Authority.LATE: 2, Authority.AUTOMATION: 1, Authority.SERVER: 0}


@dataclass(frozen=True, slots=True)
class Change:
    """What a device wants for one row, as read from the wire. `faults` are problems of its own members and values."""

    i: int
    change_id: str
    kind: str
    id: str
    scopes: tuple[str, ...]
    op: Op
    base: int
    fields: Fields
    at: Any = None  # when it happened, as told beside the fields; unchecked
    recorded_at: int | None = None  # milliseconds since 1970, the device's clock
    boot_id: str | None = None
    mono_ms: int | None = None
    hlc: str | None = None
    automatic: bool = False
    digest: str = ""
    faults: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands. `memory` is what merging must remember: stamps per field, or the entries of a dose."""

    kind: str
    id: str
    scopes: tuple[str, ...]
    version: int
    hlc: str
    fields: Fields
    memory: Fields = field(default_factory=dict)
    extra: Fields = field(default_factory=dict)
    deleted: bool = False
    created_at: str = ""
    changed_at: str = ""
    changed_by: str = ""

    @property
    def home(self) -> str:
        """The scope that the row is kept under; its first."""
        return self.scopes[0]

    @property
    def key(self) -> Key:
        return Key(self.kind, self.home, self.id)


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Names a row. The home scope is part of it, so that nobody can shadow a row of another scope by reusing its id."""

    kind: str
    home: str
    id: str


@dataclass(frozen=True, slots=True)
class Result:
    """One change's fate. `key` names the row whose winner travels back; `details` are field problems."""

    i: int
    change_id: str
    outcome: Outcome
    code: Because
    version: int = 0
    key: Key | None = None
    tells_row: bool = False
    details: tuple[dict[str, Any], ...] = ()

    def as_json(self) -> dict[str, Any]:
        body: dict[str, Any] = {"i": self.i, "change_id": self.change_id, "outcome": str(self.outcome),
                                "code": str(self.code), "version": self.version}
        if self.details:
            body["details"] = list(self.details)
        return body
