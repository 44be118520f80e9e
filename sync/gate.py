"""The strict JSON gate: from the bytes of a body to a value, for HTTP, Socket.IO, webhooks and queues alike.

Knows RFC 8259 and our limits (hardening.md 2.3, S-57, S-58); does not know kinds, fields, languages, media types or
gzip (`sync/inflate.py`). What makes a *body* unreadable is raised; what makes one *value* wrong is marked with `Bad`
and stays in its place, so that in a batch it costs one change and its neighbours are applied (F-60, I-13).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from itertools import accumulate, islice
from typing import Any, NoReturn

from sync.problem import Code, FieldCode, FieldProblem, Refusal

MAX_DEPTH = 32
"""Arrays and objects inside one another; a body of one array has depth 1."""

MAX_VALUES = 50_000
"""Values in one body: 500 changes of 100 values. Without it 1 MiB of `{},` holds the event loop for 200 ms."""

MAX_INTEGER_DIGITS = 20
MAX_FRACTION_CHARS = 40
MIN_EXPONENT = -40
"""Of the leading digit of a fraction: `1e-999999999` is small in memory and a gigabyte when printed."""

MAX_PROBLEMS_TOLD = 50
"""Problems listed by one `find_bad`; a hostile body holds a hundred thousand."""

MAX_KEY_TOLD = 64
"""Characters of a key of the sender's that a problem's path repeats."""


class Bad:
    """A value that could be read but not accepted, standing where it was sent.

    `code` is `BAD_TEXT` or `NUMBER_INVALID`. `repaired` is the text with each lone surrogate as U+FFFD, for free text
    columns only (half an emoji must not cost a recorded dose); None where nothing can be repaired (NUL, numbers).
    `rest` holds the readable members of an object that was refused for a key, so that an outcome can still name its
    change. Deliberately no dataclass and no str: neither json nor orjson nor a driver will write it down by mistake.
    """

    __slots__ = ("code", "repaired", "rest")

    def __init__(self, code: FieldCode, *, repaired: str | None = None, rest: dict[str, Any] | None = None) -> None:
        self.code = code
        self.repaired = repaired
        self.rest = rest

    def __repr__(self) -> str:
        return f"Bad({self.code})"  # never the text: a traceback must not hold health data (S-52)


def read_json(body: bytes, *, max_bytes: int) -> Any:
    """The value of an unpacked UTF-8 JSON body; numbers are int or Decimal, wrong values are `Bad`.

    Raises `Refusal(TOO_LARGE)` with `extra["limits"]` for more than `max_bytes` bytes or `MAX_VALUES` values, and
    `Refusal(UNREADABLE)` with `extra["reason"]` for all else: empty, bom, utf8, nesting (deeper than `MAX_DEPTH`, or
    brackets that do not close), not_a_number (NaN, Infinity), duplicate_key, syntax (with `at`, a character index).
    No other exception leaves, RecursionError included.
    """
    if len(body) > max_bytes:
        raise Refusal(Code.TOO_LARGE, extra={"limits": {"max_bytes": max_bytes}})
    if not body:
        _unreadable("empty")
    text = _utf8(body)
    _check_shape(body)
    value = _parse(text)
    return _marked(value) if _SUSPECT_ESCAPE.search(body) else value


def find_bad(value: Any, path: str = "") -> list[FieldProblem]:
    """The `Bad` values in `value`, with dotted paths under `path` (`changes.3.fields.note`); at most
    `MAX_PROBLEMS_TOLD`, so ask for each change by itself."""
    return list(islice(_problems(value, path), MAX_PROBLEMS_TOLD))


def repair_text(text: str) -> str:
    """`text` with each lone surrogate replaced by U+FFFD; everything else stays byte-identical (S-56)."""
    return _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def _unreadable(reason: str, *details: FieldProblem, **extra: Any) -> NoReturn:
    raise Refusal(Code.UNREADABLE, *details, extra={"reason": reason, **extra})


def _utf8(body: bytes) -> str:
    if body.startswith(b"\xef\xbb\xbf"):
        _unreadable("bom")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        pass  # it carries the body; the refusal is raised outside, so that no traceback holds on to it (S-52)
    _unreadable("utf8")


# The scan before parsing sees only quotes, brackets and commas: linear, without a regular expression (S-57).
_MARKS = bytes.maketrans(b"{}", b"[]")
_NO_MARKS = bytes(set(range(256)) - set(b'"[]{},'))
_STEPS = bytes.maketrans(b"[]", b"\x01\xff")  # as signed bytes +1 and -1


def _check_shape(body: bytes) -> None:
    r"""Bounds depth and number of values. Exact on every prefix that the parser can accept, hence it never recurses
    deeper than was counted here: an escape outside a string ends parsing, and inside one `\\` and `\"` come in
    pairs from the left; taking away two adjacent quotes leaves the parity of all others as it was."""
    unescaped = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = unescaped.translate(_MARKS, _NO_MARKS)
    if marks.count(b'"') > 4 * MAX_VALUES:  # two for the value, two for its key
        _too_many_values()
    outside = b"".join(marks.replace(b'""', b"").split(b'"')[::2])
    opening = outside.count(b"[")
    if opening + outside.count(b",") >= MAX_VALUES:
        _too_many_values()
    brackets = outside.translate(_STEPS, b",")
    depths = accumulate(memoryview(brackets).cast("b"))
    if len(brackets) != 2 * opening or max(depths, default=0) > MAX_DEPTH:
        _unreadable("nesting", max_depth=MAX_DEPTH)


def _too_many_values() -> NoReturn:
    raise Refusal(Code.TOO_LARGE, extra={"limits": {"max_values": MAX_VALUES}})


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        _unreadable("duplicate_key", FieldProblem(_told(twice), FieldCode.NOT_ALLOWED))
    return members


def _integer(digits: str) -> int | Bad:
    # counted before int(): beyond 4,300 digits int() raises, and before that its time is quadratic
    return int(digits) if len(digits.lstrip("-")) <= MAX_INTEGER_DIGITS else Bad(FieldCode.NUMBER_INVALID)


def _fraction(number: str) -> Decimal | Bad:
    if len(number) > MAX_FRACTION_CHARS:
        return Bad(FieldCode.NUMBER_INVALID)
    try:
        exact = Decimal(number)
    except InvalidOperation:  # an exponent beyond ±10^18
        return Bad(FieldCode.NUMBER_INVALID)
    return exact if MIN_EXPONENT <= exact.adjusted() < MAX_INTEGER_DIGITS else Bad(FieldCode.NUMBER_INVALID)


def _not_a_number(word: str) -> NoReturn:
    _unreadable("not_a_number", FieldProblem("", FieldCode.NUMBER_INVALID, {"found": word}))


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=_integer, parse_float=_fraction, parse_constant=_not_a_number
)


def _parse(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as fault:  # carries the body too
        at = fault.pos
    except RecursionError:  # the scan came first: only a caller already deep in its own stack comes here
        _unreadable("nesting", max_depth=MAX_DEPTH)
    _unreadable("syntax", at=at)


# Text. Raw NUL and raw surrogates never pass the parser and the UTF-8 check; they can only come as escapes, and a body
# without such an escape (nearly all of them) is not walked.
_SUSPECT_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def _marked(value: Any) -> Any:
    """`value` with unacceptable text replaced by `Bad`; an object with an unacceptable key becomes `Bad` whole."""
    if isinstance(value, str):
        return _checked_text(value)
    if isinstance(value, list):
        return [_marked(item) for item in value]
    if not isinstance(value, dict):
        return value
    members = {key: _marked(item) for key, item in value.items() if isinstance(_checked_text(key), str)}
    return members if len(members) == len(value) else Bad(FieldCode.BAD_TEXT, rest=members)


def _checked_text(text: str) -> str | Bad:
    if "\0" in text:
        return Bad(FieldCode.BAD_TEXT)
    return Bad(FieldCode.BAD_TEXT, repaired=repair_text(text)) if _LONE_SURROGATE.search(text) else text


def _problems(value: Any, path: str) -> Iterator[FieldProblem]:
    if isinstance(value, Bad):
        yield FieldProblem(path, value.code)
    elif isinstance(value, dict):
        for key, item in value.items():
            if type(item) in _MAY_BE_BAD:  # before the path is made: paths of good values cost ten times the walk
                yield from _problems(item, _under(path, _told(key)))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            if type(item) in _MAY_BE_BAD:
                yield from _problems(item, _under(path, str(place)))


_MAY_BE_BAD = frozenset({Bad, dict, list})


def _under(path: str, step: str) -> str:
    return f"{path}.{step}" if path else step


def _told(key: str) -> str:
    return repair_text(key[:MAX_KEY_TOLD])
