"""What Sokha did with her doses, at the real server's door: the scenes of adherence and of the worklist."""

from __future__ import annotations

from typing import Any

from sync.record import Outcome
from tests.cast import Person, Treatment
from tests.server.endpoint_stage import Town


async def acts(town: Town, made: Treatment, said: dict[str, str], person: Person | None = None, **more: Any) -> None:
    """Records doses of one line, by `date slot`, when they were due, from the phone of that person."""
    phone = (person or town.sokha).phone
    doses = {f"{dose['nominal_date']} {dose['slot']}": dose for dose in await made.doses(phone)}
    changes = [made.act(phone, doses[key]["id"], action, base=doses[key]["version"],
                        at=doses[key]["due_at"] if action == "taken" else None, **more)
               for key, action in said.items()]
    settled = await phone.push(*changes)
    assert {result.outcome for result in settled.results} <= {Outcome.APPLIED}, settled.results


def mornings(first: int, last: int, action: str = "taken") -> dict[str, str]:
    return {f"2026-11-{day} MORN": action for day in range(first, last + 1)}


async def treated_ten_days(town: Town) -> Treatment:
    """One morning pill a day, from today on; Dr Lim sees everything; it is the evening of the tenth day. Taken on
    seven days, skipped once, missed twice."""
    await town.cast.connect(town.lim, "allowed")
    made = await town.cast.prescribed(town.lim.phone, confirm=True, MORN=1)
    town.stage.at("2026-11-30T20:00:00+07:00")
    await acts(town, made, mornings(22, 28))
    await acts(town, made, mornings(29, 29, "skipped"))
    return made
