"""The states of an account (R-005). Knows words only; who moves them is the rest of this folder."""

from __future__ import annotations

from enum import StrEnum


class AccountState(StrEnum):
    ACTIVE = "active"
    PENDING_VERIFICATION = "pending_verification"  # doctors, pharmacies, assistants, until an administrator has looked
    VERIFIED = "verified"
    REJECTED = "rejected"
    LOCKED = "locked"
    DELETED = "deleted"


OPEN = (AccountState.ACTIVE, AccountState.PENDING_VERIFICATION, AccountState.VERIFIED, AccountState.REJECTED)
"""States that open doors. A list of these, not of the shut ones: an unknown word shuts."""
OPEN_LIST = ", ".join(f"'{state}'" for state in OPEN)  # the same for prepared text
