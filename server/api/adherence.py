"""Adherence of one patient over a period: for the patient, and for whoever may see the doses (R-310 to R-313).

Each viewer gets figures over the doses that their own view shows. What a dose counts for is scheduling's word.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

from scheduling.adherence_periods import MOST_DAYS, USUAL_DAYS, Grain, Period, by_line
from scheduling.dose_marks import marks
from scheduling.zones import local_day
from server.api.adherence_answers import ADHERENCE, adherence_told
from server.call import Answer, Call, Route, Schema
from server.levels import patient_in, rows_of_patient, standing_with, told_of
from server.line_coverage import coverage_of
from server.viewpoint import viewpoint
from storage.ledger.choose import MOST
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.record import Row
from sync.values import Unfit, canonical_date

MOST_DOSES = 10_000
"""Of one answer: over 90 days more than a hundred a day."""


async def own(call: Call) -> Answer:
    return await _told(call, patient_in(call))


async def of_patient(call: Call) -> Answer:
    return await _told(call, call.path["id"])


async def _told(call: Call, patient: str) -> Answer:
    held = await standing_with(call, patient)
    view = await viewpoint(call, held)
    period, grain = _period_in(call, local_day(view.zone, view.now)), _grain_in(call)
    doses = marks((row.fields for row in await _doses(call, patient, period)), view, patient)
    lines = await _lines(call, patient, {dose.line_id for dose in doses})
    covered = await coverage_of(call, held, lines, by_line(doses), view)
    return Answer(200, {"patient_id": patient, **adherence_told(doses, lines, covered, period, grain, view)})


async def _doses(call: Call, patient: str, period: Period) -> list[Row]:
    """The doses of the period that the caller sees, a page of the ledger at a time. Raises Refusal(INVALID) for more
    than MOST_DOSES."""
    days = [(period.first + timedelta(days=i)).isoformat() for i in range(period.days)]
    found: list[Row] = []
    while True:
        after = (found[-1].created_at, found[-1].id) if found else None
        page = await rows_of_patient(call, "dose_event", patient, equals={"nominal_date": days}, after=after)
        found += page.rows
        if len(page.rows) < MOST:
            # by the view of the last page: what narrowed meanwhile is not told of earlier pages either
            kind = call.house.kinds["dose_event"]
            return [row for row in found if kind.seen_through(row, page.membership.view)]
        if len(found) > MOST_DOSES:
            raise Refusal(Code.INVALID, FieldProblem("from", FieldCode.TOO_MANY, {"most": MOST_DOSES}))


async def _lines(call: Call, patient: str, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    if not ids:
        return {}
    chosen = await rows_of_patient(call, "medication_line", patient, equals={"id": sorted(ids)})
    return {line["id"]: line for line in told_of(call, chosen)}


def _period_in(call: Call, today: date) -> Period:
    """The dates that are asked for; else up to today, USUAL_DAYS of them. Raises Refusal(INVALID) naming the field."""
    last = _date_in(call, "to") or today
    first = _date_in(call, "from") or last - timedelta(days=USUAL_DAYS - 1)
    earliest = last - timedelta(days=MOST_DAYS - 1)
    if first > last:
        raise Refusal(Code.INVALID, FieldProblem("to", FieldCode.TOO_SMALL, {"least": first.isoformat()}))
    if first < earliest:
        raise Refusal(Code.INVALID, FieldProblem("from", FieldCode.TOO_SMALL, {"least": earliest.isoformat()}))
    return Period(first, last)


def _date_in(call: Call, name: str) -> date | None:
    given = call.query.get(name)
    try:
        return None if given is None else date.fromisoformat(canonical_date(given))
    except Unfit as unfit:
        raise Refusal(Code.INVALID, FieldProblem(name, unfit.code, unfit.params)) from None


def _grain_in(call: Call) -> Grain:
    given = call.query.get("by", str(Grain.DAY))
    if given not in list(Grain):
        raise Refusal(Code.INVALID, FieldProblem("by", FieldCode.NOT_ALLOWED, {"one_of": [str(one) for one in Grain]}))
    return Grain(given)


_REFUSES = (Code.INVALID, Code.NOT_FOUND, Code.LEVEL_REQUIRED)
_QUERY: dict[str, Schema] = {
    "from": {"type": "string", "format": "date", "description": f"{USUAL_DAYS} days up to `to` if left out"},
    "to": {"type": "string", "format": "date",
           "description": f"included; today in the patient's zone if left out; at most {MOST_DAYS} days from `from`"},
    "by": {"type": "string", "enum": [str(grain) for grain in Grain], "default": str(Grain.DAY),
           "description": "weeks begin on Monday"},
}
_WHOSE: Schema = {"type": "string", "format": "uuid", "description": "the caller if left out"}

ROUTES = [
    Route(method="GET", path="/adherence", handler=own, summary="How the doses of a period were taken",
          tag="adherence", query={"patient_id": _WHOSE, **_QUERY}, answer=ADHERENCE, refuses=_REFUSES),
    Route(method="GET", path="/patients/{id}/adherence", handler=of_patient,
          summary="How a patient's doses of a period were taken", tag="adherence", query=_QUERY, answer=ADHERENCE,
          refuses=_REFUSES),
]
