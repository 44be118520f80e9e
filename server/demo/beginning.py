"""Act one: the cast registers and connects, Dr Lim prescribes, Sokha confirms, the phones hold the same.

Knows what is done and by whom; the doings are the phones', the doctor's and the server's.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from server.demo.chronicle import now
from server.demo.doctor import Doctor
from server.demo.medicines import AMOXICILLIN, FORMS, METFORMIN, PARACETAMOL
from server.demo.scene import Doses, Scene
from storage.entities.people import SLOT_TIMES
from sync.identity import connection_id
from sync.record import Op
from sync.replica.dose import Dose

FIRST_SLOT_MIN = 10  # from now; so that doses are due soon, at whatever hour the demo is told
BETWEEN_SLOTS_MIN = 5


async def the_cast_arrives(scene: Scene) -> None:
    say = scene.chronicle.say
    scene.chronicle.act("1. A patient, her brother, her doctor")
    say("server", "makes its tables and starts …")
    await scene.server.command("migrate")
    await scene.server.start()
    say("server", f"runs as process {scene.server.pid} on {scene.server.url}")
    scene.sokha = await scene.rest.register("Sokha", "Chea", "ជា សុខា", role="patient", device="phone", gender="female",
                                            birth_date="1962-04-14")
    scene.dara = await scene.rest.register("Dara", "Chea", "ជា តារា", role="family", device="phone")
    lim = await scene.rest.register("Vanna", "Lim", "លឹម វណ្ណា", role="doctor", device="clinic", language="en")
    scene.doctor = Doctor(scene.rest, lim)
    await asyncio.gather(scene.server.command("admin", "verify-doctor", lim.login), _devices_are_set_up(scene))
    say("Sokha", f"{scene.sokha.both_names} registers as a patient, logs in on two phones")
    say("Dara", f"{scene.dara.both_names}, her brother, registers; he has a phone, and a browser at work")
    say("Dr Lim", f"{lim.both_names} registers; the operator verifies the licence with `dastern admin verify-doctor`")


async def _devices_are_set_up(scene: Scene) -> None:
    scene.phone = scene.new_phone("Sokha's phone", scene.sokha)
    tablet = await scene.rest.login(scene.sokha, "second phone", "android")
    scene.second = scene.new_phone("second phone", tablet)
    scene.daras = scene.new_phone("Dara's phone", scene.dara)
    scene.browser = await scene.new_socket("Dara's browser", await scene.rest.login(scene.dara, "browser", "web"))


async def they_connect(scene: Scene) -> None:
    sokha, dara, lim = scene.sokha, scene.dara, scene.doctor.who
    await scene.phone.sync()
    slots = {name: f"{now() + timedelta(minutes=FIRST_SLOT_MIN + BETWEEN_SLOTS_MIN * i):%H:%M}"
             for i, name in enumerate(SLOT_TIMES)}
    record = scene.phone.replica.record
    record("patient", [sokha.patient_scope], sokha.user, {"name_km": sokha.name_km, "slot_times": slots}, op=Op.PATCH)
    for other, level in ((dara, "view+manage"), (lim, "allowed")):
        record("connection", [sokha.patient_scope, other.own_scope], connection_id(sokha.user, other.user),
               {"patient_id": sokha.user, "other_id": other.user, "status": "pending", "level": level})
    await scene.phone.sync()
    scene.chronicle.say("Sokha's phone", f"sets her slots around now ({', '.join(slots.values())}), so that doses "
                        "are due whatever the hour is")
    await scene.rest.ask("PUT", f"/connections/{connection_id(sokha.user, dara.user)}/accept", dara)
    await scene.doctor.accept(connection_id(sokha.user, lim.user))
    scene.chronicle.say("Sokha's phone", "asks Dara (view+manage) and Dr Lim (allowed) to connect; both accept")


async def the_doctor_prescribes(scene: Scene) -> None:
    today, prescribe = now().date(), scene.doctor.prescribe
    scene.metformin = await prescribe(scene.sokha, METFORMIN, today)
    scene.paracetamol = await prescribe(scene.sokha, PARACETAMOL, today)
    scene.amoxicillin = await prescribe(scene.sokha, AMOXICILLIN, today)
    await scene.phone.sync()
    for one in (scene.metformin, scene.paracetamol, scene.amoxicillin):
        medicine = one.medicine
        scene.chronicle.say("Dr Lim", f"prescribes {medicine.name} ({medicine.name_km}) {medicine.grid}: "
                            f"FHIR sample {medicine.dosage}")
        form = scene.phone.row("prescription", scene.sokha.patient_scope, one.id)
        scene.phone.replica.record(
            "prescription_response", [scene.sokha.patient_scope], scene.phone.replica.new_id(),
            {"patient_id": scene.sokha.user, "prescription_id": one.id, "answer": "confirm",
             "version_id": form["proposed_version_id"]})
    await scene.phone.sync()
    for phone in (scene.phone, scene.second, scene.daras):
        await phone.sync()
    scene.before = scene.holdings()
    doses = scene.before[scene.phone.title]["dose_event"]
    scene.chronicle.say("Sokha's phone", f"confirms all three: {doses} doses for the next 30 days, on all phones alike")
    await scene.doctor.hears("prescription_confirmed", len(FORMS))
    scene.chronicle.say("Dr Lim", "is told of each confirmation")
    scene.doses = _chosen(scene)


def _chosen(scene: Scene) -> Doses:
    phone, sokha = scene.phone, scene.sokha
    fever, throat = scene.paracetamol.line_id, scene.amoxicillin.line_id
    capsule = phone.dose(sokha, throat, "EVE")
    yesterday = (now().date() - timedelta(days=1)).isoformat()
    return Doses(
        evening=phone.dose(sokha, fever, "EVE"), mistaken=phone.dose(sokha, throat, "MORN"),
        twice=phone.dose(sokha, fever, "MORN"), disputed=phone.dose(sokha, fever, "NOON"),
        replaced=phone.dose(sokha, scene.metformin.line_id, "EVE"), night=phone.dose(sokha, fever, "NIGHT"),
        before=Dose(sokha.user, throat, yesterday, capsule.slot_key))
