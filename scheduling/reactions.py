"""What people are told when something changed: kind → the notices that follow (DESIGN.md 2; R-085 to R-087, R-157).

Each reaction reads the change's row as it stands now and answers with notices; who may hear is asked at that moment,
never when it was queued (R-054). Knows words by key; channels and sockets are elsewhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from i18n.catalogue import sentence
from i18n.moments import time_text
from i18n.notices import notice
from scheduling.zones import zone_named
from storage.circle import Reader, circle_of, languages, may_still_hear
from storage.consent import ACCEPTED, DECLINED, REVOKED
from storage.database import Database
from storage.zone_names import DEFAULT_ZONE
from sync.access import id_in
from sync.dose_policy import entries_of
from sync.identity import SYSTEM_USER, notification_id
from sync.policy import stamp_of
from sync.record import Key, Row
from sync.settle import DOUBLE, TAKEN, live
from sync.store import Store
from sync.values import parse_instant

RowOf = Callable[[str, str], Awaitable[Row | None]]


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice to one person. `cause` is the change it follows from: the same cause is told once (R-250)."""

    recipient: str
    type: str
    notice: str
    cause: str
    title: str
    body: str
    language: str
    patient_id: str
    about: tuple[str, str]
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return notification_id(self.recipient, self.cause, self.notice)

    def fields(self) -> dict[str, Any]:
        return {"user_id": self.recipient, "type": self.type, "notice": self.notice, "params": dict(self.params),
                "title": self.title, "body": self.body, "language": self.language, "patient_id": self.patient_id,
                "about_kind": self.about[0], "about_id": self.about[1]}


@dataclass(frozen=True, slots=True)
class Touched:
    """A change that was applied, and where to look things up. `now` is a canonical instant."""

    store: Store
    database: Database
    scope: str
    kind: str
    id: str
    version: int
    change_id: str
    now: str

    @property
    def patient(self) -> str:
        return id_in(self.scope)

    async def row(self, kind: str, id_: str | None) -> Row | None:
        """A row of the same patient as it stands now; the server's own look, so nobody's view narrows it."""
        if id_ is None:
            return None
        key = Key(kind, self.scope, id_)
        return (await self.store.rows(SYSTEM_USER, [key], self.now)).rows.get(key)

    def notice(self, to: Reader, type_: str, key: str, /, *, cause: str | None = None, **values: Any) -> Notice:
        words = notice(key, to.reader, to.language, private=not to.names, **values)  # type: ignore[arg-type]
        params = {name: value for name, value in values.items() if isinstance(value, str) and to.names}
        return Notice(to.user, type_, key, cause or self.change_id, words.title, words.body, to.language, self.patient,
                      (self.kind, self.id), params)


async def version_written(touched: Touched) -> list[Notice]:
    """A doctor's version: told to the patient's side, changes to the family too (R-085, R-086, R-087)."""
    version = await touched.row("prescription_version", touched.id)
    if version is None or version.fields["author_role"] != "doctor":
        return []
    patient = await touched.row("patient", touched.patient)
    names = {"doctor": version.fields["author_name"] or "", "patient": _name(patient)}
    first, urgent = version.fields["number"] == 1, version.fields["urgent"]
    key = "prescription_new" if first else "prescription_urgent" if urgent else "prescription_changed"
    type_ = "URGENT_PRESCRIPTION_CHANGE" if urgent and not first else "PRESCRIPTION_UPDATE"
    people = await circle_of(touched.database, touched.patient, touched.now)
    return [touched.notice(to, type_, key, reason=version.fields["reason"] or "", **names)
            for to in people if to.reader == "patient" or not first]


async def answer_given(touched: Touched) -> list[Notice]:
    """The patient's word goes to the doctor who wrote; a doctor's pause or stop to the patient's circle."""
    answer = await touched.row("prescription_response", touched.id)
    prescription = await touched.row("prescription", answer.fields["prescription_id"]) if answer else None
    key = ANSWERS.get(answer.fields["answer"]) if answer else None
    if answer is None or prescription is None or key is None:
        return []
    patient = await touched.row("patient", touched.patient)
    by_author = answer.fields["given_by"] == prescription.fields["author_id"]
    values = {"patient": _name(patient), "reason": answer.fields["reason"] or "",
              "name": prescription.fields["author_name"] if by_author else _name(patient)}
    if by_author:
        people = await circle_of(touched.database, touched.patient, touched.now)
        return [touched.notice(to, "PRESCRIPTION_UPDATE", key, **values) for to in people]
    doctor = prescription.fields["author_id"]
    if prescription.fields["author_role"] != "doctor" or not await may_still_hear(
            touched.database, doctor, touched.patient, prescription.id, touched.now):
        return []
    language = (await languages(touched.database, [doctor]))[doctor]
    return [touched.notice(Reader(doctor, "doctor", language), "PRESCRIPTION_UPDATE", key, **values)]


