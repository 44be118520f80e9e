"""Seeds an empty database with the demo cast: Sokha, her brother Dara, her daughter Maly, and Dr Lim (DESIGN.md 9).

Everything goes the way people go: registration, connections asked and accepted, prescriptions written and confirmed by
pushes under each one's rights; only the doctor's verification is the operator's. The prescriptions are real ones, from
server/demo_data. Knows the story; no table.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from importlib.resources import files
from typing import Any
from uuid import uuid4

from scheduling.fhir.bounds import Begins
from scheduling.fhir.mapping import dosage_outcome
from scheduling.fhir.outcome import Mapped
from scheduling.zones import local_day, midnight
from server import outcome, records, write
from server.admin import verify_doctor
from server.api.auth import register
from server.auth_bodies import RegisterBody
from server.call import Call, Caller
from server.edge import checked
from server.house import House
from storage.zone_names import DEFAULT_ZONE
from sync.gate import read_json
from sync.identity import connection_id
from sync.values import parse_instant
from sync.wire import MAX_BODY

PEOPLE = (
    ("Sokha", "patient", "សុខា", "Sokha", "Chea", "012 345 601"),
    ("Dara", "family", "តារា", "Dara", "Chea", "012 345 602"),
    ("Maly", "family", "ម៉ាលី", "Maly", "Chea", "012 345 603"),
    ("Dr Lim", "doctor", "លឹម", "Vanna", "Lim", "012 345 604"),
)
LEVELS = {"Dara": "view+manage", "Maly": "alerts_only", "Dr Lim": "allowed"}
MEDICINES = (
    ("Example-MR-Dosage-UnitStueck-1020", "Metformin", "មេតហ្វរមីន", "tablet", "500 mg"),
    ("MR-Dosage-4schema-night-only", "Simvastatin", "ស៊ីមវ៉ាស្តាទីន", "tablet", "20 mg"),
)
"""Dosages of server/demo_data by id, and the medicine that this demo gives with them."""


@dataclass(frozen=True, slots=True)
class Person:
    """One of the cast with what was drawn for them."""

    name: str
    role: str
    phone: str
    password: str
    call: Call


async def seed(house: House) -> list[Person]:
    """Makes the cast, connects it, and gives Sokha two prescriptions. For an empty database alone."""
    people = {name: await _registered(house, name, role, km, first, last, phone)
              for name, role, km, first, last, phone in PEOPLE}
    await verify_doctor(house, people["Dr Lim"].call.user)
    for name, level in LEVELS.items():
        await _connect(people["Sokha"], people[name], level)
    await _prescribe(people["Dr Lim"], people["Sokha"])
    return list(people.values())


async def _registered(
    house: House, name: str, role: str, name_km: str, first: str, last: str, phone: str
) -> Person:
    password = secrets.token_urlsafe(9)
    body: dict[str, Any] = {"role": role, "first_name": first, "last_name": last, "phone": phone, "password": password,
                            "terms_accepted": True, "gender": "female" if name in ("Sokha", "Maly") else "male",
                            "birth_date": "1980-04-14", "device": {"id": str(uuid4()), "name": f"{name}'s phone"}}
    call = _call(house, checked(RegisterBody, body))
    told = (await register(call)).body
    claims = house.tokens.read(told["access_token"], call.now_ms)
    caller = Caller(claims.user, claims.device, claims.session, role)
    call = replace(call, caller=caller, body=None)
    await _push(call, "profile", caller.user, {"name_km": name_km}, exists=True)
    return Person(name, role, phone, password, call)


def _call(house: House, body: object) -> Call:
    return Call(house, body, {}, {}, {}, "km", None, house.now_ms(), "127.0.0.1", str(uuid4()))


async def _connect(patient: Person, other: Person, level: str) -> None:
    id_ = connection_id(patient.call.user, other.call.user)
    asked = {"patient_id": patient.call.user, "other_id": other.call.user, "status": "pending", "level": level}
    await _push(patient.call, "connection", id_, asked)
    await _push(other.call, "connection", id_, {"status": "accepted"}, exists=True)


async def _prescribe(doctor: Person, patient: Person) -> None:
    """One prescription of two medicines, written by the doctor and confirmed by the patient: its doses follow."""
    prescription, version, home = str(uuid4()), str(uuid4()), {"patient_id": patient.call.user}
    await _push(doctor.call, "prescription", prescription, {
        **home, "diagnosis": "ជំងឺទឹកនោមផ្អែម និងជាតិខ្លាញ់ក្នុងឈាមខ្ពស់", "symptoms": "ឈឺក្បាល ស្រេកទឹកញឹកញាប់"})
    await _push(doctor.call, "prescription_version", version, {
        **home, "prescription_id": prescription, "lines": _lines(doctor.call)})
    await _push(patient.call, "prescription_response", str(uuid4()), {
        **home, "prescription_id": prescription, "version_id": version, "answer": "confirm"})


def _lines(call: Call) -> list[dict[str, Any]]:
    today = local_day(DEFAULT_ZONE, parse_instant(call.now))
    dosages = {one["id"]: one["dosageInstruction"] for one in four_slot_dosages()}
    return [{"line_id": str(uuid4()), "row": row, "name": name, "name_km": name_km, "strength": strength,
             "form": "oral", "unit": unit, "plan": plan_from(dosages[id_], today)}
            for row, (id_, name, name_km, unit, strength) in enumerate(MEDICINES, 1)]


def four_slot_dosages() -> list[dict[str, Any]]:
    """The real dosages of server/demo_data; numbers are int or Decimal."""
    body = files("server").joinpath("demo_data", "fhir_four_slot.json").read_bytes()
    found: list[dict[str, Any]] = read_json(body, max_bytes=MAX_BODY)["dosages"]
    return found


def plan_from(dosage_instruction: list[Any], start: date) -> dict[str, Any]:
    """The plan of one of these dosages."""
    outcome = dosage_outcome(dosage_instruction, Begins(DEFAULT_ZONE, midnight(start)))
    assert isinstance(outcome, Mapped), "the demo's dosages are mapped whole"
    return outcome.plan


async def _push(call: Call, kind: str, id_: str, fields: Mapping[str, Any], *, exists: bool = False) -> None:
    """One change at this moment, which must stand."""
    call = replace(call, now_ms=call.house.now_ms())
    row = (await records.find(call, kind, id_)).row if exists else None
    batch = str(uuid4())
    change = write.change(call, kind, id_, fields, batch_id=batch, row=row)
    settlement = await write.write(call, [change], batch_id=batch)
    outcome.refuse_losers(settlement, known=True)

