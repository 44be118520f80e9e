"""Moving windows of one process: request n of a window passes, n+1 does not, and a refused one leaves no trace (R-400).

Our own forty lines, for the library's in-process storage walks over every key, one thread hop each, at every request.
At most 100,000 keys (S-22). Knows keys and times; not who stands behind a key.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass

MAX_KEYS = 100_000
SWEPT_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Standing:
    """What a key has left. `reset_s` is how long until the oldest request leaves the window; `wait_s` the same if this
    one was refused, 0 if it passed."""

    passed: bool
    limit: int
    remaining: int
    reset_s: float
    wait_s: float


class FullError(RuntimeError):
    """There is no room for another key; whoever guards a secret refuses then."""


class Windows:
    """Counts by key. Times are seconds of one clock that never goes back."""

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._passed: OrderedDict[str, deque[float]] = OrderedDict()  # oldest first; the key longest unused first
        self._ends: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._passed)

    def hit(self, key: str, limit: int, window_s: float, now: float) -> Standing:
        """Lets one more pass, if fewer than `limit` passed in the last `window_s`. Raises FullError for a new key."""
        self._sweep(now)
        times = self._passed.get(key)
        if times is None:
            if len(self._passed) >= self._max_keys:
                raise FullError
            times = self._passed[key] = deque()
        while times and times[0] <= now - window_s:
            times.popleft()
        passed = len(times) < limit
        if passed:
            times.append(now)
            self._ends[key] = now + window_s
            self._passed.move_to_end(key)
        reset_s = times[0] + window_s - now if times else 0.0
        return Standing(passed, limit, limit - len(times), reset_s, 0.0 if passed else reset_s)

    def _sweep(self, now: float) -> None:
        """A few of the keys that were unused for longest: the cost of forgetting is spread over all requests."""
        for key in [key for key, _ in zip(self._passed, range(SWEPT_AT_ONCE), strict=False)]:
            if self._ends.get(key, now) > now:
                return
            del self._passed[key]
            self._ends.pop(key, None)
