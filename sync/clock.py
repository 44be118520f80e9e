"""Hybrid logical clocks and the correction of phones' wrong clocks. Asks no clock itself: every time is an argument.

An hlc travels as fixed-width text `mmmmmmmmmmmm-cccc-<device uuid>` (48-bit milliseconds, 16-bit counter, hex), so that
comparing text is comparing (time, counter, device) and no 64-bit number meets JavaScript. Clocks are corrected, clamped
and flagged, never refused (R-201, F-62); sync-protocol.md section 8.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

LEAVE_ALONE_MS = 120_000  # smaller offsets are network delay, not a wrong clock
FUTURE_SLACK_MS = 60_000  # later than this is clamped to now and flagged
HLC_SLACK_MS = 120_000  # an hlc further from the corrected time is replaced (DESIGN.md 11)
MAX_COUNTER = 0xFFFF
MAX_MS = (1 << 48) - 1

_HLC = re.compile(r"[0-9a-f]{12}-[0-9a-f]{4}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def stamp(ms: int, counter: int, device: str) -> str:
    """The wire text of one hybrid logical time."""
    return f"{min(max(ms, 0), MAX_MS):012x}-{min(counter, MAX_COUNTER):04x}-{device}"


def is_hlc(text: object) -> bool:
    return isinstance(text, str) and _HLC.fullmatch(text) is not None


def ms_in(hlc: str) -> int:
    return int(hlc[:12], 16)


def counter_in(hlc: str) -> int:
    return int(hlc[13:17], 16)


def device_in(hlc: str) -> str:
    return hlc[18:]


class Clock:
    """One device's hybrid logical clock: never repeats, never goes back, always after what it has seen."""

    def __init__(self, device: str, last: str | None = None) -> None:
        self.device = device
        self.last = last or stamp(0, 0, device)

    def tick(self, now_ms: int) -> str:
        """A new time at or after `now_ms`, greater than every time ticked or seen before."""
        ms, counter = ms_in(self.last), counter_in(self.last)
        if now_ms > ms:
            ms, counter = now_ms, 0
        elif counter == MAX_COUNTER:
            ms, counter = ms + 1, 0
        else:
            counter += 1
        self.last = stamp(ms, counter, self.device)
        return self.last

    def see(self, hlc: str) -> None:
        """Takes note of a time from elsewhere, so that the next tick is after it."""
        if hlc[:17] > self.last[:17]:
            self.last = hlc[:18] + self.device


@dataclass(frozen=True, slots=True)
class DeviceTime:
    """What a batch says of its device's clock at the moment of sending. Milliseconds; `boot_id` names one uptime."""

    client_now: int | None
    boot_id: str | None = None
    mono_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Touch:
    """When a finger touched the screen, as the device told it. Milliseconds since 1970 by its own clock."""

    recorded_at: int | None
    boot_id: str | None = None
    mono_ms: int | None = None
    hlc: str | None = None


@dataclass(frozen=True, slots=True)
class Corrected:
    """A touch on the server's clock: `hlc` orders it, `suspect` says that the device claimed the future."""

    recorded_at: int
    hlc: str
    suspect: bool


def offset_ms(device: DeviceTime, now_ms: int) -> int:
    """How far the device's wall clock is behind the server's; 0 where the device did not tell."""
    return 0 if device.client_now is None else now_ms - device.client_now


def correct(device_id: str, device: DeviceTime, touches: Sequence[Touch], now_ms: int) -> list[Corrected]:
    """Moves all touches of one batch onto the server's clock, order and spacing kept (R-201).

    Within one boot the monotonic clock decides; otherwise one offset moves every time. What still lies in the future
    is clamped to now and flagged. An hlc that strays from the corrected time, or names another device, is replaced.
    """
    times = [_on_server_clock(device, touch, now_ms) for touch in touches]
    clamped = [min(time, now_ms) if time > now_ms + FUTURE_SLACK_MS else time for time in times]
    # One stray hlc condemns the batch's others too: mixing told and replaced times would break their order.
    if all(_fits(touch.hlc, device_id, time, now_ms) for touch, time in zip(touches, clamped, strict=True)):
        hlcs = [touch.hlc or "" for touch in touches]
    else:
        order = sorted(range(len(touches)), key=lambda i: (touches[i].hlc or "", touches[i].recorded_at or 0, i))
        place = {index: position for position, index in enumerate(order)}
        hlcs = [stamp(time, place[i], device_id) for i, time in enumerate(clamped)]
    return [Corrected(c, h, t != c) for c, h, t in zip(clamped, hlcs, times, strict=True)]


def _fits(hlc: str | None, device_id: str, recorded: int, now_ms: int) -> bool:
    return (
        is_hlc(hlc)
        and hlc is not None
        and device_in(hlc) == device_id
        and abs(ms_in(hlc) - recorded) <= HLC_SLACK_MS
        and ms_in(hlc) <= now_ms + FUTURE_SLACK_MS
    )


def _on_server_clock(device: DeviceTime, touch: Touch, now_ms: int) -> int:
    if touch.recorded_at is None:
        return now_ms
    same_boot = touch.boot_id is not None and touch.boot_id == device.boot_id
    if same_boot and touch.mono_ms is not None and device.mono_ms is not None and touch.mono_ms <= device.mono_ms:
        return now_ms - (device.mono_ms - touch.mono_ms)
    offset = offset_ms(device, now_ms)
    return touch.recorded_at if abs(offset) <= LEAVE_ALONE_MS else touch.recorded_at + offset
