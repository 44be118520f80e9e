"""How long to wait after a failed sync (R-206): jitter, 1 s doubling to 60 s. Pure; randomness is an argument."""

from __future__ import annotations

FIRST_S = 1.0
MOST_S = 60.0
SYNC_EVERY_S = 300.0  # online, when nothing calls for a sync earlier


def next_delay(attempt: int, random: float) -> float:
    """Seconds before the next try after `attempt` failures in a row (from 1); `random` in [0, 1) spreads the phones.

    Between half of the step and the whole of it, so that a village whose mast returns does not call at once.
    """
    step = min(MOST_S, FIRST_S * 2.0 ** min(max(attempt, 1) - 1, 10))
    return step * (0.5 + random / 2)


def wait_after(attempt: int, random: float, retry_after_s: float | None) -> float:
    """The same, but never earlier than the server asked for."""
    return max(next_delay(attempt, random), retry_after_s or 0.0)
