"""Notices at the named endpoints: one's own alone, newest first, read once, deleted (R-280, R-285); both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sync.record import Change, Op, Outcome
from tests.cast import Person
from tests.server.endpoint_stage import Town, opened_town


@pytest.fixture
async def town(database_url: str) -> AsyncIterator[Town]:
    async with opened_town(database_url) as town:
        yield town


async def told(town: Town, person: Person, title: str) -> str:
    """A notice that the server writes for somebody; its id."""
    town.stage.now_ms += 1000
    id_ = town.stage.fresh("notice")
    fields = {"user_id": person.id, "type": "PRESCRIPTION_UPDATE", "notice": "prescription_changed", "params": {},
              "title": title, "body": "…", "language": "km", "patient_id": town.sokha.id}
    settled = await town.stage.system(
        Change(0, town.stage.fresh("change"), "notification", id_, (person.scope,), Op.UPSERT, 0, fields, digest=id_))
    assert settled.results[0].outcome is Outcome.APPLIED, settled.results
    return id_


async def test_R285_one_reads_marks_and_deletes_ones_own_newest_first(town: Town) -> None:
    ids = [await told(town, town.sokha, f"notice {n}") for n in range(3)]
    page = (await town.get(town.sokha, "/notifications")).body
    assert [one["id"] for one in page["items"]] == ids[::-1] and page["total"] == 3
    read = await town.put(town.sokha, f"/notifications/{ids[1]}/read")
    assert (read.status, read.body["id"]) == (200, ids[1]) and read.body["read_at"] is not None
    again = await town.put(town.sokha, f"/notifications/{ids[1]}/read")
    assert (again.status, again.body) == (200, read.body)  # the first reading counts
    unread = (await town.get(town.sokha, "/notifications?unread=true")).body
    assert [one["id"] for one in unread["items"]] == [ids[2], ids[0]] and unread["total"] == 2
    assert (await town.delete(town.sokha, f"/notifications/{ids[0]}")).status == 204
    assert (await town.delete(town.sokha, f"/notifications/{ids[0]}")).status == 404
    left = (await town.get(town.sokha, "/notifications")).body
    assert [one["id"] for one in left["items"]] == [ids[2], ids[1]]
    assert set(await town.sokha.phone.sees("notification")) == {ids[1], ids[2]}  # the phones learn it


async def test_pages_end_and_bad_queries_name_what_is_wrong(town: Town) -> None:
    ids = [await told(town, town.dara, f"notice {n}") for n in range(5)]
    seen: list[str] = []
    path = "/notifications?limit=2"
    while path:
        page = (await town.get(town.dara, path)).body
        seen += [one["id"] for one in page["items"]]
        path = f"/notifications?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert seen == ids[::-1]
    for query, field in (("unread=perhaps", "unread"), ("limit=many", "limit"), ("cursor=AAAA", "cursor")):
        said = await town.get(town.dara, f"/notifications?{query}")
        assert said.status == 400 and field in said.fields


@pytest.mark.parametrize("who", ["vuthy", "dara", "lim", "chan", "maly"])
async def test_F24_other_peoples_notices_do_not_exist(town: Town, who: str) -> None:
    """Not even for those who may see all of her medicines."""
    await town.cast.connect(town.dara, "view+manage")
    await town.cast.connect(town.lim, "allowed")
    id_, person = await told(town, town.sokha, "hers"), getattr(town, who)
    before = await town.traces()
    assert id_ not in [one["id"] for one in (await town.get(person, "/notifications")).body["items"]]
    for named in (id_, town.stage.fresh("nobody's")):
        assert (await town.put(person, f"/notifications/{named}/read")).status == 404
        assert (await town.delete(person, f"/notifications/{named}")).status == 404
    assert (await town.put(person, "/notifications/not-an-id/read")).status == 404
    assert await town.traces() == before
    assert (await town.get(town.sokha, "/notifications")).body["items"][0]["read_at"] is None
