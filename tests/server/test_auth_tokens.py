"""Access tokens (S-01, S-02, RFC 8725, hardening 2.8): one sound form, and a table of forged ones."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from server import tokens
from server.tokens import KeyRing, Tokens, WeakKeyError, read_keys
from sync.problem import Code, Refusal
from tests.storage.accounts_stage import uid

SECRET = secrets.token_bytes(32)
RING = KeyRing("access", [SECRET])
KEY = RING.key(RING.signing) or b""
NOW_MS = 1_795_226_400_000
NOW = NOW_MS // 1000
SOKHA, SESSION, PHONE, JTI = uid(), uid(), uid(), uid()
CLAIMS: dict[str, Any] = {"iss": "dastern", "aud": "dastern-api", "sub": SOKHA, "sid": SESSION, "device": PHONE,
                          "jti": JTI, "iat": NOW, "exp": NOW + 900, "role": "patient", "language": "km"}
HEADER: dict[str, Any] = {"typ": "at+jwt", "kid": RING.signing}


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed(claims: dict[str, Any] | None = None, header: dict[str, Any] | None = None, key: Any = KEY,
           algorithm: str = "HS256") -> str:
    return jwt.encode(CLAIMS | (claims or {}), key, algorithm, HEADER | (header or {}))


def without(name: str) -> str:
    return jwt.encode({k: v for k, v in CLAIMS.items() if k != name}, KEY, "HS256", HEADER)


def raw(claims: str) -> str:
    """A token with a true signature over any payload text."""
    head = part({"alg": "HS256", **HEADER})
    body = base64.urlsafe_b64encode(claims.encode()).rstrip(b"=").decode()
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(f"{head}.{body}".encode(), KEY)
    return f"{head}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def last_bits_turned() -> str:
    """The same bytes in another spelling: the last sign's unused bits are set."""
    token = signed()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) + 1]


def with_signature_of_another() -> str:
    return ".".join([*signed().split(".")[:2], signed({"sub": uid()}).split(".")[2]])


FORGED: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "no token": lambda: "Bearer",
    "two parts": lambda: ".".join(signed().split(".")[:2]),
    "four parts": lambda: signed() + ".x",
    "no signature": lambda: ".".join(signed().split(".")[:2]) + ".",
    "alg none": lambda: jwt.encode(CLAIMS, "", "none", HEADER),
    "alg None in capitals": lambda: f"{part({'alg': 'NONE', **HEADER})}.{part(CLAIMS)}.",
    "HS512 with the same key": lambda: signed(key=KEY * 2, algorithm="HS512"),
    "signed by another HS256 key": lambda: signed(key=secrets.token_bytes(32)),
    "signed with an RSA key": lambda: signed(key=rsa.generate_private_key(65537, 2048), algorithm="RS256"),
    "signed with an EC key": lambda: signed(key=ec.generate_private_key(ec.SECP256R1()), algorithm="ES256"),
    "the signature of another token": with_signature_of_another,
    "padding appended": lambda: signed() + "=",
    "unused last bits": last_bits_turned,
    "a space within": lambda: signed().replace(".", ". ", 1),
    "a newline at the end": lambda: signed() + "\n",
    "Khmer digits": lambda: signed().replace("1", "១"),
    "over 4 kB": lambda: signed({"role": "p" * 4096}),
    "another typ": lambda: signed(header={"typ": "JWT"}),
    "no typ": lambda: signed(header={"typ": None}),
    "typ in capitals": lambda: signed(header={"typ": "AT+JWT"}),
    "an unknown kid": lambda: signed(header={"kid": "0" * 16}),
    "a path as kid": lambda: signed(header={"kid": "../../dev/null"}),
    "crit": lambda: signed(header={"crit": ["exp"], "exp": 1}),
    "a key of its own in the header": lambda: signed(header={"jwk": {"kty": "oct", "k": "AA"}}),
    "an address of keys": lambda: signed(header={"jku": "https://vuthy.example/keys"}),
    "no exp": lambda: without("exp"),
    "no iat": lambda: without("iat"),
    "no sub": lambda: without("sub"),
    "no sid": lambda: without("sid"),
    "no device": lambda: without("device"),
    "no jti": lambda: without("jti"),
    "no aud": lambda: without("aud"),
    "no iss": lambda: without("iss"),
    "another audience": lambda: signed({"aud": "dastern-files"}),
    "a list of audiences": lambda: signed({"aud": ["dastern-api", "other"]}),
    "another issuer": lambda: signed({"iss": "vuthy"}),
    "exp as text": lambda: signed({"exp": str(NOW + 900)}),
    "exp as a fraction": lambda: raw(json.dumps(CLAIMS | {"exp": NOW + 900.5})),
    "exp as true": lambda: signed({"exp": True}),
    "exp infinite": lambda: raw(json.dumps(CLAIMS | {"exp": float("inf")})),
    "good for a day": lambda: signed({"exp": NOW + 86_400}),
    "exp before iat": lambda: signed({"exp": NOW - 1, "iat": NOW}),
    "from the future": lambda: signed({"iat": NOW + 31, "exp": NOW + 931}),
    "not before": lambda: signed({"nbf": NOW}),
    "sub that is no id": lambda: signed({"sub": "admin"}),
    "sub in capitals": lambda: signed({"sub": SOKHA.upper()}) if SOKHA.upper() != SOKHA else "",
    "sid as a list": lambda: signed({"sid": [SESSION]}),
    "role as a list": lambda: signed({"role": ["admin"]}),
    "a payload that is a list": lambda: raw("[]"),
    "a payload that is no JSON": lambda: raw("{"),
    "a payload nested too deep": lambda: raw("[" * 1000),
    "a token for another purpose": lambda: Tokens(KeyRing("files", [SECRET])).mint(
        user=SOKHA, session=SESSION, device=PHONE, role="patient", language="km", jti=JTI, now_ms=NOW_MS).token,
}


