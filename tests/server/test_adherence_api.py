"""Adherence at its endpoints: figures, periods, and who sees what of them; both databases (R-310 to R-313)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest

from server.api import adherence as door
from server.api.adherence_answers import ADHERENCE
from server.call import Call
from storage.ledger.choose import Chosen
from tests.cast import Person
from tests.server.adherence_stage import acts, mornings, treated_ten_days
from tests.server.endpoint_stage import Town, line, opened_town, say
from tests.storage.statements import counted

TEN_DAYS = "from=2026-11-21&to=2026-11-30"


@pytest.fixture
async def town(database_url: str) -> AsyncIterator[Town]:
    async with opened_town(database_url) as town:
        yield town


async def adherence(town: Town, person: Person, query: str = "") -> dict[str, Any]:
    said = await town.get(person, f"/patients/{town.sokha.id}/adherence?{query}")
    assert said.status == 200, said.body
    jsonschema.validate(said.body, ADHERENCE)
    return dict(said.body)


async def test_R310_R311_the_figures_of_a_period_as_the_patient_sees_them(town: Town) -> None:
    """Begun at 08:10, so today's 07:00 dose does not exist (F-09): nine doses, 22 to 30 November."""
    made = await treated_ten_days(town)
    told = await adherence(town, town.sokha, TEN_DAYS)
    assert (told["patient_id"], told["zone"], told["now"][-6:]) == (town.sokha.id, "Asia/Phnom_Penh", "+07:00")
    assert told["period"] == {"from": "2026-11-21", "to": "2026-11-30", "days": 10, "by": "day"}
    overall = told["overall"]
    assert (overall["taking_pct"], overall["on_time_pct"], overall["correct_days_pct"]) == ("77.8", "77.8", "77.8")
    assert (overall["band"], overall["denominator"], told["streak_days"]) == ("yellow", 9, 0)
    assert (overall["lower_pct"], overall["upper_pct"], overall["reported_pct"]) == ("77.8", "77.8", "77.8")
    assert overall["counts"] == {"taken": 7, "on_time": 7, "skipped": 1, "advised": 0, "missed": 1, "unreported": 0,
                                 "pending": 0}
    assert overall["sources"] == {"self": 8, "carer": 0, "retroactive": 7, "unreported": 0}  # all told in the evening
    assert (overall["interval_pct"], overall["longest_gap"]) == ("100", {
        "hours": "24", "from": "2026-11-22T07:00:00+07:00", "until": "2026-11-23T07:00:00+07:00"})
    assert told["trend"] == {"earlier_pct": "100", "later_pct": "60", "change_points": "-40"}
    assert [(one["line_id"], one["line"]["name"], one["taking_pct"]) for one in told["lines"]] == [
        (made.line_id, "Amlodipine", "77.8")]
    assert [(one["from"], one["taking_pct"]) for one in told["periods"]] == [
        *((f"2026-11-{day}", "100") for day in range(22, 29)), ("2026-11-29", "0"), ("2026-11-30", "0")]


async def test_R313_by_week_and_month_and_both_paths_tell_the_same(town: Town) -> None:
    await treated_ten_days(town)
    weeks = (await adherence(town, town.sokha, f"{TEN_DAYS}&by=week"))["periods"]
    assert [(one["from"], one["to"], one["taking_pct"]) for one in weeks] == [
        ("2026-11-21", "2026-11-22", "100"), ("2026-11-23", "2026-11-29", "85.7"), ("2026-11-30", "2026-11-30", "0")]
    months = (await adherence(town, town.sokha, "to=2026-12-01&by=month"))["periods"]
    assert [(one["from"], one["to"]) for one in months] == [("2026-11-02", "2026-11-30")]
    own = (await town.get(town.sokha, f"/adherence?{TEN_DAYS}")).body
    named = (await town.get(town.sokha, f"/adherence?{TEN_DAYS}&patient_id={town.sokha.id}")).body
    assert {**own, "now": ""} == {**named, "now": ""} == {**await adherence(town, town.sokha, TEN_DAYS), "now": ""}


async def test_R310_nothing_closed_is_null_everywhere(town: Town) -> None:
    told = await adherence(town, town.sokha)
    assert (told["overall"]["taking_pct"], told["overall"]["band"], told["overall"]["lower_pct"]) == (None, None, None)
    assert (told["lines"], told["periods"], told["streak_days"], told["overall"]["longest_gap"]) == ([], [], 0, None)


