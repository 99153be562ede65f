"""The key of a service: read in the shapes operators keep keys in, and refused with a sentence otherwise."""

import base64
from datetime import UTC, datetime
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from bedside.identity import ServiceKey
from bedside.identity.service_key import UnusableKey, public_keys_of_service

ISSUER = "https://sign-in.example"
P384 = ec.generate_private_key(ec.SECP384R1())
_PLAIN = serialization.NoEncryption()
_PKCS8 = serialization.PrivateFormat.PKCS8


def pem(key: Any, form: Any = _PKCS8, encryption: Any = _PLAIN) -> str:
    written: bytes = key.private_bytes(serialization.Encoding.PEM, form, encryption)
    return written.decode()


class Noon:
    def now(self) -> datetime:
        return datetime(2026, 6, 15, 12, 0, 0, 900_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        pem(P384),
        pem(P384, serialization.PrivateFormat.TraditionalOpenSSL),
        "Bag Attributes\n  friendlyName: gateway\n" + pem(P384).replace("\n", "\r\n") + "\r\n",
        base64.b64encode(P384.private_bytes(serialization.Encoding.DER, _PKCS8, _PLAIN)).decode() + "\n",
    ],
    ids=["PKCS8", "SEC1", "with what tools write around it", "DER in base64"],
)
def test_a_key_is_read_in_every_shape_that_tools_write(written: str) -> None:
    key = ServiceKey.read(written)
    assert key.public == ServiceKey.read(pem(P384)).public
    assert [(jwk["crv"], jwk["alg"]) for jwk in key.public["keys"]] == [("P-384", "ES384")]


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("change-me-1", "no elliptic curve key"),
        ("bm8ga2V5IGF0IGFsbA==", "no elliptic curve key"),
        ("-----BEGIN PRIVATE KEY-----\nbm8=\n-----END PRIVATE KEY-----", "no elliptic curve key"),
        ("-----BEGIN PRIVATE KEY-----\nno end", "one private key"),
        ("", "one private key"),
        (pem(P384) * 2, "one private key"),
        (pem(rsa.generate_private_key(65537, 2_048)), "no elliptic curve key"),
        (pem(ed25519.Ed25519PrivateKey.generate()), "no elliptic curve key"),
        (pem(P384, encryption=serialization.BestAvailableEncryption(b"word")), "not encrypted"),
        (pem(ec.generate_private_key(ec.SECP521R1())), "P-256 or P-384"),
        (pem(ec.generate_private_key(ec.BrainpoolP256R1())), "P-256 or P-384"),
        (ServiceKey.generated().public_line, "this is a public one"),
    ],
    ids=[
        "word",
        "no key",
        "no key in PEM",
        "cut off",
        "nothing",
        "two",
        "RSA",
        "Ed25519",
        "encrypted",
        "P-521",
        "brainpool",
        "public",
    ],
)
def test_whatever_else_is_refused_without_a_word_of_it(written: str, sentence: str) -> None:
    with pytest.raises(UnusableKey, match=sentence) as refused:
        ServiceKey.read(written)
    assert refused.value.__cause__ is None
    assert not written or written[:20] not in str(refused.value)


def test_what_is_written_of_a_key_can_be_read_again() -> None:
    key = ServiceKey.generated()
    assert ServiceKey.read(key.pem).public == ServiceKey.read(key.line).public == key.public
    assert public_keys_of_service(key.public_line) == key.public
    assert "d" not in key.public["keys"][0]


def test_an_assertion_is_for_one_issuer_for_a_minute_and_never_the_same_twice() -> None:
    key = ServiceKey.read(pem(P384))
    sent = [key.proving("gateway", issuer=ISSUER, clock=Noon()) for _ in range(2)]
    assert {form["client_assertion_type"] for form in sent} == {
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    }
    header = pyjwt.get_unverified_header(sent[0]["client_assertion"])
    assert header == {"alg": "ES384", "typ": "JWT", "kid": key.public["keys"][0]["kid"]}
    first, second = (
        pyjwt.decode(
            form["client_assertion"], P384.public_key(), ["ES384"], audience=ISSUER, options={"verify_exp": False}
        )
        for form in sent
    )
    noon = int(datetime(2026, 6, 15, 12, tzinfo=UTC).timestamp())
    assert first | {"jti": ""} == {
        "iss": "gateway", "sub": "gateway", "aud": ISSUER, "iat": noon, "exp": noon + 60, "jti": "",
    }  # fmt: skip
    assert first["jti"] != second["jti"]


def test_several_public_keys_stand_beside_each_other_while_one_replaces_another() -> None:
    old, new = ServiceKey.generated(), ServiceKey.read(pem(P384))
    both = public_keys_of_service(f"{old.public_line} {new.public_line}")
    assert both == {"keys": [*old.public["keys"], *new.public["keys"]]}


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        (ServiceKey.generated().line, "this is the private one"),
        (pem(P384), "this is the private one"),
        ("change-me", "no elliptic curve key"),
        (" ".join(ServiceKey.generated().public_line for _ in range(5)), "one to 4 public keys"),
    ],
    ids=["private", "private in PEM", "word", "too many"],
)
def test_auth_is_not_given_what_it_need_not_know(written: str, sentence: str) -> None:
    with pytest.raises(UnusableKey, match=sentence):
        public_keys_of_service(written)


def test_what_is_derived_is_the_same_for_every_replica_and_another_for_every_purpose_and_key() -> None:
    key = ServiceKey.generated()
    assert ServiceKey.read(key.line).derived("pages") == key.derived("pages")
    assert len({key.derived("pages"), key.derived("cookies"), ServiceKey.generated().derived("pages")}) == 3
    assert len(key.derived("pages")) == 32
