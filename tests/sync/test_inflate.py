"""A gzip body is unpacked whole or refused, and never beyond its limit (hardening.md 2.2)."""

from __future__ import annotations

import gzip
import time
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.inflate import read_gzip
from sync.problem import Code, Refusal

MIB = 1 << 20


def refusal(body: bytes, max_bytes: int = MIB) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read_gzip(body, max_bytes=max_bytes)
    return caught.value


@given(st.binary(max_size=5000), st.integers(0, 9))
def test_what_was_packed_comes_back(content: bytes, level: int) -> None:
    assert read_gzip(gzip.compress(content, level), max_bytes=MIB) == content


def test_a_body_of_exactly_the_limit_is_read_and_one_byte_more_is_not() -> None:
    assert len(read_gzip(gzip.compress(b"a" * MIB), max_bytes=MIB)) == MIB
    caught = refusal(gzip.compress(b"a" * (MIB + 1)))
    assert (caught.code, caught.status, caught.extra) == (Code.TOO_LARGE, 413, {"limits": {"max_bytes": MIB}})


def test_a_bomb_is_not_unpacked_beyond_the_limit() -> None:
    bomb = gzip.compress(b"\0" * (200 * MIB), 9)
    tracemalloc.start()
    began = time.perf_counter()
    assert refusal(bomb).code is Code.TOO_LARGE
    took, peak = time.perf_counter() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"{len(bomb)} bytes packed, {took * 1e3:.2f} ms, peak {peak / MIB:.1f} MiB")
    assert peak < 4 * MIB


def test_a_packed_body_over_the_limit_is_refused_before_unpacking() -> None:
    assert refusal(b"not gzip at all", max_bytes=14).code is Code.TOO_LARGE


GOOD = gzip.compress(b'{"changes":[]}' * 20)
BROKEN = {
    "nothing": (b"", "gzip_truncated"),
    "plain JSON": (b'{"changes":[]}', "gzip"),
    "zlib instead of gzip": (zlib.compress(b"{}"), "gzip"),
    "raw deflate": (zlib.compress(b"{}", wbits=-15), "gzip"),
    "only the header": (GOOD[:10], "gzip_truncated"),
    "cut in the data": (GOOD[:20], "gzip_truncated"),
    "cut in the checksum": (GOOD[:-5], "gzip_truncated"),
    "without its last byte": (GOOD[:-1], "gzip_truncated"),
    "wrong checksum": (GOOD[:-8] + b"\0\0\0\0" + GOOD[-4:], "gzip"),
    "wrong length": (GOOD[:-4] + b"\0\0\0\0", "gzip"),
    "second member": (GOOD + GOOD, "gzip_trailing"),
    "empty second member": (GOOD + gzip.compress(b""), "gzip_trailing"),
    "padding": (GOOD + b"\0", "gzip_trailing"),
    "plain text behind": (GOOD + b"{}", "gzip_trailing"),
}


@pytest.mark.parametrize(("body", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_body_is_refused_with_its_reason(body: bytes, reason: str) -> None:
    caught = refusal(body)
    assert (caught.code, caught.status, caught.extra) == (Code.UNREADABLE, 400, {"reason": reason})


@given(st.integers(0, len(GOOD) - 1))
def test_no_beginning_of_a_body_passes_for_the_whole(length: int) -> None:
    assert refusal(GOOD[:length]).code is Code.UNREADABLE


@given(st.binary(max_size=200))
def test_any_bytes_are_content_or_a_refusal(body: bytes) -> None:
    for candidate in (body, GOOD[:10] + body):
        try:
            read_gzip(candidate, max_bytes=MIB)
        except Refusal as caught:
            assert caught.code in (Code.UNREADABLE, Code.TOO_LARGE)
