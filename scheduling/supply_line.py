"""The supply of one medicine line as it is told: on hand, the first dose it does not reach, when to fetch more (R-315).

Starts from a line as one viewer is told it and from narrow rows (storage/ledger/supplies.py); walks what is or comes in
force. Instants are told in RFC 3339 with the offset of the patient's zone. Knows no store and no HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from scheduling.plan import Plan, read_plan
from scheduling.recurrence import left_over, walk
from scheduling.routine import Routine
from scheduling.supply import HORIZON, LEAD_DAYS, Event, Fill, Intake, OnHand, fills, on_hand, remind_at, run_out
from sync.clock import ms_in
from sync.values import LATEST, decimal_text, format_instant, instant_of_ms, parse_instant

Told = Mapping[str, Any]
Place = tuple[str, str, int]  # nominal date, slot key, occurrence

LINE_COLUMNS = ("prescription_id", "name", "name_km", "strength", "form", "unit")


@dataclass(frozen=True, slots=True)
class Moved:
    """What was recorded of one line. `spoken_for` are doses to come that were taken or skipped already.

    `whole` is False where a bound cut something off that the figure would need.
    """

    events: Sequence[Event] = ()
    intakes: Sequence[Intake] = ()
    spoken_for: frozenset[Place] = field(default_factory=frozenset)
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Outlook:
    """From where a supply is looked at: the patient's clock and zone, the moment, and days to fetch more."""

    routine: Routine
    zone: ZoneInfo
    now: datetime
    lead_days: int = LEAD_DAYS


def event_of(found: Told) -> Event:
    """An event; never after it was recorded, whatever the phone's clock said, or a count of next year would hide a year
    of doses."""
    at = min(found["at"], instant_of_ms(ms_in(found["hlc"])))
    return Event(found["id"], found["type"], parse_instant(at), date.fromisoformat(found["local_date"]),
                 Decimal(found["quantity"]), found["days_supply"])


def intake_of(found: Told) -> Intake:
    """A taken dose: as much as was recorded, else as was due (R-314); never after it was recorded."""
    at = min(found["at"], found["recorded_at"] or found["at"])
    amount = found["amount"] if found["amount"] is not None else found["amount_due"]
    return Intake(found["id"], parse_instant(at), None if amount is None else Decimal(amount))


def supply_told(line: Told, moved: Moved | None, outlook: Outlook) -> dict[str, Any]:
    """One line's supply. `moved` None: the viewer sees some days only, and a figure made of those would be wrong."""
    held = _held(line, moved)
    found = None if held is None or moved is None else run_out(
        held.quantity, _coming(line, outlook, outlook.now, moved.spoken_for))
    uncovered = found.first_uncovered if found is not None else None
    today = outlook.now.astimezone(outlook.zone).date()
    return {
        "line_id": line["id"], **{name: line[name] for name in LINE_COLUMNS},
        "on_hand": None if held is None else decimal_text(held.quantity),
        "recount": held is not None and (held.recount or (moved is not None and not moved.whole)),
        "first_uncovered_dose": None if uncovered is None else uncovered.isoformat(),
        "days_left": None if uncovered is None else (uncovered.date() - today).days,
        "refill_remind_at": None if uncovered is None else remind_at(uncovered, outlook.lead_days).isoformat(),
        "left_over_of_course": _left_over(line, outlook),
    }


def line_fills(line: Told, events: Iterable[Event], outlook: Outlook) -> list[Fill]:
    """What coverage is reckoned from (R-311): each dispensing with its days, by the plan that was in force then."""
    since = _unit_since(line)
    counted = [event for event in events if format_instant(event.at) >= since]
    return fills(counted, lambda at: _coming(line, outlook, at))


def _held(line: Told, moved: Moved | None) -> OnHand | None:
    if moved is None:
        return None
    since = _unit_since(line)
    return on_hand([event for event in moved.events if format_instant(event.at) >= since],
                   [intake for intake in moved.intakes if format_instant(intake.at) >= since])


def _unit_since(line: Told) -> str:
    """From when the line counts in its present unit: tablets on hand say nothing of millilitres."""
    others = (period for period in line["schedule"] if period["unit"] != line["unit"])
    return max((period["until"] or format_instant(LATEST) for period in others), default="")


def _coming(
    line: Told, outlook: Outlook, since: datetime, without: frozenset[Place] = frozenset()
) -> Iterator[tuple[datetime, Decimal]]:
    """The line's doses from `since` to the horizon, by the patient's wall clock."""
    for period in line["schedule"]:
        first = max(since, parse_instant(period["from"]))
        last = min(since + HORIZON, parse_instant(period["until"] or format_instant(LATEST)))
        if first < last:
            for dose in walk(_plan_of(period), outlook.routine, first, last):
                if (dose.nominal_date.isoformat(), dose.slot_key, dose.occurrence) not in without:
                    yield dose.due_at.astimezone(outlook.zone), dose.amount


def _left_over(line: Told, outlook: Outlook) -> str | None:
    """What the course in force never uses of its quantities (R-117, N-06); None where none is given."""
    now = format_instant(outlook.now)
    plans = [period for period in line["schedule"] if period["until"] is None or period["until"] > now]
    given = [rest for rest in left_over(_plan_of(plans[0]), outlook.routine) if rest is not None] if plans else []
    return decimal_text(sum(given, Decimal(0))) if given else None


def _plan_of(period: Told) -> Plan:
    plan = read_plan(period["plan"])
    assert isinstance(plan, Plan), "a stored plan is sound"
    return plan
