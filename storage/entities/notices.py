"""Notices to one person: the server writes them, the person reads and deletes them (R-280, R-285)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.orm import Mapped

from storage.declared import SERVER, column
from storage.entity import Synced
from storage.free_json import FreeObject
from storage.scope import of_user
from sync.access import SELF_ONLY, Access
from sync.policy import ServerOwned

MAX_BODY_CHARS = 4_000

NoticeType = Literal["CONNECTION_REQUEST", "PRESCRIPTION_UPDATE", "URGENT_PRESCRIPTION_CHANGE", "MISSED_DOSE_ALERT",
                     "FAMILY_ALERT", "CORRECTION", "NUDGE", "VITAL_ANOMALY", "EMERGENCY_ALERT", "APPOINTMENT", "ORDER",
                     "VERIFICATION", "INVITATION", "SYSTEM"]


class Notification(Synced, policy=ServerOwned(open=("read_at",)), scope=of_user("user_id"),
                   access=Access(SELF_ONLY, change=SELF_ONLY, delete=SELF_ONLY)):
    """Something a person was told, in their language at that time."""

    user_id: Mapped[UUID] = column("whom it tells", by=SERVER)
    type: Mapped[NoticeType] = column("what it is about", by=SERVER)
    notice: Mapped[str] = column("name of its sentence in the catalogues", by=SERVER)
    params: Mapped[FreeObject] = column("what the sentence is filled with", by=SERVER, default={})
    title: Mapped[str] = column("its title as it was told", by=SERVER)
    body: Mapped[str] = column("its text as it was told", by=SERVER, at_most=MAX_BODY_CHARS)
    language: Mapped[Literal["km", "en"]] = column("the language of title and body", by=SERVER)
    patient_id: Mapped[UUID | None] = column("the patient it is about", by=SERVER)
    about_kind: Mapped[str | None] = column("kind of the row it is about", by=SERVER)
    about_id: Mapped[UUID | None] = column("id of that row", by=SERVER)
    read_at: Mapped[datetime | None] = column("when it was read")


KINDS: tuple[Any, ...] = (Notification,)