async def test_F13_a_paused_prescription_has_nothing_missed_and_a_figure_of_null(town: Town) -> None:
    made = await town.cast.treated()
    assert (await say(town, town.sokha, made.id, "pause")).status == 200
    town.stage.at("2026-11-25T23:00:00+07:00")
    told = await adherence(town, town.sokha)
    assert (told["overall"]["taking_pct"], told["overall"]["counts"]["missed"], told["periods"]) == (None, 0, [])


async def test_F14_a_course_that_ended_counts_its_own_days_only(town: Town) -> None:
    course = line(town)
    course["plan"]["segments"][0].update(start="2026-11-21", until="2026-11-22",
                                         time_rule={"type": "slots", "doses": {"MORN": 1}})
    body = {"patient_id": town.sokha.id, "diagnosis": "infection", "lines": [course]}
    assert (await town.post(town.sokha, "/prescriptions", body)).status == 201
    town.stage.at("2026-11-28T12:00:00+07:00")
    told = await adherence(town, town.sokha)
    assert [one["from"] for one in told["periods"]] == ["2026-11-22"]
    assert (told["overall"]["taking_pct"], told["overall"]["denominator"]) == ("0", 1)


async def test_F12_at_23_30_on_a_utc_host_the_period_ends_with_phnom_penhs_next_day(town: Town) -> None:
    await town.cast.treated()
    town.stage.at("2026-11-22T23:30:00Z")
    assert datetime.fromtimestamp(town.stage.now_ms / 1000, UTC).date().isoformat() == "2026-11-22"
    told = await adherence(town, town.sokha)
    assert (told["period"]["to"], told["now"][:16]) == ("2026-11-23", "2026-11-23T06:30")
    assert told["periods"][-1]["from"] == "2026-11-23"  # its 07:00 dose is due already
    assert told["periods"][-1]["counts"]["pending"] == 1


async def test_F12_an_early_dose_belongs_to_phnom_penhs_date_though_utc_has_another(town: Town) -> None:
    """06:00 in Phnom Penh is 23:00 of the day before in UTC."""
    early = line(town)
    early["plan"]["segments"][0].update(dose=1, time_rule={"type": "times", "times": ["06:00"]})
    body = {"patient_id": town.sokha.id, "diagnosis": "thyroid", "lines": [early]}
    assert (await town.post(town.sokha, "/prescriptions", body)).status == 201
    town.stage.at("2026-11-23T23:00:00+07:00")
    told = await adherence(town, town.sokha, "from=2026-11-22&to=2026-11-22")
    assert [(one["from"], one["counts"]["missed"]) for one in told["periods"]] == [("2026-11-22", 1)]


@pytest.mark.parametrize(("query", "field", "code"), [
    ("from=2026-08-23&to=2026-11-21", "from", "too_small"), ("from=2026-11-22&to=2026-11-21", "to", "too_small"),
    ("from=yesterday", "from", "date.invalid"), ("to=2026-02-30", "to", "date.invalid"),
    ("by=year", "by", "not_allowed"), ("from=2026-11-22", "to", "too_small")])
async def test_a_period_that_cannot_be_told_names_its_field(town: Town, query: str, field: str, code: str) -> None:
    for path in ("/adherence", f"/patients/{town.sokha.id}/adherence"):
        said = await town.get(town.sokha, f"{path}?{query}")
        assert (said.status, said.fields) == (400, {field: code})


async def test_R313_ninety_days_are_told_and_the_limit_is_named(town: Town) -> None:
    assert (await adherence(town, town.sokha, "from=2026-08-24&to=2026-11-21"))["period"]["days"] == 90
    said = await town.get(town.sokha, "/adherence?from=2026-08-23&to=2026-11-21")
    assert "2026-08-24" in said.body["error"]["details"][0]["message"]


# who sees it


