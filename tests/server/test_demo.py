"""`dastern demo` keeps its word: it succeeds on both databases, leaves nothing behind, and fails if a phone differs.

The whole story runs as a user runs it, as a process with processes of its own; the verdict is tried on a phone whose
file somebody tampered with. Knows the story's lines; not how it is told.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.demo import INTERRUPTED, UNFIT, tell
from server.demo.compare import differences, verdict
from server.demo.phone import GROUPS
from sync.replica.replica import Instruments, Replica
from tests.house.tree import ROOT

WITHIN_S = 180  # a busy machine; alone it takes about twenty
LINES = (
    "សុខា", "ប៉ារ៉ាសេតាម៉ុល", "Example-MR-Dosage-1020",
    "is killed (-9) with the phone's batch committed; the answer is lost",
    "is killed (-9) once more",
    "4 applied, 1 merged, 1 superseded, 1 rejected",
    "is told of a possible double dose and of a contradiction",
    "Dara's browser stays silent",
    "last night's capsule is accepted late",
    "a stranger who knows every id",
    "kept one, sent again", "(superseded)", "accepted_late", "earliest_kept", "server_wins", "older_edit",
    "អាចនឹងបានប្រើថ្នាំពីរដង", "Possible double dose",
    "revoked",
    "No phone differs from the server",
)
USER, DEVICE = "0199a8f0-0000-7000-8000-000000000001", "0199a8f0-0000-7000-8000-0000000000d1"
HOME = f"patient:{USER}"
DOSES = [f"0199a8f0-0000-7000-8000-0000000000a{n}" for n in range(3)]


@pytest.fixture(params=["sqlite", "postgres"])
def words(request: pytest.FixtureRequest) -> list[str]:
    """What stands behind `dastern demo` for each database."""
    if request.param == "sqlite":
        return []
    return ["--database-url", request.getfixturevalue("empty_postgres_url")]


def started(words: list[str], folder: Path) -> subprocess.Popen[str]:
    """The demo, without a terminal, in a place where ours cannot help it."""
    program = "import sys; from server.demo import tell; sys.exit(tell(sys.argv[1:]))"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder), "LC_ALL": "C", "PYTHONUTF8": "0",
                                "PYTHONCOERCECLOCALE": "0"}
    return subprocess.Popen([sys.executable, "-c", program, *words], cwd=folder, env=environment, text=True,
                            encoding="utf-8", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def servers_in(said: str) -> list[int]:
    return [int(pid) for pid in re.findall(r"process (\d+)", said)]


def test_the_story_ends_well_on_each_database_and_leaves_nothing_behind(words: list[str], tmp_path: Path) -> None:
    """F-01, F-02, F-24, F-61, F-62, P01: told with real processes; anything that does not hold breaks it off."""
    demo = started(words, tmp_path)
    said, _ = demo.communicate(timeout=WITHIN_S)
    assert demo.returncode == 0, said
    flat = " ".join(said.split())  # tables and long lines are folded
    missing = [line for line in LINES if line not in flat]
    assert not missing, said
    servers = servers_in(flat)
    assert len(set(servers)) == 3, "killed twice, it ran three times"
    assert not [pid for pid in servers if is_alive(pid)]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_server_that_the_demo_started_and_tidies_up(how: signal.Signals, tmp_path: Path) -> None:
    demo = started([], tmp_path)
    assert demo.stdout is not None
    said = ""
    try:
        for line in demo.stdout:
            said += line
            if "runs as process" in line:
                break
        demo.send_signal(how)
        said += demo.stdout.read()
        assert demo.wait(WITHIN_S) == INTERRUPTED, said
    finally:
        demo.kill()
        demo.wait()
    servers = servers_in(said)
    assert servers, said
    assert not [pid for pid in servers if is_alive(pid)]
    assert list(tmp_path.iterdir()) == []


def test_words_it_does_not_know_are_refused_with_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell(["--fast"]) == UNFIT
    assert tell(["--database-url"]) == UNFIT
    assert "Usage: dastern demo" in capsys.readouterr().err


# the verdict


def page(*, scopes: tuple[str, ...] = (HOME,), doses: int = 3) -> dict[str, Any]:
    rows = [{"id": id_, "version": 4, "line_id": DOSES[0], "action": "taken", "at": "2026-11-21T01:00:00.000000Z",
             "amount": "1", "reason": None, "note": None} for id_ in DOSES[:doses]]
    return {
        "epoch": "e1", "cursor": "c1", "has_more": False,
        "scopes": {"added": [{"name": name, "role": "patient"} for name in scopes], "rebuilt": [], "removed": []},
        "changes": [{"kind": "dose_event", "home": HOME, "id": row["id"], "op": "put", "scopes": list(scopes),
                     "version": row["version"], "row": row} for row in rows],
    }


@contextlib.contextmanager
def replica(path: str, told: dict[str, Any]) -> Iterator[Replica]:
    bits = iter(range(1, 1000))
    instruments = Instruments(time_of_a_scene, time_of_a_scene, lambda n: next(bits), "boot")
    one = Replica(path, USER, DEVICE, instruments, GROUPS)
    one.pages.take(told, ())
    try:
        yield one
    finally:
        one.close()


def time_of_a_scene() -> int:
    return 1_795_222_800_000


def compared(phone: Replica, told: dict[str, Any]) -> list[str]:
    with replica(":memory:", told) as fresh:
        return differences("phone", phone, fresh)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "phone.sqlite"


def doctored(file: Path, statement: str) -> None:
    """Somebody changes the phone's file behind its back."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as db:
        assert db.execute(statement).rowcount == 1


