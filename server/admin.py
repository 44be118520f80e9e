"""What an operator does from the command line: verify a doctor, by hand and on record (R-004).

The account's state and its line in the audit are one transaction; the profile that others see follows by a push of the
system's actor. Knows no web.
"""

from __future__ import annotations

from uuid import uuid4

from server.house import House
from server.write import settle
from storage.accounts.accounts import account_of, change_state, credentials_of
from storage.accounts.audit import Deed, Origin, record
from storage.accounts.states import AccountState
from storage.phones import canonical_name
from sync.access import USER_SCOPE, scope_name
from sync.clock import DeviceTime
from sync.identity import SYSTEM_DEVICE, SYSTEM_USER
from sync.push import Pushed, Settlement
from sync.record import Change, Op, Outcome
from sync.values import instant_of_ms

HERE = Origin("local")


class NotADoctorError(LookupError):
    """Nobody of that name, or no doctor; the message says which."""


async def doctor_named(house: House, name: str) -> str:
    """The account of a phone (in any Cambodian notation) or e-mail. Raises NotADoctorError, or Unfit for no name."""
    async with house.database.reading() as reading:
        found = await credentials_of(reading, canonical_name(name))
    if found is None:
        raise NotADoctorError("No account has this phone or e-mail.")
    return found.account_id


async def verify_doctor(house: House, account_id: str) -> None:
    """From the next request on the doctor may prescribe. Raises NotADoctorError. A second time changes nothing."""
    now = instant_of_ms(house.now_ms())

    async def once() -> None:
        async with house.database.writing() as writing:
            account = await account_of(writing, account_id)
            if account is None or account.role != "doctor":
                raise NotADoctorError("This account is no doctor's.")
            if account.state != AccountState.VERIFIED:
                await change_state(writing, account_id, AccountState.VERIFIED)
                await record(writing, Deed(None, "system", "doctor_verified", "account", account_id), HERE, now)

    await house.database.retrying(once)
    settlement = await _show(house, account_id)
    assert settlement.results[0].outcome in (Outcome.APPLIED, Outcome.DUPLICATE), settlement.results[0].code


async def _show(house: House, account_id: str) -> Settlement:
    change_id = str(uuid4())
    change = Change(0, change_id, "profile", account_id, (scope_name(USER_SCOPE, account_id),), Op.PATCH, 0,
                    {"verified": True}, digest=change_id)
    pushed = Pushed(SYSTEM_USER, SYSTEM_DEVICE, None, str(uuid4()), [change], DeviceTime(None))
    return await settle(house, pushed, house.now_ms())
