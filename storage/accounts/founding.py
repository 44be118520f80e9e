"""The first rows of a new account: its profile, and for a patient their own record, by one push (R-002, R-003, F-55).

The new user is the author, so `user:<id>` and `patient:<id>` are founded as theirs; the profile's words of the
server (role, phone, e-mail) follow by a rule of this one push. In the same transaction as the account: all or nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from storage.accounts.accounts import NewAccount
from sync.access import PATIENT_SCOPE, USER_SCOPE, Role, scope_name
from sync.clock import DeviceTime
from sync.identity import deed_id
from sync.kind import Kinds, Refused
from sync.push import Pushed, Settlement, push
from sync.record import Change, Op, Row
from sync.rule import Rule, Rules
from sync.store import Tx
from sync.working import Working

PATIENT = "patient"


async def found_rows(
    tx: Tx, kinds: Kinds, rules: Rules, new: NewAccount, *, device: str, session: str,
    profile: Mapping[str, Any], patient: Mapping[str, Any], now_ms: int,
) -> Settlement:
    """Pushes the rows of an account that this transaction has just made. `patient` is used for role patient alone."""
    changes = [_created(0, "profile", USER_SCOPE, new.id, profile)]
    if new.role == PATIENT:
        changes.append(_created(1, "patient", PATIENT_SCOPE, new.id, patient))
    pushed = Pushed(new.id, device, session, deed_id(new.id, "registration"), changes, DeviceTime(None))
    told = {**rules, "profile": (*rules.get("profile", ()), _words_of(new))}
    return await push(tx, kinds, told, pushed, now_ms)


def _created(i: int, kind: str, prefix: str, id_: str, fields: Mapping[str, Any]) -> Change:
    digest = hashlib.sha256(json.dumps(dict(fields), sort_keys=True).encode()).hexdigest()[:32]
    return Change(i, deed_id(id_, f"registration of {kind}"), kind, id_, (scope_name(prefix, id_),), Op.UPSERT, 0,
                  fields, digest=digest)


def _words_of(new: NewAccount) -> Rule:
    def rule(work: Working, before: Row | None, after: Row, change: Change, role: Role) -> Refused | None:
        work.put("profile", after.home, after.id, {
            "role": new.role, "verified": False, "phone": new.phone, "email": new.email})
        return None

    return rule
