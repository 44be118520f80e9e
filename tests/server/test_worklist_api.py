"""The doctor's worklist at its endpoint: reasons, order, and what each level lets him see; both databases (R-252)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import jsonschema
import pytest

from scheduling.worklist import Facts
from server import worklist_facts
from server.api.worklist import WORKLIST
from server.house import House
from tests.cast import Person
from tests.server.adherence_stage import acts, treated_ten_days
from tests.server.endpoint_stage import Reply, Town, line, opened_town, say
from tests.storage.statements import counted


@pytest.fixture
async def town(database_url: str) -> AsyncIterator[Town]:
    async with opened_town(database_url) as town:
        yield town


async def listed(town: Town, doctor: Person) -> list[dict[str, Any]]:
    said = await town.get(doctor, "/doctors/patients")
    assert said.status == 200, said.body
    jsonschema.validate(said.body, WORKLIST)
    return list(said.body["items"])


def reasons(item: dict[str, Any]) -> list[str]:
    return [reason["reason"] for reason in item["reasons"]]


async def test_R252_a_doctor_reads_why_a_patient_needs_him(town: Town) -> None:
    await treated_ten_days(town)
    [item] = await listed(town, town.lim)
    assert (item["patient_id"], item["name"], item["level"]) == (town.sokha.id, "Sokha", "allowed")
    assert (reasons(item), item["figures"]["taking_pct"]) == (["taking_low"], "77.8")
    town.stage.at("2026-12-02T20:00:00+07:00")
    await town.sokha.phone.push()  # her phone has nothing to tell: so they are missed
    [item] = await listed(town, town.lim)
    assert reasons(item) == ["missed_in_a_row", "taking_low"]
    first = item["reasons"][0]
    assert (first["severity"], first["in_a_row"], first["since"]) == ("critical", 3, "2026-11-30T07:00:00+07:00")


async def test_R087_R252_an_urgent_change_stands_first_until_she_acknowledges_it(town: Town) -> None:
    made = await town.cast.treated()
    assert reasons((await listed(town, town.lim))[0]) == []
    edit = {"base_version": 1, "lines": [{**line(town, MORN=1), "line_id": made.line_id}], "urgent": True,
            "reason": "too low"}
    changed = await town.put(town.lim, f"/prescriptions/{made.id}", edit)
    assert changed.status == 200 and changed.body["urgent"], changed.body
    [item] = await listed(town, town.lim)
    assert reasons(item) == ["urgent_unacknowledged"] and item["reasons"][0]["since"].endswith("+07:00")
    assert (await say(town, town.sokha, made.id, "acknowledge")).status == 200
    assert reasons((await listed(town, town.lim))[0]) == []


async def test_R252_silence_counts_from_when_her_phone_was_last_heard(town: Town) -> None:
    made = await town.cast.treated()
    town.stage.at("2026-11-22T08:00:00+07:00")
    await acts(town, made, {"2026-11-21 EVE": "taken", "2026-11-22 MORN": "taken"})
    town.stage.at("2026-11-24T07:59:00+07:00")
    assert reasons((await listed(town, town.lim))[0]) == []
    town.stage.at("2026-11-24T08:01:00+07:00")
    [item] = await listed(town, town.lim)
    assert reasons(item) == ["silent"] and item["reasons"][0]["since"].startswith("2026-11-22T08:00:00")
    town.stage.at("2026-12-05T08:00:00+07:00")  # so long that the phone is none that recorded lately
    assert "silent" in reasons((await listed(town, town.lim))[0])


@pytest.mark.parametrize("level", ["not_allowed", "request", "selected"])
async def test_R054_below_allowed_a_patient_is_named_and_nothing_is_told(town: Town, level: str) -> None:
    made = await town.cast.prescribed(town.sokha.phone)
    await town.cast.connect(town.lim, level, **({"parts": [made.id]} if level == "selected" else {}))
    town.stage.at("2026-11-30T20:00:00+07:00")
    [item] = await listed(town, town.lim)
    assert (item["patient_id"], item["level"], item["reasons"], item["figures"]) == (town.sokha.id, level, [], None)


async def test_the_worklist_is_doctors_alone_and_of_their_own_patients(town: Town) -> None:
    await treated_ten_days(town)
    assert await listed(town, town.chan) == []
    asked = await town.post(town.chan, "/connections/request", {"patient_id": town.sokha.id})
    assert asked.status == 201 and await listed(town, town.chan) == []  # a request is no consent
    for person in (town.vuthy, town.sokha, town.dara):
        said: Reply = await town.get(person, "/doctors/patients")
        assert (said.status, said.code) == (403, "forbidden")


async def test_R252_patients_are_ordered_by_need_with_as_many_statements_for_one_as_for_two(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Vuthy has become a patient of Dr Lim's here, and takes his medicine; Sokha does not."""
    await treated_ten_days(town)
    with counted(monkeypatch) as one:
        await listed(town, town.lim)
    said = await town.post(town.vuthy, "/connections/request", {"user_id": town.lim.id, "level": "allowed"})
    assert (await town.put(town.lim, f"/connections/{said.body['id']}/accept")).status == 200
    with counted(monkeypatch) as two:
        items = await listed(town, town.lim)
    assert [(item["patient_id"], reasons(item)) for item in items] == [
        (town.sokha.id, ["taking_low"]), (town.vuthy.id, [])]
    assert items[1]["figures"]["taking_pct"] is None
    assert len(two) == len(one) + 1, (one, two)  # heard.silent_since


