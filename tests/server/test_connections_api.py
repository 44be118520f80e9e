"""Connections at the named endpoints: asked for, answered, levelled, ended and begun again, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import update

from storage.accounts.accounts import change_state
from storage.accounts.tables import account
from sync.identity import connection_id
from tests.cast import Person
from tests.server.endpoint_stage import Reply, Town, opened_town

PHONE = "+85512345678"


@pytest.fixture
async def town(database_url: str) -> AsyncIterator[Town]:
    async with opened_town(database_url) as town:
        yield town


async def has(town: Town, person: Person, **told: Any) -> None:
    """Gives an account a phone or an e-mail address, proved or not."""
    async with town.house.database.writing() as writing:
        await writing.execute(update(account).where(account.c.id == person.id).values(**told))


async def asked(town: Town, person: Person, other: Person, **more: Any) -> Reply:
    return await town.post(person, "/connections/request", {"user_id": other.id, **more})


async def move(town: Town, person: Person, link: str, word: str, body: Any = None) -> Reply:
    return await town.put(person, f"/connections/{link}/{word}", body)


async def connected(town: Town, person: Person, **granted: Any) -> str:
    """Sokha asked, the other accepted; the connection's id."""
    link = (await asked(town, town.sokha, person, **granted)).body["id"]
    assert (await move(town, person, link, "accept")).status == 200
    return str(link)


async def sees(town: Town, person: Person) -> int:
    """The status of reading Sokha's prescriptions."""
    return (await town.get(person, f"/prescriptions?patient_id={town.sokha.id}")).status


async def test_a_patient_asks_and_the_doctor_accepts(town: Town) -> None:
    said = await asked(town, town.sokha, town.lim, level="allowed", message="please")
    assert said.status == 201, said.body
    told = said.body
    assert (told["id"], told["status"], told["level"], told["requested_by"], told["other_role"]) == (
        connection_id(town.sokha.id, town.lim.id), "pending", "allowed", town.sokha.id, "doctor")
    assert await sees(town, town.lim) == 404
    accepted = await move(town, town.lim, told["id"], "accept")
    assert (accepted.status, accepted.body["status"], accepted.body["level"]) == (200, "accepted", "allowed")
    assert await sees(town, town.lim) == 200
    again = await move(town, town.lim, told["id"], "accept")
    assert (again.status, again.body["version"]) == (200, accepted.body["version"])


async def test_R052_a_relative_asks_and_the_patient_sets_the_level_when_accepting(town: Town) -> None:
    link = (await asked(town, town.dara, town.sokha)).body["id"]
    own = await move(town, town.dara, link, "accept")
    assert (own.status, own.code) == (403, "forbidden")  # who asks does not answer
    accepted = await move(town, town.sokha, link, "accept", {"level": "view+manage", "alerts_enabled": False})
    assert (accepted.body["level"], accepted.body["alerts_enabled"]) == ("view+manage", False)


async def test_DESIGN11_no_level_named_gives_a_doctor_nothing_chosen_and_a_relative_view(town: Town) -> None:
    made = await town.cast.prescribed(town.sokha.phone)
    doctor = (await asked(town, town.lim, town.sokha)).body["id"]
    brother = (await asked(town, town.dara, town.sokha)).body["id"]
    assert (await move(town, town.sokha, doctor, "accept")).body["level"] == "selected"
    assert (await move(town, town.sokha, brother, "accept")).body["level"] == "view"
    path = f"/prescriptions?patient_id={town.sokha.id}"
    assert (await town.get(town.lim, path)).body["items"] == []
    assert [one["id"] for one in (await town.get(town.dara, path)).body["items"]] == [made.id]


async def test_older_clients_levels_mean_what_the_rules_say(town: Town) -> None:
    link = await connected(town, town.dara, level="ALLOWED")
    assert (await town.get(town.sokha, "/connections")).body["items"][0]["level"] == "view+manage"
    for old, new in (("REQUEST", "view"), ("SELECTED", "view+remind")):
        assert (await move(town, town.sokha, link, "level", {"level": old})).body["level"] == new


