"""From where the caller looks at a patient's doses: the zone, the moment, and since when the phone is silent."""

from __future__ import annotations

from scheduling.schedule_day import Viewpoint
from server.call import Call
from storage.ledger.heard import silent_since
from storage.zone_names import DEFAULT_ZONE
from sync.access import OWNERS, Membership, id_in
from sync.record import Key, Row
from sync.values import parse_instant


async def viewpoint(call: Call, membership: Membership) -> Viewpoint:
    """The patient's zone, which also a narrowed view needs to read an hour by; nothing else of that row is told."""
    patient = await patient_row(call, membership)
    zone = patient.fields["zone"] if patient is not None else DEFAULT_ZONE
    if membership.role in OWNERS:
        return Viewpoint(zone, parse_instant(call.now))
    heard = await silent_since(call.house.database, id_in(membership.scope), call.now)
    return Viewpoint(zone, parse_instant(call.now), False, None if heard is None else parse_instant(heard))


async def patient_row(call: Call, membership: Membership) -> Row | None:
    """The patient's row, whole, for the server's eyes."""
    key = Key("patient", membership.scope, id_in(membership.scope))
    return (await call.house.ledger.rows(call.user, [key], call.now)).rows.get(key)