async def test_R252_a_medicine_that_lasts_less_than_seven_days_is_a_reason(town: Town) -> None:
    made = await town.cast.treated()  # 1 in the morning, 2 in the evening
    for tablets, found in ((60, []), (20, []), (19, ["stock_low"])):
        body = {"line_id": made.line_id, "type": "counted", "quantity": tablets}
        assert (await town.post(town.sokha, "/supply", body)).status == 201
        [item] = await listed(town, town.lim)
        assert reasons(item) == found, tablets
    assert item["reasons"][0]["days_of_stock"] == "6"


async def test_I16_who_is_revoked_while_the_list_is_made_is_not_told(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await treated_ten_days(town)
    link = (await town.get(town.sokha, "/connections")).body["items"][0]["id"]
    read = worklist_facts._facts

    async def meanwhile(house: House, patients: Sequence[str], now: str) -> Mapping[str, Facts]:
        found = await read(house, patients, now)
        assert town.sokha.id in found
        assert (await town.put(town.sokha, f"/connections/{link}/revoke")).status == 200
        return found

    monkeypatch.setattr(worklist_facts, "_facts", meanwhile)
    [item] = await listed(town, town.lim)
    assert (item["reasons"], item["figures"]) == ([], None)


async def test_R053_after_a_revocation_the_patient_is_no_longer_listed(town: Town) -> None:
    await treated_ten_days(town)
    link = (await town.get(town.sokha, "/connections")).body["items"][0]["id"]
    assert (await town.put(town.sokha, f"/connections/{link}/revoke")).status == 200
    assert await listed(town, town.lim) == []


async def test_patients_are_read_some_at_a_time_and_come_in_pages(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await treated_ten_days(town)
    said = await town.post(town.vuthy, "/connections/request", {"user_id": town.lim.id, "level": "allowed"})
    assert (await town.put(town.lim, f"/connections/{said.body['id']}/accept")).status == 200
    monkeypatch.setattr(worklist_facts, "PATIENTS_AT_ONCE", 1)
    assert [item["figures"] is None for item in await listed(town, town.lim)] == [False, False]
    first = (await town.get(town.lim, "/doctors/patients?limit=1")).body
    second = (await town.get(town.lim, f"/doctors/patients?limit=1&cursor={first['next_cursor']}")).body
    assert [one["items"][0]["patient_id"] for one in (first, second)] == [town.vuthy.id, town.sokha.id]
    assert (first["total"], second["next_cursor"]) == (2, None)
