"""One local day of a patient's doses as R-159 tells it: full instants, status, windows, groups, progress.

Pure: starts from rows as one viewer is told them (names of private lines are blank already) and an aware `now`. Every
instant in the answer is RFC 3339 with the offset of the patient's zone. Knows no store, no viewer and no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from scheduling.lifecycle import Status, progress, status_of, timing_of
from scheduling.zones import zone_named
from sync.values import parse_instant

Told = Mapping[str, Any]

GROUPS = ("morning", "noon", "evening", "night")
_GROUP_OF_SLOT = {"MORN": "morning", "NOON": "noon", "EVE": "evening", "NIGHT": "night"}
# Hours at which the groups begin (R-433; the early afternoon goes with noon, for the paper form has four columns).
_BEGINS = ((5, "morning"), (11, "noon"), (16, "evening"), (19, "night"))
_LINE_COLUMNS = ("name", "name_km", "strength", "form", "unit")
_ACTION_COLUMNS = ("action", "amount", "reason", "note", "recorded_by", "retroactive", "conflict")


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """From where a day is looked at: the patient's zone, the moment, and who looks.

    `silent_since` is when the patient's devices were last heard (lifecycle.status_of).
    """

    zone: str
    now: datetime
    is_patient: bool = True
    silent_since: datetime | None = None


def day_schedule(
    doses: Sequence[Told], lines: Mapping[str, Told], day: date, view: Viewpoint, *, grouped: bool = True
) -> dict[str, Any]:
    """The doses of one nominal date by due time, with what is known of each at `view.now`.

    `lines` maps the ids of medication lines to their rows. Doses that no plan yields are told once something was done
    about them, and count nowhere (F-18). With `grouped` the ids stand by part of the day as well.
    """
    told = [dose_told(dose, lines.get(dose["line_id"]), view) for dose in doses if _happens(dose)]
    told.sort(key=lambda one: (parse_instant(one["due_at"]) if one["due_at"] else view.now, one["id"]))
    done = _progress(told)
    body = {"date": day.isoformat(), "zone": view.zone, "now": _local(view.now, zone_named(view.zone)),
            "progress": done, "doses": told}
    return {**body, "groups": _groups(told)} if grouped else body


def dose_told(dose: Told, line: Told | None, view: Viewpoint) -> dict[str, Any]:
    """One dose: its schedule, its status and timing now, and what was recorded."""
    zone = zone_named(view.zone)
    due = _moment(dose["due_at"])
    return {
        "id": dose["id"], "version": dose["version"], "patient_id": dose["patient_id"],
        "prescription_id": dose["prescription_id"], "version_id": dose["version_id"],
        "line_id": dose["line_id"], "line": _line(line),
        "nominal_date": dose["nominal_date"], "slot_key": dose["slot_key"], "occurrence": dose["occurrence"],
        "slot": dose["slot"], "group": _group(dose["slot"], due.astimezone(zone).hour if due else None),
        "due_at": _local(due, zone), "amount_due": dose["amount_due"], "planned": dose["planned"],
        "status": str(status_now(dose, view)), "timing": _timing(dose), "windows": _windows(dose, due, zone),
        "at": _local(_moment(dose["at"]), zone), "recorded_at": _local(_moment(dose["recorded_at"]), zone),
        **{name: dose[name] for name in _ACTION_COLUMNS},
    }


def status_now(dose: Told, view: Viewpoint) -> Status:
    """What a dose is called at `view.now` (rules.md 6). One that no plan yields is never missed (F-18)."""
    due = _moment(dose["due_at"])
    timed = dose["planned"] and due is not None and dose["on_time_min"] is not None
    if not timed or due is None:
        known = {"taken": Status.TAKEN, "skipped": Status.SKIPPED}
        return known.get(dose["action"] or "", Status.SCHEDULED)
    return status_of(
        due_at=due, on_time_min=dose["on_time_min"], missed_after_min=dose["missed_after_min"], action=dose["action"],
        at=_moment(dose["at"]), state=dose["state"], now=view.now, silent_since=view.silent_since,
        viewer_is_patient=view.is_patient,
    )


def _happens(dose: Told) -> bool:
    return bool(dose["planned"]) or dose["action"] in ("taken", "skipped")


def _timing(dose: Told) -> str | None:
    due, at = _moment(dose["due_at"]), _moment(dose["at"])
    if dose["action"] != "taken" or not dose["planned"] or due is None or at is None or dose["on_time_min"] is None:
        return None
    return str(timing_of(due, at, dose["on_time_min"], dose["missed_after_min"]))


def _windows(dose: Told, due: datetime | None, zone: ZoneInfo) -> dict[str, Any] | None:
    """Both windows as instants, edges included (R-150)."""
    if due is None or dose["on_time_min"] is None:
        return None
    on_time, missed = timedelta(minutes=dose["on_time_min"]), timedelta(minutes=dose["missed_after_min"])
    return {"on_time_from": _local(due - on_time, zone), "on_time_until": _local(due + on_time, zone),
            "missed_after": _local(due + missed, zone), "on_time_min": dose["on_time_min"],
            "missed_after_min": dose["missed_after_min"]}


def _line(line: Told | None) -> dict[str, Any] | None:
    return None if line is None else {"id": line["id"], **{name: line[name] for name in _LINE_COLUMNS}}


def _group(slot: str | None, hour: int | None) -> str:
    if slot is not None:
        return _GROUP_OF_SLOT[slot]
    return next((group for begins, group in reversed(_BEGINS) if hour is not None and hour >= begins), "night")


def _groups(told: Sequence[Told]) -> list[dict[str, Any]]:
    """All four in the day's order, empty ones too."""
    found = []
    for group in GROUPS:
        members = [one for one in told if one["group"] == group]
        found.append({"group": group, "dose_ids": [one["id"] for one in members], "progress": _progress(members)})
    return found


def _progress(told: Sequence[Told]) -> dict[str, int]:
    made = progress(Status(one["status"]) for one in told if one["planned"])
    return {"taken": made.taken, "planned": made.planned}


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_instant(text)


def _local(moment: datetime | None, zone: ZoneInfo) -> str | None:
    return None if moment is None else moment.astimezone(zone).isoformat()
