"""Pages: a pull that is cut, killed or overtaken by writers ends with exactly the server's rows (R-202, F-65)."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.access import Role
from sync.cursor import read_cursor
from sync.memory import tombstones_purged
from sync.record import Op
from sync.values import instant_of_ms
from tests.sync.town import DARA, DAY, LIM, RECORD, SOKHA, Phone, Town, dose


@pytest.fixture
def town() -> Town:
    return Town()


async def test_a_rebuild_cut_short_goes_on_and_loses_nothing(town: Town) -> None:
    """The marks are in the file: rows unconfirmed after the first page are still held until the last."""
    await town.sokhas()
    town.fill(RECORD, 1_200)
    dara = await town.caregiver()
    dara.replica.take_dose(dose("0/7"))
    town.grant(DARA, Role.VIEWER)
    pages = 0

    async def cut(door: str, answer: dict[str, object]) -> None:
        nonlocal pages
        pages += door == "pull"
        if pages == 2:
            dara.door.lose_answers = 1

    dara.door.between = cut
    assert (await dara.sync()).pull_fault is not None
    assert len(dara.replica.held(RECORD)) == 1_201
    dara.door.between = None
    await dara.sync()
    assert dara.replica.held(RECORD) == town.visible(DARA)


async def test_the_first_sync_of_20000_rows_pages_to_its_end_through_interruptions(
    town: Town, tmp_path: Path
) -> None:
    """F-65, P03: lost requests, lost answers, a killed app. Each start goes on where the last one ended."""
    path = str(tmp_path / "sokha.sqlite")
    town.grant(SOKHA, Role.PATIENT)
    town.fill(RECORD, 20_000)
    phone, starts = town.phone(SOKHA, path), 0
    while True:
        starts += 1
        phone.door.between = Cut(phone, after=town.random.randrange(2, 12), how=starts % 3)
        try:
            if (await phone.sync()).ok:
                break
        except AppKilled:
            phone.replica.close()
            calls, phone = phone.door.calls, town.phone(SOKHA, path, phone.replica.device)
            phone.door.calls = calls
    assert phone.replica.held(RECORD) == town.visible(SOKHA)
    assert starts > 3
    asked = [cursor.starts[0].seq for body in phone.door.asked("pull") if (cursor := read_cursor(body["cursor"]))]
    assert asked == sorted(asked)
    told = sum(len(call.answer["changes"]) for call in phone.door.calls if call.answer)
    assert told <= 20_000 + 500 * starts  # a start costs one page at most
    assert (await phone.sync()).rows == 0


class AppKilled(BaseException):
    """Between the server's commit and the answer."""


class Cut:
    """Lets some answers through, then loses an answer, a request, or the app."""

    def __init__(self, phone: Phone, after: int, how: int) -> None:
        self.phone, self.left, self.how = phone, after, how

    async def __call__(self, door: str, answer: dict[str, object]) -> None:
        self.left -= 1
        if self.left:
            return
        if self.how == 0:
            raise AppKilled
        self.phone.door.lose_answers, self.phone.door.lose_requests = int(self.how == 1), int(self.how == 2)


async def test_a_phone_away_longer_than_tombstones_live_keeps_no_ghosts(town: Town) -> None:
    """R-202: below the floor the scope is sent anew, and what was deleted meanwhile does not arrive again."""
    sokha, second, id_ = await town.sokhas(), town.phone(SOKHA), town.id()
    town.grant(LIM, Role.DOCTOR)
    lim = town.phone(LIM)
    lim.replica.record("prescription", [RECORD], id_, {"patient_id": SOKHA, "drug": "metformin"})
    for phone in (lim, sokha, second):
        await phone.sync()
    lim.replica.record("prescription", [RECORD], id_, {}, op=Op.DELETE)
    await lim.sync()
    town.wait(200 * DAY)
    tombstones_purged(town.store, instant_of_ms(town.now - 180 * DAY))
    second.replica.take_dose(dose())
    assert second.replica.seen("prescription", RECORD, id_) is not None
    await second.sync()
    assert second.replica.seen("prescription", RECORD, id_) is None
    assert second.replica.held(RECORD) == town.visible(SOKHA)
    assert second.replica.seen("dose_event", RECORD, dose().id) is not None


async def test_rows_that_change_while_they_are_paged_are_missed_by_nobody(town: Town) -> None:
    """R-202: a row comes as it is now, perhaps twice, never not at all; a deleted one goes."""
    sokha = await town.sokhas()
    note = town.id()
    sokha.replica.record("prescription", [RECORD], note, {"patient_id": SOKHA, "drug": "amlodipine"})
    await sokha.sync()
    town.fill(RECORD, 1_700)
    town.grant(LIM, Role.DOCTOR)
    lim, second = town.phone(LIM), town.phone(SOKHA)
    pages = 0

    async def meanwhile(door: str, answer: dict[str, object]) -> None:
        nonlocal pages
        pages += 1
        sokha.replica.take_dose(dose(f"0/{pages}"))
        if pages == 2:
            lim.replica.record("prescription", [RECORD], note, {}, op=Op.DELETE, base=1)
            await lim.sync()
        await sokha.sync()

    second.door.between = meanwhile
    assert (await second.sync()).ok
    second.door.between = None
    await second.sync()
    assert pages > 3
    assert second.replica.held(RECORD) == town.visible(SOKHA)
    assert second.replica.seen("prescription", RECORD, note) is None


async def test_a_scope_that_was_never_announced_holds_nothing(town: Town) -> None:
    """It might be lost before its first page, and nobody would ever say that it is gone."""
    phone, other = await town.sokhas(), f"patient:{DARA}"
    row = {"kind": "visit", "home": RECORD, "id": town.id(), "scopes": [RECORD, other], "op": "put", "version": 1,
           "row": {}}
    page = {"cursor": "c", "epoch": "e1", "has_more": False, "changes": [row],
            "scopes": {"added": [], "rebuilt": [], "removed": []}}
    phone.replica.pages.take(page, [])
    assert phone.replica.held(other) == {}
    lost = {"added": [], "rebuilt": [], "removed": [{"name": RECORD, "reason": "revoked", "purge": True}]}
    phone.replica.pages.take({**page, "changes": [], "scopes": lost}, [])
    assert phone.replica.seen_rows("visit", RECORD) == []
