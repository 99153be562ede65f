"""Attacks on token exchange (48). https://www.rfc-editor.org/rfc/rfc8693"""

from typing import Any

import jwt as pyjwt
import pytest

from bedside.auth.directory import keep_client, user_named
from bedside.auth.revocation import deactivate_user
from bedside.auth.tables import Client
from bedside.identity.exchange import ACCESS_TOKEN, GRANT_TYPE
from bedside.identity.testing import Holder

PATIENTS, ENCOUNTERS = "http://127.0.0.1:8001", "http://127.0.0.1:8002"
TOKEN = "http://127.0.0.1:8003/token"
NOT_FOR = "this client may not exchange for that audience"


def reason(answer: Any) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["error"], answer.json()["error_description"]


def claims(answer: Any) -> Any:
    assert answer.status_code == 200, answer.text
    return pyjwt.decode(answer.json()["access_token"], options={"verify_signature": False})


async def exchanged_by(flow: Any, client_id: str, subject: str, audience: str, proof: str | None = None) -> Any:
    form = {"grant_type": GRANT_TYPE, "subject_token": subject, "subject_token_type": ACCESS_TOKEN}
    headers = {"dpop": proof} if proof else None
    return await flow.browser.post(
        "/token", data=form | {"audience": audience}, auth=(client_id, f"{client_id}-secret"), headers=headers
    )


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"scope": "user/*.cruds"}, ("invalid_scope", "more was asked for than the subject token holds")),
        ({"scope": "system/*.rs"}, ("invalid_scope", "more was asked for than the subject token holds")),
        ({"scope": "users.manage"}, ("invalid_scope", "more was asked for than the subject token holds")),
        ({"audience": "http://127.0.0.1:9999"}, ("invalid_target", NOT_FOR)),
        (
            {"audience": f"{PATIENTS}.evil.example"},
            ("invalid_target", NOT_FOR),
        ),
        ({"audience": None}, ("invalid_request", "audience is missing")),
        ({"subject_token": "x.y.z"}, ("invalid_grant", "the subject token is not accepted")),
        ({"subject_token": None}, ("invalid_request", "subject_token is missing")),
        ({"subject_token_type": None}, ("invalid_request", "subject_token_type is missing")),
        (
            {"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"},
            ("invalid_request", "only access tokens are exchanged"),
        ),
        (
            {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
            ("invalid_request", "only access tokens are issued"),
        ),
        ({"actor_token": "x"}, ("invalid_request", "the actor is the authenticated client; actor_token is not used")),
    ],
)
async def test_attack_48_an_exchange_that_asks_for_more(flow: Any, changed: Any, expected: Any) -> None:
    subject = (await flow.tokens())["access_token"]
    assert reason(await flow.exchange(subject, **changed)) == (400, *expected)
    told = claims(await flow.exchange(subject))
    assert (told["aud"], told["act"], told["scope"]) == (
        PATIENTS,
        {"sub": "gateway"},
        "openid fhirUser online_access user/*.rs",
    )


@pytest.mark.parametrize("kind", ["revoked", "session over", "user disabled", "client disabled", "expired"])
async def test_attack_48_a_dead_subject(flow: Any, server: Any, authority: Any, clock: Any, kind: str) -> None:
    tokens = await flow.tokens()
    assert claims(await flow.exchange(tokens["access_token"]))["aud"] == PATIENTS
    if kind in ("revoked", "session over"):
        dead = tokens["access_token" if kind == "revoked" else "refresh_token"]
        await server.post("/revoke", data={"token": dead, "client_id": "app"})
    elif kind == "expired":
        clock.advance(minutes=5, seconds=1)
    else:
        with authority.units.unit() as session:
            if kind == "user disabled":
                deactivate_user(authority, session, user_named(session, "physician"))
            else:
                session.get_one(Client, "app").active = False
    answer = reason(await flow.exchange(tokens["access_token"]))
    assert answer[:2] == (400, "invalid_grant")
    assert answer[2] == ("the subject token has expired" if kind == "expired" else "the subject token is not accepted")


async def test_attack_48_an_id_token_or_a_token_for_somebody_else(flow: Any) -> None:
    tokens = await flow.tokens()
    not_accepted = (400, "invalid_grant", "the subject token is not accepted")
    assert reason(await flow.exchange(tokens["id_token"])) == not_accepted
    assert reason(await flow.exchange(tokens["refresh_token"])) == not_accepted
    once = await flow.exchange(tokens["access_token"])
    # A token for the patients service is not the gateway's to pass on.
    assert reason(await flow.exchange(once.json()["access_token"])) == not_accepted


async def test_attack_48_a_long_chain_of_actors(flow: Any) -> None:
    once = (await flow.exchange((await flow.tokens())["access_token"])).json()["access_token"]
    twice = await exchanged_by(flow, "patients", once, ENCOUNTERS)
    assert claims(twice)["act"] == {"sub": "patients", "act": {"sub": "gateway"}}
    thrice = await exchanged_by(flow, "encounters", twice.json()["access_token"], PATIENTS)
    assert reason(thrice) == (400, "invalid_request", "the chain of actors is too long")


async def test_attack_48_a_client_without_the_grant(flow: Any) -> None:
    subject = (await flow.tokens())["access_token"]
    not_registered = (400, "unauthorized_client", "this client is not registered for this grant")
    assert reason(await exchanged_by(flow, "integrator", subject, PATIENTS)) == not_registered
    form = {"grant_type": GRANT_TYPE, "subject_token": subject, "subject_token_type": ACCESS_TOKEN}
    public = await flow.browser.post("/token", data=form | {"audience": PATIENTS, "client_id": "app"})
    assert reason(public) == not_registered
    assert claims(await exchanged_by(flow, "gateway", subject, PATIENTS))["act"] == {"sub": "gateway"}


async def test_attack_48_an_exchanged_token_does_not_outlive_its_subject(flow: Any, clock: Any) -> None:
    subject = (await flow.tokens())["access_token"]
    ends_at = pyjwt.decode(subject, options={"verify_signature": False})["exp"]
    clock.advance(minutes=4)
    answer = await flow.exchange(subject)
    assert claims(answer)["exp"] == ends_at
    assert 55 <= answer.json()["expires_in"] <= 60


async def test_attack_48_a_bound_token_by_a_client_that_is_no_service(flow: Any, authority: Any, clock: Any) -> None:
    with authority.units.unit() as session:
        keep_client(
            session, "report", name="Report", secret="report-secret", grant_types=[GRANT_TYPE], scope="", audiences=[],
            exchange_audiences=[PATIENTS],
        )  # fmt: skip
    holder = Holder(clock)
    code = {"code": await flow.code(), "redirect_uri": flow.request()["redirect_uri"]}
    form = {"grant_type": "authorization_code", "client_id": "app", "code_verifier": flow.verifier} | code
    proof = {"dpop": holder.proof("POST", TOKEN)}
    subject = (await flow.browser.post("/token", data=form, headers=proof)).json()["access_token"]
    refused = await exchanged_by(flow, "report", subject, PATIENTS)
    assert reason(refused) == (400, "invalid_grant", "the subject token is bound to another key")
    told = claims(await exchanged_by(flow, "report", subject, PATIENTS, holder.proof("POST", TOKEN)))
    assert told["cnf"] == {"jkt": holder.thumbprint}
