"""The people around a patient as they stand now: asked by the server's own jobs, never by a viewer's request.

A viewer's reads go through memberships (sync/pull.py); this is for those who must know whom to tell.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import false, or_, select, true

from storage.catalogue import table_of
from storage.database import Database
from storage.ledger.spelling import MEMBER, member_of
from storage.tables import membership
from sync.access import DOCTORS, OWNERS, PATIENT_SCOPE, scope_name
from sync.values import format_instant, parse_instant

MAX_CIRCLE = 200


@dataclass(frozen=True, slots=True)
class Reader:
    """One person who may be told. `reader` is how the words address them; `names` whether medicines may be named."""

    user: str
    reader: str  # patient | relative | doctor
    language: str
    names: bool = True


async def languages(database: Database, users: Sequence[str]) -> dict[str, str]:
    """The stored language of each person; Khmer for whoever has none (R-284)."""
    profile = table_of("profile")
    async with database.reading() as reading:
        rows = await reading.execute(select(profile.c.id, profile.c.language).where(profile.c.id.in_(users)))
        known = {row.id: row.language for row in rows}
    return {user: known.get(user, "km") for user in users}


async def circle_of(database: Database, patient: str, now: str) -> list[Reader]:
    """The patient's own side, and relatives with an accepted link and alerts on; checked at the moment of telling
    (R-054). Doctors are told by name, for what they wrote themselves."""
    link = table_of("connection")
    scope = scope_name(PATIENT_SCOPE, patient)
    owners = select(membership.c.user_id).where(
        membership.c.scope == scope, membership.c.role.in_([str(role) for role in OWNERS]),
        membership.c.ended_at.is_(None), or_(membership.c.expires_at.is_(None), membership.c.expires_at > now))
    family = select(link.c.other_id, link.c.level).where(
        link.c.patient_id == patient, link.c.status == "accepted", link.c.deleted == false(),
        link.c.other_role == "family", link.c.alerts_enabled == true()).limit(MAX_CIRCLE)
    async with database.reading() as reading:
        own = [row.user_id for row in await reading.execute(owners)]
        near = [(row.other_id, row.level) for row in await reading.execute(family)]
    spoken = await languages(database, [*own, *(user for user, _ in near)])
    return [Reader(user, "patient", spoken[user]) for user in own] + [
        Reader(user, "relative", spoken[user], level != "alerts_only") for user, level in near if user not in own]


async def may_still_hear(database: Database, user: str, patient: str, prescription: str, now: str) -> bool:
    """Whether a doctor is still shown this prescription when the notice leaves (R-053, R-054, F-26)."""
    held = select(*(membership.c[name] for name in MEMBER)).where(
        membership.c.scope == scope_name(PATIENT_SCOPE, patient), membership.c.user_id == user)
    async with database.reading() as reading:
        found = [member_of(list(row)) for row in await reading.execute(held)]
    return any(one.active(now) and one.role in DOCTORS and one.view.shows(prescription, None) for one in found)


async def short_of_horizon(
    database: Database, now: str, days: int, limit: int, set_aside: Collection[str] = ()
) -> list[tuple[str, str]]:
    """(patient, prescription) of active prescriptions whose dose rows end less than `days` ahead (R-113), the shortest
    first; those that are set aside are left out."""
    table = table_of("prescription")
    edge = format_instant(parse_instant(now) + timedelta(days=days))
    wanted = select(table.c.patient_id, table.c.id).where(
        table.c.status == "active", table.c.deleted == false(),
        or_(table.c.horizon_until.is_(None), table.c.horizon_until < edge), table.c.id.not_in(list(set_aside)),
    ).order_by(table.c.horizon_until.nulls_first()).limit(limit)
    async with database.reading() as reading:
        return [(row.patient_id, row.id) for row in await reading.execute(wanted)]
