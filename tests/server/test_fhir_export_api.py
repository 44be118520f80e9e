"""A patient's record as a FHIR R4 Bundle: valid, whole, and no more than its reader may see; on both databases."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from fhir.resources.R4B.bundle import Bundle
from sqlalchemy import select

from server.api import fhir
from storage.accounts.tables import audit
from sync.record import Change, Op, Outcome
from tests.cast import Person, Treatment
from tests.server.endpoint_stage import Reply, Town, line, opened_town, say

TODAY = "2026-11-21"
SECRET, SECRET_KM = "Truvada", "ទ្រូវ៉ាដា"


@pytest.fixture
async def town(database_url: str) -> AsyncIterator[Town]:
    async with opened_town(database_url) as town:
        yield town


@dataclass(frozen=True)
class Export:
    status: int
    raw: bytes
    media_type: str

    @property
    def bundle(self) -> dict[str, Any]:
        """Valid FHIR R4, every resource by its own model."""
        assert (self.status, self.media_type) == (200, "application/fhir+json"), self.raw
        body: dict[str, Any] = json.loads(self.raw, parse_float=Decimal)
        Bundle.model_validate(body)
        for entry in body["entry"]:
            get_fhir_model_class(entry["resource"]["resourceType"]).model_validate(entry["resource"])
            assert entry["fullUrl"] == f"urn:uuid:{entry['resource']['id']}"
        urls = [entry["fullUrl"] for entry in body["entry"]]
        assert len(set(urls)) == len(urls)  # bdl-7
        assert set(references(body)) <= set(urls)
        return body

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [one["resource"] for one in self.bundle["entry"] if one["resource"]["resourceType"] == kind]


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return own + [found for inner in value.values() for found in references(inner)]
    return [found for inner in value for found in references(inner)] if isinstance(value, list) else []


async def exported(town: Town, reader: Person, query: str = "", whose: Person | None = None) -> Export:
    town.stage.now_ms += 1
    url = f"http://127.0.0.1:{town.server.port}/api/patients/{(whose or town.sokha).id}/fhir{query}"
    headers = {"Authorization": f"Bearer {town.token(reader)}", "Accept-Language": "en"}
    async with town.client.get(url, headers=headers) as response:
        return Export(response.status, await response.read(), response.content_type)


async def refused(town: Town, reader: Person, query: str = "") -> Reply:
    return await town.get(reader, f"/patients/{town.sokha.id}/fhir{query}")


async def answered(town: Town, made: Treatment, action: str, slot: str = "EVE", **more: Any) -> None:
    """Of a dose of this day (the morning's was due before the prescription was in force)."""
    dose = next(dose for dose in await made.doses() if (dose["nominal_date"], dose["slot"]) == (TODAY, slot))
    said = await town.post(town.sokha, f"/doses/{action}", {"dose_id": dose["id"], **more})
    assert said.status == 200, said.body


async def with_a_private_line(town: Town) -> str:
    """Two lines, of which relatives may not see the second; the first one's note names it. Gives the second's id."""
    await town.cast.connect(town.lim, "allowed")
    await town.cast.connect(town.dara, "view")
    secret = {**line(town, SECRET, NIGHT=1), "private": True, "name_km": SECRET_KM, "written_name": SECRET,
              "atc": "J05AR03", "code": "KH-4711", "strength": "300 mg", "note": f"{SECRET} on an empty stomach"}
    open_ = {**line(town, "Amlodipine", EVE=1), "note": f"not together with {SECRET}", "atc": "C08CA01"}
    made = await town.post(town.lim, "/prescriptions", {
        "patient_id": town.sokha.id, "diagnosis": f"HIV, {SECRET}", "note": SECRET_KM, "lines": [open_, secret]})
    assert made.status == 201, made.body
    assert (await say(town, town.sokha, made.body["id"], "confirm",
                      version_id=made.body["latest"]["id"])).status == 200
    line_id: str = made.body["latest"]["lines"][1]["line_id"]
    return line_id


async def test_R580_the_patient_takes_her_whole_record_along(town: Town) -> None:
    made = await town.cast.treated()
    phone = town.sokha.phone
    named = {"last_name": "Chea", "name_km": "ជា សុខា", "gender": "female", "birth_date": "1980-04-14"}
    assert (await phone.does(phone.change("patient", town.sokha.id, (town.sokha.patient_scope,), named,
                                          base=1))).outcome is Outcome.APPLIED
    await answered(town, made, "taken", amount="0.5", note="with rice")
    found = await exported(town, town.sokha)
    (patient,) = found.of("Patient")
    assert [name["text"] for name in patient["name"]] == ["Sokha Chea", "ជា សុខា"]
    assert (patient["gender"], patient["birthDate"]) == ("female", "1980-04-14")
    (request,) = found.of("MedicationRequest")
    assert (request["status"], request["intent"]) == ("active", "order")
    assert request["medicationCodeableConcept"] == {"text": "Amlodipine"}
    assert [one["timing"]["repeat"]["when"] for one in request["dosageInstruction"]] == [["MORN"], ["EVE"]]
    assert [one["doseAndRate"][0]["doseQuantity"]["value"] for one in request["dosageInstruction"]] == [1, 2]
    (statement,) = found.of("MedicationStatement")
    assert (statement["id"], statement["status"]) == (made.line_id, "active")
    assert statement["basedOn"] == [{"reference": f"urn:uuid:{request['id']}"}]
    (given,) = found.of("MedicationAdministration")
    assert (given["status"], given["effectiveDateTime"][-6:]) == ("completed", "+07:00")
    assert given["dosage"]["dose"]["value"] == Decimal("0.5") and b'"value":0.5' in found.raw
    assert given["note"] == [{"text": "with rice"}]
    assert given["request"] == {"reference": f"urn:uuid:{request['id']}"}


async def test_R580_missed_is_not_told_as_a_fact_and_R153_skipped_carries_its_reason(town: Town) -> None:
    made = await town.cast.treated()
    await answered(town, made, "skip", reason="side_effects")
    town.stage.at("2026-11-25T12:00:00+07:00")
    day = await town.get(town.sokha, "/doses/schedule?date=2026-11-22")
    assert [dose["status"] for dose in day.body["doses"]] == ["missed", "missed"]
    found = await exported(town, town.sokha)
    (skipped,) = found.of("MedicationAdministration")
    assert skipped["status"] == "not-done" and "dosage" not in skipped
    assert skipped["statusReason"][0]["coding"][0]["code"] == "side_effects"
    assert skipped["effectiveDateTime"] == "2026-11-21T18:00:00+07:00"  # when it would have been due
    assert b"missed" not in found.raw


async def test_a_dose_that_was_taken_back_is_not_told(town: Town) -> None:
    made = await town.cast.treated()
    await answered(town, made, "taken")
    await answered(town, made, "undo")
    assert (await exported(town, town.sokha)).of("MedicationAdministration") == []


async def test_R083_the_version_in_force_is_told_and_names_the_one_before_it(town: Town) -> None:
    made = await town.cast.treated()
    await answered(town, made, "taken")
    (first,) = (await exported(town, town.sokha)).of("MedicationRequest")
    town.stage.at("2026-11-23T09:00:00+07:00")
    changed = await town.put(town.lim, f"/prescriptions/{made.id}", {
        "base_version": 1, "lines": [{**line(town, NOON=3), "line_id": made.line_id}]})
    assert changed.status == 200, changed.body
    assert (await exported(town, town.sokha)).of("MedicationRequest") == [first]  # proposed is not in force
    version = changed.body["latest"]["id"]
    assert (await say(town, town.sokha, made.id, "acknowledge", version_id=version)).status == 200
    found = await exported(town, town.sokha)
    (second,) = found.of("MedicationRequest")
    assert second["dosageInstruction"][0]["timing"]["repeat"]["when"] == ["NOON"]
    assert second["priorPrescription"]["identifier"] == first["identifier"][0]
    (given,) = found.of("MedicationAdministration")
    assert given["request"]["identifier"] == first["identifier"][0]


@pytest.mark.parametrize(("action", "status"), [("pause", "on-hold"), ("stop", "stopped")])
async def test_R080_the_prescriptions_status_is_the_requests_and_the_statements(
    town: Town, action: str, status: str
) -> None:
    made = await town.cast.treated()
    assert (await say(town, town.sokha, made.id, action)).status == 200
    found = await exported(town, town.sokha)
    assert [one["status"] for one in (*found.of("MedicationRequest"), *found.of("MedicationStatement"))] == [status] * 2


async def test_a_prescription_that_nobody_confirmed_is_nothing_the_patient_takes(town: Town) -> None:
    await town.cast.connect(town.lim, "allowed")
    await town.cast.prescribed(town.lim.phone)
    found = await exported(town, town.sokha)
    assert [one["resource"]["resourceType"] for one in found.bundle["entry"]] == ["Patient"]


async def test_R118_a_medicine_taken_as_needed_is_told_with_its_limits_and_intakes(town: Town) -> None:
    await town.cast.connect(town.lim, "allowed")
    needed = {**line(town, "Paracetamol"), "plan": {"segments": [{
        "start": "2026-11-20", "dose": 1, "as_needed": {"min_interval_min": 360, "max_count_24h": 4}}]}}
    made = await town.post(town.lim, "/prescriptions", {"patient_id": town.sokha.id, "diagnosis": "pain",
                                                         "lines": [needed]})
    assert made.status == 201, made.body
    assert (await say(town, town.sokha, made.body["id"], "confirm",
                      version_id=made.body["latest"]["id"])).status == 200
    taken = await town.post(town.sokha, "/doses/taken", {
        "line_id": made.body["latest"]["lines"][0]["line_id"], "nominal_date": TODAY, "slot_key": "prn:1"})
    assert taken.status == 200, taken.body
    found = await exported(town, town.sokha)
    (dosage,) = found.of("MedicationRequest")[0]["dosageInstruction"]
    assert dosage["asNeededBoolean"] is True
    assert dosage["maxDosePerPeriod"]["numerator"]["value"] == 4
    assert [one["status"] for one in found.of("MedicationAdministration")] == ["completed"]


async def test_S34_a_relative_finds_no_trace_of_a_private_lines_name_in_the_bytes(town: Town) -> None:
    hidden = await with_a_private_line(town)
    dose = next(row for row in (await town.sokha.phone.sees("dose_event")).values()
                if row["line_id"] == hidden and row["nominal_date"] == TODAY)
    said = await town.post(town.sokha, "/doses/taken", {"dose_id": dose["id"], "note": f"took {SECRET}"})
    assert said.status == 200, said.body
    for reader, sees in ((town.sokha, True), (town.lim, True), (town.dara, False)):
        found = await exported(town, reader)
        names = [one["medicationCodeableConcept"].get("text") for one in found.of("MedicationRequest")]
        assert names == ["Amlodipine", f"{SECRET} 300 mg" if sees else None], reader.name
        for trace in (SECRET, SECRET_KM, "J05AR03", "KH-4711", "300 mg"):
            assert (trace in found.raw.decode()) is sees, (reader.name, trace)
        assert len(found.of("MedicationAdministration")) == 1  # that it was taken is no secret
    masked = (await exported(town, town.dara)).of("MedicationAdministration")[0]["medicationCodeableConcept"]
    assert [code["code"] for code in masked["coding"]] == ["masked"]


async def test_codes_of_a_medicine_are_told_to_whoever_sees_its_name(town: Town) -> None:
    await with_a_private_line(town)
    concept = (await exported(town, town.sokha)).of("MedicationRequest")[1]["medicationCodeableConcept"]
    assert {code["system"]: code["code"] for code in concept["coding"]} == {
        "http://www.whocc.no/atc": "J05AR03", "tag:dastern,2026:national-medicine-code": "KH-4711"}


async def test_R053_strangers_find_nothing_and_lower_levels_are_told_the_level(town: Town) -> None:
    """Vuthy and Dr Chan learn not even that there is a patient; alerts are no reading."""
    await town.cast.treated()
    await town.cast.connect(town.maly, "alerts_only")
    for stranger in (town.vuthy, town.chan):
        said = await refused(town, stranger)
        assert (said.status, said.code) == (404, "not_found"), stranger.name
        assert b"Amlodipine" not in (await exported(town, stranger)).raw
    said = await refused(town, town.maly)
    assert (said.status, said.code, said.body["error"]["level"]) == (403, "level_required", "view")


@pytest.mark.parametrize("level", ["selected", "request", "not_allowed"])
async def test_F26_a_doctor_below_allowed_exports_nothing(town: Town, level: str) -> None:
    await town.cast.connect(town.lim, level)
    said = await refused(town, town.lim)
    assert (said.status, said.code) == (403, "level_required"), said.body


async def test_R053_whoever_was_revoked_exports_nothing_any_more(town: Town) -> None:
    await town.cast.treated()
    assert (await exported(town, town.lim)).of("MedicationRequest")
    said = await town.sokha.phone.does(town.cast.link(town.lim, town.sokha.phone, base=2, status="revoked"))
    assert said.outcome is Outcome.APPLIED, said
    assert (await refused(town, town.lim)).status == 404


async def test_the_days_of_administrations_are_bounded_and_the_wrong_one_is_named(town: Town) -> None:
    made = await town.cast.treated()
    await answered(town, made, "taken")
    for query, count in (("?from=2026-11-21&to=2026-11-21", 1), ("?to=2026-11-20", 0), ("?from=2026-11-22", 0)):
        if query == "?from=2026-11-22":
            town.stage.at("2026-11-22T09:00:00+07:00")
        found = await exported(town, town.sokha, query)
        assert len(found.of("MedicationAdministration")) == count, query
        assert len(found.of("MedicationRequest")) == 1  # what is in force knows no window
    for query, fields in (("?from=yesterday", {"from": "date.invalid"}), ("?to=2026-02-30", {"to": "date.invalid"}),
                          ("?from=2026-11-22&to=2026-11-21", {"to": "date.range"}),
                          ("?from=2025-11-20&to=2026-11-21", {"from": "date.range"})):
        said = await refused(town, town.sokha, query)
        assert (said.status, said.fields) == (400, fields), query


async def test_more_administrations_than_the_limit_are_refused_never_cut(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await town.cast.connect(town.lim, "allowed")
    made = await town.cast.prescribed(town.lim.phone, confirm=True, EVE=1, NIGHT=1)
    await answered(town, made, "taken", "EVE")
    await answered(town, made, "taken", "NIGHT")
    monkeypatch.setattr(fhir, "MOST", 1)  # pages of one row: both are read all the same
    assert len((await exported(town, town.sokha)).of("MedicationAdministration")) == 2
    monkeypatch.setattr(fhir, "MOST_ADMINISTRATIONS", 1)
    said = await refused(town, town.sokha)
    assert (said.status, said.fields) == (400, {"from": "too_many"})


async def test_telecom_is_the_patients_own_to_export(town: Town) -> None:
    await town.cast.treated()
    await town.cast.connect(town.dara, "view+manage")
    phone = Change(0, town.stage.fresh("change"), "profile", town.sokha.id, (town.sokha.scope,), Op.PATCH, 0,
                   {"phone": "+85512345678"}, digest="system")
    assert (await town.stage.system(phone)).results[0].outcome is Outcome.APPLIED
    for reader in (town.sokha, town.dara, town.lim):
        (patient,) = (await exported(town, reader)).of("Patient")
        assert ("telecom" in patient) is (reader is town.sokha), reader.name


async def test_R381_every_export_leaves_a_line_in_the_audit(town: Town) -> None:
    await town.cast.treated()
    await exported(town, town.lim, "?from=2026-11-01&to=2026-11-21")
    asked = select(audit.c.actor_id, audit.c.role, audit.c.patient_id, audit.c.details).where(
        audit.c.action == "fhir_exported")
    async with town.house.database.reading() as reading:
        lines = [tuple(row) for row in await reading.execute(asked)]
    assert lines == [(town.lim.id, "doctor", town.sokha.id, {"from": "2026-11-01", "to": "2026-11-21"})]
