"""Five routes for every kind: the same road, the same eyes as sync (DESIGN.md 3, S-31 to S-34)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from tests.server.house import House, change, opened

DAY = "2026-11-21"


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with opened(database_url) as one:
        yield one


async def test_a_row_is_made_read_changed_and_deleted(house: House) -> None:
    sokha = await house.enters("sokha")
    made = await sokha.ask("POST", "/records/device", {"user_id": sokha.user, "name": "tablet"})
    assert (made.status, made.headers["ETag"]) == (201, '"1"'), made.body
    where = made.headers["Location"]
    assert where == f"/api/records/device/{made.body['id']}"
    path = where.removeprefix("/api")
    assert made.body["id"] in [one["id"] for one in await sokha.pull()]
    patched = await sokha.ask("PATCH", path, {"name": "old tablet"}, headers={"If-Match": '"1"'})
    assert (patched.status, patched.headers["ETag"], patched.body["name"]) == (200, '"2"', "old tablet")
    assert (await sokha.ask("GET", path)).body == patched.body
    assert (await sokha.ask("DELETE", path, headers={"If-Match": '"2"'})).status == 204
    assert (await sokha.ask("GET", path)).status == 404
    told = [one for one in await sokha.pull() if one["id"] == made.body["id"]]
    assert [(one["op"], one["version"]) for one in told] == [("delete", 3)], "a phone hears of it like of any change"


async def test_put_and_patch_are_alike(house: House) -> None:
    """R-602: what is not named stays."""
    sokha = await house.enters("sokha")
    for method, theme in (("PUT", "dark"), ("PATCH", "light")):
        reply = await sokha.ask(method, f"/records/profile/{sokha.user}", {"theme": theme})
        assert (reply.status, reply.body["theme"], reply.body["first_name"]) == (200, theme, "Sokha")


async def test_a_failed_if_match_is_412_with_the_current_copy(house: House) -> None:
    sokha = await house.enters("sokha")
    path = f"/records/profile/{sokha.user}"
    current = (await sokha.ask("GET", path)).body
    for tag in ('"999"', "W/\"2\"", "2", "x", '"2", "3"'):
        reply = await sokha.ask("PATCH", path, {"theme": "dark"}, headers={"If-Match": tag})
        assert (reply.status, reply.code) == (412, "precondition_failed"), tag
        assert reply.body["error"]["current"] == current
    assert (await sokha.ask("GET", path)).body == current
    assert (await sokha.ask("PATCH", path, {"theme": "dark"}, headers={"If-Match": "*"})).status == 200


async def test_a_stale_version_in_the_body_is_409_with_the_current_copy(house: House) -> None:
    sokha = await house.enters("sokha")
    path = f"/records/profile/{sokha.user}"
    old = (await sokha.ask("GET", path)).body
    new = (await sokha.ask("PATCH", path, {"theme": "dark", "version": old["version"]})).body
    reply = await sokha.ask("PUT", path, {**old, "first_name": "Somebody"})
    assert (reply.status, reply.code) == (409, "stale_base")
    assert reply.body["error"]["current"] == new


async def test_a_strangers_row_and_one_that_never_was_are_the_same_404(house: House) -> None:
    """R-384, S-31, at every verb."""
    sokha, vuthy = await house.enters("sokha"), await house.enters("vuthy")
    for method, body in (("GET", None), ("PATCH", {"first_name": "x"}), ("PUT", {"first_name": "x"}), ("DELETE", None)):
        told = []
        for id_ in (sokha.user, str(uuid4())):
            reply = await vuthy.ask(method, f"/records/patient/{id_}", body)
            told.append((reply.status, {**reply.body["error"], "request_id": ""}))
        assert told[0] == told[1]
        assert told[0][0] == 404
    made = await vuthy.ask("POST", "/records/prescription", {"patient_id": sokha.user, "diagnosis": "x"})
    assert (made.status, made.code) == (404, "not_found")


async def test_a_forbidden_deed_on_a_row_one_may_read_is_403(house: House) -> None:
    sokha, dara = await house.enters("sokha"), await house.enters("dara")
    await house.connect(sokha, dara, "view")
    path = f"/records/patient/{sokha.user}"
    assert (await dara.ask("GET", path)).status == 200
    for method, body in (("PATCH", {"first_name": "x"}), ("DELETE", None)):
        reply = await dara.ask(method, path, body)
        assert (reply.status, reply.code) == (403, "forbidden"), (method, reply.body)


async def test_wrong_fields_are_400_and_named(house: House) -> None:
    sokha = await house.enters("sokha")
    reply = await sokha.ask("PATCH", f"/records/profile/{sokha.user}", {"theme": "pink", "zone": "Mars/Base"})
    assert (reply.status, reply.code) == (400, "invalid")
    assert reply.fields == {"theme": "not_allowed", "zone": "zone.unknown"}
    assert all(detail["message"] for detail in reply.body["error"]["details"])
    missing = await sokha.ask("POST", "/records/prescription", {"diagnosis": "x"})
    assert (missing.status, missing.fields) == (400, {"patient_id": "required"})
    other = await sokha.ask("PATCH", f"/records/profile/{sokha.user}", {"id": str(uuid4())})
    assert (other.status, other.fields) == (400, {"id": "id.mismatch"})


async def test_a_row_refers_to_what_is_there(house: House) -> None:
    sokha = await house.enters("sokha")
    reply = await sokha.ask("POST", "/records/prescription_response", {
        "patient_id": sokha.user, "prescription_id": str(uuid4()), "answer": "confirm"})
    assert (reply.status, reply.code, reply.body["error"]["because"]) == (409, "conflict", "missing_parent")


async def test_what_the_server_owns_cannot_be_written(house: House) -> None:
    """R-471, S-37."""
    sokha = await house.enters("sokha")
    reply = await sokha.ask("PATCH", f"/records/profile/{sokha.user}", {"role": "admin", "verified": True})
    after = (await sokha.ask("GET", f"/records/profile/{sokha.user}")).body
    assert (after["role"], after["verified"]) == ("patient", False), reply.body


async def test_unknown_kinds_are_404(house: House) -> None:
    sokha = await house.enters("sokha")
    for method in ("GET", "POST"):
        assert (await sokha.ask(method, "/records/horoscope", {} if method == "POST" else None)).status == 404


async def test_an_idempotency_key_makes_one_row_of_two_requests(house: House) -> None:
    """S-63; the same key with another body is refused."""
    sokha = await house.enters("sokha")
    key = {"Idempotency-Key": str(uuid4())}
    body = {"user_id": sokha.user, "name": "tablet"}
    first, second = [await sokha.ask("POST", "/records/device", body, headers=key) for _ in range(2)]
    assert first.body == second.body
    assert len((await sokha.ask("GET", "/records/device")).body["items"]) == 1
    other = await sokha.ask("POST", "/records/device", {**body, "name": "other"}, headers=key)
    assert (other.status, other.code) == (422, "batch_id_reused")
    bad = await sokha.ask("POST", "/records/device", body, headers={"Idempotency-Key": "x"})
    assert (bad.status, bad.fields) == (400, {"Idempotency-Key": "uuid.invalid"})


async def test_lists_are_paged_without_a_gap_or_a_double(house: House) -> None:
    sokha, lim = await house.enters("sokha"), await house.enters("lim")
    await house.connect(sokha, lim, "allowed")
    await house.prescribe(lim, sokha)
    for reader in (sokha, lim):
        seen: list[str] = []
        query, pages = "?limit=7", 0
        while True:
            page = (await reader.ask("GET", f"/records/dose_event{query}")).body
            assert len(page["items"]) <= 7
            seen += [row["id"] for row in page["items"]]
            pages += 1
            if page["next_cursor"] is None:
                break
            query = f"?limit=7&cursor={page['next_cursor']}"
        assert len(seen) == len(set(seen)) == 60, "two doses a day for 30 days"
        assert pages >= 9


async def test_lists_show_what_the_reader_may_see_and_nothing_else(house: House) -> None:
    """A doctor with SELECTED sees the chosen prescription at this door too."""
    sokha, lim, chan, vuthy = [await house.enters(name) for name in ("sokha", "lim", "chan", "vuthy")]
    await house.connect(sokha, lim, "allowed")
    chosen, other = await house.prescribe(lim, sokha), await house.prescribe(lim, sokha)
    await house.connect(sokha, chan, "selected", parts=[chosen.id])
    rows = (await chan.ask("GET", "/records/prescription")).body["items"]
    assert [row["id"] for row in rows] == [chosen.id]
    assert (await chan.ask("GET", f"/records/prescription/{chosen.id}")).status == 200
    assert (await chan.ask("GET", f"/records/prescription/{other.id}")).status == 404
    doses = (await chan.ask("GET", "/records/dose_event?limit=100")).body["items"]
    assert doses and {row["prescription_id"] for row in doses} == {chosen.id}
    assert (await vuthy.ask("GET", "/records/prescription")).body["items"] == []
    assert (await vuthy.ask("GET", f"/records/prescription?scope=patient:{sokha.user}")).body["items"] == []
    scoped = (await lim.ask("GET", f"/records/prescription?scope=patient:{sokha.user}")).body["items"]
    assert {row["id"] for row in scoped} == {chosen.id, other.id}


@pytest.mark.parametrize("query", [
    "limit=0", "limit=x", "limit=-1", "limit=", "cursor=x", "cursor=device.xx", "scope=x", "scope=patient:x",
    "limit=%D9%A1"])
async def test_a_query_that_cannot_be_read_is_400(house: House, query: str) -> None:
    sokha = await house.enters("sokha")
    reply = await sokha.ask("GET", f"/records/profile?{query}")
    assert (reply.status, list(reply.fields)) == (400, [query.partition("=")[0]])


async def test_a_row_read_over_rest_is_the_row_that_sync_tells(house: House) -> None:
    """One truth at every door, masks included (S-34)."""
    sokha, lim, dara = [await house.enters(name) for name in ("sokha", "lim", "dara")]
    await house.connect(sokha, lim, "allowed")
    await house.connect(sokha, dara, "view")
    made = await house.prescribe(lim, sokha)
    await sokha.does(change("line_setting", made.line, [made.scope], {
        "patient_id": sokha.user, "prescription_id": made.id, "private": True}))
    for reader, name in ((sokha, "Metformin"), (dara, None)):
        told = {(one["kind"], one["id"]): one["row"] for one in await reader.pull() if one["op"] == "put"}
        line = (await reader.ask("GET", f"/records/medication_line/{made.line}")).body
        assert line == told["medication_line", made.line]
        assert line["name"] == name
        for kind, id_ in list(told)[:20]:
            assert (await reader.ask("GET", f"/records/{kind}/{id_}")).body == told[kind, id_], kind
