"""The commands as an operator runs them: real processes, real signals, files in a folder of their own (DESIGN.md 8)."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.house.tree import ROOT


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DASTERN_") and name != "PORT"}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def command(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "server.cli", *words], cwd=folder, env=environment(**more),
                          capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def running(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that serves; its address. Ended by SIGTERM, and only this one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (folder / "log.txt").open("w+")
    process = subprocess.Popen([sys.executable, "-m", "server.cli", *words], cwd=folder, text=True, stderr=log,
                               env=environment(PORT=str(port)), stdout=log)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            if process.poll() is not None or is_ready(url):
                break
            time.sleep(0.1)
        assert process.poll() is None, (folder / "log.txt").read_text()
        yield process, url
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(20)
        log.close()


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def ask(url: str, path: str, body: Any = None, token: str = "") -> Any:
    request = urllib.request.Request(f"{url}/api{path}", None if body is None else json.dumps(body).encode(),
                                     {"Content-Type": "application/json", "Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def demo_login(folder: Path, url: str, name: str) -> Any:
    for _ in range(100):
        if (folder / "var/demo-accounts.txt").exists():
            break
        time.sleep(0.1)
    line = next(line for line in (folder / "var/demo-accounts.txt").read_text().splitlines() if line.startswith(name))
    password = line.split()[-2]
    return ask(url, "/auth/login", {"phone": line[29:43].strip(), "password": password})


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `dastern run` has run once and been stopped."""
    folder = tmp_path_factory.mktemp("run")
    with running(folder, "run") as (process, url):
        tokens = demo_login(folder, url, "Sokha")
        told = ask(url, "/sync/pull", {"device_id": tokens["device_id"]}, tokens["access_token"])
        (folder / "told.json").write_text(json.dumps(told))
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        assert time.monotonic() - begun < 10, "I-21"
    return folder


def test_run_seeds_the_cast_with_doses_and_passwords_of_this_install(demo: Path) -> None:
    told = json.loads((demo / "told.json").read_text())
    kinds = {one["kind"] for one in told["changes"]}
    assert {"patient", "profile", "prescription", "prescription_version", "medication_line", "dose_event",
            "connection"} <= kinds
    assert (demo / "var/demo-accounts.txt").stat().st_mode & 0o777 == 0o600
    assert (demo / "var/token_key.txt").stat().st_mode & 0o777 == 0o600


def test_a_second_run_keeps_accounts_and_data(demo: Path) -> None:
    before = (demo / "var/demo-accounts.txt").read_text()
    with running(demo, "run") as (_, url):
        tokens = demo_login(demo, url, "Dr Lim")
        assert ask(url, "/records/prescription", token=tokens["access_token"])["items"]
    assert (demo / "var/demo-accounts.txt").read_text() == before


def test_a_second_server_on_the_same_file_is_refused(demo: Path) -> None:
    with running(demo, "run"):
        second = command(demo, "serve", DASTERN_PORT="0")
        assert (second.returncode, "Another server" in second.stderr, "Traceback" in second.stderr) == (1, True, False)


def test_a_copy_is_made_beside_the_server_and_a_restore_renews_the_epoch(demo: Path) -> None:
    with running(demo, "run") as (_, url):
        tokens = demo_login(demo, url, "Sokha")
        status = ask(url, "/sync/status", token=tokens["access_token"])
        assert command(demo, "backup", "copy.db").returncode == 0
        assert command(demo, "backup", "copy.db").returncode == 1, "never over an older copy"
        refused = command(demo, "restore", "copy.db")
        assert (refused.returncode, "Another server" in refused.stderr) == (1, True)
    assert command(demo, "restore", "copy.db").returncode == 0
    with running(demo, "run") as (_, url):
        tokens = demo_login(demo, url, "Sokha")
        after = ask(url, "/sync/status", token=tokens["access_token"])
        assert after["epoch"] != status["epoch"]
        assert after["resend_since"] is not None
        assert ask(url, "/records/dose_event", token=tokens["access_token"])["items"]


def test_a_damaged_copy_is_refused(demo: Path) -> None:
    (demo / "noise.db").write_bytes(os.urandom(8192))
    refused = command(demo, "restore", "noise.db")
    assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)


def test_faulty_settings_end_every_command_with_one_message(tmp_path: Path) -> None:
    for words in (["serve"], ["worker"], ["migrate"]):
        ended = command(tmp_path, *words, DASTERN_ENV="production", DASTERN_PORT="x")
        assert (ended.returncode, ended.stdout) == (2, "")
        assert "DASTERN_PORT" in ended.stderr and "DASTERN_TOKEN_KEY" in ended.stderr
        assert "Traceback" not in ended.stderr


def test_a_worker_beside_a_server_shows_a_pulse_and_ends_in_order(postgres_url: str, tmp_path: Path) -> None:
    own = {"DASTERN_DATABASE_URL": postgres_url, "TMPDIR": str(tmp_path)}
    assert command(tmp_path, "worker", "--check", **own).returncode == 1
    process = subprocess.Popen([sys.executable, "-m", "server.cli", "worker"], cwd=tmp_path, env=environment(**own),
                               stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if (tmp_path / "dastern-worker.pulse").exists():
                break
            time.sleep(0.1)
        assert command(tmp_path, "worker", "--check", **own).returncode == 0
    finally:
        process.terminate()
        assert process.wait(15) == 0


def test_the_document_can_be_printed(tmp_path: Path) -> None:
    assert json.loads(command(tmp_path, "openapi").stdout)["openapi"] == "3.1.0"


def test_an_operator_verifies_a_doctor_beside_the_running_server(demo: Path) -> None:
    """R-004, R-005: it acts on the next request."""
    with running(demo, "run") as (_, url):
        chan = ask(url, "/auth/register", {
            "first_name": "Chan", "last_name": "Sok", "phone": "012 999 888", "password": "mango on a bicycle",
            "terms_accepted": True, "role": "doctor"})
        nobody = command(demo, "admin", "verify-doctor", "012 999 887")
        assert (nobody.returncode, "Traceback" in nobody.stderr) == (1, False)
        verified = command(demo, "admin", "verify-doctor", "012 999 888")
        assert verified.returncode == 0, verified.stderr
        me = ask(url, "/auth/me", token=chan["access_token"])
        profile = ask(url, f"/records/profile/{chan['user_id']}", token=chan["access_token"])
        assert profile["verified"] is True, me
