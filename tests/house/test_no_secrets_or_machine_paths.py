"""No secret, no registry host and no path of one machine is ever written into the project."""

from __future__ import annotations

import re
import stat

import pytest

from tests.house.tree import ROOT, files, name

# Put together here, so that this file does not find itself.
FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+)/|(?<![\w.])/opt/(?:wheels|pypi)"),
    "a temporary path": re.compile(r"/tmp/(?!\.mount\b)[\w.-]*(?:dastern|brief|bash_jobs|house)"),
    "a registry host": re.compile(
        r"(?i)\b(?:pypi\.org/simple|files\.pythonhosted\.org|registry\.npmjs\.org)\b"
        r"|(?<!--no-emit)--(?:extra-)?index-url|--find-links"
    ),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    "a cloud key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a token of a forge": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|glpat-[\w-]{20}|xox[abp]-[\w-]{10,})"),
    "a signed token": re.compile(r"\beyJ[\w-]{15,}\.eyJ[\w-]{15,}\.[\w-]{20,}"),
    "a password in an address": re.compile(
        r"\b(?:postgres(?:ql)?|redis|s3|https?)://[^\s/:@{}$<>…*]*:(?!password@)[^\s/:@{}$<>…*]{4,}@"
    ),
}
OWN_NAME = "tests/house/test_no_secrets_or_machine_paths.py"
# npm writes the registry's address beside each hash; the integrity hash decides.
LOCKS_OF_OTHERS = {"package-lock.json"}
LARGEST_FILE_BYTES = 3_000_000
SECRET_FOLDERS = re.compile(r"(?:^|/)(?:secrets/.*\.txt|\.env|.*\.pem|.*\.key|.*\.p12|var/.*)$")


def texts() -> list[tuple[str, str]]:
    found = []
    for path in files():
        content = path.read_bytes()
        if b"\0" not in content and name(path) != OWN_NAME and path.name not in LOCKS_OF_OTHERS:
            found.append((name(path), content.decode("utf-8", errors="replace")))
    return found


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    hits = [
        f"{file}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
        for file, text in texts()
        for match in FORBIDDEN[what].finditer(text)
    ]
    assert not hits


def test_the_search_reads_the_project_and_finds_what_it_looks_for() -> None:
    assert {"setup.cfg", "Makefile", "docker-compose.yml", "requirements.lock"} <= {file for file, _ in texts()}
    assert FORBIDDEN["a path of one machine"].search("see " + "/root/.cache")
    assert FORBIDDEN["a password in an address"].search("postgresql://dastern:" + "hunter22@db/dastern")
    assert FORBIDDEN["a registry host"].search("--extra-" + "index-url")


def test_no_secret_file_is_in_the_project() -> None:
    assert [name(path) for path in files() if SECRET_FOLDERS.search(name(path))] == []


def test_no_file_is_too_large_for_a_repository_of_text() -> None:
    assert [name(path) for path in files() if path.stat().st_size > LARGEST_FILE_BYTES] == []


def test_scripts_can_be_run() -> None:
    scripts = [path for path in files() if path.suffix == ".sh" or name(path) == ".ci/run"]
    assert scripts
    assert [name(path) for path in scripts if not path.stat().st_mode & stat.S_IXUSR] == []


def test_the_example_of_settings_holds_no_value_of_a_secret() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    secret = re.compile(r"^(?:# )?DASTERN_\w*(?:KEY|TOKEN|SECRET|PASSWORD)=(.+)$")
    assert [line for line in lines if secret.match(line)] == []
