"""Who cares for whom: the connection between a patient and one other person (R-050 to R-054, DESIGN.md 11)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field as Described
from sqlalchemy.orm import Mapped

from storage import needs
from storage.consent import connection_is_consented
from storage.declared import CREATION, SERVER, column
from storage.entity import Synced
from storage.scope import OF_PATIENT, of_user
from storage.shape import DayRange, UuidText
from sync.access import OWNERS, PATIENT_SCOPE, USER_SCOPE, Access, Role
from sync.identity import connection_id
from sync.policy import LatestStatus
from sync.record import Fields

MAX_PARTS = 500
MAX_DAY_RANGES = 100
MAX_MESSAGE_CHARS = 1_000

Status = Literal["pending", "accepted", "declined", "revoked"]
Level = Literal["not_allowed", "request", "selected", "allowed",  # a doctor's
                "alerts_only", "view", "view+remind", "view+manage"]  # a relative's


def id_of_two(fields: Fields) -> str | None:
    """A connection's id follows from its two people, so that two offline requests meet in one row (R-050)."""
    patient, other = fields.get("patient_id"), fields.get("other_id")
    return connection_id(patient, other) if patient and other else None


class Connection(Synced, policy=LatestStatus(status="status", generation="generation",
                                             order=("pending", "accepted", "declined", "revoked"),
                                             closing=("declined", "revoked")),
                 scope=OF_PATIENT & of_user("other_id"),
                 access=Access(OWNERS | {Role.SELF}, create=OWNERS | {Role.SELF, Role.STRANGER},
                               change=OWNERS | {Role.SELF, Role.STRANGER},
                               columns={"level": OWNERS, "parts": OWNERS, "days": OWNERS}),
                 deposits=(PATIENT_SCOPE, USER_SCOPE), reacts=True, guard=connection_is_consented,
                 needs=needs.for_connection, computed_id=id_of_two):
    """What a patient shares with one other person: its status, and how much the other may see and do."""

    __indexes__ = (("other_id",),)

    patient_id: Mapped[UUID] = column("the patient", by=CREATION)
    other_id: Mapped[UUID] = column("the doctor or relative", by=CREATION)
    status: Mapped[Status] = column("where it stands; declined and revoked close its generation (R-051)")
    generation: Mapped[int] = column("counts reconnections, from 1", default=1, at_least=1, at_most=1_000_000)
    level: Mapped[Level | None] = column("what the other may see and do; only the patient sets it (R-052)")
    alerts_enabled: Mapped[bool] = column("whether alerts go to the other person", default=True)
    message: Mapped[str | None] = column("words that go with a request", at_most=MAX_MESSAGE_CHARS)
    parts: Mapped[Annotated[list[UuidText], Described(max_length=MAX_PARTS)] | None] = column(
        "at level selected: the prescriptions that are shown")
    days: Mapped[Annotated[list[DayRange], Described(max_length=MAX_DAY_RANGES)] | None] = column(
        "at level selected: the dates that are shown, [first, last] each")
    requested_by: Mapped[UUID | None] = column("who asked for this generation", by=SERVER)
    other_role: Mapped[Literal["doctor", "family"] | None] = column("in which part the other is connected", by=SERVER)
    patient_name: Mapped[str | None] = column("the patient's name, once the patient asked or accepted", by=SERVER)
    other_name: Mapped[str | None] = column("the other's name, once the other asked or accepted", by=SERVER)
    access_until: Mapped[datetime | None] = column("at level request: when the approved access ends", by=SERVER)


KINDS: tuple[Any, ...] = (Connection,)
