"""Dr Lim at the clinic: prescribes and changes a prescription urgently, over the REST endpoints that the sources name.

Knows bodies of prescriptions; no phone and no replica.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date
from typing import Any

from server.demo.chronicle import StoryBroken
from server.demo.medicines import Medicine, Prescribed, less, new_prescription
from server.demo.rest import Rest, Someone

WITHIN_S = 15.0
POLL_S = 0.2
REASON = "ជាតិស្ករក្នុងឈាមទាបពេក (blood sugar too low in the evening)"


@dataclass(frozen=True, slots=True)
class Doctor:
    """A verified doctor in front of a browser."""

    rest: Rest
    who: Someone

    async def accept(self, connection: str) -> None:
        await self.rest.ask("PUT", f"/connections/{connection}/accept", self.who)

    async def prescribe(self, patient: Someone, medicine: Medicine, today: date) -> Prescribed:
        """A new form with one line."""
        made = new_prescription(medicine)
        await self.rest.ask("POST", "/prescriptions", self.who, {
            "id": made.id, "patient_id": patient.user, "diagnosis": medicine.diagnosis,
            "lines": [medicine.line(made.line_id, today)]})
        return made

    async def stop_slot_urgently(self, prescribed: Prescribed, slot: str) -> dict[str, Any]:
        """The next version of what is in force, without one slot; in force at once (R-087). Answers the form."""
        stands = await self.rest.ask("GET", f"/prescriptions/{prescribed.id}", self.who)
        lines = [less(line, slot) for line in stands["current"]["lines"]]
        changed: dict[str, Any] = await self.rest.ask("PUT", f"/prescriptions/{prescribed.id}", self.who, {
            "base_version": stands["current_version"], "urgent": True, "reason": REASON, "lines": lines})
        return changed

    async def hears(self, notice: str, times: int) -> None:
        """Returns once so many notices of this name have come. Raises StoryBroken."""
        for _ in range(round(WITHIN_S / POLL_S)):
            if sum(one["notice"] == notice for one in await self.notices()) >= times:
                return
            await asyncio.sleep(POLL_S)
        raise StoryBroken(f"Dr Lim is told {notice} {times} times within {WITHIN_S:.0f} s")

    async def notices(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.rest.ask("GET", "/notifications?limit=100", self.who))["items"]
        return items
