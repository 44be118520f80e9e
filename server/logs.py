"""The process's log: JSON lines in UTC with request ids, and nothing that could be about anybody's health (S-52).

Bodies, queries, tokens, names, phones and texts of exceptions never come here; a fault is logged by its type and the
places in our code it passed through. Knows structlog and the standard library's logging; no route and no rule.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

request_id: ContextVar[str] = ContextVar("request_id", default="")

SAME_FAULT_EVERY_S = 10.0
"""An identical fault of a library is written this often, with the number of those kept back (S-52)."""
MOST_FAULTS_REMEMBERED = 1_000
MAX_VALUE_CHARS = 300
MAX_FRAMES = 8

_access = structlog.get_logger("dastern.access")
_errors = structlog.get_logger("dastern.error")


def configure(level: str) -> None:
    """Sends our own and the libraries' lines to standard error as JSON, from `level` on."""
    processors: list[Processor] = [_with_request_id, structlog.processors.add_log_level,
                  structlog.processors.TimeStamper(fmt="iso", utc=True), _printable]
    structlog.configure(
        processors=[*processors, structlog.processors.JSONRenderer(ensure_ascii=True)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=lambda *_: _Output(), cache_logger_on_first_use=False,
    )
    handler = _Foreign()
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=processors, keep_exc_info=False, keep_stack_info=False,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.JSONRenderer(ensure_ascii=True)],
    ))
    handler.addFilter(_Quiet())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(logging.INFO, logging.getLevelNamesMapping()[level]))
    for name in ("aiohttp.access", "socketio", "engineio", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)  # at INFO they write packets, queries and referers


def access(*, method: str, route: str, status: int, seconds: float, user: str | None, size: int) -> None:
    """One finished request: the route's template, never the address itself."""
    _access.info("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1), user=user,
                 bytes=size)


def fault(what: str, error: BaseException) -> None:
    """An exception that nobody expected: its type and its way through our code; its text may hold a patient's data."""
    frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    _errors.error(what, fault=type(error).__name__,
                  way=[f"{_module(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames])


def _module(path: str) -> str:
    return "/".join(path.split("/")[-2:])


class _Output:
    """Standard error, line by line. A full disk or a collector that died costs lines, never a request (I-20)."""

    def msg(self, line: str) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = msg


class _Foreign(logging.Handler):
    """What libraries log, on the same way out."""

    def emit(self, record: logging.LogRecord) -> None:
        _Output().msg(self.format(record))


class _Quiet(logging.Filter):
    """Takes the traceback and the input out of libraries' lines, and the repetition (hardening 2.2)."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None:
            record.msg, record.args = f"{str(record.msg)[:80]} ({type(record.exc_info[1]).__name__})", ()
            record.exc_info = record.exc_text = None
        if record.levelno < logging.WARNING:
            return True
        key, now = (record.name, str(record.msg)), time.monotonic()
        last, kept_back = self._seen.get(key, (-SAME_FAULT_EVERY_S, 0))
        if now - last < SAME_FAULT_EVERY_S:
            self._seen[key] = (last, kept_back + 1)
            return False
        if len(self._seen) > MOST_FAULTS_REMEMBERED:
            self._seen.clear()
        self._seen[key] = (now, 0)
        if kept_back:
            record.msg, record.args = f"{record.getMessage()} ({kept_back} more like it kept back)", ()
        return True


def _with_request_id(_logger: Any, _name: str, event: EventDict) -> EventDict:
    current = request_id.get()
    return {**event, "request_id": current} if current else event


def _printable(_logger: Any, _name: str, event: EventDict) -> EventDict:
    """Long values are cut; the renderer escapes control characters and everything beyond ASCII."""
    return {name: value[:MAX_VALUE_CHARS] if isinstance(value, str) else value for name, value in event.items()}
