"""Attacks on proofs of possession at auth itself (49). https://www.rfc-editor.org/rfc/rfc9449"""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt as pyjwt
import pytest
from sqlmodel import select

from bedside.auth.tables import Client, SeenJti
from bedside.identity import Verifier
from bedside.identity.guard import Guard
from bedside.identity.keys import Keys
from bedside.identity.testing import Holder

ISSUER = "http://127.0.0.1:8003"
TOKEN = f"{ISSUER}/token"
FHIR = "http://127.0.0.1:8000/fhir"
INTEGRATOR = ("integrator", "integrator-secret")


@pytest.fixture
def holder(clock: Any) -> Holder:
    return Holder(clock)


def claims(token: str) -> Any:
    return pyjwt.decode(token, options={"verify_signature": False})


async def asked(flow: Any, proof: str | None, *, auth: Any = None, **form: str) -> Any:
    return await flow.browser.post("/token", data=form, auth=auth, headers={"dpop": proof} if proof else None)


async def code_of(flow: Any, address: str = "/authorize", **changed: str) -> str:
    """The second time the browser is signed in already."""
    sent = flow.request(**changed) if address == "/authorize" else None
    answer = await flow.browser.get(address, params=sent)
    if answer.headers["location"].startswith("/sign-in"):
        page = await flow.browser.get(answer.headers["location"])
        answer = await flow.submit(page, username="physician", password="correct horse battery staple")
    return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]


async def redeemed(flow: Any, proof: str | None) -> Any:
    code = await code_of(flow)
    form = {"code": code, "redirect_uri": flow.request()["redirect_uri"], "code_verifier": flow.verifier}
    return await asked(flow, proof, grant_type="authorization_code", client_id="app", **form)


async def refreshed(flow: Any, token: str, proof: str | None) -> Any:
    return await asked(flow, proof, grant_type="refresh_token", refresh_token=token, client_id="app")


def reason(answer: Any) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["error"], answer.json()["error_description"]


async def test_every_grant_binds_what_it_gives_to_the_key(flow: Any, holder: Holder) -> None:
    first = (await redeemed(flow, holder.proof("POST", TOKEN))).json()
    second = (await refreshed(flow, first["refresh_token"], holder.proof("POST", TOKEN))).json()
    form = {"grant_type": "client_credentials", "scope": "system/*.rs"}
    third = (await asked(flow, holder.proof("POST", TOKEN), auth=INTEGRATOR, **form)).json()
    for answer in (first, second, third):
        assert (answer["token_type"], claims(answer["access_token"])["cnf"]) == ("DPoP", {"jkt": holder.thumbprint})


async def test_without_a_proof_nothing_is_bound(flow: Any) -> None:
    answer = (await redeemed(flow, None)).json()
    assert (answer["token_type"], "cnf" in claims(answer["access_token"])) == ("Bearer", False)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"htm": "GET"}, "proof-for-other-request"),
        ({"htu": f"{ISSUER}/userinfo"}, "proof-for-other-request"),
        ({"iat": 1}, "proof-not-of-now"),
        ({"jti": None}, "proof-malformed"),
        ({"key": Holder().key}, "proof-bad-signature"),
        ({"header": {"jwk": dict(Holder().key.as_dict(private=True))}}, "proof-wrong-key"),
    ],
)
async def test_attack_49_a_wrong_proof_at_the_token_endpoint(flow: Any, holder: Holder, changed: Any, why: str) -> None:
    form = {"grant_type": "client_credentials", "scope": "system/*.rs"}
    answer = await asked(flow, holder.proof("POST", TOKEN, **changed), auth=INTEGRATOR, **form)
    assert reason(answer) == (400, "invalid_dpop_proof", f"the proof of possession is not accepted: {why}")
    assert (await asked(flow, holder.proof("POST", TOKEN), auth=INTEGRATOR, **form)).status_code == 200