def test_a_phone_that_holds_what_the_server_tells_differs_in_nothing(file: Path) -> None:
    with replica(str(file), page()) as phone:
        assert compared(phone, page()) == []
        assert verdict(compared(phone, page())) == 0


@pytest.mark.parametrize(("statement", "what"), [
    (f"UPDATE told SET body = json_set(body, '$.amount', '2') WHERE id = '{DOSES[1]}'", "other content in amount"),
    (f"UPDATE told SET version = 3 WHERE id = '{DOSES[1]}'", "version 3 here, 4 on the server"),
    (f"DELETE FROM told WHERE id = '{DOSES[1]}'", "only on the server"),
    (f"UPDATE told SET deleted = 1, body = NULL WHERE id = '{DOSES[1]}'", "only on the server"),
])
def test_a_row_that_differs_is_named_and_ends_the_demo_with_a_failure(file: Path, statement: str, what: str) -> None:
    """P01: count, version and content; what was not touched is not named."""
    with replica(str(file), page()) as phone:
        doctored(file, statement)
        found = compared(phone, page())
    assert f"phone: dose_event {DOSES[1]}: {what}" in found
    assert not [sentence for sentence in found if DOSES[0] in sentence or DOSES[2] in sentence]
    assert verdict(found) == 1


def test_a_row_that_the_server_does_not_tell_is_named(file: Path) -> None:
    """P07: what should have been purged is a difference."""
    with replica(str(file), page()) as phone:
        found = compared(phone, page(doses=2))
        assert found == ["phone: 3 rows here, 2 on the server", f"phone: dose_event {DOSES[2]}: only here"]
        gone = compared(phone, page(scopes=(), doses=0))
    assert f"phone: {HOME}: here patient, on the server not held" in gone


def test_a_word_that_never_reached_the_server_is_a_difference(file: Path) -> None:
    """F-02: an outbox that is not empty in the end, and what its owner sees because of it."""
    with replica(str(file), page()) as phone:
        phone.record("dose_event", [HOME], DOSES[0], {"action": "skipped", "reason": "other"})
        found = compared(phone, page())
    assert found == ["phone: 1 changes have not reached the server",
                     f"phone: dose_event {DOSES[0]}: its owner sees something else"]


def test_many_differences_are_counted_rather_than_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.demo.compare.MOST_NAMED", 1)
    with replica(str(file), page()) as phone:
        assert compared(phone, page(doses=1))[-1] == "phone: 1 more rows differ"
