"""Attacks on how clients prove who they are (40 to 45, 47)."""

import asyncio
import base64
import json
import statistics
import time
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlmodel import select

from bedside.auth.clients import By, ClientMetadata, update_client
from bedside.auth.tables import Client, SeenJti

ISSUER = "http://127.0.0.1:8003"
GRANTED = (200, "system/Patient.rs")
SECRET = {"grant_type": "client_credentials", "scope": "system/*.rs"}
INTEGRATOR = ("integrator", "integrator-secret")


async def told(server: Any, *, auth: Any = None, path: str = "/token", **form: str) -> tuple[int, str]:
    answer = await server.post(path, data=SECRET | form, auth=auth)
    return answer.status_code, answer.json().get("error_description") or answer.json()["scope"]


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("form", "auth"),
    [
        ({"client_id": "integrator"}, None),
        ({}, None),
        ({}, ("integrator", "")),
        ({"client_id": "integrator", "client_secret": ""}, None),
    ],
)
async def test_attack_40_a_confidential_client_without_its_secret(
    server: Any, program: Any, form: Any, auth: Any
) -> None:
    assert await told(server, auth=auth, **form) == (401, "client authentication failed")
    assert program.refusals()[-1] in ("no-proof", "unknown-client", "wrong-secret")
    assert await told(server, auth=INTEGRATOR) == (200, "system/*.rs")


async def test_attack_41_two_methods_at_once(server: Any, program: Any) -> None:
    two = (400, "two methods of client authentication")
    assert await told(server, auth=INTEGRATOR, client_secret="integrator-secret") == two
    assert await program.outcome(auth=INTEGRATOR) == two
    assert await program.outcome(client_id="night-job", client_secret="x") == two
    assert await told(server, auth=INTEGRATOR) == (200, "system/*.rs")
    assert await program.outcome() == GRANTED


async def test_attack_42_two_client_ids(server: Any, program: Any) -> None:
    two = (400, "two different client ids")
    assert await told(server, auth=INTEGRATOR, client_id="app") == two
    assert await program.outcome(client_id="integrator") == two
    assert await told(server, auth=INTEGRATOR, client_id="integrator") == (200, "system/*.rs")
    assert await program.outcome(client_id="night-job") == GRANTED


@pytest.mark.parametrize("name", ["client_secret", "client_assertion"])
async def test_attack_43_a_credential_in_the_address(server: Any, name: str) -> None:
    query = f"/token?client_id=integrator&{name}=integrator-secret"
    assert await told(server, path=query) == (400, "credentials do not belong into the address")
    assert await told(server, path="/token?x=y", auth=INTEGRATOR) == (200, "system/*.rs")


@pytest.mark.parametrize("algorithm", ["ES384", "RS384", "ES256"])
@pytest.mark.parametrize("audience", [f"{ISSUER}/token", ISSUER])
async def test_an_assertion_by_each_kind_of_key_and_for_both_audiences_is_accepted(
    program: Any, keys: Any, algorithm: str, audience: str
) -> None:
    assert await program.outcome(program.assertion(key=keys[algorithm], aud=audience)) == GRANTED


@pytest.mark.parametrize("typ", ["JWT", "jwt", "client-authentication+jwt", "application/client-authentication+jwt"])
async def test_an_assertion_may_say_that_it_is_one(program: Any, typ: str) -> None:
    assert await program.outcome(program.assertion(header={"typ": typ})) == GRANTED


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("aud", f"{ISSUER}/other", "assertion-audience"),
        ("aud", f"{ISSUER}/token/", "assertion-audience"),
        ("aud", None, "assertion-audience"),
        ("aud", [f"{ISSUER}/token"], "assertion-audience"),
        ("aud", [f"{ISSUER}/token", "https://other.example/token"], "assertion-audience"),
        ("exp", None, "assertion-expiry"),
        ("exp", "soon", "assertion-expiry"),
        ("exp", "9999999999", "assertion-expiry"),
        ("exp", True, "assertion-expiry"),
        ("exp", 9_999_999_999, "assertion-expiry"),
        ("exp", 1e300, "assertion-expiry"),
        ("exp", 1_000_000_000, "assertion-expiry"),
        ("exp", -1, "assertion-expiry"),
        ("nbf", 9_999_999_999, "assertion-not-yet-valid"),
        ("iat", "now", "assertion-not-yet-valid"),
        ("iss", "integrator", "assertion-subject"),
        ("iss", None, "assertion-subject"),
        ("sub", "integrator", "assertion-subject"),
        ("sub", 17, "assertion-subject"),
        ("sub", ["night-job"], "assertion-subject"),
        ("sub", None, "assertion-subject"),
        ("jti", None, "assertion-jti"),
        ("jti", "", "assertion-jti"),
        ("jti", 17, "assertion-jti"),
        ("jti", "j" * 501, "assertion-jti"),
    ],
)
async def test_attack_44_an_assertion_that_says_something_else(
    program: Any, name: str, value: Any, reason: str
) -> None:
    assert await program.outcome(program.assertion(**{name: value})) == (401, reason)
    assert await program.outcome() == GRANTED