async def test_R050_oneself_is_400_and_an_open_duplicate_409(town: Town) -> None:
    own = await asked(town, town.sokha, town.sokha)
    assert (own.status, own.fields) == (400, {"user_id": "not_allowed"})
    await asked(town, town.sokha, town.lim)
    for person, other in ((town.sokha, town.lim), (town.lim, town.sokha)):
        again = await asked(town, person, other)
        assert (again.status, again.code) == (409, "already_exists")
        assert again.body["error"]["current"]["status"] == "pending"
    both = {"user_id": town.lim.id, "phone": PHONE}
    for body, field in (({}, "user_id"), ({"user_id": "x"}, "user_id"), (both, "phone"),
                        ({"user_id": town.lim.id, "level": "all"}, "level"), ({"phone": "12"}, "phone"),
                        ({"email": "nobody"}, "email"), ({"user_id": town.lim.id, "status": "accepted"}, "status")):
        said = await town.post(town.sokha, "/connections/request", body)
        assert said.status == 400 and field in said.fields, (body, said.body)


async def test_F25_a_doctor_or_relative_cannot_set_or_raise_a_level(town: Town) -> None:
    doctor, brother = await connected(town, town.lim, level="selected"), await connected(town, town.dara, level="view")
    for person, link, level in ((town.lim, doctor, "allowed"), (town.dara, brother, "view+manage")):
        for word, body in (("level", {"level": level}), ("accept", {"level": level}),
                           ("level", {"level": level, "parts": [town.sokha.id]})):
            said = await move(town, person, link, word, body)
            assert (said.status, said.code) == (403, "forbidden") and "level" in said.fields, (word, said.body)
        assert ("connection", "rejected", "forbidden") in await town.journal(person)  # audited
    levels = {one["id"]: one["level"] for one in (await town.get(town.sokha, "/connections")).body["items"]}
    assert levels == {doctor: "selected", brother: "view"}
    first = await asked(town, town.chan, town.sokha, level="allowed")
    assert (first.status, first.code) == (403, "forbidden")
    assert len((await town.get(town.sokha, "/connections")).body["items"]) == 2


async def test_levels_open_and_close_what_the_other_sees_at_once(town: Town) -> None:
    made = await town.cast.prescribed(town.sokha.phone)
    link = await connected(town, town.lim, level="allowed")
    path = f"/prescriptions/{made.id}"
    for body, status in (({"level": "allowed"}, 200), ({"level": "selected"}, 404), ({"level": "not_allowed"}, 404),
                         ({"level": "selected", "parts": [made.id]}, 200), ({"level": "request"}, 404)):
        assert (await move(town, town.sokha, link, "level", body)).status == 200
        assert (await town.get(town.lim, path)).status == status, body
    assert await sees(town, town.lim) == 403  # connected, so told that a level is missing
    wrong = await move(town, town.sokha, link, "level", {"level": "view"})
    assert (wrong.status, wrong.fields) == (400, {"level": "not_allowed"})
    assert (await move(town, town.sokha, link, "level", {})).fields == {"level": "required"}
    assert (await move(town, town.sokha, link, "level")).status == 415


async def test_R053_either_side_revokes_and_F34_the_same_two_connect_again_with_nothing_inherited(town: Town) -> None:
    made = await town.cast.prescribed(town.sokha.phone)
    link = await connected(town, town.lim, level="allowed")
    gone = await move(town, town.lim, link, "revoke")
    assert (gone.status, gone.body["status"]) == (200, "revoked")
    assert (await town.get(town.lim, f"/prescriptions/{made.id}")).status == 404
    assert await sees(town, town.lim) == 404
    assert (await move(town, town.sokha, link, "revoke")).status == 200  # said again
    for word, body in (("accept", None), ("level", {"level": "allowed"}), ("decline", None)):
        late = await move(town, town.sokha, link, word, body)
        assert (late.status, late.code) == (409, "wrong_status"), word
    again = await asked(town, town.lim, town.sokha)
    assert (again.status, again.body["id"], again.body["generation"], again.body["status"]) == (201, link, 2, "pending")
    accepted = await move(town, town.sokha, link, "accept")
    # consent given once and taken back is not given again by silence
    assert (accepted.body["status"], accepted.body["level"]) == ("accepted", "selected")
    assert (await town.get(town.lim, f"/prescriptions/{made.id}")).status == 404
    await move(town, town.sokha, link, "revoke")
    third = await asked(town, town.sokha, town.lim, level="allowed")
    assert (third.body["generation"], third.body["level"]) == (3, "allowed")


