"""Who may read and write what in which scope: one question, the same at every door (R-053, R-054, S-32).

A membership gives a person a role in a scope, through a view: parts (prescriptions), days, hidden lines. Knows roles
and predicates; never where memberships come from (storage/entities/care.py makes them of connections).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

PATIENT_SCOPE = "patient"
USER_SCOPE = "user"
CATALOGUE = "catalogue"


class Role(StrEnum):
    """A person's part in one scope (rules.md section 3). Not the account's role."""

    SELF = "self"  # in user:<own id>
    PATIENT = "patient"
    GUARDIAN = "guardian"  # manages a dependant who has no account
    VIEWER = "view"
    REMINDER = "view+remind"
    MANAGER = "view+manage"
    DOCTOR = "doctor"  # level ALLOWED
    DOCTOR_SELECTED = "doctor_selected"
    DOCTOR_REQUEST = "doctor_request"  # an approved, expiring access
    STRANGER = "stranger"  # none; may only deposit
    SYSTEM = "system"


OWNERS = frozenset({Role.PATIENT, Role.GUARDIAN})
TAKERS = OWNERS | {Role.MANAGER}  # may record doses; doctors never
RELATIVES = frozenset({Role.VIEWER, Role.REMINDER, Role.MANAGER})
DOCTORS = frozenset({Role.DOCTOR, Role.DOCTOR_SELECTED, Role.DOCTOR_REQUEST})
CARE = OWNERS | RELATIVES | DOCTORS
SELF_ONLY = frozenset({Role.SELF})
NOBODY: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True)
class Access:
    """Which roles may do what with a kind. `columns` narrows writing of single columns further."""

    read: frozenset[Role]
    create: frozenset[Role] = NOBODY
    change: frozenset[Role] = NOBODY
    delete: frozenset[Role] = NOBODY
    columns: Mapping[str, frozenset[Role]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class View:
    """What of a scope a membership shows. None means all; days are inclusive `YYYY-MM-DD` pairs."""

    parts: frozenset[str] | None = None
    days: tuple[tuple[str, str], ...] | None = None
    hidden: frozenset[str] = frozenset()  # lines whose masked columns are blanked (hide_private)

    def shows(self, part: str | None, day: str | None) -> bool:
        """Whether a row with this part and day is in view. A narrowed view shows chosen parts and nothing else."""
        if self.parts is not None and (part is None or part not in self.parts):
            return False
        if self.days is not None and day is not None:
            return any(first <= day <= last for first, last in self.days)
        return True

    def as_json(self) -> dict[str, Any]:
        return {
            "parts": None if self.parts is None else sorted(self.parts),
            "days": None if self.days is None else [list(pair) for pair in self.days],
            "hidden": sorted(self.hidden),
        }

    @staticmethod
    def of_json(value: Mapping[str, Any]) -> View:
        parts, days = value.get("parts"), value.get("days")
        return View(
            None if parts is None else frozenset(parts),
            None if days is None else tuple((pair[0], pair[1]) for pair in days),
            frozenset(value.get("hidden") or ()),
        )


ALL = View()


@dataclass(frozen=True, slots=True)
class Membership:
    """One person's access to one scope. Ended, never deleted; `view_version` rises whenever role or view change."""

    user: str
    scope: str
    role: Role
    view: View = ALL
    view_version: int = 1
    expires_at: str | None = None
    ended_at: str | None = None

    def active(self, now: str) -> bool:
        return self.ended_at is None and (self.expires_at is None or self.expires_at > now)

    @property
    def over_since(self) -> str | None:
        """When it ended or will have expired."""
        ends = [end for end in (self.ended_at, self.expires_at) if end is not None]
        return min(ends) if ends else None


def scope_name(prefix: str, id_: str) -> str:
    return f"{prefix}:{id_}"


def prefix_of(scope: str) -> str:
    return scope.partition(":")[0]


def id_in(scope: str) -> str:
    return scope.partition(":")[2]