async def test_attack_44_an_assertion_that_both_claims_call_by_another_type(program: Any) -> None:
    assert await program.outcome(program.assertion(iss=["night-job"], sub=["night-job"])) == (401, "assertion-subject")
    assert await program.outcome(program.assertion(iss="", sub="")) == (401, "assertion-subject")
    assert await program.outcome() == GRANTED


@pytest.mark.parametrize(("seconds", "outcome"), [(350, GRANTED), (365, (401, "assertion-expiry"))])
async def test_attack_44_an_expiry_further_away_than_five_minutes_and_a_minute_of_skew(
    program: Any, seconds: int, outcome: Any
) -> None:
    at = int(program.clock.now().timestamp()) + seconds
    assert await program.outcome(program.assertion(exp=at)) == outcome


async def test_attack_44_a_replayed_jti(program: Any) -> None:
    assertion = program.assertion()
    assert await program.outcome(assertion) == GRANTED
    assert await program.outcome(assertion) == (401, "assertion-replayed")
    assert await program.outcome(program.assertion(jti=program.claims()["jti"])) == GRANTED


async def test_attack_44_a_jti_of_eight_requests_at_once_is_good_for_one(program: Any) -> None:
    assertion = program.assertion()
    answers = await asyncio.gather(*(program.ask(assertion) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7
    assert program.refusals() == ["assertion-replayed"] * 7


async def test_attack_44_a_refused_assertion_is_not_burnt(program: Any) -> None:
    assertion = program.assertion()
    assert (await program.outcome(assertion, client_id="integrator"))[0] == 400
    assert (await program.outcome(assertion[:-8] + "AAAAAAAA")) == (401, "assertion-signature")
    assert await program.outcome(assertion) == GRANTED


async def test_attack_44_another_clients_jti_burns_nothing(program: Any, distant: Any, key_server: Any) -> None:
    key_server.show(distant.key.public())
    assert await program.outcome(program.assertion(jti="same")) == GRANTED
    assert await distant.outcome(distant.assertion(jti="same")) == GRANTED


async def test_what_was_seen_is_kept_no_longer_than_it_could_be_accepted(
    program: Any, authority: Any, clock: Any
) -> None:
    for _ in range(3):
        await program.outcome()
    clock.advance(minutes=6)
    await program.outcome()
    with authority.units.reading() as session:
        assert len(session.exec(select(SeenJti)).all()) == 1


async def test_attack_44_another_key(program: Any, keys: Any) -> None:
    stranger = replace(keys["RS384"], private=_another(keys["RS384"].private), kid="k-rs384")
    assert await program.outcome(program.assertion(key=stranger)) == (401, "assertion-signature")
    assert await program.outcome(program.assertion(header={"kid": "nobody's"})) == (401, "assertion-key")
    # A key is for one algorithm: the name of one and the signature of another do not go together.
    assert await program.outcome(program.assertion(header={"kid": "k-es256"})) == (401, "assertion-key")
    assert await program.outcome(program.assertion(key=keys["RS384"])) == GRANTED


async def test_attack_44_a_removed_key(program: Any, authority: Any, keys: Any) -> None:
    assert await program.outcome() == GRANTED
    with authority.units.unit() as session:
        client = session.get_one(Client, "night-job")
        left = replace(ClientMetadata.of(client), jwks={"keys": [keys["RS384"].public()]})
        update_client(authority, session, client, left, by=By(user_id="u-admin"))
    assert await program.outcome() == (401, "assertion-key")
    assert await program.outcome(program.assertion(key=keys["RS384"])) == GRANTED


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"kid": None}, "assertion-key"),
        ({"kid": ""}, "assertion-key"),
        ({"kid": 17}, "assertion-key"),
        ({"typ": "at+jwt"}, "assertion-header"),
        ({"typ": "dpop+jwt"}, "assertion-header"),
        ({"typ": 17}, "assertion-header"),
        ({"crit": ["exp"], "exp": 1}, "assertion-header"),
        ({"jwk": {"kty": "EC"}}, "assertion-header"),
        ({"x5u": "https://keys.example.org/x"}, "assertion-header"),
        ({"alg": "none"}, "assertion-algorithm"),
        ({"alg": "HS256"}, "assertion-algorithm"),
        ({"alg": "HS384"}, "assertion-algorithm"),
        ({"alg": "PS384"}, "assertion-algorithm"),
        ({"alg": ["ES384"]}, "assertion-algorithm"),
    ],
)
async def test_attack_44_a_header_that_is_none_of_ours(program: Any, header: Any, reason: str) -> None:
    _, payload, signature = program.assertion().split(".")
    head = {"alg": "ES384", "kid": "k-es384", "typ": "JWT"} | header
    forged = encoded({name: value for name, value in head.items() if value is not None})
    assert await program.outcome(f"{forged}.{payload}.{signature}") == (401, reason)
    assert await program.outcome() == GRANTED