async def test_R384_strangers_learn_nothing_and_who_is_connected_without_a_level_hears_which(town: Town) -> None:
    await town.cast.treated()
    await town.cast.connect(town.maly, "alerts_only")
    before = await town.traces()
    unknown = town.stage.fresh("nobody")
    for person in (town.vuthy, town.chan):
        for id_ in (town.sokha.id, unknown):
            for path in (f"/patients/{id_}/adherence", f"/adherence?patient_id={id_}"):
                said = await town.get(person, path)
                assert (said.status, said.code, said.body["error"]["details"]) == (404, "not_found", [])
    assert await town.traces() == before
    await town.cast.connect(town.chan, "not_allowed")
    for person, level in ((town.maly, "view"), (town.chan, "selected")):
        said = await town.get(person, f"/patients/{town.sokha.id}/adherence")
        assert (said.status, said.code, said.body["error"]["level"]) == (403, "level_required", level)
    assert (await town.get(town.lim, "/adherence")).fields == {"patient_id": "required"}
    assert (await town.get(town.vuthy, "/adherence")).body["lines"] == []  # his own record


async def test_R053_after_a_revocation_the_figures_are_gone_at_once(town: Town) -> None:
    await treated_ten_days(town)
    assert (await adherence(town, town.lim, TEN_DAYS))["overall"]["denominator"] == 9
    link = (await town.get(town.sokha, "/connections")).body["items"][0]["id"]
    assert (await town.put(town.sokha, f"/connections/{link}/revoke")).status == 200
    assert (await town.get(town.lim, f"/patients/{town.sokha.id}/adherence")).status == 404


async def test_S34_private_lines_keep_their_figures_and_lose_their_name_for_relatives(town: Town) -> None:
    made = await treated_ten_days(town)
    await town.cast.connect(town.dara, "view")
    hidden = {"patient_id": town.sokha.id, "prescription_id": made.id, "private": True}
    phone = town.sokha.phone
    await phone.does(phone.change("line_setting", made.line_id, (town.sokha.patient_scope,), hidden))
    for person, name in ((town.sokha, "Amlodipine"), (town.dara, None), (town.lim, "Amlodipine")):
        [told] = (await adherence(town, person, TEN_DAYS))["lines"]
        assert (told["line"]["name"], told["line"]["name_km"], told["taking_pct"]) == (name, None, "77.8")


async def test_F26_a_narrowed_view_gives_figures_over_what_it_shows(town: Town) -> None:
    shown = await town.cast.prescribed(town.sokha.phone, MORN=1)
    other = await town.cast.prescribed(town.sokha.phone, MORN=1)
    await town.cast.connect(town.lim, "selected", parts=[shown.id], days=[["2026-11-22", "2026-11-23"]])
    town.stage.at("2026-11-25T22:00:00+07:00")
    await acts(town, shown, mornings(22, 22))
    await acts(town, other, mornings(22, 25))
    body = {"line_id": shown.line_id, "type": "dispensed", "quantity": 9, "days_supply": 9}
    assert (await town.post(town.sokha, "/supply", body)).status == 201
    told = await adherence(town, town.lim)
    assert told["lines"][0]["pdc_pct"] is None  # who sees some days only sees no fills of other days
    assert [one["line_id"] for one in told["lines"]] == [shown.line_id]
    assert [(one["from"], one["taking_pct"]) for one in told["periods"]] == [("2026-11-22", "100"), ("2026-11-23", "0")]
    assert (told["overall"]["taking_pct"], told["overall"]["denominator"]) == ("50", 2)