async def test_attack_49_a_proof_is_good_once_and_of_eight_at_once_one_is(flow: Any, holder: Holder) -> None:
    form = {"grant_type": "client_credentials", "scope": "system/*.rs"}
    proof = holder.proof("POST", TOKEN)
    answers = await asyncio.gather(*(asked(flow, proof, auth=INTEGRATOR, **form) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7
    assert {answer.json().get("error") for answer in answers} == {None, "invalid_dpop_proof"}
    assert reason(await asked(flow, proof, auth=INTEGRATOR, **form))[2].endswith("proof-replayed")


async def test_used_proofs_are_forgotten_once_they_are_too_old(
    flow: Any, holder: Holder, authority: Any, clock: Any
) -> None:
    form = {"grant_type": "client_credentials", "scope": "system/*.rs"}
    for _ in range(3):
        await asked(flow, holder.proof("POST", TOKEN), auth=INTEGRATOR, **form)
        clock.advance(minutes=3)
    with authority.units.reading() as session:
        assert len(session.exec(select(SeenJti)).all()) == 1


async def test_attack_49_a_bound_refresh_token_without_its_key_burns_nothing(flow: Any, holder: Holder) -> None:
    token = (await redeemed(flow, holder.proof("POST", TOKEN))).json()["refresh_token"]
    for proof in (None, Holder(holder._clock).proof("POST", TOKEN)):
        answer = await refreshed(flow, token, proof)
        assert reason(answer) == (400, "invalid_grant", "the refresh token is bound to another key")
    assert (await refreshed(flow, token, holder.proof("POST", TOKEN))).status_code == 200


@pytest.mark.parametrize("pushed", [False, True])
async def test_attack_49_a_code_bound_to_a_key_by_another(flow: Any, holder: Holder, told: Any, pushed: bool) -> None:
    """https://www.rfc-editor.org/rfc/rfc9449#section-10"""

    async def code() -> str:
        if not pushed:
            return await code_of(flow, dpop_jkt=holder.thumbprint)
        proof = {"dpop": holder.proof("POST", f"{ISSUER}/par")}
        name = (await flow.browser.post("/par", data=flow.request(), headers=proof)).json()["request_uri"]
        return await code_of(flow, f"/authorize?client_id=app&request_uri={name}")

    form = {"redirect_uri": flow.request()["redirect_uri"], "code_verifier": flow.verifier, "client_id": "app"}
    for proof in (None, Holder(holder._clock).proof("POST", TOKEN)):
        answer = await asked(flow, proof, grant_type="authorization_code", code=await code(), **form)
        assert reason(answer) == (400, "invalid_grant", "the code is bound to another key")
    own = holder.proof("POST", TOKEN)
    assert (await asked(flow, own, grant_type="authorization_code", code=await code(), **form)).status_code == 200


async def test_attack_49_a_request_pushed_by_one_key_for_another(flow: Any, holder: Holder) -> None:
    proof = {"dpop": holder.proof("POST", f"{ISSUER}/par")}
    form = flow.request(dpop_jkt=Holder().thumbprint)
    assert reason(await flow.browser.post("/par", data=form, headers=proof))[2].endswith("proof-by-other-key")
    proof = {"dpop": holder.proof("POST", f"{ISSUER}/par")}
    form = flow.request(dpop_jkt=holder.thumbprint)
    assert (await flow.browser.post("/par", data=form, headers=proof)).status_code == 201


async def test_attack_49_a_client_bound_to_proofs_without_one(flow: Any, holder: Holder, authority: Any) -> None:
    with authority.units.unit() as session:
        session.get_one(Client, "app").bound_to_dpop = True
    assert reason(await redeemed(flow, None))[2].endswith("proof-absent")
    assert (await redeemed(flow, holder.proof("POST", TOKEN))).status_code == 200


async def test_attack_49_a_bound_token_at_the_apis_of_auth(flow: Any, holder: Holder) -> None:
    token = (await redeemed(flow, holder.proof("POST", TOKEN))).json()["access_token"]
    address = f"{ISSUER}/userinfo"
    stolen = await flow.browser.get("/userinfo", headers={"authorization": f"Bearer {token}"})
    assert (stolen.status_code, stolen.headers["www-authenticate"]) == (
        401,
        'DPoP realm="bedside", error="invalid_token", algs="ES256 ES384"',
    )
    headers = holder.headers("GET", address, token)
    statuses = [(await flow.browser.get("/userinfo", headers=headers)).status_code for _ in range(2)]
    assert statuses == [200, 401]
    other = await flow.browser.get("/userinfo", headers=Holder(holder._clock).headers("GET", address, token))
    assert 'error="invalid_' in other.headers["www-authenticate"]


async def test_introspection_says_to_which_key_a_token_is_bound(flow: Any, holder: Holder, authority: Any) -> None:
    form = {"grant_type": "client_credentials", "scope": "system/*.rs", "resource": "http://127.0.0.1:8001"}
    token = (await asked(flow, holder.proof("POST", TOKEN), auth=INTEGRATOR, **form)).json()["access_token"]
    answer = await flow.browser.post("/introspect", data={"token": token}, auth=("gateway", "gateway-secret"))
    told = answer.json()
    assert (told["active"], told["token_type"], told["cnf"]) == (True, "DPoP", {"jkt": holder.thumbprint})


async def test_a_bound_token_is_exchanged_for_one_that_the_service_takes(flow: Any, holder: Holder) -> None:
    """The gateway has seen the proof, at its own address; the key is not its own."""
    token = (await redeemed(flow, holder.proof("POST", TOKEN))).json()["access_token"]
    answer = (await flow.exchange(token)).json()
    assert (answer["token_type"], "cnf" in claims(answer["access_token"])) == ("Bearer", False)


async def test_what_auth_binds_a_service_admits_with_a_proof_and_not_without(
    flow: Any, holder: Holder, authority: Any, clock: Any
) -> None:
    async def fetch() -> Any:
        return authority.signer.jwks()

    guard = Guard(Verifier(ISSUER, {FHIR}, Keys(fetch, clock=clock), clock=clock, places=(("/fhir", FHIR),)))
    token = (await redeemed(flow, holder.proof("POST", TOKEN))).json()["access_token"]
    headers = holder.headers("GET", f"{FHIR}/Patient/p1", token)
    request = {
        "method": "GET",
        "path": "/fhir/Patient/p1",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    assert (await guard.admit(request)).caller.client_id == "app"


async def test_discovery_says_by_which_algorithms_proofs_are_made(server: Any) -> None:
    for document in ("oauth-authorization-server", "openid-configuration", "smart-configuration"):
        told = (await server.get(f"/.well-known/{document}")).json()
        assert told["dpop_signing_alg_values_supported"] == ["ES256", "ES384"]
        assert told["pushed_authorization_request_endpoint"] == f"{ISSUER}/par"