@pytest.mark.parametrize(
    ("assertion", "reason"),
    [
        ("x", "assertion-malformed"),
        ("a.b.c", "assertion-malformed"),
        ("..", "assertion-malformed"),
        ("x" * 9_000, "assertion-too-large"),
        ("é.é.é", "assertion-malformed"),
    ],
)
async def test_attack_44_what_is_no_assertion(program: Any, assertion: str, reason: str) -> None:
    assert await program.outcome(assertion) == (401, reason)


@pytest.mark.parametrize("kind", [None, "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "jwt-bearer"])
async def test_an_assertion_of_another_type_is_a_wrong_request(program: Any, kind: str | None) -> None:
    outcome = await program.outcome(client_assertion_type=kind)
    assert outcome == (400, "client_assertion_type is not the one of JWT assertions")


async def test_attack_44_a_client_bound_to_the_issuer_names_it_and_nothing_else(program: Any, authority: Any) -> None:
    with authority.units.unit() as session:
        client = session.get_one(Client, "night-job")
        bound = replace(ClientMetadata.of(client), assertion_to_issuer=True)
        update_client(authority, session, client, bound, by=By(user_id="u-admin"))
    assert await program.outcome(program.assertion(aud=f"{ISSUER}/token")) == (401, "assertion-audience")
    assert await program.outcome(program.assertion(aud=ISSUER)) == GRANTED


async def test_attack_45_another_method_than_registered(server: Any, program: Any, keys: Any) -> None:
    refused = (401, "client authentication failed")
    posted = {"client_id": "poster", "client_secret": "poster-secret"}
    assert await told(server, client_id="integrator", client_secret="integrator-secret") == refused
    assert await told(server, auth=("poster", "poster-secret")) == refused
    assert await told(server, auth=("night-job", "")) == refused
    assert await told(server, client_id="night-job") == refused
    assert program.refusals() == ["wrong-method", "wrong-method", "wrong-method", "no-proof"]
    as_integrator = program.assertion(iss="integrator", sub="integrator")
    assert await program.outcome(as_integrator) == (401, "wrong-method")
    assert await told(server, **posted) == (200, "system/*.rs")
    assert await told(server, auth=INTEGRATOR) == (200, "system/*.rs")
    assert await program.outcome() == GRANTED


async def test_attack_47_an_unknown_client_is_answered_like_a_wrong_secret(server: Any, program: Any) -> None:
    def seen(answer: Any) -> Any:
        return answer.status_code, answer.json(), dict(answer.headers)

    wrong = await server.post("/token", data=SECRET, auth=("integrator", "x"))
    unknown = await server.post("/token", data=SECRET, auth=("nobody", "x"))
    keyless = await server.post("/token", data=SECRET, auth=("night-job", "x"))
    assert seen(wrong) == seen(unknown) == seen(keyless)
    forged = await program.ask(program.assertion()[:-8] + "AAAAAAAA")
    stranger = await program.ask(program.assertion(iss="nobody", sub="nobody"))
    assert seen(forged) == seen(stranger) == seen(wrong)
    assert program.refusals() == [
        "wrong-secret",
        "unknown-client",
        "wrong-method",
        "assertion-signature",
        "unknown-client",
    ]
    assert await told(server, auth=INTEGRATOR) == (200, "system/*.rs")


async def test_attack_47_an_unknown_client_takes_as_long_as_a_wrong_secret_or_signature(
    server: Any, program: Any
) -> None:
    async def by_secret(client_id: str) -> None:
        await server.post("/token", data=SECRET, auth=(client_id, "x"))

    async def by_key(client_id: str) -> None:
        await program.ask(program.assertion(iss=client_id, sub=client_id, jti="j")[:-8] + "AAAAAAAA")

    for attempt, known in ((by_secret, "integrator"), (by_key, "night-job")):
        taken: dict[str, list[float]] = {known: [], "nobody": []}
        for _ in range(40):
            # In turn, so that whatever else the machine does is shared fairly.
            for client_id, times in taken.items():
                before = time.perf_counter()
                await attempt(client_id)
                times.append(time.perf_counter() - before)
        quick, slow = sorted(statistics.median(times) for times in taken.values())
        # Without the work for nobody the signature alone would make more than this of the difference.
        assert slow < quick * 1.25 + 0.0002, {name: statistics.median(times) for name, times in taken.items()}


def _another(private: Any) -> Any:
    return rsa.generate_private_key(public_exponent=65537, key_size=private.key_size)
