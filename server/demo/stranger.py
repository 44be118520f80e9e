"""Vuthy, who knows Sokha's ids and must never see a thing: every door is tried, and each must say as much as to nobody.

Knows doors and ids; the expectations are F-24 and P04.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from server.demo.chronicle import expect
from server.demo.rest import Someone
from server.demo.scene import Scene
from sync.replica.dose import DOSE_EVENT
from sync.replica.loop import sync_once

QUIET_S = 0.5


async def tries_everything(scene: Scene, vuthy: Someone) -> str:
    """Returns what was tried, in words. Raises StoryBroken at the first thing that leaks."""
    calls = await _over_rest(scene, vuthy)
    guessed = await _by_push(scene, vuthy)
    await _by_socket(scene, vuthy)
    return f"{calls} REST calls, {guessed} pushed changes with guessed ids, a pull and a socket"


async def _over_rest(scene: Scene, vuthy: Someone) -> int:
    sokha, dose = scene.sokha.user, scene.doses.twice.id
    link = next(key.id for key in scene.phone.replica.held(scene.sokha.patient_scope) if key.kind == "connection")
    tries: list[tuple[str, str, dict[str, Any] | None]] = [
        ("GET", f"/prescriptions/{scene.metformin.id}", None),
        ("GET", f"/prescriptions?patient_id={sokha}", None),
        ("GET", f"/doses/schedule?patient_id={sokha}", None),
        ("POST", "/doses/taken", {"dose_id": dose}),
        ("PUT", f"/prescriptions/{scene.metformin.id}/status", {"action": "stop"}),
        ("PUT", f"/connections/{link}/accept", None),
        ("GET", f"/records/{DOSE_EVENT}/{dose}", None),
        ("PATCH", f"/records/patient/{sokha}", {"first_name": "x"}),
        ("DELETE", f"/records/{DOSE_EVENT}/{dose}", None),
    ]
    for method, path, body in tries:
        status, answer = await scene.rest.answer(method, path, vuthy, body)
        expect(status in (403, 404), f"{method} {path} tells a stranger nothing; it answered {status}: {answer}")
    listed = await scene.rest.ask("GET", f"/records/{DOSE_EVENT}?scope={scene.sokha.patient_scope}", vuthy)
    kept = await scene.rest.ask("GET", f"/sync/losers?scope={scene.sokha.patient_scope}", vuthy)
    expect(listed["items"] == kept["items"] == [], "lists of a foreign scope are empty")
    return len(tries) + 2


async def _by_push(scene: Scene, vuthy: Someone) -> int:
    phone, scope = scene.new_phone("Vuthy's phone", vuthy), scene.sokha.patient_scope
    before = phone.replica.take_dose(scene.doses.twice)
    phone.replica.undo_dose(scene.doses.evening)
    phone.replica.record("prescription", [scope], scene.metformin.id, {"patient_id": scene.sokha.user, "note": "x"})
    phone.replica.record("patient", [scope], scene.sokha.user, {"first_name": "Vuthy"})
    expect(before == scene.doses.twice.id, "Vuthy guesses the ids right")
    await sync_once(phone.replica, phone.mast)
    verdicts = phone.mast.verdicts
    expect({(one.outcome, one.code) for one in verdicts} == {("rejected", "forbidden")}, "guessed ids are forbidden")
    expect(phone.replica.scopes().keys() == {vuthy.own_scope, vuthy.patient_scope},
           "a stranger's pull holds their own scopes alone")
    return len(verdicts)


async def _by_socket(scene: Scene, vuthy: Someone) -> None:
    socket = await scene.new_socket("Vuthy's socket", vuthy)
    pulled = await socket.call("sync", {"pull": {"device_id": vuthy.device, "cursor": None, "schema": 1}})
    scene.phone.replica.take_dose(scene.doses.mistaken)
    await scene.phone.sync()
    await asyncio.sleep(QUIET_S)
    heard = json.dumps([one.payload for one in socket.heard]) + json.dumps(pulled)
    expect(scene.sokha.user not in heard, "a stranger's socket hears nothing of Sokha")
