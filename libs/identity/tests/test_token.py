"""What a service accepts as a token: each refusal with its reason, beside a token that differs in nothing else."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey

from bedside.identity import Caller, Keys, Permission, Refused, Verifier
from bedside.identity.testing import AUDIENCE, ISSUER, TestIssuer


class MovableClock:
    ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def issuer() -> TestIssuer:
    return TestIssuer()


async def reason(issuer: TestIssuer, token: str) -> str:
    with pytest.raises(Refused) as refused:
        await issuer.verifier().verify(token)
    return refused.value.reason


def encoded(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def test_a_good_token_is_accepted(issuer: TestIssuer) -> None:
    token = await issuer.verifier().verify(issuer.token("user/*.rs", subject="u1", client_id="app"))
    assert (token.subject, token.client_id, str(token.scopes)) == ("u1", "app", "user/*.rs")


NOW = int(datetime.now(UTC).timestamp())
# The tests are collected long before the last of them runs: this is ahead all the same.
LATER = NOW + 7200


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({"life_s": -61}, "expired", id="attack_75_a"),
        pytest.param({"life_s": -301}, "expired", id="attack_75_b"),
        pytest.param({"nbf": LATER}, "not-yet-valid", id="attack_05_a"),
        pytest.param({"iat": LATER, "exp": LATER + 300}, "issued-in-future", id="attack_05_b"),
        pytest.param({"iss": "http://127.0.0.1:8003/"}, "wrong-issuer", id="attack_06_a"),
        pytest.param({"audience": AUDIENCE[:-1]}, "wrong-audience", id="attack_06_b"),
        pytest.param({"audience": [AUDIENCE + "/", "http://127.0.0.1:8001"]}, "wrong-audience", id="attack_06_c"),
        pytest.param({"audience": []}, "missing-claim", id="attack_06_d"),
        pytest.param({"audience": [AUDIENCE, 1]}, "missing-claim", id="attack_06_e"),
        pytest.param({"exp": None}, "missing-claim", id="attack_08_a"),
        pytest.param({"exp": "tomorrow"}, "missing-claim", id="attack_08_b"),
        pytest.param({"exp": True}, "missing-claim", id="attack_08_c"),
        pytest.param({"exp": 1e300}, "malformed", id="attack_08_d"),
        pytest.param({"iat": None}, "missing-claim", id="attack_08_e"),
        pytest.param({"jti": None}, "missing-claim", id="attack_08_f"),
        pytest.param({"sid": None}, "missing-claim", id="attack_08_g"),
        pytest.param({"sub": ""}, "missing-claim", id="attack_08_h"),
        pytest.param({"client_id": None}, "missing-claim", id="attack_08_i"),
        pytest.param({"header": {"typ": "JWT"}}, "wrong-type", id="attack_07_a"),
        pytest.param({"header": {"typ": "logout+jwt"}}, "wrong-type", id="attack_07_b"),
        pytest.param({"header": {"kid": "unknown"}}, "unknown-key", id="attack_03_a"),
        pytest.param({"header": {"kid": "../../etc/passwd"}}, "unknown-key", id="attack_03_b"),
        pytest.param({"header": {"kid": "' OR 1=1 --"}}, "unknown-key", id="attack_03_c"),
        pytest.param({"header": {"kid": "k" * 5000}}, "unknown-key", id="attack_03_d"),
        pytest.param({"header": {"jku": "https://evil.example/jwks"}}, "unexpected-header", id="attack_04_a"),
        pytest.param({"header": {"x5u": "https://evil.example/"}}, "unexpected-header", id="attack_04_b"),
    ],
)
async def test_a_token_that_differs_in_one_thing_is_refused(issuer: TestIssuer, changed: Any, expected: str) -> None:
    assert await reason(issuer, issuer.token(**changed)) == expected
    await issuer.verifier().verify(issuer.token())


async def test_attack_75_a_minute_of_skew_is_tolerated_and_five_are_not(issuer: TestIssuer) -> None:
    await issuer.verifier().verify(issuer.token(life_s=-30))
    now = int(datetime.now(UTC).timestamp())
    await issuer.verifier().verify(issuer.token(nbf=now + 50, iat=now + 50, exp=now + 350))
    assert await reason(issuer, issuer.token(life_s=-300)) == "expired"
    assert await reason(issuer, issuer.token(iat=now + 400, exp=now + 700)) == "issued-in-future"


async def test_attack_01_and_02_another_algorithm_or_no_signature_is_refused(issuer: TestIssuer) -> None:
    good = issuer.token()
    claims = json.loads(base64.urlsafe_b64decode(good.split(".")[1] + "=="))
    head = {"typ": "at+jwt", "kid": "test-key"}
    assert await reason(issuer, f"{encoded({**head, 'alg': 'none'})}.{encoded(claims)}.") == "wrong-algorithm"
    public = OctKey.import_key(json.dumps(issuer.jwks()["keys"][0]))
    confused = jws.serialize_compact({**head, "alg": "HS256"}, json.dumps(claims), public, algorithms=["HS256"])
    assert await reason(issuer, confused) == "wrong-algorithm"
    head_part, claims_part, signature = good.split(".")
    assert await reason(issuer, f"{head_part}.{claims_part}.") == "bad-signature"
    assert (
        await reason(issuer, f"{head_part}.{encoded({**claims, 'scope': 'user/*.rs'})}.{signature}") == "bad-signature"
    )


async def test_another_key_under_the_same_name_is_refused(issuer: TestIssuer) -> None:
    assert await reason(issuer, TestIssuer().token()) == "bad-signature"


async def test_attack_04_a_key_in_the_token_is_not_looked_at(issuer: TestIssuer) -> None:
    own = ECKey.generate_key("P-256", private=True)
    assert await reason(issuer, issuer.token(header={"jwk": own.as_dict(private=False)})) == "unexpected-header"


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c.d", "é.é.é", "..", "e30.e30.e30=", "W10.e30.x", "[" * 7000])
async def test_what_is_no_token_is_malformed(issuer: TestIssuer, token: str) -> None:
    assert await reason(issuer, token) in {"malformed", "wrong-type"}


async def test_attack_09_a_name_that_appears_twice_is_malformed(issuer: TestIssuer) -> None:
    head, claims, signature = issuer.token().split(".")
    twice = encoded(b'{"alg":"ES256","alg":"none","typ":"at+jwt","kid":"test-key"}')
    assert await reason(issuer, f"{twice}.{claims}.{signature}") == "malformed"
    assert head


async def test_attack_10_a_megabyte_is_refused_unread(issuer: TestIssuer) -> None:
    assert await reason(issuer, "x" * 1_000_000) == "too-large"


async def test_a_token_seen_before_still_expires_and_is_revoked() -> None:
    clock = MovableClock()
    issuer = TestIssuer(clock=clock)
    verifier, token, other = issuer.verifier(), issuer.token(jti="t1"), issuer.token(jti="t2")
    await verifier.verify(token)
    await verifier.verify(other)
    issuer.denylist.refuse("token", "t1")
    with pytest.raises(Refused, match="revoked"):
        await verifier.verify(token)
    await verifier.verify(other)
    clock.ahead = timedelta(minutes=6, seconds=1)
    with pytest.raises(Refused, match="expired"):
        await verifier.verify(other)


@pytest.mark.parametrize(("kind", "value"), [("token", "t1"), ("session", "s1"), ("client", "c1"), ("user", "u1")])
async def test_whatever_is_denied_is_refused_until_it_is_issued_anew(kind: Any, value: str) -> None:
    clock = MovableClock()
    issuer = TestIssuer(clock=clock)
    named: Any = {"jti": "t1", "sid": "s1", "client_id": "c1", "subject": "u1"}
    issuer.denylist.refuse(kind, value)
    assert await reason(issuer, issuer.token(**named)) == "revoked"
    clock.ahead = timedelta(seconds=2)
    await issuer.verifier().verify(issuer.token(**named))


async def test_attack_11_unknown_keys_are_asked_for_once_an_interval(issuer: TestIssuer) -> None:
    asked = 0

    async def fetch() -> Any:
        nonlocal asked
        asked += 1
        return issuer.jwks()

    verifier = Verifier(ISSUER, {AUDIENCE}, Keys(fetch))
    for number in range(20):
        with pytest.raises(Refused, match="unknown-key"):
            await verifier.verify(issuer.token(header={"kid": f"k{number}"}))
    await verifier.verify(issuer.token())
    assert asked == 1


async def test_known_keys_go_on_verifying_while_auth_is_away(issuer: TestIssuer) -> None:
    answers = [issuer.jwks()]

    async def fetch() -> Any:
        if not answers:
            raise OSError("away")
        return answers.pop()

    keys = Keys(fetch)
    await Verifier(ISSUER, {AUDIENCE}, keys).verify(issuer.token())
    await keys.reload()
    await Verifier(ISSUER, {AUDIENCE}, keys).verify(issuer.token())


async def test_a_wildcard_is_bounded_by_the_role(issuer: TestIssuer) -> None:
    caller = await issuer.caller("user/*.cruds", roles=["frontdesk"])
    assert caller.may("u", "Patient")
    assert not caller.may("r", "Observation")
    assert not caller.may("r", "Encounter")
    assert not (await issuer.caller("user/*.cruds", roles=["admin"])).may("r", "Patient")
    assert not (await issuer.caller("user/*.cruds", roles=["unheard-of"])).may("r", "Patient")


async def test_a_patient_is_confined_to_their_own_compartment(issuer: TestIssuer) -> None:
    caller = await issuer.caller("patient/*.cruds", roles=["patient"], patient="p1")
    assert caller.permissions("r", "Observation") == (Permission("p1"),)
    assert not caller.may("u", "Observation")
    assert not (await issuer.caller("patient/*.rs", roles=["patient"])).may("r", "Observation")


async def test_who_holds_a_wider_scope_for_a_type_is_unconfined_in_it_alone(issuer: TestIssuer) -> None:
    caller = await issuer.caller("patient/*.rs user/Patient.rs", roles=["physician"], patient="p1")
    assert (caller.permissions("r", "Patient"), caller.permissions("r", "Observation")) == (
        (Permission(),),
        (Permission("p1"),),
    )


async def test_scopes_narrowed_by_a_query_are_alternatives_each_in_its_context(issuer: TestIssuer) -> None:
    scope = "patient/Observation.rs?category=laboratory user/Observation.rs?code=1&status=final,amended"
    caller = await issuer.caller(scope, roles=["physician"], patient="p1")
    assert caller.may("r", "Observation")
    assert set(caller.permissions("r", "Observation")) == {
        Permission("p1", frozenset({("category", frozenset({"laboratory"}))})),
        Permission(None, frozenset({("code", frozenset({"1"})), ("status", frozenset({"final", "amended"}))})),
    }
    assert not caller.may("u", "Observation")


async def test_a_program_is_bounded_by_its_scope_alone(issuer: TestIssuer) -> None:
    caller: Caller = await issuer.caller("system/*.rs")
    assert (caller.may("r", "Patient"), caller.may("c", "Patient"), caller.may("r", "AuditEvent")) == (
        True,
        False,
        False,
    )


def test_every_role_of_the_table_that_writes_may_say_where_from() -> None:
    from bedside.identity import ROLES

    for role in ROLES.values():
        writes = any(
            role.scopes.allows(letter, name) for letter in "cu" for name in ("Observation", "Patient", "Claim")
        )
        if writes:
            assert role.scopes.allows("c", "Provenance"), role.name
