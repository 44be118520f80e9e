"""Act two: Sokha's phone is away; everybody goes on, and the server dies twice.

Knows what is recorded where and in which order; the merging is the server's.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from server.demo.chronicle import expect, now
from server.demo.scene import Scene
from sync.record import Op
from sync.values import format_instant

CLOCK_WRONG_MS = 25 * 60 * 1000
APART_S = 0.1  # between two words of which one must be the later, also on a coarse clock
EARLIER = timedelta(minutes=12)


async def the_phone_goes_offline(scene: Scene) -> None:
    scene.chronicle.act("2. Sokha's phone is offline, and its clock is 25 minutes fast")
    scene.phone.mast.open = scene.daras.mast.open = False
    scene.phone.skew_ms = CLOCK_WRONG_MS
    doses, replica = scene.doses, scene.phone.replica
    replica.take_dose(doses.evening)
    replica.take_dose(doses.mistaken)
    replica.undo_dose(doses.mistaken)
    scene.chronicle.say("Sokha's phone", "offline: takes Paracetamol; taps Amoxicillin by mistake and takes it back")
    scene.daras.replica.take_dose(doses.before, at=format_instant(now() - timedelta(hours=14)),
                                  note="ពេលយប់នៅគ្លីនិក (at the clinic, before the app knew)")
    scene.chronicle.say("Dara's phone", "offline too: notes the capsule she was given at the clinic last night")


async def the_answer_is_lost(scene: Scene) -> None:
    """A bar of network: the batch arrives and is committed, then the power goes before the phone has its answer."""
    pid = scene.server.pid
    scene.phone.mast.open, scene.phone.mast.after_commit = True, scene.server.kill
    reached = await scene.phone.try_to_sync()
    scene.phone.mast.open = False
    expect(not reached and len(scene.phone.replica.waiting()) == 3, "the phone keeps what it has no answer for")
    scene.chronicle.say("server", f"process {pid} is killed (-9) with the phone's batch committed; the answer is lost")
    await _back(scene)


async def the_doctor_changes(scene: Scene) -> None:
    heard = len(scene.browser.heard)
    changed = await scene.doctor.stop_slot_urgently(scene.metformin, "EVE")
    expect(changed["current_version"] == 2 and changed["urgent"], "an urgent change is in force at once")
    scene.chronicle.say("Dr Lim", "urgently stops the evening Metformin: blood sugar too low")
    told = await scene.browser.until(lambda one: one.payload.get("kind") == "URGENT_PRESCRIPTION_CHANGE",
                                     "is told of the urgent change", since=heard)
    scene.chronicle.say("Dara's browser", f"is told at {told.at:%H:%M:%S.%f}"[:-3] + ", by the live channel")
    await scene.second.sync()


async def two_phones_disagree(scene: Scene) -> None:
    doses, offline, online = scene.doses, scene.phone.replica, scene.second.replica
    offline.take_dose(doses.twice)
    offline.skip_dose(doses.disputed, reason="feeling_better")
    offline.take_dose(doses.replaced, amount="2")
    offline.record("prescription", [scene.sokha.patient_scope], scene.metformin.id,
                   {"note": "លេបតែពេលព្រឹក (only in the morning)"}, op=Op.PATCH)
    scene.chronicle.say("Sokha's phone", "offline: takes Paracetamol (morning), skips noon, takes evening Metformin "
                        "that was just stopped, and edits the doctor's form")
    await asyncio.sleep(APART_S)
    heard = len(scene.browser.heard)
    online.take_dose(doses.twice, at=format_instant(now() - EARLIER))
    online.take_dose(doses.disputed)
    await scene.second.sync()
    scene.chronicle.say("second phone", f"online: the same morning Paracetamol, {EARLIER.seconds // 60} minutes "
                        "earlier; and noon as taken")
    await scene.browser.until(lambda one: one.event == "changed" and one.of_scope(scene.sokha.patient_scope),
                              "is poked", since=heard)
    scene.chronicle.say("Dara's browser", "is poked: something changed for Sokha (no health data in it)")


async def the_power_goes(scene: Scene) -> None:
    pid = scene.server.pid
    scene.server.kill()
    scene.chronicle.say("server", f"process {pid} is killed (-9) once more: a power cut")
    await _back(scene)


async def _back(scene: Scene) -> None:
    heard = len(scene.browser.heard)
    await scene.server.start_again()
    scene.chronicle.say("server", f"is back as process {scene.server.pid}")
    await scene.browser.until(lambda one: one.event == "hello", "reconnects", since=heard)
