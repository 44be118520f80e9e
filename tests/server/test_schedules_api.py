"""POST /api/schedules/preview over HTTP: the worked cases of the plan format, every fault by name, both languages."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from server.api.schedules import MAX_DOSES_SHOWN
from tests.server.house import House, Person, opened

FILE = json.loads((Path(__file__).parents[1] / "data" / "schedule_cases.json").read_text(encoding="utf-8"))
DAILY = {"start": "2026-11-20", "day_rule": {"type": "daily"}, "time_rule": {"type": "times", "times": ["08:00"]},
         "dose": 1}
WINDOW = {"from": "2026-11-20T00:00+07:00", "to": "2026-11-23T00:00+07:00"}


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with opened(database_url) as made:
        yield made


@pytest.fixture
async def lim(house: House) -> Person:
    return await house.enters("lim")


def plan(**segment: Any) -> dict[str, Any]:
    return {"segments": [{**DAILY, **segment}]}


async def test_every_case_of_the_file_is_answered_in_its_own_spelling(lim: Person) -> None:
    """The plan exactly as the file has it; instants, dates and amounts exactly as it expects them."""
    for case in FILE["cases"]:
        reply = await lim.ask("POST", "/schedules/preview", {"plan": case["plan"], **case["window"]})
        assert reply.status == 200, (case["id"], reply.body)
        told = [{name: dose[name] for name in expected} for dose, expected in
                zip(reply.body["doses"], case["expect"], strict=True)]
        assert told == case["expect"], case["id"]
        assert [dose["adjusted"] for dose in reply.body["doses"]] == [e.get("adjusted") for e in case["expect"]]


@pytest.mark.parametrize("case", [c for c in FILE["invalid_cases"] if "fhir" not in c["input"]],
                         ids=lambda case: str(case["id"]))
async def test_every_bad_plan_is_refused_with_its_code_and_the_name_of_the_field(lim: Person, case: Any) -> None:
    """R-120; V18: five million doses are refused, not made."""
    given = dict(case["input"])
    window = given.pop("window", WINDOW)
    segment = {**DAILY, **({"time_rule": None} if "interval" in given else {}), **given}
    sent = given if "segments" in given else {"zone": given["zone"], "segments": [DAILY]} if "zone" in given else {
        "segments": [segment]}
    reply = await lim.ask("POST", "/schedules/preview", {"plan": sent, **window})
    assert (reply.status, reply.code) == (400, "invalid")
    assert case["expect_error"] in reply.fields.values()
    assert all(field.startswith("plan") for field in reply.fields)


async def test_a_fault_is_told_in_khmer_and_in_english(house: House, lim: Person) -> None:
    body = {"plan": plan(time_rule={"type": "times", "times": ["24:00"]}), **WINDOW}
    khmer = await lim.ask("POST", "/schedules/preview", body, headers={"Accept-Language": "km"})
    english = await lim.ask("POST", "/schedules/preview", body, headers={"Accept-Language": "en"})
    (said,), (told,) = khmer.body["error"]["details"], english.body["error"]["details"]
    assert said["field"] == told["field"] == "plan.segments.0.time_rule.times.0"
    assert any("\u1780" <= letter <= "\u17ff" for letter in said["message"])
    assert told["message"].isascii()


async def test_five_thousand_doses_are_shown_and_one_more_is_refused(lim: Person) -> None:
    """S-60: the limit has a name and the answer names the limit."""
    every_hour = plan(time_rule=None, day_rule=None, interval={"every_minutes": 60, "anchor": "2026-01-01T00:00"},
                      start="2026-01-01")
    del every_hour["segments"][0]["day_rule"]
    fits = {"from": "2026-01-01T00:00Z", "to": "2026-07-28T08:00Z"}
    reply = await lim.ask("POST", "/schedules/preview", {"plan": every_hour, **fits})
    assert reply.status == 200
    assert len(reply.body["doses"]) == MAX_DOSES_SHOWN
    reply = await lim.ask("POST", "/schedules/preview", {"plan": every_hour, **fits, "to": "2026-07-28T08:01Z"})
    assert (reply.status, reply.fields) == (400, {"plan": "horizon.too_large"})


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"plan": None}, {"plan": "required"}),
        ({"plan": "daily"}, {"plan": "wrong_type"}),
        ({"from": None, "to": None}, {"from": "required", "to": "required"}),
        ({"from": "2026-11-20T00:00"}, {"from": "time.offset_required"}),
        ({"to": "2026-11-20T00:00+07:00"}, {"to": "date.range"}),
        ({"patient": "x"}, {"patient": "unknown"}),
        ({"form": "oral", "unit": "spoon"}, {"unit": "not_allowed"}),
        ({"form": ["oral"], "unit": "ml"}, {"form": "not_allowed"}),
    ],
)
async def test_a_bad_request_names_its_field(lim: Person, change: dict[str, Any], fields: dict[str, str]) -> None:
    reply = await lim.ask("POST", "/schedules/preview", {"plan": plan(), **WINDOW, **change})
    assert (reply.status, reply.fields) == (400, fields)


async def test_a_body_that_is_no_object_is_refused(lim: Person) -> None:
    reply = await lim.ask("POST", "/schedules/preview", [1])
    assert reply.status == 400


async def test_the_plan_is_said_in_both_languages_when_the_unit_is_known(lim: Person) -> None:
    """R-119: the doctor sees the sentence that the patient will read, and the row of the paper form."""
    grid = plan(time_rule={"type": "slots", "doses": {"MORN": 2, "NOON": None, "EVE": 1, "NIGHT": None}}, days=7)
    reply = await lim.ask("POST", "/schedules/preview", {"plan": grid, **WINDOW, "form": "oral", "unit": "tablet"})
    assert reply.body["text"]["en"] == "Take 2 tablets in the morning and 1 tablet in the evening, for 7 days."
    assert reply.body["text"]["km"].startswith("លេប 2 គ្រាប់")
    assert reply.body["four_slots"]["en"]["amounts"] == ["2", "-", "1", "-"]
    silent = await lim.ask("POST", "/schedules/preview", {"plan": grid, **WINDOW})
    assert "text" not in silent.body


async def test_what_a_course_leaves_and_when_it_ends_is_told(lim: Person) -> None:
    """R-117: 10 tablets, 2-0-1-0: one is left over; windows follow from eleven hours (rules.md section 6)."""
    grid = plan(time_rule={"type": "slots", "doses": {"MORN": 2, "EVE": 1}}, quantity=10)
    body = (await lim.ask("POST", "/schedules/preview", {"plan": grid, **WINDOW})).body
    assert body["left_over"] == ["1"]
    assert body["ends_at"] == "2026-11-22T11:01:00+00:00"
    assert (body["spacing_min"], body["on_time_min"], body["missed_after_min"]) == (660, 60, 330)


async def test_a_login_is_needed_and_a_patient_is_not(house: House) -> None:
    assert (await house.ask("POST", "/schedules/preview", {"plan": plan(), **WINDOW})).status == 401
    vuthy = await house.enters("vuthy")
    assert (await vuthy.ask("POST", "/schedules/preview", {"plan": plan(), **WINDOW})).status == 200
