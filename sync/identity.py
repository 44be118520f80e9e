"""Ids that two offline phones and the server compute alike, and ids that sort by time.

Dose ids are the promise N-04: the same dose has the same id on every device without talking (R-115, DESIGN.md 11). Test
vectors stand in docs/SYNC.md. Knows names and hashes; never which doses exist. Randomness is an argument.
"""

from __future__ import annotations

import re
from uuid import NAMESPACE_URL, UUID, uuid5

NS_DOSE = uuid5(NAMESPACE_URL, "tag:dastern,2026:dose")
NS_CONNECTION = uuid5(NAMESPACE_URL, "tag:dastern,2026:connection")
NS_NOTIFICATION = uuid5(NAMESPACE_URL, "tag:dastern,2026:notification")
NS_DEED = uuid5(NAMESPACE_URL, "tag:dastern,2026:deed")

SYSTEM_USER = str(uuid5(NAMESPACE_URL, "tag:dastern,2026:system"))
SYSTEM_DEVICE = str(uuid5(NAMESPACE_URL, "tag:dastern,2026:system-device"))


# The slot key of an elapsed interval begins with its anchor; that of a clock time never looks so (`0:t1`).
_ANCHORED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


def dose_id(line_id: str, nominal_date: str, slot_key: str, occurrence: int = 0) -> str:
    """Id of a planned dose: the line, its calendar date in the patient's zone, the slot's stable key, the occurrence.

    The hour is not in it, so moving 08:00 to 08:30 keeps the dose (R-115). An elapsed interval's dose is named by its
    anchor (the slot key, UTC as `YYYY-MM-DDTHH:MM:SSZ`) and its number (the occurrence) alone: on a journey two phones
    may disagree about its date.
    """
    if _ANCHORED.match(slot_key):
        return str(uuid5(NS_DOSE, f"{line_id}|{slot_key}|{occurrence}"))
    return str(uuid5(NS_DOSE, f"{line_id}|{nominal_date}|{slot_key}|{occurrence}"))


def connection_id(patient_id: str, other_id: str) -> str:
    """One row per patient and other person, whoever asks first: two offline requests meet in one row (R-050)."""
    return str(uuid5(NS_CONNECTION, f"{patient_id}|{other_id}"))


def notification_id(recipient: str, cause: str, type_: str) -> str:
    """One notice per recipient, cause (a change id) and type, however often the worker tries (R-250)."""
    return str(uuid5(NS_NOTIFICATION, f"{recipient}|{cause}|{type_}"))


def deed_id(cause: str, step: str) -> str:
    """A change id that a repeated job computes again, so that its second try is a duplicate (I-02)."""
    return str(uuid5(NS_DEED, f"{cause}|{step}"))


def uuid7(ms: int, random_bits: int) -> str:
    """RFC 9562 version 7 from milliseconds since 1970 and at least 74 random bits."""
    value = (ms & ((1 << 48) - 1)) << 80 | 0x7 << 76 | (random_bits >> 62 & 0xFFF) << 64 | 0b10 << 62
    return str(UUID(int=value | random_bits & ((1 << 62) - 1)))
