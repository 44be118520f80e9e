"""Who may see, write and answer prescriptions at the named endpoints, and what the others are told; both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from storage.accounts.accounts import change_state
from tests.server.endpoint_stage import Town, line, opened_town, say, written


@pytest.fixture
async def town(database_url: str) -> AsyncIterator[Town]:
    async with opened_town(database_url) as town:
        yield town


async def test_R384_who_sees_it_but_may_not_is_told_the_level_that_is_missing(town: Town) -> None:
    made = await town.cast.treated("allowed")
    own = await town.cast.prescribed(town.sokha.phone)
    await town.cast.connect(town.dara, "view")
    before, edit = await town.traces(), {"base_version": 1, "lines": [line(town)]}
    for said, level in (
        (await written(town, town.dara), "view+manage"),
        (await say(town, town.dara, own.id, "pause"), "view+manage"),
        (await town.put(town.dara, f"/prescriptions/{own.id}", edit), "view+manage"),
    ):
        assert (said.status, said.code, said.body["error"]["level"]) == (403, "level_required", level)
    for said in (await say(town, town.dara, made.id, "confirm"), await say(town, town.lim, made.id, "confirm")):
        assert (said.status, said.code) == (403, "forbidden")  # no level makes it theirs to say
    hers = await town.put(town.sokha, f"/prescriptions/{made.id}", edit)
    assert (hers.status, hers.body["error"]["because"]) == (409, "server_wins")  # a doctor's line
    assert await town.traces() == before


@pytest.mark.parametrize("who", ["vuthy", "chan", "maly"])
async def test_F24_foreign_prescriptions_read_and_change_nothing(town: Town, who: str) -> None:
    made = await town.cast.treated()
    await town.cast.connect(town.maly, "alerts_only")
    person, path = getattr(town, who), f"/prescriptions/{made.id}"
    before = await town.traces()
    body = {"base_version": 1, "lines": [line(town)], "note": "mine now"}
    for said in (await town.get(person, path), await town.get(person, path + "/versions"),
                 await town.put(person, path, body), await town.ask(person, "PATCH", path, body),
                 *[await say(town, person, made.id, word, reason="x") for word in ("confirm", "stop", "reject")]):
        assert (said.status, said.code) == (404, "not_found")
    status = 403 if who == "maly" else 404  # she is connected, and told the level
    assert (await written(town, person)).status == status
    assert (await town.get(person, f"/prescriptions?patient_id={town.sokha.id}")).status == status
    assert await town.traces() == before


async def test_F26_at_level_selected_a_doctor_sees_and_proposes_on_the_chosen_ones_only(town: Town) -> None:
    shown = await town.cast.treated("allowed")
    hidden = await town.cast.prescribed(town.sokha.phone)
    link = (await town.get(town.sokha, "/connections")).body["items"][0]["id"]
    level = {"level": "SELECTED", "parts": [shown.id]}  # older clients shout
    assert (await town.put(town.sokha, f"/connections/{link}/level", level)).status == 200
    page = (await town.get(town.lim, f"/prescriptions?patient_id={town.sokha.id}")).body
    assert [one["id"] for one in page["items"]] == [shown.id] and page["total"] == 1
    assert (await town.get(town.lim, f"/prescriptions/{hidden.id}")).status == 404
    assert (await town.get(town.lim, f"/prescriptions/{hidden.id}/versions")).status == 404
    said = await town.put(town.lim, f"/prescriptions/{shown.id}", {"base_version": 1, "lines": [line(town)]})
    assert (said.status, said.body["proposed_version"]) == (200, 2)
    new = await written(town, town.lim)
    assert (new.status, new.code, new.body["error"]["level"]) == (403, "level_required", "allowed")


async def test_F31_a_doctor_who_is_no_longer_verified_prescribes_nothing(town: Town) -> None:
    made = await town.cast.treated("allowed")
    async with town.house.database.writing() as writing:
        await change_state(writing, town.lim.id, "rejected")
    before = await town.traces()
    new = await written(town, town.lim)
    edit = await town.put(town.lim, f"/prescriptions/{made.id}", {"base_version": 1, "lines": [line(town)]})
    assert {(one.status, one.code) for one in (new, edit)} == {(403, "forbidden")}
    assert await town.traces() == before


async def test_S34_versions_hide_private_lines_from_relatives(town: Town) -> None:
    made = await town.cast.treated()
    await town.cast.connect(town.dara, "view")
    hidden = {"patient_id": town.sokha.id, "prescription_id": made.id, "private": True}
    phone = town.sokha.phone
    await phone.does(phone.change("line_setting", made.line_id, (town.sokha.patient_scope,), hidden))
    path = f"/prescriptions/{made.id}"
    for read, name in ((town.dara, None), (town.lim, "Amlodipine")):
        assert (await town.get(read, path)).body["current"]["lines"][0]["name"] == name
        assert (await town.get(read, path + "/versions")).body["items"][0]["lines"][0]["name"] == name
