"""Pytest fixtures that lend real servers: one shared PostgreSQL per run, fresh databases, one that may be crashed."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.servers import postgres, redis
from tests.servers.postgres import Postgres, PostgresCluster
from tests.servers.redis import RedisServer


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """The PostgreSQL of this run: the one `make test` started for all worker processes, else one of our own."""
    url = os.environ.get(postgres.URL_VARIABLE)
    if url:
        yield postgres.shared(url)
        return
    with postgres.cluster() as own:
        yield own


@pytest.fixture
def empty_postgres_url(postgres_server: Postgres) -> Iterator[str]:
    """The URL of a database without tables, dropped after the test."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture
def crashable_postgres() -> Iterator[PostgresCluster]:
    """A cluster of the test's own, with fsync on: the test may stop it as by a crash and start it again."""
    with postgres.cluster(durable=True) as own:
        yield own


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A Redis of this worker process."""
    with redis.server() as own:
        yield own
