"""What people do on their phones, offline or not: each deed looks at what its own phone shows and records a change.

Deeds are honest but blind (a phone may show what is long over), save the stranger's. They are drawn by the world's
dice; a deed that finds nothing to do does nothing. Knows kinds and their fields; never networks or the server's rows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from sync.identity import connection_id
from sync.record import Op
from sync.replica.dose import Dose
from sync.values import format_instant
from tests.worlds.device import Device

ZONES = ("Asia/Phnom_Penh", "Asia/Tokyo", "Europe/Paris")
SLOTS = ("MORN", "NOON", "EVE", "NIGHT")
FAMILY = ("alerts_only", "view", "view+remind", "view+manage")
DOCTOR = ("not_allowed", "request", "selected", "allowed")
NAMES_A_VERSION = ("confirm", "acknowledge", "revise", "reject")


class Deeds:
    """The deeds of one world's people around one patient."""

    def __init__(self, dice: Random, patient: str, others: dict[str, str]) -> None:
        self.dice = dice
        self.patient = patient
        self.home = f"patient:{patient}"
        self.others = others  # name → user id

    def new_id(self) -> str:
        return str(UUID(int=self.dice.getrandbits(128), version=4))

    def now(self, device: Device) -> datetime:
        """What the phone believes."""
        return datetime.fromtimestamp((device.now_ms() + device.skew_ms) / 1000, UTC)

    # doses

    def dose(self, device: Device) -> None:
        """Taken, skipped, undone, corrected: a dose that the phone shows, or one it computes by itself (N-04)."""
        rows = device.rows("dose_event", self.home)
        if not rows or self.dice.random() < 0.15:
            self._dose_by_computed_id(device)
            return
        now = format_instant(self.now(device) + timedelta(hours=12))
        due = [row for row in rows if (row.get("due_at") or "") <= now]
        near = sorted(due, key=lambda row: (row.get("due_at") or "", row["id"]))
        row = self.dice.choice(near[-4:] or rows[:4])
        if "line_id" not in row:
            return
        dose = Dose(self.patient, row["line_id"], row["nominal_date"], row["slot_key"], row.get("occurrence") or 0)
        self._act(device, dose, row)

    def _act(self, device: Device, dose: Dose, row: dict[str, Any]) -> None:
        did = self.dice.random()
        automatic = self.dice.random() < 0.25
        fields: dict[str, Any]
        if did < 0.45:
            fields = {**dose.identity(), "action": "taken"}
            if self.dice.random() < 0.4:
                fields["at"] = self._moment(device)
        elif did < 0.6:
            fields = {**dose.identity(), "action": "skipped", "reason": "other", "note": "not today"}
        elif did < 0.8:
            fields = {**dose.identity(), "action": "undone"}
        elif did < 0.9:
            device.record("dose_event", [self.home], dose.id, {}, op=Op.DELETE)
            return
        else:
            device.record("dose_event", [self.home], dose.id, {"at": self._moment(device)}, op=Op.PATCH)
            return
        device.record("dose_event", [self.home], dose.id, fields, automatic=automatic)

    def _moment(self, device: Device) -> str:
        told = self.now(device) - timedelta(minutes=self.dice.randrange(0, 300))
        return format_instant(told.replace(microsecond=0))

    def _dose_by_computed_id(self, device: Device) -> None:
        lines = device.rows("medication_line", self.home)
        if lines:
            line = self.dice.choice(lines)
            day = (self.now(device) + timedelta(days=self.dice.randrange(-1, 3))).date().isoformat()
            dose = Dose(self.patient, line["id"], day, f"0:{self.dice.choice(SLOTS)}")
            device.record("dose_event", [self.home], dose.id, {**dose.identity(), "action": "taken"})

    # settings

    def settings(self, device: Device) -> None:
        """One field or several of the patient's row, of which two may be edited apart; hours re-time doses (R-032)."""
        eve = f"{self.dice.randrange(16, 21):02d}:{self.dice.choice(('00', '30'))}"
        fields = self.dice.choice(({"alert_delay_min": self.dice.choice((10, 20, 60))},
                                   {"last_name": self.new_id()[:8]},
                                   {"slot_times": {"MORN": "06:30", "NOON": "12:00", "EVE": eve, "NIGHT": "22:00"}},
                                   {"zone": self.dice.choice(ZONES)},
                                   {"last_name": "ចាន់", "allergies": self.new_id()[:5]}))
        if device.row("patient", self.home, self.patient) is not None:
            device.record("patient", [self.home], self.patient, dict(fields), op=Op.PATCH)

    def profile(self, device: Device) -> None:
        fields = self.dice.choice(({"theme": "dark"}, {"language": "en"}, {"first_name": self.new_id()[:6]},
                                   {"theme": "light", "future_field": self.new_id()[:4]}))
        device.record("profile", [f"user:{device.user}"], device.user, dict(fields), op=Op.PATCH)

    def line_setting(self, device: Device) -> None:
        lines = device.rows("medication_line", self.home)
        if lines:
            line = self.dice.choice(lines)
            fields = {"private": self.dice.random() < 0.6} if self.dice.random() < 0.7 else {"colour": "#00ff00"}
            device.record("line_setting", [self.home], line["id"], {
                "patient_id": self.patient, "prescription_id": line["prescription_id"], **fields})

    # prescriptions

    def prescribe(self, device: Device) -> None:
        rx, line = self.new_id(), self.new_id()
        device.record("prescription", [self.home], rx, {"patient_id": self.patient, "diagnosis": "hypertension"})
        self._version(device, rx, None, [self._line(device, line)])

    def _line(self, device: Device, line_id: str) -> dict[str, Any]:
        start = (self.now(device) - timedelta(days=self.dice.randrange(0, 2))).date().isoformat()
        segment: dict[str, Any] = {"start": start, **self._rule()}
        if self.dice.random() < 0.8:
            segment["days"] = self.dice.randrange(3, 6)
        return {"line_id": line_id, "row": 1, "name": "Amlodipine", "name_km": "អាំឡូឌីពីន", "form": "oral",
                "unit": "tablet", "plan": {"segments": [segment]}}

    def _rule(self) -> dict[str, Any]:
        """Mostly the four-slot grid, which phones can also name by computed ids."""
        slots = self.dice.sample(SLOTS, self.dice.randrange(1, 3))
        grid = {"time_rule": {"type": "slots", "doses": dict.fromkeys(sorted(slots), 1)}}
        if self.dice.random() < 0.6:
            return grid
        return self.dice.choice((
            {"interval": {"every_minutes": self.dice.choice((480, 600))}, "dose": 1},  # an amendment goes on from it
            {"time_rule": {"type": "times", "times": self.dice.sample(("07:30", "13:00", "20:15"), 2)}, "dose": "0.5"},
            {"time_rule": {"type": "meals", "relation": "after", "meals": ["lunch", "dinner"]}, "dose": 2},
            {"day_rule": {"type": "every_days", "n": 2}, **grid},
            {"day_rule": {"type": "weekdays", "days": ["mon", "wed", "sat"]}, **grid},
        ))

    def _version(self, device: Device, rx: str, replaces: str | None, lines: list[dict[str, Any]], **more: Any) -> None:
        device.record("prescription_version", [self.home], self.new_id(), {
            "patient_id": self.patient, "prescription_id": rx, "replaces": replaces, "lines": lines, **more})

    def revise(self, device: Device) -> None:
        """A new version of what the phone shows as the latest one, urgent or not; now and then a line more or less."""
        for rx in self._some(device.rows("prescription", self.home)):
            known = [v for v in device.rows("prescription_version", self.home) if v.get("prescription_id") == rx["id"]]
            latest = rx.get("latest_version_id") or next((v["id"] for v in known), None)
            lines = [self._line(device, line["id"]) for line in device.rows("medication_line", self.home)
                     if line.get("prescription_id") == rx["id"]]
            if self.dice.random() < 0.2 or not lines:
                lines.append(self._line(device, self.new_id()))
            urgent = self.dice.random() < 0.4
            self._version(device, rx["id"], latest, lines, urgent=urgent, reason="pressure too low")

    def note(self, device: Device) -> None:
        for rx in self._some(device.rows("prescription", self.home)):
            device.record("prescription", [self.home], rx["id"], {"note": self.new_id()[:8]}, op=Op.PATCH)

    def answer(self, device: Device) -> None:
        words = ("confirm", "confirm", "pause", "resume", "resume", "revise", "acknowledge", "shown", "stop", "reject")
        for rx in self._some(device.rows("prescription", self.home)):
            word = self.dice.choice(words if self.dice.random() < 0.7 else words[:5])
            device.record("prescription_response", [self.home], self.new_id(), {
                "patient_id": self.patient, "prescription_id": rx["id"], "answer": word, "reason": "because",
                "version_id": rx.get("proposed_version_id") if word in NAMES_A_VERSION else None})

    def _some(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [self.dice.choice(rows)] if rows else []

    # connections

    def connection(self, device: Device) -> None:
        """Either side asks, accepts, changes the level, declines, revokes, or asks anew in the next generation."""
        name = self.dice.choice(sorted(self.others)) if device.user == self.patient else None
        other = self.others[name] if name else device.user
        id_, scopes = connection_id(self.patient, other), [self.home, f"user:{other}"]
        row = device.row("connection", self.home, id_)
        told: dict[str, Any] = {"patient_id": self.patient, "other_id": other}
        if row is None or "status" not in row:
            device.record("connection", scopes, id_, {**told, "status": "pending"})
            return
        if row["status"] in ("declined", "revoked"):
            move: dict[str, Any] = {"status": "pending", "generation": row["generation"] + 1}
        else:
            choices: tuple[dict[str, Any], ...] = (
                {"status": "accepted"}, {"status": "accepted"}, {"status": "revoked"}, {"status": "declined"},
                {"alerts_enabled": self.dice.random() < 0.5}, {"message": self.new_id()[:5]}, {}, {}, {})
            move = dict(self.dice.choice(choices))
            move.setdefault("generation", row.get("generation", 1))
        if device.user == self.patient and self.dice.random() < 0.6:
            move.update(self._level(device, name or ""))
        if move:
            device.record("connection", scopes, id_, {**told, **move})

    def _level(self, device: Device, name: str) -> dict[str, Any]:
        if name != "lim":
            return {"level": self.dice.choice(FAMILY)}
        shown = [rx["id"] for rx in device.rows("prescription", self.home)]
        today = self.now(device).date()
        days = [[today.isoformat(), (today + timedelta(days=2)).isoformat()]]
        return {"level": self.dice.choice((*DOCTOR, "selected", "allowed")),
                "parts": self.dice.sample(shown, min(len(shown), 1)), "days": self.dice.choice((days, None))}

    # the stranger

    def attack(self, device: Device, ids: Callable[[str], list[str]]) -> None:
        """Writes and asks with ids that were whispered to them: another's doses, prescriptions, connections (F-24)."""
        kind = self.dice.choice(("dose_event", "prescription", "connection", "line_setting", "patient"))
        for id_ in ids(kind)[:3]:
            scopes = [self.home, f"user:{self.dice.choice(sorted(self.others.values()))}"] if kind == "connection" \
                else [self.home]
            forged: dict[str, dict[str, Any]] = {
                "dose_event": {"action": "taken"}, "prescription": {"note": "x"}, "patient": {"first_name": "x"},
                "connection": {"status": "accepted", "level": "allowed"}, "line_setting": {"private": False}}
            fields = forged[kind]
            device.record(kind, scopes, id_, fields, op=self.dice.choice((Op.PATCH, Op.UPSERT)))


