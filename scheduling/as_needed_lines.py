"""From a line and its dose rows to what the guard asks for: limits, intakes, and which lines give one medicine (N-08).

Knows the JSON of a version's line and of a told dose row; nothing of rules (as_needed.py), stores or viewers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

from scheduling.as_needed import ONE, Intake, Limits
from scheduling.plan import Plan, read_plan
from scheduling.segment import Segment
from sync.values import parse_instant

ATC_5 = 7  # characters of a code that names a substance


def intakes_of(doses: Iterable[Mapping[str, Any]], usual: Decimal = ONE) -> list[Intake]:
    """What was taken, of dose rows as one is told them: what was undone or skipped is none. `usual` is the amount of an
    intake that names none and was not planned."""
    return [Intake(parse_instant(dose["at"]), Decimal(dose["amount"] or dose["amount_due"] or usual))
            for dose in doses if dose["action"] == "taken" and dose["at"] is not None]


def limits_of(line: Mapping[str, Any], now: datetime, zone: tzinfo) -> Limits | None:
    """The limits of a version's line at `now`: its own and those of its plan's segments in force, all of them together.

    None for a line that is not taken as needed. Limits outlive their segment: a medicine whose course is over is no
    freer than it was.
    """
    own = line.get("as_needed")
    found = None if own is None else Limits.of(own)
    for segment in _segments(line, now, zone):
        limits = Limits.of(segment.as_needed.model_dump()) if segment.as_needed is not None else Limits()
        found = limits if found is None else found.and_(limits)
    return found


def usual_amount(line: Mapping[str, Any], now: datetime, zone: tzinfo) -> Decimal:
    """How much the line's as-needed segment gives at a time; one unit if it does not say."""
    today = now.astimezone(zone).date()
    amounts = (segment.amount_on(today) for segment in _segments(line, now, zone) if segment.dose is not None)
    return next((amount for amount in amounts if amount > 0), ONE)


def _segments(line: Mapping[str, Any], now: datetime, zone: tzinfo) -> list[Segment]:
    """The as-needed segments of its plan that are in force; all of them if none is."""
    plan = read_plan(line["plan"]) if line.get("plan") is not None else None
    every = [one for one in plan.segments if one.as_needed is not None] if isinstance(plan, Plan) else []
    wall = now.astimezone(zone).replace(tzinfo=None)
    return [one for one in every if one.start <= wall and (one.closes is None or wall < one.closes)] or every


def one_ingredient(line: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two lines give the same medicine: by their full ATC codes where both have one, else by name (N-08)."""
    codes = [str(one.get("atc") or "").strip().upper() for one in (line, other)]
    if all(len(code) == ATC_5 for code in codes):
        return codes[0] == codes[1]
    names = [str(one.get("name") or "").strip().casefold() for one in (line, other)]
    return names[0] == names[1] != ""


def intakes_of_ingredient(
    doses: Iterable[Mapping[str, Any]], line: Mapping[str, Any], lines: Mapping[str, Mapping[str, Any]], now: datetime,
    zone: tzinfo,
) -> list[Intake]:
    """What was taken of the line's medicine, by this line or another: of tablets of another strength the intake counts,
    its amount does not, for it says nothing in the line's unit. `lines` are the lines in force, by id."""
    found: list[Intake] = []
    usual: dict[str, Decimal] = {}  # by line: a plan is read once, however many intakes there are
    for dose in doses:
        other = line if dose["line_id"] == line["line_id"] else lines.get(dose["line_id"], {})
        if other is not line and not one_ingredient(line, other):
            continue
        alike = all(other.get(name) == line.get(name) for name in ("unit", "strength"))
        if dose["line_id"] not in usual:
            usual[dose["line_id"]] = usual_amount(other, now, zone)
        taken = intakes_of([dose], usual[dose["line_id"]])
        found += taken if alike else [Intake(one.at, Decimal(0)) for one in taken]
    return found