async def test_I16_what_narrows_while_pages_are_read_is_not_told_of_earlier_pages_either(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, other = [await town.cast.prescribed(town.sokha.phone, MORN=1) for _ in range(2)]
    await town.cast.connect(town.lim, "allowed")
    link = (await town.get(town.sokha, "/connections")).body["items"][0]["id"]
    town.stage.at("2026-12-10T20:00:00+07:00")
    read, pages = door.rows_of_patient, []

    async def narrowing(call: Call, kind: str, patient: str, **more: Any) -> Chosen:
        page = await read(call, kind, patient, **more)
        pages.append({row.fields["prescription_id"] for row in page.rows} if kind == "dose_event" else set())
        if len(pages) == 1:
            level = {"level": "selected", "parts": [shown.id]}
            assert (await town.put(town.sokha, f"/connections/{link}/level", level)).status == 200
        return page

    monkeypatch.setattr("server.api.adherence.MOST", 10)
    monkeypatch.setattr("storage.ledger.choose.MOST", 10)
    monkeypatch.setattr(door, "rows_of_patient", narrowing)
    told = await adherence(town, town.lim)
    assert other.id in pages[0] and len(pages) > 2
    assert [one["line_id"] for one in told["lines"]] == [shown.line_id]


async def test_N01_for_others_a_silent_phone_gives_bounds_and_for_her_misses(town: Town) -> None:
    made = await town.cast.treated()
    await town.cast.connect(town.dara, "view")
    town.stage.at("2026-11-22T08:00:00+07:00")
    await acts(town, made, {"2026-11-21 EVE": "taken", "2026-11-22 MORN": "taken"})
    town.stage.at("2026-11-24T08:00:00+07:00")  # four doses later, of which one is due now
    for viewer in (town.dara, town.lim):
        overall = (await adherence(town, viewer))["overall"]
        assert (overall["counts"]["unreported"], overall["counts"]["missed"], overall["counts"]["pending"]) == (3, 0, 1)
        assert (overall["lower_pct"], overall["taking_pct"], overall["upper_pct"]) == ("40", "100", "100")
        assert overall["sources"]["unreported"] == 3
    own = (await adherence(town, town.sokha))["overall"]
    assert (own["counts"]["missed"], own["taking_pct"], own["upper_pct"]) == (3, "40", "40")
    await town.sokha.phone.push()  # an empty queue is a word too
    assert (await adherence(town, town.dara))["overall"]["counts"]["missed"] == 3


async def test_R313_what_a_carer_records_is_told_as_the_carers(town: Town) -> None:
    made = await town.cast.treated()
    await town.cast.connect(town.dara, "view+manage")
    town.stage.at("2026-11-22T08:00:00+07:00")
    await acts(town, made, {"2026-11-21 EVE": "taken"}, town.dara)
    await acts(town, made, {"2026-11-22 MORN": "taken"})
    sources = (await adherence(town, town.sokha))["overall"]["sources"]
    assert (sources["self"], sources["carer"], sources["retroactive"]) == (1, 1, 1)


async def test_R402_more_than_a_page_of_doses_is_told_whole(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger gives 1000 rows at a time; here it gives ten."""
    made = await town.cast.treated()
    town.stage.at("2026-12-10T20:00:00+07:00")
    await acts(town, made, mornings(22, 30))
    whole = await adherence(town, town.sokha)
    monkeypatch.setattr("server.api.adherence.MOST", 10)
    monkeypatch.setattr("storage.ledger.choose.MOST", 10)
    assert (await adherence(town, town.sokha)) | {"now": ""} == whole | {"now": ""}
    assert whole["overall"]["denominator"] == 38
    monkeypatch.setattr("server.api.adherence.MOST_DOSES", 15)
    said = await town.get(town.sokha, "/adherence")
    assert (said.status, said.fields) == (400, {"from": "too_many"})


async def test_R402_the_figures_take_as_many_statements_for_ten_doses_as_for_fifty(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await town.cast.treated()
    counts = []
    for day in ("2026-11-26T20:00:00+07:00", "2026-12-15T20:00:00+07:00"):
        town.stage.at(day)
        for viewer in (town.sokha, town.lim):
            await adherence(town, viewer)
            with counted(monkeypatch) as seen:
                await adherence(town, viewer)
            counts.append(len(seen))
    assert counts[:2] == counts[2:], counts


async def test_R311_a_line_whose_fills_are_known_tells_how_many_days_they_cover(town: Town) -> None:
    """Ten days of doses, 22 November to 1 December; fills for five days and three."""
    await town.cast.connect(town.dara, "view")
    made = await town.cast.prescribed(town.sokha.phone, MORN=1)
    [told] = (await adherence(town, town.sokha, "to=2026-11-21"))["lines"] or [None]
    assert told is None
    for at, days in (("2026-11-21T09:00:00+07:00", 6), ("2026-11-29T09:00:00+07:00", 3)):
        town.stage.at(at)
        body = {"line_id": made.line_id, "type": "dispensed", "quantity": days, "days_supply": days}
        assert (await town.post(town.sokha, "/supply", body)).status == 201
    town.stage.at("2026-12-01T20:00:00+07:00")
    for viewer in (town.sokha, town.dara):
        [told] = (await adherence(town, viewer))["lines"]
        assert (told["pdc_pct"], told["mpr_pct"]) == ("80", "30")
