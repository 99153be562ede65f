"""Attacks on what auth signs: other tokens than access tokens (7), and the life of its keys (11), also under load."""

import asyncio
from typing import Any

import jwt as pyjwt
import pytest
from joserfc import jwt

from bedside.auth.keys.life import NOTICE, RETIRING
from bedside.auth.keys.rotation import Occasion, rotate
from bedside.identity import Keys, Refused, Verifier

ISSUER, FHIR = "http://127.0.0.1:8003", "http://127.0.0.1:8000/fhir"
SHELL = Occasion("shell")
FORM = {"grant_type": "client_credentials", "scope": "system/*.rs"}
INTEGRATOR = ("integrator", "integrator-secret")


def service(authority: Any, clock: Any) -> Verifier:
    """A service at the FHIR base, which has just read the keys."""

    async def fetch() -> Any:
        return authority.signer.jwks()

    return Verifier(ISSUER, {FHIR}, Keys(fetch, clock=clock), clock=clock)


async def reason(verifier: Verifier, token: str) -> str:
    try:
        await verifier.verify(token)
    except Refused as refused:
        return refused.reason
    return "accepted"


async def granted(server: Any) -> str:
    answer = await server.post("/token", data=FORM, auth=INTEGRATOR)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token


@pytest.mark.parametrize("kind", ["id_token", "refresh_token"])
async def test_attack_07_another_kind_of_token_of_ours(flow: Any, authority: Any, clock: Any, kind: str) -> None:
    tokens, verifier = await flow.tokens(), service(authority, clock)
    assert await reason(verifier, tokens[kind]) == {"id_token": "wrong-type", "refresh_token": "malformed"}[kind]
    assert await reason(verifier, tokens["access_token"]) == "accepted"


async def test_attack_11_a_retiring_key_serves_to_its_last_token_a_next_and_a_gone_one_do_not(
    server: Any, authority: Any, clock: Any
) -> None:
    rotate(authority, SHELL)
    coming = next(key["kid"] for key in authority.signer.jwks()["keys"] if key["kty"] == "EC" and "nbf" in key)
    last = await granted(server)
    claims = pyjwt.decode(last, options={"verify_signature": False})
    header = {"alg": "ES256", "typ": "at+jwt", "kid": coming}
    forged = jwt.encode(header, claims, authority.signer._keys[coming], algorithms=["ES256"])
    assert await reason(service(authority, clock), forged) == "key-not-in-use"
    clock.advance(seconds=NOTICE.total_seconds() - 1)
    last = await granted(server)
    clock.advance(seconds=120)
    authority.signer.reload()
    assert await reason(service(authority, clock), last) == "accepted"
    clock.advance(seconds=RETIRING.total_seconds())
    authority.signer.reload()
    assert await reason(service(authority, clock), last) == "unknown-key"
    assert await reason(service(authority, clock), await granted(server)) == "accepted"


async def test_a_rotation_under_load_loses_no_request(server: Any, authority: Any, clock: Any) -> None:
    """Tokens are asked for, shown to a service and to auth all through next, active, retiring and gone."""
    outcomes: list[str] = []

    async def request() -> None:
        outcomes.append(await reason(service(authority, clock), await granted(server)))

    rotate(authority, SHELL)
    for _ in range(12):
        await asyncio.gather(*(request() for _ in range(4)))
        clock.advance(minutes=2)
        authority.signer.reload()
    assert outcomes == ["accepted"] * 48
    assert len(authority.signer.kids()) == 1


async def test_a_second_library_verifies_what_is_minted(flow: Any, server: Any) -> None:
    tokens = await flow.tokens()
    keys = pyjwt.PyJWKSet.from_dict((await server.get("/jwks")).json())
    for token, algorithm, audience in ((tokens["access_token"], "ES256", FHIR), (tokens["id_token"], "RS256", "app")):
        key = keys[pyjwt.get_unverified_header(token)["kid"]]
        claims = pyjwt.decode(token, key, algorithms=[algorithm], audience=audience, issuer=ISSUER)
        assert claims["exp"] - claims["iat"] == 300
