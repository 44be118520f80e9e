"""The end: the tables, and the verdict, for which every phone is compared with a new one of the same account.

Knows what is to be shown and compared; how it looks is table.py, what counts as a difference compare.py.
"""

from __future__ import annotations

from typing import Any

from i18n.moments import time_text
from i18n.notices import Reader
from server.demo import table
from server.demo.chronicle import ZONE
from server.demo.compare import differences, verdict
from server.demo.phone import Phone, door_of
from server.demo.scene import Scene
from sync.record import Key
from sync.values import parse_instant

READERS: dict[str, Reader] = {"Sokha": "patient", "Dara": "relative", "Dr Lim": "doctor"}


async def the_tables(scene: Scene) -> None:
    for phone in scene.family:
        await phone.sync()
    scene.chronicle.act("5. What came of it")
    show, kept = scene.chronicle.console.print, await _kept(scene)
    naming = _names(scene)
    show(table.holdings(scene.before, scene.holdings()))
    show(table.outcomes([one for phone in scene.family for one in phone.mast.verdicts], naming))
    show(table.losers(kept, naming, _people(scene)))
    told = {"Sokha": scene.phone.replica.seen_rows("notification", scene.sokha.own_scope),
            "Dara": scene.daras.replica.seen_rows("notification", scene.dara.own_scope),
            "Dr Lim": await scene.doctor.notices()}
    show(table.notices(told, READERS, _times(scene, kept)))
    scopes = {scene.sokha.patient_scope: "Sokha's data", scene.dara.own_scope: "Dara's own"}
    show(table.events(scene.browser.heard, scopes))


async def the_verdict(scene: Scene) -> int:
    """Prints what differs, phone by phone; the exit status."""
    found = [what for phone in scene.family for what in await _compared(scene, phone)]
    rows = sum(counts.total() for counts in scene.holdings().values())
    for what in found:
        scene.chronicle.bad(what)
    if not found:
        scene.chronicle.good(f"No phone differs from the server: {rows} rows on {len(scene.family)} phones, compared "
                             "by count, version and content with new phones of the same accounts; the server was "
                             f"killed {scene.server.restarts} times.")
    return verdict(found)


async def _compared(scene: Scene, phone: Phone) -> list[str]:
    fresh = Phone("new phone", phone.owner, door_of(scene.session, scene.server.url, phone.owner), None)
    try:
        await fresh.sync()
        return differences(phone.title, phone.replica, fresh.replica)
    finally:
        fresh.close()


async def _kept(scene: Scene) -> list[dict[str, Any]]:
    path = f"/sync/losers?scope={scene.sokha.patient_scope}"
    items: list[dict[str, Any]] = (await scene.rest.ask("GET", path, scene.sokha))["items"]
    return items


def _names(scene: Scene) -> table.Naming:
    """What a person would call a row, as far as Sokha's phone knows it."""
    replica, home = scene.phone.replica, scene.sokha.patient_scope

    def name(kind: str, id_: str) -> str:
        row = replica.rows.told(Key(kind, home, id_)) or {}
        line = replica.rows.told(Key("medication_line", home, row.get("line_id") or "")) or {}
        form = {one.id: one.medicine.name for one in (scene.metformin, scene.paracetamol, scene.amoxicillin)}
        about = line.get("name") or form.get(row.get("prescription_id") or id_, "")
        dose = f" {row['nominal_date'][5:]} {row['slot_key']} ({row['state']})" if "slot_key" in row else ""
        return f"{kind} {about}{dose}".strip()

    return name


def _people(scene: Scene) -> dict[str, str]:
    return {scene.sokha.user: "Sokha", scene.dara.user: "Dara", scene.doctor.who.user: "Dr Lim"}


def _times(scene: Scene, kept: list[dict[str, Any]]) -> dict[str, str]:
    """The hours that the notices of the two disputes name: they are in the stored text only."""
    home = scene.sokha.patient_scope
    twice = scene.phone.row("dose_event", home, scene.doses.twice.id)
    disputed = scene.phone.row("dose_event", home, scene.doses.disputed.id)
    second = next((one["recorded_at"] for one in kept if one["id"] == twice["id"]), twice["at"])
    moments = {"first": twice["at"], "second": second, "time": disputed["due_at"]}
    return {name: time_text(parse_instant(at).astimezone(ZONE), "en") for name, at in moments.items()}
