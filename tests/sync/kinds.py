"""A small catalogue by hand, one kind per policy, so that sync is tested without storage: the real one is larger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sync.access import CARE, DOCTORS, OWNERS, SELF_ONLY, TAKERS, Access, Role
from sync.dose_policy import ClientWins
from sync.gate import Bad
from sync.kind import Checked, Column, Kind
from sync.policy import AppendOnly, LatestPerField, Policy, ServerWins
from sync.problem import FieldCode, FieldProblem
from sync.record import Change, Fields

Scopes = Callable[[str, Fields], tuple[str, ...]]

MAX_TEXT = 2_000
GROUP = ("action", "at", "amount", "reason", "note")
TOLD = ("recorded_at", "recorded_by", "recorded_authority", "retroactive", "conflict")


def columns(client: str = "", creation: str = "", server: str = "") -> dict[str, Column]:
    named = [(client, "client"), (creation, "creation"), (server, "server")]
    return {name: Column(name, by, required=by == "creation" and name.endswith("_id"))
            for names, by in named for name in names.split()}


def check(known: dict[str, Column], *, by_server: bool = False) -> Callable[[Change], Checked]:
    """Text up to MAX_TEXT characters, whole numbers and null; unknown fields apart, the server's own ignored but from
    itself."""
    servers = frozenset() if by_server else {name for name, column in known.items() if column.by == "server"}

    def checked(change: Change) -> Checked:
        mine = {name: value for name, value in change.fields.items() if name in known and name not in servers}
        problems = [FieldProblem(name, fault).as_json() for name, value in mine.items() if (fault := _fault(value))]
        extra = {name: value for name, value in change.fields.items() if name not in known}
        ignored = tuple(name for name in change.fields if name in servers)
        return Checked(mine, extra, ignored, tuple(problems))

    return checked


def _fault(value: Any) -> FieldCode | None:
    if isinstance(value, Bad):
        return value.code
    if isinstance(value, str):
        return FieldCode.TOO_LONG if len(value) > MAX_TEXT else None
    return None if value is None or isinstance(value, int) else FieldCode.WRONG_TYPE


def of_patient(id_: str, fields: Fields) -> tuple[str, ...]:
    return (f"patient:{fields['patient_id']}",)


def of_patient_and_guest(id_: str, fields: Fields) -> tuple[str, ...]:
    return (f"patient:{fields['patient_id']}", f"user:{fields['guest_id']}")


def self_alone(user: str, change: Change) -> Role | None:
    return Role.SELF if change.id == user else None


def owner(user: str, change: Change) -> Role:
    return Role.PATIENT if change.id == user else Role.GUARDIAN


_PROFILE = columns("first_name language theme")
_PATIENT = columns("first_name zone")
_PRESCRIPTION = columns("drug amount", "patient_id")
_DOSE = columns(" ".join(GROUP), "patient_id line_id nominal_date slot_key occurrence",
                " ".join(("state", "due_at", *TOLD)))
_NOTE = columns("", "patient_id text prescription_id")
_VISIT = columns("", "patient_id guest_id")
_NOTE["prescription_id"] = Column("prescription_id", "creation")

def own_scope(prefix: str) -> Callable[[str, Fields], tuple[str, ...]]:
    return lambda id_, fields: (f"{prefix}:{id_}",)


def kind(name: str, policy: Policy, access: Access, known: dict[str, Column], scopes_of: Scopes, **rest: Any) -> Kind:
    return Kind(name, policy, access, known, scopes_of, check(known), check(known, by_server=True), **rest)


KINDS = {
    one.name: one
    for one in (
        kind("profile", LatestPerField(), Access(SELF_ONLY, SELF_ONLY, SELF_ONLY), _PROFILE, own_scope("user"),
             founds="user", founder=self_alone),
        kind("patient", LatestPerField(), Access(CARE, OWNERS, OWNERS), _PATIENT, own_scope("patient"),
             founds="patient", founder=owner),
        kind("prescription", ServerWins(), Access(CARE, OWNERS | DOCTORS, DOCTORS, DOCTORS), _PRESCRIPTION, of_patient,
             part="id", rank=1),
        kind("dose_event", ClientWins(GROUP), Access(CARE, TAKERS, TAKERS, TAKERS), _DOSE, of_patient,
             day="nominal_date", line="line_id", rank=2),
        kind("note", AppendOnly(), Access(OWNERS | DOCTORS, OWNERS | DOCTORS), _NOTE, of_patient,
             part="prescription_id", parents={"prescription_id": "prescription"}, rank=2),
        kind("visit", LatestPerField(), Access(CARE, OWNERS, OWNERS), _VISIT, of_patient_and_guest,
             deposits=frozenset({"user"})),
    )
}
