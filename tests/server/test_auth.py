"""Accounts through the real door on both engines: register, log in, refresh, log out, and what must not work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from server.passwords import Passwords
from storage import failpoints
from storage.accounts import tables
from storage.catalogue import table_of
from storage.tables import change, scope
from tests.server import auth_stage
from tests.server.auth_stage import MINUTE_MS, PASSWORD, Doors, registration, rows
from tests.storage.databases import migrated, migrated_postgres, migrated_sqlite  # noqa: F401 — fixtures

WRITTEN = (tables.account, tables.account_device, tables.session, tables.refresh_token, tables.audit, scope, change,
           table_of("profile"), table_of("patient"))


@pytest.fixture
async def doors(migrated: str) -> AsyncIterator[Doors]:  # noqa: F811
    async with auth_stage.opened(migrated) as one:
        yield one


async def test_r003_a_patient_registers_and_has_profile_record_session_and_a_line_of_audit(doors: Doors) -> None:
    sokha = await doors.registered(email="Sokha@Example.com")
    assert (sokha["patient_id"], sokha["token_type"], sokha["expires_in"]) == (sokha["user_id"], "Bearer", 900)
    me = await doors.ask("GET", "/auth/me", token=sokha["access_token"])
    assert me.status == 200
    told = {"user_id": sokha["user_id"], "role": "patient", "state": "active", "phone": "+85512345678",
            "email": "sokha@example.com", "phone_verified": False, "language": "km"}
    assert {name: me.body[name] for name in told} == told
    [profile] = await rows(doors, table_of("profile"))
    assert {name: profile[name] for name in ("id", "first_name", "role", "verified", "phone", "email", "theme")} == {
        "id": sokha["user_id"], "first_name": "Sokha", "role": "patient", "verified": False, "phone": "+85512345678",
        "email": "sokha@example.com", "theme": "light"}
    [patient] = await rows(doors, table_of("patient"))
    assert (patient["id"], patient["birth_date"], patient["gender"]) == (sokha["user_id"], "1960-04-13", "female")
    assert [line["action"] for line in await rows(doors, tables.audit)] == ["register"]
    assert {one["name"] for one in await rows(doors, scope)} == {
        f"user:{sokha['user_id']}", f"patient:{sokha['user_id']}"}


async def test_the_new_account_pulls_its_own_rows_and_nobody_elses(doors: Doors) -> None:
    await doors.registered()
    dara = await doors.registered(phone="012 999 999", first_name="Dara", role="family", gender=None, birth_date=None)
    pulled = await doors.post("/sync/pull", {"device_id": dara["device_id"], "cursor": None},
                              token=dara["access_token"])
    assert pulled.status == 200, pulled.body
    text = str(pulled.body)
    assert dara["user_id"] in text and "Sokha" not in text


@pytest.mark.parametrize("role", ["doctor", "pharmacy", "assistant"])
async def test_r002_f31_a_profession_begins_pending_and_without_a_patient_record(doors: Doors, role: str) -> None:
    lim = await doors.registered(role=role, gender=None, birth_date=None)
    assert lim["patient_id"] is None
    me = await doors.ask("GET", "/auth/me", token=lim["access_token"])
    assert (me.body["role"], me.body["state"]) == (role, "pending_verification")
    assert await rows(doors, table_of("patient")) == []


@pytest.mark.parametrize("role", ["staff", "owner", "admin"])
async def test_f32_nobody_registers_as_staff_owner_or_admin(doors: Doors, role: str) -> None:
    reply = await doors.post("/auth/register", registration(role=role))
    assert (reply.status, reply.code) == (403, "role_not_offered")
    assert await rows(doors, tables.account) == []


@pytest.mark.parametrize(("members", "fields"), [
    ({"first_name": None}, {"first_name": "required"}), ({"first_name": ""}, {"first_name": "too_short"}),
    ({"gender": None, "birth_date": None}, {"gender": "required", "birth_date": "required"}),
    ({"birth_date": "2013-11-22"}, {"birth_date": "date.range"}),
    ({"birth_date": "13/04/1960"}, {"birth_date": "date.invalid"}),
    ({"phone": None}, {"phone": "required"}), ({"phone": "0123"}, {"phone": "phone.invalid"}),
    ({"email": "sokha"}, {"email": "email.invalid"}), ({"password": "short"}, {"password": "password.too_short"}),
    ({"password": "x" * 257}, {"password": "password.too_long"}),
    ({"password": "sokha1960"}, {"password": "password.common"}),
    ({"password": 12345678}, {"password": "wrong_type"}), ({"terms_accepted": False}, {"terms_accepted": "required"}),
    ({"terms_accepted": "true"}, {"terms_accepted": "wrong_type"}), ({"role": "king"}, {"role": "not_allowed"}),
    ({"verified": True}, {"verified": "unknown"}), ({"device": {"id": "x"}}, {"device.id": "uuid.invalid"}),
    ({"device": {"id": "00000000-0000-0000-0000-000000000000"}}, {"device.id": "not_allowed"}),
    ({"language": "fr"}, {"language": "not_allowed"}),
])
async def test_a_registration_that_is_not_whole_names_its_fields_and_leaves_nothing(
    doors: Doors, members: dict[str, Any], fields: dict[str, str]
) -> None:
    reply = await doors.post("/auth/register", registration(**members))
    assert (reply.status, reply.code, reply.fields) == (400, "invalid", fields)
    assert PASSWORD not in str(reply.body)
    assert await rows(doors, tables.account) == []


async def test_thirteen_years_are_counted_by_the_calendar_of_cambodia(doors: Doors) -> None:
    doors.now_ms = auth_stage.BEGAN_MS + 15 * 60 * MINUTE_MS  # 17:00 UTC: the 22nd has begun in Phnom Penh
    await doors.registered(birth_date="2013-11-22")


@pytest.mark.parametrize("step", ["push.before_claim", "push.before_read", "push.before_write", "push.after_write"])
async def test_f55_a_failing_step_of_registration_leaves_no_half_account(doors: Doors, step: str) -> None:
    """The push fails after account, device, session and audit were written."""
    failpoints.arm(step, "raise")
    reply = await doors.post("/auth/register", registration())
    failpoints.disarm()
    assert (reply.status, reply.code) == (500, "internal")
    assert [len(await rows(doors, table)) for table in WRITTEN] == [0] * len(WRITTEN)
    await doors.registered()
    assert 0 not in [len(await rows(doors, table)) for table in WRITTEN]


async def test_a_commit_whose_answer_was_lost_is_told_the_same_when_it_is_repeated(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def twice(work: Callable[[], Awaitable[Any]]) -> Any:
        await work()
        return await work()

    monkeypatch.setattr(doors.server.house.database, "retrying", twice)
    await doors.registered(device=None)
    tokens = (await doors.post("/auth/login", {"phone": "012345678", "password": PASSWORD})).body
    refreshed = await doors.refreshed(tokens)
    assert refreshed.status == 200
    again = await doors.refreshed(refreshed.body)
    changed = await doors.post("/auth/change-password", {
        "old_password": PASSWORD, "new_password": "eight buffaloes swim"}, token=again.body["access_token"])
    assert changed.status == 204
    assert len(await rows(doors, tables.account)) == 1
    assert len(await rows(doors, tables.session)) == 2, "one of the registration, one of the login"


async def test_an_account_that_exists_is_not_given_to_who_knows_its_phone(doors: Doors) -> None:
    sokha = await doors.registered()
    vuthy = await doors.post("/auth/register", registration(password="eight buffaloes swim"))
    assert (vuthy.status, vuthy.code) == (409, "already_exists")
    assert sokha["user_id"] not in str(vuthy.body)
    await doors.logged_in()


async def test_a_hash_of_older_parameters_is_made_anew_at_login(migrated: str) -> None:  # noqa: F811
    async with auth_stage.opened(migrated, hashing=Passwords(memory_kib=8 * 1024, passes=1)) as doors:
        await doors.registered()
        [before] = await rows(doors, tables.account)
        doors.server.house.passwords.close()
        doors.server.house.passwords = Passwords()
        await doors.logged_in()
        [after] = await rows(doors, tables.account)
        assert "m=8192" in before["password_hash"] and "m=19456" in after["password_hash"]
        await doors.logged_in()


async def test_r006_a_phone_in_another_notation_or_at_the_same_moment_is_the_same(doors: Doors) -> None:
    replies = await asyncio.gather(*(doors.post("/auth/register", registration(phone=phone)) for phone in (
        "012 345 678", "+85512345678", "០១២ ៣៤៥ ៦៧៨")))
    assert sorted(reply.status for reply in replies) == [201, 409, 409]
    assert {reply.code for reply in replies if reply.status == 409} == {"already_exists"}
    assert len(await rows(doors, tables.account)) == len(await rows(doors, table_of("patient"))) == 1


async def test_r007_login_by_phone_in_any_notation_or_by_address(doors: Doors) -> None:
    sokha = await doors.registered(email="sokha@example.com")
    for names in ({"phone": "+855 12 345 678"}, {"email": "SOKHA@example.com"}, {"login": "012345678"},
                  {"login": "sokha@EXAMPLE.com"}):
        reply = await doors.post("/auth/login", {**names, "password": PASSWORD})
        assert (reply.status, reply.body["user_id"]) == (200, sokha["user_id"])
    for names, field in (({}, "login"), ({"login": "012345678", "phone": "012345678"}, "login")):
        reply = await doors.post("/auth/login", {**names, "password": PASSWORD})
        assert reply.status == 400 and field in reply.fields


async def test_s30_an_unknown_name_and_a_wrong_secret_answer_alike_and_lock_alike(doors: Doors) -> None:
    await doors.registered()
    for phone in ("012345678", "012999999"):
        for _ in range(5):
            reply = await doors.post("/auth/login", {"phone": phone, "password": "not this one"})
            assert (reply.status, reply.code, reply.body["error"]["details"]) == (401, "wrong_credentials", [])
        reply = await doors.post("/auth/login", {"phone": phone, "password": PASSWORD})
        assert (reply.status, reply.code, reply.headers["Retry-After"]) == (403, "locked", "900")
    failures = [line for line in await rows(doors, tables.audit) if line["action"] == "login_failed"]
    assert len(failures) == 10 and "012" not in str([line["details"] for line in failures])


async def test_r009_the_lock_ends_after_15_minutes_and_never_touches_open_sessions(doors: Doors) -> None:
    sokha = await doors.registered()
    for _ in range(5):
        await doors.post("/auth/login", {"phone": "012345678", "password": "not this one"})
    assert (await doors.ask("GET", "/auth/me", token=sokha["access_token"])).status == 200
    assert (await doors.refreshed(sokha)).status == 200
    doors.now_ms += 15 * MINUTE_MS - 1
    assert (await doors.post("/auth/login", {"phone": "012345678", "password": PASSWORD})).code == "locked"
    doors.now_ms += 1
    await doors.logged_in()


async def test_r009_four_failures_and_a_success_begin_the_count_anew(doors: Doors) -> None:
    await doors.registered()
    for _ in range(3):
        for _ in range(4):
            reply = await doors.post("/auth/login", {"phone": "012345678", "password": "not this one"})
            assert reply.code == "wrong_credentials"
        await doors.logged_in()


async def test_f23_r015_a_second_account_on_the_same_phone_has_a_device_of_its_own(doors: Doors) -> None:
    phone = str(uuid4())
    sokha = await doors.registered(device={"id": phone})
    dara = await doors.registered(phone="012 999 999", device={"id": phone})
    assert sokha["device_id"] == phone != dara["device_id"]
    assert (await doors.logged_in("012 999 999", phone))["device_id"] == dara["device_id"]
    foreign = await doors.post("/sync/pull", {"device_id": phone, "cursor": None}, token=dara["access_token"])
    assert foreign.code == "device_mismatch"
