"""One's own profile: one resource under two paths, with the patient's settings that doses follow; both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from server.api import connections, doses, notifications, prescription_status, prescriptions, users
from tests.server.endpoint_stage import Town, opened_town

SLOTS = {"MORN": "06:30", "NOON": "12:00", "EVE": "18:00", "NIGHT": "21:00"}
MEALS = {"wake": "05:30", "breakfast": "07:00", "lunch": "12:00", "dinner": "18:00", "bed": "21:30"}


@pytest.fixture
async def town(database_url: str) -> AsyncIterator[Town]:
    async with opened_town(database_url) as town:
        yield town


async def test_both_paths_tell_one_profile_with_the_patients_settings(town: Town) -> None:
    users, auth = await town.get(town.sokha, "/users/profile"), await town.get(town.sokha, "/auth/profile")
    assert users.status == 200 and users.body == auth.body
    assert (users.body["id"], users.body["first_name"], users.body["language"], users.body["theme"]) == (
        town.sokha.id, "Sokha", "km", "light")
    assert users.body["patient"]["slot_times"]["MORN"] == "07:00"
    assert (await town.get(town.lim, "/users/profile")).body["patient"] is None


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_R602_put_and_patch_change_what_is_named_and_leave_the_rest(town: Town, method: str) -> None:
    body = {"first_name": "សុខា", "digit_style": "khmer", "patient": {"allergies": "penicillin", "alert_delay_min": 60}}
    said = await town.ask(town.sokha, method, "/users/profile", body)
    assert said.status == 200, said.body
    assert (said.body["first_name"], said.body["digit_style"], said.body["theme"]) == ("សុខា", "khmer", "light")
    # a name is one person's, wherever it stands
    assert (said.body["patient"]["first_name"], said.body["patient"]["allergies"]) == ("សុខា", "penicillin")
    whole = await town.ask(town.sokha, method, "/users/profile", {**said.body, "theme": "dark"})
    assert (whole.status, whole.body["theme"], whole.body["patient"]) == (200, "dark", said.body["patient"])


async def test_R032_new_slot_times_move_future_doses_and_keep_their_ids(town: Town) -> None:
    await town.cast.prescribed(town.sokha.phone, MORN=1)
    path = "/doses/schedule?date=2026-11-23"
    before = (await town.get(town.sokha, path)).body["doses"]
    said = await town.put(town.sokha, "/users/profile", {"patient": {"slot_times": SLOTS}})
    assert said.body["patient"]["slot_times"] == SLOTS
    after = (await town.get(town.sokha, path)).body["doses"]
    assert [dose["id"] for dose in after] == [dose["id"] for dose in before]
    assert [dose["due_at"] for dose in after] == ["2026-11-23T06:30:00+07:00"]


async def test_F11_6_7AM_is_a_field_error_and_nothing_of_the_body_is_kept(town: Town) -> None:
    before = await town.traces()
    said = await town.put(town.sokha, "/users/profile", {
        "theme": "dark", "patient": {"meal_times": {**MEALS, "breakfast": "6-7AM"}}})
    assert (said.status, said.fields) == (400, {"patient.meal_times.breakfast": "time.invalid"})
    assert await town.traces() == before
    for body, field in (({"zone": "Mars/Base"}, "zone"), ({"theme": "pink"}, "theme"), ({"nick": "S"}, "nick"),
                        ({"patient": {"alert_delay_min": 45}}, "patient.alert_delay_min"),
                        ({"patient": {"nick": "S"}}, "patient.nick"), ({"patient": 3}, "patient"), (7, "")):
        said = await town.put(town.sokha, "/users/profile", body)
        assert said.status == 400 and field in said.fields, (body, said.body)
    assert (await town.put(town.lim, "/users/profile", {"patient": {"allergies": "none"}})).fields == {
        "patient": "not_allowed"}
    assert await town.traces() == before


async def test_S37_role_verification_and_contact_are_the_servers(town: Town) -> None:
    before = (await town.get(town.vuthy, "/users/profile")).body
    for name, value in (("role", "admin"), ("verified", True), ("phone", "+85512345678"), ("email", "a@example.org")):
        said = await town.put(town.vuthy, "/users/profile", {name: value, "theme": "dark"})
        assert (said.status, said.fields) == (400, {name: "read_only"})
    assert (await town.get(town.vuthy, "/users/profile")).body == before


async def test_language_and_theme_have_doors_of_their_own(town: Town) -> None:
    said = await town.put(town.dara, "/users/language", {"language": "en"})
    assert (said.status, said.body["language"]) == (200, "en")
    said = await town.put(town.dara, "/users/theme", {"theme": "dark"})
    assert (said.status, said.body["theme"], said.body["language"]) == (200, "dark", "en")
    for path, body, field in (("language", {"language": "kmb"}, "language"), ("language", {}, "language"),
                              ("theme", {"theme": "blue"}, "theme"),
                              ("theme", {"theme": "dark", "x": 1}, "x")):
        wrong = await town.put(town.dara, f"/users/{path}", body)
        assert wrong.status == 400 and field in wrong.fields, (path, body, wrong.body)
    assert (await town.put(town.dara, "/users/language", {"language": "fr"})).fields == {"language": "language.unknown"}


async def test_F24_a_profile_is_ones_own_whatever_the_body_names(town: Town) -> None:
    before = (await town.get(town.sokha, "/users/profile")).body
    said = await town.put(town.vuthy, "/users/profile", {"id": town.sokha.id, "first_name": "Vuthy the Great"})
    assert (said.status, said.body["id"]) == (200, town.vuthy.id)
    patient = {"id": town.sokha.id, "allergies": "none"}
    await town.put(town.vuthy, "/users/profile", {"patient": patient})
    assert (await town.get(town.sokha, "/users/profile")).body == before


async def test_without_a_session_every_named_endpoint_is_closed(town: Town) -> None:
    routes = [route for module in (connections, doses, notifications, prescription_status, prescriptions, users)
              for route in module.ROUTES]
    assert len(routes) > 30
    for route in routes:
        path = route.path.replace("{id}", town.sokha.id)
        for prefix in ("/api", "/api/v1"):  # R-600: both, equally
            url = f"http://127.0.0.1:{town.server.port}{prefix}{path}"
            async with town.client.request(route.method, url) as response:
                assert response.status == 401, (route.method, url)
