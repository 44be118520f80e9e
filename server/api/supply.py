"""Supply: what is on hand of each medicine and until when, and what was dispensed, counted or discarded (R-314, R-315).

Who may is settled on the one road; recording a dose never comes by here. What is reckoned is scheduling/supply_line.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scheduling.routine import Routine
from scheduling.supply import COUNTED, LEAD_DAYS, MOST_LEAD_DAYS, known_since
from scheduling.supply_line import Moved, Outlook, event_of, intake_of, supply_told
from scheduling.zones import local_day, zone_named
from server import outcome, records, write
from server.api.supply_bodies import QUERY, RECORDED, SUPPLIES, NewSupply
from server.call import Answer, Call, Route
from server.levels import lacking, patient_in, rows_of_patient, told_of
from storage.ledger.choose import Choice, choose
from storage.ledger.supplies import MOST_EVENTS, MOST_INTAKES, Found, spoken_for, supply_events, taken_since
from storage.prescribing import ACTIVE
from storage.zone_names import DEFAULT_ZONE
from sync.access import Membership, id_in
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.record import Because, Key, Outcome
from sync.values import format_instant, parse_instant

KIND = "supply_event"
MANAGE = "view+manage"
MOST_LINES = 200  # of one answer


async def listed(call: Call) -> Answer:
    """The supply of every medicine in force; those that run out first stand first."""
    lead_days = _lead_days(call)
    chosen = await rows_of_patient(call, "prescription", patient_in(call), equals={"status": ACTIVE})
    held = chosen.membership
    lines = await _in_force(call, held.scope, [row.fields["current_version_id"] for row in chosen.rows])
    outlook = await _outlook(call, held.scope, lead_days)
    items = await _supplies(call, held, lines, outlook)
    items.sort(key=lambda item: (item["days_left"] is None, item["days_left"], item["line_id"]))
    return Answer(200, {"patient_id": id_in(held.scope), "zone": outlook.zone.key,
                        "now": outlook.now.astimezone(outlook.zone).isoformat(), "items": items})


async def record(call: Call) -> Answer:
    """The event, and the line's supply with it; the same request again is the same event."""
    body: NewSupply = call.body
    line = await records.find(call, "medication_line", body.line_id)
    patient = line.row.fields["patient_id"]
    if body.patient_id not in (None, patient):
        raise Refusal(Code.NOT_FOUND)
    batch = write.batch_of(call)
    id_, outlook = write.new_id(batch), await _outlook(call, line.row.home, LEAD_DAYS)
    before = await records.seek(call.house, call.user, KIND, id_, call.now)
    at = body.at or (before.row.fields["at"] if before is not None else call.now)
    fields = {**body.model_dump(), "patient_id": patient, "prescription_id": line.row.fields["prescription_id"],
              "at": at, "local_date": local_day(outlook.zone.key, parse_instant(at)).isoformat()}
    made = write.change(call, KIND, id_, fields, batch_id=batch)
    settlement = await write.write(call, [made], batch_id=batch)
    if settlement.results[0].outcome is Outcome.REJECTED and settlement.results[0].code is Because.FORBIDDEN:
        raise lacking(line.membership.role, relative=MANAGE)
    outcome.refuse_losers(settlement, known=True)
    event = await records.find(call, KIND, id_)
    (supply,) = await _supplies(call, event.membership, [line.told], outlook)
    return Answer(201, {"event": event.told, "supply": supply})


async def _in_force(call: Call, scope: str, versions: Sequence[str]) -> list[dict[str, Any]]:
    """The lines that these versions hold, medicines taken when needed among them."""
    found = await choose(call.house.ledger, call.user,
                         Choice("prescription_version", scope, {"id": sorted(versions)}), call.now)
    named = sorted({line["line_id"] for row in found.rows for line in row.fields["lines"]}) if found else []
    asked = Choice("medication_line", scope, {"id": named[:MOST_LINES]})
    lines = await choose(call.house.ledger, call.user, asked, call.now)
    return told_of(call, lines) if lines is not None else []


async def _supplies(
    call: Call, held: Membership, lines: Sequence[Mapping[str, Any]], outlook: Outlook
) -> list[dict[str, Any]]:
    moved = await _moved(call, held, [line["id"] for line in lines], outlook)
    told = []
    for line in lines:
        await asyncio.sleep(0)  # a line's plan may be walked for 50 ms: others are served in between
        told.append(supply_told(line, moved.get(line["id"]), outlook))
    return told


async def _moved(call: Call, held: Membership, lines: Sequence[str], outlook: Outlook) -> dict[str, Moved]:
    """What was recorded of each line; of none where the reader sees some days only."""
    if held.view.days is not None or not lines:
        return {}
    database, now = call.house.database, format_instant(outlook.now)
    found = await supply_events(database, held, lines, now)
    events = {line: [event_of(one) for one in _of(line, found)] for line in lines}
    since = {line: format_instant(first) for line in lines if (first := known_since(events[line])) is not None}
    taken = await taken_since(database, held, since, now)
    ahead = await spoken_for(database, held, lines, now)
    oldest = taken[-1]["at"] if len(taken) == MOST_INTAKES else ""
    return {line: Moved(
        events[line], [intake_of(one) for one in _of(line, taken)],
        frozenset((one["nominal_date"], one["slot_key"], one["occurrence"]) for one in _of(line, ahead)),
        whole=since.get(line, oldest) >= oldest
        and (len(found) < MOST_EVENTS or any(event.type == COUNTED for event in events[line])),
    ) for line in lines}


def _of(line: str, found: Iterable[Found]) -> Iterable[Found]:
    return (one for one in found if one["line_id"] == line)


async def _outlook(call: Call, scope: str, lead_days: int) -> Outlook:
    """The patient's clock, which also a narrowed view needs to read an hour by; nothing else of that row is told."""
    key = Key("patient", scope, id_in(scope))
    patient = (await call.house.ledger.rows(call.user, [key], call.now)).rows.get(key)
    zone = zone_named(patient.fields["zone"] or DEFAULT_ZONE if patient is not None else DEFAULT_ZONE)
    return Outlook(Routine.of(patient), zone, parse_instant(call.now), lead_days)


def _lead_days(call: Call) -> int:
    given = call.query.get("lead_days", str(LEAD_DAYS))
    if not (given.isascii() and given.isdecimal() and len(given) <= 3):
        raise Refusal(Code.INVALID, FieldProblem("lead_days", FieldCode.WRONG_TYPE))
    if int(given) > MOST_LEAD_DAYS:
        raise Refusal(Code.INVALID, FieldProblem("lead_days", FieldCode.TOO_LARGE, {"most": MOST_LEAD_DAYS}))
    return int(given)


_REFUSES = (Code.INVALID, Code.NOT_FOUND, Code.FORBIDDEN, Code.LEVEL_REQUIRED)

ROUTES = [
    Route(method="GET", path="/supply", handler=listed, summary="What is on hand of each medicine, and until when",
          tag="supply", query=QUERY, answer=SUPPLIES, refuses=_REFUSES),
    Route(method="POST", path="/supply", handler=record, summary="Records what was dispensed, counted or discarded",
          tag="supply", body=NewSupply, answer=RECORDED, status=201, refuses=(*_REFUSES, Code.BATCH_ID_REUSED)),
]
