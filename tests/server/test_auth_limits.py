"""Limits of requests (R-400, F-37, S-20, S-21, S-22): the exact boundary, who is counted, and when counting fails."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from multidict import CIMultiDict

from server import limit_windows
from server.client_address import client_address, read_proxies
from server.limit_windows import FullError, Windows
from server.limits import API, AUTH, REFRESH, SYNC, InProcess, InRedis, Limit, Limits, address_key
from sync.problem import Code, Refusal
from tests.servers.redis import RedisServer


class Clock:
    """Seconds, set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def passes(limits: Limits, limit: Limit, key: str = "sokha") -> bool:
    try:
        await limits.check(limit, key)
    except Refusal as refusal:
        assert refusal.code is Code.TOO_MANY_REQUESTS
        return False
    return True


def test_the_values_of_rules_14() -> None:
    assert [(one.most, one.window_s) for one in (AUTH, API, SYNC)] == [(5, 60), (100, 60), (120, 60)]
    assert AUTH.guards_secret and REFRESH.guards_secret and not API.guards_secret and not SYNC.guards_secret


@pytest.mark.parametrize("limit", [AUTH, API, SYNC], ids=lambda one: one.name)
async def test_f37_request_n_passes_and_the_next_fails_though_all_come_in_one_millisecond(limit: Limit) -> None:
    clock = Clock()
    limits = Limits(own=InProcess(clock))
    assert [await passes(limits, limit) for _ in range(limit.most + 3)] == [True] * limit.most + [False] * 3
    assert await passes(limits, limit, "dara"), "each is counted alone"
    clock.now += limit.window_s - 0.001
    assert not await passes(limits, limit)
    clock.now += 0.001
    assert await passes(limits, limit), "refused requests do not prolong the wait"


async def test_the_window_moves_with_every_request() -> None:
    clock = Clock()
    limits = Limits(own=InProcess(clock))
    for _ in range(5):
        assert await passes(limits, AUTH)
        clock.now += 10
    assert not await passes(limits, AUTH)
    clock.now += 10
    assert [await passes(limits, AUTH) for _ in range(2)] == [True, False], "one left the window, one may enter"


