"""The real servers of the tests keep their promises: they crash and recover, stay apart, and are never skipped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from tests.house.tree import ROOT
from tests.servers import postgres, processes
from tests.servers.postgres import Postgres, PostgresCluster
from tests.servers.processes import ServerMissingError
from tests.servers.redis import RedisServer


def test_a_fresh_database_is_a_copy_of_its_template_and_nobody_elses(postgres_server: Postgres) -> None:
    template = postgres_server.create_database()
    try:
        with psycopg.connect(postgres_server.url(template)) as connection:
            connection.execute("CREATE TABLE dose (name text)")
            connection.execute("INSERT INTO dose VALUES ('ថ្នាំ')")
        with postgres_server.database(template=template) as one, postgres_server.database(template=template) as two:
            with psycopg.connect(one) as connection:
                connection.execute("INSERT INTO dose VALUES ('second')")
            with psycopg.connect(two) as connection:
                assert connection.execute("SELECT name FROM dose").fetchall() == [("ថ្នាំ",)]
    finally:
        postgres_server.drop_database(template)


def test_a_crashed_cluster_keeps_what_was_committed_and_drops_what_was_not(
    crashable_postgres: PostgresCluster,
) -> None:
    url = crashable_postgres.url("postgres")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE dose (name text)")
        connection.execute("INSERT INTO dose VALUES ('committed')")
    hanging = psycopg.connect(url)
    hanging.execute("INSERT INTO dose VALUES ('not committed')")
    crashable_postgres.stop_immediate()
    assert not crashable_postgres.answers()
    crashable_postgres.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT name FROM dose").fetchall() == [("committed",)]
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
    hanging.close()


def test_the_cluster_speaks_utf8_with_one_order_of_khmer_and_utc(postgres_server: Postgres) -> None:
    with psycopg.connect(postgres_server.url("postgres")) as connection:
        row = connection.execute(
            "SELECT current_setting('server_encoding'), datcollate, current_setting('timezone'),"
            " current_setting('server_version_num')::int FROM pg_database WHERE datname = 'postgres'"
        ).fetchone()
    assert row is not None
    assert row[:3] == ("UTF8", "C.UTF-8", "UTC")
    assert row[3] >= postgres.OLDEST_VERSION * 10_000


def test_a_missing_server_is_a_failure_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv(postgres.BIN_VARIABLE, raising=False)
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))
    with pytest.raises(ServerMissingError, match="install-test-servers"):
        postgres.find_programs()


@pytest.mark.parametrize("status", [0, 3])
def test_the_wrapper_gives_back_the_exit_status_of_its_command(status: int) -> None:
    """Else `make test` would be green whatever the tests said."""
    program = f"import os, sys; sys.exit({status} if '127.0.0.1' in os.environ['{postgres.URL_VARIABLE}'] else 99)"
    ran = subprocess.run(
        [sys.executable, "-m", "tests.servers.postgres", sys.executable, "-c", program], cwd=ROOT, check=False
    )
    assert ran.returncode == status


def test_a_server_never_runs_as_root(postgres_server: Postgres) -> None:
    """PostgreSQL refuses it anyway; Redis would not."""
    account = processes.unprivileged("postgres", "nobody")
    assert account is None or account.pw_uid != 0
    assert processes.as_account(account, ["true"])[-1] == "true"


def test_redis_answers_only_to_its_password_and_forgets_nothing_by_eviction(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    with redis.Redis(port=redis_server.port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