async def connection_moved(touched: Touched) -> list[Notice]:
    """A request reaches the side that was asked, an answer the side that asked, an end whoever did not make it (R-050).

    The patient's side are the owners of the record, for a dependant reads nothing (R-031). A status that is said again
    in its generation is told once.
    """
    link = await touched.row("connection", touched.id)
    if link is None or stamp_of(link, "status")[0] != touched.version:
        return []  # a level or a switch changed, not where the connection stands
    fields, status = link.fields, link.fields["status"]
    key, type_ = CONNECTIONS[status]
    asked_by_other, ended = fields["requested_by"] == fields["other_id"], status == REVOKED
    to_other = asked_by_other == (status in (ACCEPTED, DECLINED))
    owners = [to for to in await circle_of(touched.database, touched.patient, touched.now) if to.reader == "patient"]
    told = [(to, fields["other_name"], fields["other_role"]) for to in owners if ended or not to_other]
    if ended or to_other:
        language = (await languages(touched.database, [fields["other_id"]]))[fields["other_id"]]
        reader = "doctor" if fields["other_role"] == "doctor" else "relative"
        told.append((Reader(fields["other_id"], reader, language), fields["patient_name"], "patient"))
    cause = f"{link.id}|{fields['generation']}|{status}"
    return [touched.notice(to, type_, key, cause=cause, name=name or _somebody(role)) for to, name, role in told
            if not (ended and to.user == link.changed_by)]


def _somebody(role: str) -> Callable[[str], str]:
    """A person who has not agreed to be named, by their part."""
    return lambda language: sentence(f"role.{role}", language)  # type: ignore[arg-type]


async def dose_disputed(touched: Touched) -> list[Notice]:
    """Two people's words on one dose that do not fit: told to the circle, both sides kept (R-157, R-200)."""
    dose = await touched.row("dose_event", touched.id)
    if dose is None or dose.fields["conflict"] is None:
        return []
    line, patient = await touched.row("medication_line", dose.fields["line_id"]), await touched.row(
        "patient", touched.patient)
    zone = zone_named(patient.fields["zone"] if patient else DEFAULT_ZONE)
    words = live(entries_of(dose))
    taken = sorted({entry.at for entry in words if entry.action == TAKEN and entry.at})
    at = [parse_instant(moment).astimezone(zone) for moment in (*taken, dose.fields["due_at"]) if moment]
    double = dose.fields["conflict"] == DOUBLE and len(taken) > 1
    setting = await touched.row("line_setting", dose.fields["line_id"])
    private = setting is not None and setting.fields["private"]
    values: dict[str, Any] = {"medicine": line.fields["name"] if line else "", "patient": _name(patient),
                              "time": lambda language: time_text(at[-1], language),
                              "first": lambda language: time_text(at[0], language),
                              "second": lambda language: time_text(at[1 if double else 0], language)}
    people = await circle_of(touched.database, touched.patient, touched.now)
    key = "dose_double" if double else "dose_contradiction"
    dispute = "|".join(sorted(entry.change_id for entry in words))  # told once, however many changes led to it
    return [touched.notice(_discreet(to, private), "FAMILY_ALERT" if to.reader == "relative" else "SYSTEM", key,
                           cause=dispute, **values) for to in people]


def _discreet(to: Reader, private: bool) -> Reader:
    """A private medicine is not named to relatives (S-34)."""
    return Reader(to.user, to.reader, to.language, to.names and not (private and to.reader == "relative"))


def _name(patient: Row | None) -> str:
    parts = (patient.fields["first_name"], patient.fields["last_name"]) if patient is not None else ()
    return " ".join(part for part in parts if part)


ANSWERS = {"confirm": "prescription_confirmed", "acknowledge": "prescription_confirmed",
           "revise": "prescription_revision_asked", "reject": "prescription_rejected", "pause": "prescription_paused",
           "resume": "prescription_resumed", "stop": "prescription_stopped"}
CONNECTIONS = {"pending": ("connection_request", "CONNECTION_REQUEST"),
               "accepted": ("connection_accepted", "CONNECTION_REQUEST"),
               "declined": ("connection_revoked", "CONNECTION_REQUEST"),
               "revoked": ("connection_revoked", "CONNECTION_REQUEST")}
Reaction = Callable[[Touched], Awaitable[Sequence[Notice]]]
REACTIONS: Mapping[str, Reaction] = {
    "prescription_version": version_written, "prescription_response": answer_given, "connection": connection_moved,
    "dose_event": dose_disputed,
}