async def test_r400_headers_count_down_and_a_refusal_says_when_to_come_back() -> None:
    clock = Clock()
    limits = Limits(own=InProcess(clock))
    told = [await limits.check(AUTH, "ip") for _ in range(5)]
    assert [one["X-RateLimit-Remaining"] for one in told] == ["4", "3", "2", "1", "0"]
    assert {one["X-RateLimit-Limit"] for one in told} == {"5"}
    clock.now += 12.5
    with pytest.raises(Refusal) as refused:
        await limits.check(AUTH, "ip")
    assert (refused.value.status, refused.value.retry_after_s) == (429, 48)
    assert refused.value.extra["headers"] == {
        "X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "48"}


async def test_s22_memory_is_bounded_guards_refuse_and_the_others_pass() -> None:
    clock = Clock()
    limits = Limits(own=InProcess(clock, Windows(max_keys=10)))
    for key in range(10):
        assert await passes(limits, API, str(key))
    assert await limits.check(API, "one more") == {}
    with pytest.raises(Refusal) as refused:
        await limits.check(AUTH, "one more")
    assert refused.value.code is Code.BUSY
    assert [await passes(limits, API, "3") for _ in range(100)] == [True] * 99 + [False], "those inside stay counted"
    clock.now += 61
    assert await passes(limits, AUTH, "one more"), "room comes back as windows end"


def test_forgotten_keys_are_gone() -> None:
    windows = Windows(max_keys=limit_windows.MAX_KEYS)
    for key in range(1000):
        windows.hit(str(key), 5, 60, float(key) / 100)
    for moment in range(200):
        windows.hit("sokha", 500, 60, 100 + moment / 1000)
    assert len(windows) == 1
    with pytest.raises(FullError):
        Windows(max_keys=0).hit("sokha", 5, 60, 0)


async def test_f37_redis_counts_alike_for_two_processes_and_parallel_requests(redis_server: RedisServer) -> None:
    one, other = InRedis(redis_server.url, wait_s=10), InRedis(redis_server.url, wait_s=10)
    try:
        limit = Limit("f37", 100)
        asked = [passes(Limits(store), limit) for store in (one, other) for _ in range(55)]
        assert sum(await asyncio.gather(*asked)) == 100
        with pytest.raises(Refusal) as refused:
            await Limits(one).check(limit, "sokha")
        assert refused.value.retry_after_s is not None and 1 <= refused.value.retry_after_s <= 60
        assert refused.value.extra["headers"]["X-RateLimit-Remaining"] == "0"
        told = await Limits(one).check(limit, "dara")
        assert (told["X-RateLimit-Limit"], told["X-RateLimit-Remaining"]) == ("100", "99")
        short = Limit("short", 2, window_s=1)
        assert [await passes(Limits(one), short) for _ in range(3)] == [True, True, False]
        await asyncio.sleep(1.05)
        assert await passes(Limits(other), short)
    finally:
        await one.close()
        await other.close()


async def test_s22_without_redis_guards_of_secrets_refuse_and_the_others_count_here() -> None:
    away = InRedis("redis://127.0.0.1:1/0")
    limits = Limits(away)
    try:
        with pytest.raises(Refusal) as refused:
            await limits.check(AUTH, "203.0.113.7")
        assert (refused.value.code, refused.value.status) == (Code.BUSY, 503)
        assert [await passes(limits, API) for _ in range(101)] == [True] * 100 + [False]
    finally:
        await away.close()


@dataclass
class Request:
    remote: str | None
    forwarded: Sequence[str] = ()

    @property
    def headers(self) -> Any:
        names = CIMultiDict([("Host", "10.0.0.9"), ("X-Forwarded-Host", "10.0.0.9"), ("Forwarded", "for=10.0.0.9")])
        for line in self.forwarded:
            names.add("x-forwarded-for", line)
        return names


PROXIES = read_proxies("10.0.0.0/8, 192.0.2.1,2001:db8:1::/48")


@pytest.mark.parametrize(("request_", "believed"), [
    (Request("203.0.113.7"), "203.0.113.7"),
    (Request("203.0.113.7", ["198.51.100.1"]), "203.0.113.7"),  # F-37: forged by somebody who is no proxy
    (Request("10.0.0.1", ["198.51.100.1"]), "198.51.100.1"),
    (Request("10.0.0.1", ["6.6.6.6, 198.51.100.1"]), "198.51.100.1"),  # F-37: forged through a proxy
    (Request("10.0.0.1", ["6.6.6.6", "198.51.100.1, 192.0.2.1"]), "198.51.100.1"),
    (Request("10.0.0.1", ["6.6.6.6, 10.9.9.9, 198.51.100.1:4711 , 10.0.0.2"]), "198.51.100.1"),
    (Request("10.0.0.1", ["6.6.6.6, nonsense, 10.0.0.2"]), "10.0.0.2"),
    (Request("10.0.0.1", [""]), "10.0.0.1"),
    (Request("10.0.0.1", ["10.0.0.3, 10.0.0.2"]), "10.0.0.3"),
    (Request("2001:db8:1::1", ["[2001:db8:2::5]:443"]), "2001:db8:2::5"),
    (Request("::ffff:10.0.0.1", ["198.51.100.1"]), "198.51.100.1"),
    (Request(None, ["198.51.100.1"]), "unknown"),
    (Request("", ["198.51.100.1"]), "unknown"),
])
def test_s21_the_address_is_the_peer_s_or_what_configured_proxies_say(request_: Request, believed: str) -> None:
    assert client_address(request_, PROXIES) == believed


def test_s21_without_configured_proxies_no_header_is_believed() -> None:
    assert client_address(Request("127.0.0.1", ["198.51.100.1"]), ()) == "127.0.0.1"


def test_a_proxy_that_is_no_address_stops_the_start_with_its_name() -> None:
    with pytest.raises(ValueError, match=r"proxy\.example"):
        read_proxies("10.0.0.1, proxy.example")


@pytest.mark.parametrize(("one", "other", "same"), [
    ("2001:db8::1", "2001:db8::ffff:ffff", True), ("2001:db8::1", "2001:db8:0:1::1", False),
    ("::ffff:203.0.113.7", "203.0.113.7", True), ("203.0.113.7", "203.0.113.8", False), ("unknown", "", True),
])
def test_s20_an_ipv6_host_is_counted_by_its_64(one: str, other: str, same: bool) -> None:
    assert (address_key(one) == address_key(other)) is same
