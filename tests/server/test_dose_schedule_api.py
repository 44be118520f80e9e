"""The day's schedule at its endpoint: amounts, windows, groups, progress, and who sees what of it; both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest

from server.api.dose_answers import DAY
from tests.cast import Person
from tests.server.endpoint_stage import Town, opened_town

TODAY = "2026-11-21"


@pytest.fixture
async def town(database_url: str) -> AsyncIterator[Town]:
    async with opened_town(database_url) as town:
        yield town


async def test_F20_R159_the_schedule_tells_each_slot_with_its_own_amount_windows_and_full_instants(town: Town) -> None:
    made = await town.cast.prescribed(town.sokha.phone, MORN=1, NOON=2, EVE=3, NIGHT="0.5")
    day = (await town.get(town.sokha, "/doses/schedule?date=2026-11-22")).body
    assert [(dose["slot"], dose["amount_due"], dose["due_at"]) for dose in day["doses"]] == [
        ("MORN", "1", "2026-11-22T07:00:00+07:00"), ("NOON", "2", "2026-11-22T12:00:00+07:00"),
        ("EVE", "3", "2026-11-22T18:00:00+07:00"), ("NIGHT", "0.5", "2026-11-22T21:00:00+07:00")]
    jsonschema.validate(day, DAY)
    noon = day["doses"][1]
    # the shortest spacing is 3 h, from evening to night: on time ± 45 minutes, missed after 90
    assert (noon["windows"]["on_time_from"], noon["windows"]["missed_after"]) == (
        "2026-11-22T11:15:00+07:00", "2026-11-22T13:30:00+07:00")
    assert (noon["prescription_id"], noon["line"]["name"], noon["line"]["unit"]) == (made.id, "Amlodipine", "tablet")
    assert [(group["group"], len(group["dose_ids"])) for group in day["groups"]] == [
        ("morning", 1), ("noon", 1), ("evening", 1), ("night", 1)]
    assert day["progress"] == {"taken": 0, "planned": 4}
    await town.post(town.sokha, "/doses/taken", {"dose_id": noon["id"]})
    after = (await town.get(town.sokha, "/doses/schedule?date=2026-11-22")).body
    assert after["progress"] == {"taken": 1, "planned": 4} and after["groups"][1]["progress"]["taken"] == 1


@pytest.mark.parametrize("grouped", [True, False])
async def test_F21_the_schedule_works_with_0_1_and_50_doses(town: Town, grouped: bool) -> None:
    async def day() -> dict[str, Any]:
        said = await town.get(town.sokha, f"/doses/schedule?date=2026-11-22&grouped={str(grouped).lower()}")
        assert said.status == 200, said.body
        assert ("groups" in said.body) is grouped
        return dict(said.body)

    assert (await day())["doses"] == [] and (await day())["progress"] == {"taken": 0, "planned": 0}
    await town.cast.prescribed(town.sokha.phone, MORN=1)
    assert len((await day())["doses"]) == 1
    for _ in range(12):
        await town.cast.prescribed(town.sokha.phone, MORN=1, NOON=1, EVE=1, NIGHT=1)
    await town.cast.prescribed(town.sokha.phone, EVE=1)
    told = await day()
    assert len(told["doses"]) == 50 and told["progress"]["planned"] == 50
    assert all(datetime.fromisoformat(dose["due_at"]).utcoffset() is not None for dose in told["doses"])
    if grouped:
        assert sum(len(group["dose_ids"]) for group in told["groups"]) == 50


async def test_F12_at_23_30_on_a_utc_host_today_is_phnom_penhs_next_day(town: Town) -> None:
    await town.cast.treated()
    town.stage.at("2026-11-21T23:30:00Z")
    assert datetime.fromtimestamp(town.stage.now_ms / 1000, UTC).date().isoformat() == "2026-11-21"
    day = (await town.get(town.sokha, "/doses/schedule")).body
    assert (day["date"], {dose["nominal_date"] for dose in day["doses"]}) == ("2026-11-22", {"2026-11-22"})


async def test_F13_a_paused_prescription_has_no_doses_and_none_is_missed(town: Town) -> None:
    made = await town.cast.treated()
    paused = await town.put(town.sokha, f"/prescriptions/{made.id}/status", {"action": "pause"})
    assert paused.body["status"] == "paused"
    town.stage.at("2026-11-23T23:00:00+07:00")
    for day in ("2026-11-22", "2026-11-23"):
        told = (await town.get(town.sokha, f"/doses/schedule?date={day}")).body
        assert told["doses"] == [] and told["progress"]["planned"] == 0


async def test_S34_private_lines_lose_their_name_for_relatives_and_only_for_them(town: Town) -> None:
    made = await town.cast.treated()
    await town.cast.connect(town.dara, "view")
    hidden = {"patient_id": town.sokha.id, "prescription_id": made.id, "private": True}
    phone = town.sokha.phone
    await phone.does(phone.change("line_setting", made.line_id, (town.sokha.patient_scope,), hidden))
    path = f"/doses/schedule?date=2026-11-22&patient_id={town.sokha.id}"
    seen = {name: (await town.get(getattr(town, name), path)).body["doses"] for name in ("sokha", "dara", "lim")}
    assert {name: doses[0]["line"]["name"] for name, doses in seen.items()} == {
        "sokha": "Amlodipine", "dara": None, "lim": "Amlodipine"}
    assert len(seen["dara"]) == len(seen["sokha"])


async def test_F26_at_level_selected_the_schedule_shows_the_chosen_prescriptions_and_days_only(town: Town) -> None:
    shown = await town.cast.prescribed(town.sokha.phone, MORN=1)
    await town.cast.prescribed(town.sokha.phone, NOON=1)
    await town.cast.connect(town.lim, "selected", parts=[shown.id], days=[["2026-11-21", "2026-11-22"]])
    path = f"/doses/schedule?patient_id={town.sokha.id}&date="
    doses = (await town.get(town.lim, path + "2026-11-22")).body["doses"]
    assert [(dose["prescription_id"], dose["due_at"]) for dose in doses] == [(shown.id, "2026-11-22T07:00:00+07:00")]
    assert (await town.get(town.lim, path + "2026-11-23")).body["doses"] == []


async def test_R384_who_is_connected_without_a_level_is_told_the_level_and_strangers_nothing(town: Town) -> None:
    await town.cast.treated()
    await town.cast.connect(town.maly, "alerts_only")
    await town.cast.connect(town.chan, "not_allowed")
    path = f"/doses/schedule?patient_id={town.sokha.id}"
    for person, level in ((town.maly, "view"), (town.chan, "selected")):
        said = await town.get(person, path)
        assert (said.status, said.code, said.body["error"]["level"]) == (403, "level_required", level)
    said = await town.get(town.vuthy, path)
    unknown = await town.get(town.vuthy, f"/doses/schedule?patient_id={town.stage.fresh('nobody')}")
    assert (said.status, said.code) == (unknown.status, unknown.code) == (404, "not_found")
    assert (await town.get(town.lim, "/doses/schedule")).fields == {"patient_id": "required"}
    for query, field in (("date=21.11.2026", "date"), ("date=2026-02-30", "date"), ("patient_id=7", "patient_id")):
        said = await town.get(town.sokha, f"/doses/schedule?{query}")
        assert said.status == 400 and field in said.fields


async def test_N01_others_read_unreported_not_missed_until_her_phone_has_spoken(town: Town) -> None:
    await town.cast.treated()
    await town.cast.connect(town.dara, "view")
    town.stage.at("2026-11-22T12:00:00+07:00")  # her evening dose of yesterday is long past its window
    path = f"/doses/schedule?date={TODAY}&patient_id={town.sokha.id}"

    async def evening(person: Person) -> str:
        doses = (await town.get(person, path)).body["doses"]
        return str(next(dose["status"] for dose in doses if dose["slot"] == "EVE"))

    assert (await evening(town.sokha), await evening(town.dara)) == ("missed", "unreported")
    await town.sokha.phone.push()  # an empty queue is a word too
    assert (await evening(town.sokha), await evening(town.dara)) == ("missed", "missed")


async def test_N01_a_phone_that_has_been_silent_for_ten_days_still_makes_no_dose_missed(town: Town) -> None:
    await town.cast.treated()
    await town.cast.connect(town.dara, "view")
    town.stage.at("2026-12-01T12:00:00+07:00")
    path = f"/doses/schedule?date=2026-11-30&patient_id={town.sokha.id}"
    hers, his = [(await town.get(person, path)).body["doses"][0]["status"] for person in (town.sokha, town.dara)]
    assert (hers, his) == ("missed", "unreported")
