"""What one sends to ask for a connection and to set what it shows (R-050 to R-055). Shapes only."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from server.api.entity_bodies import Sent
from storage.columns import Flag, Text, Uuid
from storage.consent import DOCTOR_LEVELS, FAMILY_LEVELS
from storage.entities.care import MAX_DAY_RANGES, MAX_MESSAGE_CHARS, MAX_PARTS
from storage.phones import MAX_EMAIL_CHARS, MAX_TYPED_CHARS
from storage.shape import DayRange, UuidText

Id = Annotated[str, Uuid()]
LEVELS = (*DOCTOR_LEVELS, *FAMILY_LEVELS)
# Older clients shout their levels (rules.md section 3).
Level = Annotated[str, Text(one_of=LEVELS),
                  BeforeValidator(lambda sent: sent.lower() if isinstance(sent, str) else sent)]
SHOWN = frozenset({"level", "parts", "days", "alerts_enabled"})


class _Shown(Sent):
    level: Level | None = Field(default=None, description="what the other may see and do; the patient alone sets it")
    parts: Annotated[list[UuidText], Field(max_length=MAX_PARTS)] | None = Field(
        default=None, description="at level selected: the prescriptions that are shown")
    days: Annotated[list[DayRange], Field(max_length=MAX_DAY_RANGES)] | None = Field(
        default=None, description="at level selected: the dates that are shown, [first, last] each")


class Asked(_Shown):
    """Whom to connect with: `user_id`, `phone` or `email`; `patient_id` to ask for a certain patient."""

    user_id: Id | None = None
    phone: Annotated[str, Text(MAX_TYPED_CHARS, 1)] | None = None
    email: Annotated[str, Text(MAX_EMAIL_CHARS, 3)] | None = None
    patient_id: Id | None = None
    message: Annotated[str, Text(MAX_MESSAGE_CHARS)] | None = None
    alerts_enabled: Annotated[bool, Flag()] = True


class Accepted(_Shown):
    """What the patient grants with it, if it is the patient who accepts."""

    alerts_enabled: Annotated[bool, Flag()] = True


class Levelled(_Shown):
    """The new level, with what a doctor at level selected is shown."""
