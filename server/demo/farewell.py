"""Act four: Sokha ends Dara's access, his last offline dose still counts, and Vuthy the stranger gets nothing.

Knows what each of them tries; what they may is the server's word.
"""

from __future__ import annotations

import asyncio

from server.demo.chronicle import expect
from server.demo.scene import Scene
from server.demo.stranger import tries_everything
from sync.identity import connection_id
from sync.replica.dose import DOSE_EVENT

QUIET_S = 1.0  # pokes leave 75 ms after a commit


async def access_ends(scene: Scene) -> None:
    scene.chronicle.act("4. Sokha ends Dara's access")
    sokha, dara, heard = scene.sokha, scene.dara, len(scene.browser.heard)
    id_ = connection_id(sokha.user, dara.user)
    link = scene.phone.row("connection", sokha.patient_scope, id_)
    scene.phone.replica.record(
        "connection", [sokha.patient_scope, dara.own_scope], id_,
        {"patient_id": sokha.user, "other_id": dara.user, "status": "revoked", "generation": link["generation"]})
    await scene.phone.sync()
    gone = await scene.browser.until(lambda one: one.event == "revoked" and one.of_scope(sokha.patient_scope),
                                     "hears that its access is over", since=heard)
    scene.chronicle.say("Dara's browser", f"hears at {gone.at:%H:%M:%S} that Sokha's data are closed to him")
    scene.phone.replica.take_dose(scene.doses.night)
    await scene.phone.sync()
    await asyncio.sleep(QUIET_S)
    _browser_is_silent(scene)
    scene.chronicle.say("Sokha's phone", "takes the night Paracetamol; Dara's browser stays silent")


async def the_last_word_counts(scene: Scene) -> None:
    held = sum(scene.before[scene.daras.title].values())
    scene.daras.mast.open = True
    await scene.daras.sync()
    last = scene.daras.mast.verdicts[-1]
    expect((last.outcome, last.code) == ("accepted_late", "access_revoked"), "facts from before a revocation arrive")
    expect(scene.sokha.patient_scope not in scene.daras.replica.scopes()
           and not scene.daras.replica.seen_rows(DOSE_EVENT, scene.sokha.patient_scope),
           "the revoked phone purges Sokha's rows at its next pull")
    left = sum(scene.holdings()[scene.daras.title].values())
    scene.chronicle.say("Dara's phone", f"comes back: last night's capsule is accepted late; {held} rows before, "
                        f"{left} of his own after")
    await scene.phone.sync()
    late = scene.phone.row(DOSE_EVENT, scene.sokha.patient_scope, scene.doses.before.id)
    expect((late["action"], late["recorded_by"], late["recorded_authority"]) == ("taken", scene.dara.user, "late"),
           "the late fact is shown with who recorded it")
    scene.chronicle.say("Sokha's phone", "shows last night's capsule as recorded by Dara, late")


def _browser_is_silent(scene: Scene) -> None:
    heard = scene.browser.heard
    last = max(i for i, one in enumerate(heard) if one.event == "revoked")
    expect(not any(one.of_scope(scene.sokha.patient_scope) for one in heard[last + 1:]),
           "no poke of Sokha's reaches Dara after the revocation")


async def the_stranger_tries(scene: Scene) -> None:
    vuthy = await scene.rest.register("Vuthy", "Keo", "កែវ វុទ្ធី", role="patient", device="phone", gender="male",
                                      birth_date="1990-01-02")
    tried = await tries_everything(scene, vuthy)
    scene.chronicle.say("Vuthy", f"{vuthy.both_names}, a stranger who knows every id, tries {tried}: nothing")
    _browser_is_silent(scene)
