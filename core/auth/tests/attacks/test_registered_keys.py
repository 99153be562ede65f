"""Which keys a client may register (attack 50)."""

import base64
from typing import Any

import pytest

from core.auth.tests.registering import PROGRAM, refusal, register

KEYED = PROGRAM | {"token_endpoint_auth_method": "private_key_jwt"}


async def test_attack_50_a_private_key_in_the_jwks(server: Any, manager: str, keys: Any) -> None:
    leaked = "a private or symmetric key was sent: it is no longer secret, make a new one"
    for key in keys.values():
        answer = await register(server, manager, KEYED, jwks={"keys": [key.whole()]})
        assert refusal(answer) == (400, "invalid_client_metadata", leaked)
        assert (await register(server, manager, KEYED, jwks={"keys": [key.public()]})).status_code == 201
    symmetric = {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "s"}]}
    assert refusal(await register(server, manager, KEYED, jwks=symmetric))[2] == leaked


EC_KEY = {"kty": "EC", "crv": "P-256", "kid": "k"}


def rsa_key(*, bits: int) -> dict[str, str]:
    """Of this size, whoever could factor it."""
    modulus = (1 << bits) - 1
    written = base64.urlsafe_b64encode(modulus.to_bytes((bits + 7) // 8)).decode().rstrip("=")
    return {"kty": "RSA", "n": written, "e": "AQAB", "kid": "k"}


@pytest.mark.parametrize("bits", [2_048, 3_072, 8_192])
async def test_an_rsa_key_of_a_sound_size_is_registered(server: Any, manager: str, bits: int) -> None:
    assert (await register(server, manager, KEYED, jwks={"keys": [rsa_key(bits=bits)]})).status_code == 201


@pytest.mark.parametrize(
    ("jwks", "description"),
    [
        ({}, "a JWK Set has at least one key"),
        ({"keys": []}, "a JWK Set has at least one key"),
        ({"keys": {}}, "a JWK Set has at least one key"),
        ({"keys": [EC_KEY] * 21}, "a JWK Set has at most 20 keys here"),
        ({"keys": ["x"]}, "a key is no JSON object"),
        ({"keys": [{"kty": "EC"}]}, "a key has no kid of 1 to 200 printable characters"),
        ({"keys": [EC_KEY]}, "a key is neither an RSA key nor one on P-256 or P-384"),
        ({"keys": [EC_KEY | {"x": "AAAA", "y": "AAAA"}]}, "a key is neither an RSA key nor one on P-256 or P-384"),
        ({"keys": [EC_KEY | {"x": 1, "y": []}]}, "a key is neither an RSA key nor one on P-256 or P-384"),
        ({"keys": [{"kty": "OKP", "kid": "k"}]}, "a key is neither an RSA key nor one on P-256 or P-384"),
        ({"keys": [EC_KEY | {"use": "enc"}]}, "a key is not for signatures"),
        ({"keys": [EC_KEY | {"key_ops": 17}]}, "a key is not for signatures"),
        ({"keys": [EC_KEY | {"crv": "P-521"}]}, "an elliptic curve key is on another curve than P-256 or P-384"),
        ({"keys": [EC_KEY | {"crv": "secp256k1"}]}, "an elliptic curve key is on another curve than P-256 or P-384"),
        ({"keys": [EC_KEY | {"crv": ["P-256"]}]}, "a key is neither an RSA key nor one on P-256 or P-384"),
        ({"keys": [rsa_key(bits=1_024)]}, "an RSA key has 2048 to 8192 bits here"),
        ({"keys": [rsa_key(bits=2_047)]}, "an RSA key has 2048 to 8192 bits here"),
        ({"keys": [rsa_key(bits=8_193)]}, "an RSA key has 2048 to 8192 bits here"),
        ({"keys": [rsa_key(bits=2_048) | {"e": "AQ"}]}, "an RSA key has an exponent of 3 to 32 bits here"),
        ({"keys": [rsa_key(bits=2_048) | {"e": "AQAAAAE"}]}, "an RSA key has an exponent of 3 to 32 bits here"),
        ({"keys": [rsa_key(bits=2_048) | {"n": "+" * 342}]}, "a key is neither an RSA key nor one on P-256 or P-384"),
        ({"keys": [rsa_key(bits=2_048) | {"n": 17}]}, "a key is neither an RSA key nor one on P-256 or P-384"),
    ],
)
@pytest.mark.filterwarnings("error")
async def test_keys_are_sound_when_they_are_registered(server: Any, manager: str, jwks: Any, description: str) -> None:
    answer = await register(server, manager, KEYED, jwks=jwks)
    assert refusal(answer) == (400, "invalid_client_metadata", description)
