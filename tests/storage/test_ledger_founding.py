"""Scopes that a refused founding left behind, and what strangers wrote: on each store."""

from __future__ import annotations

import asyncio

import pytest

from storage.faults import Overtaken
from storage.ledger.history import LosersAsk, losers
from storage.ledger.ledger import Ledger
from sync.access import Membership, Role
from sync.record import Because, Outcome
from sync.store import Claimed, Store
from tests.cast import Stage
from tests.stages import DATABASES
from tests.storage.by_hand import NOW, READABLE, dose, enrolled, founded, journal, new_id, pushed, writes


async def test_a_scope_that_nobody_ever_held_is_founded_anew_and_goes_on_counting(store: Store, stage: Stage) -> None:
    """Its founding was refused after the claim had made it; without this its record could never come into being."""
    dara, vuthy = await enrolled(stage), await enrolled(stage)
    first = await pushed(store, dara, founding=[dara.patient], room=3)
    assert isinstance(first, Claimed) and first.scopes[dara.patient].founded
    plain = await pushed(store, vuthy, scopes=[dara.patient])
    assert isinstance(plain, Claimed) and plain.scopes == {}, "without founding it is as closed as any"
    second = await pushed(store, dara, founding=[dara.patient], room=2,
                          memberships=[Membership(dara.user, dara.patient, Role.PATIENT)])
    assert isinstance(second, Claimed)
    one, two = first.scopes[dara.patient], second.scopes[dara.patient]
    assert (two.founded, two.ord, two.first) == (True, one.ord, one.first + 3)
    third = await pushed(store, dara, founding=[dara.patient], room=1)
    assert isinstance(third, Claimed)
    assert (third.scopes[dara.patient].founded, third.scopes[dara.patient].first) == (False, two.first + 2)
    late = await pushed(store, vuthy, founding=[dara.patient], room=1)
    assert isinstance(late, Claimed) and late.scopes == {}


async def test_an_ended_membership_is_one_a_scope_that_was_left_is_not_founded_anew(store: Store, stage: Stage) -> None:
    dara, vuthy = await enrolled(stage), await enrolled(stage)
    await pushed(store, dara, founding=[dara.patient],
                 memberships=[Membership(dara.user, dara.patient, Role.PATIENT, ended_at=NOW)])
    late = await pushed(store, vuthy, founding=[dara.patient], room=1)
    assert isinstance(late, Claimed) and late.scopes == {}


async def test_two_who_found_the_same_orphan_at_once_do_not_both_hold_it(store: Store, stage: Stage) -> None:
    """The second waits for the first's lock with an old snapshot: it is told to begin again, never that it founded."""
    dara, vuthy = await enrolled(stage), await enrolled(stage)
    await pushed(store, dara, founding=[dara.patient])
    claim = dara.claim({dara.patient: 1}, founding=frozenset({dara.patient}))
    async with store.transaction() as tx:
        claimed = await tx.claim(claim)
        assert isinstance(claimed, Claimed) and claimed.scopes[dara.patient].founded
        second = asyncio.create_task(pushed(store, vuthy, founding=[dara.patient]))
        await asyncio.sleep(0.2)
        await tx.write(writes(dara, claim, claimed, memberships=[Membership(dara.user, dara.patient, Role.PATIENT)]))
    (answer,) = await asyncio.gather(second, return_exceptions=True)
    assert isinstance(answer, Overtaken) or (isinstance(answer, Claimed) and answer.scopes == {}), answer
    again = await pushed(store, vuthy, founding=[dara.patient])
    assert isinstance(again, Claimed) and again.scopes == {}


@pytest.mark.parametrize("stage", DATABASES, indirect=True)
async def test_S32_what_a_stranger_wrote_into_a_scope_is_not_read_by_its_holders(stage: Stage) -> None:
    """A request that lost would carry any words past the patient's consent; her own lost words are hers to read."""
    store = stage.store
    assert isinstance(store, Ledger)
    sokha, vuthy = await founded(store, await enrolled(stage)), await enrolled(stage)
    for writer in (vuthy, sokha):
        row, batch = dose(sokha.user), new_id()
        line = journal(writer, batch, row, outcome=Outcome.SUPERSEDED, code=Because.OLDER_EDIT,
                       fields={"note": "call me"}, role=str(Role.STRANGER))
        await pushed(store, writer, batch_id=batch, lines=[line])
    found = await losers(store.database, LosersAsk(sokha.user, NOW, READABLE))
    assert [one.entry.user for one in found] == [sokha.user]