async def test_a_request_is_declined_by_who_was_asked_and_an_accepted_one_only_revoked(town: Town) -> None:
    link = (await asked(town, town.sokha, town.dara)).body["id"]
    own = await move(town, town.sokha, link, "decline")
    assert (own.status, own.code) == (403, "forbidden")
    assert (await move(town, town.dara, link, "decline")).body["status"] == "declined"
    assert (await move(town, town.dara, link, "accept")).code == "wrong_status"
    other = await connected(town, town.lim)
    assert (await move(town, town.lim, other, "decline")).code == "wrong_status"


async def test_the_list_tells_both_sides_and_nobody_elses(town: Town) -> None:
    doctor = await connected(town, town.lim)
    brother = (await asked(town, town.dara, town.sokha)).body["id"]
    page = (await town.get(town.sokha, "/connections")).body
    assert [one["id"] for one in page["items"]] == [brother, doctor] and page["total"] == 2
    assert [one["id"] for one in (await town.get(town.lim, "/connections")).body["items"]] == [doctor]
    assert [one["id"] for one in (await town.get(town.sokha, "/connections?status=pending")).body["items"]] == [brother]
    first = (await town.get(town.sokha, "/connections?limit=1")).body
    second = (await town.get(town.sokha, f"/connections?limit=1&cursor={first['next_cursor']}")).body
    assert [first["items"][0]["id"], second["items"][0]["id"], second["next_cursor"]] == [brother, doctor, None]
    assert (await town.get(town.vuthy, "/connections")).body["items"] == []
    assert (await town.get(town.vuthy, f"/connections?patient_id={town.sokha.id}")).status == 404


async def test_S30_a_phone_or_address_finds_nobody_or_somebody_with_the_same_answer(town: Town) -> None:
    await has(town, town.sokha, phone=PHONE, phone_verified=True, email="sokha@example.org", email_verified=True)
    await has(town, town.maly, phone="+85512345679", phone_verified=False)
    before = await town.traces()
    nobody = await town.post(town.dara, "/connections/request", {"phone": "012 999 999"})
    unproved = await town.post(town.dara, "/connections/request", {"phone": "012 345 679"})
    assert await town.traces() == before
    found = await town.post(town.dara, "/connections/request", {"phone": "012 345 678"})
    again = await town.post(town.dara, "/connections/request", {"email": "Sokha@example.org"})
    assert {(one.status, str(one.body)) for one in (nobody, unproved, found, again)} == {(201, "{'status': 'asked'}")}
    assert [one["other_id"] for one in (await town.get(town.sokha, "/connections")).body["items"]] == [town.dara.id]
    levelled = [await town.post(town.lim, "/connections/request", {"phone": phone, "level": "allowed"})
                for phone in ("012 345 678", "012 999 999")]
    assert {(one.status, one.code) for one in levelled} == {(403, "forbidden")}


async def test_F31_an_unverified_doctor_connects_with_nobody_and_is_found_by_nobody(town: Town) -> None:
    async with town.house.database.writing() as writing:
        await change_state(writing, town.chan.id, "pending_verification")
    before = await town.traces()
    for body in ({"user_id": town.sokha.id}, {"patient_id": town.sokha.id}, {"phone": PHONE}):
        said = await town.post(town.chan, "/connections/request", body)
        assert (said.status, said.code) == (403, "forbidden")
    assert await town.traces() == before


@pytest.mark.parametrize("who", ["vuthy", "chan", "maly"])
async def test_F24_foreign_connections_read_and_change_nothing(town: Town, who: str) -> None:
    link, person = await connected(town, town.lim, level="allowed"), getattr(town, who)
    waiting = (await asked(town, town.dara, town.sokha)).body["id"]
    before = await town.traces()
    for id_ in (link, waiting, town.stage.fresh("nobody's")):
        for word, body in (("accept", None), ("accept", {"level": "allowed"}), ("decline", None), ("revoke", None),
                           ("level", {"level": "allowed"})):
            said = await move(town, person, id_, word, body)
            assert (said.status, said.code) == (404, "not_found"), word
    # for two others nobody may ask, and who does not exist cannot be asked
    for body in ({"patient_id": town.sokha.id, "user_id": town.dara.id}, {"user_id": town.stage.fresh("nobody")}):
        assert (await town.post(person, "/connections/request", body)).status == 404
    assert await town.traces() == before


async def test_two_who_ask_each_other_at_once_meet_in_one_row(town: Town) -> None:
    said = await asyncio.gather(asked(town, town.sokha, town.lim), asked(town, town.lim, town.sokha))
    assert sorted(one.status for one in said) in ([201, 201], [201, 409])
    assert (await town.get(town.sokha, "/connections")).body["total"] == 1
