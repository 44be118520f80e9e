"""Fixtures for every test: real servers (tests/servers) and the stages of the cast (tests/stages.py)."""

pytest_plugins = ["tests.servers.fixtures", "tests.stages"]
