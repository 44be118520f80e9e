"""What was taken of a medicine around a moment, through its reader's view: what the as-needed guard looks at (N-08).

Gathers rows: the line's limits in force, and taken doses of every device by lines of one ingredient. Knows the ledger's
questions and which rows belong together; no rule (scheduling/as_needed.py) and no wire.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from scheduling.as_needed import Intake, Limits
from scheduling.as_needed_lines import intakes_of_ingredient, limits_of, usual_amount
from scheduling.zones import local_day, zone_named
from server.call import Call
from server.levels import told_of
from storage.ledger import choose as chooser
from storage.ledger.choose import Choice, choose
from storage.zone_names import DEFAULT_ZONE
from sync.access import id_in
from sync.record import Key, Row

STRAYS = timedelta(days=7)  # a dose may be taken that long before or after the date it belongs to, and is still found
Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Needs:
    """Of one line around one moment: its limits (None: not taken as needed), its usual amount, and what was taken."""

    zone: ZoneInfo
    limits: Limits | None
    usual: Decimal
    doses: Sequence[Told]
    written: Told
    lines: dict[str, Told]

    def taken(self, at: datetime, but: str | None = None) -> list[Intake]:
        """Intakes near enough to matter to this moment, without the dose of that id."""
        counted = [dose for dose in self.doses if dose["id"] != but]
        reach = (self.limits or Limits()).looks_back
        every = intakes_of_ingredient(counted, self.written, self.lines, at, self.zone)
        return [one for one in every if abs(one.at - at) <= reach]


async def needs_of(call: Call, line: Row, at: datetime) -> Needs:
    """`line` is a medication_line that the caller may read, `at` an aware moment."""
    home, prescription = line.home, line.fields["prescription_id"]
    zone = await zone_of(call, home)
    written = {"line_id": line.id, **(await _lines_in_force(call, home, {prescription})).get(line.id, {})}
    limits = limits_of(written, at, zone)
    reach = (limits or Limits()).looks_back + STRAYS
    doses = await _taken_on(call, home, local_day(zone.key, at - reach), local_day(zone.key, at + reach))
    return Needs(zone, limits, usual_amount(written, at, zone), doses, written, await _lines_of(call, home, doses))


async def _lines_of(call: Call, scope: str, doses: Sequence[Told]) -> dict[str, Told]:
    """The lines that doses name, by id, as versions in force write them; one that was dropped by its last name."""
    named = sorted({dose["line_id"] for dose in doses})
    rows = await rows_of(call, Choice("medication_line", scope, {"id": named})) if named else []
    written = await _lines_in_force(call, scope, {row["prescription_id"] for row in rows})
    return {row["id"]: row for row in rows} | written


async def _lines_in_force(call: Call, scope: str, prescriptions: Collection[str]) -> dict[str, Told]:
    """The lines that the prescriptions' current versions hold, by id; of a draft those of its latest version."""
    if not prescriptions:
        return {}
    found = await rows_of(call, Choice("prescription", scope, {"id": sorted(prescriptions)}))
    versions = sorted({row["current_version_id"] or row["latest_version_id"] for row in found} - {None})
    written = await rows_of(call, Choice("prescription_version", scope, {"id": versions})) if versions else []
    return {line["line_id"]: line for version in written for line in version["lines"]}


async def _taken_on(call: Call, scope: str, first: date, last: date) -> list[Told]:
    """All taken doses of the patient that belong to these dates, page by page."""
    days = [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]
    found: list[Told] = []
    after: tuple[str, str] | None = None
    while True:
        page = await rows_of(call, Choice("dose_event", scope, {"nominal_date": days, "action": "taken"}, after=after))
        found += page
        if len(page) < chooser.MOST:
            return found
        after = (page[-1]["created_at"], page[-1]["id"])


async def known(call: Call, line: Row, intake: str) -> Told | None:
    """The dose that the line's intake of this id made, on whatever date it was taken to be."""
    rows = await rows_of(call, Choice("dose_event", line.home, {"line_id": line.id, "slot_key": intake}))
    return rows[0] if rows else None


async def rows_of(call: Call, choice: Choice) -> list[Told]:
    """The chosen rows as the caller may see them; none if the scope is closed to them."""
    chosen = await choose(call.house.ledger, call.user, choice, call.now)
    return told_of(call, chosen) if chosen is not None else []


async def zone_of(call: Call, scope: str) -> ZoneInfo:
    """The patient's zone, which a narrowed view needs too; nothing else of that row is told."""
    key = Key("patient", scope, id_in(scope))
    patient = (await call.house.ledger.rows(call.user, [key], call.now)).rows.get(key)
    return zone_named(patient.fields["zone"] if patient is not None else DEFAULT_ZONE)
