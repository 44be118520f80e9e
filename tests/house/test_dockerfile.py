"""The image: two stages, locked dependencies, an account without rights, a health check, no build tools."""

from __future__ import annotations

import json
import re

import pytest

from tests.house.tree import PACKAGES, ROOT
from tools.check_image_steps import Instruction, stages

FINAL_HAS_NONE_OF = re.compile(r"\b(?:apt-get|apk|gcc|g\+\+|build-essential|make|git|curl|pip|uv|setuptools|wheel)\b")


@pytest.fixture(scope="module")
def builder() -> list[Instruction]:
    return stages((ROOT / "Dockerfile").read_text())["builder"]


@pytest.fixture(scope="module")
def final() -> list[Instruction]:
    return stages((ROOT / "Dockerfile").read_text())["final"]


def words(stage: list[Instruction], keyword: str) -> list[str]:
    return [instruction.rest for instruction in stage if instruction.keyword == keyword]


def test_it_has_a_builder_and_a_final_stage() -> None:
    assert list(stages((ROOT / "Dockerfile").read_text())) == ["builder", "final"]


def test_dependencies_come_from_the_lock_with_their_hashes(builder: list[Instruction]) -> None:
    installs = [step for run in words(builder, "RUN") for step in run.split("&&") if " install " in step]
    assert installs
    for step in installs:
        assert "--require-hashes" in step or "--no-index" in step, step


def test_every_package_of_the_house_is_in_the_image(builder: list[Instruction]) -> None:
    assert {copied.split()[0] for copied in words(builder, "COPY")} >= set(PACKAGES)


def test_the_final_image_takes_only_the_environment_from_the_builder(final: list[Instruction]) -> None:
    assert words(final, "COPY") == ["--from=builder /opt/dastern /opt/dastern"]
    assert not words(final, "ADD")


def test_the_final_image_has_no_build_tools(builder: list[Instruction], final: list[Instruction]) -> None:
    assert not [run for run in words(final, "RUN") if FINAL_HAS_NONE_OF.search(run)]
    assert "python -m venv --without-pip /opt/dastern" in " ".join(words(builder, "RUN"))
    assert "requirements-test.lock" not in (ROOT / "Dockerfile").read_text()


def test_the_process_is_not_root(final: list[Instruction]) -> None:
    user = words(final, "USER")
    assert user == ["10001:10001"]
    order = [instruction.keyword for instruction in final]
    assert order.index("USER") > max(place for place, keyword in enumerate(order) if keyword == "RUN")


def test_the_health_check_asks_whether_the_server_is_ready(final: list[Instruction]) -> None:
    check = words(final, "HEALTHCHECK")
    assert len(check) == 1
    command = json.loads(check[0].partition("CMD")[2])
    assert command[:2] == ["python", "-c"]
    compile(command[2], "healthcheck", "exec")
    assert "/health/ready" in command[2]


def test_it_serves_as_production_by_default(final: list[Instruction]) -> None:
    assert words(final, "CMD") == ['["dastern", "serve"]']
    assert "DASTERN_ENV=production" in " ".join(words(final, "ENV"))


def test_no_secret_and_no_data_reach_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == {
        *PACKAGES, "setup.cfg", "pyproject.toml", "requirements.lock", "requirements-build.lock", "README.md",
    }
