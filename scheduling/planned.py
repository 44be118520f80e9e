"""A dose as it falls due: what expansion answers, and all that its id (with the line) and its row need."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo


class Planned(NamedTuple):
    """`due_at` is UTC, `nominal_date` the patient's calendar date, `occurrence` counts within (date, slot key) from 0
    or is the number of an interval's dose. `adjusted`: `dst_gap` where the clock time did not exist that day,
    `travel_gap` and `travel_repeat` where a journey skipped it or let it come again. `provisional`: it waits for the
    dose before it."""

    due_at: datetime
    nominal_date: date
    slot_key: str
    slot: str | None
    occurrence: int
    amount: Decimal
    segment: int
    adjusted: str | None
    provisional: bool
    zone: ZoneInfo

    @property
    def local(self) -> datetime:
        """The patient's wall clock at `due_at`, with its offset."""
        return self.due_at.astimezone(self.zone)
