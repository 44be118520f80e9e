"""FHIR requests over HTTP: previewed, imported as a draft, refused by constraint; what needs a person is never a line.

POST /prescriptions/import (R-580, R-581), on both databases.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from tests.server.endpoint_stage import Town, opened_town, say

IMPORT = "/prescriptions/import"
DRY = f"{IMPORT}?dry_run=1"
GUIDE = json.loads((Path(__file__).parents[1] / "data" / "fhir_dosages.json").read_text(encoding="utf-8"))["dosages"]
TABLET = [{"doseQuantity": {"value": 1, "unit": "tablet"}}]
ATC = "http://www.whocc.no/atc"


@pytest.fixture
async def town(database_url: str) -> AsyncIterator[Town]:
    async with opened_town(database_url) as town:
        yield town


def dosage(*when: str, **more: Any) -> dict[str, Any]:
    return {"timing": {"repeat": {"when": list(when)}}, "doseAndRate": TABLET, **more}


def request(*dosages: Any, name: str = "Metformin 500 mg", **more: Any) -> dict[str, Any]:
    return {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": {"display": "Sokha"},
            "medicationCodeableConcept": {"text": name, "coding": [{"system": ATC, "code": "A10BA02"}]},
            "dosageInstruction": list(dosages), **more}


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}


async def due(town: Town, day: str) -> list[str]:
    doses = (await town.get(town.sokha, f"/doses/schedule?date={day}")).body["doses"]
    return [dose["due_at"][11:16] for dose in doses]


async def preview(town: Town, body: Any, query: str = "") -> Any:
    """The one line of a dry run."""
    said = await town.post(town.lim, DRY + query, body)
    assert said.status == 200, said.body
    assert said.body["prescription"] is None
    (line,) = said.body["lines"]
    return line


async def test_a_request_becomes_a_draft_that_the_patient_confirms(town: Town) -> None:
    await town.cast.connect(town.lim, "allowed")
    made = await town.post(town.lim, f"{IMPORT}?patient_id={town.sokha.id}", request(
        dosage("MORN", "EVE", patientInstruction="with water"), authoredOn="2026-11-20",
        dispenseRequest={"quantity": {"value": 30, "unit": "Tablette"}}, note=[{"text": "check the kidneys"}]))
    assert made.status == 201, made.body
    told = made.body["prescription"]
    assert (told["status"], told["author_name"], told["current"]) == ("draft", "Lim", None)
    assert made.headers["Location"] == f"/api/prescriptions/{told['id']}"
    (line,) = told["proposed"]["lines"]
    assert {name: line[name] for name in ("name", "atc", "form", "unit", "quantity", "note")} == {
        "name": "Metformin 500 mg", "atc": "A10BA02", "form": "oral", "unit": "tablet", "quantity": "30",
        "note": "with water\ncheck the kidneys"}
    assert line["plan"]["segments"][0]["time_rule"]["doses"] == {"MORN": "1", "EVE": "1"}
    assert [one["status"] for one in made.body["lines"]] == ["mapped"]
    assert await due(town, "2026-11-22") == []
    assert (await say(town, town.sokha, told["id"], "confirm")).body["status"] == "active"
    assert await due(town, "2026-11-22") == ["07:00", "18:00"]


async def test_a_dry_run_writes_nothing_and_its_line_can_be_prescribed_as_it_is(town: Town) -> None:
    before = await town.traces()
    line = await preview(town, request(dosage("NOON"), authoredOn="2026-11-20"))
    assert await town.traces() == before
    assert (line["status"], line["reason"], line["sentence"]) == ("mapped", None, None)
    assert line["plan"] == line["line"]["plan"]
    made = await town.post(town.sokha, "/prescriptions", {"lines": [line["line"]]})
    assert made.status == 201, made.body
    assert await due(town, "2026-11-22") == ["12:00"]


async def test_what_needs_a_person_is_no_line_but_stands_in_the_note_and_in_the_answer(town: Town) -> None:
    """A line without a plan would be "as needed" without limits: methotrexate once a week must never become that."""
    await town.cast.connect(town.lim, "allowed")
    made = await town.post(town.lim, f"{IMPORT}?patient_id={town.sokha.id}", bundle(
        request(dosage("MORN"), name="Folic acid 5 mg"),
        request({"text": "einmal pro Woche 15 mg"}, name="Methotrexate 15 mg")))
    assert made.status == 201, made.body
    told = made.body["prescription"]
    assert [line["name"] for line in told["proposed"]["lines"]] == ["Folic acid 5 mg"]
    assert told["note"] == ("Methotrexate 15 mg: The instruction is only text. Please read it and enter the plan "
                            "yourself.\neinmal pro Woche 15 mg")
    kept = made.body["lines"][1]
    assert (kept["status"], kept["reason"], kept["line"], kept["plan"]) == ("needs_review", "text_only", None, None)
    assert kept["text"] == "einmal pro Woche 15 mg" and kept["sentence"].startswith("The instruction is only text.")


async def test_where_nothing_is_mapped_nothing_is_written(town: Town) -> None:
    before = await town.traces()
    said = await town.post(town.sokha, IMPORT, request({"text": "as discussed"}))
    assert (said.status, said.body["prescription"]) == (200, None)
    assert said.body["lines"][0]["reason"] == "text_only"
    assert await town.traces() == before


async def test_V14_three_a_week_is_told_as_underspecified(town: Town) -> None:
    line = await preview(town, {"dosageInstruction": [
        {"timing": {"repeat": {"frequency": 3, "period": 1, "periodUnit": "wk"}}, "doseAndRate": TABLET}]})
    assert (line["status"], line["reason"]) == ("needs_review", "timing.underspecified")


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"status": "stopped"}, "not_in_force"), ({"status": "entered-in-error"}, "not_in_force"),
        ({"status": "on-hold"}, "not_in_force"), ({"intent": "option"}, "not_in_force"),
        ({"doNotPerform": True}, "do_not_perform"),
        ({"modifierExtension": [{"url": "urn:x", "valueBoolean": True}]}, "modifier_extension"),
    ],
)
async def test_a_request_that_is_not_meant_to_be_taken_is_never_a_line(
    town: Town, more: dict[str, Any], reason: str
) -> None:
    line = await preview(town, request(dosage("MORN"), **more))
    assert (line["status"], line["reason"], line["line"]) == ("needs_review", reason, None)


async def test_what_FHIR_forbids_is_refused_with_its_path_and_constraint_and_nothing_is_written(town: Town) -> None:
    before = await town.traces()
    wrong = request(dosage("MORN"), {"timing": {"repeat": {"timeOfDay": ["08:00:00"], "when": ["MORN"], "period": 1}}})
    said = await town.post(town.sokha, IMPORT, bundle(request(dosage("MORN")), wrong))
    assert (said.status, said.code) == (400, "invalid")
    at = "entry.1.resource.dosageInstruction.1.timing.repeat"
    assert said.fields == {f"{at}.periodUnit": "fhir.tim-2", f"{at}.timeOfDay": "fhir.tim-10"}
    assert any(detail["message"].startswith("FHIR tim-10: ") for detail in said.body["error"]["details"])
    assert await town.traces() == before


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ([], "", "required"), ({}, "resourceType", "not_allowed"), ("text", "", "wrong_type"),
        ({"resourceType": "Patient"}, "resourceType", "not_allowed"),
        ({"dosageInstruction": 7}, "dosageInstruction", "wrong_type"),
        ([dosage("MORN", colour="red")], "0.colour", "unknown"),
        ({"dosageInstruction": [{"timing": {"repeat": {"when": ["XX"]}}}]}, "dosageInstruction.0.timing.repeat.when.0",
         "not_allowed"),
        ({"resourceType": "MedicationRequest", "dosageInstruction": []}, "subject", "required"),
        (request(dosage("MORN"), authoredOn="yesterday"), "authoredOn", "wrong_type"),
        (bundle(), "entry", "required"), (bundle({"resourceType": "Patient"}), "entry", "required"),
        (bundle(*[request({"text": "x"})] * 51), "entry", "too_many"),
        (bundle(*[{"resourceType": "Patient"}] * 201), "entry", "too_many"),
        (bundle(*[request(*[{"text": "x"}] * 20)] * 11), "entry", "too_many"),
        ([{"text": "x"}] * 21, "", "too_many"),
    ],
)
async def test_what_is_no_R4_request_is_refused_where_it_is_wrong(
    town: Town, body: Any, field: str, code: str
) -> None:
    said = await town.post(town.lim, DRY, body)
    assert (said.status, said.code) == (400, "invalid"), said.body
    assert said.fields.get(field) == code, said.fields


@pytest.mark.parametrize(("query", "field", "code"), [
    ("?dry_run=maybe", "dry_run", "not_allowed"), ("?dry_run=1&start=tomorrow", "start", "date.invalid"),
    ("?dry_run=1&start=1999-12-31", "start", "date.range"), ("?dry_run=1&name=" + "x" * 201, "name", "too_long"),
    ("?dry_run=1&patient_id=x", "patient_id", "uuid.invalid"), ("", "patient_id", "required"),
])
async def test_a_query_that_cannot_be_read_is_refused(town: Town, query: str, field: str, code: str) -> None:
    said = await town.post(town.lim, IMPORT + query, [dosage("MORN")])
    assert (said.status, said.fields) == (400, {field: code})


async def test_only_who_may_prescribe_may_import_and_a_stranger_learns_nothing(town: Town) -> None:
    before = await town.traces()
    path = f"{IMPORT}?patient_id={town.sokha.id}"
    for stranger in (town.vuthy, town.chan):
        assert (await town.post(stranger, path, request(dosage("MORN")))).code == "not_found"
        assert (await town.post(stranger, f"{path}&dry_run=1", request(dosage("MORN")))).code == "not_found"
        assert (await town.post(stranger, DRY, request(dosage("MORN")))).status == 200  # of nobody
    await town.cast.connect(town.dara, "view")
    connected = await town.traces()
    said = await town.post(town.dara, path, request(dosage("MORN")))
    assert (said.status, said.body["error"]["level"]) == (403, "view+manage")
    assert await town.traces() == connected != before
    async with town.client.post(f"http://127.0.0.1:{town.server.port}/api{DRY}", json=[]) as nobody:
        assert nobody.status == 401


async def test_a_course_begins_as_it_is_written_or_asked(town: Town) -> None:
    def start(line: Any) -> str:
        return str(line["plan"]["segments"][0]["start"])

    bounded = dosage("MORN")
    bounded["timing"]["repeat"]["boundsPeriod"] = {"start": "2026-12-05"}
    assert start(await preview(town, [dosage("MORN")])) == "2026-11-21"  # the stage's today
    assert start(await preview(town, request(dosage("MORN"), authoredOn="2026-11-18"))) == "2026-11-18"
    # 20:30 UTC on the 17th is the 18th in Phnom Penh
    assert start(await preview(town, request(dosage("MORN"), authoredOn="2026-11-17T20:30:00Z"))) == "2026-11-18"
    assert start(await preview(town, request(bounded, authoredOn="2026-11-18"))) == "2026-12-05"
    assert start(await preview(town, request(dosage("MORN"), authoredOn="2026-11-18"), "&start=2026-11-25")) == (
        "2026-11-25")
    assert start(await preview(town, [bounded], "&start=2026-11-25")) == "2026-12-05"


async def test_a_bare_list_needs_a_name_to_be_prescribed(town: Town) -> None:
    said = await town.post(town.sokha, IMPORT, [dosage("MORN")])
    assert (said.status, said.fields) == (400, {"name": "required"})
    made = await town.post(town.sokha, f"{IMPORT}?name=Honey", [dosage("NIGHT")])
    assert made.status == 201, made.body
    assert made.body["prescription"]["latest"]["lines"][0]["name"] == "Honey"


@pytest.mark.parametrize(
    ("medicine", "name"),
    [
        ({"medicationReference": {"reference": "#m"}, "contained": [
            {"resourceType": "Medication", "id": "m", "code": {"text": "Amoxicillin"}}]}, "Amoxicillin"),
        ({"medicationReference": {"reference": "Medication/7"}}, "Ibuprofen"),
        ({"medicationReference": {"reference": "urn:uuid:7"}}, "Ibuprofen"),
        ({"medicationReference": {"reference": "Medication/8", "display": "Aspirin"}}, "Aspirin"),
        ({"medicationCodeableConcept": {"coding": [{"code": "N02BE01", "system": ATC}]}}, "N02BE01"),
        ({"medicationReference": {"reference": "Medication/8"}}, None),
    ],
)
async def test_a_medicine_is_found_where_the_request_points(town: Town, medicine: Any, name: str | None) -> None:
    one = {key: value for key, value in request(dosage("MORN")).items() if key != "medicationCodeableConcept"}
    sent = bundle({**one, **medicine})
    sent["entry"].append({"fullUrl": "urn:uuid:7", "resource": {
        "resourceType": "Medication", "id": "7", "code": {"text": "Ibuprofen"}}})
    assert (await preview(town, sent))["name"] == name


async def test_medicines_taken_when_needed_carry_their_limits_in_the_plan(town: Town) -> None:
    line = await preview(town, request({
        "asNeededCodeableConcept": {"text": "pain"}, "doseAndRate": TABLET,
        "timing": {"repeat": {"frequency": 1, "period": 6, "periodUnit": "h"}}}, authoredOn="2026-11-20"))
    assert line["line"]["plan"]["segments"][0]["as_needed"] == {"min_interval_min": 360}
    assert line["line"]["note"] == "pain"
    made = await town.post(town.sokha, "/prescriptions", {"lines": [line["line"]]})
    assert made.status == 201, made.body
    assert await due(town, "2026-11-22") == []


async def test_words_longer_than_a_note_are_not_cut_but_left_to_a_person(town: Town) -> None:
    line = await preview(town, request(dosage("MORN", text="take care " * 250)))
    assert (line["status"], line["reason"]) == ("needs_review", "beyond_plan")
    assert line["text"].count("take care") == 250


async def test_a_repeated_import_is_the_same_prescription(town: Town) -> None:
    key = "0190a0a0-0000-7000-8000-00000000abcd"
    made = [await town.post(town.sokha, IMPORT, request(dosage("MORN")), Idempotency_Key=key) for _ in range(2)]
    assert [one.status for one in made] == [201, 201]
    assert made[0].body["prescription"]["id"] == made[1].body["prescription"]["id"]


async def test_all_219_dosages_of_the_guide_are_answered(town: Town) -> None:
    """R-581. As they were collected, with extensions that have lost their address: mapped, kept or refused by name."""
    counts: Counter[str] = Counter()
    everybody = cycle((town.sokha, town.dara, town.maly, town.lim, town.chan, town.vuthy))  # each has a rate
    for asker, one in zip(everybody, GUIDE, strict=False):
        said = await town.post(asker, f"{DRY}&start=2026-06-24", {"dosageInstruction": one["dosageInstruction"]})
        if said.status == 200:
            (line,) = said.body["lines"]
            assert line["plan"] if line["status"] == "mapped" else line["reason"] and line["sentence"] and line["text"]
            counts[line["status"]] += 1
        else:
            assert (said.status, said.code) == (400, "invalid"), said.body
            assert all(code.startswith("fhir.") for code in said.fields.values()), said.fields
            counts["refused"] += 1
    assert counts == {"mapped": 83, "needs_review": 135, "refused": 1}