def test_the_form_that_the_forgeries_start_from_is_sound() -> None:
    claims = Tokens(RING).read(signed(), NOW_MS)
    assert (claims.user, claims.session, claims.device, claims.jti) == (SOKHA, SESSION, PHONE, JTI)
    assert Tokens(RING).read(raw(json.dumps(CLAIMS)), NOW_MS) == claims


@pytest.mark.parametrize("forged", FORGED, ids=str)
def test_a_forged_token_is_refused_with_one_and_the_same_word(forged: str) -> None:
    with pytest.raises(Refusal) as refused:
        Tokens(RING).read(FORGED[forged](), NOW_MS)
    assert (refused.value.code, refused.value.details, refused.value.extra) == (Code.UNAUTHENTICATED, (), {})


def test_there_are_at_least_thirty_forgeries() -> None:
    assert len(FORGED) >= 30


def minted(ring: KeyRing = RING, now_ms: int = NOW_MS) -> str:
    return Tokens(ring).mint(user=SOKHA, session=SESSION, device=PHONE, role="patient", language="km", jti=JTI,
                                   now_ms=now_ms).token


def test_r011_a_token_lasts_fifteen_minutes_and_half_a_minute_of_clocks_that_differ() -> None:
    token, read = minted(), Tokens(RING).read
    assert read(token, NOW_MS - 30_000).expires_at == NOW + tokens.LIFE_S
    assert read(token, NOW_MS + 929_999).role == "patient"
    for late in (930_000, 86_400_000):
        with pytest.raises(Refusal) as refused:
            read(token, NOW_MS + late)
        assert refused.value.code is Code.TOKEN_EXPIRED


def test_an_expired_forgery_is_not_called_expired() -> None:
    with pytest.raises(Refusal) as refused:
        Tokens(RING).read(signed(key=secrets.token_bytes(32)), NOW_MS + 86_400_000)
    assert refused.value.code is Code.UNAUTHENTICATED


def test_s65_a_second_key_takes_over_without_logout_and_the_first_is_then_dropped() -> None:
    new = secrets.token_bytes(32)
    before, both, after = RING, KeyRing("access", [new, SECRET]), KeyRing("access", [new])
    old_token, new_token = minted(before), minted(both)
    assert Tokens(both).read(old_token, NOW_MS).user == SOKHA
    assert Tokens(after).read(new_token, NOW_MS).user == SOKHA
    for ring, token in ((after, old_token), (before, new_token)):
        with pytest.raises(Refusal):
            Tokens(ring).read(token, NOW_MS)


@pytest.mark.parametrize("weak", [[], [b"x" * 31], [b"\0" * 32], [SECRET, b"short"], [SECRET] * 3])
def test_s65_a_weak_key_is_refused_and_never_repeated(weak: list[bytes]) -> None:
    with pytest.raises(WeakKeyError) as refused:
        KeyRing("access", weak)
    assert not any(key.hex() in str(refused.value) or repr(key) in str(refused.value) for key in weak)


def test_keys_are_read_from_base64_or_hex_and_never_shown() -> None:
    words = [SECRET.hex(), base64.b64encode(SECRET).decode(), base64.urlsafe_b64encode(SECRET).decode().rstrip("=")]
    assert all(read_keys(word) == [SECRET] for word in words)
    assert read_keys(f"{words[0]}, {words[1]}") == [SECRET, SECRET]
    with pytest.raises(WeakKeyError):
        read_keys("not a key!")
    assert SECRET.hex() not in repr(RING) and KEY.hex() not in repr(RING)
